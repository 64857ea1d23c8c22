//! Whether each element of a chain was signed by the next, whatever the dates: for chains whose elements
//! never lived at the same time, which no clock can be set to.
//!
//! Deliberately absent: constraints and usages. Such a chain is told as expired either way.

use rustls_pki_types::{CertificateDer, TrustAnchor};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

/// Whether every element is signed by the one after it, and the last by a root of the name it gives.
pub(super) fn hold(chain: &[&CertificateDer<'_>], anchors: &[TrustAnchor<'_>]) -> bool {
    let read: Option<Vec<X509Certificate<'_>>> = chain
        .iter()
        .map(|der| X509Certificate::from_der(der).ok().map(|(_, certificate)| certificate))
        .collect();
    let Some(read) = read else { return false };
    let Some(top) = read.last() else { return false };
    let inner_links_hold = read.windows(2).all(|pair| match pair {
        [below, above] => below.verify_signature(Some(above.public_key())).is_ok(),
        _ => false,
    });
    inner_links_hold && anchors.iter().any(|anchor| signed_by_anchor(top, anchor))
}

fn signed_by_anchor(top: &X509Certificate<'_>, anchor: &TrustAnchor<'_>) -> bool {
    // An anchor keeps what is within the sequences of subject and key.
    let subject = sequence(&anchor.subject);
    if subject != top.issuer().as_raw() {
        return false;
    }
    let key = sequence(&anchor.subject_public_key_info);
    SubjectPublicKeyInfo::from_der(&key)
        .is_ok_and(|(_, key)| top.verify_signature(Some(&key)).is_ok())
}

/// Contents as a DER sequence.
fn sequence(contents: &[u8]) -> Vec<u8> {
    let length = contents.len().to_be_bytes();
    let significant = length.iter().position(|&byte| byte != 0).unwrap_or(length.len() - 1);
    let length = &length[significant..];
    let mut der = vec![0x30];
    if contents.len() >= 0x80 {
        der.push(0x80 | u8::try_from(length.len()).unwrap_or(0));
    }
    der.extend(length);
    der.extend(contents);
    der
}
