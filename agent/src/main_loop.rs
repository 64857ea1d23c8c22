//! The one loop: it owns schedule, board and alert engine, and reads the clock once a turn.
//! Probes, deliveries and storage run elsewhere and come back as messages, so nothing here is
//! ever locked. Deliberately absent: I/O of its own.

mod absence;
mod adopt;
mod explained;
mod heartbeats;
mod job;
mod own;
mod publish;
mod quiet;
mod troubles;

use std::collections::HashMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use health::history::Sample;
use health::snapshot::Trouble;
use health::{Acknowledgement, Incident, Observation, PortKey, Silence, Snapshot, Transition};
use jiff::Timestamp;
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::board::{Board, Change};
use crate::clock;
use crate::metrics::{Counters, ProbeOutcome};
use crate::net::Net;
use crate::plan::{OutgoingHeartbeat, Plan};
use crate::schedule::{Key, Moment, Schedule};
use crate::store::{Batch, Restored, Store};
use absence::Absence;
pub use adopt::policy;
use job::Job;
use troubles::Troubles;

/// The loop turns at least this often, so that /readyz can tell a hung one.
const TURN_EVERY: Duration = Duration::from_secs(5);
/// The alert engine is asked again no sooner than this.
const LEAST_NAP: Duration = Duration::from_millis(20);
/// Messages taken in one turn before the snapshot gets its chance.
const MESSAGES_A_TURN: usize = 512;
/// Keys of sweeps start here, far from those of checks.
const FIRST_SWEEP: Key = 1 << 62;

/// What comes back to the loop.
#[derive(Debug)]
pub enum Message {
    /// A probe has ended.
    Observed {
        /// Which check.
        key: Key,
        /// What it saw.
        observation: Box<Observation>,
    },
    /// A search for undeclared listeners has ended.
    Swept {
        /// Which sweep.
        key: Key,
        /// What it found; `None` when it could not look.
        found: Option<Vec<(PortKey, Observation)>>,
    },
    /// A job has reported by itself.
    Called {
        /// The check's name.
        name: Arc<str>,
        /// Told once it is written down.
        written: oneshot::Sender<()>,
    },
    /// Somebody asks for quiet, or changes a silence.
    Silence {
        /// What is asked for.
        silence: Silence,
        /// Told once it is written down.
        written: oneshot::Sender<()>,
    },
    /// Somebody ends a silence before its time.
    EndSilence {
        /// Which.
        id: Arc<str>,
        /// Told whether there was one, once that is written down.
        written: oneshot::Sender<bool>,
    },
    /// Somebody is on an incident; or, with `None`, is not any more.
    Acknowledge {
        /// Its id.
        incident: Arc<str>,
        /// Who, and what they say.
        acknowledgement: Option<Acknowledgement>,
        /// Told whether such an incident is open, once that is written down.
        written: oneshot::Sender<bool>,
    },
    /// The plan was read again; or its mistakes, as `validate` prints them.
    Reloaded(Result<Box<Plan>, String>),
    /// Delegations that are soon forgotten are to be looked up again.
    RenewDelegations,
}

/// What the loop is given at the start.
#[derive(Debug)]
pub struct Parts {
    /// The plan to begin with.
    pub plan: Plan,
    /// The network.
    pub net: Net,
    /// The store.
    pub store: Store,
    /// What the store remembered.
    pub restored: Restored,
    /// Counters for /metrics.
    pub counters: Counters,
    /// How deliveries stand.
    pub dispatches: watch::Receiver<Vec<alerts::Dispatch>>,
    /// Receivers and routes for the courier, whenever the plan changes.
    pub addressees: watch::Sender<Vec<Arc<alerts::Receiver>>>,
    /// The sign of life that the plan wants, whenever that changes.
    pub heartbeat: watch::Sender<Option<OutgoingHeartbeat>>,
    /// Whether that sign is taken.
    pub heartbeat_trouble: watch::Receiver<Option<Trouble>>,
    /// Where snapshots are published.
    pub snapshot: watch::Sender<Arc<Snapshot>>,
    /// Where each turn is noted.
    pub turned: watch::Sender<Instant>,
}

