//! One certificate's DER bytes, read into facts and what judging needs beyond them. Hostile
//! bytes cost no more than their own length.
//!
//! Deliberately absent: whether the certificate is any good; `path` and `verdict` say that.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use health::facts::CertificateFacts;
use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use x509_parser::certificate::X509Certificate;
use x509_parser::error::X509Error;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::oid_registry::{
    OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER, OID_X509_EXT_SUBJECT_KEY_IDENTIFIER,
};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::signature_algorithm::RsaSsaPssParams;
use x509_parser::x509::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::allowance::{self, Allowance};
use super::distinguished::{distinguished, dotted, printable};
use super::extensions;

/// Most subjectAltName entries kept as facts.
const MOST_NAMES: usize = 200;
/// Most bytes of a serial number shown; RFC 5280 allows 20.
const MOST_SERIAL_BYTES: usize = 40;

/// One certificate, and what judging needs beyond its facts.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    /// What is shown and exported.
    pub(crate) facts: CertificateFacts,
    /// Subject, DER.
    pub(crate) subject: Vec<u8>,
    /// Issuer, DER.
    pub(crate) issuer: Vec<u8>,
    /// The bits of the subject's public key, algorithm aside.
    pub(crate) public_key: Vec<u8>,
    /// The key is too short, or of a kind clients refuse.
    pub(crate) weak_key: bool,
    /// Signed with MD5, SHA-1 or older.
    pub(crate) weak_signature: bool,
    /// What it may do.
    pub(crate) allowance: Allowance,
}

/// Who holds a key, where nothing is to be verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bearer {
    /// Subject, DER.
    pub(crate) subject: Vec<u8>,
    /// The bits of the public key, algorithm aside.
    pub(crate) public_key: Vec<u8>,
    /// End of validity.
    pub(crate) not_after: Timestamp,
    /// How many CAs may stand between it and a leaf; `None`: any number.
    pub(crate) authorities_below: Option<u32>,
}

/// Bytes that are no X.509 certificate, in the parser's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an X.509 certificate: {0}")]
pub(crate) struct Unparsable(String);

/// Reads one certificate (RFC 5280 section 4.1).
///
/// # Errors
/// When the bytes are no X.509 certificate, or its dates are none.
pub(crate) fn parse(der: &[u8]) -> Result<Certificate, Unparsable> {
    let certificate = read(der)?;
    let (key, weak_key) = key_of(certificate.public_key());
    let (signature, weak_signature) = signature_of(&certificate.signature_algorithm);
    let told = extensions::read(&certificate);
    let facts = CertificateFacts {
        fingerprint: fingerprint(der),
        serial: serial_of(certificate.raw_serial()),
        subject: distinguished(certificate.subject()),
        issuer: distinguished(certificate.issuer()),
        names: names_of(&certificate),
        not_before: moment(certificate.validity().not_before.timestamp())?,
        not_after: moment(certificate.validity().not_after.timestamp())?,
        key,
        signature,
        is_ca: matches!(certificate.basic_constraints(), Ok(Some(basic)) if basic.value.ca),
        is_self_signed: is_self_signed(&certificate),
        spki_sha256: STANDARD.encode(digest(&SHA256, certificate.public_key().raw)),
        timestamps: told.timestamps,
        ca_issuers: told.ca_issuers,
        ocsp: told.ocsp,
        crls: told.crls,
        renewal_id: told.renewal_id,
    };
    Ok(Certificate {
        facts,
        subject: certificate.subject().as_raw().to_vec(),
        issuer: certificate.issuer().as_raw().to_vec(),
        public_key: certificate.public_key().subject_public_key.data.to_vec(),
        weak_key,
        weak_signature,
        allowance: allowance::read(&certificate),
    })
}

/// Reads who holds a key.
///
/// # Errors
/// As for [`parse`].
pub(crate) fn bearer(der: &[u8]) -> Result<Bearer, Unparsable> {
    let certificate = read(der)?;
    Ok(Bearer {
        subject: certificate.subject().as_raw().to_vec(),
        public_key: certificate.public_key().subject_public_key.data.to_vec(),
        not_after: moment(certificate.validity().not_after.timestamp())?,
        authorities_below: allowance::read(&certificate).authorities_below,
    })
}

fn read(der: &[u8]) -> Result<X509Certificate<'_>, Unparsable> {
    let read = X509Certificate::from_der(der).map_err(|error| Unparsable(error.to_string()));
    read.map(|(_, certificate)| certificate)
}

