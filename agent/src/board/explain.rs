//! What explains a finding: the sick thing behind it, so that one outage is told once.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use health::{Check, Code, Protocol, Severity, StandingFinding};

use super::Board;
use super::entry::{Entry, Origin};
use crate::plan::{Endpoint, Plan};
use crate::probe::Spec;
use crate::schedule::Key;

impl Board {
    /// What explains a check's findings now: a sick check it depends on, or the sick claim of the
    /// very address it could not reach.
    pub(super) fn explain(&self, key: Key) -> Option<Vec<Option<Arc<str>>>> {
        let entry = self.entries.get(&key)?;
        let dependency = entry.frame.depends_on.iter().find(|name| self.is_sick(name)).cloned();
        let explanations =
            entry.standing.findings.iter().map(|standing| {
                dependency.clone().or_else(|| self.sick_claim_behind(entry, standing))
            });
        Some(explanations.collect())
    }

    /// The check that explains all that is wrong with a check, so that its incident is a consequence:
    /// one that has a trouble of its own beside is none.
    #[must_use]
    pub fn cause_of(&self, name: &str) -> Option<Arc<Check>> {
        let key = *self.by_name.get(name)?;
        let explanations = self.explain(key)?;
        let findings = &self.entries.get(&key)?.standing.findings;
        let bad: Vec<(&StandingFinding, &Option<Arc<str>>)> = findings
            .iter()
            .zip(&explanations)
            .filter(|(standing, _)| standing.finding.severity > Severity::Notice)
            .collect();
        let is_any_confirmed = bad.iter().any(|(standing, _)| standing.confirmed);
        let mut counting =
            bad.iter().filter(|(standing, _)| standing.confirmed || !is_any_confirmed);
        let (_, first) = counting.next()?;
        if counting.any(|(_, by)| by.is_none()) {
            return None;
        }
        let cause = first.as_ref().filter(|cause| &***cause != name)?;
        self.entry(cause).map(|entry| entry.frame.clone())
    }

    /// The check with this name.
    #[must_use]
    pub fn frame(&self, name: &str) -> Option<&Arc<Check>> {
        self.entry(name).map(|entry| &entry.frame)
    }

    fn sick_claim_behind(&self, entry: &Entry, standing: &StandingFinding) -> Option<Arc<str>> {
        let Origin::Planned(check) = &entry.origin else { return None };
        // `127.0.0.1:3011 (app.internal)` names an address too.
        let named = || {
            let first = standing.finding.subject.split(' ').next()?;
            first.parse().ok()
        };
        let addresses: Vec<SocketAddr> = match (standing.finding.code, &check.spec) {
            (Code::HttpBadGateway, Spec::Http(spec)) => {
                spec.upstream.iter().filter_map(Endpoint::address).chain(named()).collect()
            }
            (Code::HttpBadGateway | Code::HttpUpstream, _) => named().into_iter().collect(),
            (
                Code::TcpRefused | Code::TcpTimeout | Code::TcpUnreachable,
                Spec::Http(_)
                | Spec::Journey(_)
                | Spec::Tls(_)
                | Spec::Sites(_)
                | Spec::Tcp(_)
                | Spec::Websocket(_)
                | Spec::Grpc(_)
                | Spec::Forward(_),
            ) => entry.standing.last.as_ref()?.facts.address.into_iter().collect(),
            _ => return None,
        };
        addresses
            .iter()
            .filter_map(|address| self.claims_by_address.get(address))
            .find(|claim| self.is_out_of_reach(claim) && !self.leads_to(claim, &entry.frame.name))
            .cloned()
    }

    /// Whether what ails this claim keeps others from reaching it.
    fn is_out_of_reach(&self, claim: &str) -> bool {
        self.entry(claim).is_some_and(|entry| {
            entry.track.findings().any(|standing| {
                matches!(
                    standing.finding.code,
                    Code::PortDead | Code::PortWrongOwner | Code::PortHidden
                )
            })
        })
    }

    /// Whether `start` depends on `end`, at however many removes: two that explained each other
    /// would explain nothing.
    fn leads_to(&self, start: &str, end: &str) -> bool {
        let mut seen: HashSet<&str> = HashSet::new();
        let mut ahead: Vec<&str> = vec![start];
        while let Some(name) = ahead.pop() {
            if name == end {
                return true;
            }
            if seen.insert(name)
                && let Some(entry) = self.entry(name)
            {
                ahead.extend(entry.frame.depends_on.iter().map(|name| &**name));
            }
        }
        false
    }

    fn is_sick(&self, name: &str) -> bool {
        self.entry(name).is_some_and(|entry| {
            entry.track.findings().any(|standing| standing.finding.severity > Severity::Notice)
        })
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(self.by_name.get(name)?)
    }
}

/// Which claim's check stands for an address.
pub(super) fn claims_by_address(plan: &Plan) -> HashMap<SocketAddr, Arc<str>> {
    let claims = plan.checks.iter().filter_map(|check| match &check.spec {
        Spec::Port(spec) if spec.claim.key.protocol == Protocol::Tcp => {
            Some((spec.target.address()?, check.frame.name.clone()))
        }
        _ => None,
    });
    claims.collect()
}
