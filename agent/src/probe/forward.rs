//! A forward of a router, a NAT rule or a proxy: the outer way and the inner way have to lead to the
//! same place.
//!
//! Deliberately absent: reading the router. What it does is seen by who answers. And guessing: from
//! inside a network an outer address may fail though the whole world reaches it, so that a failure
//! counts only where it proves something (see [`SeenFrom`]).

use std::net::IpAddr;
use std::time::Duration;

use health::facts::{ForwardFacts, SideFacts};
use health::{Facts, Finding};

use super::{Sight, Stopwatch};
use crate::net::Net;
use crate::plan::{Endpoint, Target};
use crate::tls::Roots;

mod identity;
mod inquiry;
mod judge;
mod standpoint;
#[cfg(test)]
mod tests;

pub(crate) use identity::TONGUES;
pub use identity::Tongue;
use identity::{Identity, Likeness, likeness};
use inquiry::Inquiry;
use judge::{Beside, Case, Outer};
pub(crate) use standpoint::is_own_network;
pub use standpoint::{Passages, SeenFrom};

/// The part of a probe's time that the inner way may take. The rest is for the outer one, and for a
/// second look at the inner.
const INNER_SHARE: f64 = 0.4;

/// `[[forward]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The outer side.
    pub from: Endpoint,
    /// The inner side.
    pub to: Endpoint,
    /// Dial from this address. One of loopback stands for this machine: other machines are then
    /// dialled from whichever address the system picks.
    pub source: Option<IpAddr>,
    /// Where this agent stands, where the plan says it.
    pub seen_from: Option<SeenFrom>,
    /// What is spoken there; `None`: found out at every probe.
    pub speaks: Option<Tongue>,
    /// Trusted roots.
    pub roots: Roots,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let inquiry = Inquiry::new(spec, net);
    let mut inner_facts = Facts::default();
    let mut inner_watch = Stopwatch::start(watch.timeout().mul_f64(INNER_SHARE));
    let inner = inquiry.ask(&spec.to, spec.speaks, &mut inner_watch, &mut inner_facts).await;
    let mut facts = Facts::default();
    let tongue = inner.as_ref().ok().and_then(Identity::tongue).or(spec.speaks);
    let outer = inquiry.ask(&spec.from, tongue, watch, &mut facts).await;
    let (inner_shows, outer_shows) = (shown(inner.as_ref().ok()), shown(outer.as_ref().ok()));
    let mut seen = ForwardFacts {
        outer: SideFacts { address: facts.address, shows: outer_shows },
        inner: SideFacts { address: inner_facts.address, shows: inner_shows },
        same: None,
    };
    if let Some(lack) = inner_facts.blind.take() {
        facts.blind.get_or_insert(lack);
    }
    let inner = match inner {
        Ok(inner) => inner,
        Err(dead) => {
            // What ails the target may be told by the claim on it, which is found by this address.
            facts.address = inner_facts.address;
            let beside = match &outer {
                Ok(outer) => Beside::Answers(outer),
                Err(missed) if missed.is_closed && facts.blind.is_none() => Beside::Closed,
                Err(_) => Beside::Untried,
            };
            let finding = judge::inner_dead(spec, *dead.finding, beside);
            return sight(facts, seen, Some(finding));
        }
    };
    let outer = match outer {
        Ok(Identity::Mute) if inner != Identity::Mute => Outer::Mute,
        Ok(outer) => {
            seen.same = compare(spec, &inquiry, &inner, &outer, watch).await;
            if seen.same == Some(true) && outer.is_proof() {
                net.passages.note(spec);
            }
            if seen.same != Some(false) {
                return sight(facts, seen, None);
            }
            Outer::Elsewhere(outer)
        }
        Err(dead) if facts.blind.is_some() || !dead.is_closed => {
            return sight(facts, seen, Some(*dead.finding));
        }
        Err(dead) => Outer::Dead(dead.finding.code),
    };
    let sides = (inner_facts.address, facts.address);
    let standpoint = standpoint::standpoint(spec.seen_from, sides, net.passages.knows(spec));
    let case = Case { spec, inner: &inner, outer: &outer, standpoint, seen: &seen };
    let finding = judge::judge(&case);
    sight(facts, seen, Some(finding))
}

fn sight(mut facts: Facts, seen: ForwardFacts, finding: Option<Finding>) -> Sight {
    facts.forward = Some(Box::new(seen));
    Sight { facts, findings: finding.into_iter().collect() }
}

/// Whether both ways lead to the same place; `None`: nothing tells. What differs between two visits
/// to the inner side itself is no difference.
async fn compare(
    spec: &Spec,
    inquiry: &Inquiry<'_>,
    inner: &Identity,
    outer: &Identity,
    watch: &Stopwatch,
) -> Option<bool> {
    match likeness(inner, None, outer) {
        Likeness::Same => Some(true),
        Likeness::Untold => None,
        Likeness::Different if !inner.may_change() => Some(false),
        Likeness::Different => {
            let mut watch = Stopwatch::start(watch.left().max(Duration::from_millis(1)));
            let again =
                inquiry.ask(&spec.to, inner.tongue(), &mut watch, &mut Facts::default()).await;
            match likeness(inner, Some(&again.ok()?), outer) {
                Likeness::Same => Some(true),
                Likeness::Different => Some(false),
                Likeness::Untold => None,
            }
        }
    }
}

fn shown(identity: Option<&Identity>) -> Option<String> {
    identity.map(|identity| identity.shown().en)
}

impl Spec {
    /// The Host header: the outer side, whichever way is asked (RFC 9110 section 7.2).
    fn host_header(&self) -> String {
        match (&self.from.host, self.from.port) {
            (Target::Address(IpAddr::V6(address)), 80) => format!("[{address}]"),
            (_, 80) => self.server_name(),
            _ => self.from.to_string(),
        }
    }

    /// What SNI names: the outer side, whichever way is asked.
    fn server_name(&self) -> String {
        match &self.from.host {
            Target::Name(name) => name.to_string(),
            Target::Address(address) => address.to_string(),
        }
    }

    fn source_for(&self, endpoint: &Endpoint) -> Option<IpAddr> {
        let source = self.source?;
        let target = match endpoint.host {
            Target::Address(address) => Some(address),
            Target::Name(_) => None,
        };
        let is_local = target.is_some_and(|target| target.is_loopback());
        let fits = target.is_none_or(|target| target.is_ipv4() == source.is_ipv4());
        (fits && (is_local || !source.is_loopback())).then_some(source)
    }
}
