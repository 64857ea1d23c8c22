//! The report as a table for a terminal, aligned by the width of characters.

use anstyle::{AnsiColor, Style};
use health::{Language, Severity, State};
use unicode_width::UnicodeWidthStr;

use super::Row;

/// Whether escape sequences are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Text alone.
    Plain,
    /// Colours by state and severity, as ANSI escape sequences.
    Ansi,
}

const COLUMNS: usize = 9;
const HEADINGS_EN: [&str; COLUMNS] =
    ["HOST", "PORT", "PROTOCOL", "SERVICE", "CLAIM", "EXPOSURE", "LISTENING ON", "OWNER", "STATE"];
const HEADINGS_KO: [&str; COLUMNS] =
    ["호스트", "포트", "프로토콜", "서비스", "구분", "노출", "수신 주소", "소유 프로세스", "상태"];

/// The report as a table, a line for each row; findings follow the state.
#[must_use]
pub fn table(rows: &[Row], language: Language, paint: Paint) -> String {
    let headings = match language {
        Language::En => HEADINGS_EN,
        Language::Ko => HEADINGS_KO,
    };
    let cells: Vec<[String; COLUMNS]> = rows.iter().map(|row| cells(row, language)).collect();
    let mut widths = headings.map(UnicodeWidthStr::width);
    for line in &cells {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.width());
        }
    }
    let mut out = String::new();
    let bold = Style::new().bold();
    write_line(&mut out, &headings.map(str::to_owned), &widths, "", [bold; 2], paint);
    for (row, line) in rows.iter().zip(&cells) {
        write_line(
            &mut out,
            line,
            &widths,
            &row.codes(),
            [of_state(row.state), of_worst(row)],
            paint,
        );
    }
    out
}

fn cells(row: &Row, language: Language) -> [String; COLUMNS] {
    [
        row.host.to_string(),
        row.port_words(),
        row.protocol.label().to_owned(),
        row.service.clone(),
        row.claim_words(language).to_owned(),
        row.exposure.map_or("", |exposure| exposure.label()).to_owned(),
        row.presence_words(language),
        row.owner.words(language),
        state_words(row.state, language).to_owned(),
    ]
}

fn write_line(
    out: &mut String,
    cells: &[String; COLUMNS],
    widths: &[usize; COLUMNS],
    codes: &str,
    [state, worst]: [Style; 2],
    paint: Paint,
) {
    let start = out.len();
    let painted = |style: Style, text: &str| match paint {
        Paint::Ansi if !text.is_empty() => format!("{style}{text}{style:#}"),
        _ => text.to_owned(),
    };
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        let is_state = index == COLUMNS - 1;
        let text = if is_state { painted(state, cell) } else { cell.clone() };
        let pad = " ".repeat(width.saturating_sub(cell.width()) + 2);
        // Numbers line up at their last digit.
        if index == 1 {
            out.push_str(&pad[2..]);
            out.push_str(&text);
            out.push_str("  ");
        } else {
            out.push_str(&text);
            out.push_str(&pad);
        }
    }
    out.push_str(&painted(worst, codes));
    let end = start + out[start..].trim_end().len();
    out.truncate(end);
    out.push('\n');
}

fn state_words(state: State, language: Language) -> &'static str {
    match (language, state) {
        (Language::En, state) => state.label(),
        (Language::Ko, State::Unknown) => "미확인",
        (Language::Ko, State::Up) => "정상",
        (Language::Ko, State::Degraded) => "주의",
        (Language::Ko, State::Down) => "장애",
    }
}

fn of_state(state: State) -> Style {
    match state {
        State::Unknown => Style::new().dimmed(),
        State::Up => AnsiColor::Green.on_default(),
        State::Degraded => AnsiColor::Yellow.on_default(),
        State::Down => AnsiColor::Red.on_default().bold(),
    }
}

fn of_worst(row: &Row) -> Style {
    match row.findings.iter().map(|&(_, severity)| severity).max() {
        Some(Severity::Critical) => AnsiColor::Red.on_default(),
        Some(Severity::Warning) => AnsiColor::Yellow.on_default(),
        Some(Severity::Notice) | None => Style::new().dimmed(),
    }
}
