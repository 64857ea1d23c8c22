//! How findings look on a terminal. Colour goes away by itself in a pipe.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use health::text::is_deceptive;
use health::{Finding, Language, Severity, State};
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

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
    let width = finding.evidence.keys().map(|name| name.width()).max().unwrap_or(0);
    for (name, value) in &finding.evidence {
        let name = printable(name);
        let blanks = " ".repeat(width.saturating_sub(name.width()));
        for (at, words) in evidence(value).lines().enumerate() {
            let name =
                if at == 0 { format!("{DIM}{name}{DIM:#}") } else { " ".repeat(name.width()) };
            line(&format!("{indent}         {name}{blanks}  {words}"));
        }
    }
    line(&format!("{indent}       → {}", printable(finding.remedy.in_language(language))));
}

/// A value as people write it: no quotes, no brackets, a line for each of several named values.
fn evidence(value: &Value) -> String {
    match value {
        Value::String(words) => printable(words),
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            items.iter().map(evidence).collect::<Vec<_>>().join(", ")
        }
        Value::Object(fields) => {
            let lines = fields.iter().map(|(name, value)| {
                format!("{}: {}", printable(name), evidence(value).replace('\n', "; "))
            });
            lines.collect::<Vec<_>>().join("\n")
        }
        other => printable(&other.to_string()),
    }
}

/// Words from outside must neither steer the terminal nor deceive who reads it.
pub(super) fn printable(words: &str) -> String {
    words
        .chars()
        .map(|c| if is_deceptive(c) && c != '\n' { char::REPLACEMENT_CHARACTER } else { c })
        .collect()
}

/// Milliseconds with three digits, aligned right.
pub(super) fn milliseconds(took: std::time::Duration) -> String {
    format!("{:>9.3} ms", took.as_secs_f64() * 1e3)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn evidence_reads_like_words() {
        for (value, expected) in [
            (json!("a\u{1b}[31m"), "a\u{fffd}[31m"),
            (json!("gnp.\u{202e}exe"), "gnp.\u{fffd}exe"),
            (json!(502), "502"),
            (json!(["127.0.0.1:80", 7]), "127.0.0.1:80, 7"),
            (json!({"ns1": ["a", "b"], "ns2": []}), "ns1: a, b\nns2: "),
            (json!([["a"]]), "[[\"a\"]]"),
            (json!(null), "null"),
        ] {
            assert_eq!(evidence(&value), expected);
        }
    }
}
