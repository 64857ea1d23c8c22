//! PKCS#12 files (RFC 7292), as Java, Windows and many appliances keep certificate and key: opened with
//! their password, and handed on as what a PEM file would hold.
//!
//! Deliberately absent: other keystores (JKS, BKS), which are named and not opened.

use p12_keystore::{Pkcs12Archive, error::Error};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::certificate::bearer;
use super::files::Unreadable;
use super::key::{PublicHalf, public_half};

/// Most parts that are encrypted of their own; each costs up to a million rounds of hashing to open.
const MOST_ENCRYPTED: usize = 32;
/// id-PBES2 (RFC 8018 appendix A.4) and the arc of the older ones (RFC 7292 appendix C), as in DER.
const ENCRYPTIONS: [&[u8]; 2] = [
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x05, 0x0d],
    &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01],
];

/// What a PKCS#12 file holds.
#[derive(Debug)]
pub(super) struct Opened {
    /// Certificates, the one that the key belongs to first; never empty.
    pub(super) certificates: Vec<CertificateDer<'static>>,
    /// The public half of the first key.
    pub(super) key: Option<PublicHalf>,
}

/// Whether the bytes look like a PKCS#12 file: a SEQUENCE that begins with version 3.
pub(super) fn is_pkcs12(bytes: &[u8]) -> bool {
    let Some((&0x30, rest)) = bytes.split_first() else { return false };
    let content = match rest {
        // The length in so many bytes of its own, or open to the end.
        [long @ 0x80..=0x84, tail @ ..] => tail.get(usize::from(long & 0x7f)..),
        [_, tail @ ..] => Some(tail),
        [] => None,
    };
    content.is_some_and(|content| content.starts_with(&[0x02, 0x01, 0x03]))
}

/// Opens a file with its password; the empty one where the plan names none.
///
/// # Errors
/// Why it cannot be opened.
pub(super) fn open(bytes: &[u8], password: Option<&str>) -> Result<Opened, Unreadable> {
    let encrypted = |oid: &&[u8]| bytes.windows(oid.len()).filter(|window| window == oid).count();
    if ENCRYPTIONS.iter().map(encrypted).sum::<usize>() > MOST_ENCRYPTED {
        return Err(Unreadable::Garbage("a PKCS#12 file of too many encrypted parts".to_owned()));
    }
    let archive = Pkcs12Archive::from_pkcs12(bytes, password.unwrap_or_default())
        .map_err(|error| refusal(&error, password))?;
    let key = archive
        .keys
        .first()
        .map(|bag| public_half(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(bag.key.as_der()))));
    let mut certificates: Vec<CertificateDer<'static>> =
        archive.certs.iter().map(|bag| bag.cert.as_der().to_vec().into()).collect();
    if certificates.is_empty() {
        return Err(Unreadable::NoCertificate(Some("a PKCS#12 file with a key alone")));
    }
    let local = archive.keys.first().and_then(|bag| bag.local_key_id.as_ref());
    let leaf = own_certificate(&certificates, key.as_ref()).or_else(|| {
        let is_named = |id: &Vec<u8>| local.is_some_and(|local| local.as_ref() == id.as_slice());
        archive.certs.iter().position(|bag| bag.local_key_id.as_ref().is_some_and(is_named))
    });
    // Java writes the chain in any order; what the key belongs to is what is served.
    certificates[..=leaf.unwrap_or(0)].rotate_right(1);
    Ok(Opened { certificates, key })
}

/// Which certificate the key belongs to.
fn own_certificate(certificates: &[CertificateDer<'_>], key: Option<&PublicHalf>) -> Option<usize> {
    let Some(PublicHalf::Known(bits)) = key else { return None };
    certificates.iter().position(|der| bearer(der).is_ok_and(|own| own.public_key == *bits))
}

fn refusal(error: &Error, password: Option<&str>) -> Unreadable {
    match (error, password) {
        (Error::MacError(_) | Error::Pkcs5Error(_) | Error::UnpadError, None) => Unreadable::Locked,
        (Error::MacError(_) | Error::Pkcs5Error(_) | Error::UnpadError, Some(_)) => {
            Unreadable::WrongPassword
        }
        (error, _) => Unreadable::Garbage(format!("PKCS#12: {error}")),
    }
}
