//! Findings as people read them: the worst first, and what merely follows folded below its cause.

use std::cmp::Reverse;
use std::collections::HashMap;

use health::snapshot::CheckStanding;
use health::{Code, Language, Snapshot, StandingFinding};
use serde_json::Value;

/// More evidence than this, in characters, is cut.
const EVIDENCE_CHARACTERS: usize = 2_000;
/// More values than this under one name are left out.
const EVIDENCE_LINES: usize = 50;

/// Checks that a cause names before it is unfolded.
const SUFFERERS: usize = 4;

/// One finding with the check it belongs to, and the findings that follow from it.
pub(crate) struct Card<'a> {
    pub(crate) standing: &'a CheckStanding,
    pub(crate) found: &'a StandingFinding,
    pub(crate) follow: Vec<Card<'a>>,
    /// Its remedy and evidence wait behind a click, because many findings stand above it.
    pub(crate) is_folded: bool,
}

impl<'a> Card<'a> {
    /// Takes another finding, and what followed from it, below this one.
    fn adopt(&mut self, mut other: Card<'a>) {
        let mut below = std::mem::take(&mut other.follow);
        self.follow.push(other);
        self.follow.append(&mut below);
    }

    /// Stays the same while the finding lasts: what is unfolded stays so when the page renews itself.
    pub(crate) fn key(&self) -> String {
        let finding = &self.found.finding;
        format!("{}|{}|{}", self.standing.check.name, finding.code, finding.subject)
    }

    pub(crate) fn evidence(&self) -> Vec<(&str, Vec<String>)> {
        evidence(&self.found.finding.evidence)
    }

    /// What suffers from it, each once, as many as fit on a line: other checks by name, its own
    /// check's findings by code.
    pub(crate) fn sufferers(&self) -> String {
        let mut names: Vec<&str> = Vec::new();
        for follower in &self.follow {
            let name = match &*follower.standing.check.name {
                own if own == &*self.standing.check.name => follower.found.finding.code.label(),
                other => other,
            };
            if names.contains(&name) {
                continue;
            }
            if names.len() == SUFFERERS {
                return format!("{}, …", names.join(", "));
            }
            names.push(name);
        }
        names.join(", ")
    }
}

/// Evidence as names and lines of text.
pub(crate) fn evidence(map: &serde_json::Map<String, Value>) -> Vec<(&str, Vec<String>)> {
    map.iter()
        .map(|(name, value)| {
            let lines = match value {
                Value::Array(values) => values.iter().take(EVIDENCE_LINES).map(plain).collect(),
                Value::Object(values) => values
                    .iter()
                    .take(EVIDENCE_LINES)
                    .map(|(name, value)| format!("{name}: {}", plain(value)))
                    .collect(),
                single => vec![plain(single)],
            };
            (name.as_str(), lines)
        })
        .collect()
}

