//! Who issued a leaf: the very key that signed it, from the chain presented or from the roots.

use ring::digest::{Digest, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA384, SHA512, digest};
use rustls_pki_types::{CertificateDer, TrustAnchor};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::der::{BIT_STRING, Reader, SEQUENCE};

/// Most elements of a chain that are tried as issuer.
const MOST_ELEMENTS: usize = 12;

/// Name and key of a CA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issuer {
    /// Its name, DER.
    pub(super) name: Vec<u8>,
    /// Its SubjectPublicKeyInfo, DER.
    pub(super) key: Vec<u8>,
}

impl Issuer {
    /// The one whose key signed the leaf, if it is in the chain or among the trusted.
    pub(super) fn of(
        leaf: &X509Certificate<'_>,
        chain: &[CertificateDer<'_>],
        anchors: &[TrustAnchor<'_>],
    ) -> Option<Self> {
        let name = leaf.issuer().as_raw();
        let presented = chain.iter().skip(1).take(MOST_ELEMENTS).filter_map(|der| {
            let (_, element) = X509Certificate::from_der(der).ok()?;
            (element.subject().as_raw() == name).then(|| element.public_key().raw.to_vec())
        });
        // A trust anchor's name and key are kept without the SEQUENCE around them.
        let contents = Reader::new(name).enter(SEQUENCE)?.rest();
        let trusted = anchors
            .iter()
            .filter(|anchor| anchor.subject.as_ref() == contents)
            .map(|anchor| wrapped(anchor.subject_public_key_info.as_ref()));
        presented
            .chain(trusted)
            .find(|key| signed_by(leaf, key))
            .map(|key| Self { name: name.to_vec(), key })
    }

    /// The bits of its key alone, which is what OCSP hashes (RFC 6960 section 4.1.1).
    pub(super) fn key_bits(&self) -> Option<&[u8]> {
        let mut fields = Reader::new(&self.key).enter(SEQUENCE)?;
        fields.next()?;
        // The first byte counts unused bits: none.
        fields.optional(BIT_STRING)?.content.get(1..)
    }
}

/// Whether this key (SubjectPublicKeyInfo, DER) signed the certificate.
pub(super) fn signed_by(certificate: &X509Certificate<'_>, key: &[u8]) -> bool {
    SubjectPublicKeyInfo::from_der(key)
        .is_ok_and(|(_, key)| certificate.verify_signature(Some(&key)).is_ok())
}

/// A digest by the object identifier of its algorithm, without tag and length.
pub(super) fn digest_by(algorithm: &[u8], bytes: &[u8]) -> Option<Digest> {
    let algorithm = match algorithm {
        [0x2b, 0x0e, 0x03, 0x02, 0x1a] => &SHA1_FOR_LEGACY_USE_ONLY,
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01] => &SHA256,
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02] => &SHA384,
        [0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03] => &SHA512,
        _ => return None,
    };
    Some(digest(algorithm, bytes))
}

fn wrapped(contents: &[u8]) -> Vec<u8> {
    // Keys and names of anchors were read from certificates, which are smaller than 64 KiB.
    let [.., high, low] = contents.len().to_be_bytes();
    let length = match (high, low) {
        (0, 0..=0x7f) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[SEQUENCE][..], &length, contents].concat()
}
