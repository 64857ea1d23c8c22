//! From transitions to incidents and from incidents to messages: who hears what, when, and why. Pure.
//!
//! Whoever was told that an incident opened is told how it goes on and that it resolved, even when its
//! severity fell below their route or the routes changed since. Whoever the routes name only later (it
//! escalated, or the plan was reloaded) is told `opened` with the next change or reminder.
//!
//! What holds a message back is in [`holds`]; what another incident explains is told below that one:
//! see [`causes`]. A check that changes all the time keeps its incident: see [`flapping`]. Who is told
//! what is decided in [`deciding`], and what goes out together in [`gathering`]. Deliberately absent:
//! clocks, and how a message gets to anybody.

mod books;
mod causes;
mod deciding;
mod flapping;
mod gathering;
mod holds;
mod open;
mod quiet;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use health::{
    Check, Code, Decision, Event, Incident, Severity, Silence, StandingFinding, State, Transition,
    Why,
};
use jiff::Timestamp;

use crate::notification::incident_id;
use crate::{Notification, Policy};
use causes::Causes;
use deciding::{Occasion, decide};
use flapping::{Turns, is_bad, settle, turn_again};
pub use gathering::Gathered;
use gathering::Gatherings;
use holds::Calendar;
use open::worst;
pub use open::{OpenIncident, Remembered, Told};

/// How often what is due is looked for before the others get their turn.
const MOST_ROUNDS: usize = 8;

/// What one decision changes; to be written down in one transaction before anything is sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// The incident as it is now, when it changed.
    pub incident: Option<Incident>,
    /// Messages that follow from it, in the order in which they are to be sent.
    pub notifications: Vec<Notification>,
    /// What waits for others no longer, because the last of them is among the messages.
    pub complete: Vec<Gathered>,
    /// What was decided about telling it, with the incident's id, and why.
    pub decisions: Vec<(Arc<str>, Decision)>,
}

/// Decides what becomes an incident and who is told. Time is an argument.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) policy: Policy,
    open: BTreeMap<Arc<str>, OpenIncident>,
    /// Checks of open incidents by their ids.
    checks: HashMap<Arc<str>, Arc<str>>,
    /// When each open incident is to be looked at again.
    agenda: BTreeSet<(Timestamp, Arc<str>)>,
    /// The last opening and how many there were at that very moment.
    last_opening: Option<(Timestamp, u32)>,
    causes: Causes,
    /// Silences that have not ended.
    silences: BTreeMap<Arc<str>, Arc<Silence>>,
    calendar: Calendar,
    turns: Turns,
    gatherings: Gatherings,
    /// Something was asked for that may end what holds messages back.
    is_quiet_changed: bool,
    /// When a window or a silence begins next.
    quiet_at: Option<Timestamp>,
}

