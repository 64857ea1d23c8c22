//! All deliveries to one receiver.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use super::parcel::{Gate, Packed, Parcel, pack};
use super::{Board, Clock, IN_FLIGHT};
use crate::retry::{self, LONGEST_RETRY_AFTER, later};
use crate::{Attempt, Bundle, Bundling, Outbox, OutboxError, Outcome, Receiver, Verdict, receiver};

/// How long at most until the wall clock is looked at again, because it may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long to wait for an outbox that fails.
const OUTBOX_PAUSE: Duration = Duration::from_secs(5);
/// What is said of an attempt that crashed.
const CRASHED: &str = "sending it crashed, which is a bug of portwarden: see its log";
/// Heads that are looked at at once.
const HEADS: usize = 2000;
/// So many different messages that do not arrive, and none that does: it is not the message.
const STRIKES: usize = 3;
/// Between one message to people and the next: chat services count them, and so do people.
const PEOPLE_GAP: SignedDuration = SignedDuration::from_secs(1);
/// The same after one that told of so many that nobody reads them all: what follows joins the next.
const BURST_GAP: SignedDuration = SignedDuration::from_secs(10);
const BURST: u64 = 20;

/// All deliveries to one receiver.
pub(super) struct Lane<O> {
    pub(super) client: reqwest::Client,
    pub(super) outbox: O,
    pub(super) clock: Clock,
    pub(super) board: Board,
    /// Its address may change; once the sender is gone, the lane ends.
    pub(super) receiver: watch::Receiver<Arc<Receiver>>,
}

/// What a lane remembers from turn to turn.
#[derive(Debug, Default)]
struct Course {
    /// Nothing is sent before this moment: the receiver asked for it, or it was sent something just now.
    closed_until: Option<Timestamp>,
    /// An attempt is to be repeated, and nothing has arrived since.
    failing: bool,
    /// Messages that did not arrive since one did.
    struck: BTreeSet<Arc<str>>,
    /// What is under way, by its task.
    busy: HashMap<Id, Sent>,
}

/// What is, or was, under way.
#[derive(Debug)]
struct Sent {
    parcel: Parcel,
    /// Where to.
    to: Arc<Receiver>,
    decided_at: Timestamp,
}

impl Course {
    fn gate(&self) -> Gate {
        if self.struck.len() >= STRIKES { Gate::Shut } else { Gate::Open }
    }

    fn is_busy(&self, id: &str) -> bool {
        self.busy.values().any(|sent| *sent.parcel.id == *id)
    }

    fn close(&mut self, until: Timestamp) {
        self.closed_until = self.closed_until.max(Some(until));
    }
}

impl<O: Outbox> Lane<O> {
    /// Delivers until the sender of `receiver` is gone.
    pub(super) async fn run(mut self) {
        let mut added = self.outbox.added();
        // What failed before a restart is tried again as soon as anything arrives.
        let mut course = Course { failing: true, ..Course::default() };
        let mut under_way = JoinSet::new();
        let mut receiver = Arc::clone(&self.receiver.borrow());
        loop {
            added.mark_unchanged();
            if self.receiver.has_changed().is_err() {
                break;
            }
            let planned = Arc::clone(&self.receiver.borrow_and_update());
            let before = std::mem::replace(&mut receiver, planned);
            if before.channel != receiver.channel {
                self.begin_anew(&receiver.name, &mut course).await;
            }
            let pause = match self.send(&receiver, &mut course, &mut under_way).await {
                Ok(pause) => pause,
                Err(error) => {
                    tracing::warn!(%error, receiver = receiver.name, "deliveries wait");
                    OUTBOX_PAUSE
                }
            };
            tokio::select! {
                _ = added.changed() => {}
                // An error says that the lane is to end, which the next turn sees.
                _ = self.receiver.changed() => {}
                Some(ended) = under_way.join_next_with_id() => {
                    self.take(&receiver, ended, &mut course).await;
                }
                () = tokio::time::sleep(pause) => {}
            }
        }
        while let Some(ended) = under_way.join_next_with_id().await {
            self.take(&receiver, ended, &mut course).await;
        }
    }

    /// Its address or secret is another one now: what the old one asked for, or did not take, says
    /// nothing of it, and what waits is tried at once.
    async fn begin_anew(&self, receiver: &str, course: &mut Course) {
        course.closed_until = None;
        course.struck.clear();
        course.failing = true;
        self.hasten(receiver).await;
    }

    async fn hasten(&self, receiver: &str) {
        if let Err(error) = self.outbox.hasten(receiver, (self.clock)()).await {
            tracing::warn!(%error, receiver, "what waits is not hastened");
        }
    }

