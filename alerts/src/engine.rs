//! From transitions to incidents and from incidents to messages: who hears what, and when. Pure.
//!
//! Whoever was told that an incident opened is told how it goes on and that it resolved, even when its
//! severity fell below their route or the routes changed since. Whoever the routes name only later (it
//! escalated, or the plan was reloaded) is told `opened` with the next change or reminder.
//!
//! What another incident explains is told below that one: see [`causes`]. Deliberately absent: holding
//! back what flaps.

mod causes;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use health::snapshot::MaintenanceStanding;
use health::{
    Acknowledgement, Check, Code, Decision, Event, Incident, Severity, Silence, StandingFinding,
    State, Transition,
};
use jiff::Timestamp;

use crate::notification::incident_id;
use crate::{Notification, Policy};
use causes::Causes;

/// What one decision changes; to be written down in one transaction before anything is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// The incident as it is now, when it changed.
    pub incident: Option<Incident>,
    /// Messages that follow from it, in the order in which they are to be sent.
    pub notifications: Vec<Notification>,
    /// What was decided about telling it, with the incident's id, and why.
    pub decisions: Vec<(Arc<str>, Decision)>,
}

/// An open incident with what a restart must not forget. All of it follows from what was stored: the
/// incident, its worst severity, and the notifications written for it.
#[derive(Clone, Debug, PartialEq)]
pub struct OpenIncident {
    /// The incident.
    pub incident: Incident,
    /// The worst severity it ever had.
    pub peak: Severity,
    /// Receivers that were told it opened, first told first.
    pub told: Vec<Arc<str>>,
    /// How many notifications were written for it, to all receivers.
    pub notifications: u32,
    /// When a message last said that it is there (opened or reminder); `opened_at` when none did.
    pub called_at: Timestamp,
}

/// Decides what becomes an incident and who is told. Time is an argument.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) policy: Policy,
    open: BTreeMap<Arc<str>, OpenIncident>,
    reminders: BTreeSet<(Timestamp, Arc<str>)>,
    /// The last opening and how many there were at that very moment.
    last_opening: Option<(Timestamp, u32)>,
    causes: Causes,
    /// Silences that have not ended.
    silences: BTreeMap<Arc<str>, Arc<Silence>>,
}

