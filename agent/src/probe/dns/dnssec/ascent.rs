//! How trust comes to a zone: from an anchor for it, or from an anchor above and every zone on the
//! way (RFC 4035 §5). The DS is asked of the parent's servers where the plan names them, else of
//! the agent's resolver, and so are all zones further up. Deliberately absent: the zone itself.

use std::net::SocketAddr;
use std::time::Instant;

use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;

use super::anchor::Anchor;
use super::ask::Way;
use super::denial::{Cut, Denial};
use super::keys::{Entry, Key, Voucher, enter};
use super::remembered::Remembered;
use super::sets::{Set, set, sets};
use super::signature::{Flaw, verify};
use crate::probe::dns::question::Role;
use crate::probe::dns::values::render_name;

/// A standing that could not be found out is asked for again after so many seconds.
const SOON: u32 = 60;
/// Sets of a proof that are looked at.
const MOST_PROOFS: usize = 16;

/// What vouches for the zone's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// These stand for the keys that the zone must have.
    Vouched { vouchers: Vec<Voucher>, by: Vouching },
    /// Nobody vouches for it.
    Open(Open),
    /// The chain breaks above the zone.
    Broken(Box<Break>),
    /// It could not be found out; why, for people.
    Unknown(String),
}

/// How far those who vouch were themselves verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Vouching {
    /// An anchor of this zone, and every zone on the way from it.
    Anchor(Name),
    /// The zone has a DS; whether its parent can be trusted is not known, and why.
    Assumed(String),
}

/// Why nobody vouches for a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Open {
    /// Its parent has no DS for it.
    NoDs,
    /// This zone above it is not signed from its own parent.
    Above(Name),
    /// This zone above it uses algorithms that cannot be checked.
    Unsupported(Name),
}

/// Where a chain breaks: a set of this zone does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Break {
    pub(super) zone: Name,
    pub(super) set: String,
    pub(super) flaw: Flaw,
}

/// What is known of a zone above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Trusted { keys: Vec<Key>, anchor: Name },
    Open(Open),
    Broken(Box<Break>),
    Unknown(String),
}

/// Whom to ask about what is above one zone.
#[derive(Clone, Copy)]
pub(super) struct Ascent<'a> {
    pub(super) zone: &'a Name,
    /// The parent's servers, where they are known.
    pub(super) parent: &'a [SocketAddr],
    pub(super) anchors: &'a [Anchor],
    /// Tells these anchors from others.
    pub(super) fingerprint: u64,
    pub(super) way: Way<'a>,
    pub(super) memory: &'a Remembered,
    pub(super) now: Timestamp,
    pub(super) monotonic: Instant,
}