/// The loop.
#[derive(Debug)]
pub struct MainLoop {
    plan: Arc<Plan>,
    plan_loaded_at: Timestamp,
    plan_refused: Option<(Timestamp, String)>,
    net: Arc<Net>,
    schedule: Schedule,
    board: Board,
    engine: alerts::Engine,
    jobs: FxHashMap<Key, Job>,
    last_sweep: Key,
    open: HashMap<Arc<str>, Arc<Incident>>,
    store: Store,
    batch: Batch,
    counters: Counters,
    troubles: Troubles,
    dispatches: watch::Receiver<Vec<alerts::Dispatch>>,
    samples: Vec<(Arc<str>, Sample)>,
    addressees: watch::Sender<Vec<Arc<alerts::Receiver>>>,
    heartbeat: watch::Sender<Option<OutgoingHeartbeat>>,
    snapshot: watch::Sender<Arc<Snapshot>>,
    turned: watch::Sender<Instant>,
    /// The time in which the agent was not running, until what was missed is told.
    absence: Option<Absence>,
    /// When a receiver that fails has done so for long enough to be told.
    receivers_due: Option<Timestamp>,
    /// When a sign of life was last written down.
    sign_given: Option<Timestamp>,
    outbox: mpsc::UnboundedSender<Message>,
    inbox: mpsc::UnboundedReceiver<Message>,
    start: Instant,
    started_at: Timestamp,
    published: Duration,
    dirty: bool,
}