impl Engine {
    /// An engine that knows of no incident.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            open: BTreeMap::new(),
            reminders: BTreeSet::new(),
            last_opening: None,
            causes: Causes::default(),
            silences: BTreeMap::new(),
        }
    }

    /// Takes up the silences that had not ended when the agent last ran.
    pub fn resume_silences(&mut self, silences: impl IntoIterator<Item = Silence>) {
        let known = silences.into_iter().map(|one| (Arc::clone(&one.id), Arc::new(one)));
        self.silences = known.collect();
    }

    /// Silences that have not ended, the one that ends first before the others.
    #[must_use]
    pub fn silences(&self, now: Timestamp) -> Vec<Arc<Silence>> {
        let mut all: Vec<Arc<Silence>> =
            self.silences.values().filter(|one| now < one.ends_at).cloned().collect();
        all.sort_by(|a, b| (a.ends_at, &a.id).cmp(&(b.ends_at, &b.id)));
        all
    }

    /// Holds back what a silence is about from now on, or changes one by its id.
    pub fn silence(&mut self, silence: Silence) {
        self.silences.insert(Arc::clone(&silence.id), Arc::new(silence));
    }

    /// Ends a silence before its time. Hands it back as it is to be remembered; `None`: there is none.
    pub fn end_silence(&mut self, id: &str, now: Timestamp) -> Option<Silence> {
        let silence = self.silences.remove(id)?;
        Some(Silence { ends_at: now.min(silence.ends_at), ..Silence::clone(&silence) })
    }

    /// Every maintenance window that is open, and the next of each that is not, by when they begin.
    #[must_use]
    pub fn maintenance(&self, now: Timestamp) -> Vec<MaintenanceStanding> {
        let mut all: Vec<MaintenanceStanding> =
            self.policy.maintenance.iter().filter_map(|one| one.standing(now)).collect();
        all.sort_by(|a, b| (a.from, &a.name).cmp(&(b.from, &b.name)));
        all
    }

    /// Somebody is on an incident; or, with `None`, nobody is any more. `None`: no such incident is open.
    pub fn acknowledge(
        &mut self,
        incident: &str,
        acknowledgement: Option<Acknowledgement>,
    ) -> Option<Step> {
        let open = self.open.values_mut().find(|open| &*open.incident.id == incident)?;
        open.incident.acknowledged = acknowledgement;
        Some(Step { incident: Some(open.incident.clone()), ..Step::default() })
    }

    /// Takes up the incidents that were open when the agent last ran.
    pub fn resume(&mut self, incidents: impl IntoIterator<Item = OpenIncident>) {
        for open in incidents {
            self.open.insert(Arc::clone(&open.incident.check), open);
        }
        self.schedule_all();
        self.resume_explained();
    }

    /// Follows a reloaded plan. Tells nobody anything: nothing happened.
    pub fn replace_policy(&mut self, policy: Policy) {
        let failing = std::mem::take(&mut self.policy.failing);
        self.policy = Policy { failing, ..policy };
        self.schedule_all();
        self.causes.unsettle();
    }

    /// The policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Every open incident, by check name.
    pub fn open_incidents(&self) -> impl Iterator<Item = &Incident> {
        self.open.values().map(|open| &open.incident)
    }

    /// The open incident of a check.
    #[must_use]
    pub fn incident_of(&self, check: &str) -> Option<&Incident> {
        self.open.get(check).map(|open| &open.incident)
    }

    /// Follows one transition of one check, whose state is now `state`, and which `cause` explains.
    pub fn advance(
        &mut self,
        check: &Check,
        state: State,
        transition: &Transition,
        cause: Option<&Check>,
        now: Timestamp,
    ) -> Step {
        match transition {
            Transition::Settled => Step::default(),
            Transition::Opened(findings) | Transition::Updated(findings) => {
                self.explain(check, cause, now);
                match self.open.remove(&check.name) {
                    Some(open) => self.update(open, check, state, findings, now),
                    None => self.open(check, state, findings, cause, now),
                }
            }
            Transition::Resolved => self.close(&check.name, state, now),
        }
    }

    /// The check left the plan: its incident is over, with an unknown state.
    pub fn removed(&mut self, check: &str, now: Timestamp) -> Step {
        self.close(check, State::Unknown, now)
    }

    /// What was held back and is to be told now, and reminders that are due: one each, however many
    /// were missed.
    pub fn due(&mut self, now: Timestamp) -> Vec<Step> {
        let mut steps = self.settle(now);
        while let Some((at, _)) = self.reminders.first()
            && *at <= now
        {
            let Some((_, check)) = self.reminders.pop_first() else { break };
            let consequences = self.consequences_of(&check);
            let Some(mut open) = self.open.remove(&check) else { continue };
            open.incident.consequences = consequences;
            let notifications = self.call(&mut open, Event::Reminder, now);
            // Also where nobody was left to be called, or this would be due forever.
            open.called_at = now;
            self.keep(open);
            steps.push(Step { notifications, ..Step::default() });
        }
        steps
    }

    /// When [`Engine::due`] has something to say.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let reminder = self.reminders.first().map(|(at, _)| *at);
        [self.causes.next_due(), reminder].into_iter().flatten().min()
    }

    fn open(
        &mut self,
        check: &Check,
        state: State,
        findings: &[StandingFinding],
        cause: Option<&Check>,
        now: Timestamp,
    ) -> Step {
        let nth = match self.last_opening {
            Some((at, nth)) if at == now => nth + 1,
            _ => 0,
        };
        self.last_opening = Some((now, nth));
        let severity = worst(findings);
        let incident = Incident {
            id: incident_id(&self.policy.agent, &check.name, now, nth),
            check: Arc::clone(&check.name),
            kind: check.kind,
            instance: Arc::clone(&check.instance),
            host: check.host.clone(),
            severity,
            state,
            opened_at: now,
            updated_at: now,
            resolved_at: None,
            findings: findings.to_vec(),
            explained_by: None,
            waits_until: None,
            consequences: Vec::new(),
            labels: check.labels.clone(),
            flapping: None,
            acknowledged: None,
        };
        let mut open = OpenIncident {
            incident,
            peak: severity,
            told: Vec::new(),
            notifications: 0,
            called_at: now,
        };
        self.explain_opened(&mut open, check, cause, now);
        let notifications = self.call(&mut open, Event::Opened, now);
        let incident = Some(open.incident.clone());
        let step = Step { incident, notifications, ..Step::default() };
        self.keep(open);
        step
    }

    fn update(
        &mut self,
        mut open: OpenIncident,
        check: &Check,
        state: State,
        findings: &[StandingFinding],
        now: Timestamp,
    ) -> Step {
        self.unschedule(&open);
        let incident = &mut open.incident;
        let severity = worst(findings);
        let changed = severity != incident.severity
            || state != incident.state
            || signature(findings) != signature(&incident.findings);
        incident.kind = check.kind;
        incident.instance = Arc::clone(&check.instance);
        incident.host = check.host.clone();
        incident.labels = check.labels.clone();
        incident.severity = severity;
        incident.state = state;
        incident.findings = findings.to_vec();
        let cause = incident.cause().cloned();
        incident.findings.iter_mut().for_each(|one| one.explained_by.clone_from(&cause));
        open.peak = open.peak.max(severity);
        let mut notifications = Vec::new();
        if changed {
            incident.updated_at = now;
            notifications = self.call(&mut open, Event::Updated, now);
        }
        let incident = Some(open.incident.clone());
        let step = Step { incident, notifications, ..Step::default() };
        self.keep(open);
        self.touch_above(&check.name);
        step
    }

    fn close(&mut self, check: &str, state: State, now: Timestamp) -> Step {
        let Some(mut open) = self.close_explained(check, now) else { return Step::default() };
        self.unschedule(&open);
        let incident = &mut open.incident;
        // A clock that was set back makes no incident end before it began.
        let ended = now.max(incident.opened_at);
        incident.state = state;
        incident.severity = open.peak;
        incident.updated_at = ended;
        incident.resolved_at = Some(ended);
        let told = open.told.clone();
        let notifications = told
            .iter()
            .filter(|receiver| self.policy.knows(receiver))
            .map(|receiver| self.write(&mut open, receiver, Event::Resolved, now))
            .collect();
        Step { incident: Some(open.incident), notifications, ..Step::default() }
    }

    /// Tells everybody concerned that the incident is there: `event` to those who know it already,
    /// `opened` to those whom the routes name and who were never told.
    fn call(&self, open: &mut OpenIncident, event: Event, now: Timestamp) -> Vec<Notification> {
        let (known, new) = self.audience(open, now);
        let mut notifications = self.tell(open, &known, event, now);
        notifications.extend(self.tell(open, &new, Event::Opened, now));
        let called = event == Event::Reminder && !known.is_empty();
        if called || !new.is_empty() {
            open.called_at = now;
        }
        open.told.extend(new);
        notifications
    }

    fn tell(
        &self,
        open: &mut OpenIncident,
        receivers: &[Arc<str>],
        event: Event,
        now: Timestamp,
    ) -> Vec<Notification> {
        receivers.iter().map(|receiver| self.write(open, receiver, event, now)).collect()
    }

    /// Receivers that know of the incident, and those that should but do not.
    fn audience(&self, open: &OpenIncident, now: Timestamp) -> (Vec<Arc<str>>, Vec<Arc<str>>) {
        let known = open.told.iter().filter(|name| self.policy.knows(name)).cloned().collect();
        let mut new = self.policy.routed(&open.incident);
        new.retain(|name| !open.told.contains(name) && !self.is_held_back(open, name, now));
        (known, new)
    }

    fn write(
        &self,
        open: &mut OpenIncident,
        receiver: &Arc<str>,
        event: Event,
        now: Timestamp,
    ) -> Notification {
        let number = open.notifications;
        open.notifications = number.saturating_add(1);
        Notification::new(&self.policy, &open.incident, receiver, event, number, now)
    }

    fn keep(&mut self, open: OpenIncident) {
        if let Some(at) = self.reminder_of(&open) {
            self.reminders.insert((at, Arc::clone(&open.incident.check)));
        }
        self.open.insert(Arc::clone(&open.incident.check), open);
    }

    fn unschedule(&mut self, open: &OpenIncident) {
        if let Some(at) = self.reminder_of(open) {
            self.reminders.remove(&(at, Arc::clone(&open.incident.check)));
        }
    }

    fn schedule_all(&mut self) {
        let due = |open| self.reminder_of(open);
        self.reminders = self
            .open
            .iter()
            .filter_map(|(check, open)| Some((due(open)?, Arc::clone(check))))
            .collect();
    }

    fn reminder_of(&self, open: &OpenIncident) -> Option<Timestamp> {
        // Also where all are held back: that may be over by then.
        let knows = |name: &Arc<str>| self.policy.knows(name);
        if !open.told.iter().any(knows) && self.policy.routed(&open.incident).is_empty() {
            return None;
        }
        self.policy.reminders.next(open.incident.opened_at, open.called_at)
    }
}

fn worst(findings: &[StandingFinding]) -> Severity {
    let severities = findings.iter().map(|standing| standing.finding.severity);
    severities.max().unwrap_or(Severity::Warning)
}

/// What makes an update worth a message: which confirmed findings there are, and how bad each is.
fn signature(findings: &[StandingFinding]) -> BTreeSet<(Code, &str, Severity)> {
    findings
        .iter()
        .map(|standing| &*standing.finding)
        .filter(|finding| finding.severity > Severity::Notice)
        .map(|finding| (finding.code, &*finding.subject, finding.severity))
        .collect()
}

#[cfg(test)]
mod tests;
