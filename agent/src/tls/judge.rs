//! The judgement of a presented chain: worked out once per chain, once more per name, then remembered.
//!
//! What is remembered holds from one date along the chain to the next, so that looking at an unchanged
//! chain costs one digest. How near the end is is never remembered.

use std::sync::Arc;

use health::Finding;
use health::facts::{CertificateFacts, TlsFacts};
use jiff::{SignedDuration, Timestamp};
use ring::digest::{Context, SHA256};
use rustls_pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

use super::certificate::{Certificate, parse};
use super::memo::Memo;
use super::path::{self, Path};
use super::presentation::{self, Oddities};
use super::verdict;
use super::{Presented, Roots};

/// Most elements of a chain that are looked at; real chains have two to five.
const MOST_ELEMENTS: usize = 48;

/// More than the facts of an ordinary chain take.
const ORDINARY_BYTES: usize = 8 * 1024;

/// What has been worked out with one set of roots.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// By digest of the chain.
    chains: Memo<Digest, Arc<Verdict>>,
    /// By digest of the chain and the name asked. Dates change nothing about names.
    names: Memo<(Digest, Box<str>), NameVerdict>,
}

type Digest = [u8; 32];

impl Verdicts {
    /// Room for at least so many chains, and as many names.
    pub(super) fn new(room: usize) -> Self {
        Self { chains: Memo::new(room), names: Memo::new(room) }
    }
}

/// What was worked out about one chain.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Facts of every element that could be read, as presented.
    pub(super) chain: Arc<Vec<CertificateFacts>>,
    /// The way to a trusted root.
    pub(super) path: Path,
    /// What is odd about how it is presented.
    pub(super) oddities: Oddities,
    /// Elements on the path with a weak key.
    pub(super) weak_keys: Vec<usize>,
    /// Elements on the path with a weak signature.
    pub(super) weak_signatures: Vec<usize>,
    /// Where the missing issuer could be fetched.
    pub(super) ca_issuers: Option<String>,
    /// What could not be read at all: place in the chain (from 0) and why.
    pub(super) unreadable: Option<(usize, String)>,
    holds_from: Timestamp,
    holds_until: Timestamp,
}

/// Whether a certificate is valid for a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameVerdict {
    /// It is, or the certificate could not be read well enough to say.
    Valid,
    /// It is not.
    Wrong,
    /// The name asked is no DNS name and no address.
    NotAName,
}

/// Judges a presented chain as a visitor's browser would: name, trust, dates of every element,
/// keys and signatures. `subject` is what findings name (`127.0.0.1:8443 (shop.example)`).
/// Remembered by chain, name and roots, so that an unchanged chain is never read or verified twice.
#[must_use]
pub fn judge(
    presented: &Presented,
    server_name: &str,
    roots: &Roots,
    subject: &str,
    now: Timestamp,
) -> (TlsFacts, Vec<Finding>) {
    let (verdict, name) = recall(&presented.chain, server_name, roots, now);
    let findings = verdict::findings(&verdict, name, server_name, roots, subject, now);
    let path_not_after = verdict.path.is_trusted().then(|| {
        let ends = verdict.path.elements.iter().filter_map(|&index| verdict.chain.get(index));
        ends.map(|element| element.not_after).chain(verdict.path.root_not_after).min()
    });
    let facts = TlsFacts {
        protocol: presented.protocol.clone(),
        cipher: presented.cipher.clone(),
        alpn: presented.alpn.clone(),
        server_name: server_name.to_owned(),
        chain: Arc::clone(&verdict.chain),
        path: verdict.path.elements.clone(),
        trusted: verdict.path.is_trusted(),
        path_not_after: path_not_after.flatten(),
        ..TlsFacts::default()
    };
    (facts, findings)
}

/// The name as rustls and webpki want it: a DNS name without a final dot, or an address without
/// brackets.
pub(super) fn server_name_of(name: &str) -> Option<ServerName<'_>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    ServerName::try_from(name).ok()
}

