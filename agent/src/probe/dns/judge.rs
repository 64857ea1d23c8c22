//! What the answers mean, held against the plan and against each other. Pure.

mod acme;
mod caches;
mod delegation;
mod records;
mod servers;
mod ttl;
mod zone;

use health::Finding;

use super::caches::{Caches, Unchecked};
use super::challenge::Pursuit;
use super::delegation::Delegation;
use super::expectation::Expected;
use super::survey::Survey;

/// Everything that is wrong. `delegation` is what the parent says, where it was asked.
pub(super) fn judge(survey: &Survey, delegation: Option<&Delegation>) -> Vec<Finding> {
    let mut findings = servers::judge(survey);
    findings.extend(zone::judge(survey));
    findings.extend(delegation.map(|said| delegation::judge(survey, said)).unwrap_or_default());
    for record in &survey.records {
        if record.planned.expected == Expected::Unknown {
            continue;
        }
        findings.extend(records::judge(survey, record));
        findings.extend(ttl::judge(survey, record));
    }
    findings
}

/// What is wrong with the caches that the plan names: old answers, and those withheld because of
/// DNSSEC. What is old is noted in `memory`.
pub(super) fn caches(
    survey: &Survey,
    memory: &Caches,
    unchecked: &[Unchecked],
    findings: &mut Vec<Finding>,
) {
    let (mut old, mut right) = (Vec::new(), Vec::new());
    for held in caches::held(survey) {
        match held.key(survey) {
            Some(key) if held.is_old() => old.push((held, (key, held.end(survey)))),
            Some(key) => right.push(key),
            None => {}
        }
    }
    let (held, ends): (Vec<_>, Vec<_>) = old.into_iter().unzip();
    let pasts = memory.note(&ends, right.into_iter(), survey.asked_at);
    let old = held.iter().zip(pasts);
    findings.extend(old.filter_map(|(held, past)| held.finding(survey, past)));
    caches::bogus(survey, unchecked, findings);
}

/// Adds what the pursuits of challenges have shown to the findings so far.
pub(super) fn challenges(survey: &Survey, pursuits: &[Pursuit], findings: &mut Vec<Finding>) {
    for pursuit in pursuits {
        acme::judge(survey, pursuit, findings);
    }
}

#[cfg(test)]
mod tests;
