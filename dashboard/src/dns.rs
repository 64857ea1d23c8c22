//! Planned records on every nameserver, side by side, so that the odd one out is seen at once.

use std::collections::HashMap;

use askama::Template;
use health::Kind;
use health::facts::{AnswerFacts, DnsFacts, RecordFacts, ServerFacts};
use health::snapshot::CheckStanding;

use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View, amount};

/// Zones drawn on one page; what is not well comes first.
const ZONES: usize = 100;
/// Rows of one matrix that are shown.
const RECORDS: usize = 200;

/// What one server answered for one record, or that it was not asked.
pub(crate) struct Cell<'a> {
    pub(crate) answer: Option<&'a AnswerFacts>,
    /// `ok`, `bad` (not as planned), `odd` (as planned, but not what the others say) or `none`.
    pub(crate) class: &'static str,
}

impl Cell<'_> {
    /// Values are worth reading where they are not what the row's head says already.
    pub(crate) fn shows_values(&self, planned: &str) -> bool {
        self.answer.is_some_and(|answer| {
            !answer.values.is_empty() && (self.class != "ok" || answer.values.join(", ") != planned)
        })
    }
}

pub(crate) struct Line<'a> {
    pub(crate) record: &'a RecordFacts,
    pub(crate) cells: Vec<Cell<'a>>,
}

/// One zone on one group of servers: the authoritative ones, or the caches.
pub(crate) struct Matrix<'a> {
    pub(crate) servers: Vec<&'a ServerFacts>,
    pub(crate) lines: Vec<Line<'a>>,
    /// Serial and whether it differs from the most frequent one, per server.
    pub(crate) serials: Vec<(Option<u32>, bool)>,
    pub(crate) is_caches: bool,
}

/// A dns check with what was seen of its zone.
pub(crate) struct Zone<'a> {
    pub(crate) standing: &'a CheckStanding,
    pub(crate) matrices: Vec<Matrix<'a>>,
    pub(crate) records_left: usize,
}

#[derive(Template)]
#[template(path = "dns.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    zones: Vec<Zone<'a>>,
    zones_left: usize,
}

/// The DNS page.
///
/// # Errors
/// When the template fails.
pub fn dns(view: &View<'_>) -> Result<String, Error> {
    let t = Words(view.language);
    let mut checks: Vec<&CheckStanding> = view
        .snapshot
        .checks
        .iter()
        .map(|standing| &**standing)
        .filter(|standing| standing.check.kind == Kind::Dns)
        .collect();
    let zones_left = checks.len().saturating_sub(ZONES);
    if zones_left > 0 {
        checks.sort_by_key(|standing| standing.findings.is_empty());
    }
    let zones = checks.into_iter().take(ZONES).map(zone).collect();
    Ok(Page { page: Frame::new(view, Tab::Dns, t.dns()), t, zones, zones_left }.render()?)
}

/// What a check saw of its zone, as matrices.
pub(crate) fn zone(standing: &CheckStanding) -> Zone<'_> {
    let facts = standing.last.as_ref().and_then(|last| last.facts.dns.as_deref());
    let matrices = facts
        .map(|facts| {
            let caches = matrix(facts, |server| server.is_resolver);
            let caches = caches.map(|matrix| Matrix { is_caches: true, ..matrix });
            matrix(facts, |server| !server.is_resolver).into_iter().chain(caches).collect()
        })
        .unwrap_or_default();
    let records = facts.map_or(0, |facts| facts.records.len());
    Zone { standing, matrices, records_left: records.saturating_sub(RECORDS) }
}

fn matrix(facts: &DnsFacts, is_shown: impl Fn(&ServerFacts) -> bool) -> Option<Matrix<'_>> {
    let columns: Vec<usize> =
        (0..facts.servers.len()).filter(|&server| is_shown(&facts.servers[server])).collect();
    if columns.is_empty() {
        return None;
    }
    let servers: Vec<&ServerFacts> = columns.iter().map(|&server| &facts.servers[server]).collect();
    let usual_serial = most_frequent(servers.iter().filter_map(|server| server.serial));
    let serials = servers
        .iter()
        .map(|server| (server.serial, server.serial.is_some() && server.serial != usual_serial))
        .collect();
    let lines = facts.records.iter().take(RECORDS).map(|record| line(record, &columns)).collect();
    Some(Matrix { servers, lines, serials, is_caches: false })
}

fn line<'a>(record: &'a RecordFacts, columns: &[usize]) -> Line<'a> {
    let by_server: HashMap<usize, &AnswerFacts> =
        record.answers.iter().map(|answer| (answer.server, answer)).collect();
    let answers = || columns.iter().filter_map(|column| by_server.get(column).copied());
    let usual = most_frequent(answers().map(|answer| (&answer.outcome, &answer.values)));
    let cells = columns
        .iter()
        .map(|column| {
            let answer = by_server.get(column).copied();
            let class = match answer {
                None => "none",
                Some(answer) if !answer.matches => "bad",
                Some(answer) if Some((&answer.outcome, &answer.values)) != usual => "odd",
                Some(_) => "ok",
            };
            Cell { answer, class }
        })
        .collect();
    Line { record, cells }
}

/// What occurs most often; of equals, what came first.
fn most_frequent<T: Eq + std::hash::Hash + Copy>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: HashMap<T, (usize, usize)> = HashMap::new();
    for (at, item) in items.enumerate() {
        counts.entry(item).or_insert((0, at)).0 += 1;
    }
    counts
        .into_iter()
        .max_by_key(|&(_, (count, at))| (count, std::cmp::Reverse(at)))
        .map(|(item, _)| item)
}

/// A round trip for people.
pub(crate) fn rtt(seconds: &Option<f64>) -> String {
    seconds.map_or_else(|| "—".to_owned(), amount::took_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_majority_is_the_usual_and_ties_go_to_the_first() {
        assert_eq!(most_frequent([7, 8, 7].into_iter()), Some(7));
        assert_eq!(most_frequent([8, 7].into_iter()), Some(8));
        assert_eq!(most_frequent(std::iter::empty::<u8>()), None);
    }
}
