//! The whole range of ports at a glance: a block for every hundred that holds something, a cell for
//! every stretch of ports alike. What lies between the blocks is folded away.

use super::gap::Line;
use super::row::Row;
use crate::words::Words;

/// Ports in one line of a block, and lines of a block.
const COLUMNS: u32 = 20;
const LINES: u32 = 5;
/// Side of a cell, with the blank beside it.
const CELL: u32 = 10;
/// Width and depth of a block that is painted whole.
const SIDE: u32 = COLUMNS * CELL - 1;
const DEPTH: u32 = LINES * CELL - 1;
/// Blocks shown.
const BLOCKS: usize = 60;

/// A map of one host's ports.
pub(crate) struct Map {
    pub(crate) blocks: Vec<Block>,
    /// Blocks that are not shown.
    pub(crate) left: usize,
}

/// A hundred ports; several that are filled by one row; or those for clients of this machine.
pub(crate) struct Block {
    first: u32,
    last: u32,
    pub(crate) is_ephemeral: bool,
    pub(crate) cells: Vec<Cell>,
}

/// Ports side by side that are alike.
pub(crate) struct Cell {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) colour: &'static str,
    pub(crate) title: String,
    pub(crate) anchor: String,
}

impl Block {
    pub(crate) fn ports(&self) -> String {
        format!("{}–{}", self.first.max(1), self.last.min(65_535))
    }

    fn new(first: u32, last: u32) -> Self {
        Self { first, last, is_ephemeral: false, cells: Vec::new() }
    }
}

