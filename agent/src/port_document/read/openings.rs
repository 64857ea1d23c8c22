//! Firewall tables: no claims, but often the only place where a page says who may reach a port.

use std::collections::HashMap;

use health::{Exposure, Protocol, text};

use super::super::cells::{self, Reach};
use super::super::columns::{Column, Columns};
use super::super::entry::{Document, Opening};
use super::super::sections::Section;
use super::{Row, with_protocols};
use crate::free_ports::run_words;

/// The rows that name ports and who may reach them; what else a firewall table holds is not about
/// claims.
pub(super) fn read(section: &Section, head: &Row, rows: &[Row]) -> Vec<Opening> {
    let Some(columns) = Columns::of(&head.cells) else { return Vec::new() };
    let opening = |row: &Row| {
        let mut ports = None;
        let (mut protocols, mut exposure) = (Vec::new(), None);
        for (column, _, cell) in columns.over(&row.cells) {
            match (column, cells::reach(cell)) {
                (Column::Port, _) => ports = cells::ports(cell).ok(),
                (Column::Protocol, _) => protocols = cells::protocols(cell),
                (_, Reach::As(reach)) => {
                    exposure.get_or_insert(reach);
                }
                _ => {}
            }
        }
        Some(Opening {
            line: row.line,
            host: section.host.clone(),
            ports: with_protocols(ports?, &protocols),
            exposure: exposure?,
        })
    };
    rows.iter().filter_map(opening).collect()
}

/// Fills in the exposure of rows that have none of their own.
pub(super) fn apply(document: &mut Document) {
    let mut open: HashMap<(Option<&str>, Protocol, u16), Exposure> = HashMap::new();
    for opening in &document.openings {
        for &((first, last), protocol) in &opening.ports {
            for port in first..=last {
                open.entry((opening.host.as_deref(), protocol, port)).or_insert(opening.exposure);
            }
        }
    }
    let mut unclaimed = open.clone();
    for entry in &mut document.entries {
        let host = entry.host.as_deref();
        let mut said: Vec<Option<Exposure>> = Vec::new();
        for &((first, last), protocol) in &entry.ports {
            for port in first..=last {
                said.push(open.get(&(host, protocol, port)).copied());
                unclaimed.remove(&(host, protocol, port));
            }
        }
        // A range that is open in part is not said to be open.
        let [first, rest @ ..] = &said[..] else { continue };
        if let Some(exposure) = first
            && entry.exposure.flatten().is_none()
            && rest.iter().all(|other| other == first)
        {
            entry.exposure = Some(Some(*exposure));
        }
    }
    let left: Vec<(usize, String)> = document
        .openings
        .iter()
        .filter_map(|opening| {
            let runs = opening.ports.iter().filter(|((first, last), protocol)| {
                let host = opening.host.as_deref();
                (*first..=*last).all(|port| unclaimed.contains_key(&(host, *protocol, port)))
            });
            let runs: Vec<String> = runs.map(|(run, _)| run_words(*run)).collect();
            (!runs.is_empty()).then(|| (opening.line, runs.join(", ")))
        })
        .collect();
    for (line, ports) in left {
        document.remark(
            line,
            text!(
                "{ports}: in a firewall table, but in no table of ports: not taken as a claim",
                "{ports}: 방화벽 표에만 있고 포트 표에는 없어 가져오지 않았습니다"
            ),
        );
    }
}
