//! What the answers mean, held against the plan and against each other. Pure.

pub(super) mod caa;
mod caches;
mod records;
mod servers;
mod zone;

use health::Finding;

use super::survey::Survey;

/// Everything that is wrong. `delegated` are the nameservers as the parent has them, where it was
/// asked.
pub(super) fn judge(survey: &Survey, delegated: Option<&[String]>) -> Vec<Finding> {
    let mut findings = servers::judge(survey);
    findings.extend(zone::judge(survey, delegated));
    for record in &survey.records {
        findings.extend(records::judge(survey, record));
        findings.extend(caches::judge(survey, record));
    }
    findings
}

#[cfg(test)]
mod tests;
