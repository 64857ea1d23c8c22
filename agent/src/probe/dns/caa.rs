//! CAA against the certificates in use: would their CAs be allowed to issue them again? Asked once
//! in a while beside the other questions: by TTL, when a server's serial or the set of
//! certificates changes, and at every probe while something is wrong. In between, what was found
//! is held.
//!
//! Deliberately absent: certificates whose CA is not known, and names of zones that no check names.

mod climb;
mod issuers;
mod policy;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use health::Finding;
use hickory_proto::rr::Name;
use tokio::time::Instant as Deadline;

pub(super) use climb::{Answers, Found};
pub(super) use policy::{Refusal, Request, decide, deciding_tag};

use super::inquiry::SOA;
use super::question::Role;
use super::server::Server;
use super::survey::Survey;
use super::values::render_name;
use super::{Renewal, Spec, judge};
use crate::clock::monotonic;
use crate::net::Net;
use crate::tls::InUse;

/// Zones remembered at most.
const MOST_ZONES: usize = 4096;
/// Names of certificates in one zone looked at, at most.
const MOST_SUBJECTS: usize = 512;
/// What was found is believed no longer and no shorter than this, whatever its TTL.
const LONGEST_HELD: Duration = Duration::from_secs(3600);
const SHORTEST_HELD: Duration = Duration::from_secs(60);

/// A name that a certificate in use is for, and who would have to issue it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Subject {
    /// Without `*.`.
    pub(super) name: Name,
    pub(super) is_wildcard: bool,
    pub(super) in_use: Arc<InUse>,
    /// The names that CAA records may call its CA by, the usual one first.
    pub(super) ca: Vec<String>,
}

/// A zone and the servers that were asked about it.
type Key = (Name, Vec<SocketAddr>);

/// What was found last, per zone.
#[derive(Debug, Default)]
pub(super) struct Watch {
    kept: Mutex<HashMap<Key, Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// Of the ledger of certificates when it was looked at last.
    version: u64,
    subjects: Vec<Subject>,
    renewal: Renewal,
    /// Of every server.
    serials: Vec<Option<u32>>,
    due: Instant,
    findings: Vec<Finding>,
}

/// One probe's part in the watch.
#[derive(Debug)]
pub(super) struct Turn {
    key: Key,
    /// What is asked, where it is due.
    due: Option<Box<Due>>,
}

#[derive(Debug)]
struct Due {
    version: u64,
    subjects: Vec<Subject>,
    servers: Vec<Server>,
    answers: Answers,
}

/// Whether anything is to be asked or held. `None` where no certificate was seen yet.
pub(super) fn turn(spec: &Spec, net: &Net, servers: &[Server]) -> Option<Turn> {
    let version = net.certificates.version();
    if version == 0 {
        return None;
    }
    let authorities = servers
        .iter()
        .filter(|server| server.role == Role::Authoritative && server.address.is_some());
    let addresses = authorities.clone().filter_map(|server| server.address).collect();
    let key = (spec.zone.clone(), addresses);
    if net.dns.caa.holds(&key, spec, version, None) {
        return Some(Turn { key, due: None });
    }
    let subjects = subjects(&spec.zone, net);
    if net.dns.caa.holds(&key, spec, version, Some(&subjects)) {
        return Some(Turn { key, due: None });
    }
    let (servers, answers) = (authorities.cloned().collect(), Answers::default());
    Some(Turn { key, due: Some(Box::new(Due { version, subjects, servers, answers })) })
}

/// Asks what is due, until the deadline.
pub(super) async fn look(turn: &mut Option<Turn>, spec: &Spec, net: &Net, deadline: Deadline) {
    let Some(due) = turn.as_mut().and_then(|turn| turn.due.as_mut()) else { return };
    if !due.subjects.is_empty() {
        let names = due.subjects.iter().map(|subject| subject.name.clone());
        let servers = std::mem::take(&mut due.servers);
        let asking = Answers::gather(spec, net, servers, names, deadline);
        due.answers = Box::pin(asking).await;
    }
}

