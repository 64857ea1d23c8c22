//! Records by servers, the odd one out where it is seen first.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::Hash;

use health::facts::{AnswerFacts, DnsFacts, Part, RecordFacts, ServerFacts};
use jiff::Timestamp;

use super::query::Narrow;
use crate::{amount, link};

/// Rows of one matrix that are shown.
const RECORDS: usize = 200;
/// More servers than these stand with those first that do not say what they should.
const COLUMNS_AT_A_GLANCE: usize = 6;
/// The same for records.
const ROWS_AT_A_GLANCE: usize = 24;
/// Values of one answer shown in its cell.
const VALUES: usize = 3;

/// What one server answered for one record, or that it was not asked.
pub(crate) struct Cell<'a> {
    pub(crate) record: &'a RecordFacts,
    pub(crate) server: &'a ServerFacts,
    pub(crate) answer: Option<&'a AnswerFacts>,
    /// `ok`, `bad` (not as planned), `odd` (as planned, but not what the others say) or `none`.
    pub(crate) class: &'static str,
    /// When a cache must have let go of what it says.
    pub(crate) expires_at: Option<Timestamp>,
    /// The raw answer's sheet on this page; where there is no room for it, it is on `href`.
    pub(crate) sheet: Option<String>,
    pub(crate) href: String,
}

impl Cell<'_> {
    /// Values are worth reading where they are not what the row's head says already.
    pub(crate) fn shows_values(&self) -> bool {
        self.answer.is_some_and(|answer| {
            !answer.values.is_empty()
                && (self.class != "ok" || answer.values.join(", ") != *self.record.expected)
        })
    }

    /// The first values; the others are on the sheet.
    pub(crate) fn values(&self) -> impl Iterator<Item = &String> {
        self.answer.into_iter().flat_map(|answer| answer.values.iter()).take(VALUES)
    }

    pub(crate) fn values_left(&self) -> usize {
        self.answer.map_or(0, |answer| answer.values.len().saturating_sub(VALUES))
    }

    pub(crate) fn is_off(&self) -> bool {
        matches!(self.class, "bad" | "odd")
    }
}

pub(crate) struct Line<'a> {
    pub(crate) record: &'a RecordFacts,
    pub(crate) cells: Vec<Cell<'a>>,
}

/// One server, and how it compares with the others.
pub(crate) struct Column<'a> {
    pub(crate) server: &'a ServerFacts,
    /// Records that it does not have as planned, or unlike the others.
    pub(crate) off: usize,
    pub(crate) serial_differs: bool,
}

impl Column<'_> {
    /// The address, where the name is not that already.
    pub(crate) fn address(&self) -> Option<String> {
        let address = self.server.address?.to_string();
        (address != *self.server.name).then_some(address)
    }
}

/// One zone on one group of servers: its own, those of the zone above, or the caches.
pub(crate) struct Matrix<'a> {
    pub(crate) columns: Vec<Column<'a>>,
    pub(crate) lines: Vec<Line<'a>>,
    pub(crate) part: Part,
    pub(crate) records_left: usize,
}

impl Matrix<'_> {
    pub(crate) fn is_of(&self, part: Part) -> bool {
        self.part == part
    }
}

/// What a matrix is drawn for.
pub(super) struct Drawing<'a, 'r> {
    /// Name of the check.
    pub(super) check: &'a str,
    pub(super) dns: &'a DnsFacts,
    /// When the servers were asked.
    pub(super) at: Timestamp,
    pub(super) narrow: &'r Narrow,
    /// Sheets that the page still has room for.
    pub(super) room: &'r mut usize,
}

