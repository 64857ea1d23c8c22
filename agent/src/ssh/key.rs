//! Host keys: their kinds, their fingerprints, and whether a signature is theirs. Pure.
//!
//! Deliberately absent: DSA, P-521 and RSA of unusual sizes, which nothing here can verify, and host
//! certificates, which are never asked for: a server that has them shows the bare key within.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};

use super::wire::Reader;

/// Sizes of RSA keys that can be verified.
const RSA_BITS: std::ops::RangeInclusive<usize> = 1024..=8192;

/// A kind of host key. A server has at most one key of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    /// `ssh-ed25519` (RFC 8709).
    Ed25519,
    /// `ecdsa-sha2-nistp256` (RFC 5656).
    P256,
    /// `ecdsa-sha2-nistp384`.
    P384,
    /// `ssh-rsa`, in every signature it may make (RFC 8332).
    Rsa,
}

impl Family {
    /// Every kind that can be verified, those first that servers have most.
    pub(crate) const ALL: [Self; 4] = [Self::Ed25519, Self::P256, Self::P384, Self::Rsa];

    /// Signature algorithms of this kind, preferred first.
    pub(super) fn algorithms(self) -> &'static [&'static str] {
        match self {
            Self::Ed25519 => &["ssh-ed25519"],
            Self::P256 => &["ecdsa-sha2-nistp256"],
            Self::P384 => &["ecdsa-sha2-nistp384"],
            Self::Rsa => &["rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"],
        }
    }

    /// The kind that a signature algorithm belongs to.
    pub(super) fn of(algorithm: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| family.algorithms().contains(&algorithm))
    }

    /// As `ssh-keygen -l` writes it.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Ed25519 => "ED25519",
            Self::P256 | Self::P384 => "ECDSA",
            Self::Rsa => "RSA",
        }
    }
}

/// The SHA-256 of a public key; written as `ssh-keygen -l` does, `SHA256:` and base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// Reads `SHA256:…`; `None` when it is not one.
    #[must_use]
    pub fn parse(written: &str) -> Option<Self> {
        let digits = written.strip_prefix("SHA256:")?;
        let bytes = STANDARD_NO_PAD.decode(digits.trim_end_matches('=')).ok()?;
        bytes.try_into().ok().map(Self)
    }

    fn of(blob: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, blob).as_ref());
        Self(bytes)
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SHA256:{}", STANDARD_NO_PAD.encode(self.0))
    }
}

