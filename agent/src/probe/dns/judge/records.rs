//! One record on every authoritative server: against the plan, and server against server.
//!
//! Where some servers have what the plan says and others do not, the servers disagree, and each
//! odd one is named. Where none has it, the record itself is wrong, and that is said once.

mod disagreement;
mod violation;

use health::{Code, Finding, Severity, text};
use serde_json::{Map, Value};

use crate::probe::dns::expectation::Expected;
use crate::probe::dns::reply::{Outcome, Reply};
use crate::probe::dns::server::Server;
use crate::probe::dns::survey::{Asked, Survey, clip};
use crate::probe::dns::wording::{said, title};

/// Findings about one record.
pub(super) fn judge(survey: &Survey, record: &Asked) -> Vec<Finding> {
    Trial { survey, record }.findings()
}

/// Servers that say the same.
struct Group<'a> {
    outcome: &'a Outcome,
    is_wildcard: bool,
    holds: bool,
    /// Indices.
    servers: Vec<usize>,
}

struct Trial<'a> {
    survey: &'a Survey,
    record: &'a Asked,
}

impl<'a> Trial<'a> {
    fn findings(&self) -> Vec<Finding> {
        let (good, bad): (Vec<_>, Vec<_>) =
            self.groups().into_iter().partition(|group| group.holds);
        let mut findings = self.broken_chains(&good);
        findings.extend(self.held_by_wildcard(&good).filter(|_| bad.is_empty()));
        let must_agree = self.survey.consistent;
        if bad.is_empty() {
            if must_agree && good.len() > 1 {
                findings.extend(self.disagreement(&good));
            }
        } else if must_agree && !good.is_empty() {
            let norm = match self.record.planned.expected {
                Expected::Anything => said(good[0].outcome, self.record.planned.record_type),
                _ => text!("what the plan says", "계획과 같은 값"),
            };
            for group in &bad {
                for &server in &group.servers {
                    findings.push(self.odd_one(server, group, &good, &norm));
                    if matches!(self.record.planned.expected, Expected::Absent)
                        || is_broken(group.outcome)
                    {
                        let code = self.code(group);
                        let subject = format!("{} @ {}", self.title(), self.server(server).title());
                        findings.push(self.violation(code, subject, &[(group, &[server])]));
                    }
                }
            }
        } else {
            let mut codes: Vec<Code> = bad.iter().map(|group| self.code(group)).collect();
            codes.sort_unstable();
            codes.dedup();
            for code in codes {
                let such = bad.iter().filter(|group| self.code(group) == code);
                let such: Vec<_> = such.map(|group| (group, &*group.servers)).collect();
                findings.push(self.violation(code, self.title(), &such));
            }
            if must_agree && bad.len() > 1 {
                findings.extend(self.disagreement(&bad));
            }
        }
        findings
    }

    /// What is asked for, as findings name it.
    fn title(&self) -> String {
        title(&self.record.planned.name, self.record.planned.record_type)
    }

