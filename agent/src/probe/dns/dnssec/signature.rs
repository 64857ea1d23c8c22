//! One record set against one zone's keys at one moment (RFC 4035 §5.3).

use hickory_proto::dnssec::PublicKey;
use hickory_proto::dnssec::rdata::RRSIG;
use hickory_proto::dnssec::rdata::sig::SigInput;
use hickory_proto::rr::{Name, SerialNumber};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder, NameEncoding};
use jiff::Timestamp;

use super::keys::Key;
use super::sets::Set;

/// Signatures of one set that are tried, each with so many keys of the same tag: more is an attack
/// on who validates (CVE-2023-50387).
const MOST_TRIED: usize = 8;
const MOST_NAMESAKES: usize = 4;

/// A set whose signature holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// When that signature ends: of several that hold, the last.
    pub(super) ends: Timestamp,
    /// How long it was made for, seconds.
    pub(super) lifetime_seconds: i64,
    /// Labels of the name that was signed: fewer than the name has, when a wildcard was.
    pub(super) labels: u8,
}

/// Why a set or a proof does not hold. Ordered: of several signatures that fail, the greatest
/// says most about what went wrong.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Flaw {
    /// No signature over the set.
    Unsigned,
    /// Signed in the name of another zone.
    WrongSigner(String),
    /// Signed by keys that the zone does not have: their tags.
    UnknownKey(Vec<u16>),
    /// The signature does not fit the records: the key's tag.
    Forged(u16),
    /// Not valid before this moment.
    NotYet { from: Timestamp, tag: u16 },
    /// Not valid after this moment.
    Expired { since: Timestamp, tag: u16 },
    /// No record says that there is nothing.
    NoDenial,
    /// There are such records, and they do not say it.
    NotDenied,
    /// The zone has no keys at all.
    NoKeys,
    /// None of the keys is one that was vouched for: tags vouched for, tags there.
    NoMatch { wanted: Vec<u16>, there: Vec<u16> },
}

/// Whether one of the keys of `zone` signs the set, now.
pub(super) fn verify(
    set: &Set<'_>,
    zone: &Name,
    keys: &[Key],
    now: Timestamp,
) -> Result<Held, Flaw> {
    let tried = set.signatures.iter().take(MOST_TRIED);
    let attempts: Vec<_> =
        tried.map(|signature| attempt(set, signature, zone, keys, now)).collect();
    if let Some(held) = attempts.iter().flatten().max_by_key(|held| held.ends) {
        return Ok(*held);
    }
    let mut strangers = Vec::new();
    for attempt in &attempts {
        if let Err(Flaw::UnknownKey(tags)) = attempt {
            strangers.extend(tags);
        }
    }
    match attempts.into_iter().filter_map(Result::err).max() {
        Some(Flaw::UnknownKey(_)) => {
            strangers.sort_unstable();
            strangers.dedup();
            Err(Flaw::UnknownKey(strangers))
        }
        Some(flaw) => Err(flaw),
        None => Err(Flaw::Unsigned),
    }
}

fn attempt(
    set: &Set<'_>,
    signature: &RRSIG,
    zone: &Name,
    keys: &[Key],
    now: Timestamp,
) -> Result<Held, Flaw> {
    let input = signature.input();
    let tag = input.key_tag;
    if !input.signer_name.eq_ignore_root(zone) {
        return Err(Flaw::WrongSigner(input.signer_name.to_ascii()));
    }
    let is_named = |key: &&Key| key.tag == tag && key.algorithm() == input.algorithm;
    let mut candidates = keys.iter().filter(is_named).take(MOST_NAMESAKES).peekable();
    if candidates.peek().is_none() {
        return Err(Flaw::UnknownKey(vec![tag]));
    }
    let (from, ends) = (moment(input.sig_inception, now), moment(input.sig_expiration, now));
    if now > ends {
        return Err(Flaw::Expired { since: ends, tag });
    }
    if now < from {
        return Err(Flaw::NotYet { from, tag });
    }
    let message = to_be_signed(set, input).ok_or(Flaw::Forged(tag))?;
    if !candidates.any(|key| key.record.public_key().verify(&message, signature.sig()).is_ok()) {
        return Err(Flaw::Forged(tag));
    }
    let lifetime_seconds = ends.as_second() - from.as_second();
    Ok(Held { ends, lifetime_seconds, labels: input.num_labels })
}

/// The moment meant by a time within 68 years of now (RFC 4034 §3.1.5).
fn moment(time: SerialNumber, now: Timestamp) -> Timestamp {
    let now = now.as_second();
    // Deliberately modulo 2^32, as the field is.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "serial arithmetic"
    )]
    let ahead = time.get().wrapping_sub(now as u32).cast_signed();
    Timestamp::from_second(now + i64::from(ahead)).unwrap_or(Timestamp::MAX)
}

/// What was signed (RFC 4034 §3.1.8.1, with the canonical forms of §6): sorted by the bytes that
/// are signed, which differ from those received where names carry capitals.
fn to_be_signed(set: &Set<'_>, input: &SigInput) -> Option<Vec<u8>> {
    let labels = set.name.num_labels();
    let owner = match input.num_labels.cmp(&labels) {
        std::cmp::Ordering::Equal => set.name.clone(),
        std::cmp::Ordering::Less => {
            set.name.trim_to(usize::from(input.num_labels)).prepend_label("*").ok()?
        }
        std::cmp::Ordering::Greater => return None,
    };
    let mut rows = Vec::with_capacity(set.records.len());
    for record in &set.records {
        rows.push(canonical(&record.data)?);
    }
    rows.sort_unstable();
    rows.dedup();
    let mut message = canonical(input)?;
    let owner = {
        let mut bytes = Vec::new();
        let mut encoder = BinEncoder::new(&mut bytes);
        encoder.set_name_encoding(NameEncoding::UncompressedLowercase);
        owner.emit(&mut encoder).ok()?;
        bytes
    };
    for row in rows {
        message.extend_from_slice(&owner);
        message.extend(u16::from(set.record_type).to_be_bytes());
        message.extend(1u16.to_be_bytes());
        message.extend(input.original_ttl.to_be_bytes());
        message.extend(u16::try_from(row.len()).ok()?.to_be_bytes());
        message.extend_from_slice(&row);
    }
    Some(message)
}

fn canonical(part: &impl BinEncodable) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = BinEncoder::new(&mut bytes);
    encoder.set_canonical_form(true);
    encoder.set_name_encoding(NameEncoding::Uncompressed);
    part.emit(&mut encoder).ok()?;
    Some(bytes)
}
