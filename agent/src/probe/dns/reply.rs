//! What one server said to one question, sorted into the few outcomes that judgement knows.
//! Deliberately absent: sockets, and the plan.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};

use super::exchange::{Arrival, Loss};
use super::question::{Question, Role};
use super::values::{render, render_name};
use crate::net::printed;

/// The longest chain of CNAMEs that is followed within one answer.
const MOST_ALIASES: usize = 16;
/// Values of one answer, rendered, are kept up to this; a message of the greatest length with
/// values that make sense stays below.
const MOST_RENDERED_BYTES: usize = 128 * 1024;
/// Characters of an instance's name; real ones are host names.
const LONGEST_NSID: usize = 128;

/// One server's answer to one question, or why there is none.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) outcome: Outcome,
    /// Where the name's own CNAME points, if it has one.
    pub(super) alias: Option<String>,
    /// Where its CNAMEs leave the zone, if they do: the first name that is not this server's.
    pub(super) outside: Option<Name>,
    /// Lowest TTL on the way to the answer, or of the negative answer (RFC 2308 §5), seconds.
    pub(super) ttl: Option<u32>,
    pub(super) flags: Vec<&'static str>,
    pub(super) rtt: Option<Duration>,
    pub(super) over_tcp: bool,
    /// Sent again because nothing came back at first.
    pub(super) repeated: bool,
    /// ANSWER, AUTHORITY, ADDITIONAL.
    pub(super) counts: [u16; 3],
    /// Of the SOA, where that was asked for.
    pub(super) serial: Option<u32>,
    /// Which of the server's instances answered, as it says itself (RFC 5001), printable.
    pub(super) nsid: Option<Arc<str>>,
}

/// What a reply comes down to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Records of the type asked for, rendered and sorted, perhaps at the end of CNAMEs.
    Values(Vec<String>),
    /// A CNAME that leads out of what this server serves.
    Alias(String),
    /// CNAMEs that come back to where they were, in the order they were followed.
    Loop(Vec<String>),
    /// A CNAME to this name, which does not exist.
    Dangling(String),
    /// The name exists without such a record.
    Nodata,
    /// No such name.
    Nxdomain,
    /// The name lies in a child zone that these servers serve.
    Delegated(Vec<String>),
    /// An answer without AA.
    NotAuthoritative,
    /// Sent elsewhere, to the servers of this zone: the server does not know the one asked about.
    Upward(String),
    /// An error code, as a label in lower case.
    Failed(Cow<'static, str>),
    /// No usable answer.
    Lost(Loss),
}

impl Outcome {
    /// The name used in facts.
    pub(super) fn label(&self) -> Cow<'static, str> {
        let label = match self {
            Self::Values(_) => "values",
            Self::Alias(_) => "cname",
            Self::Loop(_) => "cname-loop",
            Self::Dangling(_) => "dangling",
            Self::Nodata => "nodata",
            Self::Nxdomain => "nxdomain",
            Self::Delegated(_) => "delegated",
            Self::NotAuthoritative | Self::Upward(_) => "not-authoritative",
            Self::Failed(label) => return label.clone(),
            Self::Lost(loss) => loss.label(),
        };
        label.into()
    }

    /// The server made a statement about the name, right or wrong.
    pub(super) fn is_statement(&self) -> bool {
        !matches!(self, Self::NotAuthoritative | Self::Upward(_) | Self::Failed(_) | Self::Lost(_))
    }

    /// What to show as the answer's values.
    pub(super) fn values(&self) -> &[String] {
        match self {
            Self::Values(values) | Self::Loop(values) | Self::Delegated(values) => values,
            Self::Alias(target) | Self::Dangling(target) => std::slice::from_ref(target),
            _ => &[],
        }
    }
}

