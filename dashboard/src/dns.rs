//! Planned records on every nameserver, side by side, so that the odd one out is seen at once: all
//! zones on one page, and each on one of its own, with its past.
//!
//! A small plan is drawn whole. Where there is more than a page of it, zones with something to tell
//! come first and open, and the others are a line each that leads to their page.

mod matrix;
mod query;
mod zone;

use askama::Template;
use health::Kind;
use health::snapshot::CheckStanding;

use crate::frame::{Frame, Tab};
use crate::pages::Slice;
use crate::words::Words;
use crate::{Error, View};

pub(crate) use matrix::{Matrix, rtt};
pub use query::DnsQuery;
pub(crate) use query::{Narrow, dns as seen};
pub(crate) use zone::Security;
pub use zone::zone as dns_zone;

/// Zones on one page.
const ZONES: usize = 100;
/// More zones than these fold those that are well.
const ZONES_AT_A_GLANCE: usize = 8;
/// Cells drawn on one page; more of them fold zones.
const CELLS: usize = 2_000;
/// Raw answers on one page; those of the other cells are on the page of their zone.
const SHEETS: usize = 240;

/// A dns check with what was seen of its zone.
pub(crate) struct Zone<'a> {
    pub(crate) standing: &'a CheckStanding,
    pub(crate) matrices: Vec<Matrix<'a>>,
    pub(crate) security: Option<Security<'a>>,
    /// Records are left out because they were not asked for.
    pub(crate) is_narrowed: bool,
}

impl Zone<'_> {
    /// Records that are not shown for want of room.
    pub(crate) fn records_left(&self) -> usize {
        self.matrices.iter().map(|matrix| matrix.records_left).max().unwrap_or(0)
    }
}

#[derive(Template)]
#[template(path = "dns.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    zones: Vec<Zone<'a>>,
    folded: Vec<&'a CheckStanding>,
    names: Vec<&'a str>,
    any_zone: bool,
    slice: Slice,
    query: &'a DnsQuery,
}

/// The DNS page.
///
/// # Errors
/// When the template fails.
pub fn dns(view: &View<'_>, query: &DnsQuery) -> Result<String, Error> {
    let t = Words(view.language);
    let checks = view.snapshot.checks.iter().map(|standing| &**standing);
    let all: Vec<&CheckStanding> =
        checks.filter(|standing| standing.check.kind == Kind::Dns).collect();
    let mut asked: Vec<&CheckStanding> =
        all.iter().copied().filter(|standing| is_asked_for(standing, query)).collect();
    let size: usize = asked.iter().map(|standing| cells(standing)).sum();
    let is_long = asked.len() > ZONES_AT_A_GLANCE || size > CELLS;
    if is_long {
        asked.sort_by_key(|standing| !is_sick(standing));
    }
    let slice = Slice::of_size(asked.len(), query.page.as_deref(), ZONES);
    let (mut zones, mut folded) = (Vec::new(), Vec::new());
    let (mut room, mut sheets) = (CELLS, SHEETS);
    for standing in asked.drain(slice.range()) {
        let size = cells(standing);
        let opens = !is_long || is_sick(standing) || query.is_narrowing();
        if opens && (size <= room || zones.is_empty()) {
            room = room.saturating_sub(size);
            zones.push(zone_of(standing, &Narrow::of(query, standing), &mut sheets));
        } else {
            folded.push(standing);
        }
    }
    let mut names: Vec<&str> =
        all.iter().filter_map(|standing| Some(&*seen(standing)?.zone)).collect();
    names.sort_unstable();
    names.dedup();
    let page = Frame::new(view, Tab::Dns, t.dns());
    let any_zone = !all.is_empty();
    Ok(Page { page, t, zones, folded, names, any_zone, slice, query }.render()?)
}

/// What a check saw of its zone, as matrices with at most so many raw answers.
pub(crate) fn zone_of<'a>(
    standing: &'a CheckStanding,
    narrow: &Narrow,
    sheets: &mut usize,
) -> Zone<'a> {
    let last = standing.last.as_deref();
    let facts = last.and_then(|last| Some((last.at, last.facts.dns.as_deref()?)));
    let matrices = facts.map(|(at, dns)| {
        let check = &*standing.check.name;
        matrix::Drawing { check, dns, at, narrow, room: sheets }.matrices()
    });
    let security = facts.and_then(|(_, dns)| dns.dnssec.as_deref().map(Security::of));
    Zone {
        standing,
        matrices: matrices.unwrap_or_default(),
        security,
        is_narrowed: narrow.is_narrowing(),
    }
}

/// The zone on the page of its check.
pub(crate) fn of_check(standing: &CheckStanding) -> Option<Zone<'_>> {
    seen(standing).map(|_| zone_of(standing, &Narrow::default(), &mut SHEETS.clone()))
}

fn is_asked_for(standing: &CheckStanding, query: &DnsQuery) -> bool {
    if !query.admits_zone(standing) {
        return false;
    }
    let narrow = Narrow::of(query, standing);
    match seen(standing) {
        _ if !narrow.is_narrowing() => true,
        None => false,
        Some(dns) => {
            let mut records = dns.records.iter().filter(|record| narrow.admits(record));
            if narrow.only_wrong {
                is_sick(standing)
                    || records.any(|record| record.answers.iter().any(|answer| !answer.matches))
            } else {
                records.next().is_some()
            }
        }
    }
}

fn is_sick(standing: &CheckStanding) -> bool {
    crate::ports::is_sick(standing)
}

fn cells(standing: &CheckStanding) -> usize {
    seen(standing).map_or(0, |dns| dns.servers.len() * dns.records.len())
}
