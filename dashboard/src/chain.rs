//! Certificates merged from everywhere they were seen, and how far through their life they are.

use std::collections::HashMap;

use health::facts::CertificateFacts;
use health::snapshot::CheckStanding;
use health::{Snapshot, StandingFinding};
use jiff::{SignedDuration, Timestamp};

/// Names shown before the rest is counted.
pub(crate) const NAMES: usize = 6;

/// Where a certificate was seen.
pub(crate) struct Place<'a> {
    pub(crate) check: &'a CheckStanding,
    /// The address that served it, or the path of the file.
    pub(crate) at: String,
    pub(crate) is_file: bool,
    pub(crate) key_matches: Option<bool>,
}

impl<'a> Place<'a> {
    /// What is wrong with the leaf here: with a file, what names it; over the network, whatever is
    /// said of certificates and TLS.
    fn findings(&self) -> impl Iterator<Item = &'a StandingFinding> {
        self.check.findings.iter().filter(|found| {
            let finding = &found.finding;
            let label = finding.code.label();
            (label.starts_with("cert.") || label.starts_with("tls."))
                && (!self.is_file || finding.subject.contains(&self.at))
        })
    }
}

/// One certificate, with every place it was seen in.
pub(crate) struct Certificate<'a> {
    pub(crate) facts: &'a CertificateFacts,
    pub(crate) places: Vec<Place<'a>>,
    /// What is wrong with the places where it is the leaf, each once.
    pub(crate) findings: Vec<(&'a CheckStanding, &'a StandingFinding)>,
    is_leaf: bool,
    now: Timestamp,
}

/// Every certificate of the snapshot, merged by fingerprint, the first to end first; leaves apart
/// from those that only ever appear above one.
pub(crate) fn gather(snapshot: &Snapshot, now: Timestamp) -> [Vec<Certificate<'_>>; 2] {
    let mut known: HashMap<&str, usize> = HashMap::new();
    let mut certificates: Vec<Certificate<'_>> = Vec::new();
    for standing in &snapshot.checks {
        let Some(last) = &standing.last else { continue };
        let facts = &last.facts;
        let served = facts.tls.iter().map(|tls| {
            let address = facts.address.map(|address| address.to_string());
            let at = address.unwrap_or_else(|| standing.check.instance.to_string());
            (&*tls.chain, at, false, None)
        });
        let planned = facts.tls.iter().filter_map(|tls| tls.file.as_ref());
        let files = facts
            .files
            .iter()
            .chain(planned)
            .map(|file| (&*file.chain, file.path.clone(), true, file.key_matches));
        for (chain, at, is_file, key_matches) in served.chain(files) {
            for (depth, facts) in chain.iter().enumerate() {
                let index = *known.entry(&facts.fingerprint).or_insert_with(|| {
                    certificates.push(Certificate::new(facts, now));
                    certificates.len() - 1
                });
                let key_matches = key_matches.filter(|_| depth == 0);
                let place = Place { check: standing, at: at.clone(), is_file, key_matches };
                certificates[index].add(place, depth);
            }
        }
    }
    certificates.sort_by_key(|certificate| certificate.facts.not_after);
    let (leaves, issuing) = certificates.into_iter().partition(|certificate| certificate.is_leaf);
    [leaves, issuing]
}

impl<'a> Certificate<'a> {
    pub(crate) fn new(facts: &'a CertificateFacts, now: Timestamp) -> Self {
        Self { facts, places: Vec::new(), findings: Vec::new(), is_leaf: false, now }
    }

    /// Adds a place where it stands at this depth of a chain, the leaf being 0.
    fn add(&mut self, place: Place<'a>, depth: usize) {
        let name = &place.check.check.name;
        // Places come check by check, so that only the last few can be the same.
        let mut same_check =
            self.places.iter().rev().take_while(|known| known.check.check.name == *name);
        if same_check.any(|known| known.at == place.at) {
            return;
        }
        if depth == 0 {
            self.is_leaf = true;
            self.findings.extend(place.findings().map(|found| (place.check, found)));
        }
        self.places.push(place);
    }

    /// What it is for.
    pub(crate) fn title(&self) -> &str {
        title(self.facts)
    }

    /// The names after the first, as many as are shown.
    pub(crate) fn other_names(&self) -> &[String] {
        let names = self.facts.names.get(1..).unwrap_or_default();
        &names[..names.len().min(NAMES)]
    }

    pub(crate) fn names_left(&self) -> usize {
        self.facts.names.len().saturating_sub(1 + NAMES)
    }

    /// The issuer's common name, or all of it.
    pub(crate) fn issuer(&self) -> &str {
        common_name(&self.facts.issuer)
    }

    pub(crate) fn days_left(&self) -> i64 {
        days_left(self.facts, self.now)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.facts.not_after <= self.now
    }

    pub(crate) fn is_early(&self) -> bool {
        self.facts.not_before > self.now
    }

    /// `up`, `degraded` or `down`: how near the end is, by share of the lifetime.
    pub(crate) fn nearness(&self) -> &'static str {
        nearness(self.facts, self.now)
    }

    /// How much of its lifetime is over, as a width in percent.
    pub(crate) fn spent(&self) -> String {
        format!("{:.2}%", (1.0 - share_left(self.facts, self.now)) * 100.0)
    }

    pub(crate) fn left(&self) -> String {
        format!("{:.2}%", share_left(self.facts, self.now) * 100.0)
    }
}

/// What a certificate is for: its first name, or its subject's common name, or all of its subject.
pub(crate) fn title(facts: &CertificateFacts) -> &str {
    facts.names.first().map_or_else(|| common_name(&facts.subject), String::as_str)
}

fn common_name(name: &str) -> &str {
    name.split(',').find_map(|part| part.trim().strip_prefix("CN=")).unwrap_or(name)
}

/// Whole days until the end; negative once it is over.
pub(crate) fn days_left(facts: &CertificateFacts, now: Timestamp) -> i64 {
    facts.not_after.duration_since(now).as_secs().div_euclid(86_400)
}

/// The colour of the time left: the last tenth is red, the last third amber.
pub(crate) fn nearness(facts: &CertificateFacts, now: Timestamp) -> &'static str {
    match share_left(facts, now) {
        left if left <= 0.1 => "down",
        left if left <= 1.0 / 3.0 => "degraded",
        _ => "up",
    }
}

/// The share of the lifetime that is left, 0 to 1.
fn share_left(facts: &CertificateFacts, now: Timestamp) -> f64 {
    let life = facts.not_after.duration_since(facts.not_before);
    if life <= SignedDuration::ZERO {
        return 0.0;
    }
    let left = facts.not_after.duration_since(now);
    (left.as_secs_f64() / life.as_secs_f64()).clamp(0.0, 1.0)
}