impl Engine {
    /// An engine that knows of no incident.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        Self {
            quiet_at: (!policy.maintenance.is_empty()).then_some(Timestamp::MIN),
            policy,
            open: BTreeMap::new(),
            checks: HashMap::new(),
            agenda: BTreeSet::new(),
            last_opening: None,
            causes: Causes::default(),
            silences: BTreeMap::new(),
            calendar: Calendar::default(),
            turns: Turns::default(),
            gatherings: Gatherings::default(),
            is_quiet_changed: false,
        }
    }

    /// Takes up the incidents that were open when the agent last ran.
    pub fn resume(&mut self, incidents: impl IntoIterator<Item = OpenIncident>) {
        for open in incidents {
            self.checks.insert(Arc::clone(&open.incident.id), Arc::clone(&open.incident.check));
            self.open.insert(Arc::clone(&open.incident.check), open);
        }
        self.reschedule();
        self.resume_explained();
        self.look_up_quiet();
    }

    /// Follows a reloaded plan. Tells nobody anything that was not held back: nothing happened.
    pub fn replace_policy(&mut self, policy: Policy) {
        let failing = std::mem::take(&mut self.policy.failing);
        self.policy = Policy { failing, ..policy };
        self.calendar.forget();
        self.look_up_quiet();
        self.reschedule();
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
                match self.take(&check.name) {
                    Some(open) => self.update(open, check, state, findings, now),
                    None => self.open(check, state, findings, cause, now),
                }
            }
            Transition::Resolved => self.recover(check, state, now),
        }
    }

    /// The check left the plan: its incident is over, with an unknown state.
    pub fn removed(&mut self, check: &str, now: Timestamp) -> Step {
        self.close(check, State::Unknown, now, now)
    }

    /// What was held back and is to be told now, who is told because nobody acknowledged it, and
    /// reminders that are due: one each, however many were missed.
    pub fn due(&mut self, now: Timestamp) -> Vec<Step> {
        let mut steps = Vec::new();
        // What settles closes its incident, which may concern those that it explained; who explain
        // each other do so once.
        for _ in 0..MOST_ROUNDS {
            self.due_once(now, &mut steps);
            if self.next_due().is_none_or(|due| due > now) {
                break;
            }
        }
        steps
    }

    fn due_once(&mut self, now: Timestamp, steps: &mut Vec<Step>) {
        let mut concerned = self.causes.unsettled(now);
        while let Some((at, _)) = self.agenda.first()
            && *at <= now
        {
            let Some((_, check)) = self.agenda.pop_first() else { break };
            concerned.insert(check);
        }
        self.turn_to(now);
        self.silences.retain(|_, silence| now < silence.ends_at);
        if self.quiet_at.is_some_and(|at| at <= now) {
            self.ask_again();
        }
        self.quiet_at = self.next_quiet(now);
        if std::mem::take(&mut self.is_quiet_changed) {
            let held = self.open.values().filter(|open| !open.held.is_empty());
            concerned.extend(held.map(|open| Arc::clone(&open.incident.check)));
        }
        // A cause before what follows from it: once it is told, they need not be.
        let mut concerned: Vec<(usize, Arc<str>)> =
            concerned.into_iter().map(|name| (self.above(&name).len(), name)).collect();
        concerned.sort();
        for (_, name) in concerned {
            let step = self.attend(&name, now);
            steps.extend(step.filter(|step| *step != Step::default()));
        }
        self.show_touched(steps);
    }

    /// When [`Engine::due`] has something to say.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        let asked = self.is_quiet_changed.then_some(Timestamp::MIN);
        let look = self.agenda.first().map(|(at, _)| *at);
        [asked, self.causes.next_due(), look, self.quiet_at].into_iter().flatten().min()
    }

    /// Looks at one incident again.
    fn attend(&mut self, name: &Arc<str>, now: Timestamp) -> Option<Step> {
        let consequences = self.consequences_of(name);
        let mut open = self.take(name)?;
        open.incident.consequences = consequences;
        let has_settled = self.settles_at(&open.incident).is_some_and(|at| at <= now);
        if has_settled {
            settle(&mut open.incident, now);
            if !is_bad(open.incident.state) {
                let (state, ended) = (open.incident.state, changed_at(&open.incident));
                self.keep(open, Timestamp::MIN);
                return Some(self.close(name, state, ended, now));
            }
        }
        let reminds = self.reminder_of(&open).is_some_and(|at| at <= now);
        let occasion = match (has_settled, reminds) {
            (_, true) => Occasion::Reminder,
            (true, false) => Occasion::Change,
            (false, false) => Occasion::Recheck,
        };
        let mut step = Step::default();
        self.consider(&mut open, occasion, now, &mut step);
        if reminds {
            // Also where nobody was left to be called, or this would be due forever.
            open.called_at = now;
        }
        let is_explained = open.incident.explained_by.is_some();
        let was_opened = step.notifications.iter().any(|message| message.event == Event::Opened);
        if is_explained && was_opened {
            self.stands_alone(&mut open);
        } else if open.incident.waits_until.is_some_and(|until| until <= now) {
            open.incident.waits_until = None;
            self.touch(name);
        }
        step.incident = has_settled.then(|| open.incident.clone());
        self.keep(open, now);
        Some(step)
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
        let mut open = OpenIncident::new(incident);
        open.incident.flapping = self.note_turn(&check.name, state, now);
        self.explain_opened(&mut open, check, cause, now);
        self.checks.insert(Arc::clone(&open.incident.id), Arc::clone(&check.name));
        let mut step = Step::default();
        self.consider(&mut open, Occasion::Change, now, &mut step);
        step.incident = Some(open.incident.clone());
        self.keep(open, Timestamp::MIN);
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
        self.change_state(&mut open, state, now);
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
        let mut step = Step::default();
        if changed {
            incident.updated_at = now;
            self.consider(&mut open, Occasion::Change, now, &mut step);
        }
        step.incident = Some(open.incident.clone());
        self.keep(open, Timestamp::MIN);
        self.touch_above(&check.name);
        step
    }

    /// The check is well: its incident is over, unless it has been over too often.
    fn recover(&mut self, check: &Check, state: State, now: Timestamp) -> Step {
        let Some(mut open) = self.take(&check.name) else { return Step::default() };
        self.change_state(&mut open, state, now);
        if !open.incident.is_flapping() {
            self.keep(open, Timestamp::MIN);
            return self.close(&check.name, state, now, now);
        }
        open.incident.state = state;
        open.incident.updated_at = now;
        let mut step = Step::default();
        self.consider(&mut open, Occasion::Change, now, &mut step);
        step.incident = Some(open.incident.clone());
        self.keep(open, Timestamp::MIN);
        self.touch_above(&check.name);
        step
    }

    /// The check goes over to a state that its incident does not have yet.
    fn change_state(&mut self, open: &mut OpenIncident, state: State, now: Timestamp) {
        if open.incident.state == state {
            return;
        }
        let flapping = self.note_turn(&open.incident.check, state, now);
        if open.incident.is_flapping() {
            turn_again(&mut open.incident, state, now);
        } else if flapping.is_some() {
            open.incident.flapping = flapping;
        }
    }

    /// An incident is over since `ended`, with this state: whoever knows of it is told so.
    fn close(&mut self, check: &str, state: State, ended: Timestamp, now: Timestamp) -> Step {
        let Some(mut open) = self.close_explained(check, now) else { return Step::default() };
        self.forget(&open);
        let has_settled = open.incident.flapping.as_ref().is_some_and(|it| it.settled_at.is_some());
        let incident = &mut open.incident;
        // A clock that was set back makes no incident end before it began.
        let ended = ended.max(incident.opened_at);
        incident.state = state;
        incident.severity = open.peak;
        incident.updated_at = ended;
        incident.resolved_at = Some(ended);
        let mut step = Step::default();
        for told in open.told.clone() {
            if self.policy.knows(&told.receiver) {
                let settled = told.flapping_since.is_some() && has_settled;
                let why = if settled { Why::Settled } else { Why::Follows };
                self.tell(&mut open, &told.receiver, Event::Resolved, why, now, &mut step);
            }
        }
        for held in std::mem::take(&mut open.held) {
            if held.event == Event::Opened && held.why.is_hold() {
                let why = Why::OverBefore { held: Box::new(held.why) };
                decide(&mut open, held.receiver.as_ref(), held.event, None, why, now, &mut step);
            }
        }
        step.incident = Some(open.incident);
        step
    }
}

/// When a check that flaps changed last.
fn changed_at(incident: &Incident) -> Timestamp {
    incident.flapping.as_ref().map_or(incident.updated_at, |flapping| flapping.changed_at)
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
