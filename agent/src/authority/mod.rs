//! What the CA says of a certificate that it issued: whether it is revoked, by a stapled OCSP answer
//! or a list, and when it wants it renewed. What costs a request is asked for in the background,
//! seldom, and remembered here from probe to probe.
//!
//! Deliberately absent: asking OCSP responders, which learn from it who is looked at and which public
//! CAs are closing; and the intermediates, whose revocation browsers learn in their own ways.

use std::sync::{Arc, Mutex, PoisonError};

use health::facts::{CertificateFacts, CertificatesSeen};
use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use self::der::{INTEGER, Reader, SEQUENCE};
use self::lists::Lists;
use self::windows::Windows;
use crate::tls::{Memo, Presented, Roots};

mod crl;
mod der;
mod directory;
mod errands;
mod fetch;
#[cfg(feature = "fuzzing")]
pub(crate) mod fuzzing;
mod issuer;
mod lists;
mod ocsp;
#[cfg(test)]
#[allow(unreachable_pub, reason = "shared with the end-to-end tests")]
#[path = "../../../tests/support/office.rs"]
mod office;
mod windows;

pub use directory::Directory;
pub(crate) use lists::{Standing, standing};
pub(crate) use ocsp::{Answer, Fault};
pub(crate) use windows::{Window, ask};

/// Certificates remembered per generation: more than the checks of a large plan.
const REMEMBERED: usize = 8_192;
/// 1.3.6.1.5.5.7.1.24, TLS features (RFC 7633).
const TLS_FEATURES: &str = "1.3.6.1.5.5.7.1.24";
/// The extension by which clients ask for a staple (RFC 6066 section 8).
const STATUS_REQUEST: &[u8] = &[5];

/// Which sources are asked whether a certificate is revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inquiry {
    /// None.
    Off,
    /// What comes with the handshake.
    Staple,
    /// That, and the lists that the CA publishes.
    Lists,
}

/// A stapled answer, verified, or why it is none.
pub(crate) type Staple = Result<Answer, Fault>;

/// What CAs have said, from probe to probe. Bounded.
#[derive(Debug)]
pub struct Memory {
    staples: Mutex<Memo<[u8; 32], Arc<Staple>>>,
    /// Who must serve a staple, by fingerprint.
    demands: Mutex<Memo<String, bool>>,
    lists: Lists,
    windows: Windows,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            staples: Mutex::new(Memo::new(REMEMBERED)),
            demands: Mutex::new(Memo::new(REMEMBERED)),
            lists: Lists::default(),
            windows: Windows::default(),
        }
    }
}

impl Memory {
    /// Takes over what checks knew before a restart.
    pub(crate) fn recall<'a>(&self, seen: impl Iterator<Item = &'a CertificatesSeen>) {
        for tls in seen.filter_map(|seen| seen.tls.as_ref()) {
            if let (Some(leaf), Some(facts)) = (tls.chain.first(), &tls.revocation) {
                self.lists.recall(leaf, facts);
            }
        }
    }

    /// When the CA wants the certificate with this fingerprint renewed, where it was asked and has
    /// told it lately (RFC 9773).
    pub(crate) fn window(&self, fingerprint: &str, now: Timestamp) -> Option<Arc<Window>> {
        self.windows.window(fingerprint, now)
    }

    /// Verifies the answer stapled to a handshake; the same one is verified once.
    pub(crate) fn staple(
        &self,
        presented: &Presented,
        leaf: &CertificateFacts,
        roots: &Roots,
    ) -> Arc<Staple> {
        let mut context = Context::new(&SHA256);
        context.update(leaf.fingerprint.as_bytes());
        context.update(&presented.staple);
        let mut key = [0; 32];
        key.copy_from_slice(context.finish().as_ref());
        let known = self.staples.lock().unwrap_or_else(PoisonError::into_inner).recall(&key);
        if let Some(known) = known {
            return known;
        }
        let staple = ocsp::verify(&presented.staple, &presented.chain, roots.anchors());
        let staple = Arc::new(staple);
        let mut staples = self.staples.lock().unwrap_or_else(PoisonError::into_inner);
        staples.remember(key, Arc::clone(&staple));
        staple
    }

    /// Whether the certificate itself demands that a staple come with it (RFC 7633).
    pub(crate) fn demands_staple(&self, presented: &Presented, leaf: &CertificateFacts) -> bool {
        let mut demands = self.demands.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = demands.recall(&leaf.fingerprint) {
            return known;
        }
        let demanded = presented.chain.first().is_some_and(|leaf| demands_staple(leaf));
        demands.remember(leaf.fingerprint.clone(), demanded);
        demanded
    }
}

fn demands_staple(leaf: &[u8]) -> bool {
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else { return false };
    let features = leaf.extensions().iter().find(|one| one.oid.to_id_string() == TLS_FEATURES);
    let Some(mut list) = features.and_then(|one| Reader::new(one.value).enter(SEQUENCE)) else {
        return false;
    };
    std::iter::from_fn(|| list.optional(INTEGER)).any(|one| one.content == STATUS_REQUEST)
}
