//! What DNSSEC makes of a zone. It is looked at less often than the zone itself, so it says when.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Text;

/// A zone's chain of trust, its keys and its signatures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnssecFacts {
    /// What a validating resolver makes of the zone.
    pub state: Security,
    /// Why it is that, where there is more to say than that all is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Text>,
    /// The zone that the chain of trust begins at, without the final dot; `.` is the root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchor: Option<String>,
    /// When all this was looked at.
    pub examined_at: Timestamp,
    /// Every DNSKEY that any server has, by key tag.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<DnskeyFacts>,
    /// The DS records at the parent, or the anchors for the zone itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ds: Vec<DsFacts>,
    /// The signatures that each server gave, in the order the servers were asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<SignatureFacts>,
}

/// What a validating resolver makes of a zone (RFC 4033 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Security {
    /// A chain of trust leads to the zone, and its answers hold.
    Secure,
    /// No chain of trust leads here: answers are taken as they are.
    Insecure,
    /// A chain of trust leads here and something does not hold: answers are refused.
    Bogus,
    /// It could not be told.
    Unknown,
}

impl Security {
    /// The word used in facts and on pages.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Secure => "secure",
            Self::Insecure => "insecure",
            Self::Bogus => "bogus",
            Self::Unknown => "unknown",
        }
    }
}

/// One key of a zone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DnskeyFacts {
    /// Key tag (RFC 4034 appendix B).
    pub tag: u16,
    /// Mnemonic such as `ECDSAP256SHA256`, or the number of one without.
    pub algorithm: Cow<'static, str>,
    /// `ksk` (secure entry point), `zsk`, or `revoked`.
    pub role: Cow<'static, str>,
    /// A DS at the parent, or an anchor, stands for this key.
    pub trusted: bool,
    /// Nameservers that do not have it, while others do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_at: Vec<Arc<str>>,
}

/// One DS record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DsFacts {
    /// Tag of the key it stands for.
    pub tag: u16,
    /// Mnemonic such as `ECDSAP256SHA256`, or the number of one without.
    pub algorithm: Cow<'static, str>,
    /// `SHA-256`, …; empty for an anchor that is a whole key.
    pub digest: Cow<'static, str>,
    /// The zone has this key.
    pub matches: bool,
}

/// The signatures of one server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignatureFacts {
    /// The nameserver as [`super::ServerFacts::name`] has it.
    pub server: Arc<str>,
    /// The address asked.
    pub address: SocketAddr,
    /// Record sets looked at, and how many of them hold.
    pub sets: [usize; 2],
    /// When the first of the signatures that hold ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_end: Option<Timestamp>,
    /// The record set whose signature that is: `www.shop.example A`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earliest_set: Option<String>,
}
