//! Merging what all checks saw into one entry for each certificate, in one pass: ten thousand of
//! them are gathered for every page that is asked for.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;

use super::blocks::Obstacles;
use super::{Certificate, Certificates, Handshake, Place, Renewal, Source, Told, Unseen};
use crate::facts::{CertificateFacts, Facts, RevocationFacts};
use crate::snapshot::{CheckStanding, Snapshot};

/// Newest certificates of one name that are looked through for a successor.
const MOST_ALIKE: usize = 8;

/// A chain at one place.
struct Sighting<'a> {
    chain: &'a Arc<Vec<CertificateFacts>>,
    source: Source<'a>,
    revocation: Option<&'a RevocationFacts>,
}

pub(super) fn gather(snapshot: &Snapshot, now: Timestamp) -> Certificates<'_> {
    let mut ledger = Ledger { known: HashMap::new(), certificates: Vec::new(), now };
    let mut unseen = Vec::new();
    for standing in &snapshot.checks {
        let Some(last) = &standing.last else { continue };
        let sightings = sightings(standing, &last.facts);
        if !sightings.is_empty() {
            ledger.enter(standing, &sightings);
        }
        let facts = &last.facts;
        let silent = facts.served.iter().filter(|served| served.chain.is_empty());
        unseen.extend(silent.map(|served| Unseen::Served(standing, served)));
        let planned = facts.tls.iter().filter_map(|tls| tls.file.as_ref());
        let files = facts.files.iter().chain(planned).filter(|file| file.chain.is_empty());
        unseen.extend(files.map(|file| Unseen::Stored(standing, file)));
    }
    ledger.renewals(snapshot);
    ledger.successors();
    let obstacles = Obstacles::of(snapshot);
    for certificate in &mut ledger.certificates {
        // What signed itself has no CA that would renew it.
        let is_issued = certificate.is_leaf() && !certificate.facts.is_self_signed;
        if is_issued && certificate.renewal.is_none() {
            certificate.renewal = Some(Renewal::by_lifetime(certificate.facts));
        }
        certificate.blocks = obstacles.before(certificate);
    }
    let (leaves, issuing) = ledger.certificates.into_iter().partition(Certificate::is_leaf);
    Certificates { leaves, issuing, unseen }
}

/// Every chain that a check saw, the one that it is mainly about first.
fn sightings<'a>(standing: &'a CheckStanding, facts: &'a Facts) -> Vec<Sighting<'a>> {
    let is_remembered = standing.findings.iter().any(|found| {
        let label = found.finding.code.label();
        label.starts_with("tcp.") || label.starts_with("resolve.")
    });
    let mut sightings = Vec::new();
    if let Some(tls) = facts.tls.as_deref().filter(|tls| !tls.chain.is_empty()) {
        let handshake = Handshake {
            address: facts.address,
            server_name: Some(&tls.server_name),
            protocol: &tls.protocol,
            starttls: tls.starttls.as_deref(),
            trusted: Some(tls.trusted),
            file: tls.file.as_ref().map(|file| &*file.path),
            named_in: None,
            is_remembered,
        };
        let source = Source::Served(handshake);
        let revocation = tls.revocation.as_deref();
        sightings.push(Sighting { chain: &tls.chain, source, revocation });
    }
    for served in facts.served.iter().filter(|served| !served.chain.is_empty()) {
        let handshake = Handshake {
            address: Some(served.address),
            server_name: served.server_name.as_deref(),
            protocol: &served.protocol,
            starttls: facts.tls.as_deref().and_then(|tls| tls.starttls.as_deref()),
            trusted: None,
            file: served.file.as_deref(),
            named_in: served.named_in.as_deref(),
            is_remembered: served.failure.is_some(),
        };
        let source = Source::Served(handshake);
        sightings.push(Sighting { chain: &served.chain, source, revocation: None });
    }
    let planned = facts.tls.iter().filter_map(|tls| tls.file.as_ref());
    for file in facts.files.iter().chain(planned).filter(|file| !file.chain.is_empty()) {
        let source = Source::Stored(file);
        sightings.push(Sighting { chain: &file.chain, source, revocation: None });
    }
    sightings
}

struct Ledger<'a> {
    known: HashMap<&'a str, usize>,
    certificates: Vec<Certificate<'a>>,
    now: Timestamp,
}

/// What makes two sightings of one check the same: where, under which name, and what.
type Key<'a> = (Option<SocketAddr>, Option<&'a str>, &'a str);

