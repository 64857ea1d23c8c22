//! Denial by hashes of names (NSEC3, RFC 5155 §8).

use hickory_proto::dnssec::Nsec3HashAlgorithm;
use hickory_proto::dnssec::rdata::NSEC3;
use hickory_proto::rr::{Name, RecordType};

use super::wildcard_below;

/// Rounds of hashing that are done at most; more is worth nothing (RFC 9276 §3.2).
const MOST_ITERATIONS: u16 = 500;
/// Records of one answer that are looked at: a proof needs three.
const MOST_RECORDS: usize = 16;

/// The records, each with the hash that it belongs to.
#[derive(Debug)]
pub(super) struct Hashes<'a> {
    zone: &'a Name,
    records: Vec<(Vec<u8>, &'a NSEC3)>,
}

impl<'a> Hashes<'a> {
    pub(super) fn of(zone: &'a Name, records: Vec<(&'a Name, &'a NSEC3)>) -> Self {
        let mut records: Vec<_> = records
            .into_iter()
            .filter(|(owner, _)| owner.base_name().eq_ignore_root(zone))
            .filter_map(|(owner, nsec3)| Some((unhashed(owner)?, nsec3)))
            .take(MOST_RECORDS)
            .collect();
        // One zone hashes in one way at a time (RFC 5155 §7.2).
        if let Some(first) = records.first().map(|&(_, nsec3)| nsec3) {
            records.retain(|(_, nsec3)| {
                nsec3.salt() == first.salt() && nsec3.iterations() == first.iterations()
            });
        }
        Self { zone, records }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// More rounds than anybody does: to validators the zone has no proofs then, good or bad.
    pub(super) fn is_excessive(&self) -> bool {
        self.records.first().is_some_and(|(_, nsec3)| nsec3.iterations() > MOST_ITERATIONS)
    }

    pub(super) fn has_no_type(&self, name: &Name, kind: RecordType) -> bool {
        if let Some(nsec3) = self.matching(name) {
            return lacks(nsec3, kind);
        }
        let Some((encloser, next_closer)) = self.closest(name) else { return false };
        let Some(gap) = self.covering(&next_closer) else { return false };
        // RFC 5155 §8.6: a delegation that was left out; §8.7: a wildcard without the type.
        (kind == RecordType::DS && gap.opt_out())
            || self.matching(&wildcard_below(&encloser)).is_some_and(|nsec3| lacks(nsec3, kind))
    }

    pub(super) fn has_no_name(&self, name: &Name) -> bool {
        let Some((encloser, next_closer)) = self.closest(name) else { return false };
        self.covers(&next_closer) && self.covers(&wildcard_below(&encloser))
    }

    /// Whether the name's own record has the type; `None` without such a record.
    pub(super) fn has_type(&self, name: &Name, kind: RecordType) -> Option<bool> {
        let nsec3 = self.matching(name)?;
        Some(nsec3.type_bit_maps().any(|there| there == kind))
    }

    /// The name may be an unsigned delegation that the hashes pass over (RFC 5155 §6).
    pub(super) fn is_opted_out(&self, name: &Name) -> bool {
        self.closest(name)
            .and_then(|(_, next_closer)| self.covering(&next_closer))
            .is_some_and(NSEC3::opt_out)
    }

    pub(super) fn covers(&self, name: &Name) -> bool {
        self.covering(name).is_some()
    }

    /// The closest name above that is shown to exist, and the one below it on the way to `name`.
    fn closest(&self, name: &Name) -> Option<(Name, Name)> {
        let mut next_closer = name.clone();
        while self.zone.zone_of(&next_closer) && !next_closer.is_root() {
            let above = next_closer.base_name();
            if self.matching(&above).is_some() {
                return Some((above, next_closer));
            }
            next_closer = above;
        }
        None
    }

    fn matching(&self, name: &Name) -> Option<&'a NSEC3> {
        let hash = self.hash(name)?;
        self.records.iter().find(|(owner, _)| *owner == hash).map(|&(_, nsec3)| nsec3)
    }

    fn covering(&self, name: &Name) -> Option<&'a NSEC3> {
        let hash = self.hash(name)?;
        let falls_in = |(owner, nsec3): &&(Vec<u8>, &'a NSEC3)| {
            let next = nsec3.next_hashed_owner_name();
            if &owner[..] < next {
                *owner < hash && &hash[..] < next
            } else {
                // The last gap goes round to the first hash.
                *owner < hash || &hash[..] < next
            }
        };
        self.records.iter().find(falls_in).map(|&(_, nsec3)| nsec3)
    }

    fn hash(&self, name: &Name) -> Option<Vec<u8>> {
        let (_, like) = self.records.first()?;
        if like.iterations() > MOST_ITERATIONS {
            return None;
        }
        let hash = Nsec3HashAlgorithm::SHA1.hash(like.salt(), name, like.iterations());
        hash.ok().map(|hash| hash.as_ref().to_vec())
    }
}

fn lacks(nsec3: &NSEC3, kind: RecordType) -> bool {
    !nsec3.type_bit_maps().any(|there| there == kind || there == RecordType::CNAME)
}

/// The hash in an owner name: its first label, in base32 with extended hex alphabet (RFC 4648 §7).
fn unhashed(owner: &Name) -> Option<Vec<u8>> {
    let label = owner.iter().next()?;
    let mut bytes = Vec::with_capacity(label.len() * 5 / 8);
    let (mut buffer, mut bits) = (0u32, 0);
    for letter in label {
        let value = match letter.to_ascii_lowercase() {
            digit @ b'0'..=b'9' => digit - b'0',
            letter @ b'a'..=b'v' => letter - b'a' + 10,
            _ => return None,
        };
        buffer = (buffer << 5) | u32::from(value);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
        }
    }
    Some(bytes)
}
