//! Quiet that was asked for: silences, acknowledgements, and what they are about.
//!
//! All of it holds back messages and nothing else: probing, pages and metrics go on. Deliberately
//! absent: who may ask for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Code, Incident, Kind, Severity};

/// Quiet about some incidents until a moment, asked for by somebody for a reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Unique, URL-safe.
    pub id: Arc<str>,
    /// Which incidents; every line has to match.
    pub about: Matcher,
    /// Since when.
    pub starts_at: Timestamp,
    /// Until when; ended by hand, that moment.
    pub ends_at: Timestamp,
    /// Who asked for it.
    pub author: Arc<str>,
    /// Why.
    pub reason: Arc<str>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

impl Silence {
    /// Whether it holds back anything at this moment.
    #[must_use]
    pub fn is_active(&self, now: Timestamp) -> bool {
        self.starts_at <= now && now < self.ends_at
    }
}

/// Which incidents something is about: every condition that is there has to hold, of a list one entry.
/// Names of checks and hosts, codes and the values of labels may hold `*` for anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matcher {
    /// Names of checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub check: Vec<Arc<str>>,
    /// Names of hosts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub host: Vec<Arc<str>>,
    /// Kinds of checks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kind: Vec<Kind>,
    /// Codes of any of its confirmed findings: `tls.not-reloaded`, `dns.*`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub code: Vec<Arc<str>>,
    /// At least this severity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// Labels with their values.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub label: BTreeMap<Arc<str>, Arc<str>>,
}

impl Matcher {
    /// It has no condition, and so is about every incident.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it is about this incident, as it is now.
    #[must_use]
    pub fn is_about(&self, incident: &Incident) -> bool {
        let Self { check, host, kind, code, severity, label } = self;
        let names = |patterns: &[Arc<str>], name: &str| {
            patterns.is_empty() || patterns.iter().any(|pattern| is_like(pattern, name))
        };
        let codes: Vec<Code> =
            incident.findings.iter().map(|standing| standing.finding.code).collect();
        names(check, &incident.check)
            && (host.is_empty() || incident.host.as_ref().is_some_and(|one| names(host, one)))
            && (kind.is_empty() || kind.contains(&incident.kind))
            && (code.is_empty() || codes.iter().any(|found| names(code, found.label())))
            && severity.is_none_or(|least| incident.severity >= least)
            && label.iter().all(|(name, value)| {
                incident.labels.get(name).is_some_and(|found| is_like(value, found))
            })
    }
}

/// Whether a text matches a pattern in which `*` stands for anything.
#[must_use]
pub fn is_like(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = pieces.next_back() else { return rest.is_empty() };
    for piece in pieces {
        let Some(at) = rest.find(piece) else { return false };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

/// Somebody has seen an incident and is on it: no reminders, no escalation. What gets worse, and what
/// is over, is told all the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// Who.
    pub author: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// What they said, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        let table = [
            ("web", "web", true),
            ("web", "web2", false),
            ("web*", "web2", true),
            ("*web", "my web", true),
            ("*", "", true),
            ("a*b*c", "a-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("dns.*", "dns.drift", true),
            ("dns.*", "dnsx", false),
            ("ab*ba", "aba", false),
            ("", "", true),
            ("", "x", false),
        ];
        for (pattern, text, expected) in table {
            assert_eq!(is_like(pattern, text), expected, "{pattern} {text}");
        }
    }
}
