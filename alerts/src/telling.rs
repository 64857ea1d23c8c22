//! A message as receivers for people need it: what the stored bodies say, read back.
//!
//! A body is written when the message is decided, in the language of its receiver, and never changed:
//! what is told is what was so then. Deliberately absent: words (see [`crate::prose`]).

use std::collections::BTreeMap;

use health::incident::Flapping;
use health::{Acknowledgement, Code, Event, Kind, Language, Severity, State};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::{Bundle, Receiver};

/// A message as receivers for people need it.
#[derive(Clone, Debug)]
pub(crate) struct Telling {
    /// The same for every attempt.
    pub(crate) id: String,
    /// What it says.
    pub(crate) event: Event,
    /// What it says it of; at least one.
    pub(crate) incidents: Vec<Told>,
    /// The reader's language.
    pub(crate) language: Language,
    /// The reader's clocks.
    pub(crate) timezone: TimeZone,
    /// When the last of it was decided: ages are told as of then, however late it arrives.
    pub(crate) decided_at: Timestamp,
}

/// One incident as a body tells of it. Of a test, next to everything is absent.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) agent: String,
    pub(crate) check: Option<String>,
    pub(crate) kind: Option<Kind>,
    #[serde(default)]
    pub(crate) instance: Option<String>,
    #[serde(default)]
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) severity: Option<Severity>,
    pub(crate) state: Option<State>,
    pub(crate) opened_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) flapping: Option<Flapping>,
    #[serde(default)]
    pub(crate) acknowledged: Option<Acknowledgement>,
    #[serde(default)]
    pub(crate) findings: Vec<ToldFinding>,
    #[serde(default)]
    pub(crate) explained_by: Option<String>,
    #[serde(default)]
    pub(crate) consequences: Vec<ToldConsequence>,
    /// What was missed while the agent was not running.
    #[serde(default)]
    pub(crate) missed: Option<ToldMissed>,
    pub(crate) url: String,
}

/// What was missed while the agent was not running.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ToldMissed {
    /// What was found changed afterwards.
    #[serde(default)]
    pub(crate) incidents: Vec<ToldFound>,
    /// Looks that fell into that time.
    #[serde(default)]
    pub(crate) looks: Vec<ToldLook>,
}

/// An incident that was found changed.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ToldFound {
    pub(crate) check: Option<String>,
    #[serde(default)]
    pub(crate) severity: Option<Severity>,
    pub(crate) opened_at: Option<Timestamp>,
    pub(crate) resolved_at: Option<Timestamp>,
    pub(crate) summary: Option<String>,
    pub(crate) url: Option<String>,
}

/// Looks of one check that fell into that time.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ToldLook {
    pub(crate) check: String,
    pub(crate) count: u32,
    pub(crate) last: Timestamp,
}

/// One finding of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ToldFinding {
    pub(crate) code: Code,
    pub(crate) severity: Severity,
    pub(crate) subject: String,
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) evidence: serde_json::Map<String, serde_json::Value>,
    pub(crate) remedy: String,
}

/// What follows from it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct ToldConsequence {
    pub(crate) check: String,
    pub(crate) summary: String,
    #[serde(default)]
    pub(crate) resolved_at: Option<Timestamp>,
}

impl Telling {
    /// Reads a bundle for its receiver.
    ///
    /// # Errors
    /// When a body is not understood, such as one of a later version.
    pub(crate) fn read(bundle: &Bundle, receiver: &Receiver) -> Result<Self, String> {
        let read = |body: &str| serde_json::from_str(body);
        let incidents: Result<Vec<Told>, _> =
            bundle.notifications.iter().map(|one| read(&one.body)).collect();
        Ok(Self {
            id: bundle.id.to_string(),
            event: bundle.event,
            incidents: incidents
                .map_err(|error| format!("the message is not understood: {error}"))?,
            language: receiver.language,
            timezone: receiver.timezone.clone(),
            decided_at: bundle
                .notifications
                .iter()
                .map(|one| one.created_at)
                .max()
                .unwrap_or_default(),
        })
    }
}
