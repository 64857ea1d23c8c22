//! Lists of revoked certificates (RFC 5280 section 5): whether one of them names a certificate.
//!
//! webpki, the code that rustls trusts, verifies the list and whether it is one for this
//! certificate at all: issuer, signature, scope, end. Deliberately absent: indirect and delta lists,
//! lists for some reasons only, and version 1.

use std::time::Duration;

use health::facts::{RevocationFacts, RevocationSource, RevocationStanding};
use jiff::Timestamp;
use rustls_pki_types::{CertificateDer, UnixTime};
use webpki::{
    BorrowedCertRevocationList, CertRevocationList, EndEntityCert, Error, ExpirationPolicy,
    KeyUsage, RevocationCheckDepth, RevocationOptionsBuilder, UnknownStatusPolicy,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::FromDer;

use super::der::{self, INTEGER, Reader, SEQUENCE};
use super::ocsp::reason_of;
use crate::tls::Roots;

/// A list as it was fetched, in DER.
#[derive(Debug)]
pub(super) struct List {
    bytes: Vec<u8>,
    this_update: Timestamp,
    /// When the CA will have published the next one.
    pub(super) next_update: Timestamp,
}

impl List {
    /// Takes in what was fetched. CAs publish DER; some private ones publish PEM.
    ///
    /// # Errors
    /// One sentence for people when it is no list that can be read here.
    pub(super) fn of(fetched: Vec<u8>) -> Result<Self, String> {
        let bytes = match parse_x509_pem(&fetched) {
            Ok((_, pem)) if pem.label == "X509 CRL" => pem.contents,
            _ => fetched,
        };
        let (this_update, next_update) =
            dates(&bytes).ok_or("what is published there is no list of revoked certificates")?;
        if !has_version(&bytes) {
            return Err(words(&Error::UnsupportedCrlVersion));
        }
        let next_update = next_update.ok_or("the list does not say when the next one comes")?;
        BorrowedCertRevocationList::from_der(&bytes)
            .map_err(|error| format!("the list cannot be read: {}", words(&error)))?;
        Ok(Self { bytes, this_update, next_update })
    }

    /// What it says of the leaf of a chain as of `now`, before anyone is believed: the chain must
    /// lead to a trusted root, and the list must be that CA's own and for this leaf.
    ///
    /// # Errors
    /// One sentence for people on why it says nothing.
    pub(super) fn judge(
        &self,
        chain: &[CertificateDer<'_>],
        roots: &Roots,
        url: &str,
        now: Timestamp,
    ) -> Result<RevocationFacts, String> {
        let in_words = |error: Error| words(&error);
        let list: CertRevocationList<'_> =
            BorrowedCertRevocationList::from_der(&self.bytes).map_err(in_words)?.into();
        let leaf = chain.first().ok_or("there is no certificate")?;
        let lists = [&list];
        let options = RevocationOptionsBuilder::new(&lists)
            .map_err(|_| "there is no list")?
            .with_depth(RevocationCheckDepth::EndEntity)
            .with_status_policy(UnknownStatusPolicy::Deny)
            .with_expiration_policy(ExpirationPolicy::Enforce)
            .build();
        let seconds = u64::try_from(now.as_second()).unwrap_or(0);
        let end_entity = EndEntityCert::try_from(leaf).map_err(in_words)?;
        let outcome = end_entity.verify_for_usage(
            roots.provider().signature_verification_algorithms.all,
            roots.anchors(),
            chain.get(1..).unwrap_or_default(),
            UnixTime::since_unix_epoch(Duration::from_secs(seconds)),
            KeyUsage::server_auth(),
            Some(options),
            None,
        );
        let (standing, revoked_at, reason) = match outcome {
            Ok(_) => (RevocationStanding::Good, None, None),
            Err(Error::CertRevoked) => {
                let (_, leaf) =
                    X509Certificate::from_der(leaf).map_err(|error| error.to_string())?;
                let entry = list.find_serial(leaf.raw_serial()).map_err(in_words)?;
                let at = entry.as_ref().and_then(|entry| {
                    Timestamp::from_second(i64::try_from(entry.revocation_date.as_secs()).ok()?)
                        .ok()
                });
                let reason = entry.and_then(|entry| entry.reason_code);
                (RevocationStanding::Revoked, at, reason.and_then(|code| reason_of(code as u8)))
            }
            Err(error) => return Err(words(&error)),
        };
        Ok(RevocationFacts {
            standing,
            source: RevocationSource::Crl,
            url: Some(url.to_owned()),
            this_update: self.this_update,
            next_update: Some(self.next_update),
            revoked_at,
            reason: reason.map(str::to_owned),
        })
    }
}

/// When it was made, and when the next one will be.
fn dates(bytes: &[u8]) -> Option<(Timestamp, Option<Timestamp>)> {
    let mut list = Reader::new(bytes).enter(SEQUENCE)?.enter(SEQUENCE)?;
    list.optional(INTEGER); // version
    list.optional(SEQUENCE)?; // algorithm
    list.optional(SEQUENCE)?; // issuer
    let this_update = der::moment(list.next()?)?;
    Some((this_update, list.next().and_then(der::moment)))
}

/// Lists of version 1 do not say their version.
fn has_version(bytes: &[u8]) -> bool {
    let list = Reader::new(bytes).enter(SEQUENCE).and_then(|mut whole| whole.enter(SEQUENCE));
    list.is_some_and(|mut list| list.optional(INTEGER).is_some())
}

fn words(error: &Error) -> String {
    match error {
        Error::CrlExpired { .. } => "the list has ended, and no newer one is published".to_owned(),
        Error::InvalidCrlSignatureForPublicKey => {
            "the list is not signed by the CA of the certificate".to_owned()
        }
        Error::IssuerNotCrlSigner => "the CA may not sign lists".to_owned(),
        Error::UnknownRevocationStatus => "the list is for other certificates".to_owned(),
        Error::UnsupportedCrlVersion => {
            "the list is of version 1, which says too little".to_owned()
        }
        Error::UnsupportedDeltaCrl => "only changes to another list are published".to_owned(),
        Error::UnsupportedIndirectCrl => "the list speaks for several CAs".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
