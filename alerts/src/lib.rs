//! Incidents → decisions (pure) → notifications → delivery (the only I/O here).
//!
//! [`Engine`] decides what happened and whom to tell, [`retry`] when to try again; both are pure and
//! take the time as an argument. [`deliver`] makes one attempt, [`Courier`] carries what an
//! [`Outbox`] holds until it is delivered or given up.
//!
//! Deliberately absent: storage (the agent implements [`Outbox`]), clocks, and who may ask for quiet.

mod courier;
mod engine;
mod hidden;
mod keep_alive;
mod missed;
mod notification;
mod outbox;
mod own;
mod payload;
mod policy;
mod prose;
mod receiver;
pub mod retry;
mod sample;
mod telling;

pub use courier::{Clock, Courier, Dispatch};
pub use engine::{Engine, Gathered, OpenIncident, Remembered, Step, Told};
pub use health::incident::Event;
pub use hidden::Hidden;
pub use keep_alive::KeepAlive;
pub use missed::{Missed, MissedLook};
pub use notification::{Bundle, Notification};
pub use outbox::{Attempt, Head, LastTold, Outbox, OutboxError, Waiting};
pub use policy::{
    Escalation, Flaps, Grouping, Hours, Maintenance, Policy, Reminders, Route, Window,
};
pub use receiver::alertmanager::{Alertmanager, Turn};
pub use receiver::chat::{
    Chat, Discord, GoogleChat, KakaoWork, Matrix, Mattermost, NaverWorks, Slack, Teams, Telegram,
};
pub use receiver::login::Login;
pub use receiver::mail::{Address, Mail, Roots, Security, Taken};
pub use receiver::pager::{Opsgenie, Pager, PagerDuty};
pub use receiver::program::Program;
pub use receiver::push::{Gotify, Ntfy, Push, Pushover};
pub use receiver::template::{Body, Mistake, Template};
pub use receiver::webhook::{Secret, Webhook};
pub use receiver::{Bundling, Channel, Outcome, Receiver, client, deliver};
pub use retry::Verdict;