impl Reply {
    /// Makes sense of what came back from a server of `zone`, or from a resolver.
    pub(super) fn of(
        arrival: Result<Arrival, Loss>,
        question: &Question,
        role: Role,
        zone: &Name,
    ) -> Self {
        let arrival = match arrival {
            Ok(arrival) => arrival,
            Err(loss) => return Self::lost(loss),
        };
        let message = &arrival.message;
        let count = |records: &Vec<Record>| u16::try_from(records.len()).unwrap_or(u16::MAX);
        let mut chain = Chain::follow(message, question);
        let outcome = outcome(message, question, role, zone, &mut chain);
        let ttl = match &outcome {
            Outcome::Nodata | Outcome::Nxdomain => {
                chain.ttl.into_iter().chain(negative_ttl(message)).min()
            }
            _ => chain.ttl,
        };
        Self {
            alias: chain.aliases.get(1).map(|target| render_name(target)),
            outside: match &outcome {
                Outcome::Alias(_) => Some(absolute(chain.end(question))),
                _ => None,
            },
            outcome,
            ttl,
            flags: flags(message),
            rtt: Some(arrival.rtt),
            over_tcp: arrival.over_tcp,
            repeated: arrival.repeated,
            counts: [
                count(&message.answers),
                count(&message.authorities),
                count(&message.additionals).saturating_add(u16::from(message.edns.is_some())),
            ],
            serial: chain.serial,
            nsid: nsid(message),
        }
    }

    /// No usable answer.
    pub(super) fn lost(loss: Loss) -> Self {
        Self {
            outcome: Outcome::Lost(loss),
            alias: None,
            outside: None,
            ttl: None,
            flags: Vec::new(),
            rtt: None,
            over_tcp: false,
            repeated: false,
            counts: [0; 3],
            serial: None,
            nsid: None,
        }
    }
}

/// The way through an answer section: CNAMEs, then the records asked for.
struct Chain<'a> {
    /// The name asked for, then every CNAME's target.
    aliases: Vec<&'a Name>,
    is_loop: bool,
    values: Vec<String>,
    ttl: Option<u32>,
    serial: Option<u32>,
}

impl<'a> Chain<'a> {
    fn follow(message: &'a Message, question: &'a Question) -> Self {
        let mut chain = Self {
            aliases: vec![&question.name],
            is_loop: false,
            values: Vec::new(),
            ttl: None,
            serial: None,
        };
        let mut rendered_bytes = 0;
        while let Some(&here) = chain.aliases.last() {
            let mut next = None;
            let of_name = message.answers.iter().filter(|record| {
                record.dns_class == DNSClass::IN && record.name.eq_ignore_root(here)
            });
            for record in of_name {
                if record.record_type() == question.record_type {
                    if rendered_bytes > MOST_RENDERED_BYTES {
                        break;
                    }
                    let value = render(&record.data);
                    rendered_bytes += value.len();
                    chain.values.push(value);
                    if let RData::SOA(soa) = &record.data {
                        chain.serial = Some(soa.serial);
                    }
                } else if let RData::CNAME(target) = &record.data {
                    next = Some(&target.0);
                } else {
                    continue;
                }
                chain.ttl = Some(chain.ttl.map_or(record.ttl, |lowest| lowest.min(record.ttl)));
            }
            let Some(target) = next.filter(|_| chain.values.is_empty()) else { break };
            chain.is_loop = chain.aliases.iter().any(|seen| seen.eq_ignore_root(target))
                || chain.aliases.len() > MOST_ALIASES;
            chain.aliases.push(target);
            if chain.is_loop {
                break;
            }
        }
        chain.values.sort_unstable();
        chain.values.dedup();
        if question.record_type == RecordType::CNAME
            && chain.values.contains(&render_name(&question.name))
        {
            chain.is_loop = true;
            chain.aliases.push(&question.name);
        }
        chain
    }

