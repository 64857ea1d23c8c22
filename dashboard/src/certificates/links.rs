//! A chain as it was sent or stored, link by link, and how it ends.

use health::certificates::{Life, Place, common_name};
use health::facts::CertificateFacts;
use jiff::Timestamp;

use super::lifeline::Lifeline;
use crate::link;
use crate::words::Words;

/// Links drawn of one chain.
const LINKS: usize = 12;

/// A chain, to be drawn.
pub(crate) struct Chain<'a> {
    pub(crate) links: Vec<Link<'a>>,
    pub(crate) links_left: usize,
    pub(crate) end: Option<End>,
    /// Where it was seen.
    pub(crate) places: Vec<String>,
    pub(crate) is_stored: bool,
}

/// One certificate of a chain.
pub(crate) struct Link<'a> {
    pub(crate) facts: &'a CertificateFacts,
    pub(crate) title: &'a str,
    pub(crate) href: String,
    pub(crate) role: &'static str,
    /// `up` while it is valid, else `down`.
    pub(crate) class: &'static str,
    pub(crate) life: Life,
    pub(crate) line: Lifeline,
    /// It did not issue the one before it.
    pub(crate) is_stranger: bool,
}

/// What lies above the last link.
pub(crate) struct End {
    pub(crate) words: String,
    /// Where the missing certificate can be fetched.
    pub(crate) advice: Option<String>,
    /// `up`, `down`, or `unknown`.
    pub(crate) class: &'static str,
}

impl<'a> Chain<'a> {
    /// `trusted`: leads to a trusted root; `None`: it was not looked at.
    pub(crate) fn of(
        chain: &'a [CertificateFacts],
        trusted: Option<bool>,
        t: Words,
        now: Timestamp,
    ) -> Self {
        let links = chain.iter().take(LINKS).enumerate().map(|(position, facts)| {
            let before = position.checked_sub(1).and_then(|before| chain.get(before));
            let life = Life::of(facts, None, now);
            Link {
                facts,
                title: title(facts, position),
                href: link::certificate(&facts.fingerprint),
                role: match (position, facts.is_self_signed) {
                    (0, _) => t.leaf(),
                    (_, true) => t.root(),
                    (_, false) => t.intermediate(),
                },
                class: if life == Life::Fresh { "up" } else { "down" },
                life,
                line: Lifeline::of(facts, None, now),
                is_stranger: before.is_some_and(|before| before.issuer != facts.subject),
            }
        });
        Self {
            links: links.collect(),
            links_left: chain.len().saturating_sub(LINKS),
            end: end(chain, trusted, t),
            places: Vec::new(),
            is_stored: false,
        }
    }

    /// The chain of a place, with the others where it is the same.
    pub(crate) fn at(place: &Place<'a>, places: Vec<String>, t: Words, now: Timestamp) -> Self {
        let trusted = place.served().and_then(|handshake| handshake.trusted);
        let is_stored = place.stored().is_some();
        Self { places, is_stored, ..Self::of(place.chain, trusted, t, now) }
    }
}

/// What a certificate is called: a leaf by what it is for, others by their own name.
pub(crate) fn title(facts: &CertificateFacts, position: usize) -> &str {
    match facts.names.first() {
        Some(name) if position == 0 => name,
        _ => common_name(&facts.subject),
    }
}

fn end(chain: &[CertificateFacts], trusted: Option<bool>, t: Words) -> Option<End> {
    let last = chain.last()?;
    let issuer = common_name(&last.issuer);
    let end = match (last.is_self_signed, trusted) {
        (true, _) if chain.len() == 1 => {
            End { words: t.own_root().to_owned(), advice: None, class: "unknown" }
        }
        (true, _) => End { words: t.ends_in_root().to_owned(), advice: None, class: "unknown" },
        (false, Some(true)) => End { words: t.trusted_above(issuer), advice: None, class: "up" },
        (false, Some(false)) => End {
            words: t.missing_above(issuer),
            advice: last.ca_issuers.as_deref().map(|url| t.get_it_at(url)),
            class: "down",
        },
        (false, None) => End { words: t.signed_above(issuer), advice: None, class: "unknown" },
    };
    Some(end)
}
