//! The port plan beside reality, for people and for programs: what the command `ports` prints.
//!
//! Deliberately absent: looking and judging. A row is made from a [`CheckStanding`] alone, so the
//! same report comes from one look (`ports`) and from a running agent's snapshot.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use health::snapshot::CheckStanding;
use health::{ClaimKind, Exposure, Language, PortKey, Protocol, Severity, State};

mod csv;
mod json;
mod markdown;
mod table;

pub use csv::csv;
pub use json::json;
pub(crate) use markdown::escape;
pub use markdown::markdown;
pub use table::{Paint, table};

/// One port of one host, or a run of reserved ports with nothing to say about them.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Name of the host.
    pub host: Arc<str>,
    /// First and last port; equal for a single one.
    pub ports: (u16, u16),
    /// Transport.
    pub protocol: Protocol,
    /// Who it is for; may be empty.
    pub service: String,
    /// More words about it; may be empty.
    pub description: String,
    /// The claim; `None` for an undeclared listener.
    pub claim: Option<ClaimKind>,
    /// How widely it may be reached, where the plan says.
    pub exposure: Option<Exposure>,
    /// What is there.
    pub presence: Presence,
    /// A TCP connection was accepted; `None` when it was not tried.
    pub reachable: Option<bool>,
    /// Who listens.
    pub owner: OwnerCell,
    /// State of its check.
    pub state: State,
    /// Codes of what is wrong, worst first, each with its severity.
    pub findings: Vec<(health::Code, Severity)>,
    /// The whole range its claim was written as.
    range: (u16, u16),
    /// What is bound to `::` takes v4 connections as well.
    also_v4: Option<bool>,
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// Nobody listens.
    Nobody,
    /// Somebody listens on these addresses of this machine.
    Bound(Vec<SocketAddr>),
    /// Something answers; where it is bound cannot be seen.
    Answers,
    /// It cannot be told, or nobody has looked yet.
    Unknown,
}

/// Who listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerCell {
    /// Nobody, or nobody that could be seen from here.
    Nobody,
    /// The oldest process, and how many more there are.
    Process {
        /// The name that `ss -p` shows.
        name: String,
        /// Process id.
        pid: u32,
        /// Further processes that hold the same port.
        more: usize,
    },
    /// This agent may not see it.
    Hidden,
    /// No process holds it.
    Kernel,
}

/// One row for each port among the checks: host by host in the order of the plan, then by port.
#[must_use]
pub fn rows(checks: &[Arc<CheckStanding>]) -> Vec<Row> {
    ordered(checks).into_iter().map(|(key, standing)| row(key, standing)).collect()
}

/// The same rows with runs of free reserved ports of one claim as one row.
#[must_use]
pub fn fold(rows: Vec<Row>) -> Vec<Row> {
    let mut folded: Vec<Row> = Vec::with_capacity(rows.len());
    for row in rows {
        match folded.last_mut().filter(|last| continues(last, &row)) {
            Some(last) => last.ports.1 = row.ports.1,
            None => folded.push(row),
        }
    }
    folded
}

fn continues(last: &Row, next: &Row) -> bool {
    let is_quiet = |row: &Row| {
        row.claim == Some(ClaimKind::Reserved)
            && row.findings.is_empty()
            && matches!(row.presence, Presence::Nobody | Presence::Unknown)
    };
    is_quiet(last)
        && is_quiet(next)
        && last.host == next.host
        && last.protocol == next.protocol
        && last.range == next.range
        && last.state == next.state
        && last.presence == next.presence
        && last.ports.1.checked_add(1) == Some(next.ports.0)
}

fn ordered(checks: &[Arc<CheckStanding>]) -> Vec<(&PortKey, &CheckStanding)> {
    let mut hosts: HashMap<&str, usize> = HashMap::new();
    let mut ports: Vec<(usize, &PortKey, &CheckStanding)> = Vec::new();
    for standing in checks {
        let Some(key) = &standing.port else { continue };
        let next = hosts.len();
        let place = *hosts.entry(&*key.host).or_insert(next);
        ports.push((place, key, standing));
    }
    ports.sort_by_key(|&(place, key, _)| (place, key.port, key.protocol));
    ports.into_iter().map(|(_, key, standing)| (key, standing)).collect()
}