    fn end(&self, question: &'a Question) -> &'a Name {
        self.aliases.last().copied().unwrap_or(&question.name)
    }
}

fn outcome(
    message: &Message,
    question: &Question,
    role: Role,
    zone: &Name,
    chain: &mut Chain<'_>,
) -> Outcome {
    let code = message.metadata.response_code;
    if !matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
        return Outcome::Failed(code_label(code));
    }
    if role == Role::Authoritative && !message.metadata.authoritative {
        return without_authority(message, question, zone);
    }
    if chain.is_loop {
        return Outcome::Loop(chain.aliases.iter().map(|name| render_name(name)).collect());
    }
    if !chain.values.is_empty() {
        return Outcome::Values(std::mem::take(&mut chain.values));
    }
    let is_alias = chain.aliases.len() > 1;
    let end = chain.end(question);
    let first = || chain.aliases.get(1).map(|name| render_name(name)).unwrap_or_default();
    let is_answerable = role == Role::Resolver || zone.zone_of(end);
    match code {
        ResponseCode::NXDomain if is_alias && is_answerable => Outcome::Dangling(render_name(end)),
        _ if is_alias && !(is_answerable && (role == Role::Resolver || has_soa(message))) => {
            Outcome::Alias(first())
        }
        ResponseCode::NXDomain => Outcome::Nxdomain,
        _ => Outcome::Nodata,
    }
}

/// A referral says where the server thinks the answer is; anything else without AA is a cache's.
fn without_authority(message: &Message, question: &Question, zone: &Name) -> Outcome {
    let referral = message.authorities.iter().find(|record| record.record_type() == RecordType::NS);
    let Some(owner) = referral.filter(|_| message.answers.is_empty()).map(|record| &record.name)
    else {
        return Outcome::NotAuthoritative;
    };
    if owner.zone_of(zone) && !owner.eq_ignore_root(zone) {
        return Outcome::Upward(render_name(owner));
    }
    if !zone.zone_of(owner) || owner.eq_ignore_root(zone) || !owner.zone_of(&question.name) {
        return Outcome::NotAuthoritative;
    }
    let mut servers: Vec<String> = message
        .authorities
        .iter()
        .filter(|record| record.name.eq_ignore_root(owner))
        .filter_map(|record| match &record.data {
            RData::NS(server) => Some(render_name(&server.0)),
            _ => None,
        })
        .collect();
    servers.sort_unstable();
    if question.record_type == RecordType::NS && owner.eq_ignore_root(&question.name) {
        // The delegation itself is the parent's to publish.
        Outcome::Values(servers)
    } else {
        Outcome::Delegated(servers)
    }
}

fn absolute(name: &Name) -> Name {
    let mut name = name.to_lowercase();
    name.set_fqdn(true);
    name
}

fn has_soa(message: &Message) -> bool {
    message.authorities.iter().any(|record| record.record_type() == RecordType::SOA)
}

fn negative_ttl(message: &Message) -> Option<u32> {
    message.authorities.iter().find_map(|record| match &record.data {
        RData::SOA(soa) => Some(record.ttl.min(soa.minimum)),
        _ => None,
    })
}

/// The bytes are the operator's to choose; most choose a name.
fn nsid(message: &Message) -> Option<Arc<str>> {
    match message.edns.as_ref()?.option(EdnsCode::NSID)? {
        EdnsOption::NSID(payload) if !payload.as_ref().is_empty() => {
            Some(printed(payload.as_ref(), LONGEST_NSID).into())
        }
        _ => None,
    }
}

fn flags(message: &Message) -> Vec<&'static str> {
    let head = &message.metadata;
    let flags = [
        (head.authoritative, "aa"),
        (head.truncation, "tc"),
        (head.recursion_desired, "rd"),
        (head.recursion_available, "ra"),
        (head.authentic_data, "ad"),
        (head.checking_disabled, "cd"),
    ];
    flags.into_iter().filter_map(|(is_set, name)| is_set.then_some(name)).collect()
}

fn code_label(code: ResponseCode) -> Cow<'static, str> {
    match code {
        ResponseCode::FormErr => "formerr".into(),
        ResponseCode::ServFail => "servfail".into(),
        ResponseCode::NotImp => "notimp".into(),
        ResponseCode::Refused => "refused".into(),
        ResponseCode::NotAuth => "notauth".into(),
        other => format!("rcode-{}", u16::from(other)).into(),
    }
}

#[cfg(test)]
mod tests;
