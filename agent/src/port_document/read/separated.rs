//! A table as a spreadsheet saves it: fields separated by commas, semicolons or tabs.

use csv::{ReaderBuilder, StringRecord};

use super::super::entry::Document;
use super::super::sections::Section;
use super::{Columns, Row, Unreadable, entry};

/// Reads the first line as headings and the rest as rows.
pub(super) fn read(text: &str) -> Result<Document, Unreadable> {
    let first = text.lines().next().unwrap_or_default();
    let count = |separator: u8| first.bytes().filter(|byte| *byte == separator).count();
    let separator = [b',', b';', b'\t'].into_iter().max_by_key(|&it| (count(it), it == b','));
    let mut reader = ReaderBuilder::new()
        .delimiter(separator.unwrap_or(b','))
        .flexible(true)
        .has_headers(false)
        .from_reader(text.as_bytes());
    let mut document = Document::default();
    let mut columns: Option<Columns> = None;
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) => return Err(Unreadable::Headings(error.to_string())),
        }
        let line = record.position().map_or(1, |position| position.line());
        let line = usize::try_from(line).unwrap_or(usize::MAX);
        let cells: Vec<String> = record.iter().map(field).collect();
        match &columns {
            Some(columns) => {
                let row = Row { line, cells };
                entry(&mut document, &Section::default(), columns, &row);
            }
            // Spreadsheets put a title above the headings.
            None => columns = Columns::of(&cells),
        }
    }
    match columns {
        Some(_) => Ok(document),
        None => Err(Unreadable::Headings(
            "no line names its columns: begin with one such as port,protocol,service,status,description (포트,프로토콜,서비스,상태,설명)"
                .to_owned(),
        )),
    }
}

/// Without the mark that keeps a spreadsheet from taking it for a formula.
fn field(field: &str) -> String {
    let field = field.trim();
    match field.strip_prefix('\'') {
        Some(rest) if rest.starts_with(['=', '+', '-', '@']) => rest.to_owned(),
        _ => field.to_owned(),
    }
}
