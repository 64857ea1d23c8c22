//! Whether signed records say that there is nothing (RFC 4035 §5.4, RFC 5155 §8). The signatures
//! over them were checked before.

use hickory_proto::dnssec::rdata::{DNSSECRData, NSEC};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{Name, RData, RecordType};

use super::sets::Set;
use super::signature::Flaw;

mod hashed;

use hashed::Hashes;

/// A type that says "no such name" in a proof made up on the fly (RFC 9824 §3.1).
const NXNAME: u16 = 128;

/// The records of one answer that deny something.
#[derive(Debug)]
pub(super) struct Denial<'a> {
    zone: &'a Name,
    plain: Vec<(&'a Name, &'a NSEC)>,
    hashed: Hashes<'a>,
}

/// What stands between a zone and the name below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    /// A delegation without DS: what is below is not signed from here.
    Unsigned,
    /// No delegation: the name belongs to the same zone.
    None,
}

impl<'a> Denial<'a> {
    /// Of the sets in the authority section of an answer from `zone`.
    pub(super) fn of(zone: &'a Name, authority: &[Set<'a>]) -> Self {
        let (mut plain, mut hashed) = (Vec::new(), Vec::new());
        for set in authority {
            for record in &set.records {
                match &record.data {
                    RData::DNSSEC(DNSSECRData::NSEC(nsec)) => plain.push((set.name, nsec)),
                    RData::DNSSEC(DNSSECRData::NSEC3(nsec3)) => hashed.push((set.name, nsec3)),
                    _ => {}
                }
            }
        }
        Self { zone, plain, hashed: Hashes::of(zone, hashed) }
    }

    /// That the name has no such record, or does not exist at all.
    pub(super) fn denies(
        &self,
        name: &Name,
        kind: RecordType,
        code: ResponseCode,
    ) -> Result<(), Flaw> {
        if self.hashed.is_excessive() {
            return Ok(());
        }
        let is_denied = match (self.plain.is_empty(), self.hashed.is_empty(), code) {
            (true, true, _) => return Err(Flaw::NoDenial),
            (false, _, ResponseCode::NXDomain) => self.has_no_name(name),
            (false, _, _) => self.has_no_type(name, kind),
            (true, false, ResponseCode::NXDomain) => self.hashed.has_no_name(name),
            (true, false, _) => self.hashed.has_no_type(name, kind),
        };
        if is_denied { Ok(()) } else { Err(Flaw::NotDenied) }
    }

    /// That no name nearer than the wildcard of so many labels exists (RFC 4035 §5.3.4).
    pub(super) fn expands(&self, name: &Name, labels: u8) -> Result<(), Flaw> {
        if self.hashed.is_excessive() {
            return Ok(());
        }
        let next_closer = name.trim_to(usize::from(labels) + 1);
        let is_denied = match (self.plain.is_empty(), self.hashed.is_empty()) {
            (true, true) => return Err(Flaw::NoDenial),
            (false, _) => self.covering(name).is_some() || self.covering(&next_closer).is_some(),
            (true, false) => self.hashed.covers(&next_closer),
        };
        if is_denied { Ok(()) } else { Err(Flaw::NotDenied) }
    }

    /// What lies at a name that has no DS; `None`: that is not said.
    pub(super) fn cut(&self, name: &Name) -> Option<Cut> {
        let has_ns = match self.plain.iter().find(|(owner, _)| owner.eq_ignore_root(name)) {
            Some((_, nsec)) => Some(nsec.type_bit_maps().any(|kind| kind == RecordType::NS)),
            None => self.hashed.has_type(name, RecordType::NS),
        };
        match has_ns {
            Some(true) => Some(Cut::Unsigned),
            Some(false) => Some(Cut::None),
            // An empty non-terminal has no record of its own.
            None if self.has_no_type(name, RecordType::DS) => Some(Cut::None),
            None if self.hashed.is_opted_out(name) => Some(Cut::Unsigned),
            None => None,
        }
    }

    fn has_no_type(&self, name: &Name, kind: RecordType) -> bool {
        let lacks = |nsec: &NSEC| {
            !nsec.type_bit_maps().any(|there| there == kind || there == RecordType::CNAME)
        };
        if let Some((_, nsec)) = self.plain.iter().find(|(owner, _)| owner.eq_ignore_root(name)) {
            return lacks(nsec);
        }
        let Some((owner, nsec)) = self.covering(name) else { return false };
        if name.zone_of(nsec.next_domain_name()) {
            return true;
        }
        let wildcard = wildcard_below(&closest_encloser(name, owner, nsec));
        self.plain.iter().any(|(owner, nsec)| owner.eq_ignore_root(&wildcard) && lacks(nsec))
    }

    fn has_no_name(&self, name: &Name) -> bool {
        let made_up = self.plain.iter().any(|(owner, nsec)| {
            owner.eq_ignore_root(name) && nsec.type_bit_maps().any(|kind| u16::from(kind) == NXNAME)
        });
        if made_up {
            return true;
        }
        let Some((owner, nsec)) = self.covering(name) else { return false };
        let wildcard = wildcard_below(&closest_encloser(name, owner, nsec));
        self.covering(&wildcard).is_some()
    }

    /// The record whose gap the name falls into (RFC 4034 §6.1 has the order).
    fn covering(&self, name: &Name) -> Option<(&'a Name, &'a NSEC)> {
        self.plain.iter().copied().find(|(owner, nsec)| {
            let next = nsec.next_domain_name();
            // The last record points back to the zone itself.
            *owner < name && (name < next || next.eq_ignore_root(self.zone))
        })
    }
}

/// The longest name above `name` that exists, as a record whose gap it falls into shows.
fn closest_encloser(name: &Name, owner: &Name, nsec: &NSEC) -> Name {
    let mut above = name.base_name();
    while !above.is_root() && !above.zone_of(owner) && !above.zone_of(nsec.next_domain_name()) {
        above = above.base_name();
    }
    above
}

fn wildcard_below(name: &Name) -> Name {
    name.prepend_label("*").unwrap_or_else(|_| name.clone())
}
