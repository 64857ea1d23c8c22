//! Certificates seen last: kept while they cannot be seen, and remembered over restarts. Series must
//! not vanish just when a certificate goes bad.

use std::collections::HashMap;
use std::sync::Arc;

use health::facts::{CertificateFacts, CertificatesSeen, FileFacts, ServedFacts, TlsFacts};
use health::{Facts, Observation};

use super::{Board, Entry};

impl Board {
    /// Believes what checks saw when the agent last ran, of those that still look at the same.
    pub fn recall_certificates(&mut self, mut seen: HashMap<Arc<str>, CertificatesSeen>) {
        for entry in self.entries.values_mut() {
            let seen = seen.remove(&entry.frame.name);
            entry.recalled =
                seen.filter(|seen| *seen.instance == *entry.frame.instance).map(Box::new);
        }
    }

    /// Checks that saw other certificates than before, since the last call.
    pub fn take_certificates(&mut self) -> Vec<(Arc<str>, CertificatesSeen)> {
        std::mem::take(&mut self.certificates)
    }
}

impl Entry {
    /// Lends an observation the certificates that it could not see itself. What it saw that was not
    /// known is returned, to be written down.
    pub(super) fn keep_certificates(
        &mut self,
        observation: &mut Observation,
    ) -> Option<CertificatesSeen> {
        let facts = &mut observation.facts;
        if facts.blind.is_some() {
            return None;
        }
        // The first observation of a run; the next ones are compared with it.
        let recalled = self.recalled.take();
        let known = match (&self.standing.last, &recalled) {
            (Some(last), _) => {
                let Facts { tls, files, served, .. } = &last.facts;
                Some((tls.as_deref(), &**files, &**served))
            }
            (None, Some(seen)) => Some((seen.tls.as_deref(), &*seen.files, &*seen.served)),
            (None, None) => None,
        };
        if let Some((tls, files, served)) = known {
            // Before `tls` is lent: without a handshake of its own it has looked nowhere else.
            lend_served(facts, served);
            lend(facts, tls, files);
            if is_same(facts, tls, files) && is_same_served(&facts.served, served) {
                return None;
            }
        }
        let has_any = facts.tls.is_some() || !facts.files.is_empty() || !facts.served.is_empty();
        has_any.then(|| CertificatesSeen {
            instance: self.frame.instance.to_string(),
            tls: facts.tls.clone(),
            files: facts.files.clone(),
            served: facts.served.clone(),
        })
    }
}

/// Lends what was served elsewhere: at a place where nothing was seen now, or at all of them when the
/// probe got to none. A place that a probe which got further does not name is there no more.
fn lend_served(facts: &mut Facts, known: &[ServedFacts]) {
    if facts.served.is_empty() && facts.tls.is_none() {
        facts.served = known.to_vec();
        return;
    }
    // What is presented to who names nobody is looked at once in a while: till then it is as it was.
    let is_pending = |place: &&ServedFacts| {
        let is_nameless = place.server_name.is_none() && place.named_in.is_none();
        is_nameless && facts.address == Some(place.address)
    };
    if let Some(pending) = known.iter().find(is_pending)
        && !facts.served.iter().any(|seen| is_same_place(seen, pending))
    {
        facts.served.push(pending.clone());
        facts.served.sort_by_key(|place| place.address);
    }
    for seen in facts.served.iter_mut().filter(|seen| seen.chain.is_empty()) {
        if let Some(known) = known.iter().find(|known| is_same_place(seen, known)) {
            seen.chain = Arc::clone(&known.chain);
        }
    }
}

fn is_same_place(one: &ServedFacts, other: &ServedFacts) -> bool {
    one.address == other.address
        && one.server_name == other.server_name
        && one.named_in == other.named_in
}

/// Protocols and reasons aside, which are not remembered for their own sake.
fn is_same_served(seen: &[ServedFacts], known: &[ServedFacts]) -> bool {
    seen.len() == known.len()
        && seen.iter().zip(known).all(|(seen, known)| {
            is_same_place(seen, known)
                && seen.file == known.file
                && is_same_chain(Some(&seen.chain), Some(&known.chain))
        })
}

fn lend(facts: &mut Facts, tls: Option<&TlsFacts>, files: &[FileFacts]) {
    match (&mut facts.tls, tls) {
        (Some(seen), Some(known)) => {
            if let (Some(file), Some(known)) = (&mut seen.file, &known.file)
                && file.chain.is_empty()
            {
                file.chain = known.chain.clone();
            }
        }
        (seen @ None, Some(known)) => *seen = Some(Box::new(known.clone())),
        (_, None) => {}
    }
    for file in facts.files.iter_mut().filter(|file| file.chain.is_empty()) {
        if let Some(known) = files.iter().find(|known| known.path == file.path) {
            file.chain = known.chain.clone();
        }
    }
    if facts.files.is_empty() {
        facts.files = files.to_vec();
    }
}

fn is_same(facts: &Facts, tls: Option<&TlsFacts>, files: &[FileFacts]) -> bool {
    let served = |tls: &TlsFacts| {
        (Some(tls.chain.clone()), tls.file.as_ref().map(|file| file.chain.clone()))
    };
    let (seen, known) = (facts.tls.as_deref().map(served), tls.map(served));
    let (seen, known) = (seen.unwrap_or_default(), known.unwrap_or_default());
    // That a certificate is revoked has to outlast a restart, and a CA that cannot be asked then.
    let standing = |tls: &TlsFacts| tls.revocation.as_ref().map(|told| told.standing);
    facts.tls.as_deref().and_then(standing) == tls.and_then(standing)
        && is_same_chain(seen.0.as_ref(), known.0.as_ref())
        && is_same_chain(seen.1.as_ref(), known.1.as_ref())
        && facts.files.len() == files.len()
        && facts.files.iter().zip(files).all(|(seen, known)| {
            seen.path == known.path && is_same_chain(Some(&seen.chain), Some(&known.chain))
        })
}

type Chain = Arc<Vec<CertificateFacts>>;

fn is_same_chain(seen: Option<&Chain>, known: Option<&Chain>) -> bool {
    match (seen, known) {
        // Nearly always the very same one: a chain is read once and shared.
        (Some(seen), Some(known)) => Arc::ptr_eq(seen, known) || seen == known,
        (seen, known) => seen.is_none() && known.is_none(),
    }
}
