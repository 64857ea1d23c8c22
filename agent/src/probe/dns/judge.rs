//! What the answers mean, held against the plan and against each other. Pure.

mod acme;
mod caches;
mod records;
mod servers;
mod zone;

use health::Finding;

use super::challenge::Pursuit;
use super::expectation::Expected;
use super::survey::Survey;

/// Everything that is wrong. `delegated` are the nameservers as the parent has them, where it was
/// asked.
pub(super) fn judge(survey: &Survey, delegated: Option<&[String]>) -> Vec<Finding> {
    let mut findings = servers::judge(survey);
    findings.extend(zone::judge(survey, delegated));
    for record in &survey.records {
        if record.planned.expected == Expected::Unknown {
            continue;
        }
        findings.extend(records::judge(survey, record));
        findings.extend(caches::judge(survey, record));
    }
    findings
}

/// Adds what the pursuits of challenges have shown to the findings so far.
pub(super) fn challenges(survey: &Survey, pursuits: &[Pursuit], findings: &mut Vec<Finding>) {
    for pursuit in pursuits {
        acme::judge(survey, pursuit, findings);
    }
}

#[cfg(test)]
mod tests;
