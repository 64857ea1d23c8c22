//! What the answers mean, held against the plan and against each other. Pure.

mod caches;
mod delegation;
mod records;
mod servers;
mod ttl;
mod zone;

use health::Finding;

use super::delegation::Delegation;
use super::survey::Survey;

/// Everything that is wrong. `delegation` is what the parent says, where it was asked.
pub(super) fn judge(survey: &Survey, delegation: Option<&Delegation>) -> Vec<Finding> {
    let mut findings = servers::judge(survey);
    findings.extend(zone::judge(survey));
    findings.extend(delegation.map(|said| delegation::judge(survey, said)).unwrap_or_default());
    for record in &survey.records {
        findings.extend(records::judge(survey, record));
        findings.extend(ttl::judge(survey, record));
        findings.extend(caches::judge(survey, record));
    }
    findings
}

#[cfg(test)]
mod tests;