impl<'a> Ledger<'a> {
    fn enter(&mut self, standing: &'a CheckStanding, sightings: &[Sighting<'a>]) {
        let mut met: HashSet<Key<'a>> = HashSet::new();
        let mut leaves: Vec<(usize, &Source<'a>)> = Vec::new();
        // Only these few are looked through for a serial number.
        let mut above: Vec<usize> = Vec::new();
        for Sighting { chain, source, revocation } in sightings {
            let Some(leaf) = chain.first() else { continue };
            let (address, name) = match source {
                Source::Served(handshake) => (handshake.address, handshake.server_name),
                Source::Stored(file) => (None, Some(&*file.path)),
            };
            if !met.insert((address, name, &leaf.fingerprint)) {
                continue;
            }
            for (position, facts) in chain.iter().enumerate() {
                // A server may send one twice; once in a chain is enough.
                if chain[..position].iter().take(8).any(|one| one.fingerprint == facts.fingerprint)
                {
                    continue;
                }
                let index = self.index(facts);
                let certificate = &mut self.certificates[index];
                certificate.position = certificate.position.min(position);
                certificate.places.push(Place { standing, chain, position, source: *source });
                if position == 0 {
                    leaves.push((index, source));
                    certificate.revocation = certificate.revocation.or(*revocation);
                } else if above.len() < 64 && !above.contains(&index) {
                    above.push(index);
                }
            }
        }
        self.attribute(standing, &leaves, &above);
    }

    fn index(&mut self, facts: &'a CertificateFacts) -> usize {
        let (certificates, now) = (&mut self.certificates, self.now);
        *self.known.entry(&facts.fingerprint).or_insert_with(|| {
            certificates.push(Certificate {
                facts,
                position: usize::MAX,
                places: Vec::new(),
                findings: Vec::new(),
                renewal: None,
                revocation: None,
                blocks: Vec::new(),
                successor: None,
                now,
            });
            certificates.len() - 1
        })
    }

    /// Puts each finding of a check beside the certificate it is about: by the file or server that
    /// its subject names, or by serial number; what names none of them is about the first.
    fn attribute(
        &mut self,
        standing: &'a CheckStanding,
        leaves: &[(usize, &Source<'a>)],
        above: &[usize],
    ) {
        let about = |label: &str| ["cert.", "tls.", "acme."].iter().any(|it| label.starts_with(it));
        let mut findings =
            standing.findings.iter().filter(|found| about(found.finding.code.label())).peekable();
        if findings.peek().is_none() {
            return;
        }
        let mut by_place: HashMap<String, Vec<usize>> = HashMap::new();
        for &(index, source) in leaves {
            for place in names_of(standing, source) {
                by_place.entry(place).or_default().push(index);
            }
        }
        for found in findings {
            let told: Told<'a> = (standing, found);
            let finding = &*found.finding;
            let mut indices: Vec<usize> = prefixes(&finding.subject)
                .find_map(|place| by_place.get(place).cloned())
                .unwrap_or_default();
            if let Some(serial) = finding.evidence.get("serial").and_then(|it| it.as_str()) {
                let is_it = |index: &&usize| self.certificates[**index].facts.serial == serial;
                indices.extend(above.iter().filter(is_it));
            }
            if let (true, Some((first, source))) = (indices.is_empty(), leaves.first()) {
                let is_only = leaves.iter().all(|(index, _)| index == first);
                if is_only || may_speak_of(&finding.subject, source) {
                    indices.push(*first);
                }
            }
            indices.sort_unstable();
            indices.dedup();
            for index in indices {
                self.certificates[index].findings.push(told);
            }
        }
    }

    fn successors(&mut self) {
        let mut by_name: HashMap<&str, Vec<&'a CertificateFacts>> = HashMap::new();
        for leaf in self.certificates.iter().filter(|it| it.is_leaf()) {
            if let Some(name) = leaf.facts.names.first() {
                by_name.entry(name).or_default().push(leaf.facts);
            }
        }
        by_name.retain(|_, alike| alike.len() > 1);
        for alike in by_name.values_mut() {
            alike.sort_by_key(|facts| std::cmp::Reverse(facts.not_before));
            alike.truncate(MOST_ALIKE);
        }
        for leaf in self.certificates.iter_mut().filter(|it| it.is_leaf()) {
            let alike = leaf.facts.names.first().and_then(|name| by_name.get(name.as_str()));
            let mut newer = alike.into_iter().flatten();
            leaf.successor = newer.find(|newer| replaces(newer, leaf.facts, self.now)).copied();
        }
    }

    fn renewals(&mut self, snapshot: &'a Snapshot) {
        for standing in &snapshot.checks {
            let facts = standing.last.as_deref().map(|last| &last.facts);
            for renewal in facts.map(|facts| &*facts.renewals).unwrap_or_default() {
                let Some(&index) = self.known.get(&*renewal.fingerprint) else { continue };
                let certificate = &mut self.certificates[index];
                let renewal = Renewal::of(renewal);
                certificate.renewal =
                    Some(certificate.renewal.map_or(renewal, |known| known.or(renewal)));
            }
        }
    }
}

/// A renewal with the same names and another key of the same kind; a second certificate of another
/// kind is a twin and no successor.
fn replaces(newer: &CertificateFacts, older: &CertificateFacts, now: Timestamp) -> bool {
    let kind = |facts: &'_ CertificateFacts| facts.key.split(' ').next().map(str::to_owned);
    newer.not_before > older.not_before
        && (newer.not_before..=newer.not_after).contains(&now)
        && kind(newer) == kind(older)
        && older.names.iter().all(|name| newer.names.contains(name))
}

/// What a finding's subject calls a place: most exact first, as the probes write it.
fn names_of(standing: &CheckStanding, source: &Source<'_>) -> Vec<String> {
    match source {
        Source::Stored(file) => vec![file.path.clone()],
        Source::Served(Handshake { address, server_name, .. }) => {
            let address =
                address.map_or_else(|| standing.check.instance.to_string(), |it| it.to_string());
            match server_name {
                Some(name) if !name.is_empty() => {
                    vec![format!("{address} ({name})"), (*name).to_owned(), address]
                }
                _ => vec![format!("{address} without a name"), address],
            }
        }
    }
}

/// The subject, and what stands before its details: `127.0.0.1:443 (a.example), root "X"`.
fn prefixes(subject: &str) -> impl Iterator<Item = &str> {
    let before = subject.match_indices(", ").map(|(at, _)| &subject[..at]);
    std::iter::once(subject).chain(before)
}

/// Whether a finding that names no place exactly may be about what the check mainly looks at: not
/// when it names a file, or another address.
fn may_speak_of(subject: &str, main: &Source<'_>) -> bool {
    let Source::Served(Handshake { address, .. }) = main else { return false };
    let said = subject.split([' ', ',']).next().and_then(|word| word.parse::<SocketAddr>().ok());
    !subject.starts_with('/') && (said.is_none() || said == *address)
}