impl MainLoop {
    /// Sets everything up and believes what the store remembered.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let started_at = clock::now();
        let (outbox, inbox) = mpsc::unbounded_channel();
        let plan = Arc::new(parts.plan);
        let mut main_loop = Self {
            plan_loaded_at: started_at,
            plan_refused: None,
            net: Arc::new(parts.net),
            schedule: Schedule::new(plan.agent.probes_in_flight),
            board: Board::default(),
            engine: alerts::Engine::new(policy(&plan)),
            jobs: FxHashMap::default(),
            last_sweep: FIRST_SWEEP,
            open: HashMap::new(),
            troubles: Troubles::new(
                parts.store.trouble(),
                parts.heartbeat_trouble,
                plan.agent.clone(),
            ),
            heartbeat: parts.heartbeat,
            store: parts.store,
            batch: Batch::default(),
            counters: parts.counters,
            dispatches: parts.dispatches,
            samples: Vec::new(),
            addressees: parts.addressees,
            snapshot: parts.snapshot,
            turned: parts.turned,
            absence: None,
            receivers_due: None,
            sign_given: None,
            outbox,
            inbox,
            start: clock::monotonic(),
            started_at,
            published: Duration::ZERO,
            dirty: true,
            plan,
        };
        let moment = main_loop.moment();
        main_loop.adopt(moment);
        main_loop.resume(parts.restored, moment.wall);
        main_loop.explain_all(moment.wall);
        main_loop.remind(moment.wall);
        main_loop.commit(moment.wall);
        main_loop.publish(moment);
        main_loop
    }

    /// Where messages to the loop go: also those of whoever reads the plan again.
    #[must_use]
    pub fn inbox(&self) -> mpsc::UnboundedSender<Message> {
        self.outbox.clone()
    }

    /// Turns until told to stop, then writes down what is left.
    pub async fn turn_until(mut self, stop: CancellationToken) {
        let mut alarm = pin!(tokio::time::sleep_until(self.start.into()));
        loop {
            let moment = self.moment();
            self.start_due(moment);
            if self.dirty && moment.tick >= self.publish_due() {
                self.explain_all(moment.wall);
                self.watch_receivers(moment.wall);
            } else if self.receivers_due.is_some_and(|due| due <= moment.wall) {
                self.watch_receivers(moment.wall);
            }
            self.remind(moment.wall);
            self.tell_absence(moment.wall);
            self.commit(moment.wall);
            self.give_sign(moment.wall);
            if self.dirty && moment.tick >= self.publish_due() {
                self.publish(moment);
            }
            // One alarm, set only when it changes: setting one anew takes a system call.
            let wake = tokio::time::Instant::from_std(self.next_wake(moment));
            if alarm.deadline() != wake {
                alarm.as_mut().reset(wake);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                message = self.inbox.recv() => {
                    let moment = self.moment();
                    if let Some(message) = message {
                        self.take(message, moment);
                    }
                    for _ in 1..MESSAGES_A_TURN {
                        let Ok(message) = self.inbox.try_recv() else { break };
                        self.take(message, moment);
                    }
                }
                () = changed(&mut self.dispatches) => self.dirty = true,
                () = self.troubles.changed() => self.dirty = true,
                () = alarm.as_mut() => {}
            }
        }
        let now = clock::now();
        self.take_leave(now);
        self.remind(now);
        self.commit(now);
    }

    fn moment(&self) -> Moment {
        Moment { tick: clock::monotonic() - self.start, wall: clock::now() }
    }

    fn next_wake(&self, moment: Moment) -> Instant {
        let mut wake = moment.tick + TURN_EVERY;
        if let Some(due) = self.schedule.next_wake() {
            wake = wake.min(due);
        }
        if self.dirty {
            wake = wake.min(self.publish_due());
        }
        if let Some(due) = self.engine.next_due() {
            // What was due has been told this turn: what is due already waits for something else.
            let ahead = Duration::try_from(due.duration_since(moment.wall)).unwrap_or_default();
            wake = wake.min(moment.tick + ahead.max(LEAST_NAP));
        }
        self.start + wake
    }

    /// Starts every check that is due, as many at once as the plan allows.
    fn start_due(&mut self, moment: Moment) {
        while let Some(start) = self.schedule.poll(moment) {
            self.counters.lag(start.lag);
            let Some(job) = self.jobs.get(&start.key).cloned() else {
                self.schedule.finished(start.key);
                continue;
            };
            let (net, outbox, key) = (self.net.clone(), self.outbox.clone(), start.key);
            // In a box, because a task is moved as a whole several times from its start to its end.
            tokio::spawn(Box::pin(async move {
                // The loop is gone only when the process ends.
                let _ = outbox.send(job.run(key, &net).await);
            }));
        }
        let counters = &self.counters;
        counters.in_flight.set(i64::try_from(self.schedule.running()).unwrap_or(i64::MAX));
        counters.turns(self.schedule.skipped(), self.schedule.deferred());
        self.troubles.waiting(
            self.schedule.waiting(),
            self.plan.agent.probes_in_flight,
            moment.wall,
        );
        let _ = self.turned.send_replace(self.start + moment.tick);
    }

    fn take(&mut self, message: Message, moment: Moment) {
        match message {
            Message::Observed { key, observation } => {
                self.schedule.finished(key);
                let observation = self.heard_now(key, moment.wall).unwrap_or(*observation);
                self.observed(key, observation, moment);
            }
            Message::Swept { key, found } => {
                self.schedule.finished(key);
                let Some(found) = found else { return };
                let Some(Job::Sweep(sweep)) = self.jobs.get(&key).cloned() else { return };
                let changes = self.board.record_sweep(&sweep, found, moment.wall);
                self.changed(changes, moment.wall);
            }
            Message::Called { name, written } => self.called(&name, written, moment),
            Message::Silence { silence, written } => self.silence(silence, written, moment.wall),
            Message::EndSilence { id, written } => self.end_silence(&id, written, moment.wall),
            Message::Acknowledge { incident, acknowledgement, written } => {
                self.acknowledge(&incident, acknowledgement, written, moment.wall);
            }
            Message::Reloaded(Ok(plan)) => self.reload(*plan, moment),
            Message::RenewDelegations => {
                let (plan, net) = (self.plan.clone(), self.net.clone());
                tokio::spawn(async move { job::renew_delegations(&plan, &net).await });
            }
            Message::Reloaded(Err(mistakes)) => {
                tracing::error!("the changed plan has mistakes, the old one runs on:\n{mistakes}");
                self.counters.reload_successful.set(0);
                self.plan_refused = Some((moment.wall, mistakes));
            }
        }
        self.dirty = true;
    }

    fn observed(&mut self, key: Key, observation: Observation, moment: Moment) {
        let Some(check) = self.board.planned(key) else { return };
        let name = check.frame.name.clone();
        let panicked =
            observation.findings.iter().any(|finding| finding.code == health::Code::AgentPanic);
        let outcome = match (panicked, observation.is_good()) {
            (true, _) => ProbeOutcome::Panic,
            (false, true) => ProbeOutcome::Success,
            (false, false) => ProbeOutcome::Failure,
        };
        self.counters.probe(check.frame.kind, outcome);
        if let Some(dns) = &observation.facts.dns {
            self.counters.dns_queries(&name, dns);
        }
        self.troubles.observed(&observation, moment.wall);
        if observation.facts.blind.is_none() {
            let sample = Sample {
                at: observation.at,
                duration_seconds: observation.duration.as_secs_f64(),
                success: observation.is_good(),
            };
            self.samples.push((name, sample));
        }
        let next_due = self.schedule.next_due(key, moment);
        let change = self.board.record(key, observation, next_due, moment.wall);
        self.changed(change, moment.wall);
    }

    /// Hands transitions to the alert engine and keeps what it decides for the next commit.
    fn changed(&mut self, changes: impl IntoIterator<Item = Change>, now: Timestamp) {
        for change in changes {
            tracing::info!(
                check = &*change.check.name,
                from = change.from.label(),
                to = change.to.label(),
                findings = told(&change.transition).map(tracing::field::display),
                "{}",
                verb(&change.transition),
            );
            if change.from != change.to {
                let row = health::history::Change { at: now, from: change.from, to: change.to };
                self.batch.changes.push((change.check.name.clone(), row));
            }
            self.explain_below(&change.check.name, now);
            let cause = self.board.cause_of(&change.check.name);
            let cause = cause.as_deref();
            let step =
                self.engine.advance(&change.check, change.to, &change.transition, cause, now);
            // One that flaps stays open while its check opens again and again.
            if matches!(change.transition, Transition::Opened(_))
                && let Some(incident) = &step.incident
                && incident.opened_at == now
            {
                self.counters.incident(incident.severity);
            }
            self.decided(step);
        }
    }

    fn decided(&mut self, step: alerts::Step) {
        if let Some(incident) = step.incident {
            let incident = Arc::new(incident);
            self.note_missed(&incident);
            if incident.resolved_at.is_some() {
                self.open.remove(&incident.id);
                self.board.note_incident(&incident.check, None);
            } else {
                self.board.note_incident(&incident.check, Some(incident.id.clone()));
                self.open.insert(incident.id.clone(), incident.clone());
            }
            self.batch.incidents.push(Incident::clone(&incident));
        }
        self.batch.notifications.extend(step.notifications);
        self.batch.complete.extend(step.complete);
        self.batch.decisions.extend(step.decisions);
        self.dirty = true;
    }

    fn remind(&mut self, now: Timestamp) {
        if self.engine.next_due().is_some_and(|due| due <= now) {
            for step in self.engine.due(now) {
                self.decided(step);
            }
        }
    }

    /// Hands the store everything this turn decided, to be written in one transaction.
    fn commit(&mut self, now: Timestamp) {
        self.batch.tenures.extend(self.board.take_tenures());
        self.batch.certificates.extend(self.board.take_certificates());
        self.batch.outcomes.extend(self.board.take_outcomes());
        self.batch.turns.extend(self.board.take_turns());
        if !self.batch.is_empty() {
            let batch = Batch { at: now, ..std::mem::take(&mut self.batch) };
            // Nobody waits for the receipt: what follows from it, the delivery, starts in the store.
            drop(self.store.commit(batch));
        }
        if !self.samples.is_empty() {
            self.store.append(self.samples.iter().map(|(name, sample)| (name, *sample)));
            self.samples.clear();
        }
    }
}

/// Ends when a value has changed; never, once nobody is left who could change it.
async fn changed<T>(watched: &mut watch::Receiver<T>) {
    if watched.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

fn verb(transition: &Transition) -> &'static str {
    match transition {
        Transition::Settled => "up",
        Transition::Opened(_) => "incident opened",
        Transition::Updated(_) => "incident updated",
        Transition::Resolved => "incident resolved",
    }
}

fn told(transition: &Transition) -> Option<String> {
    match transition {
        Transition::Opened(findings) | Transition::Updated(findings) => {
            let summaries: Vec<&str> =
                findings.iter().map(|standing| &*standing.finding.summary.en).collect();
            Some(summaries.join("; "))
        }
        Transition::Settled | Transition::Resolved => None,
    }
}

#[cfg(test)]
mod tests;
