//! One thing that is wrong: what, where, how it can be seen, and what to do about it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Code, Kind, Language, Text};

/// How much a finding matters. Ordered: a notice is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; opens no incident.
    Notice,
    /// Will become an outage, or is half of one: the check is degraded.
    Warning,
    /// Visitors notice now: the check is down.
    Critical,
}

impl Severity {
    /// The name used in JSON, metrics and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// One thing that is wrong, as one probe saw it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// What kind of thing is wrong.
    pub code: Code,
    /// How much it matters here.
    pub severity: Severity,
    /// The offending thing itself: an address, a nameserver, a file, a process.
    pub subject: String,
    /// One sentence: what is wrong, with the expected and the actual value.
    pub summary: Text,
    /// What a person can check by hand, in reading order: `expected`, `got`, addresses, pids.
    pub evidence: Map<String, Value>,
    /// What to type or change next.
    pub remedy: Text,
}

impl Finding {
    /// A finding with the code's usual severity and no evidence yet.
    #[must_use]
    pub fn new(code: Code, subject: impl Into<String>, summary: Text, remedy: Text) -> Self {
        Self {
            code,
            severity: code.severity(),
            subject: subject.into(),
            summary,
            evidence: Map::new(),
            remedy,
        }
    }

    /// The same finding with another severity.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// The same finding with one more line of evidence.
    #[must_use]
    pub fn evidence(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.evidence.insert(name.to_owned(), value.into());
        self
    }

    /// What makes two findings of one check the same finding over time.
    #[must_use]
    pub fn is_same_as(&self, other: &Finding) -> bool {
        self.code == other.code && self.subject == other.subject
    }
}

/// A finding over time: since when, whether it has lasted, and what explains it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StandingFinding {
    /// As it was seen last.
    pub finding: Arc<Finding>,
    /// When it was first seen without interruption.
    pub since: Timestamp,
    /// It has lasted `fail_after` observations.
    pub confirmed: bool,
    /// The check or port whose own finding explains this one.
    pub explained_by: Option<Arc<str>>,
}

/// A finding in one language, as the API and notifications write it: one shape for both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View<'a> {
    /// The check's name.
    pub check: &'a str,
    /// The check's kind.
    pub kind: Kind,
    /// What kind of thing is wrong.
    pub code: Code,
    /// How much it matters.
    pub severity: Severity,
    /// The offending thing itself.
    pub subject: &'a str,
    /// What is wrong.
    pub summary: &'a str,
    /// What can be checked by hand.
    pub evidence: &'a Map<String, Value>,
    /// What to do next.
    pub remedy: &'a str,
    /// When it was first seen without interruption.
    pub since: Timestamp,
    /// It has lasted `fail_after` observations.
    pub confirmed: bool,
    /// The check or port whose own finding explains this one.
    pub explained_by: Option<&'a str>,
}

impl<'a> View<'a> {
    /// One check's finding in the language asked for.
    #[must_use]
    pub fn new(
        check: &'a str,
        kind: Kind,
        standing: &'a StandingFinding,
        language: Language,
    ) -> Self {
        let finding = &*standing.finding;
        Self {
            check,
            kind,
            code: finding.code,
            severity: finding.severity,
            subject: &finding.subject,
            summary: finding.summary.in_language(language),
            evidence: &finding.evidence,
            remedy: finding.remedy.in_language(language),
            since: standing.since,
            confirmed: standing.confirmed,
            explained_by: standing.explained_by.as_deref(),
        }
    }
}
