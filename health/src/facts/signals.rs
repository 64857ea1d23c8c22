//! What was seen of echo requests, of datagrams, and of jobs that report by themselves.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Echo requests and what came back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct IcmpFacts {
    /// Who was asked.
    pub address: Option<IpAddr>,
    /// Requests sent.
    pub sent: u32,
    /// Replies that came in time.
    pub received: u32,
    /// How long each reply took, in the order in which they were asked for; a lost one has none.
    pub round_trips_seconds: Vec<Option<f64>>,
    /// An ICMP answer other than the one asked for, in the operating system's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl IcmpFacts {
    /// The share that was lost, from 0 to 1.
    #[must_use]
    pub fn loss(&self) -> f64 {
        if self.sent == 0 {
            return 0.0;
        }
        f64::from(self.sent.saturating_sub(self.received)) / f64::from(self.sent)
    }

    /// The shortest, the mean and the longest round trip in seconds; `None` when nothing came back.
    #[must_use]
    pub fn spread_seconds(&self) -> Option<(f64, f64, f64)> {
        let came = || self.round_trips_seconds.iter().flatten().copied();
        let shortest = came().reduce(f64::min)?;
        let longest = came().reduce(f64::max)?;
        let mean = came().sum::<f64>() / f64::from(u32::try_from(came().count()).ok()?);
        Some((shortest, mean, longest))
    }
}

/// A datagram and its answer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UdpFacts {
    /// Bytes of the datagram sent.
    pub sent_bytes: u64,
    /// How often it was sent until an answer came.
    pub tries: u32,
    /// The beginning of the answer, printable, at most 256 characters; `None`: no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Bytes of the answer.
    pub answer_bytes: u64,
    /// How long the answer took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip_seconds: Option<f64>,
}

/// What a job has reported of itself, and when it has to report again.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeartbeatFacts {
    /// The URL that the job calls.
    pub url: String,
    /// A `curl` command that calls it; a token is left to a variable or a file.
    pub by_hand: String,
    /// How often it is due, as the plan says it: `1d`, or `0 3 * * * (Asia/Seoul)`.
    pub rhythm: String,
    /// How long after that it may come.
    pub grace_seconds: f64,
    /// When it is due next; in the past, it is late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Timestamp>,
    /// From when on it counts as missed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missed_at: Option<Timestamp>,
    /// Since when it runs, where it said that it began and has not said that it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_since: Option<Timestamp>,
    /// How long it took the last time, where it says when it begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub took_seconds: Option<f64>,
    /// When it last reported that it went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub succeeded_at: Option<Timestamp>,
    /// The last calls, newest first, a few.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallFacts>,
}

/// One call of a job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CallFacts {
    /// When it came.
    pub at: Timestamp,
    /// What it said.
    pub signal: Signal,
    /// The exit status, where it said one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit: Option<u8>,
    /// From where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<IpAddr>,
    /// The end of what it sent along, printable, at most 1 KiB, what looks like a secret masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
}

/// What a job says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Signal {
    /// It begins.
    Start,
    /// It ended well.
    Success,
    /// It ended badly.
    Fail,
}

impl Signal {
    /// The name used in JSON and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Success => "success",
            Self::Fail => "fail",
        }
    }
}
