//! What was missed while the agent was not running.

use health::{Severity, State};

use super::words::Words;
use super::{Item, MOST_ITEMS, SUMMARY_CHARS, Tone, clean, cut, moment, took};
use crate::telling::{Telling, ToldFound, ToldLook};

/// Since when and until when nothing was looked at.
pub(super) fn lead(telling: &Telling, words: Words) -> Option<String> {
    let told = telling.incidents.first()?;
    let (from, until) = told.opened_at.zip(told.resolved_at)?;
    Some(words.missed_between(&moment(from, telling), &moment(until, telling)))
}

/// What was found changed, and looks that were due; at most [`MOST_ITEMS`], and how many there are.
pub(super) fn items(telling: &Telling, words: Words) -> (Vec<Item>, usize) {
    let missed = telling.incidents.iter().filter_map(|told| told.missed.as_ref());
    let mut items = Vec::new();
    let mut all = 0;
    for missed in missed {
        all += missed.incidents.len() + missed.looks.len();
        let found = missed.incidents.iter().map(|one| found(one, words));
        let looks = missed.looks.iter().map(|one| look(one, telling, words));
        items.extend(found.chain(looks).take(MOST_ITEMS - items.len()));
    }
    (items, all)
}

fn found(found: &ToldFound, words: Words) -> Item {
    let check = found.check.as_deref().map(clean).unwrap_or_default();
    let summary = found.summary.as_deref().map(|words| cut(&clean(words), SUMMARY_CHARS));
    let (state, bad) = match found.severity {
        Some(Severity::Critical) | None => (State::Down, Tone::Critical),
        Some(Severity::Warning | Severity::Notice) => (State::Degraded, Tone::Warning),
    };
    let begin = match found.resolved_at.zip(found.opened_at) {
        Some((end, begin)) => words.resolved_after(&took(end.duration_since(begin), words)),
        None => words.state(state).to_owned(),
    };
    let gist = match summary {
        Some(summary) if !summary.is_empty() => format!("{begin}: {check} · {summary}"),
        _ => format!("{begin}: {check}"),
    };
    let tone = if found.resolved_at.is_some() { Tone::Good } else { bad };
    line(check, gist, tone, clean(found.url.as_deref().unwrap_or_default()))
}

fn look(look: &ToldLook, telling: &Telling, words: Words) -> Item {
    let check = clean(&look.check);
    let gist = words.missed_looks(&check, look.count, &moment(look.last, telling));
    line(check, gist, Tone::Warning, String::new())
}

/// All of it in one line.
fn line(heading: String, gist: String, tone: Tone, link: String) -> Item {
    Item {
        heading,
        gist,
        tone,
        points: Vec::new(),
        more_points: 0,
        facts: Vec::new(),
        consequences: Vec::new(),
        more_consequences: 0,
        link,
    }
}
