//! A zone on its servers: what each of them said to each question.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::DnssecFacts;

mod flags;

pub use flags::Flags;

/// The port that needs no mention.
const USUAL_PORT: u16 = 53;

/// A zone as its servers answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DnsFacts {
    /// The zone, lower case, without the final dot.
    pub zone: Arc<str>,
    /// Every address that was asked; cells refer to them by index.
    pub servers: Vec<ServerFacts>,
    /// Every planned record.
    pub records: Vec<RecordFacts>,
    /// What DNSSEC makes of the zone; `None` where the plan has it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnssec: Option<Box<DnssecFacts>>,
}

/// One address of one nameserver or resolver.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// Name as delegated or as in the plan.
    pub name: Arc<str>,
    /// The address asked; `None` when the name did not resolve.
    pub address: Option<SocketAddr>,
    /// A cache named in the plan rather than an authoritative server.
    pub is_resolver: bool,
    /// A server of the zone above: asked for this zone's own DS, and for nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_above: bool,
    /// SOA serial it answered with.
    pub serial: Option<u32>,
    /// Answered at least one query.
    pub reachable: bool,
    /// Median round trip of its answers, seconds.
    pub rtt_seconds: Option<f64>,
    /// Sections of the SOA answer: ANSWER, AUTHORITY, ADDITIONAL counts.
    pub counts: [u16; 3],
    /// Who it says it is, where it tells (RFC 5001), printable and bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsid: Option<Arc<str>>,
    /// Questions put to it by this probe.
    #[serde(default)]
    pub asked: u32,
    /// Those of them that had to be sent again.
    #[serde(default)]
    pub repeated: u32,
    /// Those of them that it left without a usable answer.
    #[serde(default)]
    pub lost: u32,
}

/// One planned record on every server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordFacts {
    /// Fully qualified, lower case, without the final dot.
    pub name: Arc<str>,
    /// `A`, `TXT`, ….
    pub record_type: Arc<str>,
    /// What the plan says, for people: the values, or `absent`.
    pub expected: Arc<str>,
    /// One answer per server asked.
    pub answers: Vec<AnswerFacts>,
}

/// One server's answer for one record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerFacts {
    /// Index into [`DnsFacts::servers`].
    pub server: usize,
    /// `values`, `nodata`, `nxdomain`, `refused`, `servfail`, `timeout`, `not-authoritative`, ….
    pub outcome: Cow<'static, str>,
    /// The values, in presentation format, sorted; servers that say the same share them.
    pub values: Arc<Vec<String>>,
    /// Lowest TTL of the answer, seconds.
    pub ttl: Option<u32>,
    /// Header flags that were set.
    pub flags: Flags,
    /// Round trip, seconds.
    pub rtt_seconds: Option<f64>,
    /// Came over TCP.
    pub over_tcp: bool,
    /// Holds what the plan says.
    pub matches: bool,
    /// Records in its ANSWER, AUTHORITY and ADDITIONAL sections.
    #[serde(default)]
    pub counts: [u16; 3],
    /// When a cache must have let go of it; `None`: it is no cache's, or tells no TTL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// What a server is asked as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// One of the zone's own nameservers.
    Authority,
    /// One of those of the zone above, which has the zone's own DS.
    Parent,
    /// A resolver that the plan names.
    Cache,
}

impl ServerFacts {
    /// What it is asked as.
    #[must_use]
    pub fn part(&self) -> Part {
        match (self.is_resolver, self.is_above) {
            (true, _) => Part::Cache,
            (false, true) => Part::Parent,
            (false, false) => Part::Authority,
        }
    }

    /// Name and address for people and labels, the port where it is unusual:
    /// `ns1.host.example (192.0.2.1)`.
    #[must_use]
    pub fn label(&self) -> String {
        let Some(address) = self.address else { return self.name.to_string() };
        let at = match address.port() {
            USUAL_PORT => address.ip().to_string(),
            _ => address.to_string(),
        };
        if *self.name == *at || *self.name == *address.to_string() {
            at
        } else {
            format!("{} ({at})", self.name)
        }
    }
}