fn moment(seconds: i64) -> Result<Timestamp, Unparsable> {
    Timestamp::from_second(seconds).map_err(|_| Unparsable("a date out of range".to_owned()))
}

/// The facts of one certificate, or `None` when it is none.
pub(crate) fn facts_of(der: &[u8]) -> Option<CertificateFacts> {
    parse(der).ok().map(|certificate| certificate.facts)
}

/// SHA-256 of the bytes, lower-case hex.
pub(crate) fn fingerprint(der: &[u8]) -> String {
    hex(digest(&SHA256, der).as_ref(), "")
}

fn hex(bytes: &[u8], between: &str) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between)
}

fn serial_of(serial: &[u8]) -> String {
    match serial.get(..MOST_SERIAL_BYTES) {
        Some(start) if serial.len() > MOST_SERIAL_BYTES => format!("{}…", hex(start, ":")),
        _ => hex(serial, ":"),
    }
}

fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(alternatives)) = certificate.subject_alternative_name() else { return Vec::new() };
    alternatives
        .value
        .general_names
        .iter()
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(printable(name)),
            GeneralName::IPAddress(bytes) => address(bytes),
            _ => None,
        })
        .take(MOST_NAMES)
        .collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(Ipv4Addr::from(v4).to_string());
    }
    <[u8; 16]>::try_from(bytes).ok().map(|v6| Ipv6Addr::from(v6).to_string())
}

/// Subject and issuer are the same and the signature is its own. Where the algorithm is one that
/// cannot be verified here, the key identifiers decide.
fn is_self_signed(certificate: &X509Certificate<'_>) -> bool {
    if certificate.subject().as_raw() != certificate.issuer().as_raw() {
        return false;
    }
    match certificate.verify_signature(None) {
        Ok(()) => true,
        Err(X509Error::SignatureVerificationError)
            if rsa_bits(certificate.public_key()) >= 2048 =>
        {
            false
        }
        Err(_) => {
            let own = certificate
                .get_extension_unique(&OID_X509_EXT_SUBJECT_KEY_IDENTIFIER)
                .ok()
                .flatten()
                .map(|extension| extension.parsed_extension());
            let issuers = certificate
                .get_extension_unique(&OID_X509_EXT_AUTHORITY_KEY_IDENTIFIER)
                .ok()
                .flatten()
                .map(|extension| extension.parsed_extension());
            match (own, issuers) {
                (
                    Some(ParsedExtension::SubjectKeyIdentifier(own)),
                    Some(ParsedExtension::AuthorityKeyIdentifier(issuers)),
                ) => issuers.key_identifier.as_ref().is_none_or(|issuers| issuers == own),
                _ => true,
            }
        }
    }
}

fn rsa_bits(key: &SubjectPublicKeyInfo<'_>) -> usize {
    let Ok(PublicKey::RSA(rsa)) = key.parsed() else { return 0 };
    let zeros = rsa.modulus.iter().take_while(|&&byte| byte == 0).count();
    let modulus = &rsa.modulus[zeros..];
    let leading = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
    modulus.len() * 8 - leading
}

/// What people call the key, and whether clients refuse it.
fn key_of(key: &SubjectPublicKeyInfo<'_>) -> (String, bool) {
    let kind = dotted(&key.algorithm.algorithm);
    match kind.as_str() {
        "1.2.840.113549.1.1.1" | "1.2.840.113549.1.1.10" => {
            let bits = rsa_bits(key);
            // The key of an RSASSA-PSS certificate is the same structure, which the parser leaves.
            let unknown = bits == 0;
            let named = if unknown { "RSA".to_owned() } else { format!("RSA {bits}") };
            (named, !unknown && bits < 2048)
        }
        "1.2.840.10045.2.1" => {
            let curve = key
                .algorithm
                .parameters
                .as_ref()
                .and_then(|parameters| parameters.as_oid().ok())
                .map(|oid| dotted(&oid))
                .unwrap_or_default();
            let (name, bits) = match curve.as_str() {
                "1.2.840.10045.3.1.7" => ("P-256", 256),
                "1.3.132.0.34" => ("P-384", 384),
                "1.3.132.0.35" => ("P-521", 521),
                "1.3.132.0.33" => ("P-224", 224),
                "1.2.840.10045.3.1.1" => ("P-192", 192),
                "1.3.132.0.10" => ("secp256k1", 256),
                "1.3.36.3.3.2.8.1.1.7" => ("brainpoolP256r1", 256),
                "1.3.36.3.3.2.8.1.1.11" => ("brainpoolP384r1", 384),
                "1.3.36.3.3.2.8.1.1.13" => ("brainpoolP512r1", 512),
                // Uncompressed: a byte and two coordinates of the curve's size.
                _ => ("", key.subject_public_key.data.len().saturating_sub(1) * 4),
            };
            let named = if name.is_empty() {
                format!("ECDSA {bits} bits")
            } else {
                format!("ECDSA {name}")
            };
            (named, bits < 256)
        }
        "1.3.101.112" => ("Ed25519".to_owned(), false),
        "1.3.101.113" => ("Ed448".to_owned(), false),
        "1.2.840.10040.4.1" => ("DSA".to_owned(), true),
        "2.16.840.1.101.3.4.3.17" => ("ML-DSA-44".to_owned(), false),
        "2.16.840.1.101.3.4.3.18" => ("ML-DSA-65".to_owned(), false),
        "2.16.840.1.101.3.4.3.19" => ("ML-DSA-87".to_owned(), false),
        other => (printable(other), false),
    }
}

