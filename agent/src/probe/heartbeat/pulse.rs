//! What is remembered of one job: its last calls, and since when it is expected to call.

use health::facts::{CallFacts, Signal};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Calls that are kept of one job.
const KEPT_CALLS: usize = 10;

/// What is remembered of one job; survives restarts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pulse {
    /// The rhythm it is expected in, as the plan writes it.
    pub rhythm: String,
    /// Since when it is expected: when the plan first had it, or another rhythm of it.
    pub expected_since: Timestamp,
    /// When it last said that it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_at: Option<Timestamp>,
    /// When it last said that it had ended, well or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// When it last said that it had ended well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_at: Option<Timestamp>,
    /// Since when it has failed every time; `None` when it ended well last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_since: Option<Timestamp>,
    /// How long it took the last time, where it said when it began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_seconds: Option<f64>,
    /// Until when this agent was away while a call was due; counts until the next call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excused_until: Option<Timestamp>,
    /// The last calls, oldest first.
    #[serde(default)]
    pub calls: Vec<CallFacts>,
}

impl Pulse {
    /// A job that has never called.
    #[must_use]
    pub fn new(rhythm: &str, now: Timestamp) -> Self {
        Self {
            rhythm: rhythm.to_owned(),
            expected_since: now,
            began_at: None,
            ended_at: None,
            succeeded_at: None,
            failing_since: None,
            took_seconds: None,
            excused_until: None,
            calls: Vec::new(),
        }
    }

    /// Takes in one call.
    pub fn take(&mut self, call: CallFacts) {
        let began = self.running_since();
        self.excused_until = None;
        match call.signal {
            Signal::Start => self.began_at = Some(call.at),
            Signal::Success | Signal::Fail => {
                self.took_seconds =
                    began.map(|began| call.at.duration_since(began).as_secs_f64().max(0.0));
                self.ended_at = Some(call.at);
            }
        }
        match call.signal {
            Signal::Start => {}
            Signal::Success => {
                self.succeeded_at = Some(call.at);
                self.failing_since = None;
            }
            Signal::Fail => {
                self.failing_since.get_or_insert(call.at);
            }
        }
        if self.calls.len() >= KEPT_CALLS {
            self.calls.remove(0);
        }
        self.calls.push(call);
    }

    /// Since when it runs, where it said that it begins and not yet that it ended.
    #[must_use]
    pub fn running_since(&self) -> Option<Timestamp> {
        self.began_at.filter(|began| self.ended_at.is_none_or(|ended| ended < *began))
    }

    /// Its last call of any sort.
    #[must_use]
    pub fn called_at(&self) -> Option<Timestamp> {
        self.began_at.max(self.ended_at)
    }

    /// From when on the next call is counted.
    #[must_use]
    pub fn counted_from(&self) -> Timestamp {
        let called = self.called_at().unwrap_or(Timestamp::MIN);
        called.max(self.expected_since).max(self.excused_until.unwrap_or(Timestamp::MIN))
    }

    /// The last call by which it said that it failed.
    #[must_use]
    pub fn failure(&self) -> Option<&CallFacts> {
        self.failing_since?;
        self.calls.iter().rev().find(|call| call.signal == Signal::Fail)
    }
}
