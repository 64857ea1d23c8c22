//! Which incidents something is about: the keys that routes and maintenance share. A name in them
//! that nothing in the plan bears is a mistake: such a route would wait for ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use health::silence::is_like;
use health::{Code, Kind, Matcher, Severity};

use super::names::{Hosts, Names};
use super::notes::{At, Notes, Wrong, listed, shown};
use super::row::Row;

/// What the names in a matcher may be.
#[derive(Clone, Copy)]
pub(super) struct Known<'k> {
    pub(super) names: &'k Names,
    pub(super) hosts: &'k Hosts,
}

/// Reads the keys that say which incidents are meant.
pub(super) fn matcher(row: &Row<'_>, known: Known<'_>) -> Matcher {
    let kinds = row.choices("kind");
    let severity = row.choice("severity").map(|severity| match severity {
        "critical" => Severity::Critical,
        _ => Severity::Warning,
    });
    Matcher {
        check: patterns(row, "check", |text| known.check(text, &row.reading.notes)),
        host: patterns(row, "host", |text| known.host(text, &row.reading.notes)),
        kind: Kind::OF_INCIDENTS.into_iter().filter(|kind| kinds.contains(&kind.label())).collect(),
        code: patterns(row, "code", |text| code(text, &row.reading.notes)),
        severity,
        label: labels(row),
    }
}

/// Whether every incident that the narrow one is about is one for the wide one too, as far as
/// their words tell.
pub(super) fn takes_all(wide: &Matcher, narrow: &Matcher) -> bool {
    let Matcher { check, host, kind, code, severity, label } = wide;
    // A `*` of the narrow pattern can only stand where the wide one has a `*` too.
    let covers = |wide: &[Arc<str>], narrow: &[Arc<str>]| {
        let is_covered = |text: &Arc<str>| wide.iter().any(|pattern| is_like(pattern, text));
        wide.is_empty() || (!narrow.is_empty() && narrow.iter().all(is_covered))
    };
    // Notices open no incident, so "at least a warning" is all of them.
    let least = |severity: Option<Severity>| severity.unwrap_or(Severity::Warning);
    covers(check, &narrow.check)
        && covers(host, &narrow.host)
        && covers(code, &narrow.code)
        && (kind.is_empty()
            || (!narrow.kind.is_empty() && narrow.kind.iter().all(|one| kind.contains(one))))
        && least(*severity) <= least(narrow.severity)
        && label
            .iter()
            .all(|(name, wide)| narrow.label.get(name).is_some_and(|narrow| is_like(wide, narrow)))
}

impl Known<'_> {
    fn check(self, text: &str, notes: &Notes<'_>) -> Result<(), Wrong> {
        let names = || self.names.checks();
        let is_known = match text.contains('*') {
            true => names().any(|name| is_like(text, name)),
            // A listener without a claim has a check of this name while it is there.
            false => self.names.has_check(text) || self.hosts.is_local_port(text),
        };
        if is_known {
            return Ok(());
        }
        let wrong = Wrong::missing(match text.contains('*') {
            true => format!("no check is called {}", shown(text)),
            false => format!("there is no check {}", shown(text)),
        });
        Err(match notes.nearest(text, names()) {
            Some(near) => wrong.help(format!("did you mean \"{near}\"?")),
            None if self.hosts.names().any(|host| host == text) => {
                wrong.help(format!("it is a host: write host = \"{text}\""))
            }
            None => wrong.help("a check's name, or a port as HOST:PORT; * stands for anything"),
        })
    }

    fn host(self, text: &str, notes: &Notes<'_>) -> Result<(), Wrong> {
        if self.hosts.names().any(|name| is_like(text, name)) {
            return Ok(());
        }
        let wrong = Wrong::missing(format!("there is no host {}", shown(text)));
        let mut names: Vec<&str> = self.hosts.names().collect();
        names.sort_unstable();
        Err(match notes.nearest(text, names.iter().copied()) {
            Some(near) => wrong.help(format!("did you mean \"{near}\"?")),
            None if names.is_empty() => wrong.help("there is no [[host]] at all"),
            None => wrong.help(format!("there are: {}", listed(names))),
        })
    }
}

fn code(text: &str, notes: &Notes<'_>) -> Result<(), Wrong> {
    let labels = || Code::ALL.iter().map(|code| code.label());
    if labels().any(|label| is_like(text, label)) {
        return Ok(());
    }
    let wrong = Wrong::new(format!("there is no code {}", shown(text)));
    Err(match notes.nearest(text, labels()) {
        Some(near) => wrong.help(format!("did you mean \"{near}\"?")),
        None => wrong.help("such as tls.not-reloaded, or dns.*; all: portwarden explain"),
    })
}

/// Patterns of a key that takes one or several.
fn patterns(
    row: &Row<'_>,
    key: &'static str,
    judge: impl Fn(&str) -> Result<(), Wrong>,
) -> Vec<Arc<str>> {
    let texts = row.texts(key).unwrap_or_default();
    let read = |text: &At<&str>| match judge(text.value) {
        Ok(()) => Some(text.value.into()),
        Err(wrong) => {
            row.note_key(key, &text.span, wrong);
            None
        }
    };
    texts.iter().filter_map(read).collect()
}

fn labels(row: &Row<'_>) -> BTreeMap<Arc<str>, Arc<str>> {
    let mut labels = BTreeMap::new();
    for (name, item) in row.entries("label").unwrap_or_default() {
        let Some(text) = item.get_ref().as_str() else {
            row.mismatch("label", item);
            continue;
        };
        if let Some((span, wrong)) = unknown_label(row, &name, (text, item.span())) {
            row.note_key("label", &span, wrong);
        }
        labels.insert(name.value.into(), text.into());
    }
    labels
}

/// What is wrong with a label that no check bears, and where.
fn unknown_label(
    row: &Row<'_>,
    name: &At<&str>,
    (text, span): (&str, super::notes::Span),
) -> Option<(super::notes::Span, Wrong)> {
    let known = row.reading.labels.borrow();
    let notes = &row.reading.notes;
    let Some(values) = known.get(name.value) else {
        let wrong = Wrong::missing(format!("nothing bears the label {}", shown(name.value)));
        let wrong = match notes.nearest(name.value, known.keys().map(String::as_str)) {
            Some(near) => wrong.help(format!("did you mean `{near}`?")),
            None => wrong.help("give it to checks or hosts: labels = { team = \"shop\" }"),
        };
        return Some((name.span.clone(), wrong));
    };
    if values.iter().any(|value| is_like(text, value)) {
        return None;
    }
    let wrong =
        Wrong::missing(format!("nothing bears the label {} = {}", shown(name.value), shown(text)));
    let wrong = match notes.nearest(text, values.iter().map(String::as_str)) {
        Some(near) => wrong.help(format!("did you mean \"{near}\"?")),
        None => wrong.help(format!("there are: {}", listed(values.iter().map(String::as_str)))),
    };
    Some((span, wrong))
}
