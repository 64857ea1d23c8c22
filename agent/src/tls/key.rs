//! Does a private key belong to a certificate? Only the public half ever leaves this file.

use std::path::Path;

use rustls::crypto::ring::sign::any_supported_type;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::asn1_rs::{Any, Class, Sequence};
use x509_parser::prelude::FromDer;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::files::{Unreadable, read_bytes};

/// The public half of a private key: the bits as a certificate holds them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicHalf {
    /// Known.
    Known(Vec<u8>),
    /// There is a key, but its public half cannot be told; why, for people.
    Unknown(String),
}

/// Reads a key file, PEM or DER.
///
/// # Errors
/// When there is no such file, or surely no key in it. A file that may not be read, an encrypted key
/// or a key of an unknown kind is no error, but an unknown public half.
pub(crate) fn read(path: &Path) -> Result<PublicHalf, Unreadable> {
    let bytes = match read_bytes(path) {
        Ok(bytes) => bytes,
        Err(useless @ (Unreadable::Missing | Unreadable::NotAFile)) => return Err(useless),
        Err(why) => return Ok(PublicHalf::Unknown(why.reason().en)),
    };
    if let Some(likeness) = surely_none(&bytes) {
        return Err(Unreadable::NoKey(likeness));
    }
    Ok(within(&bytes).unwrap_or_else(|| PublicHalf::Unknown("no private key in it".to_owned())))
}

/// What a file is that no server takes for a key. Forms that are not known here are left alone: a
/// server may know them.
fn surely_none(bytes: &[u8]) -> Option<&'static str> {
    if bytes.trim_ascii().is_empty() {
        return Some("an empty file");
    }
    let words = String::from_utf8_lossy(bytes);
    let mut begun = words.lines().filter(|line| line.starts_with("-----BEGIN ")).peekable();
    begun.peek()?;
    if begun.all(|line| line.trim_end() == "-----BEGIN CERTIFICATE-----") {
        return Some("a certificate alone");
    }
    (!words.contains("-----END ")).then_some("a truncated PEM file")
}

/// The public half of the first private key within the bytes of a file; `None` without one.
pub(crate) fn within(bytes: &[u8]) -> Option<PublicHalf> {
    let words = String::from_utf8_lossy(bytes);
    if words.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || words.contains("Proc-Type: 4,ENCRYPTED")
    {
        return Some(PublicHalf::Unknown("encrypted with a passphrase".to_owned()));
    }
    let key = if words.contains("PRIVATE KEY-----") {
        PrivateKeyDer::from_pem_slice(bytes).map_err(|error| error.to_string())
    } else if words.contains("-----BEGIN ") {
        return None;
    } else {
        // A DER certificate is no DER key: the first field of a key is its version number.
        PrivateKeyDer::try_from(bytes.to_vec()).map_err(str::to_owned)
    };
    match key {
        Ok(key) => Some(public_half(&key)),
        Err(error) if words.contains("PRIVATE KEY-----") => Some(PublicHalf::Unknown(error)),
        Err(_) => None,
    }
}

pub(super) fn public_half(key: &PrivateKeyDer<'_>) -> PublicHalf {
    if let Ok(signing) = any_supported_type(key)
        && let Some(spki) = signing.public_key()
        && let Ok((_, spki)) = SubjectPublicKeyInfo::from_der(spki.as_ref())
    {
        return PublicHalf::Known(spki.subject_public_key.data.to_vec());
    }
    // Kinds that ring declines to sign with, such as RSA 1024 and P-521, still name their public
    // half.
    named_within(key).map_or_else(
        || PublicHalf::Unknown("a key of a kind this program does not know".to_owned()),
        PublicHalf::Known,
    )
}

/// The public half as the key's own encoding names it.
fn named_within(key: &PrivateKeyDer<'_>) -> Option<Vec<u8>> {
    match key {
        PrivateKeyDer::Pkcs1(key) => rsa(key.secret_pkcs1_der()),
        PrivateKeyDer::Sec1(key) => elliptic(key.secret_sec1_der()),
        PrivateKeyDer::Pkcs8(key) => {
            let (_, whole) = Sequence::from_der(key.secret_pkcs8_der()).ok()?;
            let fields = fields(&whole.content);
            let inner = fields.get(2)?.data;
            rsa(inner).or_else(|| elliptic(inner))
        }
        _ => None,
    }
}

/// RSAPrivateKey (RFC 8017 appendix A.1.2): version, modulus, public exponent, …; put together as
/// an RSAPublicKey.
fn rsa(der: &[u8]) -> Option<Vec<u8>> {
    let (_, whole) = Sequence::from_der(der).ok()?;
    let fields = fields(&whole.content);
    if fields.len() < 9 {
        return None;
    }
    let mut content = integer(fields[1].data);
    content.extend(integer(fields[2].data));
    let mut public = vec![0x30];
    public.extend(length(content.len()));
    public.extend(content);
    Some(public)
}

/// ECPrivateKey (RFC 5915 section 3): the public key is the optional field with tag 1.
fn elliptic(der: &[u8]) -> Option<Vec<u8>> {
    let (_, whole) = Sequence::from_der(der).ok()?;
    let tagged = fields(&whole.content)
        .into_iter()
        .find(|field| field.class() == Class::ContextSpecific && field.tag().0 == 1)?;
    let (_, bits) = Any::from_der(tagged.data).ok()?;
    // The first byte of a BIT STRING counts its unused bits: none.
    bits.data.get(1..).map(<[u8]>::to_vec)
}

fn fields(mut content: &[u8]) -> Vec<Any<'_>> {
    let mut fields = Vec::new();
    while let Ok((rest, field)) = Any::from_der(content) {
        fields.push(field);
        content = rest;
        if fields.len() == 16 {
            break;
        }
    }
    fields
}

fn integer(bytes: &[u8]) -> Vec<u8> {
    let mut der = vec![0x02];
    der.extend(length(bytes.len()));
    der.extend(bytes);
    der
}

fn length(count: usize) -> Vec<u8> {
    let bytes = count.to_be_bytes();
    let significant: &[u8] = &bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..];
    match significant {
        [] => vec![0],
        [short] if *short < 0x80 => vec![*short],
        long => {
            // At most eight bytes of a usize.
            let mut der = vec![0x80 | u8::try_from(long.len()).unwrap_or(0)];
            der.extend(long);
            der
        }
    }
}
