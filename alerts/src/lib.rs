//! Incidents → decisions (pure) → notifications → delivery (the only I/O here).
//!
//! [`Engine`] decides what happened and whom to tell, [`retry`] when to try again; both are pure and
//! take the time as an argument. [`deliver`] makes one attempt, [`Courier`] carries what an
//! [`Outbox`] holds until it is delivered or given up.
//!
//! Deliberately absent: storage (the agent implements [`Outbox`]), clocks, digests, silencing.

mod courier;
mod engine;
mod notification;
mod outbox;
mod payload;
mod policy;
mod receiver;
pub mod retry;

pub use courier::{Clock, Courier, Dispatch};
pub use engine::{Engine, OpenIncident, Step};
pub use health::incident::Event;
pub use notification::Notification;
pub use outbox::{Attempt, Outbox, OutboxError, Pending, Waiting};
pub use policy::{Policy, Reminders, Route};
pub use receiver::webhook::{Secret, Webhook};
pub use receiver::{Channel, Outcome, Receiver, client, deliver};
pub use retry::Verdict;
