//! Certificates seen last: kept while they cannot be seen, and remembered over restarts. Series must
//! not vanish just when a certificate goes bad.

use std::collections::HashMap;
use std::sync::Arc;

use health::facts::{CertificateFacts, CertificatesSeen, FileFacts, TlsFacts};
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
            (Some(last), _) => Some((last.facts.tls.as_deref(), &*last.facts.files)),
            (None, Some(seen)) => Some((seen.tls.as_deref(), &*seen.files)),
            (None, None) => None,
        };
        if let Some((tls, files)) = known {
            lend(facts, tls, files);
            if is_same(facts, tls, files) {
                return None;
            }
        }
        let has_any = facts.tls.is_some() || !facts.files.is_empty();
        has_any.then(|| CertificatesSeen {
            instance: self.frame.instance.to_string(),
            tls: facts.tls.clone(),
            files: facts.files.clone(),
            served: facts.served.clone(),
        })
    }
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