fn plain(value: &Value) -> String {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Null => "—".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(EVIDENCE_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// The findings of one check, those that follow from another of them below it.
pub(crate) fn of_check(standing: &CheckStanding) -> Vec<Card<'_>> {
    let card = |found| Card { standing, found, follow: Vec::new(), is_folded: false };
    let mut cards: Vec<Card<'_>> = Vec::new();
    let mut old: Vec<Card<'_>> = Vec::new();
    for found in &standing.findings {
        let is_dated = matches!(
            found.finding.code,
            Code::CertExpiring | Code::CertExpired | Code::CertRenewalOverdue
        );
        if is_dated { old.push(card(found)) } else { cards.push(card(found)) }
    }
    // A renewed certificate that is not served yet: that the old one ends is no second cause, and
    // its remedy, to renew, would be the wrong one.
    for dated in old {
        let lead = cards.iter_mut().find(|lead| {
            lead.found.finding.code == Code::TlsNotReloaded
                && lead.found.finding.subject == dated.found.finding.subject
        });
        match lead {
            Some(lead) => lead.follow.push(dated),
            None => cards.push(dated),
        }
    }
    cards.sort_by_key(|card| Reverse(card.found.finding.severity));
    cards
}

/// The finding that a row with room for one shows.
pub(crate) fn foremost(standing: &CheckStanding) -> Option<&StandingFinding> {
    of_check(standing).first().map(|card| card.found)
}

/// Every finding of the snapshot: the worst first, then those already certain, then those that
/// most follows from, then the newest; one that another check explains lies below that check's
/// first, and what many checks say alike is told once.
pub(crate) fn tree(snapshot: &Snapshot) -> Vec<Card<'_>> {
    let mut cards: Vec<Card<'_>> = Vec::new();
    let mut following: Vec<Card<'_>> = Vec::new();
    let mut causes: HashMap<&str, &str> = HashMap::new();
    for standing in snapshot.checks.iter().filter(|standing| !standing.findings.is_empty()) {
        for card in of_check(standing) {
            if let Some(cause) = card.found.explained_by.as_deref() {
                causes.insert(&standing.check.name, cause);
                following.push(card);
            } else {
                cards.push(card);
            }
        }
    }
    cards.sort_by_key(order);
    let (mut cards, roots) = told_once(cards);
    let mut unplaced = Vec::new();
    for card in following {
        let first = card.found.explained_by.as_deref().unwrap_or_default();
        match root(first, &roots, &causes) {
            Some(index) => cards[index].adopt(card),
            None => unplaced.push(card),
        }
    }
    cards.append(&mut unplaced);
    cards.sort_by_key(order);
    cards
}

/// Puts what several checks say in the same words below the first that says it, and tells where
/// each check's first finding went.
fn told_once(sorted: Vec<Card<'_>>) -> (Vec<Card<'_>>, HashMap<&str, usize>) {
    let mut cards: Vec<Card<'_>> = Vec::new();
    let mut said: HashMap<(Code, &str, &str), usize> = HashMap::new();
    let mut roots: HashMap<&str, usize> = HashMap::new();
    for card in sorted {
        let (standing, finding) = (card.standing, &card.found.finding);
        let words = finding.summary.in_language(Language::En);
        let key = (finding.code, &*finding.subject, words);
        let index = *said.entry(key).or_insert(cards.len());
        roots.entry(&standing.check.name).or_insert(index);
        match cards.get_mut(index) {
            Some(first) => first.adopt(card),
            None => cards.push(card),
        }
    }
    (cards, roots)
}

/// Follows explanations up to a finding that nothing explains; a loop of them ends the search.
fn root<'a>(
    mut cause: &'a str,
    roots: &HashMap<&str, usize>,
    causes: &HashMap<&'a str, &'a str>,
) -> Option<usize> {
    for _ in 0..16 {
        if let Some(&index) = roots.get(cause) {
            return Some(index);
        }
        cause = causes.get(cause)?;
    }
    None
}

