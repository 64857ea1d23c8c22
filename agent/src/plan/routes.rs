//! `[[route]]`, `[[maintenance]]` and `[alerts]`: who is told of what, when, and when not.

use std::collections::HashMap;

use alerts::Route;
use health::{Matcher, Severity};
use jiff::tz::TimeZone;

use super::Alerting;
use super::notes::{Notes, Span, Wrong, listed, shown};
use super::row::Row;

/// Reads `[alerts]`.
pub(super) fn alerting(_plan: &Row<'_>) -> Alerting {
    Alerting {
        timezone: TimeZone::system(),
        reminders: alerts::Reminders::default(),
        grouping: alerts::Grouping::default(),
        heartbeat: None,
    }
}

/// Reads every `[[route]]`.
pub(super) fn routes(plan: &Row<'_>, receivers: &HashMap<String, Span>) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut widest: Option<(Severity, Span)> = None;
    for row in plan.rows("route") {
        let severity = row.choice("severity").map(|severity| match severity {
            "critical" => Severity::Critical,
            _ => Severity::Warning,
        });
        // Notices open no incident, so a route without a severity begins at warnings.
        let from = severity.unwrap_or(Severity::Warning);
        match &widest {
            Some((earlier, span)) if *earlier <= from => {
                let wrong = Wrong::new("no incident ever comes to this route")
                    .help("the first route that matches wins: put the narrower one first");
                row.reading.notes.note_both(&row.span, wrong, "this one takes them all", span);
            }
            _ => widest = Some((from, row.span.clone())),
        }
        let names = row.need("receivers", row.texts("receivers")).unwrap_or_default();
        for name in &names {
            if !receivers.contains_key(name.value) {
                let wrong = unknown(name.value, receivers, &row.reading.notes);
                row.note_key("receivers", &name.span, wrong);
            }
        }
        let receivers = names.iter().map(|name| name.value.to_owned()).collect();
        let about = Matcher { severity, ..Matcher::default() };
        routes.push(Route { about, receivers, ..Route::default() });
    }
    routes
}

fn unknown(name: &str, receivers: &HashMap<String, Span>, notes: &Notes<'_>) -> Wrong {
    let wrong = Wrong::missing(format!("there is no receiver {}", shown(name)));
    let mut known: Vec<&str> = receivers.keys().map(String::as_str).collect();
    known.sort_unstable();
    match notes.nearest(name, known.iter().copied()) {
        Some(near) => wrong.help(format!("did you mean \"{near}\"?\nthere are: {}", listed(known))),
        None if known.is_empty() => wrong.help("there is no [[receiver]] at all"),
        None => wrong.help(format!("there are: {}", listed(known))),
    }
}
