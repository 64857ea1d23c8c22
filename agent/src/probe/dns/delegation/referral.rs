//! What a server of a parent zone says of the zone below: a referral with its glue, or, where it
//! serves that zone itself, an answer (RFC 1034 §4.3.2). Pure.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData};

use super::{MOST_ADDRESSES, MOST_NAMESERVERS};
use crate::probe::dns::values::render_name;

/// A zone's nameservers in one server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::probe::dns) struct Referral {
    /// By name, in order.
    pub(in crate::probe::dns) servers: Vec<Glued>,
    /// It was answered from the zone itself: the server serves both, and what the parent holds
    /// cannot be told.
    pub(in crate::probe::dns) is_from_zone: bool,
    /// Seconds, the least of its records.
    pub(in crate::probe::dns) ttl: u32,
}

/// A nameserver with the addresses that came along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::probe::dns) struct Glued {
    /// Lower case, without the final dot.
    pub(in crate::probe::dns) name: Arc<str>,
    /// Sorted.
    pub(in crate::probe::dns) glue: Vec<IpAddr>,
}

/// What one of the parent's servers said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::probe::dns) enum Said {
    /// Who serves the zone.
    Referral(Referral),
    /// There is no such zone: `NXDOMAIN` or `NODATA`.
    Denied(&'static str),
    /// Nothing that a server of the parent would say.
    Lame(String),
    /// No usable answer.
    Lost(&'static str),
}

impl Referral {
    /// The names, sorted.
    pub(in crate::probe::dns) fn names(&self) -> Vec<String> {
        self.servers.iter().map(|server| server.name.to_string()).collect()
    }

    /// The same servers at the same addresses, whatever their TTL.
    pub(in crate::probe::dns) fn is_same(&self, other: &Self) -> bool {
        self.servers == other.servers
    }

    /// Reads what is said of `zone`; glue counts only for names at or below `above`, the zone that
    /// the server was asked as a server of (RFC 2181 §5.4.1).
    pub(super) fn read(zone: &Name, above: &Name, message: &Message) -> Option<Self> {
        let records = message.answers.iter().chain(&message.authorities);
        let mut names: Vec<(&Name, u32)> = records
            .filter(|record| record.name.eq_ignore_root(zone))
            .filter_map(|record| match &record.data {
                RData::NS(server) => Some((&server.0, record.ttl)),
                _ => None,
            })
            .collect();
        let mut ttl = names.iter().map(|&(_, ttl)| ttl).min()?;
        names.truncate(MOST_NAMESERVERS);
        let mut servers: Vec<Glued> = names
            .into_iter()
            .map(|(name, _)| {
                let (glue, least) = match above.zone_of(name) {
                    true => glue(name, message),
                    false => (Vec::new(), None),
                };
                ttl = ttl.min(least.unwrap_or(ttl));
                Glued { name: render_name(name).into(), glue }
            })
            .collect();
        servers.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        servers.dedup();
        Some(Self { servers, is_from_zone: message.metadata.authoritative, ttl })
    }
}

impl Said {
    /// Makes sense of an answer to the question for the zone's NS.
    pub(super) fn of(zone: &Name, above: &Name, message: &Message) -> Self {
        if let Some(referral) = Referral::read(zone, above, message) {
            return Self::Referral(referral);
        }
        let is_authoritative = message.metadata.authoritative;
        match message.metadata.response_code {
            ResponseCode::NXDomain if is_authoritative => Self::Denied("NXDOMAIN"),
            ResponseCode::NoError if is_authoritative => Self::Denied("NODATA"),
            ResponseCode::NoError => Self::Lame("no referral".to_owned()),
            ResponseCode::NXDomain => Self::Lame("NXDOMAIN without authority".to_owned()),
            other => Self::Lame(other.to_str().to_owned()),
        }
    }
}

/// The addresses of a name in the additional section, and the least of their TTLs.
fn glue(name: &Name, message: &Message) -> (Vec<IpAddr>, Option<u32>) {
    let records = message.additionals.iter().filter(|record| record.name.eq_ignore_root(name));
    let addresses = records.filter_map(|record| match &record.data {
        RData::A(address) => Some((IpAddr::from(address.0), record.ttl)),
        RData::AAAA(address) => Some((IpAddr::from(address.0), record.ttl)),
        _ => None,
    });
    let (mut addresses, ttls): (Vec<IpAddr>, Vec<u32>) = addresses.unzip();
    addresses.sort_unstable();
    addresses.dedup();
    addresses.truncate(MOST_ADDRESSES);
    (addresses, ttls.into_iter().min())
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use hickory_proto::op::{MessageType, OpCode};
    use hickory_proto::rr::{Record, rdata};

    use super::*;

    fn name(text: &str) -> Name {
        Name::from_ascii(text).unwrap()
    }

    fn message(code: ResponseCode, is_authoritative: bool) -> Message {
        let mut message = Message::new(1, MessageType::Response, OpCode::Query);
        message.metadata.response_code = code;
        message.metadata.authoritative = is_authoritative;
        message
    }

    fn ns(owner: &str, ttl: u32, server: &str) -> Record {
        Record::from_rdata(name(owner), ttl, RData::NS(rdata::NS(name(server))))
    }

    fn a(owner: &str, ttl: u32, ip: [u8; 4]) -> Record {
        Record::from_rdata(name(owner), ttl, RData::A(rdata::A(Ipv4Addr::from(ip))))
    }

    fn said(message: &Message) -> Said {
        Said::of(&name("shop.example."), &name("example."), message)
    }

    #[test]
    fn glue_counts_only_within_the_parent() {
        let mut message = message(ResponseCode::NoError, false);
        message.add_authorities([
            ns("Shop.EXAMPLE.", 3600, "NS2.shop.example."),
            ns("shop.example.", 3600, "ns1.shop.example."),
            ns("shop.example.", 3600, "ns.elsewhere.test."),
            ns("other.example.", 1, "ns.other.example."),
        ]);
        message.add_additionals([
            a("ns1.SHOP.example.", 600, [192, 0, 2, 1]),
            a("ns1.shop.example.", 900, [192, 0, 2, 1]),
            a("ns.elsewhere.test.", 5, [192, 0, 2, 66]),
            a("www.shop.example.", 5, [192, 0, 2, 67]),
        ]);
        let Said::Referral(referral) = said(&message) else { panic!("a referral") };
        assert_eq!(referral.names(), ["ns.elsewhere.test", "ns1.shop.example", "ns2.shop.example"]);
        assert!(referral.servers[0].glue.is_empty());
        assert_eq!(referral.servers[1].glue, [IpAddr::from([192, 0, 2, 1])]);
        assert!(!referral.is_from_zone);
        assert_eq!(referral.ttl, 600);
    }

    #[test]
    fn what_is_no_referral_is_told_apart() {
        let table = [
            (message(ResponseCode::NXDomain, true), Said::Denied("NXDOMAIN")),
            (message(ResponseCode::NoError, true), Said::Denied("NODATA")),
            (message(ResponseCode::NoError, false), Said::Lame("no referral".to_owned())),
            (
                message(ResponseCode::NXDomain, false),
                Said::Lame("NXDOMAIN without authority".to_owned()),
            ),
            (message(ResponseCode::Refused, false), Said::Lame("Query Refused".to_owned())),
        ];
        for (message, expected) in table {
            assert_eq!(said(&message), expected);
        }
        let mut own = message(ResponseCode::NoError, true);
        own.add_answer(ns("shop.example.", 60, "ns1.shop.example."));
        assert!(matches!(said(&own), Said::Referral(referral) if referral.is_from_zone));
    }
}