impl<'a> Drawing<'a, '_> {
    /// The zone's own servers, those above, then the caches; a group of none is left out.
    pub(super) fn matrices(mut self) -> Vec<Matrix<'a>> {
        let parts = [Part::Authority, Part::Parent, Part::Cache];
        parts.into_iter().filter_map(|part| self.matrix(part)).collect()
    }

    fn matrix(&mut self, part: Part) -> Option<Matrix<'a>> {
        let servers = &self.dns.servers;
        let chosen: Vec<usize> =
            (0..servers.len()).filter(|&server| servers[server].part() == part).collect();
        if chosen.is_empty() {
            return None;
        }
        let serials = chosen.iter().filter_map(|&server| servers[server].serial);
        let usual_serial = most_frequent(serials);
        let mut columns: Vec<(usize, Column<'a>)> = chosen
            .iter()
            .map(|&at| {
                let server = &servers[at];
                let serial_differs = server.serial.is_some() && server.serial != usual_serial;
                (at, Column { server, off: 0, serial_differs })
            })
            .collect();
        let mut lines = self.lines(&chosen);
        if lines.is_empty() && part == Part::Parent {
            return None;
        }
        for (at, (_, column)) in columns.iter_mut().enumerate() {
            column.off = lines.iter().filter(|line| line.cells[at].is_off()).count();
        }
        if columns.len() > COLUMNS_AT_A_GLANCE {
            let is_fine = |column: &Column<'_>| {
                column.off == 0 && column.server.reachable && !column.serial_differs
            };
            let mut order: Vec<usize> = (0..columns.len()).collect();
            order.sort_by_key(|&at| is_fine(&columns[at].1));
            for line in &mut lines {
                arrange(&mut line.cells, &order);
            }
            arrange(&mut columns, &order);
        }
        let records_left = lines.len().saturating_sub(RECORDS);
        lines.truncate(RECORDS);
        for cell in lines.iter_mut().flat_map(|line| &mut line.cells) {
            if *self.room == 0 {
                cell.sheet = None;
            } else if cell.sheet.is_some() {
                *self.room -= 1;
            }
        }
        let columns = columns.into_iter().map(|(_, column)| column).collect();
        Some(Matrix { columns, lines, part, records_left })
    }

    fn lines(&self, servers: &[usize]) -> Vec<Line<'a>> {
        let records = self.dns.records.iter().enumerate();
        let mut lines: Vec<Line<'a>> = records
            .filter(|(_, record)| self.narrow.admits(record))
            .map(|(row, record)| self.line(row, record, servers))
            // The zone's own DS is asked of the servers above alone, and they for nothing else.
            .filter(|line| line.cells.iter().any(|cell| cell.answer.is_some()))
            .filter(|line| !self.narrow.only_wrong || line.cells.iter().any(Cell::is_off))
            .collect();
        if lines.len() > ROWS_AT_A_GLANCE {
            lines.sort_by_key(|line| !line.cells.iter().any(Cell::is_off));
        }
        lines
    }

    fn line(&self, row: usize, record: &'a RecordFacts, servers: &[usize]) -> Line<'a> {
        let by_server: HashMap<usize, &AnswerFacts> =
            record.answers.iter().map(|answer| (answer.server, answer)).collect();
        let answers = || servers.iter().filter_map(|server| by_server.get(server).copied());
        let usual = most_frequent(answers().map(|answer| (&answer.outcome, &answer.values)));
        let title = format!("{} {}", record.name, record.record_type);
        let href = link::zone(self.check, &title);
        let cells = servers.iter().map(|column| {
            let server = &self.dns.servers[*column];
            let answer = by_server.get(column).copied();
            let class = match answer {
                None => "none",
                Some(answer) if !answer.matches => "bad",
                Some(answer) if Some((&answer.outcome, &answer.values)) != usual => "odd",
                Some(_) => "ok",
            };
            let expiry = |answer: &AnswerFacts| answer.expiry(self.at);
            Cell {
                record,
                server,
                answer,
                class,
                expires_at: answer.filter(|_| server.is_resolver).and_then(expiry),
                sheet: answer
                    .map(|_| format!("answer-{}-{row}-{column}", link::encode(self.check))),
                href: href.clone(),
            }
        });
        Line { record, cells: cells.collect() }
    }
}

/// Puts what stood at `order[n]` to place `n`.
fn arrange<T>(items: &mut Vec<T>, order: &[usize]) {
    let mut taken: Vec<Option<T>> = std::mem::take(items).into_iter().map(Some).collect();
    items.extend(order.iter().filter_map(|&at| taken.get_mut(at)?.take()));
}

/// What occurs most often; of equals, what came first.
fn most_frequent<T: Eq + Hash + Copy>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut counts: HashMap<T, (usize, usize)> = HashMap::new();
    for (at, item) in items.enumerate() {
        counts.entry(item).or_insert((0, at)).0 += 1;
    }
    counts.into_iter().max_by_key(|&(_, (count, at))| (count, Reverse(at))).map(|(item, _)| item)
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

    #[test]
    fn things_are_put_in_order() {
        let mut items = vec!["a", "b", "c"];
        arrange(&mut items, &[2, 0, 1]);
        assert_eq!(items, ["c", "a", "b"]);
    }
}
