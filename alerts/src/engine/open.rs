//! An open incident with what a restart must not forget: who was told what of it, and what is held
//! back. All of it follows from what was stored.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use health::incident::Flapping;
use health::{Code, Decision, Event, Incident, Severity, StandingFinding, State, Why};
use jiff::Timestamp;
use serde::Deserialize;

/// An open incident with what a restart must not forget.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenIncident {
    /// The incident.
    pub incident: Incident,
    /// The worst severity it ever had.
    pub peak: Severity,
    /// Receivers that were told it opened, first told first.
    pub told: Vec<Told>,
    /// How many notifications were written for it, to all receivers.
    pub notifications: u32,
    /// When a message last said that it is there, or its opening or a reminder was held back instead;
    /// `opened_at` when none did.
    pub called_at: Timestamp,
    /// What is held back: of each receiver at most one thing. Of no receiver: whoever would be told.
    pub held: Vec<Decision>,
    /// What it belongs together with, as it was last told.
    pub(super) thread: Arc<str>,
    /// When it is on the agenda.
    pub(super) next_look: Option<Timestamp>,
}

/// What one receiver knows of an incident.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Its name.
    pub receiver: Arc<str>,
    /// When it was told that the incident opened.
    pub at: Timestamp,
    /// The severity it was told last.
    pub severity: Severity,
    /// Since when the check flaps, if it was told so and not that it has settled.
    pub flapping_since: Option<Timestamp>,
    /// What it was told last.
    pub(super) picture: Picture,
    /// How many reminders it had.
    pub reminders: u32,
}

/// A notification that was written for an incident, as it is remembered.
#[derive(Clone, Copy, Debug)]
pub struct Remembered<'a> {
    /// Whom it went to.
    pub receiver: &'a str,
    /// What it said.
    pub event: Event,
    /// When it was decided.
    pub created_at: Timestamp,
    /// Its JSON.
    pub body: &'a str,
}

impl OpenIncident {
    /// One that nobody was told of.
    pub(super) fn new(incident: Incident) -> Self {
        Self {
            peak: incident.severity,
            told: Vec::new(),
            notifications: 0,
            called_at: incident.opened_at,
            held: Vec::new(),
            thread: Arc::clone(&incident.check),
            next_look: None,
            incident,
        }
    }

    /// One that was open when the agent last ran: its worst severity, the notifications written for it
    /// and what was decided about it, each in the order in which it happened.
    #[must_use]
    pub fn recall<'a>(
        incident: Incident,
        peak: Severity,
        notifications: impl IntoIterator<Item = Remembered<'a>>,
        decisions: &[Decision],
    ) -> Self {
        let mut open = Self { peak, ..Self::new(incident) };
        for one in notifications {
            open.notifications += 1;
            let said = Said::read(one.body, &open.incident);
            open.note_told(&one.receiver.into(), one.event, &said, one.created_at);
        }
        decisions.iter().for_each(|decision| open.note(decision));
        open
    }

    /// What this receiver knows of it.
    pub(super) fn told_to(&self, receiver: &str) -> Option<&Told> {
        self.told.iter().find(|told| &*told.receiver == receiver)
    }

    /// The worst that anybody was told of it.
    pub(super) fn known(&self) -> Option<Severity> {
        self.told.iter().map(|told| told.severity).max()
    }

    /// What is held back from this receiver.
    pub(super) fn held_from(&self, receiver: Option<&str>) -> Option<&Decision> {
        self.held.iter().find(|held| held.receiver.as_deref() == receiver)
    }

    /// Takes in that a message was decided.
    pub(super) fn note_told(
        &mut self,
        receiver: &Arc<str>,
        event: Event,
        said: &Said,
        at: Timestamp,
    ) {
        if matches!(event, Event::Opened | Event::Updated | Event::Reminder) {
            self.called_at = self.called_at.max(at);
        }
        let known = self.told.iter_mut().find(|told| told.receiver == *receiver);
        match (known, event) {
            (Some(told), Event::Opened | Event::Updated | Event::Reminder) => {
                told.severity = said.severity;
                told.flapping_since = said.flapping_since;
                told.picture = said.picture;
                told.reminders += u32::from(event == Event::Reminder);
            }
            (None, Event::Opened) => self.told.push(Told {
                receiver: Arc::clone(receiver),
                at,
                severity: said.severity,
                flapping_since: said.flapping_since,
                picture: said.picture,
                reminders: 0,
            }),
            _ => {}
        }
    }

    /// Takes in what was decided: what is held back from one receiver is the last that was decided.
    pub(super) fn note(&mut self, decision: &Decision) {
        let receiver = &decision.receiver;
        // Once it is about somebody, it is no longer about whoever would be told.
        self.held.retain(|held| held.receiver.is_some() && held.receiver != *receiver);
        let is_nobody = receiver.is_none() && decision.why == Why::Unrouted;
        let is_held = decision.notification.is_none() && decision.why.is_hold();
        if is_held || is_nobody {
            self.held.push(decision.clone());
        }
        if is_held && matches!(decision.event, Event::Opened | Event::Reminder) {
            self.called_at = self.called_at.max(decision.at);
        }
    }
}