/// A public key as a server presented it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostKey {
    pub(crate) family: Family,
    pub(crate) fingerprint: Fingerprint,
    /// Size in bits, as `ssh-keygen -l` counts them.
    pub(crate) bits: usize,
    material: Material,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Material {
    /// A point, or what Ed25519 has for one.
    Point(Vec<u8>),
    /// Without leading zeros.
    Rsa { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl HostKey {
    /// Reads a public key (RFC 4253 section 6.6); `None` when it is of no kind that can be verified.
    pub(super) fn parse(blob: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(blob);
        let kind = std::str::from_utf8(reader.string()?).ok()?;
        let family = Family::of(kind)?;
        let (material, bits) = match family {
            Family::Ed25519 => (Material::Point(reader.string()?.to_vec()), 256),
            Family::P256 | Family::P384 => {
                let _curve = reader.string()?;
                let bits = if family == Family::P256 { 256 } else { 384 };
                (Material::Point(reader.string()?.to_vec()), bits)
            }
            Family::Rsa => {
                let exponent = reader.integer()?.to_vec();
                let modulus = reader.integer()?.to_vec();
                let unused = modulus.first().map_or(0, |first| first.leading_zeros() as usize);
                let bits = modulus.len() * 8 - unused;
                (Material::Rsa { modulus, exponent }, bits)
            }
        };
        let fingerprint = Fingerprint::of(blob);
        reader.is_empty().then_some(Self { family, fingerprint, bits, material })
    }

    /// Whether signatures by this key can be verified at all: of RSA, not those of every size.
    pub(super) fn can_be_verified(&self) -> bool {
        self.family != Family::Rsa || RSA_BITS.contains(&self.bits)
    }

    /// Whether a signature (RFC 4253 section 6.6) by this algorithm is this key's own.
    pub(super) fn has_signed(&self, message: &[u8], algorithm: &str, signature: &[u8]) -> bool {
        let mut reader = Reader::new(signature);
        let (Some(named), Some(bytes)) = (reader.string(), reader.string()) else { return false };
        if named != algorithm.as_bytes() || Family::of(algorithm) != Some(self.family) {
            return false;
        }
        match (&self.material, self.family) {
            (Material::Rsa { modulus, exponent }, _) => {
                let Some(parameters) = rsa_parameters(algorithm) else { return false };
                let key = RsaPublicKeyComponents { n: modulus, e: exponent };
                key.verify(parameters, message, bytes).is_ok()
            }
            (Material::Point(point), Family::P256) => {
                verified(&ECDSA_P256_SHA256_FIXED, point, message, fixed(bytes, 32).as_deref())
            }
            (Material::Point(point), Family::P384) => {
                verified(&ECDSA_P384_SHA384_FIXED, point, message, fixed(bytes, 48).as_deref())
            }
            (Material::Point(point), _) => verified(&ED25519, point, message, Some(bytes)),
        }
    }
}

#[cfg(test)]
impl HostKey {
    /// A key for tables, with which nobody signs.
    pub(crate) fn of_ed25519(point: [u8; 32]) -> Self {
        let (family, bits) = (Family::Ed25519, 256);
        Self {
            family,
            fingerprint: Fingerprint::of(&point),
            bits,
            material: Material::Point(point.to_vec()),
        }
    }
}

impl std::fmt::Display for HostKey {
    /// `256 SHA256:… (ED25519)`, as `ssh-keygen -l` without a comment.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.bits, self.fingerprint, self.family.label())
    }
}

/// Short keys and SHA-1 too: the question is whose key it is, not how strong.
fn rsa_parameters(algorithm: &str) -> Option<&'static RsaParameters> {
    match algorithm {
        "rsa-sha2-512" => Some(&signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        "rsa-sha2-256" => Some(&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        "ssh-rsa" => Some(&signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
        _ => None,
    }
}

fn verified(
    algorithm: &'static dyn VerificationAlgorithm,
    point: &[u8],
    message: &[u8],
    signature: Option<&[u8]>,
) -> bool {
    let key = UnparsedPublicKey::new(algorithm, point);
    signature.is_some_and(|signature| key.verify(message, signature).is_ok())
}

/// r and s side by side, each as wide as the curve (RFC 5656 section 3.1.2 has them as integers).
fn fixed(signature: &[u8], width: usize) -> Option<Vec<u8>> {
    let mut reader = Reader::new(signature);
    let mut bytes = Vec::with_capacity(2 * width);
    for _ in 0..2 {
        let integer = reader.integer()?;
        bytes.resize(bytes.len() + width.checked_sub(integer.len())?, 0);
        bytes.extend_from_slice(integer);
    }
    reader.is_empty().then_some(bytes)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;

    use super::super::wire::Writer;
    use super::*;

    /// Public keys and what `ssh-keygen -lf` says of them.
    const KNOWN: &[(&str, &str)] = &[
        (
            "AAAAC3NzaC1lZDI1NTE5AAAAIOvsgLsw+aXvF2SdE8vkJShWETxiZCL/HUmsU3Vi5cTU",
            "256 SHA256:FRQ2qfcdPe9AOATFeRrLvx174woo2adVbrwtdx7/5lo (ED25519)",
        ),
        (
            "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBOve1EvVLyzuTBz1whm/x6C8Ohg3CFPEmeKvQgPZF2pXpHFaReN/yIkF6NMaHnpt9Rg5L17Jh1IF8IftEUoN9dQ=",
            "256 SHA256:Iq4un10umk17gmd0hlFezn8xBGb+f27ugFjKaKE4YPQ (ECDSA)",
        ),
        (
            "AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBJeaF1ow+FCTCWV7S5guWhrEprNrAYoEExVH7EcjAgzv69pFXRhZaabHs2WtfCsuFoIz/FTsQZYpDScxQjdgiTyziYeIlRXRFS9hhaXtcfgzM/NBZUaYo5DWTi8FJlnjyg==",
            "384 SHA256:UtT+Kh6BZW02ljiofpsPjRN328PXg2gOotDF5gU6pTc (ECDSA)",
        ),
        (
            "AAAAB3NzaC1yc2EAAAADAQABAAABAQC/fOaAMU4rovBcoudU9R5aGSNUlDpco0grNsTKJlizfk+2JlT5mU68tun6xqQn8JC1JXNDt4mgVGqB6aTWyCOak7ISbJvVHUhmKxxb9dhb4WacdRby5QrxxOCwYA9QTuDmnarfoTptUuRXCu+lVBNur4Jo1wgRGvROsKIEdUNEeMtrC2Zy4LjA/bV1Qmu6rLUquxry8O9aB7mT1qtrx4Q2E13AAZkBV5+S/F1DNVx5gBzOpw6H3Q3jva4KEsAkiFHKzXVUgFZnqZ0equvF3KEhoRvV9rou+N4uIHpM6/PnQQ4kIOb012TYn2IxVsW7YcftGzVItoTd3E45l3O0UTat",
            "2048 SHA256:jUQMZr3JGsCQnig0wLeyS/3XAeEwHtku2ZLoubpAP3k (RSA)",
        ),
    ];

    #[test]
    fn fingerprints_are_those_of_ssh_keygen() {
        for (blob, expected) in KNOWN {
            let blob = STANDARD.decode(blob).unwrap();
            let key = HostKey::parse(&blob).unwrap();
            assert_eq!(key.to_string(), *expected);
            assert_eq!(Fingerprint::parse(&key.fingerprint.to_string()), Some(key.fingerprint));
            for short in 0..blob.len() {
                assert_eq!(HostKey::parse(&blob[..short]), None, "{expected} cut at {short}");
            }
            assert_eq!(HostKey::parse(&[&blob[..], &[0]].concat()), None, "{expected} and more");
            assert!(!key.has_signed(b"x", key.family.algorithms()[0], b"no signature"));
        }
    }

    #[test]
    fn rsa_is_verified_in_some_sizes() {
        for (bytes, expected) in
            [(64, false), (127, false), (128, true), (1024, true), (1025, false), (2048, false)]
        {
            let blob = Writer::default()
                .string(b"ssh-rsa")
                .integer(&[1, 0, 1])
                .integer(&vec![0xff; bytes])
                .0;
            let key = HostKey::parse(&blob).unwrap();
            assert_eq!((key.bits, key.can_be_verified()), (bytes * 8, expected));
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        for wrong in [
            "",
            "SHA256:",
            "SHA256:short",
            "MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48",
            "sha256:uNiVztksCsDhcc0u9e8BgrJXVGDUZTwWsjc5jCc0YKI",
            "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDUZTwWsjc5jCc0YKI0",
            "SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDUZTwWsjc5jCc0Y!I",
        ] {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }
}