fn order(card: &Card<'_>) -> impl Ord + use<> {
    let found = card.found;
    Reverse((found.finding.severity, found.confirmed, card.follow.len(), found.since))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use health::snapshot::PlanStanding;
    use health::{Check, Code, Finding, Kind, State, Text, Thresholds, Timing};
    use jiff::Timestamp;

    use super::*;

    fn found(code: Code, subject: &str, explained_by: Option<&str>) -> StandingFinding {
        let words = Text::same(subject);
        StandingFinding {
            finding: Arc::new(Finding::new(code, subject, words.clone(), words)),
            since: Timestamp::UNIX_EPOCH,
            confirmed: true,
            explained_by: explained_by.map(Into::into),
        }
    }

    fn standing(name: &str, findings: Vec<StandingFinding>) -> Arc<CheckStanding> {
        Arc::new(CheckStanding {
            check: Arc::new(Check {
                name: name.into(),
                kind: Kind::Tcp,
                instance: name.into(),
                host: None,
                timing: Timing::Every(Duration::from_secs(1)),
                timeout: Duration::from_secs(1),
                thresholds: Thresholds::default(),
                depends_on: Vec::new(),
                labels: std::collections::BTreeMap::new(),
            }),
            port: None,
            claim: None,
            state: State::Down,
            since: Timestamp::UNIX_EPOCH,
            flapping: false,
            tenure: None,
            upstream: Vec::new(),
            outer_port: None,
            last: None,
            contrast: None,
            findings,
            incident: None,
            next_due: None,
        })
    }

    fn empty() -> Snapshot {
        let now = Timestamp::UNIX_EPOCH;
        Snapshot {
            agent: "a".into(),
            at: now,
            started_at: now,
            plan: PlanStanding { path: String::new(), loaded_at: now, refused: None },
            checks: Vec::new(),
            hosts: Vec::new(),
            ephemeral: None,
            swept: Vec::new(),
            listen: None,
            incidents: Vec::new(),
            receivers: Vec::new(),
            silences: Vec::new(),
            maintenance: Vec::new(),
            troubles: Vec::new(),
        }
    }

    fn names(snapshot: &Snapshot) -> Vec<(String, Vec<String>)> {
        let name = |card: &Card<'_>| card.standing.check.name.to_string();
        tree(snapshot)
            .iter()
            .map(|card| (name(card), card.follow.iter().map(name).collect()))
            .collect()
    }

    fn shape(explained: &[(&str, Option<&str>)]) -> Vec<(String, Vec<String>)> {
        let mut snapshot = empty();
        snapshot.checks = explained
            .iter()
            .map(|&(name, by)| standing(name, vec![found(Code::TcpRefused, name, by)]))
            .collect();
        names(&snapshot)
    }

    #[test]
    fn what_follows_hangs_below_what_nothing_explains() {
        let hung = |name: &str, below: &[&str]| {
            (name.to_owned(), below.iter().map(|&name| name.to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(
            shape(&[("site", Some("app")), ("app", Some("db")), ("db", None)]),
            [hung("db", &["site", "app"])],
            "a chain hangs below its end"
        );
        assert_eq!(
            shape(&[("a", Some("b")), ("b", Some("a"))]),
            [hung("a", &[]), hung("b", &[])],
            "a circle explains nothing, and hides nothing"
        );
        assert_eq!(
            shape(&[("a", Some("well by now"))]),
            [hung("a", &[])],
            "a cause that is over hides nothing"
        );
    }

    #[test]
    fn what_many_checks_say_alike_is_told_once() {
        let alike = || vec![found(Code::TcpRefused, "db:5432", None)];
        let mut snapshot = empty();
        snapshot.checks = vec![
            standing("a", alike()),
            standing("b", alike()),
            standing("c", vec![found(Code::TcpTimeout, "db:5432", None)]),
            standing("d", vec![found(Code::TcpReset, "x:1", Some("b"))]),
        ];
        assert_eq!(
            names(&snapshot),
            [("a".to_owned(), vec!["b".to_owned(), "d".to_owned()]), ("c".to_owned(), vec![])]
        );
    }

    #[test]
    fn that_the_old_certificate_ends_follows_from_not_serving_the_new_one() {
        let shape = |codes: &[(Code, &str)]| {
            let findings = codes.iter().map(|&(code, subject)| found(code, subject, None));
            let standing = standing("shop", findings.collect());
            let label = |card: &Card<'_>| card.found.finding.code.label();
            let below = |card: &Card<'_>| card.follow.iter().map(label).collect::<Vec<_>>();
            of_check(&standing).iter().map(|card| (label(card), below(card))).collect::<Vec<_>>()
        };
        let (ending, kept) = (Code::CertExpiring, Code::TlsNotReloaded);
        assert_eq!(
            shape(&[(ending, "a:443"), (kept, "a:443")]),
            [("tls.not-reloaded", vec!["cert.expiring"])]
        );
        assert_eq!(
            shape(&[(kept, "a:443"), (ending, "b:443")]),
            [("tls.not-reloaded", vec![]), ("cert.expiring", vec![])],
            "another server's certificate is a cause of its own"
        );
        assert_eq!(shape(&[(ending, "a:443")]), [("cert.expiring", vec![])]);
    }
}
