//! What a renewer last tried, and how that ended.

use jiff::Timestamp;

/// The longest text kept of why a try failed, in characters.
pub(super) const LONGEST: usize = 400;

/// One try at renewing one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Try {
    /// When it ended, as far as that is told.
    pub(crate) at: Option<Timestamp>,
    /// How.
    pub(crate) outcome: Outcome,
}

/// How a try ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Renewed, or not due yet.
    Well,
    /// Failed, for this reason in the renewer's words.
    Failed(String, Problem),
}

/// What kind of trouble it was: what there is to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The CA got no connection, or no answer.
    Connection,
    /// The CA got an answer, and not the challenge.
    Unauthorized,
    /// The CA found no, or a broken, DNS answer.
    Dns,
    /// CAA forbids this CA.
    Caa,
    /// Asked too often.
    RateLimited,
    /// Something else: the words say it.
    Other,
}

impl Problem {
    /// What a CA's error type (RFC 8555 section 6.7), or the words around one, tell.
    pub(crate) fn of(words: &str) -> Self {
        let words = words.to_ascii_lowercase();
        let says = |word: &str| words.contains(word);
        if says("ratelimited") || says("rate limit") {
            Self::RateLimited
        } else if says("error:caa") || words == "caa" {
            Self::Caa
        } else if says("error:connection")
            || says("timeout during connect")
            || words == "connection"
        {
            Self::Connection
        } else if says("error:dns") || words == "dns" {
            Self::Dns
        } else if says("error:unauthorized")
            || says("invalid response from")
            || words == "unauthorized"
        {
            Self::Unauthorized
        } else {
            Self::Other
        }
    }
}
