//! Claims against reality: pure judgement of what a host's ports should be and what they are.
//!
//! Deliberately absent: the reading of the socket table and dialling, which are I/O, and time:
//! whether a finding lasts is for [`crate::state`] to say.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Exposure, Process};

mod ephemeral;
mod finding;
mod free;
mod judgement;
mod local;
mod machine;
mod owner;
mod pattern;
mod proxy;
mod reach;
mod tenure;
mod undeclared;
mod words;

#[cfg(test)]
mod tests;

pub use ephemeral::is_for_clients;
pub use free::{ClientPorts, Obstacle, Occupancy};
pub use judgement::{Answer, Dial, judge_local, judge_remote};
pub use local::{Local, class};
pub use machine::{Machine, Names, order};
pub use owner::goes_by;
pub use pattern::Pattern;
pub use proxy::{Proxy, proxy};
pub use reach::{Dials, others_to_dial};
pub use tenure::{Holding, Tenure};
pub use undeclared::{Stranger, undeclared};

/// What was seen of one port of one host.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Observed {
    /// Somebody listens: by the socket table for a local host, by dialling for another;
    /// `None` when that could not be told (UDP of another host).
    pub listening: Option<bool>,
    /// Every address it is bound to, for a local host.
    pub bind: Vec<SocketAddr>,
    /// The owners, oldest first, where they may be seen.
    pub owners: Vec<Arc<Process>>,
    /// Why the owner is not known, when it is not: `permission` or `kernel`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_unknown: Option<String>,
    /// A TCP connection was accepted; `None` when it was not tried.
    pub reachable: Option<bool>,
    /// Whether what is bound to `::` takes v4 connections as well; `None` when nothing is, or when
    /// it cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub also_v4: Option<bool>,
    /// How widely the binds reach, for a local host.
    pub exposure: Option<Exposure>,
}
