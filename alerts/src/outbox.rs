//! What the courier needs of a store: notifications written down before anything is sent.

use std::sync::Arc;

use health::Event;
use health::snapshot::ReceiverStanding;
use jiff::Timestamp;
use tokio::sync::watch;

use crate::{Notification, Verdict};

/// Holds notifications until they are delivered or given up, over restarts.
///
/// Within one receiver and incident, only the oldest pending notification (a *head*) may be sent: an
/// opened that cannot be delivered yet is never overtaken by its resolved, while other incidents pass.
pub trait Outbox: Clone + Send + Sync + 'static {
    /// The heads of one receiver, those due first, and how many notifications it has pending.
    fn waiting(
        &self,
        receiver: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Waiting, OutboxError>> + Send;

    /// Writes down what came of an attempt; returns once it is durable.
    fn record(&self, attempt: Attempt) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// Makes everything that waits for another attempt at this receiver due now: it is back.
    fn hasten(
        &self,
        receiver: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// Gives up what is pending for receivers other than these: they left the plan.
    fn abandon(
        &self,
        known: Vec<Arc<str>>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// How deliveries stood when the agent last ran; receivers that never had any are absent.
    fn standings(&self) -> impl Future<Output = Result<Vec<ReceiverStanding>, OutboxError>> + Send;

    /// What a receiver was last told of each incident that is open; and of those that resolved after
    /// `resolved_after` where that was delivered.
    fn last_told(
        &self,
        receiver: &str,
        resolved_after: Timestamp,
    ) -> impl Future<Output = Result<Vec<LastTold>, OutboxError>> + Send;

    /// Changes whenever notifications were added.
    fn added(&self) -> watch::Receiver<u64>;
}

/// What waits for one receiver.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Waiting {
    /// At most as many heads as asked for, those due first.
    pub heads: Vec<Pending>,
    /// Everything not yet delivered or given up.
    pub pending: u64,
}

/// A notification not yet delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct Pending {
    /// What is to be delivered.
    pub notification: Notification,
    /// Attempts made so far.
    pub attempts: u32,
    /// When it is due.
    pub due_at: Timestamp,
}

/// What a receiver was last told of one incident.
#[derive(Clone, Debug, PartialEq)]
pub struct LastTold {
    /// What that said.
    pub event: Event,
    /// The exact JSON of it.
    pub body: Arc<str>,
}

/// One attempt that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Attempt {
    /// The notification's id.
    pub notification: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// What came of it, in a few words: `204`, `503: upstream down`, `connection refused`.
    pub outcome: String,
    /// What becomes of the notification.
    pub verdict: Verdict,
}

/// The outbox could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("outbox: {0}")]
pub struct OutboxError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
