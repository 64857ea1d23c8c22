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
    /// Heads of one receiver, at most `limit` of those that were tried before and as many of the others,
    /// each in the order in which they are due; and how many notifications it has pending.
    fn waiting(
        &self,
        receiver: &str,
        limit: usize,
    ) -> impl Future<Output = Result<Waiting, OutboxError>> + Send;

    /// Writes down which notifications go out as one message, before it is sent; returns once that is
    /// durable.
    fn join(
        &self,
        bundle: Arc<str>,
        members: Vec<Arc<str>>,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// What goes out under this id: the one notification, or all that were joined and are pending.
    fn contents(
        &self,
        bundle: Arc<str>,
    ) -> impl Future<Output = Result<Vec<Notification>, OutboxError>> + Send;

    /// Writes down what came of an attempt, for all that went out with it; returns once it is durable.
    fn record(&self, attempt: Attempt) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// Makes everything that waits for another attempt at this receiver due now: it is back. What was
    /// not tried yet is due when it is.
    fn hasten(
        &self,
        receiver: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), OutboxError>> + Send;

    /// Names of all receivers for whom anything is pending.
    fn addressees(&self) -> impl Future<Output = Result<Vec<String>, OutboxError>> + Send;

    /// Gives up what is pending for these receivers: they left the plan.
    fn abandon(
        &self,
        receivers: Vec<String>,
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
    /// Those that may be sent.
    pub heads: Vec<Head>,
    /// Everything not yet delivered or given up.
    pub pending: u64,
}

/// A notification that may be sent: all of it but its body.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// Its id.
    pub id: Arc<str>,
    /// What it says.
    pub event: Event,
    /// What it belongs together with; `None`: nothing else.
    pub thread: Option<Arc<str>>,
    /// The message that it goes out with, once that is written down.
    pub bundle: Option<Arc<str>>,
    /// Attempts made so far.
    pub attempts: u32,
    /// When it is due.
    pub due_at: Timestamp,
    /// When the last attempt is made.
    pub expires_at: Timestamp,
    /// Bytes of its body.
    pub bytes: u64,
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
    /// The id it went out under: that of a notification, or of those that were joined.
    pub bundle: Arc<str>,
    /// When.
    pub at: Timestamp,
    /// What came of it, in a few words: `204`, `503: upstream down`, `connection refused`.
    pub outcome: String,
    /// What becomes of it.
    pub verdict: Verdict,
}

/// The outbox could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("outbox: {0}")]
pub struct OutboxError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