    fn server(&self, index: usize) -> &'a Server {
        &self.survey.servers[index]
    }

    fn reply(&self, index: usize) -> &'a Reply {
        &self.survey.replies[index][self.record.planned.question]
    }

    /// What the authoritative servers state, those that say the same together.
    fn groups(&self) -> Vec<Group<'a>> {
        let mut groups: Vec<Group<'a>> = Vec::new();
        for server in self.survey.authorities() {
            let outcome = &self.reply(server).outcome;
            // What differs while a transfer is under way will be the same; but a CA would see a
            // challenge as it is now.
            let is_early = self.survey.is_following(server) && !self.is_acme();
            if !outcome.is_statement() || is_early {
                continue;
            }
            let holds = self.record.planned.holds(outcome);
            let is_wildcard = !holds && self.is_of_wildcard(server);
            let known = groups
                .iter_mut()
                .find(|group| group.is_wildcard == is_wildcard && is_same(group.outcome, outcome));
            match known {
                Some(group) => group.servers.push(server),
                None => groups.push(Group { outcome, is_wildcard, holds, servers: vec![server] }),
            }
        }
        groups
    }

    /// A name that cannot exist is answered alike.
    fn is_of_wildcard(&self, server: usize) -> bool {
        let control = self.record.control.get(server).and_then(Option::as_ref);
        matches!(control, Some(Outcome::Values(_))) && control == Some(&self.reply(server).outcome)
    }

    /// What the plan wants is there, and only by a wildcard.
    fn held_by_wildcard(&self, good: &[Group<'a>]) -> Option<Finding> {
        let group = good.first()?;
        let servers = good.iter().flat_map(|group| &group.servers).copied();
        let servers: Vec<usize> = servers.filter(|&server| self.is_of_wildcard(server)).collect();
        match self.record.planned.expected {
            Expected::Exactly(_) | Expected::Contains(_) if !servers.is_empty() => {
                let finding =
                    self.violation(Code::DnsWildcard, self.title(), &[(group, &*servers)]);
                Some(finding.severity(Severity::Notice))
            }
            _ => None,
        }
    }

    fn is_acme(&self) -> bool {
        self.record.planned.is_challenge
    }

    /// What it is called when a server answers like this group.
    fn code(&self, group: &Group<'_>) -> Code {
        match (&self.record.planned.expected, group.outcome) {
            (_, Outcome::Loop(_)) => Code::DnsCnameLoop,
            (_, Outcome::Dangling(_)) => Code::DnsDangling,
            (_, Outcome::Values(_)) if group.is_wildcard => Code::DnsWildcard,
            (Expected::Absent, Outcome::Values(_)) if self.is_acme() => Code::DnsAcmeLeftover,
            (Expected::Absent, _) => Code::DnsUnexpected,
            (_, Outcome::Values(_)) if self.is_acme() => Code::DnsAcmeMismatch,
            (_, Outcome::Nxdomain) => Code::DnsNxdomain,
            (_, Outcome::Nodata | Outcome::Delegated(_)) => Code::DnsMissing,
            _ => Code::DnsDrift,
        }
    }

    /// A planned CNAME that is there, and leads nowhere or in circles.
    fn broken_chains(&self, good: &[Group<'a>]) -> Vec<Finding> {
        let Some(follow) = self.record.planned.follow else { return Vec::new() };
        let mut broken: Vec<Group<'a>> = Vec::new();
        for &server in good.iter().flat_map(|group| &group.servers) {
            let outcome = &self.survey.replies[server][follow].outcome;
            if !is_broken(outcome) {
                continue;
            }
            match broken.iter_mut().find(|group| group.outcome == outcome) {
                Some(group) => group.servers.push(server),
                None => broken.push(Group {
                    outcome,
                    is_wildcard: false,
                    holds: false,
                    servers: vec![server],
                }),
            }
        }
        broken
            .iter()
            .map(|group| {
                self.violation(self.code(group), self.title(), &[(group, &*group.servers)])
            })
            .collect()
    }

    /// Every server's answer as evidence.
    fn answers(&self, servers: &[usize]) -> Map<String, Value> {
        servers.iter().map(|&index| (self.server(index).title(), self.shown(index))).collect()
    }

    fn shown(&self, server: usize) -> Value {
        let outcome = &self.reply(server).outcome;
        match outcome.values() {
            [] => outcome.label().into(),
            values => values.iter().take(16).map(|value| clip(value)).collect::<Vec<_>>().into(),
        }
    }
}

/// Two ways of saying the same: that there is nothing.
pub(super) fn is_same(one: &Outcome, other: &Outcome) -> bool {
    let is_absence = |outcome| matches!(outcome, &Outcome::Nodata | &Outcome::Nxdomain);
    one == other || (is_absence(one) && is_absence(other))
}

fn is_broken(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Loop(_) | Outcome::Dangling(_))
}

#[cfg(test)]
mod tests;
