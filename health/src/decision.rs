//! What was decided about telling somebody of an incident, and why: a message, or none for now.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Event;

/// One decision about one incident and one receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Whom it is about; `None`: whoever would have been told.
    pub receiver: Option<Arc<str>>,
    /// What would be said.
    pub event: Event,
    /// The message that follows; `None`: held back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notification: Option<Arc<str>>,
    /// Why.
    pub why: Why,
}

/// Why somebody is told, or not told for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "because")]
pub enum Why {
    /// Told: this route names the receiver (counted from 1; `None`: there are no routes).
    Routed {
        /// Which.
        route: Option<u32>,
    },
    /// Told: nobody acknowledged it for so long.
    Escalated {
        /// Seconds since the first of those whom its route names was told.
        after_seconds: u64,
    },
    /// Told: whoever knows of it is told how it goes on, and that it is over.
    Follows,
    /// Told: it is still there.
    Reminds {
        /// How many reminders there have been, this one included.
        nth: u32,
    },
    /// Told: it changes all the time now; there is quiet until it settles.
    FlapsNow,
    /// Told: it has settled.
    Settled,
    /// Told: what held it back is over.
    Released {
        /// What held it back.
        held: Box<Why>,
    },
    /// Held: a maintenance window of the plan.
    Maintenance {
        /// Its name.
        name: Arc<str>,
        /// Until when.
        until: Timestamp,
    },
    /// Held: a silence.
    Silenced {
        /// Its id.
        silence: Arc<str>,
        /// Who asked for it.
        author: Arc<str>,
        /// Until when.
        until: Timestamp,
    },
    /// Held: somebody is on it.
    Acknowledged {
        /// Who.
        author: Arc<str>,
    },
    /// Held: it changes all the time.
    Flapping {
        /// Since when.
        since: Timestamp,
    },
    /// Held: the receiver was told of its cause.
    Explained {
        /// The check that explains it.
        cause: Arc<str>,
    },
    /// Held: its cause is about to be told, or was, and this should be over soon.
    AwaitsCause {
        /// The check that explains it.
        cause: Arc<str>,
        /// Until when at most.
        until: Timestamp,
    },
    /// Held: no route names anybody at this time of day.
    OffHours {
        /// When one does again, if that is known.
        until: Option<Timestamp>,
    },
    /// Nobody is to be told: no route matches.
    Unrouted,
    /// It was over before what held it back was.
    OverBefore {
        /// What held it back.
        held: Box<Why>,
    },
}

impl Why {
    /// It holds back, and something may come of it once it is over.
    #[must_use]
    pub fn is_hold(&self) -> bool {
        match self {
            Self::Maintenance { .. }
            | Self::Silenced { .. }
            | Self::Acknowledged { .. }
            | Self::Flapping { .. }
            | Self::Explained { .. }
            | Self::AwaitsCause { .. }
            | Self::OffHours { .. } => true,
            Self::Routed { .. }
            | Self::Escalated { .. }
            | Self::Follows
            | Self::Reminds { .. }
            | Self::FlapsNow
            | Self::Settled
            | Self::Released { .. }
            | Self::Unrouted
            | Self::OverBefore { .. } => false,
        }
    }

    /// Until when at most it holds back, where that is known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Maintenance { until, .. }
            | Self::Silenced { until, .. }
            | Self::AwaitsCause { until, .. } => Some(*until),
            Self::OffHours { until } => *until,
            _ => None,
        }
    }
}
