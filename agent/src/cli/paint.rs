//! How findings look on a terminal. Colour goes away by itself in a pipe.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use health::{Finding, Language, Severity, State};
use serde_json::Value;

/// Bold.
pub(super) const BOLD: Style = Style::new().bold();
/// For what matters less.
pub(super) const DIM: Style = Style::new().dimmed();

/// Prints one line. A reader that went away (`| head`) ends nothing.
pub(super) fn line(text: &str) {
    let _ = writeln!(anstream::stdout(), "{text}");
}

/// The colour of a severity.
pub(super) const fn severity(severity: Severity) -> Style {
    match severity {
        Severity::Critical => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        Severity::Notice => AnsiColor::Cyan.on_default(),
    }
}

/// The colour of a state.
pub(super) const fn state(state: State) -> Style {
    match state {
        State::Up => AnsiColor::Green.on_default(),
        State::Degraded => AnsiColor::Yellow.on_default().bold(),
        State::Down => AnsiColor::Red.on_default().bold(),
        State::Unknown => DIM,
    }
}

/// One finding: what, the evidence, what to do.
pub(super) fn finding(finding: &Finding, language: Language, indent: &str) {
    let colour = severity(finding.severity);
    line(&format!(
        "{indent}{colour}{:<8}{colour:#} {BOLD}{}{BOLD:#}  {}",
        finding.severity.label(),
        finding.code,
        printable(finding.summary.in_language(language)),
    ));
    for (name, value) in &finding.evidence {
        let words = match value {
            Value::String(words) => words.clone(),
            other => other.to_string(),
        };
        line(&format!(
            "{indent}         {DIM}{:<14}{DIM:#} {}",
            printable(name),
            printable(&words)
        ));
    }
    line(&format!("{indent}         → {}", printable(finding.remedy.in_language(language))));
}

/// Words from outside must not steer the terminal.
pub(super) fn printable(words: &str) -> String {
    words
        .chars()
        .map(|c| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// Milliseconds with three digits, aligned right.
pub(super) fn milliseconds(took: std::time::Duration) -> String {
    format!("{:>9.3} ms", took.as_secs_f64() * 1e3)
}
