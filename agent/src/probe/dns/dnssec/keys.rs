//! A zone's keys, and whether those that were vouched for are among them (RFC 4035 §5.2).

use hickory_proto::dnssec::rdata::{DNSKEY, DNSSECRData, DS};
use hickory_proto::dnssec::{Algorithm, PublicKey, PublicKeyBuf};
use hickory_proto::rr::{Name, RData};
use jiff::Timestamp;

use super::sets::Set;
use super::signature::{Flaw, Held, verify};

/// The least modulus that can be checked, bytes; shorter ones were given up long ago.
const LEAST_MODULUS_BYTES: usize = 128;
/// Keys of one zone that are looked at; a rollover needs a handful.
const MOST_KEYS: usize = 64;

/// One DNSKEY with its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) record: DNSKEY,
    pub(super) tag: u16,
}

impl Key {
    pub(super) fn of(record: &DNSKEY) -> Self {
        Self { record: record.clone(), tag: record.calculate_key_tag().unwrap_or(0) }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        self.record.public_key().algorithm()
    }

    /// Signs records of its zone (RFC 4034 §2.1.1), and was not revoked (RFC 5011 §2.1).
    fn is_usable(&self) -> bool {
        self.record.zone_key() && !self.record.revoke() && is_verifiable(self.record.public_key())
    }

    /// What it is for, as its flags say.
    pub(super) fn role(&self) -> &'static str {
        match (self.record.revoke(), self.record.secure_entry_point()) {
            (true, _) => "revoked",
            (false, true) => "ksk",
            (false, false) => "zsk",
        }
    }
}

/// Every key of a set of DNSKEY.
pub(super) fn keys(set: &Set<'_>) -> Vec<Key> {
    let keys = set.records.iter().filter_map(|record| match &record.data {
        RData::DNSSEC(DNSSECRData::DNSKEY(key)) => Some(Key::of(key)),
        _ => None,
    });
    keys.take(MOST_KEYS).collect()
}

/// Who says which key may be trusted: a DS, or a key itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Voucher {
    Digest(DS),
    Key(DNSKEY),
}

impl Voucher {
    /// The DS of a set.
    pub(super) fn all(set: &Set<'_>) -> Vec<Self> {
        let digests = set.records.iter().filter_map(|record| match &record.data {
            RData::DNSSEC(DNSSECRData::DS(digest)) => Some(Self::Digest(digest.clone())),
            _ => None,
        });
        digests.collect()
    }

    pub(super) fn tag(&self) -> u16 {
        match self {
            Self::Digest(digest) => digest.key_tag(),
            Self::Key(key) => key.calculate_key_tag().unwrap_or(0),
        }
    }

    /// `SHA-256`; empty for a whole key.
    pub(super) fn digest_name(&self) -> String {
        let Self::Digest(digest) = self else { return String::new() };
        match u8::from(digest.digest_type()) {
            1 => "SHA-1".to_owned(),
            2 => "SHA-256".to_owned(),
            4 => "SHA-384".to_owned(),
            number => format!("digest {number}"),
        }
    }

    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Digest(digest) => digest.algorithm(),
            Self::Key(key) => key.public_key().algorithm(),
        }
    }

    /// Both the key's algorithm and the digest's are ones that can be checked here.
    fn is_supported(&self) -> bool {
        self.algorithm().is_supported()
            && match self {
                Self::Digest(digest) => digest.digest_type().is_supported(),
                Self::Key(_) => true,
            }
    }

    /// Stands for this key of `zone`.
    pub(super) fn stands_for(&self, zone: &Name, key: &Key) -> bool {
        match self {
            Self::Digest(digest) => {
                digest.key_tag() == key.tag
                    && digest.algorithm() == key.algorithm()
                    && digest.covers(zone, &key.record).unwrap_or(false)
            }
            // Flags may differ: the bit that revokes a key is among them.
            Self::Key(known) => known.public_key() == key.record.public_key(),
        }
    }
}

/// What a zone's own keys come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// These may be trusted, as long as the signature over them holds.
    Trusted(Vec<Key>, Held),
    /// Everything that vouches uses something that cannot be checked (RFC 4035 §5.2): these.
    Unsupported(Vec<Algorithm>),
    Flawed(Flaw),
}

/// Whether the zone's keys are those that were vouched for.
pub(super) fn enter(
    zone: &Name,
    set: Option<&Set<'_>>,
    vouchers: &[Voucher],
    now: Timestamp,
) -> Entry {
    if !vouchers.iter().any(Voucher::is_supported) {
        let mut algorithms: Vec<Algorithm> = vouchers.iter().map(Voucher::algorithm).collect();
        algorithms.sort_unstable();
        algorithms.dedup();
        return Entry::Unsupported(algorithms);
    }
    let Some(set) = set else { return Entry::Flawed(Flaw::NoKeys) };
    let keys = keys(set);
    let is_vouched_for = |key: &&Key| vouchers.iter().any(|voucher| voucher.stands_for(zone, key));
    let entry_points: Vec<Key> = keys.iter().filter(is_vouched_for).cloned().collect();
    if entry_points.is_empty() {
        let wanted = tags(vouchers.iter().map(Voucher::tag));
        return Entry::Flawed(Flaw::NoMatch {
            wanted,
            there: tags(keys.iter().map(|key| key.tag)),
        });
    }
    let usable: Vec<Key> = entry_points.iter().filter(|key| key.is_usable()).cloned().collect();
    if usable.is_empty() && entry_points.iter().all(|key| !key.record.revoke()) {
        return Entry::Unsupported(entry_points.iter().map(Key::algorithm).collect());
    }
    match verify(set, zone, &usable, now) {
        Ok(held) => Entry::Trusted(keys.into_iter().filter(Key::is_usable).collect(), held),
        Err(flaw) => Entry::Flawed(flaw),
    }
}

fn tags(tags: impl Iterator<Item = u16>) -> Vec<u16> {
    let mut tags: Vec<u16> = tags.collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// The algorithm and, for RSA, the length are such as can be checked.
fn is_verifiable(key: &PublicKeyBuf) -> bool {
    let bytes = key.public_bytes();
    match u8::from(key.algorithm()) {
        5 | 7 | 8 | 10 => {
            // RFC 3110 §2: the exponent's length in one byte, or in two after a zero.
            let exponent = match bytes {
                [0, high, low, ..] => 3 + usize::from(u16::from_be_bytes([*high, *low])),
                [length, ..] => 1 + usize::from(*length),
                [] => return false,
            };
            bytes.len() >= exponent + LEAST_MODULUS_BYTES
        }
        _ => key.algorithm().is_supported(),
    }
}

/// The name of an algorithm, or its number.
pub(super) fn mnemonic(algorithm: Algorithm) -> String {
    match u8::from(algorithm) {
        6 => "DSA-NSEC3-SHA1".to_owned(),
        12 => "ECC-GOST".to_owned(),
        16 => "ED448".to_owned(),
        number if algorithm.as_str() == "Unknown" => format!("algorithm {number}"),
        _ => algorithm.as_str().to_owned(),
    }
}

/// Algorithms that validators have begun to take for no signature at all (RFC 9905).
pub(super) fn is_given_up(algorithm: Algorithm) -> bool {
    matches!(u8::from(algorithm), 1 | 3 | 5 | 6 | 7 | 12)
}