fn row(key: &PortKey, standing: &CheckStanding) -> Row {
    let claim = standing.claim.as_deref();
    let observed = standing.observed();
    let presence = observed.map_or(Presence::Unknown, |observed| {
        match (observed.listening, observed.reachable) {
            (Some(true), _) if !observed.bind.is_empty() => Presence::Bound(observed.bind.clone()),
            (Some(true), _) | (_, Some(true)) => Presence::Answers,
            (Some(false), _) => Presence::Nobody,
            (None, _) => Presence::Unknown,
        }
    });
    let owner = observed.map_or(OwnerCell::Nobody, |observed| {
        match (observed.owners.first(), observed.owner_unknown.as_deref()) {
            (Some(first), _) => OwnerCell::Process {
                name: first.name.clone(),
                pid: first.pid,
                more: observed.owners.len() - 1,
            },
            (None, Some("kernel")) => OwnerCell::Kernel,
            (None, Some(_)) => OwnerCell::Hidden,
            (None, None) => OwnerCell::Nobody,
        }
    });
    Row {
        host: key.host.clone(),
        ports: (key.port, key.port),
        protocol: key.protocol,
        service: claim.map(|claim| claim.service.clone()).unwrap_or_default(),
        description: claim.map(|claim| claim.description.clone()).unwrap_or_default(),
        claim: claim.map(|claim| claim.claim),
        exposure: claim.and_then(|claim| claim.exposure),
        presence,
        reachable: observed.and_then(|observed| observed.reachable),
        owner,
        state: standing.state,
        findings: standing
            .findings
            .iter()
            .map(|standing| (standing.finding.code, standing.finding.severity))
            .collect(),
        range: claim.map_or((key.port, key.port), |claim| claim.range),
        also_v4: observed.and_then(|observed| observed.also_v4),
    }
}

impl Row {
    /// `3011`, or `3012-3014`.
    fn port_words(&self) -> String {
        match self.ports {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        }
    }

    fn claim_words(&self, language: Language) -> &'static str {
        match (self.claim, language) {
            (Some(claim), _) => claim.label(),
            (None, Language::En) => "undeclared",
            (None, Language::Ko) => "미등록",
        }
    }

    /// The addresses without the port, which has a column of its own.
    fn presence_words(&self, language: Language) -> String {
        match (&self.presence, language) {
            (Presence::Bound(binds), _) => {
                let words = match language {
                    Language::En => "v4 too",
                    Language::Ko => "IPv4 포함",
                };
                let place = |bind: &SocketAddr| match bind.ip() {
                    ip if ip.is_ipv6() && ip.is_unspecified() && self.also_v4 == Some(true) => {
                        format!("{ip} ({words})")
                    }
                    ip => ip.to_string(),
                };
                let mut shown: Vec<String> = binds.iter().take(3).map(place).collect();
                if binds.len() > 3 {
                    shown.push(format!("+{}", binds.len() - 3));
                }
                shown.join(", ")
            }
            (Presence::Nobody, _) => "-".to_owned(),
            (Presence::Answers, Language::En) => "answers".to_owned(),
            (Presence::Answers, Language::Ko) => "응답함".to_owned(),
            (Presence::Unknown, _) => "?".to_owned(),
        }
    }

    fn codes(&self) -> String {
        let codes: Vec<&str> = self.findings.iter().map(|(code, _)| code.label()).collect();
        codes.join(", ")
    }
}

impl OwnerCell {
    /// The owner without what changes at every restart.
    pub(crate) fn name(&self, language: Language) -> String {
        match (self, language) {
            (Self::Nobody, _) => String::new(),
            (Self::Process { name, .. }, _) => name.clone(),
            (Self::Hidden, Language::En) => "? (no permission)".to_owned(),
            (Self::Hidden, Language::Ko) => "? (권한 없음)".to_owned(),
            (Self::Kernel, Language::En) => "(kernel)".to_owned(),
            (Self::Kernel, Language::Ko) => "(커널)".to_owned(),
        }
    }

    /// `node (811) +3`
    fn words(&self, language: Language) -> String {
        match self {
            Self::Process { name, pid, more: 0 } => format!("{name} ({pid})"),
            Self::Process { name, pid, more } => format!("{name} ({pid}) +{more}"),
            Self::Nobody | Self::Hidden | Self::Kernel => self.name(language),
        }
    }
}

#[cfg(test)]
mod tests;
