//! A document or a table as rows, each with its line: written here or kept by hand, Markdown or CSV.
//!
//! Nothing that could be a port is dropped without a word: what cannot be read becomes a note.

use std::path::Path;

use health::{ClaimKind, Exposure, Text, text};

use super::cells::{self, Meant, Reach, shown};
use super::columns::{Column, Columns};
use super::entry::{Document, Entry, NamedHost, Note, Weight};
use super::sections::{self, About, Headings, Section};

mod blocks;
mod openings;
mod separated;

use blocks::{Block, Row};

/// Larger than any page that people keep.
pub(crate) const LARGEST_MIB: u64 = 8;
const LARGEST_BYTES: usize = (LARGEST_MIB as usize) << 20;
/// Machines on one page.
const MOST_HOSTS: usize = 1000;
/// Of a heading that is kept beside its cell, in every row.
const HEADING_CHARACTERS: usize = 60;
/// Every port of every host, over both protocols, several times over.
const MOST_PORTS: usize = 500_000;

/// Why a file is no document at all.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not a page that people keep.
    #[error("larger than {} MiB", LARGEST_BYTES >> 20)]
    TooLarge,
    /// Probably what a spreadsheet on a Korean Windows saves.
    #[error(
        "not UTF-8: save it as \"CSV UTF-8\", or `iconv -f CP949 -t UTF-8 FILE > FILE.utf8` if it came from a Korean Windows"
    )]
    NotUtf8,
    /// A CSV file without headings, or with others.
    #[error("{0}")]
    Headings(String),
}

/// Reads a document. The ending of `path` says whether it is CSV or TSV; anything else is Markdown.
/// `known` are names of hosts that headings may consist of.
///
/// # Errors
/// When it is no document at all; a row that cannot be read is a note.
pub fn read(path: &Path, bytes: Vec<u8>, known: &[&str]) -> Result<Document, Unreadable> {
    if bytes.len() > LARGEST_BYTES {
        return Err(Unreadable::TooLarge);
    }
    let text = String::from_utf8(bytes).map_err(|_| Unreadable::NotUtf8)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let mut document = match ending.to_ascii_lowercase().as_str() {
        "csv" | "tsv" => separated::read(text)?,
        _ => markdown(text, known),
    };
    let cut = bound(&mut document);
    openings::apply(&mut document);
    document.notes.sort_by_key(|note| note.line);
    if let Some(line) = cut {
        let weight = Weight::Mistake;
        document.notes.push(Note {
            line,
            weight,
            text: text!(
                "with this line the document names more than {MOST_PORTS} ports: it is not read, nor is what follows",
                "이 줄부터 문서의 포트가 {MOST_PORTS}개를 넘어, 이 줄과 그 뒤는 읽지 않았습니다"
            ),
        });
    }
    document.notes.sort_by_key(|note| note.line);
    Ok(document)
}

/// Leaves out what would name more ports than there can be: a page of ranges says more than a machine
/// can hold. The first line that went too far.
fn bound(document: &mut Document) -> Option<usize> {
    let mut left = MOST_PORTS;
    let mut cut = None;
    let mut fits = |line: usize, ports: &[(super::Run, health::Protocol)]| {
        let count = ports.iter().map(|((first, last), _)| usize::from(last - first) + 1).sum();
        let rest = left.checked_sub(count).filter(|_| cut.is_none());
        match rest {
            Some(rest) => left = rest,
            None => cut = Some(cut.map_or(line, |first: usize| first.min(line))),
        }
        rest.is_some()
    };
    document.entries.retain(|entry| fits(entry.line, &entry.ports));
    document.openings.retain(|opening| fits(opening.line, &opening.ports));
    cut
}

fn markdown(text: &str, known: &[&str]) -> Document {
    let mut document = Document::default();
    let mut headings = Headings::default();
    let blocks = blocks::blocks(text);
    for (at, block) in blocks.iter().enumerate() {
        match block {
            Block::Heading { level, text, .. } => {
                let following = match blocks.get(at + 1) {
                    Some(Block::Paragraph { text, .. } | Block::Item { text, .. }) => Some(&**text),
                    _ => None,
                };
                let host = sections::host(text, following, known);
                headings.open(*level, text, host.as_ref());
                host.into_iter().for_each(|host| document.name_host(host));
            }
            Block::Table { head, rows } => {
                table(&mut document, &headings.section(), head, rows);
            }
            Block::Item { line, text } => item(&mut document, &headings.section(), *line, text),
            Block::Paragraph { line, text } if text.trim_start().starts_with('|') => document.mistake(
                *line,
                text!(
                    "looks like a table, but no line of dashes stands under its headings: write | --- | --- | there",
                    "표처럼 보이지만 제목 줄 아래에 구분선이 없습니다. | --- | --- | 줄을 넣어 주세요"
                ),
            ),
            Block::Paragraph { .. } => {}
            Block::Html { line } => document.mistake(
                *line,
                text!(
                    "a table in HTML is not read: write it as Markdown",
                    "HTML로 쓴 표는 읽지 않습니다. Markdown 표로 적어 주세요"
                ),
            ),
        }
    }
    document
}

