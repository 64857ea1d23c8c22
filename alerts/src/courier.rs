//! Carries what the outbox holds until it is delivered or given up.
//!
//! Every receiver has a lane of its own, so that a slow one delays no other; a lane has at most
//! [`IN_FLIGHT`] deliveries under way, each of other incidents, and to people one. A message that is
//! refused again and again holds back only what follows it within its own incidents. Where nothing
//! arrives at all, what is new is gathered until something does: see [`parcel`].
//!
//! Deliberately absent: what to send (see [`crate::Engine`]) and where it is kept (see [`Outbox`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use health::snapshot::ReceiverStanding;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::retry::later;
use crate::{Outbox, OutboxError, Receiver, Verdict};

mod lane;
mod parcel;

use lane::Lane;

/// Deliveries to one receiver under way at once.
const IN_FLIGHT: usize = 4;

/// Says what time it is.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How deliveries to one receiver stand, and how many attempts ended how since the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Dispatch {
    /// For pages.
    pub standing: ReceiverStanding,
    /// Notifications that arrived.
    pub delivered: u64,
    /// Attempts after which another follows.
    pub retried: u64,
    /// Notifications that were refused for good.
    pub failed: u64,
    /// Notifications given up after they were tried for as long as anything is.
    pub expired: u64,
    /// When a notification was last given up, if nothing has arrived since then.
    pub gave_up_at: Option<Timestamp>,
}

/// Attempts may fail for so long before anybody is told.
const FAILING_FOR: SignedDuration = SignedDuration::from_mins(5);

impl Dispatch {
    /// Since when messages do not arrive there, where that is worth telling: for a while, or one was
    /// given up.
    #[must_use]
    pub fn failing_since(&self, now: Timestamp) -> Option<Timestamp> {
        let since = self.standing.failing_since?;
        (self.gave_up_at.is_some() || later(since, FAILING_FOR) <= now).then_some(since)
    }

    /// When [`Dispatch::failing_since`] begins to say so, if nothing arrives until then.
    #[must_use]
    pub fn failing_from(&self) -> Option<Timestamp> {
        let since = self.standing.failing_since?;
        Some(if self.gave_up_at.is_some() { since } else { later(since, FAILING_FOR) })
    }
}

/// Carries notifications to receivers. One per agent.
pub struct Courier<O> {
    client: reqwest::Client,
    outbox: O,
    receivers: watch::Receiver<Vec<Arc<Receiver>>>,
    clock: Clock,
    board: Board,
}

impl<O: Outbox> Courier<O> {
    /// A courier for the receivers of the plan, and where it reports how deliveries stand. What is
    /// pending for a receiver that is not among `receivers` is given up, so begin with the real ones.
    #[must_use]
    pub fn new(
        client: reqwest::Client,
        outbox: O,
        receivers: watch::Receiver<Vec<Arc<Receiver>>>,
        clock: Clock,
    ) -> (Self, watch::Receiver<Vec<Dispatch>>) {
        let (sender, reports) = watch::channel(Vec::new());
        let board = Board(Arc::new(sender));
        (Self { client, outbox, receivers, clock, board }, reports)
    }

    /// Carries until `stop` is ready; then lets the attempts under way end, which takes at most ten
    /// seconds. Dropped before that, it repeats them after the next start, under the same ids.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        let mut stop = std::pin::pin!(stop);
        let mut added = self.outbox.added();
        let mut lanes: BTreeMap<String, Running> = BTreeMap::new();
        loop {
            let receivers = self.receivers.borrow_and_update().clone();
            self.arrange(&mut lanes, &receivers).await;
            if let Err(error) = self.abandon(&lanes).await {
                tracing::warn!(%error, "what is pending for receivers that left the plan stays");
            }
            tokio::select! {
                () = &mut stop => break,
                changed = self.receivers.changed() => if changed.is_err() { break },
                changed = added.changed() => if changed.is_err() { break },
            }
        }
        end(lanes).await;
    }

    /// Gives up what is pending for receivers that left the plan. What waits is read before the plan is
    /// looked at: a receiver that it names since a moment ago may have messages already.
    async fn abandon(&self, lanes: &BTreeMap<String, Running>) -> Result<(), OutboxError> {
        let mut left = self.outbox.addressees().await?;
        let planned = self.receivers.borrow().clone();
        left.retain(|name| {
            !lanes.contains_key(name) && !planned.iter().any(|receiver| receiver.name == *name)
        });
        if left.is_empty() {
            return Ok(());
        }
        self.outbox.abandon(left, (self.clock)()).await
    }

    /// How deliveries stood, where a receiver is new to this courier.
    async fn past(&self, receivers: &[Arc<Receiver>]) -> Vec<ReceiverStanding> {
        if receivers.iter().all(|receiver| self.board.knows(&receiver.name)) {
            return Vec::new();
        }
        self.outbox.standings().await.unwrap_or_else(|error| {
            tracing::error!(%error, "how deliveries stood is not known");
            Vec::new()
        })
    }

    /// Starts lanes for new receivers, ends those of receivers that left, and hands the others their
    /// new address.
    async fn arrange(&self, lanes: &mut BTreeMap<String, Running>, receivers: &[Arc<Receiver>]) {
        let leaves = |name: &String| !receivers.iter().any(|receiver| receiver.name == *name);
        let left: Vec<String> = lanes.keys().filter(|name| leaves(name)).cloned().collect();
        end(left.into_iter().filter_map(|name| lanes.remove_entry(&name)).collect()).await;
        let past = self.past(receivers).await;
        self.board.keep(receivers, &past);
        for receiver in receivers {
            if let Some(running) = lanes.get(&receiver.name)
                && !running.task.is_finished()
            {
                running.receiver.send_if_modified(|known| {
                    let changed = known != receiver;
                    *known = Arc::clone(receiver);
                    changed
                });
                continue;
            }
            let (sender, changes) = watch::channel(Arc::clone(receiver));
            let lane = Lane {
                client: self.client.clone(),
                outbox: self.outbox.clone(),
                clock: Arc::clone(&self.clock),
                board: self.board.clone(),
                receiver: changes,
            };
            let task = tokio::spawn(lane.run());
            lanes.insert(receiver.name.clone(), Running { receiver: sender, task });
        }
    }
}

