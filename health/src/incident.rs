//! From the transition that opened it to the one that resolved it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Kind, Severity, StandingFinding, State};

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
        }
    }

    /// The event with this label, or `None`.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        [Self::Opened, Self::Updated, Self::Reminder, Self::Resolved, Self::Test]
            .into_iter()
            .find(|event| event.label() == label)
    }
}
