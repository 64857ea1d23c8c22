//! Which certificates the plan's checks have seen in use, for those who judge whether they could
//! be renewed. A check that fails for a while keeps what it saw last.
//!
//! Deliberately absent: the certificates themselves, and anything that outlives the process.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use health::Facts;
use health::facts::CertificateFacts;
use jiff::Timestamp;

/// Checks remembered at most; those that come later are not.
const MOST_CHECKS: usize = 8192;
/// Certificates of one check remembered at most.
const MOST_OF_ONE: usize = 512;

/// One certificate that a check found in use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InUse {
    /// The check that saw it.
    pub(crate) check: Arc<str>,
    /// SHA-256, lower-case hex.
    pub(crate) fingerprint: String,
    /// What it is for: names, wildcards and addresses.
    pub(crate) names: Vec<String>,
    /// Who issued it, as an RFC 4514 string.
    pub(crate) issuer: String,
    pub(crate) not_after: Timestamp,
    /// The name by which CAA records call that CA, where the plan says it.
    pub(crate) caa_name: Option<String>,
}

/// All certificates in use, by the check that saw them.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Counts changes, so that readers need not compare.
    version: AtomicU64,
    kept: Mutex<HashMap<Arc<str>, Vec<Arc<InUse>>>>,
}

impl Ledger {
    /// Remembers the certificates among what a check saw, in place of those it saw before. Costs
    /// next to nothing where they are the same.
    pub(crate) fn note(&self, check: &Arc<str>, facts: &Facts, caa_name: Option<&str>) {
        let served = facts.tls.as_ref().and_then(|tls| tls.chain.first());
        let files = facts.files.iter().filter_map(|file| file.chain.first());
        // Elsewhere only what is served by name: what strangers see may belong to nobody's zone.
        let named = facts.served.iter().filter(|place| place.server_name.is_some());
        let elsewhere = named.filter_map(|place| place.chain.first());
        let is_news = |leaf: &&CertificateFacts| {
            served.is_none_or(|served| served.fingerprint != leaf.fingerprint)
        };
        let leaves = || {
            let leaves =
                served.into_iter().chain(files.clone()).chain(elsewhere.clone().filter(is_news));
            leaves.filter(|leaf| !leaf.is_ca).take(MOST_OF_ONE)
        };
        if leaves().next().is_none() {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let known = kept.get(check).map_or(&[][..], |known| known);
        let is_same = known.len() == leaves().count()
            && known.iter().zip(leaves()).all(|(known, leaf)| {
                known.fingerprint == leaf.fingerprint && known.caa_name.as_deref() == caa_name
            });
        if is_same || (known.is_empty() && kept.len() >= MOST_CHECKS) {
            return;
        }
        let in_use = leaves().map(|leaf| Arc::new(InUse::of(check, leaf, caa_name))).collect();
        kept.insert(check.clone(), in_use);
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Forgets what a check saw that is no longer in the plan.
    pub(crate) fn forget(&self, check: &str) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.remove(check).is_some() {
            self.version.fetch_add(1, Ordering::Release);
        }
    }

    /// Another number after every change; 0 while nothing was ever seen.
    pub(crate) fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Every certificate in use that satisfies the condition, by check.
    pub(crate) fn select(&self, is_wanted: impl Fn(&InUse) -> bool) -> Vec<Arc<InUse>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let all = kept.values().flatten();
        let mut chosen: Vec<_> = all.filter(|in_use| is_wanted(in_use)).cloned().collect();
        drop(kept);
        chosen.sort_unstable_by(|a, b| (&a.check, &a.fingerprint).cmp(&(&b.check, &b.fingerprint)));
        chosen
    }
}

impl InUse {
    fn of(check: &Arc<str>, leaf: &CertificateFacts, caa_name: Option<&str>) -> Self {
        Self {
            check: check.clone(),
            fingerprint: leaf.fingerprint.clone(),
            names: leaf.names.clone(),
            issuer: leaf.issuer.clone(),
            not_after: leaf.not_after,
            caa_name: caa_name.map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use health::facts::{ServedFacts, TlsFacts};

    use super::*;
    use crate::tls::facts_of;
    use crate::tls::workshop::{Leaf, plain};

    fn seen(name: &str) -> Facts {
        let leaf = facts_of(&Leaf::self_signed(&[name], &plain).der).unwrap();
        let tls = TlsFacts {
            protocol: "TLS 1.3".to_owned(),
            cipher: String::new(),
            alpn: None,
            server_name: name.to_owned(),
            chain: Arc::new(vec![leaf]),
            trusted: false,
            ..TlsFacts::default()
        };
        Facts { tls: Some(Box::new(tls)), ..Facts::default() }
    }

    #[test]
    fn knows_what_is_served_elsewhere_by_name() {
        let ledger = Ledger::default();
        let place = |name: &str, server_name: Option<&str>| ServedFacts {
            address: SocketAddr::from(([127, 0, 0, 2], 443)),
            server_name: server_name.map(str::to_owned),
            protocol: String::new(),
            chain: Arc::clone(&seen(name).tls.unwrap().chain),
            file: None,
            named_in: None,
            failure: None,
        };
        let mut facts = seen("shop.example");
        let same = ServedFacts {
            chain: Arc::clone(&facts.tls.as_ref().unwrap().chain),
            ..place("shop.example", Some("shop.example"))
        };
        facts.served =
            vec![same, place("old.example", Some("shop.example")), place("default.example", None)];
        ledger.note(&Arc::from("shop"), &facts, None);
        let mut names: Vec<_> =
            ledger.select(|_| true).iter().map(|in_use| in_use.names[0].clone()).collect();
        names.sort();
        assert_eq!(names, ["old.example", "shop.example"]);
        ledger.note(&Arc::from("shop"), &facts, None);
        assert_eq!(ledger.version(), 1);
    }

    #[test]
    fn counts_changes_and_nothing_else() {
        let ledger = Ledger::default();
        let (shop, mail) = (Arc::from("shop"), Arc::from("mail"));
        let first = seen("shop.example");
        let names = || {
            let all = ledger.select(|_| true);
            all.iter().flat_map(|in_use| in_use.names.clone()).collect::<Vec<_>>()
        };
        ledger.note(&shop, &Facts::default(), None);
        assert_eq!(ledger.version(), 0, "no certificate");
        ledger.note(&shop, &first, None);
        ledger.note(&shop, &first, None);
        assert_eq!((ledger.version(), names()), (1, vec!["shop.example".to_owned()]));
        ledger.note(&shop, &Facts::default(), None);
        assert_eq!(ledger.version(), 1, "one that fails is not forgotten");
        ledger.note(&shop, &first, Some("ca.example"));
        assert_eq!(ledger.version(), 2, "the plan calls its CA otherwise");
        ledger.note(&mail, &seen("mail.example"), None);
        ledger.forget("shop");
        ledger.forget("shop");
        assert_eq!((ledger.version(), names()), (4, vec!["mail.example".to_owned()]));
    }
}
