//! The vocabulary and the rules of portwarden.
//!
//! One word, one meaning: a *check* is looked at by *probes*, each of which yields an
//! *observation* with *findings*; findings over time make *transitions* and *incidents*.
//! Deliberately absent: I/O, clocks, async, and anything that knows how a probe works.
//! Every function that needs to know the time takes it as an argument.

pub mod certificates;
pub mod check;
pub mod claim;
pub mod code;
pub mod decision;
pub mod facts;
pub mod finding;
pub mod history;
pub mod incident;
pub mod listener;
pub mod observation;
pub mod ports;
pub mod records;
mod seconds;
pub mod silence;
pub mod snapshot;
pub mod state;
pub mod text;

pub use check::{Check, Kind, Thresholds, Timing};
pub use claim::{Claim, ClaimKind, Exposure, Host, PortKey, Protocol, Undeclared};
pub use code::Code;
pub use decision::{Decision, Why};
pub use facts::Facts;
pub use finding::{Finding, Severity, StandingFinding};
pub use incident::{Consequence, Event, Explanation, Incident};
pub use listener::{Listener, Owner, Process};
pub use observation::{Observation, Phase, Phases};
pub use silence::{Acknowledgement, Matcher, Silence};
pub use snapshot::Snapshot;
pub use state::{State, Track, Transition};
pub use text::{Language, Text};