/// Rows of one table in one section.
fn table(document: &mut Document, section: &Section, head: &Row, rows: &[Row]) {
    match section.about {
        About::Firewall => {
            document.openings.extend(openings::read(section, head, rows));
            return;
        }
        About::Undeclared | About::Free => {
            if !rows.is_empty() {
                document.remark(head.line, left_out(section.about));
            }
            return;
        }
        About::Claims | About::Kind(_) => {}
    }
    let Some(columns) = Columns::of(&head.cells) else {
        document.remark(
            head.line,
            text!(
                "a table without a column for ports was left out",
                "포트 열이 없는 표는 가져오지 않았습니다"
            ),
        );
        return;
    };
    for row in rows {
        entry(document, section, &columns, row);
    }
}

fn left_out(about: About) -> Text {
    match about {
        About::Undeclared => text!(
            "listeners that nobody claims are no claims: left out",
            "미등록 포트는 등록된 것이 아니므로 가져오지 않았습니다"
        ),
        _ => text!(
            "free ports need no claim: left out",
            "빈 포트는 등록할 필요가 없으므로 가져오지 않았습니다"
        ),
    }
}

/// `3011: main app` in a list under a heading that says what its ports are.
fn item(document: &mut Document, section: &Section, line: usize, text: &str) {
    let kind = match section.about {
        About::Kind(kind) => Some(kind),
        About::Claims if section.exposure.is_some() => None,
        _ => return,
    };
    let end = text.find([':', '=', '(']).or_else(|| text.find(" - ")).or_else(|| text.find(" – "));
    let (ports, rest) = text.split_at(end.unwrap_or(text.len()));
    let begins_with_port = ports.trim_start().starts_with(|c: char| c.is_ascii_digit());
    if !begins_with_port {
        return;
    }
    match cells::ports(ports) {
        Ok(_) if section.host.as_deref().is_some_and(|host| !document.knows(host)) => {
            document.mistake(line, too_many_hosts());
        }
        Ok(ports) => {
            let service = rest.trim_start_matches([':', '=', '-', '–', ' ']).trim();
            let service = match service.strip_prefix('(').and_then(|it| it.strip_suffix(')')) {
                Some(within) => within,
                None => service,
            };
            document.entries.push(Entry {
                line,
                host: section.host.clone(),
                ports: with_protocols(ports, &[]),
                kind,
                service: Some(service.to_owned()),
                exposure: section.exposure.map(Some),
                ..Entry::default()
            });
        }
        Err(wrong) => document.mistake(line, wrong),
    }
}

fn too_many_hosts() -> Text {
    text!(
        "not read: more than {MOST_HOSTS} hosts in one document",
        "읽지 못했습니다: 한 문서에 호스트가 {MOST_HOSTS}개를 넘습니다"
    )
}

fn with_protocols(
    ports: Vec<(super::Run, Option<health::Protocol>)>,
    column: &[health::Protocol],
) -> Vec<(super::Run, health::Protocol)> {
    let mut all = Vec::with_capacity(ports.len());
    for (run, protocol) in ports {
        match (protocol, column) {
            (Some(protocol), _) => all.push((run, protocol)),
            (None, []) => all.push((run, health::Protocol::Tcp)),
            (None, column) => all.extend(column.iter().map(|&protocol| (run, protocol))),
        }
    }
    all
}

/// One row of a table of ports.
fn entry(document: &mut Document, section: &Section, columns: &Columns, row: &Row) {
    let line = row.line;
    if row.cells.iter().all(|cell| cells::is_blank(cell)) {
        return;
    }
    let present = |column, empty: bool| (columns.has(column) || !empty).then(String::new);
    let mut entry = Entry {
        line,
        host: section.host.clone(),
        kind: match section.about {
            About::Kind(kind) => Some(kind),
            _ => None,
        },
        service: present(Column::Service, true),
        description: present(Column::Description, true),
        exposure: section.exposure.map(Some),
        ..Entry::default()
    };
    let (mut ports, mut protocols, mut is_free) = (Err(Text::same("")), Vec::new(), false);
    for (column, heading, cell) in columns.over(&row.cells) {
        match column {
            Column::Port => ports = cells::ports(cell),
            Column::Protocol => {
                let own = cells::protocols(cell);
                if own.is_empty() {
                    entry.keep(heading, cell);
                } else {
                    protocols = own;
                }
            }
            Column::Service => entry.service = Some(words(cell)),
            Column::Description => entry.describe(cell),
            // "Type" is as often a protocol as a kind.
            Column::Kind if cells::is_protocol(cell) => protocols = cells::protocols(cell),
            Column::Kind => is_free = !kind(document, &mut entry, heading, cell),
            Column::Exposure => exposure(document, &mut entry, heading, cell),
            Column::Process => entry.owners = Some(cells::names(cell)),
            Column::Host => host(document, &mut entry, cell),
            Column::Seen => {}
            Column::Other => entry.keep(heading, cell),
        }
    }
    match ports {
        // The sentence about the port is the whole truth of a row that has none.
        Err(wrong) => {
            let Text { en, ko } = wrong;
            document.mistake(line, text!("not read: {en}", "읽지 못했습니다: {ko}"));
        }
        Ok(_) if entry.host.as_deref().is_some_and(|host| !document.knows(host)) => {
            document.mistake(line, too_many_hosts());
        }
        Ok(_) if is_free => document.remark(line, left_out(About::Free)),
        Ok(ports) => {
            entry.ports = with_protocols(ports, &protocols);
            document.entries.push(entry);
        }
    }
}