/// What people call the signature algorithm, and whether clients refuse it.
fn signature_of(algorithm: &AlgorithmIdentifier<'_>) -> (String, bool) {
    let oid = dotted(&algorithm.algorithm);
    let (name, weak) = match oid.as_str() {
        "1.2.840.113549.1.1.2" => ("md2WithRSAEncryption", true),
        "1.2.840.113549.1.1.3" => ("md4WithRSAEncryption", true),
        "1.2.840.113549.1.1.4" => ("md5WithRSAEncryption", true),
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => ("sha1WithRSAEncryption", true),
        "1.2.840.10045.4.1" => ("ecdsa-with-SHA1", true),
        "1.2.840.10040.4.3" => ("dsa-with-sha1", true),
        "1.2.840.113549.1.1.10" => return rsassa_pss(algorithm),
        "1.2.840.113549.1.1.11" => ("sha256WithRSAEncryption", false),
        "1.2.840.113549.1.1.12" => ("sha384WithRSAEncryption", false),
        "1.2.840.113549.1.1.13" => ("sha512WithRSAEncryption", false),
        "1.2.840.113549.1.1.14" => ("sha224WithRSAEncryption", false),
        "1.2.840.10045.4.3.1" => ("ecdsa-with-SHA224", false),
        "1.2.840.10045.4.3.2" => ("ecdsa-with-SHA256", false),
        "1.2.840.10045.4.3.3" => ("ecdsa-with-SHA384", false),
        "1.2.840.10045.4.3.4" => ("ecdsa-with-SHA512", false),
        "1.3.101.112" => ("Ed25519", false),
        "1.3.101.113" => ("Ed448", false),
        other => return (printable(other), false),
    };
    (name.to_owned(), weak)
}

/// Its digest is a parameter, and SHA-1 where none is named (RFC 4055 section 3.1).
fn rsassa_pss(algorithm: &AlgorithmIdentifier<'_>) -> (String, bool) {
    let digest = algorithm
        .parameters
        .as_ref()
        .and_then(|parameters| RsaSsaPssParams::try_from(parameters).ok())
        .map(|parameters| dotted(parameters.hash_algorithm_oid()));
    let (name, weak) = match digest.as_deref() {
        Some("1.3.14.3.2.26") => ("rsassaPss with SHA-1", true),
        Some("2.16.840.1.101.3.4.2.1") => ("rsassaPss with SHA-256", false),
        Some("2.16.840.1.101.3.4.2.2") => ("rsassaPss with SHA-384", false),
        Some("2.16.840.1.101.3.4.2.3") => ("rsassaPss with SHA-512", false),
        _ => ("rsassaPss", false),
    };
    (name.to_owned(), weak)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parse;
    use crate::tls::key::within;
    use crate::tls::workshop::{Leaf, plain};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn damaged_certificates_and_keys_do_no_harm(
            flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
            noise in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let leaf = Leaf::self_signed(&["shop.example", "127.0.0.1"], &plain);
            for original in [leaf.der.to_vec(), leaf.key.serialize_der()] {
                let mut bytes = original;
                for (place, value) in &flips {
                    let place = place.index(bytes.len());
                    bytes[place] = *value;
                }
                let _ = (parse(&bytes), within(&bytes));
                bytes.truncate(noise.len());
                let _ = (parse(&bytes), within(&bytes));
            }
            let _ = (parse(&noise), within(&noise));
        }
    }
}
