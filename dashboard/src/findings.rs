//! Findings as people read them: the worst first, and what merely follows folded below its cause.

use std::cmp::Reverse;
use std::collections::HashMap;

use health::snapshot::CheckStanding;
use health::{Snapshot, StandingFinding};
use serde_json::Value;

/// More evidence than this, in characters, is cut.
const EVIDENCE_CHARACTERS: usize = 2_000;

/// One finding with the check it belongs to, and the findings that follow from it.
pub(crate) struct Card<'a> {
    pub(crate) standing: &'a CheckStanding,
    pub(crate) found: &'a StandingFinding,
    pub(crate) follow: Vec<Card<'a>>,
}

impl Card<'_> {
    /// Stays the same while the finding lasts: what is unfolded stays so when the page renews itself.
    pub(crate) fn key(&self) -> String {
        let finding = &self.found.finding;
        format!("{}|{}|{}", self.standing.check.name, finding.code, finding.subject)
    }

    pub(crate) fn evidence(&self) -> Vec<(&str, Vec<String>)> {
        evidence(&self.found.finding.evidence)
    }
}

/// Evidence as names and lines of text.
pub(crate) fn evidence(map: &serde_json::Map<String, Value>) -> Vec<(&str, Vec<String>)> {
    map.iter()
        .map(|(name, value)| {
            let lines = match value {
                Value::Array(values) => values.iter().map(plain).collect(),
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

/// The findings of one check, none folded.
pub(crate) fn of_check(standing: &CheckStanding) -> Vec<Card<'_>> {
    standing.findings.iter().map(|found| Card { standing, found, follow: Vec::new() }).collect()
}

/// Every finding of the snapshot: the worst first, then those already certain, then the newest;
/// one that another check explains lies below that check's first.
pub(crate) fn tree(snapshot: &Snapshot) -> Vec<Card<'_>> {
    let mut cards: Vec<Card<'_>> = Vec::new();
    let mut following: Vec<Card<'_>> = Vec::new();
    let mut causes: HashMap<&str, &str> = HashMap::new();
    for standing in snapshot.checks.iter().filter(|standing| !standing.findings.is_empty()) {
        for found in &standing.findings {
            let card = Card { standing, found, follow: Vec::new() };
            if let Some(cause) = found.explained_by.as_deref() {
                causes.insert(&standing.check.name, cause);
                following.push(card);
            } else {
                cards.push(card);
            }
        }
    }
    cards.sort_by_key(order);
    let mut roots: HashMap<&str, usize> = HashMap::new();
    for (index, card) in cards.iter().enumerate() {
        roots.entry(&card.standing.check.name).or_insert(index);
    }
    let mut unplaced = Vec::new();
    for card in following {
        let first = card.found.explained_by.as_deref().unwrap_or_default();
        match root(first, &roots, &causes) {
            Some(index) => cards[index].follow.push(card),
            None => unplaced.push(card),
        }
    }
    if !unplaced.is_empty() {
        cards.append(&mut unplaced);
        cards.sort_by_key(order);
    }
    cards
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
    (Reverse(found.finding.severity), Reverse(found.confirmed), Reverse(found.since))
}