/// The map of these lines; `None` when there is nothing on it.
pub(crate) fn map(t: Words, lines: &[Line<'_>], ephemeral: Option<(u16, u16)>) -> Option<Map> {
    let mut blocks: Vec<Block> = Vec::new();
    for line in lines {
        if let Line::Row(row) = line {
            draw(t, row, &mut blocks);
        }
    }
    if blocks.is_empty() {
        return None;
    }
    if let Some((first, last)) = ephemeral {
        let (first, last) = (u32::from(first), u32::from(last));
        let at = blocks.partition_point(|block| block.first < first);
        blocks.insert(at, Block { is_ephemeral: true, ..Block::new(first, last) });
    }
    let left = blocks.len().saturating_sub(BLOCKS);
    blocks.truncate(BLOCKS);
    Some(Map { blocks, left })
}

/// Paints the ports of a row into the hundreds they are of.
fn draw(t: Words, row: &Row<'_>, blocks: &mut Vec<Block>) {
    let (mut port, last) = (u32::from(row.key.port), u32::from(row.last_port));
    while port <= last && blocks.len() <= BLOCKS {
        let hundred = port / 100 * 100;
        // Hundreds that the row fills say no more than one of them.
        let filled = if port == hundred { (last + 1 - port) / 100 * 100 } else { 0 };
        if filled > 0 {
            let whole = Cell { width: SIDE, height: DEPTH, ..cell(t, row, 0, 1) };
            let half = if row.is_udp() { DEPTH / 2 } else { 0 };
            let whole = Cell { y: half, height: DEPTH - half, ..whole };
            block_at(blocks, hundred, hundred + filled - 1).cells.push(whole);
            port += filled;
            continue;
        }
        // To the end of the row, or of the line of its block.
        let end = (port / COLUMNS * COLUMNS + COLUMNS - 1).min(last);
        let drawn = cell(t, row, port - hundred, end - port + 1);
        block_at(blocks, hundred, hundred + 99).cells.push(drawn);
        port = end + 1;
    }
}

/// The block of these ports, which is put where it belongs: a row for UDP goes back to where the one
/// for TCP began.
fn block_at(blocks: &mut Vec<Block>, first: u32, last: u32) -> &mut Block {
    let mut at = blocks.partition_point(|block| (block.first, block.last) < (first, last));
    if blocks.get(at).is_none_or(|block| (block.first, block.last) != (first, last)) {
        blocks.insert(at, Block::new(first, last));
    }
    at = at.min(blocks.len() - 1);
    &mut blocks[at]
}

fn cell(t: Words, row: &Row<'_>, offset: u32, ports: u32) -> Cell {
    let claim = row.claim();
    let mut words = vec![row.port()];
    if row.is_udp() {
        words[0].push_str("/udp");
    }
    words.push(claim.map_or(t.undeclared(), |claim| t.claim_of(claim.claim)).to_owned());
    words.extend(claim.map(|claim| claim.service.clone()).filter(|service| !service.is_empty()));
    words.push(t.state_of(row.standing.state).to_owned());
    // UDP below TCP: a port may be both.
    let half = if row.is_udp() { CELL / 2 } else { 0 };
    Cell {
        x: offset % COLUMNS * CELL,
        y: (offset / COLUMNS).min(LINES - 1) * CELL + half,
        width: ports * CELL - 1,
        height: CELL - 1 - half,
        colour: row.colour(),
        title: words.join(" · "),
        anchor: row.anchor.clone(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use health::snapshot::CheckStanding;
    use health::{Check, Kind, Language, PortKey, Protocol, State, Thresholds, Timing};
    use jiff::Timestamp;

    use super::*;

    pub(crate) fn standing() -> CheckStanding {
        CheckStanding {
            check: Arc::new(Check {
                name: "web:1".into(),
                kind: Kind::Port,
                instance: "web:1".into(),
                host: None,
                timing: Timing::Every(Duration::from_secs(1)),
                timeout: Duration::from_secs(1),
                thresholds: Thresholds::default(),
                depends_on: Vec::new(),
                labels: std::collections::BTreeMap::new(),
            }),
            port: None,
            claim: None,
            state: State::Up,
            since: Timestamp::UNIX_EPOCH,
            flapping: false,
            tenure: None,
            upstream: Vec::new(),
            outer_port: None,
            last: None,
            contrast: None,
            findings: Vec::new(),
            incident: None,
            next_due: None,
        }
    }

    /// A block's ports, and its cells as (x, y, width).
    type Drawn = (String, Vec<(u32, u32, u32)>);

    fn drawn(stretches: &[(u16, u16)]) -> Vec<Drawn> {
        let standing = standing();
        let key = |port| PortKey { host: "web".into(), port, protocol: Protocol::Tcp };
        let keys: Vec<PortKey> = stretches.iter().map(|&(first, _)| key(first)).collect();
        let row = |(key, &(_, last_port))| {
            Line::Row(Row {
                standing: &standing,
                key,
                rest: Vec::new(),
                last_port,
                anchor: String::new(),
            })
        };
        let lines: Vec<Line<'_>> = keys.iter().zip(stretches).map(row).collect();
        let map = map(Words(Language::En), &lines, Some((32_768, 60_999)));
        let cells = |block: &Block| block.cells.iter().map(|c| (c.x, c.y, c.width)).collect();
        map.map(|map| map.blocks.iter().map(|block| (block.ports(), cells(block))).collect())
            .unwrap_or_default()
    }

    #[test]
    fn what_holds_nothing_is_folded_away() {
        let block = |ports: &str, cells: &[(u32, u32, u32)]| (ports.to_owned(), cells.to_vec());
        let clients = block("32768–60999", &[]);
        assert_eq!(drawn(&[]), []);
        assert_eq!(drawn(&[(22, 22)]), [block("1–99", &[(20, 10, 9)]), clients.clone()]);
        assert_eq!(
            drawn(&[(3011, 3011), (3018, 3021), (5432, 5432)]),
            [
                block("3000–3099", &[(110, 0, 9), (180, 0, 19), (0, 10, 19)]),
                block("5400–5499", &[(120, 10, 9)]),
                clients.clone()
            ],
            "a stretch goes on in the next line"
        );
        assert_eq!(
            drawn(&[(8999, 9301)]),
            [
                block("8900–8999", &[(190, 40, 9)]),
                block("9000–9299", &[(0, 0, 199)]),
                block("9300–9399", &[(0, 0, 19)]),
                clients.clone()
            ],
            "full hundreds are one block"
        );
        assert_eq!(
            drawn(&[(3011, 3011), (5432, 5432), (3018, 3018)]),
            [
                block("3000–3099", &[(110, 0, 9), (180, 0, 9)]),
                block("5400–5499", &[(120, 10, 9)]),
                clients.clone()
            ],
            "a row that goes back does not make a block twice"
        );
        assert_eq!(drawn(&[(65_535, 65_535)]), [clients, block("65500–65535", &[(150, 10, 9)])]);
        assert_eq!(drawn(&[(1, 65_535)]).len(), 4, "all of them");
    }
}
