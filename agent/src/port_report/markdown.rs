//! The report as the page that people keep: stable, so that it can be committed and diffed.
//! What changes at every restart (process ids, times) is not in it.

use health::Language;
use health::text::is_deceptive;

use super::Row;

/// The report as a Markdown page: a table for each host.
#[must_use]
pub fn markdown(rows: &[Row], language: Language) -> String {
    let (title, headings) = match language {
        Language::En => (
            "# Ports",
            "| Port | Protocol | Service | Claim | Exposure | Listening on | Process | Findings | Description |",
        ),
        Language::Ko => (
            "# 포트",
            "| 포트 | 프로토콜 | 서비스 | 구분 | 노출 | 수신 주소 | 프로세스 | 문제 | 설명 |",
        ),
    };
    let mut out = format!("{title}\n");
    for host in rows.chunk_by(|a, b| a.host == b.host) {
        out.push_str(&format!("\n## {}\n\n{headings}\n", escape(&host[0].host)));
        out.push_str("| ---: | --- | --- | --- | --- | --- | --- | --- | --- |\n");
        for row in host {
            let cells = [
                row.port_words(),
                row.protocol.label().to_owned(),
                escape(&row.service),
                row.claim_words(language).to_owned(),
                row.exposure.map_or("", |exposure| exposure.label()).to_owned(),
                row.presence_words(language),
                escape(&row.owner.name(language)),
                row.codes(),
                escape(&row.description),
            ];
            for cell in cells {
                out.push_str("| ");
                out.push_str(&cell);
                if !cell.is_empty() {
                    out.push(' ');
                }
            }
            out.push_str("|\n");
        }
    }
    out
}

/// Nothing from outside ends a cell, a line, or becomes markup.
fn escape(text: &str) -> String {
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
