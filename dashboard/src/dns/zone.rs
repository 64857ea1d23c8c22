//! The page of one zone: everything its servers said, what DNSSEC makes of it, and how it came to be
//! as it is.

use std::collections::HashMap;

use askama::Template;
use health::facts::{self, DnssecFacts, SignatureFacts};
use health::history::History;
use health::records::RecordTurn;
use health::snapshot::CheckStanding;
use health::{Kind, State};
use jiff::Timestamp;

use super::{DnsQuery, Narrow, Zone, zone_of};
use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View, link};

/// Raw answers on the page of one zone.
const SHEETS: usize = 800;
/// Turns of records listed.
const TURNS: usize = 60;
/// Signatures listed.
const SIGNATURES: usize = 64;

#[derive(Template)]
#[template(path = "zone.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    zone: Zone<'a>,
    query: &'a DnsQuery,
    address: String,
    turns: Vec<Turn<'a>>,
    turns_left: usize,
}

/// What was said of a record, from one moment to the next.
struct Turn<'a> {
    turn: &'a RecordTurn,
    /// When it was said otherwise; `None`: it still is so.
    until: Option<Timestamp>,
}

impl Turn<'_> {
    fn class(&self) -> &'static str {
        match (self.turn.picture.is_well(), self.turn.picture.odd.is_empty()) {
            (true, true) => "ok",
            (true, false) => "odd",
            (false, _) => "bad",
        }
    }
}

/// The page of the zone that the check with this name (decoded) looks at; `None` when there is none.
///
/// # Errors
/// When the template fails.
pub fn zone(
    view: &View<'_>,
    check: &str,
    history: &History,
    query: &DnsQuery,
) -> Result<Option<String>, Error> {
    let Some(standing) = view.snapshot.check(check).filter(|it| it.check.kind == Kind::Dns) else {
        return Ok(None);
    };
    let narrow = Narrow::of(query, standing);
    let admitted = |turn: &Turn<'_>| narrow.admits_turn(turn.turn);
    let mut turns: Vec<Turn<'_>> = turns(&history.turns).into_iter().filter(admitted).collect();
    let turns_left = turns.len().saturating_sub(TURNS);
    turns.truncate(TURNS);
    let page = Page {
        page: Frame::new(view, Tab::Dns, title(standing)),
        t: Words(view.language),
        zone: zone_of(standing, &narrow, &mut SHEETS.clone()),
        query,
        address: link::zone(check, ""),
        turns,
        turns_left,
    };
    Ok(Some(page.render()?))
}

fn title(standing: &CheckStanding) -> &str {
    super::seen(standing).map_or(&*standing.check.instance, |dns| &*dns.zone)
}

/// With their ends, newest first as they come.
fn turns(history: &[RecordTurn]) -> Vec<Turn<'_>> {
    let mut newest: HashMap<&str, Timestamp> = HashMap::new();
    let mut turns = Vec::with_capacity(history.len());
    for turn in history {
        turns.push(Turn { turn, until: newest.insert(&turn.record, turn.since) });
    }
    turns
}

/// What DNSSEC makes of a zone, ready to be shown.
pub(crate) struct Security<'a> {
    pub(crate) facts: &'a DnssecFacts,
}

impl<'a> Security<'a> {
    pub(super) fn of(facts: &'a DnssecFacts) -> Self {
        Self { facts }
    }

    /// The shape that goes with it.
    pub(crate) fn class(&self) -> &'static str {
        match self.facts.state {
            facts::Security::Secure => State::Up.label(),
            facts::Security::Insecure | facts::Security::Unknown => State::Unknown.label(),
            facts::Security::Bogus => State::Down.label(),
        }
    }

    /// The signature that ends first.
    pub(crate) fn first_to_end(&self) -> Option<(Timestamp, &'a SignatureFacts)> {
        let ends = self.facts.signatures.iter();
        ends.filter_map(|signed| Some((signed.earliest_end?, signed))).min_by_key(|(end, _)| *end)
    }

    /// Nothing to list.
    pub(crate) fn is_bare(&self) -> bool {
        self.facts.keys.is_empty() && self.facts.ds.is_empty() && self.facts.signatures.is_empty()
    }

    pub(crate) fn signatures(&self) -> &'a [SignatureFacts] {
        let all = &self.facts.signatures;
        &all[..all.len().min(SIGNATURES)]
    }
}
