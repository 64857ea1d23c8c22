//! What the answers mean, held against the plan and against each other. Pure.

pub(super) mod caa;
mod caches;
mod records;
mod servers;
mod zone;

use health::Finding;

use super::delegation::no_answer;
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

/// What is wrong with the one record that the servers above were asked for.
pub(super) fn above(survey: &Survey) -> Vec<Finding> {
    let replies = survey.replies.iter().filter_map(|row| row.first());
    let is_heard = replies.clone().any(|reply| reply.outcome.is_statement());
    let silent = survey.servers.iter().zip(replies).next().filter(|_| !is_heard);
    if let Some((server, reply)) = silent
        && let Some(address) = server.address
    {
        let zone = &survey.records[0].planned.name;
        return vec![*no_answer(zone, address, &reply.outcome.label())];
    }
    survey.records.iter().flat_map(|record| records::judge(survey, record)).collect()
}

#[cfg(test)]
mod tests;
