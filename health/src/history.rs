//! What is remembered of a check beyond its last observation.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::incident::Event;
use crate::ports::Tenure;
use crate::records::RecordTurn;
use crate::{Decision, Incident, State};

/// One check's past, for its page and the API.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// The last observations, oldest first, at most some hundreds.
    pub samples: Vec<Sample>,
    /// The last 24 hours by hour, oldest first; hours without observations are absent.
    pub hours: Vec<Bucket>,
    /// The last 90 days by day, oldest first; days without observations are absent.
    pub days: Vec<Bucket>,
    /// Changes of state, newest first.
    pub changes: Vec<Change>,
    /// Its incidents, newest first.
    pub incidents: Vec<Incident>,
    /// Who has held its port, newest first.
    pub tenures: Vec<Tenure>,
    /// What nameservers said of its records, newest first.
    pub turns: Vec<RecordTurn>,
}

/// One observation, boiled down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// When the probe began.
    pub at: Timestamp,
    /// How long it took, seconds.
    pub duration_seconds: f64,
    /// Nothing worse than a notice.
    pub success: bool,
}

/// All observations of a span of time, boiled down.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Start of the span, UTC.
    pub at: Timestamp,
    /// Good observations.
    pub good: u64,
    /// Bad observations.
    pub bad: u64,
    /// Mean duration, seconds.
    pub mean_seconds: f64,
    /// Longest duration, seconds.
    pub max_seconds: f64,
    /// How durations spread; of hours alone, and not of those rolled up by an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentiles: Option<Percentiles>,
}

/// How long so many of a hundred observations took at most, seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Half of them.
    pub p50_seconds: f64,
    /// Nine of ten.
    pub p90_seconds: f64,
    /// All but one of a hundred.
    pub p99_seconds: f64,
}

impl Percentiles {
    /// Of these durations, in seconds and any order (which is lost); `None` of none. Each is one of
    /// them: the smallest that so many do not exceed.
    #[must_use]
    pub fn of(durations: &mut [f64]) -> Option<Self> {
        durations.sort_unstable_by(f64::total_cmp);
        let at = |share: usize| {
            let rank = (durations.len() * share).div_ceil(100).saturating_sub(1);
            durations.get(rank).copied()
        };
        Some(Self { p50_seconds: at(50)?, p90_seconds: at(90)?, p99_seconds: at(99)? })
    }
}

impl Bucket {
    /// The share of good observations, 0 to 1; 1 when there were none.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a share needs no 53 bits")]
    pub fn uptime(&self) -> f64 {
        let all = self.good + self.bad;
        if all == 0 { 1.0 } else { self.good as f64 / all as f64 }
    }
}

/// One change of state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// When.
    pub at: Timestamp,
    /// The state before.
    pub from: State,
    /// The state after.
    pub to: State,
}

/// One notification of an incident and how its delivery went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NotificationRecord {
    /// Its `webhook-id`.
    pub id: Arc<str>,
    /// Name of the receiver.
    pub receiver: Arc<str>,
    /// What it says.
    pub event: Event,
    /// When it was decided.
    pub created_at: Timestamp,
    /// How often delivery was attempted.
    pub attempts: u32,
    /// When it was attempted last.
    pub last_attempt_at: Option<Timestamp>,
    /// What came of the last attempt: `204`, `503: upstream down`, `connection refused`.
    pub last_outcome: Option<String>,
    /// When the receiver took it.
    pub delivered_at: Option<Timestamp>,
    /// When it is attempted next; `None` once delivered or given up.
    pub next_attempt_at: Option<Timestamp>,
    /// The last attempts, oldest first, at most [`MOST_TRIES`].
    pub tries: Vec<Try>,
    /// How many other incidents the same message told of.
    pub others: u32,
}

/// How many attempts at one notification are shown.
pub const MOST_TRIES: u32 = 20;

/// One attempt to deliver a notification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When.
    pub at: Timestamp,
    /// What came of it: `204`, `503: upstream down`, `connection refused`.
    pub outcome: String,
}

/// Everything that is remembered of one incident.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The incident.
    pub incident: Incident,
    /// What was told of it, in the order in which it was decided.
    pub notifications: Vec<NotificationRecord>,
    /// What was decided about telling it, oldest first.
    pub decisions: Vec<Decision>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_that_so_many_do_not_exceed() {
        let of = |count: u32| {
            let mut durations: Vec<f64> = (1..=count).rev().map(f64::from).collect();
            let spread = Percentiles::of(&mut durations);
            spread.map(|it| (it.p50_seconds, it.p90_seconds, it.p99_seconds))
        };
        assert_eq!(of(0), None);
        for (count, expected) in [
            (1, (1.0, 1.0, 1.0)),
            (2, (1.0, 2.0, 2.0)),
            (10, (5.0, 9.0, 10.0)),
            (100, (50.0, 90.0, 99.0)),
            (1_000, (500.0, 900.0, 990.0)),
        ] {
            assert_eq!(of(count), Some(expected), "{count}");
        }
    }
}
