//! The report as a Markdown table of this moment: for a message or a ticket. The document that is
//! committed beside the plan is another thing: [`crate::port_document`]. What changes at every restart
//! (process ids, times) is not in either.

use health::Language;
use health::text::is_deceptive;

use super::Row;
use crate::port_document::{Align, lined_up};

const HEADINGS_EN: [&str; 9] = [
    "Port",
    "Protocol",
    "Service",
    "Claim",
    "Exposure",
    "Listening on",
    "Process",
    "Findings",
    "Description",
];
const HEADINGS_KO: [&str; 9] =
    ["포트", "프로토콜", "서비스", "구분", "노출", "수신 주소", "프로세스", "문제", "설명"];

/// The report as a Markdown page: a table for each host.
#[must_use]
pub fn markdown(rows: &[Row], language: Language) -> String {
    let (title, headings) = match language {
        Language::En => ("# Ports", HEADINGS_EN),
        Language::Ko => ("# 포트", HEADINGS_KO),
    };
    let headings =
        std::array::from_fn(|at| (headings[at], if at == 0 { Align::Right } else { Align::Left }));
    let mut out = format!("{title}\n");
    for host in rows.chunk_by(|a, b| a.host == b.host) {
        out.push_str(&format!("\n## {}\n\n", escape(&host[0].host)));
        let cells: Vec<[String; 9]> = host.iter().map(|row| cells(row, language)).collect();
        out.push_str(&lined_up(headings, &cells));
    }
    out
}

fn cells(row: &Row, language: Language) -> [String; 9] {
    [
        row.port_words(),
        row.protocol.label().to_owned(),
        escape(&row.service),
        row.claim_words(language).to_owned(),
        row.exposure.map_or("", |exposure| exposure.label()).to_owned(),
        row.presence_words(language),
        escape(&row.owner.name(language)),
        row.codes(),
        escape(&row.description),
    ]
}

/// Nothing from outside ends a cell, a line, or becomes markup.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            c if is_deceptive(c) => out.push(' '),
            c => out.push(c),
        }
    }
    out.trim().to_owned()
}
