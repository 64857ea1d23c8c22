//! TLS as a probe needs it: a handshake that keeps the chain presented whatever its worth, and
//! the judgement of that chain afterwards.
//!
//! A chain is judged in `judge` (what is remembered), `path` (whether it leads to a root), `verdict` and the
//! rest of its words: `missing`, `forbidden`, `presentation`, `web_rules`.
//!
//! Deliberately absent: session resumption (a probe wants the whole handshake every time), and
//! fetching missing intermediates: what a server fails to send is a finding, not something to be mended
//! on its behalf.

use std::time::Duration;

use jiff::SignedDuration;
use rustls_pki_types::CertificateDer;

use crate::renewal::usual_share;

mod added_roots;
mod alert;
mod allowance;
mod asking;
mod attempt;
mod certificate;
mod distinguished;
mod element;
mod expiry;
mod extensions;
pub(crate) mod files;
mod forbidden;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod hello;
mod identity;
mod judge;
pub(crate) mod key;
mod ledger;
mod links;
mod memo;
mod missing;
mod old_protocol;
mod parting;
mod path;
mod pkcs12;
mod presentation;
mod refusal;
mod roots;
mod span;
mod swap;
mod verdict;
mod web_rules;

#[cfg(test)]
pub(crate) mod workshop;

pub(crate) use asking::Asking;
pub use attempt::handshake;
pub(crate) use attempt::{KeyKind, Offer, Refused, attempt, leaf, subject};
pub(crate) use certificate::facts_of;
pub(crate) use distinguished::attribute;
pub use expiry::{expiry, nearing_end};
pub use identity::ClientCertificate;
pub(crate) use identity::{Asked, Identity, Unfit, turned_away};
pub use judge::judge;
pub(crate) use judge::{is_valid_for, weight};
pub(crate) use ledger::InUse;
pub use ledger::Ledger;
pub(crate) use memo::Memo;
pub(crate) use old_protocol::{below_floor, is_tolerated, old_versions};
pub(crate) use parting::part;
pub use roots::{Roots, client_settings};
pub(crate) use span::span;
pub(crate) use swap::since;
pub(crate) use verdict::weak_key;

/// When a certificate's end is near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expiring {
    /// A warning from here on.
    pub warning: Remaining,
    /// Critical from here on.
    pub critical: Remaining,
}

impl Default for Expiring {
    fn default() -> Self {
        Self { warning: Remaining::Usual(0.25), critical: Remaining::Usual(0.10) }
    }
}

impl Expiring {
    /// The plan says nothing of it.
    pub(crate) fn is_usual(&self) -> bool {
        matches!(self.warning, Remaining::Usual(_))
    }
}

/// What is left of a certificate's life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Remaining {
    /// This share of its lifetime, 0 to 1.
    Share(f64),
    /// This time.
    Time(Duration),
    /// About this share, as renewers reckon it: of 398 days at most, and never before a renewal that
    /// goes by the lifetime is overdue.
    Usual(f64),
}

impl Remaining {
    /// What that is of a lifetime.
    pub(crate) fn of(self, lifetime: SignedDuration) -> SignedDuration {
        match self {
            Self::Time(time) => SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX),
            Self::Share(share) => {
                let seconds = (lifetime.as_secs_f64() * share.clamp(0.0, 1.0)).max(0.0);
                let time = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO);
                SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX)
            }
            Self::Usual(share) => usual_share(lifetime, share),
        }
    }
}

/// The lowest protocol version that may still be enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtocolFloor {
    /// TLS 1.0.
    Tls10,
    /// TLS 1.1.
    Tls11,
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What a server presented.
#[derive(Debug, Default)]
pub struct Presented {
    /// Leaf first, as sent; bounded in size.
    pub chain: Vec<CertificateDer<'static>>,
    /// `TLS 1.2` or `TLS 1.3`.
    pub protocol: String,
    /// IANA name.
    pub cipher: String,
    /// What ALPN settled on.
    pub alpn: Option<String>,
    /// The OCSP answer that came with it (RFC 6066 section 8); empty: none.
    pub staple: Vec<u8>,
    /// What the server said when it asked for a client certificate; `None`: it did not ask.
    pub(crate) asked: Option<Asked>,
}

impl Presented {
    /// A chain, as a server of TLS 1.3 would present it.
    #[must_use]
    pub fn of(chain: Vec<CertificateDer<'static>>) -> Self {
        Self { chain, protocol: "TLS 1.3".to_owned(), ..Self::default() }
    }
}
