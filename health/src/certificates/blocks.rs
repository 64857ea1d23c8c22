//! What stands in the way of a certificate's renewal, from whichever check knows of it: the renewer's
//! own failure, a challenge that a CA could not fetch, CAA records that forbid the CA.

use std::collections::HashMap;

use serde_json::Value;

use super::{Certificate, Told};
use crate::facts::{RenewalFacts, TrialFacts};
use crate::snapshot::CheckStanding;
use crate::{Code, Severity, Snapshot, StandingFinding, State};

/// More obstacles than this of one certificate are left out.
const MOST: usize = 20;

/// One thing that stands in the way of a renewal.
#[derive(Clone, Copy, Debug)]
pub enum Block<'a> {
    /// The renewer tried, and says why it failed.
    Failed(&'a RenewalFacts),
    /// A finding says that it cannot be renewed.
    Said(Told<'a>),
}

/// How a challenge that was tried stands: up where it came back, down where a finding says that a CA
/// would not get it, unknown where that cannot be told from here.
#[must_use]
pub fn tried(standing: &CheckStanding, trial: &TrialFacts) -> State {
    if trial.passed {
        return State::Up;
    }
    let domain = &trial.domain;
    let places = trial.address.map_or_else(
        || [domain.clone(), domain.clone()],
        |address| [address.to_string(), format!("{address} ({domain})")],
    );
    let is_told = standing.findings.iter().any(|found| {
        let finding = &found.finding;
        finding.severity >= Severity::Warning && places.contains(&finding.subject)
    });
    if is_told { State::Down } else { State::Unknown }
}

/// All obstacles of a snapshot, by what they are in the way of.
#[derive(Debug, Default)]
pub(super) struct Obstacles<'a> {
    by_domain: HashMap<&'a str, Vec<Told<'a>>>,
    /// By the check that sees the certificate.
    by_check: HashMap<&'a str, Vec<Told<'a>>>,
}

impl<'a> Obstacles<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let mut obstacles = Self::default();
        for standing in &snapshot.checks {
            let grave = standing.findings.iter();
            for found in grave.filter(|found| found.finding.severity >= Severity::Warning) {
                obstacles.enter(standing, found);
            }
        }
        obstacles
    }

    fn enter(&mut self, standing: &'a CheckStanding, found: &'a StandingFinding) {
        let evidence = |name: &str| found.finding.evidence.get(name);
        match found.finding.code {
            Code::DnsCaa => {
                for check in listed(evidence("certificate")) {
                    self.by_check.entry(check).or_default().push((standing, found));
                }
            }
            Code::AcmeHttp01 | Code::AcmeRenewal => {
                let mut domains: Vec<&str> =
                    listed(evidence("domain")).chain(listed(evidence("domains"))).collect();
                if domains.is_empty() {
                    // It is about all that the check tries.
                    let acme = standing.last.as_deref().and_then(|last| last.facts.acme.as_deref());
                    domains.extend(acme.iter().flat_map(|acme| &acme.trials).map(|it| &*it.domain));
                    domains.dedup();
                }
                for domain in domains {
                    self.by_domain.entry(domain).or_default().push((standing, found));
                }
            }
            _ => {}
        }
    }

    /// Those in the way of a certificate, whose renewal, findings and successor are known already.
    pub(super) fn before(&self, certificate: &Certificate<'a>) -> Vec<Block<'a>> {
        if !certificate.is_leaf() || certificate.successor.is_some() {
            return Vec::new();
        }
        let renewal = certificate.renewal.and_then(|renewal| renewal.facts);
        let failed = renewal.filter(|facts| facts.failure.is_some());
        let own = certificate.findings.iter().copied().filter(|(_, found)| {
            let finding = &found.finding;
            let is_renewers = finding.code == Code::AcmeRenewal && failed.is_none();
            finding.severity >= Severity::Warning
                && (is_renewers || finding.code == Code::AcmeHttp01)
        });
        let mut checks: Vec<&str> = certificate
            .places
            .iter()
            .filter(|place| place.position == 0 && place.served().is_some())
            .map(|place| &*place.standing.check.name)
            .collect();
        checks.dedup();
        let by_check = checks.into_iter().filter_map(|check| self.by_check.get(check)).flatten();
        let names = certificate.facts.names.iter();
        let by_domain = names.filter_map(|name| self.by_domain.get(name.as_str())).flatten();
        let mut said: Vec<Told<'a>> = Vec::new();
        for told in own.chain(by_check.copied()).chain(by_domain.copied()) {
            if said.len() < MOST && !said.iter().any(|known| std::ptr::eq(known.1, told.1)) {
                said.push(told);
            }
        }
        failed.into_iter().map(Block::Failed).chain(said.into_iter().map(Block::Said)).collect()
    }
}

fn listed(evidence: Option<&Value>) -> impl Iterator<Item = &str> {
    let (one, many) = match evidence {
        Some(Value::String(name)) => (Some(name.as_str()), &[][..]),
        Some(Value::Array(names)) => (None, names.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(many.iter().filter_map(Value::as_str))
}
