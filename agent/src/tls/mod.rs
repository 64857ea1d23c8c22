//! TLS as a probe needs it: a handshake that keeps the chain presented whatever its worth, and
//! the judgement of that chain afterwards.
//!
//! Deliberately absent: session resumption (a probe wants the whole handshake every time),
//! revocation, client certificates, and fetching missing intermediates: what a server fails to
//! send is a finding, not something to be mended on its behalf.

use std::time::Duration;

use rustls_pki_types::CertificateDer;

mod alert;
mod attempt;
mod certificate;
mod distinguished;
mod element;
mod expiry;
mod extensions;
pub(crate) mod files;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod hello;
mod judge;
pub(crate) mod key;
mod ledger;
mod memo;
mod old_protocol;
mod path;
mod pkcs12;
mod refusal;
mod roots;
mod span;
mod swap;
mod verdict;

#[cfg(test)]
pub(crate) mod workshop;

pub use attempt::handshake;
pub(crate) use attempt::{KeyKind, Offer, Refused, attempt, leaf, subject};
pub(crate) use certificate::facts_of;
pub use expiry::{expiry, nearing_end};
pub(crate) use judge::is_valid_for;
pub use judge::judge;
pub(crate) use ledger::InUse;
pub use ledger::Ledger;
pub(crate) use old_protocol::below_floor;
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
        Self { warning: Remaining::Share(0.25), critical: Remaining::Share(0.10) }
    }
}

/// What is left of a certificate's life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Remaining {
    /// This share of its lifetime, 0 to 1.
    Share(f64),
    /// This time.
    Time(Duration),
}

/// The lowest protocol version that may still be enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtocolFloor {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What a server presented.
#[derive(Debug)]
pub struct Presented {
    /// Leaf first, as sent; bounded in size.
    pub chain: Vec<CertificateDer<'static>>,
    /// `TLS 1.2` or `TLS 1.3`.
    pub protocol: String,
    /// IANA name.
    pub cipher: String,
    /// What ALPN settled on.
    pub alpn: Option<String>,
}
