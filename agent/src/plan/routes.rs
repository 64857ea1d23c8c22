//! `[[route]]`: who is told of what, at which hours, and who else when nobody acknowledges it.

use std::collections::HashMap;
use std::time::Duration;

use alerts::{Escalation, Hours, Route};
use health::Matcher;
use jiff::SignedDuration;
use jiff::tz::TimeZone;

use super::hours;
use super::matching::{self, Known};
use super::notes::{At, Notes, Span, Wrong, listed, shown};
use super::row::Row;
use super::values;

/// A route is held against so many that come first; each costs a look per route.
const LOOKED_BACK: usize = 256;

/// Reads every `[[route]]`.
pub(super) fn routes(
    plan: &Row<'_>,
    receivers: &HashMap<String, Span>,
    known: Known<'_>,
    timezone: &TimeZone,
) -> Vec<Route> {
    let mut routes = Vec::new();
    let mut earlier: Vec<Earlier> = Vec::new();
    for row in plan.rows("route") {
        let about = matching::matcher(&row, known);
        let hours = hours::hours(&row, timezone);
        let this = Earlier { about: about.clone(), hours: hours.clone(), span: row.span.clone() };
        match earlier.iter().find(|one| one.takes_all_of(&this)) {
            Some(one) => {
                let wrong = Wrong::new("no incident ever comes to this route")
                    .help("the first route that matches wins: put the narrower one first");
                row.reading.notes.note_both(&row.span, wrong, "this one takes them all", &one.span);
            }
            None if earlier.len() < LOOKED_BACK => earlier.push(this),
            None => {}
        }
        let told = named(&row, receivers);
        let escalation = escalation(&row, receivers, &told);
        let receivers = told.into_iter().map(|name| name.value).collect();
        routes.push(Route { about, hours, receivers, escalation });
    }
    routes
}

/// A route that comes first.
struct Earlier {
    about: Matcher,
    hours: Option<Hours>,
    span: Span,
}

impl Earlier {
    /// Outside its hours a route takes nothing.
    fn takes_all_of(&self, later: &Self) -> bool {
        (self.hours.is_none() || self.hours == later.hours)
            && matching::takes_all(&self.about, &later.about)
    }
}

/// `receivers`, each of which has to be there.
fn named(row: &Row<'_>, receivers: &HashMap<String, Span>) -> Vec<At<String>> {
    let names = row.need("receivers", row.texts("receivers")).unwrap_or_default();
    for name in &names {
        if !receivers.contains_key(name.value) {
            let wrong = unknown(name.value, receivers, &row.reading.notes);
            row.note_key("receivers", &name.span, wrong);
        }
    }
    names.into_iter().map(|At { value, span }| At { value: value.to_owned(), span }).collect()
}

/// `escalate`, in the order of time. Nobody is told a second time of what they were told.
fn escalation(
    row: &Row<'_>,
    receivers: &HashMap<String, Span>,
    told: &[At<String>],
) -> Vec<Escalation> {
    let mut steps: Vec<Escalation> = Vec::new();
    let mut told: HashMap<String, Span> =
        told.iter().map(|name| (name.value.clone(), name.span.clone())).collect();
    for step in row.rows("escalate") {
        let after = step.need(
            "after",
            step.parsed("after", |text| {
                let bounds = (Duration::from_secs(1), Duration::from_secs(30 * 86_400));
                values::duration_within(text, bounds, "somebody else is told after 1s to 30d")
            }),
        );
        let names = named(&step, receivers);
        for name in &names {
            if let Some(first) = told.insert(name.value.clone(), name.span.clone()) {
                let wrong = Wrong::new(format!("{} is told already", shown(&name.value)))
                    .help("escalation tells somebody else; reminders go to whoever was told");
                let notes = &row.reading.notes;
                notes.note_both(&name.span, wrong, "here", &first);
            }
        }
        if let Some(after) = after.and_then(|at| SignedDuration::try_from(at.value).ok()) {
            let receivers = names.into_iter().map(|name| name.value).collect();
            steps.push(Escalation { after, receivers });
        }
    }
    steps.sort_by_key(|step| step.after);
    steps
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