impl Ascent<'_> {
    /// Finds out who vouches for the zone.
    pub(super) async fn climb(&self) -> Access {
        let own = self.anchors_for(self.zone);
        if !own.is_empty() {
            let by = Vouching::Anchor(self.zone.clone());
            return Access::Vouched { vouchers: own, by };
        }
        let answer = match self.ds(self.zone).await {
            Ok(answer) => answer,
            Err(why) => return Access::Unknown(why),
        };
        let Some(digests) = set(&answer.answers, self.zone, RecordType::DS) else {
            return Access::Open(Open::NoDs);
        };
        let vouchers = Voucher::all(&digests);
        let assumed =
            |why| Access::Vouched { vouchers: vouchers.clone(), by: Vouching::Assumed(why) };
        let Some(signature) = digests.signatures.first() else {
            return assumed(format!("the DS of {} came without signatures", self.zone));
        };
        let parent = signature.input().signer_name.to_lowercase();
        if !parent.zone_of(self.zone) || parent.eq_ignore_root(self.zone) {
            return assumed(format!("the DS of {} is signed by {parent}", self.zone));
        }
        match self.standing(&parent).await {
            Standing::Trusted { keys, anchor } => {
                match verify(&digests, &parent, &keys, self.now) {
                    Ok(_) => Access::Vouched { vouchers, by: Vouching::Anchor(anchor) },
                    Err(flaw) => {
                        let set = digests.title();
                        Access::Broken(Box::new(Break { zone: parent, set, flaw }))
                    }
                }
            }
            Standing::Open(open) => Access::Open(open),
            Standing::Broken(broken) => Access::Broken(broken),
            Standing::Unknown(why) => assumed(why),
        }
    }

    fn anchors_for(&self, zone: &Name) -> Vec<Voucher> {
        let anchors = self.anchors.iter().filter(|anchor| anchor.zone.eq_ignore_root(zone));
        anchors.map(|anchor| anchor.voucher.clone()).collect()
    }

    async fn ds(&self, name: &Name) -> Result<Message, String> {
        if !self.parent.is_empty() && name == self.zone {
            self.way.one(self.parent, Role::Authoritative, name, RecordType::DS).await
        } else {
            self.way.resolve(name, RecordType::DS).await
        }
    }

    /// From these servers of the zone, where one has authority; else from the resolver.
    async fn dnskey(&self, zone: &Name, servers: &[SocketAddr]) -> Result<Message, String> {
        if !servers.is_empty() {
            let answer = self.way.one(servers, Role::Authoritative, zone, RecordType::DNSKEY).await;
            if let Ok(message) = answer {
                return Ok(message);
            }
        }
        self.way.resolve(zone, RecordType::DNSKEY).await
    }

    /// The servers of a zone on the way to `parent`, as far as they are known.
    fn servers_of(&self, zone: &Name, parent: &Name) -> &[SocketAddr] {
        if zone.eq_ignore_root(parent) { self.parent } else { &[] }
    }

    /// What is known of a zone above, from memory or from its anchor down.
    async fn standing(&self, parent: &Name) -> Standing {
        let above = (parent.clone(), self.fingerprint, self.parent.to_vec());
        if let Some(standing) = self.memory.standing(&above, self.monotonic) {
            return Standing::clone(&standing);
        }
        let (standing, ttl) = self.descend(parent).await;
        self.memory.keep_standing(above, standing.clone(), ttl, self.monotonic);
        standing
    }

    /// From the nearest anchor down to `parent`, zone by zone; with the lowest TTL met.
    async fn descend(&self, parent: &Name) -> (Standing, u32) {
        let nearest = self
            .anchors
            .iter()
            .map(|anchor| &anchor.zone)
            .filter(|zone| zone.zone_of(parent))
            .max_by_key(|zone| zone.num_labels());
        let Some(anchor) = nearest else {
            return (Standing::Unknown(format!("no anchor is above {parent}")), SOON);
        };
        let mut ttl = u32::MAX;
        let mut zone = anchor.clone();
        let servers = self.servers_of(anchor, parent);
        let mut keys = match self.enter(&zone, servers, &self.anchors_for(anchor), &mut ttl).await {
            Ok(keys) => keys,
            Err(standing) => return (standing, SOON),
        };
        for labels in anchor.num_labels() + 1..=parent.num_labels() {
            let below = parent.trim_to(usize::from(labels));
            let servers = self.servers_of(&below, parent);
            match self.step(&zone, &keys, (&below, servers), &mut ttl).await {
                Ok(None) => {}
                Ok(Some(entered)) => (zone, keys) = (below, entered),
                Err(standing) => return (standing, ttl.min(SOON)),
            }
        }
        if zone.eq_ignore_root(parent) {
            return (Standing::Trusted { keys, anchor: anchor.clone() }, ttl);
        }
        (Standing::Unknown(format!("{zone} does not delegate {parent}")), SOON)
    }

    /// One label down: the keys of the zone that begins there, if one does.
    async fn step(
        &self,
        zone: &Name,
        keys: &[Key],
        (below, servers): (&Name, &[SocketAddr]),
        ttl: &mut u32,
    ) -> Result<Option<Vec<Key>>, Standing> {
        let answer = self.way.resolve(below, RecordType::DS).await.map_err(Standing::Unknown)?;
        if let Some(digests) = set(&answer.answers, below, RecordType::DS) {
            self.hold(zone, keys, &digests)?;
            *ttl = (*ttl).min(digests.ttl());
            return self.enter(below, servers, &Voucher::all(&digests), ttl).await.map(Some);
        }
        let mut authority = sets(&answer.authorities);
        authority.truncate(MOST_PROOFS);
        let is_proof =
            |set: &&Set<'_>| matches!(set.record_type, RecordType::NSEC | RecordType::NSEC3);
        for set in authority.iter().filter(is_proof) {
            self.hold(zone, keys, set)?;
            *ttl = (*ttl).min(set.ttl());
        }
        match Denial::of(zone, &authority).cut(below) {
            Some(Cut::Unsigned) => Err(Standing::Open(Open::Above(below.clone()))),
            Some(Cut::None) => Ok(None),
            None => Err(Standing::Unknown(format!("nothing shows whether {below} has a DS"))),
        }
    }

    fn hold(&self, zone: &Name, keys: &[Key], set: &Set<'_>) -> Result<(), Standing> {
        match verify(set, zone, keys, self.now) {
            Ok(_) => Ok(()),
            Err(flaw) => Err(unheld(zone, set.title(), flaw)),
        }
    }

    async fn enter(
        &self,
        zone: &Name,
        servers: &[SocketAddr],
        vouchers: &[Voucher],
        ttl: &mut u32,
    ) -> Result<Vec<Key>, Standing> {
        let answer = self.dnskey(zone, servers).await.map_err(Standing::Unknown)?;
        let set = set(&answer.answers, zone, RecordType::DNSKEY);
        match enter(zone, set.as_ref(), vouchers, self.now) {
            Entry::Trusted(keys, _) => {
                *ttl = (*ttl).min(set.map_or(0, |set| set.ttl()));
                Ok(keys)
            }
            Entry::Unsupported(_) => Err(Standing::Open(Open::Unsupported(zone.clone()))),
            Entry::Flawed(flaw) => Err(unheld(zone, format!("{} DNSKEY", render_name(zone)), flaw)),
        }
    }
}

/// A resolver that leaves signatures out says nothing about the zone.
fn unheld(zone: &Name, set: String, flaw: Flaw) -> Standing {
    match flaw {
        Flaw::Unsigned => Standing::Unknown(format!("the resolver gives {set} without signatures")),
        Flaw::NoKeys => Standing::Unknown(format!("the resolver gives no {set}")),
        flaw => Standing::Broken(Box::new(Break { zone: zone.clone(), set, flaw })),
    }
}
