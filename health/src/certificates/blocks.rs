//! What stands in the way of a certificate's renewal, from whichever check knows of it: the renewer's
//! own failure, a challenge that a CA could not fetch, CAA records that forbid the CA.

use std::collections::HashMap;

use serde_json::Value;

use super::{Certificate, Told};
use crate::facts::{RenewalFacts, TrialFacts};
use crate::snapshot::CheckStanding;
use crate::{Code, Snapshot};

/// More obstacles than this of one certificate are left out.
const MOST: usize = 20;

/// One thing that stands in the way of a renewal.
#[derive(Clone, Copy, Debug)]
pub enum Block<'a> {
    /// The renewer tried, and says why it failed.
    Failed(&'a RenewalFacts),
    /// A challenge for one of its names would not be found.
    Trial(&'a CheckStanding, &'a TrialFacts),
    /// A finding says that it cannot be renewed.
    Said(Told<'a>),
}

/// All obstacles of a snapshot, by what they are in the way of.
#[derive(Debug, Default)]
pub(super) struct Obstacles<'a> {
    trials: HashMap<&'a str, Vec<(&'a CheckStanding, &'a TrialFacts)>>,
    /// By the check that sees the certificate.
    said: HashMap<&'a str, Vec<Told<'a>>>,
}

impl<'a> Obstacles<'a> {
    pub(super) fn of(snapshot: &'a Snapshot) -> Self {
        let mut obstacles = Self::default();
        for standing in &snapshot.checks {
            let facts = standing.last.as_deref().map(|last| &last.facts);
            if let Some(acme) = facts.and_then(|facts| facts.acme.as_deref()) {
                for trial in acme.trials.iter().filter(|trial| !trial.passed) {
                    let known = obstacles.trials.entry(&*trial.domain).or_default();
                    known.push((&**standing, trial));
                }
            }
            for found in &standing.findings {
                if found.finding.code == Code::DnsCaa {
                    for check in checks_named(found.finding.evidence.get("certificate")) {
                        obstacles.said.entry(check).or_default().push((&**standing, found));
                    }
                }
            }
        }
        obstacles
    }

    /// Those in the way of a certificate, whose renewal, findings and successor are known already.
    pub(super) fn before(&self, certificate: &Certificate<'a>) -> Vec<Block<'a>> {
        if !certificate.is_leaf() || certificate.successor.is_some() {
            return Vec::new();
        }
        let renewal = certificate.renewal.and_then(|renewal| renewal.facts);
        let failed = renewal.filter(|facts| facts.failure.is_some()).map(Block::Failed);
        let own = certificate
            .findings
            .iter()
            .filter(|(_, found)| {
                found.finding.code == Code::AcmeRenewal && failed.is_none()
                    || found.finding.code == Code::AcmeHttp01
            })
            .map(|told| Block::Said(*told));
        let names = certificate.facts.names.iter();
        let trials = names.filter_map(|name| self.trials.get(name.as_str())).flatten();
        let trials = trials.map(|(standing, trial)| Block::Trial(standing, trial));
        let mut checks: Vec<&str> = certificate
            .places
            .iter()
            .filter(|place| place.position == 0 && place.served().is_some())
            .map(|place| &*place.standing.check.name)
            .collect();
        checks.dedup();
        let said = checks.into_iter().filter_map(|check| self.said.get(check)).flatten();
        let said = said.map(|told| Block::Said(*told));
        failed.into_iter().chain(own).chain(said).chain(trials).take(MOST).collect()
    }
}

fn checks_named(evidence: Option<&Value>) -> impl Iterator<Item = &str> {
    let (one, many) = match evidence {
        Some(Value::String(name)) => (Some(name.as_str()), &[][..]),
        Some(Value::Array(names)) => (None, names.as_slice()),
        _ => (None, &[][..]),
    };
    one.into_iter().chain(many.iter().filter_map(Value::as_str))
}