/// What is wrong, as found now or held from before.
pub(super) fn conclude(turn: Turn, spec: &Spec, net: &Net, survey: &Survey) -> Vec<Finding> {
    let now = monotonic();
    let serials = survey.authorities().map(|index| survey.replies[index][SOA].serial).collect();
    let Some(due) = turn.due else {
        return net.dns.caa.recall(&turn.key, serials, now);
    };
    let Due { version, subjects, servers: _, answers } = *due;
    // Who does not serve the zone at all has findings of its own.
    let serves = |server: &Server| {
        let place = survey.servers.iter().position(|known| known.address == server.address);
        place.is_some_and(|index| survey.replies[index][SOA].outcome.is_statement())
    };
    let findings = judge::caa::judge(&subjects, &answers, &spec.renewal, serves);
    let held = match answers.lifetime() {
        Some(lifetime) if findings.is_empty() => lifetime.clamp(SHORTEST_HELD, LONGEST_HELD),
        _ => Duration::ZERO,
    };
    let kept = Kept {
        version,
        subjects,
        renewal: spec.renewal.clone(),
        serials,
        due: now + held,
        findings: findings.clone(),
    };
    net.dns.caa.keep(turn.key, kept, now);
    findings
}

impl Watch {
    /// Whether what was found for the same certificates is still to be believed; without subjects,
    /// by the version of the ledger alone.
    fn holds(&self, key: &Key, spec: &Spec, version: u64, subjects: Option<&[Subject]>) -> bool {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = kept.get_mut(key) else { return false };
        let is_same = match subjects {
            None => kept.version == version,
            Some(subjects) => kept.subjects == subjects,
        };
        if !is_same || kept.renewal != spec.renewal || kept.due <= monotonic() {
            return false;
        }
        kept.version = version;
        true
    }

    fn recall(&self, key: &Key, serials: Vec<Option<u32>>, now: Instant) -> Vec<Finding> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = kept.get_mut(key) else { return Vec::new() };
        if kept.serials != serials {
            kept.serials = serials;
            kept.due = now;
        }
        kept.findings.clone()
    }

    fn keep(&self, key: Key, found: Kept, now: Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_ZONES {
            kept.retain(|_, kept| kept.due > now);
        }
        if kept.len() < MOST_ZONES || kept.contains_key(&key) {
            kept.insert(key, found);
        }
    }
}

/// The names within a zone that certificates in use are for, as far as their CAs are known.
fn subjects(zone: &Name, net: &Net) -> Vec<Subject> {
    let shown = render_name(zone);
    let is_within = |name: &str| {
        let name = name.trim_end_matches('.');
        let cut = name.len().checked_sub(shown.len());
        cut.is_some_and(|cut| {
            name.is_char_boundary(cut)
                && name[cut..].eq_ignore_ascii_case(&shown)
                && (cut == 0 || name.as_bytes()[cut - 1] == b'.')
        })
    };
    let in_use = net.certificates.select(|in_use| in_use.names.iter().any(|name| is_within(name)));
    let mut subjects = Vec::new();
    for in_use in in_use {
        let ca = match &in_use.caa_name {
            Some(name) => vec![name.clone()],
            None => issuers::names_of(&in_use.issuer).iter().map(|&name| name.to_owned()).collect(),
        };
        if ca.is_empty() {
            continue;
        }
        for name in in_use.names.iter().filter(|name| is_within(name)) {
            let (name, is_wildcard) = match name.strip_prefix("*.") {
                Some(rest) => (rest, true),
                None => (name.as_str(), false),
            };
            // A name that is none cannot be renewed either way.
            let Ok(mut name) = Name::from_ascii(name) else { continue };
            if name.to_ascii().parse::<IpAddr>().is_ok() || subjects.len() >= MOST_SUBJECTS {
                continue;
            }
            name.set_fqdn(true);
            let (name, ca) = (name.to_lowercase(), ca.clone());
            subjects.push(Subject { name, is_wildcard, in_use: in_use.clone(), ca });
        }
    }
    subjects
}

#[cfg(test)]
mod tests;