fn recall(
    chain: &[CertificateDer<'_>],
    server_name: &str,
    roots: &Roots,
    now: Timestamp,
) -> (Arc<Verdict>, NameVerdict) {
    let key = digest(chain);
    let name_key = (key, Box::from(server_name));
    let (verdict, name) = {
        let mut known = locked(roots);
        (known.chains.recall(&key), known.names.recall(&name_key))
    };
    let holds = |verdict: &Arc<Verdict>| (verdict.holds_from..verdict.holds_until).contains(&now);
    let verdict = verdict.filter(holds).unwrap_or_else(|| {
        let verdict = Arc::new(work_out(chain, roots, now));
        let weight = weight(&verdict.chain);
        locked(roots).chains.remember_weighing(key, Arc::clone(&verdict), weight);
        verdict
    });
    let name = name.unwrap_or_else(|| {
        let leaf = if verdict.chain.is_empty() { None } else { chain.first() };
        let name = leaf.map_or(NameVerdict::Valid, |leaf| judge_name(leaf, server_name));
        locked(roots).names.remember(name_key, name);
        name
    });
    (verdict, name)
}

/// How heavy a chain is to remember: 1 for an ordinary one. A server may present another one of
/// thousands of names at every probe.
pub(crate) fn weight(chain: &[CertificateFacts]) -> usize {
    let text = |text: &String| size_of::<String>() + text.len();
    let bytes = chain.iter().map(|one| {
        let lists = one.names.iter().chain(&one.crls).map(text).sum::<usize>();
        let optional = [&one.ca_issuers, &one.ocsp, &one.renewal_id].into_iter().flatten();
        let other = [&one.subject, &one.issuer, &one.serial, &one.key, &one.signature];
        let other = other.into_iter().chain(optional).map(text).sum::<usize>();
        size_of::<CertificateFacts>() + lists + other
    });
    1 + bytes.sum::<usize>() / ORDINARY_BYTES
}

/// A panic elsewhere leaves the memory whole: every change of it is one insertion.
fn locked(roots: &Roots) -> std::sync::MutexGuard<'_, Verdicts> {
    roots.verdicts().lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn digest(chain: &[CertificateDer<'_>]) -> Digest {
    let mut context = Context::new(&SHA256);
    for der in chain {
        context.update(&der.len().to_be_bytes());
        context.update(der);
    }
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

fn work_out(chain: &[CertificateDer<'_>], roots: &Roots, now: Timestamp) -> Verdict {
    let (mut certificates, mut ders, mut unreadable) = (Vec::new(), Vec::new(), None);
    for (index, der) in chain.iter().take(MOST_ELEMENTS).enumerate() {
        match parse(der) {
            Ok(certificate) => {
                certificates.push(certificate);
                ders.push(der.clone());
            }
            Err(error) => {
                unreadable.get_or_insert((index, error.to_string()));
                // Without a leaf there is nothing that the rest could vouch for.
                if index == 0 {
                    break;
                }
            }
        }
    }
    let path = path::find(&certificates, &ders, roots, now);
    let weak = |is_weak: fn(&Certificate) -> bool| -> Vec<usize> {
        let elements = path.elements.iter().copied();
        elements.filter(|&index| certificates.get(index).is_some_and(is_weak)).collect()
    };
    let weak_keys = weak(|element| element.weak_key);
    let weak_signatures = weak(|element| element.weak_signature && !element.facts.is_self_signed);
    let ca_issuers = path
        .elements
        .last()
        .and_then(|&top| certificates.get(top))
        .and_then(|top| top.facts.ca_issuers.clone());
    let chain_facts: Vec<CertificateFacts> =
        certificates.into_iter().map(|certificate| certificate.facts).collect();
    let unlooked = chain.len().saturating_sub(MOST_ELEMENTS);
    let oddities = Oddities { unlooked, ..presentation::look(&chain_facts, &path) };
    let (holds_from, holds_until) = between_dates(&chain_facts, now);
    Verdict {
        chain: Arc::new(chain_facts),
        path,
        oddities,
        weak_keys,
        weak_signatures,
        ca_issuers,
        unreadable,
        holds_from,
        holds_until,
    }
}

/// From the last date along the chain at which something began or ended to the next.
fn between_dates(chain: &[CertificateFacts], now: Timestamp) -> (Timestamp, Timestamp) {
    let (mut from, mut until) = (Timestamp::MIN, Timestamp::MAX);
    for element in chain {
        // The last second belongs to the validity (RFC 5280 section 4.1.2.5).
        let past = element.not_after.saturating_add(SignedDuration::from_secs(1));
        for date in [element.not_before, past.unwrap_or(Timestamp::MAX)] {
            if date <= now {
                from = from.max(date);
            } else {
                until = until.min(date);
            }
        }
    }
    (from, until)
}

fn judge_name(leaf: &CertificateDer<'_>, server_name: &str) -> NameVerdict {
    let Some(name) = server_name_of(server_name) else { return NameVerdict::NotAName };
    match EndEntityCert::try_from(leaf).map(|leaf| leaf.verify_is_valid_for_subject_name(&name)) {
        Ok(Ok(())) => NameVerdict::Valid,
        Ok(Err(_)) => NameVerdict::Wrong,
        // Told as untrusted, with the reason; of the name nothing is known.
        Err(_) => NameVerdict::Valid,
    }
}

/// Whether a certificate is valid for a name; `None` where that cannot be said.
pub(crate) fn is_valid_for(leaf: &CertificateDer<'_>, server_name: &str) -> Option<bool> {
    match judge_name(leaf, server_name) {
        NameVerdict::Valid => Some(true),
        NameVerdict::Wrong => Some(false),
        NameVerdict::NotAName => None,
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod bombs;
#[cfg(test)]
mod tests;
