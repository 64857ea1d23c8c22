//! A zone on its servers: what each of them said to each question.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

mod flags;

pub use flags::Flags;

use super::DnssecFacts;

/// A zone as its servers answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DnsFacts {
    /// The zone, lower case, without the final dot.
    pub zone: Arc<str>,
    /// Every address that was asked; cells refer to them by index.
    pub servers: Vec<ServerFacts>,
    /// Every planned record.
    pub records: Vec<RecordFacts>,
    /// What DNSSEC makes of the zone; `None` where the plan has it off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dnssec: Option<Box<DnssecFacts>>,
}

/// One address of one nameserver or resolver.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerFacts {
    /// Name as delegated or as in the plan.
    pub name: Arc<str>,
    /// The address asked; `None` when the name did not resolve.
    pub address: Option<SocketAddr>,
    /// A cache named in the plan rather than an authoritative server.
    pub is_resolver: bool,
    /// SOA serial it answered with.
    pub serial: Option<u32>,
    /// Answered at least one query.
    pub reachable: bool,
    /// Median round trip of its answers, seconds.
    pub rtt_seconds: Option<f64>,
    /// Sections of the SOA answer: ANSWER, AUTHORITY, ADDITIONAL counts.
    pub counts: [u16; 3],
    /// Who it says it is, where it tells (RFC 5001), printable and bounded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nsid: Option<Arc<str>>,
    /// Questions put to it by this probe.
    #[serde(default)]
    pub asked: u32,
    /// Those of them that had to be sent again.
    #[serde(default)]
    pub repeated: u32,
    /// Those of them that it left without a usable answer.
    #[serde(default)]
    pub lost: u32,
}

/// One planned record on every server.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordFacts {
    /// Fully qualified, lower case, without the final dot.
    pub name: Arc<str>,
    /// `A`, `TXT`, ….
    pub record_type: Arc<str>,
    /// What the plan says, for people: the values, or `absent`.
    pub expected: Arc<str>,
    /// One answer per server asked.
    pub answers: Vec<AnswerFacts>,
}

/// One server's answer for one record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerFacts {
    /// Index into [`DnsFacts::servers`].
    pub server: usize,
    /// `values`, `nodata`, `nxdomain`, `refused`, `servfail`, `timeout`, `not-authoritative`, ….
    pub outcome: Cow<'static, str>,
    /// The values, in presentation format, sorted; servers that say the same share them.
    pub values: Arc<Vec<String>>,
    /// Lowest TTL of the answer, seconds.
    pub ttl: Option<u32>,
    /// Header flags that were set.
    pub flags: Flags,
    /// Round trip, seconds.
    pub rtt_seconds: Option<f64>,
    /// Came over TCP.
    pub over_tcp: bool,
    /// Holds what the plan says.
    pub matches: bool,
    /// Records in its ANSWER, AUTHORITY and ADDITIONAL sections.
    #[serde(default)]
    pub counts: [u16; 3],
    /// When a cache must have let go of it; `None`: it is no cache's, or tells no TTL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}
