//! What was missed while the agent was not running: one message, if anything was. Pure.
//!
//! Deliberately absent: reminders that fell into that time, which are told at once after it.

use std::sync::Arc;

use health::{Event, Incident, Kind, Severity, State};
use jiff::Timestamp;

use crate::notification::missed_id;
use crate::{Engine, Notification, payload, retry};

/// What was missed while the agent was not running.
#[derive(Clone, Debug, PartialEq)]
pub struct Missed {
    /// Its last sign of life.
    pub from: Timestamp,
    /// When it started again.
    pub until: Timestamp,
    /// What had opened, or was over, when it was first looked at again; as it is now.
    pub incidents: Vec<Arc<Incident>>,
    /// Looks by cron that fell into that time.
    pub looks: Vec<MissedLook>,
}

/// Looks of one check that fell into that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissedLook {
    /// The check.
    pub check: Arc<str>,
    /// How many.
    pub count: u32,
    /// When the last of them was due.
    pub last: Timestamp,
}

impl Engine {
    /// The messages that say what was missed: to whom a warning about the agent goes, or to all; none
    /// where nothing was.
    #[must_use]
    pub fn missed(&self, missed: &Missed, now: Timestamp) -> Vec<Notification> {
        if missed.incidents.is_empty() && missed.looks.is_empty() {
            return Vec::new();
        }
        let policy = self.policy();
        let incident = missed_id(missed.from);
        let mut names = policy.routed(&as_incident(&incident, missed), now);
        if names.is_empty() {
            names = policy.receivers.iter().map(|one| one.name.as_str().into()).collect();
        }
        let write = |name: Arc<str>| {
            let receiver = policy.receiver(&name)?;
            Some(Notification {
                id: crate::notification::message_id(&[&policy.agent, &incident, &name]),
                incident: Arc::clone(&incident),
                event: Event::Missed,
                body: payload::missed(policy, receiver.language, &incident, missed).into(),
                created_at: now,
                expires_at: retry::expires_at(now),
                due_at: now,
                thread: None,
                receiver: name,
            })
        };
        names.into_iter().filter_map(write).collect()
    }
}

/// What routes are asked about.
fn as_incident(id: &Arc<str>, missed: &Missed) -> Incident {
    Incident {
        id: Arc::clone(id),
        check: "portwarden".into(),
        kind: Kind::Agent,
        instance: "".into(),
        host: None,
        severity: Severity::Warning,
        state: State::Degraded,
        opened_at: missed.from,
        updated_at: missed.until,
        resolved_at: Some(missed.until),
        findings: Vec::new(),
        explained_by: None,
        waits_until: None,
        consequences: Vec::new(),
        labels: std::collections::BTreeMap::new(),
        flapping: None,
        acknowledged: None,
    }
}
