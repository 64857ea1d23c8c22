//! From the transition that opened it to the one that resolved it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Acknowledgement, Code, Kind, Language, Severity, StandingFinding, State, Text};

/// One thing that went wrong with one check, over time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// The same from opened to resolved; unique, URL-safe.
    pub id: Arc<str>,
    /// The check's name.
    pub check: Arc<str>,
    /// Its kind.
    pub kind: Kind,
    /// What it looks at.
    pub instance: Arc<str>,
    /// The plan's host, where known.
    pub host: Option<Arc<str>>,
    /// The worst severity of its confirmed findings; once resolved, the worst it had.
    pub severity: Severity,
    /// State of the check: degraded or down; up (or unknown, when the check left the plan) once resolved.
    pub state: State,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When its findings last changed.
    pub updated_at: Timestamp,
    /// When it resolved.
    pub resolved_at: Option<Timestamp>,
    /// Confirmed findings; once resolved, those it had last.
    pub findings: Vec<StandingFinding>,
    /// What explains it; `None` where it stands on its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_by: Option<Explanation>,
    /// Until when it is told to nobody new, because what explains it is about to be told, or was told
    /// and is over, so that this one should be over soon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_until: Option<Timestamp>,
    /// Incidents that this one explains or explained while it was open, also by way of others, oldest
    /// first; at most [`MOST_CONSEQUENCES`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consequences: Vec<Consequence>,
    /// Labels of its check, for routes, silences and whoever is told.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
    /// Its check changes all the time: it stays open until that settles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flapping: Option<Flapping>,
    /// Somebody is on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledgement>,
}

/// How a check that changes all the time has been doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flapping {
    /// When the first of the changes was by which it was recognised.
    pub since: Timestamp,
    /// How often the check went from well to bad since then, that time included.
    pub turns: u32,
    /// When the check last changed.
    pub changed_at: Timestamp,
    /// How many of the seconds since then it was bad, up to `changed_at`.
    #[serde(default)]
    pub bad_seconds: u64,
    /// When it settled; `None`: it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled_at: Option<Timestamp>,
}

/// How many consequences an incident keeps.
pub const MOST_CONSEQUENCES: usize = 200;

impl Incident {
    /// The check that explains it now.
    #[must_use]
    pub fn cause(&self) -> Option<&Arc<str>> {
        let explanation = self.explained_by.as_ref()?;
        explanation.ended_at.is_none().then_some(&explanation.check)
    }

    /// Its check changes all the time now.
    #[must_use]
    pub fn is_flapping(&self) -> bool {
        self.flapping.as_ref().is_some_and(|flapping| flapping.settled_at.is_none())
    }

    /// How it looks below the incident that explains it.
    #[must_use]
    pub fn as_consequence(&self) -> Consequence {
        // They are listed worst first.
        let worst = self.findings.first().map(|standing| &standing.finding);
        Consequence {
            incident: self.id.clone(),
            check: self.check.clone(),
            kind: self.kind,
            severity: self.severity,
            state: self.state,
            opened_at: self.opened_at,
            resolved_at: self.resolved_at,
            explained_by: self.explained_by.as_ref().map(|explanation| explanation.check.clone()),
            code: worst.map(|finding| finding.code),
            summary: worst.map_or_else(|| Text::same(""), |finding| finding.summary.clone()),
        }
    }
}

/// What explains an incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// The check or port whose own findings explain it.
    pub check: Arc<str>,
    /// That check's incident, once it has opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub incident: Option<Arc<str>>,
    /// When it ceased to explain it; `None`: it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// An incident as it is listed below the one that explains it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Consequence {
    /// Its id.
    pub incident: Arc<str>,
    /// Its check.
    pub check: Arc<str>,
    /// The check's kind.
    pub kind: Kind,
    /// Its severity.
    pub severity: Severity,
    /// State of its check.
    pub state: State,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it resolved, if it did so before the incident that explains it.
    pub resolved_at: Option<Timestamp>,
    /// What explains it directly: this incident's check, or that of another consequence.
    pub explained_by: Option<Arc<str>>,
    /// The code of its worst finding.
    pub code: Option<Code>,
    /// What that finding says.
    pub summary: Text,
}

/// A consequence in one language, as the API and notifications write it: one shape for both.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConsequenceView<'a> {
    /// The incident's id.
    pub id: &'a str,
    /// Its check.
    pub check: &'a str,
    /// The check's kind.
    pub kind: Kind,
    /// Its severity.
    pub severity: Severity,
    /// State of its check.
    pub state: State,
    /// The code of its worst finding.
    pub code: Option<Code>,
    /// What that finding says.
    pub summary: &'a str,
    /// What explains it directly.
    pub explained_by: Option<&'a str>,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When it resolved, if it did so before the incident that explains it.
    pub resolved_at: Option<Timestamp>,
}

impl Consequence {
    /// The same in the language asked for.
    #[must_use]
    pub fn view(&self, language: Language) -> ConsequenceView<'_> {
        ConsequenceView {
            id: &self.incident,
            check: &self.check,
            kind: self.kind,
            severity: self.severity,
            state: self.state,
            code: self.code,
            summary: self.summary.in_language(language),
            explained_by: self.explained_by.as_deref(),
            opened_at: self.opened_at,
            resolved_at: self.resolved_at,
        }
    }
}

/// What a notification says about an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// It is there, and this receiver has not heard of it yet.
    Opened,
    /// Its severity or its confirmed findings changed.
    Updated,
    /// It is still there.
    Reminder,
    /// It is over.
    Resolved,
    /// No incident at all: somebody wants to see whether messages arrive.
    Test,
    /// No incident: what was missed while the agent was not running.
    Missed,
}

impl Event {
    /// The name used in JSON, metrics and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Updated => "updated",
            Self::Reminder => "reminder",
            Self::Resolved => "resolved",
            Self::Test => "test",
            Self::Missed => "missed",
        }
    }

    /// The event with this label, or `None`.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        [Self::Opened, Self::Updated, Self::Reminder, Self::Resolved, Self::Test, Self::Missed]
            .into_iter()
            .find(|event| event.label() == label)
    }
}
