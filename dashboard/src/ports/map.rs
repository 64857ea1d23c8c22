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
/// Blocks shown.
const BLOCKS: usize = 60;

/// A map of one host's ports.
pub(crate) struct Map {
    pub(crate) blocks: Vec<Block>,
    /// Hundreds that are not shown.
    pub(crate) left: usize,
}

/// A hundred ports.
pub(crate) struct Block {
    first: u32,
    last: u32,
    /// Begins among those for clients of this machine.
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
        format!("{}–{}", self.first.max(1), self.last)
    }
}

/// The map of these lines; `None` when there is nothing on it.
pub(crate) fn map(t: Words, lines: &[Line<'_>], ephemeral: Option<(u16, u16)>) -> Option<Map> {
    let mut map = Map { blocks: Vec::new(), left: 0 };
    let mut last_left = None;
    let rows = lines.iter().filter_map(|line| match line {
        Line::Row(row) => Some(row),
        Line::Gap(_) => None,
    });
    for row in rows {
        let mut port = u32::from(row.key.port);
        while port <= u32::from(row.last_port) {
            // To the end of the row, or of the line of its block.
            let end = (port / COLUMNS * COLUMNS + COLUMNS - 1).min(u32::from(row.last_port));
            let first = port / 100 * 100;
            match map.blocks.last() {
                Some(block) if block.first == first => {}
                _ if map.blocks.len() == BLOCKS => {
                    if last_left != Some(first) {
                        map.left += 1;
                        last_left = Some(first);
                    }
                    port = first + 100;
                    continue;
                }
                _ => map.blocks.push(Block {
                    first,
                    last: (first + 99).min(65_535),
                    is_ephemeral: ephemeral.is_some_and(|(from, to)| {
                        (u32::from(from)..=u32::from(to)).contains(&first)
                    }),
                    cells: Vec::new(),
                }),
            }
            if let Some(block) = map.blocks.last_mut() {
                block.cells.push(cell(t, row, port - first, end - port + 1));
            }
            port = end + 1;
        }
    }
    (!map.blocks.is_empty()).then_some(map)
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
