//! The judgement of a presented chain: worked out once per chain and name, then remembered.
//!
//! What is remembered holds until the next date along the chain and for an hour at most, so that
//! looking at an unchanged chain costs one digest. How near the end is is never remembered.

use std::sync::Arc;
use std::time::Duration;

use health::Finding;
use health::facts::{CertificateFacts, TlsFacts};
use jiff::Timestamp;
use ring::digest::{Context, SHA256};
use rustls_pki_types::{CertificateDer, ServerName};
use webpki::EndEntityCert;

use super::certificate::{Certificate, parse};
use super::memo::Memo;
use super::path::{self, Path};
use super::verdict;
use super::{Presented, Roots};

/// Most elements of a chain that are looked at; real chains have two to five.
const MOST_ELEMENTS: usize = 48;
/// How long a verdict is believed.
const BELIEVED: Duration = Duration::from_secs(60 * 60);

/// Verdicts by digest of chain and name.
pub(super) type Verdicts = Memo<[u8; 32], Arc<Verdict>>;

/// What was worked out about one chain and one name.
#[derive(Debug)]
pub(super) struct Verdict {
    /// Facts of every element that could be read, as presented.
    pub(super) chain: Arc<Vec<CertificateFacts>>,
    /// The way to a trusted root.
    pub(super) path: Path,
    /// Whether it is valid for the name.
    pub(super) name: NameVerdict,
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
/// Remembered by chain, name and roots, so that looking at an unchanged chain again costs little.
#[must_use]
pub fn judge(
    presented: &Presented,
    server_name: &str,
    roots: &Roots,
    subject: &str,
    now: Timestamp,
) -> (TlsFacts, Vec<Finding>) {
    let verdict = recall(&presented.chain, server_name, roots, now);
    let findings = verdict::findings(&verdict, server_name, roots, subject, now);
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
) -> Arc<Verdict> {
    let key = digest(chain, server_name);
    let known = locked(roots).recall(&key);
    if let Some(verdict) = known
        && (verdict.holds_from..verdict.holds_until).contains(&now)
    {
        return verdict;
    }
    let verdict = Arc::new(work_out(chain, server_name, roots, now));
    locked(roots).remember(key, Arc::clone(&verdict));
    verdict
}

/// A panic elsewhere leaves the memory whole: every change of it is one insertion.
fn locked(roots: &Roots) -> std::sync::MutexGuard<'_, Verdicts> {
    roots.verdicts().lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn digest(chain: &[CertificateDer<'_>], server_name: &str) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for der in chain {
        context.update(&der.len().to_be_bytes());
        context.update(der);
    }
    context.update(server_name.as_bytes());
    let mut key = [0; 32];
    key.copy_from_slice(context.finish().as_ref());
    key
}

fn work_out(
    chain: &[CertificateDer<'_>],
    server_name: &str,
    roots: &Roots,
    now: Timestamp,
) -> Verdict {
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
    let name = ders.first().map_or(NameVerdict::Valid, |leaf| judge_name(leaf, server_name));
    let chain: Vec<CertificateFacts> =
        certificates.into_iter().map(|certificate| certificate.facts).collect();
    let next_date = chain
        .iter()
        .flat_map(|element| [element.not_before, element.not_after])
        .filter(|&date| date > now)
        .min();
    let holds_until = now.saturating_add(BELIEVED).unwrap_or(Timestamp::MAX);
    Verdict {
        chain: Arc::new(chain),
        path,
        name,
        weak_keys,
        weak_signatures,
        ca_issuers,
        unreadable,
        holds_from: now,
        holds_until: next_date.map_or(holds_until, |date| date.min(holds_until)),
    }
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
mod tests;
