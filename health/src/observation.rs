//! What one probe saw.

use std::time::Duration;

use jiff::Timestamp;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Facts, Finding, Severity};

/// A part of the time that a probe took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Name resolution.
    Resolve,
    /// TCP (or UDP) connection.
    Connect,
    /// TLS handshake.
    Tls,
    /// Request sent until the first byte of the answer's head is complete.
    Processing,
    /// Body.
    Transfer,
    /// A dialogue after connecting: banner, steps.
    Dialogue,
    /// Finding out who is authoritative.
    Delegation,
    /// DNS queries.
    Request,
    /// Reading files or the socket table.
    Read,
}

impl Phase {
    /// The name used in JSON, metrics and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Processing => "processing",
            Self::Transfer => "transfer",
            Self::Dialogue => "dialogue",
            Self::Delegation => "delegation",
            Self::Request => "request",
            Self::Read => "read",
        }
    }
}

/// How long each phase took, in the order they ran; a phase that ran twice is added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Phases(Vec<(Phase, Duration)>);

impl Phases {
    /// Adds time to a phase.
    pub fn add(&mut self, phase: Phase, took: Duration) {
        match self.0.iter_mut().find(|(known, _)| *known == phase) {
            Some((_, sum)) => *sum += took,
            None => self.0.push((phase, took)),
        }
    }

    /// The time one phase took, if it ran.
    #[must_use]
    pub fn of(&self, phase: Phase) -> Option<Duration> {
        self.0.iter().find(|(known, _)| *known == phase).map(|&(_, took)| took)
    }

    /// What was added since an earlier moment, when these stood at `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let later = self.iter().filter_map(|(phase, sum)| {
            let earlier = before.of(phase);
            let took = sum.saturating_sub(earlier.unwrap_or_default());
            (earlier.is_none() || !took.is_zero()).then_some((phase, took))
        });
        Self(later.collect())
    }

    /// All phases in the order they first ran.
    pub fn iter(&self) -> impl Iterator<Item = (Phase, Duration)> + '_ {
        self.0.iter().copied()
    }
}

impl Serialize for Phases {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (phase, took) in &self.0 {
            map.serialize_entry(phase.label(), &took.as_secs_f64())?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Phases {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Phases;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("phases and seconds")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Phases, A::Error> {
                let mut phases = Phases::default();
                while let Some((phase, seconds)) = map.next_entry::<Phase, f64>()? {
                    phases.add(phase, Duration::try_from_secs_f64(seconds).unwrap_or_default());
                }
                Ok(phases)
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// What one probe saw: timings, facts, findings. The same for every kind.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When the probe began.
    pub at: Timestamp,
    /// How long it took in all.
    pub duration: Duration,
    /// Where that time went.
    pub phases: Phases,
    /// What was seen, right or wrong.
    pub facts: Facts,
    /// What is wrong; empty when all is well.
    pub findings: Vec<Finding>,
}

impl Observation {
    /// The worst severity found, or `None` when nothing was.
    #[must_use]
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Nothing worse than a notice: this is what `probe_success` says.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.worst().is_none_or(|worst| worst == Severity::Notice)
    }
}
