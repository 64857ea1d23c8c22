//! One certificate as a row: what it is for, where it stands in its life, where it was seen.

use std::collections::HashSet;

use health::certificates::{Block, Certificate, Life, Place, Told, common_name};
use jiff::Timestamp;

use super::lifeline::Lifeline;
use crate::words::Words;
use crate::{amount, link};

/// Names shown before the rest is counted.
const NAMES: usize = 6;
/// Places shown before the rest is counted.
const PLACES: usize = 4;
/// Findings and obstacles shown of one row.
const TOLD: usize = 6;
/// What a renewer said, in characters.
const SAID: usize = 240;

/// One certificate, to be drawn.
pub(crate) struct Row<'a> {
    pub(crate) title: &'a str,
    pub(crate) href: String,
    /// `up`, `degraded` or `down`.
    pub(crate) class: &'static str,
    pub(crate) life: Life,
    /// How long it has left, in words.
    pub(crate) left: String,
    /// How its renewal stands, in words.
    pub(crate) renewal: Option<String>,
    pub(crate) line: Lifeline,
    pub(crate) issuer: &'a str,
    pub(crate) key: &'a str,
    pub(crate) not_before: Timestamp,
    pub(crate) not_after: Timestamp,
    pub(crate) names: &'a [String],
    pub(crate) names_left: usize,
    pub(crate) places: Vec<Place<'a>>,
    pub(crate) places_left: usize,
    pub(crate) findings: Vec<Told<'a>>,
    pub(crate) blocks: Vec<Blocked<'a>>,
    /// Leaves that were seen below it.
    pub(crate) below: usize,
}

/// An obstacle in words, and the page that tells more.
pub(crate) struct Blocked<'a> {
    pub(crate) words: String,
    pub(crate) check: Option<&'a str>,
}

impl<'a> Row<'a> {
    pub(crate) fn new(certificate: &Certificate<'a>, t: Words, now: Timestamp) -> Self {
        let facts = certificate.facts;
        let others = facts.names.get(1..).unwrap_or_default();
        let apart = apart(certificate);
        let below = if certificate.is_leaf() {
            0
        } else {
            let leaves = certificate.places.iter().filter_map(|place| place.chain.first());
            leaves.map(|leaf| &*leaf.fingerprint).collect::<HashSet<_>>().len()
        };
        Self {
            title: certificate.title(),
            href: link::certificate(&facts.fingerprint),
            class: certificate.state().label(),
            life: certificate.life(),
            left: left(certificate, t),
            renewal: renewal(certificate, t, now),
            line: Lifeline::of(facts, certificate.renewal.as_ref(), now),
            issuer: common_name(&facts.issuer),
            key: &facts.key,
            not_before: facts.not_before,
            not_after: facts.not_after,
            names: &others[..others.len().min(NAMES)],
            names_left: others.len().saturating_sub(NAMES),
            places: apart.iter().take(PLACES).map(|place| (*place).clone()).collect(),
            places_left: apart.len().saturating_sub(PLACES),
            findings: certificate.findings.iter().take(TOLD).copied().collect(),
            blocks: blocked(certificate, t),
            below,
        }
    }
}

/// Its places, those that a row would draw alike once: one address asked with a name and without.
fn apart<'c, 'a>(certificate: &'c Certificate<'a>) -> Vec<&'c Place<'a>> {
    let mut drawn = HashSet::new();
    let key =
        |place: &Place<'a>| (place.at(), &*place.standing.check.name, place.stored().is_some());
    certificate.places.iter().filter(|place| drawn.insert(key(place))).collect()
}

/// How long a certificate has left, in words.
pub(crate) fn left(certificate: &Certificate<'_>, t: Words) -> String {
    let left = certificate.left();
    let span = amount::span(t, left.abs());
    match certificate.life() {
        Life::Over => t.ended_ago(&span),
        Life::Early => {
            let facts = certificate.facts;
            let life = facts.not_after.duration_since(facts.not_before);
            t.starts_in(&amount::span(t, (left - life).abs()))
        }
        Life::Fresh | Life::Due | Life::Overdue | Life::Replaced => t.left_of(&span),
    }
}

/// How a certificate's renewal stands, in words; `None` where nothing is to be renewed.
pub(crate) fn renewal(certificate: &Certificate<'_>, t: Words, now: Timestamp) -> Option<String> {
    let renewal = certificate.renewal?;
    let since = |at: Timestamp| amount::span(t, now.duration_since(at).abs());
    let words = match certificate.life() {
        Life::Over | Life::Early => return None,
        Life::Fresh => t.due_in(&since(renewal.due)),
        Life::Replaced => t.replaced().to_owned(),
        Life::Due => t.due_since(&since(renewal.due)),
        // Since when it was due, as the finding beside it reckons.
        Life::Overdue => t.late_for(&since(renewal.due)),
    };
    Some(words)
}

/// What stands in the way of its renewal and is not among its findings, in words.
pub(crate) fn blocked<'a>(certificate: &Certificate<'a>, t: Words) -> Vec<Blocked<'a>> {
    let mut told = Vec::new();
    for block in &certificate.blocks {
        match block {
            Block::Failed(facts) => {
                let said = facts.failure.as_deref().unwrap_or_default();
                told.push(Blocked { words: t.renewer_failed(&cut(said)), check: None });
            }
            Block::Said((standing, found)) => {
                let is_known =
                    certificate.findings.iter().any(|(_, own)| std::ptr::eq(*own, *found));
                if !is_known {
                    let words = found.finding.summary.in_language(t.0).to_owned();
                    told.push(Blocked { words, check: Some(&standing.check.name) });
                }
            }
        }
        if told.len() == TOLD {
            break;
        }
    }
    told
}

fn cut(said: &str) -> String {
    match said.char_indices().nth(SAID) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}
