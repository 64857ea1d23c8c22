//! All deliveries to one receiver.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::{Board, Clock, IN_FLIGHT};
use crate::retry::{self, LONGEST_RETRY_AFTER, later};
use crate::{Attempt, Bundle, Outbox, Outcome, Pending, Receiver, Verdict, receiver};

/// How long at most until the wall clock is looked at again, because it may be set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// How long to wait for an outbox that fails.
const OUTBOX_PAUSE: Duration = Duration::from_secs(5);

/// All deliveries to one receiver.
pub(super) struct Lane<O> {
    pub(super) client: reqwest::Client,
    pub(super) outbox: O,
    pub(super) clock: Clock,
    pub(super) board: Board,
    /// Its address may change; once the sender is gone, the lane ends.
    pub(super) receiver: watch::Receiver<Arc<Receiver>>,
}

/// What a lane remembers from round to round.
#[derive(Debug, Default)]
struct Course {
    /// The receiver asked (Retry-After) not to be called before this moment.
    closed_until: Option<Timestamp>,
    /// The last round saw an attempt that is to be repeated.
    failing: bool,
}

impl<O: Outbox> Lane<O> {
    /// Delivers until the sender of `receiver` is gone.
    pub(super) async fn run(mut self) {
        let mut added = self.outbox.added();
        // What failed before a restart is tried again as soon as anything arrives.
        let mut course = Course { closed_until: None, failing: true };
        loop {
            added.mark_unchanged();
            if self.receiver.has_changed().is_err() {
                return;
            }
            let receiver = Arc::clone(&self.receiver.borrow_and_update());
            let pause = match self.round(&receiver, &mut course).await {
                Ok(None) => continue,
                Ok(Some(pause)) => pause,
                Err(error) => {
                    tracing::warn!(%error, receiver = receiver.name, "deliveries wait");
                    OUTBOX_PAUSE
                }
            };
            tokio::select! {
                _ = added.changed() => {}
                // An error says that the lane is to end, which the next turn sees.
                _ = self.receiver.changed() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Delivers what is due; says how long to wait when nothing is.
    async fn round(
        &self,
        receiver: &Arc<Receiver>,
        course: &mut Course,
    ) -> Result<Option<Duration>, crate::OutboxError> {
        let now = (self.clock)();
        let waiting = self.outbox.waiting(&receiver.name, IN_FLIGHT).await?;
        self.board.pending(&receiver.name, waiting.pending);
        let Some(first) = waiting.heads.first() else { return Ok(Some(LONGEST_SLEEP)) };
        let opens_at = course.closed_until.unwrap_or(now).max(first.due_at);
        if opens_at > now {
            return Ok(Some(until(opens_at, now).min(LONGEST_SLEEP)));
        }
        let mut attempts = JoinSet::new();
        for pending in waiting.heads.into_iter().filter(|pending| pending.due_at <= now) {
            let (client, receiver) = (self.client.clone(), Arc::clone(receiver));
            attempts.spawn(async move {
                let bundle = Bundle::of(pending.notification.clone());
                let outcome = receiver::deliver(&client, &receiver, &bundle, now).await;
                (pending, outcome)
            });
        }
        let mut arrived = false;
        let mut repeats = false;
        while let Some(attempt) = attempts.join_next().await {
            let Ok((pending, outcome)) = attempt else {
                // Unmarked, it is due again at once: a pause keeps a crash from turning in circles.
                tokio::time::sleep(OUTBOX_PAUSE).await;
                continue;
            };
            match self.mark(receiver, &pending, &outcome, course).await {
                Verdict::Delivered => arrived = true,
                Verdict::Retry(_) => repeats = true,
                Verdict::Failed => {}
            }
        }
        if arrived && !repeats && course.failing {
            self.outbox.hasten(&receiver.name, (self.clock)()).await?;
        }
        if arrived || repeats {
            course.failing = repeats;
        }
        Ok(None)
    }

    /// Writes down what came of an attempt, however long that takes: unrecorded, it would be sent
    /// again and again.
    async fn mark(
        &self,
        receiver: &Receiver,
        pending: &Pending,
        outcome: &Outcome,
        course: &mut Course,
    ) -> Verdict {
        let now = (self.clock)();
        let notification = &pending.notification;
        let attempts = pending.attempts.saturating_add(1);
        let spread = jitter(&notification.id, attempts);
        let verdict = retry::after(attempts, outcome, notification.expires_at, now, spread);
        if let (Verdict::Retry(_), Outcome::Answered { retry_after: Some(asked), .. }) =
            (verdict, outcome)
        {
            let until = later(now, (*asked).min(LONGEST_RETRY_AFTER));
            course.closed_until = course.closed_until.max(Some(until));
        }
        let words = outcome.to_string();
        let (id, event) = (&*notification.id, notification.event.label());
        tracing::info!(receiver = receiver.name, id, event, outcome = words, ?verdict, "attempted");
        self.board.attempted(&receiver.name, now, verdict, &words);
        let attempt = Attempt {
            notification: Arc::clone(&notification.id),
            at: now,
            outcome: words,
            verdict,
        };
        let mut stopping = self.receiver.clone();
        while let Err(error) = self.outbox.record(attempt.clone()).await {
            tracing::error!(%error, receiver = receiver.name, id, "an attempt is not recorded yet");
            tokio::select! {
                () = tokio::time::sleep(OUTBOX_PAUSE) => {}
                () = ended(&mut stopping) => break,
            }
        }
        verdict
    }
}

/// Ready once the lane is to end.
async fn ended(receiver: &mut watch::Receiver<Arc<Receiver>>) {
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
