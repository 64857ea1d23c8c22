//! `ignore` of a `[[host]]`: listeners that nobody wants to hear of.

use std::collections::HashSet;

use health::ports::Pattern;
use health::{Protocol, Undeclared};

use super::notes::Wrong;
use super::row::Row;
use super::values;

const FORMS: &str = "a port (\"5353\", \"5353/udp\"), a range (\"40000-41000\"), a process (\"chrome*\") or the path of an executable (\"/opt/x/*\")";

/// Reads the patterns of a local host.
pub(super) fn read(row: &Row<'_>, undeclared: Undeclared) -> Vec<Pattern> {
    if row.has("ignore") && undeclared == Undeclared::Ignore {
        let wrong = Wrong::new("`undeclared = \"ignore\"` leaves nothing to ignore")
            .help("remove one of the two");
        row.note_key("ignore", &row.span_of("ignore"), wrong);
    }
    let mut seen = HashSet::new();
    let mut patterns = Vec::new();
    for text in row.texts("ignore").unwrap_or_default() {
        let Some(pattern) = row.understood("ignore", &text, pattern) else { continue };
        if seen.insert(text.value) {
            patterns.push(pattern.value);
        } else {
            let wrong = Wrong::new(format!("{:?} is there twice", text.value));
            row.note_key("ignore", &text.span, wrong);
        }
    }
    patterns
}

/// Another machine's listeners are not listed, so there are none to ignore.
pub(super) fn refuse(row: &Row<'_>) -> Vec<Pattern> {
    if row.has("ignore") {
        let wrong = Wrong::new("`ignore` needs `local = true`")
            .help("only this machine's own listening sockets can be listed");
        row.note(&row.span_of("ignore"), wrong);
    }
    Vec::new()
}

/// What begins with a digit and holds nothing that a port cannot is a port: a process named
/// `8080` has to be written as a path.
fn pattern(text: &str) -> Result<Pattern, Wrong> {
    if text.starts_with('/') {
        return values::name(text).map(Pattern::Path);
    }
    let (ports, protocol) = match text.split_once('/') {
        Some((ports, protocol)) => (ports, Some(protocol)),
        None => (text, None),
    };
    let is_number = |c: char| c.is_ascii_digit() || c == '-' || c == ' ';
    if ports.starts_with(|c: char| c.is_ascii_digit()) && ports.chars().all(is_number) {
        let range = values::port_span(ports)?;
        let protocol = match protocol {
            None => None,
            Some("tcp") => Some(Protocol::Tcp),
            Some("udp") => Some(Protocol::Udp),
            Some(other) => {
                return Err(Wrong::new(format!("{other:?} is not a transport"))
                    .help(format!("write \"{ports}/tcp\" or \"{ports}/udp\"")));
            }
        };
        return Ok(Pattern::Ports { range, protocol });
    }
    if protocol.is_some() {
        return Err(Wrong::new(format!("{text:?} is neither a port nor a path")).help(FORMS));
    }
    if text.trim().is_empty() {
        return Err(Wrong::new("the pattern is empty").help(FORMS));
    }
    values::name(text).map(Pattern::Name)
}