impl AnswerFacts {
    /// The server made a statement about the name, right or wrong.
    #[must_use]
    pub fn is_statement(&self) -> bool {
        let stated =
            ["values", "nodata", "nxdomain", "cname", "cname-loop", "dangling", "delegated"];
        stated.contains(&&*self.outcome)
    }

    /// The response code of its header, as `dig` writes it; `None` where there is no usable answer,
    /// or the outcome leaves it open.
    #[must_use]
    pub fn rcode(&self) -> Option<String> {
        match &*self.outcome {
            "values" | "nodata" | "cname" | "cname-loop" | "delegated" => {
                Some("NOERROR".to_owned())
            }
            "nxdomain" | "dangling" => Some("NXDOMAIN".to_owned()),
            code @ ("formerr" | "servfail" | "notimp" | "refused" | "notauth") => {
                Some(code.to_uppercase())
            }
            other => other.strip_prefix("rcode-").map(|number| format!("RCODE {number}")),
        }
    }

    /// When a cache must have let go of it, if it was asked at that moment.
    #[must_use]
    pub fn expiry(&self, asked_at: Timestamp) -> Option<Timestamp> {
        let by_ttl = || {
            let ttl = SignedDuration::from_secs(self.ttl?.into());
            asked_at.checked_add(ttl).ok()
        };
        self.expires_at.or_else(by_ttl)
    }
}

impl RecordFacts {
    /// The command that puts the question for this record to that server again; `None` where the
    /// server has no address.
    #[must_use]
    pub fn dig(&self, server: &ServerFacts) -> Option<String> {
        let address = server.address?;
        let mut command = format!("dig @{}", address.ip());
        if address.port() != USUAL_PORT {
            command += &format!(" -p {}", address.port());
        }
        if !server.is_resolver {
            command += " +norecurse";
        }
        if server.nsid.is_some() {
            command += " +nsid";
        }
        Some(format!("{command} {} {}", quoted(&self.name), self.record_type))
    }
}

/// A name as a shell passes it on unchanged.
fn quoted(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.chars().all(is_plain) && !name.starts_with('-') {
        name.to_owned()
    } else {
        format!("-q '{}'", name.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_question_by_hand() {
        let cases = [
            (
                "192.0.2.1:53",
                false,
                "www.shop.example",
                "dig @192.0.2.1 +norecurse www.shop.example A",
            ),
            ("[::1]:5353", true, "*.shop.example", "dig @::1 -p 5353 -q '*.shop.example' A"),
            ("192.0.2.1:53", true, "-x.'$(id)", "dig @192.0.2.1 -q '-x.'\\''$(id)' A"),
        ];
        for (address, is_resolver, name, command) in cases {
            let server = ServerFacts {
                address: Some(address.parse().unwrap()),
                is_resolver,
                ..ServerFacts::default()
            };
            let record = RecordFacts {
                name: name.into(),
                record_type: "A".into(),
                ..RecordFacts::default()
            };
            assert_eq!(record.dig(&server).as_deref(), Some(command));
        }
    }

    #[test]
    fn a_header_code_follows_from_the_outcome() {
        let cases = [
            ("values", Some("NOERROR")),
            ("dangling", Some("NXDOMAIN")),
            ("refused", Some("REFUSED")),
            ("rcode-23", Some("RCODE 23")),
            ("timeout", None),
            ("not-authoritative", None),
        ];
        for (outcome, code) in cases {
            let answer = AnswerFacts { outcome: outcome.into(), ..AnswerFacts::default() };
            assert_eq!(answer.rcode().as_deref(), code);
        }
    }

    #[test]
    fn what_is_told_of_an_end_goes_before_what_is_reckoned() {
        let at = Timestamp::UNIX_EPOCH;
        let told = at + SignedDuration::from_secs(7);
        let mut answer = AnswerFacts { ttl: Some(60), ..AnswerFacts::default() };
        assert_eq!(answer.expiry(at), Some(at + SignedDuration::from_secs(60)));
        answer.expires_at = Some(told);
        assert_eq!(answer.expiry(at), Some(told));
        assert_eq!(AnswerFacts::default().expiry(at), None);
    }
}