/// Whether the row is a claim at all.
fn kind(document: &mut Document, entry: &mut Entry, heading: &str, cell: &str) -> bool {
    match cells::kinds(cell)[..] {
        [Meant::As(kind)] => entry.kind = Some(kind),
        [Meant::Free] => return false,
        _ if cells::is_blank(cell) => {
            entry.kind.get_or_insert(ClaimKind::Allocated);
        }
        _ => {
            entry.keep(heading, cell);
            let cell = shown(cell);
            document.mistake(
                entry.line,
                text!(
                    "{cell} says neither allocated, reserved nor system: taken as its section says, or as allocated",
                    "{cell}에서 할당, 예약, 시스템 중 무엇인지 알 수 없어 문서의 구획대로, 없으면 할당으로 가져왔습니다"
                ),
            );
        }
    }
    true
}

fn exposure(document: &mut Document, entry: &mut Entry, heading: &str, cell: &str) {
    let of_heading = cells::reach(heading);
    let of_section = entry.exposure.flatten();
    entry.exposure = Some(of_section);
    match (cells::reach(cell), of_heading) {
        (Reach::As(exposure), _) | (Reach::Yes, Reach::As(exposure)) => {
            entry.exposure = Some(Some(exposure));
        }
        (Reach::Unsaid, _) => {}
        (Reach::No, Reach::As(Exposure::Public)) => {
            // Nothing that could be held against a plan that says from where instead.
            entry.exposure = of_section.map(Some);
            entry.keep(heading, cell);
            document.remark(
                entry.line,
                text!(
                    "not public: say whether it is internal or loopback",
                    "외부 비공개라고만 되어 있습니다. internal인지 loopback인지 정해 주세요"
                ),
            );
        }
        (Reach::No | Reach::Yes | Reach::Unclear, _) => {
            entry.keep(heading, cell);
            let cell = shown(cell);
            document.mistake(
                entry.line,
                text!(
                    "{cell} does not say who may reach it: write public, internal or loopback",
                    "{cell}만으로는 공개 범위를 알 수 없습니다. public, internal, loopback 중 하나로 적어 주세요"
                ),
            );
        }
    }
}

fn host(document: &mut Document, entry: &mut Entry, cell: &str) {
    let Some(name) = sections::host_name(cell).filter(|_| !cells::is_blank(cell)) else { return };
    // A name has no colons, an address of IPv6 has.
    let address = cell.trim().trim_matches(['[', ']', '`']).parse::<std::net::IpAddr>();
    let address = address.ok().map(|address| address.to_string());
    entry.host = Some(name.clone());
    document.name_host(NamedHost { name, address, local: false });
}

/// In one line, blanks as people see them.
fn words(cell: &str) -> String {
    if cells::is_blank(cell) {
        String::new()
    } else {
        cell.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Entry {
    fn describe(&mut self, cell: &str) {
        let more = words(cell);
        let description = self.description.get_or_insert_default();
        if !description.is_empty() && !more.is_empty() {
            description.push_str("; ");
        }
        description.push_str(&more);
    }

    fn keep(&mut self, heading: &str, cell: &str) {
        let cell = words(cell);
        if !cell.is_empty() {
            let heading: String = heading.trim().chars().take(HEADING_CHARACTERS).collect();
            self.extras.push(if heading.is_empty() { cell } else { format!("{heading}: {cell}") });
        }
    }
}

impl Document {
    fn knows(&self, host: &str) -> bool {
        self.hosts.len() < MOST_HOSTS || self.hosts.iter().any(|known| known.name == host)
    }

    fn name_host(&mut self, host: NamedHost) {
        let has_room = self.hosts.len() < MOST_HOSTS;
        match self.hosts.iter_mut().find(|known| known.name == host.name) {
            Some(known) => {
                known.local |= host.local;
                if known.address.is_none() {
                    known.address = host.address;
                }
            }
            None if has_room => self.hosts.push(host),
            None => {}
        }
    }
}