/// A lane that runs; dropping the sender ends it after the attempts under way.
struct Running {
    receiver: watch::Sender<Arc<Receiver>>,
    task: JoinHandle<()>,
}

async fn end(lanes: BTreeMap<String, Running>) {
    let tasks: Vec<(String, JoinHandle<()>)> =
        lanes.into_iter().map(|(name, running)| (name, running.task)).collect();
    for (receiver, task) in tasks {
        if let Err(error) = task.await {
            tracing::error!(%error, receiver, "deliveries ended abnormally");
        }
    }
}

/// Where lanes write how deliveries stand.
#[derive(Clone)]
struct Board(Arc<watch::Sender<Vec<Dispatch>>>);

impl Board {
    fn knows(&self, receiver: &str) -> bool {
        self.0.borrow().iter().any(|one| *one.standing.name == *receiver)
    }

    fn keep(&self, receivers: &[Arc<Receiver>], past: &[ReceiverStanding]) {
        self.0.send_modify(|all| {
            let mut kept = Vec::with_capacity(receivers.len());
            for receiver in receivers {
                let known = all.iter().find(|one| *one.standing.name == *receiver.name);
                kept.push(known.cloned().unwrap_or_else(|| fresh(receiver, past)));
            }
            *all = kept;
        });
    }

    fn pending(&self, receiver: &str, pending: u64) {
        self.0.send_if_modified(|all| match find(all, receiver) {
            Some(one) if one.standing.pending != pending => {
                one.standing.pending = pending;
                true
            }
            _ => false,
        });
    }

    /// `verdict` on a message that is so many notifications.
    fn attempted(&self, receiver: &str, at: Timestamp, verdict: (Verdict, u64), outcome: &str) {
        self.0.send_modify(|all| {
            let Some(one) = find(all, receiver) else { return };
            let standing = &mut one.standing;
            match verdict {
                (Verdict::Delivered, count) => {
                    one.delivered += count;
                    one.gave_up_at = None;
                    standing.delivered_at = Some(at);
                    standing.failed = None;
                    standing.failing_since = None;
                    return;
                }
                (Verdict::Retry(_), _) => one.retried += 1,
                (Verdict::Failed, count) => one.failed += count,
                (Verdict::Expired, count) => one.expired += count,
            }
            if !matches!(verdict.0, Verdict::Retry(_)) {
                one.gave_up_at = Some(at);
            }
            standing.failed = Some((at, outcome.to_owned()));
            standing.failing_since.get_or_insert(at);
        });
    }
}

fn find<'a>(all: &'a mut [Dispatch], receiver: &str) -> Option<&'a mut Dispatch> {
    all.iter_mut().find(|one| &*one.standing.name == receiver)
}

fn fresh(receiver: &Receiver, past: &[ReceiverStanding]) -> Dispatch {
    let known = past.iter().find(|standing| *standing.name == *receiver.name).cloned();
    let standing = ReceiverStanding {
        name: receiver.name.as_str().into(),
        channel: receiver.channel.label(),
        ..known.unwrap_or_default()
    };
    Dispatch { standing, delivered: 0, retried: 0, failed: 0, expired: 0, gave_up_at: None }
}