/// What of an incident is worth a message when it changes: how bad it is, and which confirmed findings
/// there are; while it flaps, only that it does. Two are compared, never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Picture(u64);

/// What a message says, as far as that decides about the next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said {
    severity: Severity,
    flapping_since: Option<Timestamp>,
    picture: Picture,
}

impl Said {
    /// What a message says that is written now.
    pub(super) fn of(incident: &Incident) -> Self {
        let findings = incident.findings.iter().map(|standing| {
            let finding = &*standing.finding;
            (finding.code, &*finding.subject, finding.severity)
        });
        Self::new(incident.severity, incident.state, incident.flapping.as_ref(), findings)
    }

    /// What a message said. One that is not understood (it was written by a later version) counts as
    /// one that says what is so now.
    fn read(body: &str, incident: &Incident) -> Self {
        let Ok(body) = serde_json::from_str::<Body>(body) else { return Self::of(incident) };
        let findings = body.findings.iter().map(|one| (one.code, &*one.subject, one.severity));
        Self::new(body.severity, body.state, body.flapping.as_ref(), findings)
    }

    fn new<'a>(
        severity: Severity,
        state: State,
        flapping: Option<&Flapping>,
        findings: impl Iterator<Item = (Code, &'a str, Severity)>,
    ) -> Self {
        let flapping_since =
            flapping.filter(|flapping| flapping.settled_at.is_none()).map(|it| it.since);
        let mut hasher = DefaultHasher::new();
        flapping_since.hash(&mut hasher);
        if flapping_since.is_none() {
            let bad: BTreeSet<_> = findings.filter(|(_, _, it)| *it > Severity::Notice).collect();
            (severity, state, bad).hash(&mut hasher);
        }
        Self { severity, flapping_since, picture: Picture(hasher.finish()) }
    }

    /// Whether it says something else than what this receiver was told.
    pub(super) fn differs(&self, told: &Told) -> bool {
        self.picture != told.picture || self.is_worse(told)
    }

    /// Whether it is worse than what this receiver was told.
    pub(super) fn is_worse(&self, told: &Told) -> bool {
        self.severity > told.severity
    }
}

/// What is read back of a stored message.
#[derive(Deserialize)]
struct Body {
    severity: Severity,
    state: State,
    #[serde(default)]
    flapping: Option<Flapping>,
    findings: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    code: Code,
    severity: Severity,
    subject: String,
}

pub(super) fn worst(findings: &[StandingFinding]) -> Severity {
    let severities = findings.iter().map(|standing| standing.finding.severity);
    severities.max().unwrap_or(Severity::Warning)
}