    /// Begins attempts at what is due, as many as may be under way; says how long to wait when nothing
    /// else happens.
    async fn send(
        &self,
        receiver: &Arc<Receiver>,
        course: &mut Course,
        under_way: &mut JoinSet<Outcome>,
    ) -> Result<Duration, OutboxError> {
        let most = match receiver.bundling {
            // One after another: people read them in order.
            Bundling::Window => 1,
            Bundling::Burst | Bundling::Never => IN_FLIGHT,
        };
        let free = most.saturating_sub(under_way.len());
        if free == 0 {
            return Ok(LONGEST_SLEEP);
        }
        let mut waiting = self.outbox.waiting(&receiver.name, HEADS).await?;
        self.board.pending(&receiver.name, waiting.pending);
        let now = (self.clock)();
        waiting.heads.retain(|head| !course.is_busy(head.bundle.as_ref().unwrap_or(&head.id)));
        let Packed { ready, mut next } =
            pack(&waiting.heads, receiver.bundling, course.gate(), now);
        for parcel in ready.into_iter().take(free) {
            if let Some(until) = course.closed_until.filter(|until| *until > now) {
                next = Some(next.map_or(until, |next| next.min(until)));
                break;
            }
            let Some(bundle) = self.wrap(&parcel, now).await? else { continue };
            if receiver.bundling == Bundling::Window {
                let gap = if parcel.count > BURST { BURST_GAP } else { PEOPLE_GAP };
                course.close(later(now, gap));
            }
            let (client, to) = (self.client.clone(), Arc::clone(receiver));
            let receiver = Arc::clone(&to);
            let decided = bundle.notifications.iter().map(|one| one.created_at).min();
            let task = under_way
                .spawn(async move { receiver::deliver(&client, &receiver, &bundle, now).await });
            let decided_at = decided.unwrap_or(now);
            course.busy.insert(task.id(), Sent { parcel, to, decided_at });
        }
        let opens = course.closed_until.unwrap_or(now);
        Ok(next.map_or(LONGEST_SLEEP, |at| until(at.max(opens), now).min(LONGEST_SLEEP)))
    }

    /// Writes down what goes out together, and reads what it says.
    async fn wrap(&self, parcel: &Parcel, now: Timestamp) -> Result<Option<Bundle>, OutboxError> {
        if !parcel.joins.is_empty() {
            self.outbox.join(Arc::clone(&parcel.id), parcel.joins.clone(), now).await?;
        }
        let contents = self.outbox.contents(Arc::clone(&parcel.id)).await?;
        // It may have been given up meanwhile, with a receiver that left the plan.
        Ok((!contents.is_empty()).then(|| Bundle::joined(Arc::clone(&parcel.id), contents)))
    }

    /// Takes in what came of an attempt.
    async fn take(
        &self,
        receiver: &Receiver,
        ended: Result<(Id, Outcome), JoinError>,
        course: &mut Course,
    ) {
        let (task, outcome) = ended.unwrap_or_else(|error| {
            tracing::error!(%error, receiver = receiver.name, "sending crashed");
            (error.id(), Outcome::Deferred { reason: CRASHED.to_owned() })
        });
        let Some(sent) = course.busy.remove(&task) else { return };
        let verdict = self.mark(receiver, &sent, &outcome, course).await;
        if sent.to.channel != receiver.channel && verdict != Verdict::Delivered {
            // The old address has said it.
            return self.begin_anew(&receiver.name, course).await;
        }
        let id = &sent.parcel.id;
        match verdict {
            Verdict::Delivered => {
                course.struck.clear();
                if std::mem::take(&mut course.failing) {
                    self.hasten(&receiver.name).await;
                }
            }
            Verdict::Retry(_) => {
                course.failing = true;
                course.struck.insert(Arc::clone(id));
            }
            // Whoever refuses one message for good may take another.
            Verdict::Failed => course.struck.clear(),
            Verdict::Expired => drop(course.struck.remove(id)),
        }
    }

    /// Writes down what came of an attempt, however long that takes: unrecorded, it would be sent
    /// again and again.
    async fn mark(
        &self,
        receiver: &Receiver,
        sent: &Sent,
        outcome: &Outcome,
        course: &mut Course,
    ) -> Verdict {
        let now = (self.clock)();
        let Sent { parcel, decided_at, .. } = sent;
        let attempts = parcel.attempts.saturating_add(1);
        let spread = jitter(&parcel.id, attempts);
        let verdict = retry::after(attempts, outcome, parcel.expires_at, now, spread);
        if let (Verdict::Retry(_), Outcome::Answered { retry_after: Some(asked), .. }) =
            (verdict, outcome)
        {
            course.close(later(now, (*asked).min(LONGEST_RETRY_AFTER)));
        }
        let words = match verdict {
            Verdict::Expired => {
                let hours = now.duration_since(*decided_at).as_hours();
                format!("given up after {hours} h, last answer: {outcome}")
            }
            Verdict::Delivered | Verdict::Retry(_) | Verdict::Failed => outcome.to_string(),
        };
        let (id, event, count) = (&*parcel.id, parcel.event.label(), parcel.count);
        tracing::info!(
            receiver = receiver.name,
            id,
            event,
            count,
            outcome = words,
            ?verdict,
            "attempted"
        );
        self.board.attempted(&receiver.name, now, (verdict, count), &words);
        let attempt = Attempt { bundle: Arc::clone(&parcel.id), at: now, outcome: words, verdict };
        let mut stopping = self.receiver.clone();
        while let Err(error) = self.outbox.record(attempt.clone()).await {
            tracing::error!(%error, receiver = receiver.name, id, "an attempt is not recorded yet");
            tokio::select! {
                () = tokio::time::sleep(OUTBOX_PAUSE) => {}
                () = ended_by(&mut stopping) => break,
            }
        }
        verdict
    }
}

/// Ready once the lane is to end.
async fn ended_by(receiver: &mut watch::Receiver<Arc<Receiver>>) {
    while receiver.changed().await.is_ok() {}
}

/// From 0 to 1, from what tells attempts apart: no two messages keep step, and nothing is random.
fn jitter(id: &str, attempts: u32) -> f64 {
    let mut hasher = DefaultHasher::new();
    (id, attempts).hash(&mut hasher);
    f64::from(u32::try_from(hasher.finish() >> 32).unwrap_or_default()) / f64::from(u32::MAX)
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now).max(SignedDuration::from_millis(1)))
        .unwrap_or(LONGEST_SLEEP)
}
