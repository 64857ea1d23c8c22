//! A message in words, before any service's markup: a title, what is wrong, why, and what to do.
//!
//! [`of`] makes it from what the stored bodies say; [`Prose::lines`] lays it out in lines of pieces,
//! [`Prose::fitted`] in as many as a service takes. Deliberately absent: markup. Each service makes its
//! own from the pieces, so that a name such as `*bold* <@here>` is never read as any.

use health::{Code, Event, Language, Severity, State};

use crate::telling::{Telling, Told, ToldFinding};

mod lines;
mod missed;
mod moments;
mod words;

pub(crate) use lines::{Line, Piece, Role, Style, cut, plain_lines};
use moments::{moment, span, took};
use words::{IsOne, Words};

/// A message in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prose {
    /// The same for every attempt.
    pub(crate) id: String,
    /// What it says.
    pub(crate) event: Event,
    /// The language of all of it.
    pub(crate) language: Language,
    /// One line that says it all, without a full stop.
    pub(crate) title: String,
    /// A sentence before the incidents, where there are none or the title needs one.
    pub(crate) lead: Option<String>,
    /// How bad it is.
    pub(crate) tone: Tone,
    /// One for each incident that is told of, at most [`MOST_ITEMS`].
    pub(crate) items: Vec<Item>,
    /// How many more there are than are listed.
    pub(crate) more: usize,
    /// Where to read on.
    pub(crate) link: String,
    /// What to call that.
    pub(crate) link_words: String,
    /// Who says so, and when it was decided.
    pub(crate) footer: String,
}

/// One incident in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// The check.
    pub(crate) heading: String,
    /// The same with how it is, in one line.
    pub(crate) gist: String,
    /// How bad it is.
    pub(crate) tone: Tone,
    /// What is wrong, worst first; of what is resolved, what was.
    pub(crate) points: Vec<Point>,
    /// How many more findings it has.
    pub(crate) more_points: usize,
    /// What belongs to it: what is looked at, since when, why, who is on it.
    pub(crate) facts: Vec<Fact>,
    /// What follows from it, in one line each.
    pub(crate) consequences: Vec<String>,
    /// How many more follow from it.
    pub(crate) more_consequences: usize,
    /// Its page.
    pub(crate) link: String,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// The stable name of what is wrong.
    pub(crate) code: Code,
    /// What is wrong.
    pub(crate) summary: String,
    /// What to do; `None` where nothing is to be done any more, or another point says the same.
    pub(crate) remedy: Option<String>,
    /// What can be checked by hand.
    pub(crate) evidence: Vec<Fact>,
}

/// A few words with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fact {
    /// What it is.
    pub(crate) label: String,
    /// The words.
    pub(crate) words: String,
}

/// How bad a message is, for colours and urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tone {
    Neutral,
    Good,
    Warning,
    Critical,
}

/// Incidents that one message lists.
pub(crate) const MOST_ITEMS: usize = 20;
/// Findings of one incident that a message tells.
const MOST_POINTS: usize = 5;
/// Consequences that a message lists.
const MOST_CONSEQUENCES: usize = 8;
/// Lines of evidence of one finding, and how long each may be.
const MOST_EVIDENCE: usize = 8;
const EVIDENCE_CHARS: usize = 300;
/// The longest summary and remedy; what is longer is some server's own words.
const SUMMARY_CHARS: usize = 600;
const REMEDY_CHARS: usize = 1200;
/// Names that the title of several incidents lists.
const NAMED_IN_TITLE: usize = 3;
/// The longest title: longer ones are cut by services and phones anyway.
const TITLE_CHARS: usize = 200;

/// Puts a message into words.
pub(crate) fn of(telling: &Telling) -> Prose {
    let words = Words(telling.language);
    let first = telling.incidents.first();
    let link = first.map(|first| clean(&first.url)).unwrap_or_default();
    let is_incident = !matches!(telling.event, Event::Test | Event::Missed);
    let several = telling.incidents.len() > 1;
    // Of several, the page of the first is no place to read on about all.
    let link = match link.split_once("/incidents/") {
        Some((dashboard, _)) if several => format!("{dashboard}/incidents"),
        _ => link,
    };
    let (items, all) = if is_incident {
        let shown = telling.incidents.iter().take(MOST_ITEMS);
        (shown.map(|told| item(telling, told, words)).collect(), telling.incidents.len())
    } else {
        missed::items(telling, words)
    };
    Prose {
        id: telling.id.clone(),
        event: telling.event,
        language: telling.language,
        title: cut(&title(telling, words), TITLE_CHARS),
        lead: lead(telling, words),
        tone: tone(telling),
        more: all - items.len(),
        items,
        link,
        link_words: words
            .link(if is_incident && !several { IsOne::Yes } else { IsOne::No })
            .to_owned(),
        footer: footer(telling),
    }
}

fn title(telling: &Telling, words: Words) -> String {
    let Some(first) = telling.incidents.first() else { return "portwarden".to_owned() };
    let agent = clean(&first.agent);
    match telling.event {
        Event::Test => words.test_title(&agent),
        Event::Missed => words.missed_title(&agent),
        _ if telling.incidents.len() == 1 => gist(telling, first, words),
        event => {
            let all = telling.incidents.len();
            let names: Vec<String> =
                telling.incidents.iter().take(NAMED_IN_TITLE).map(name).collect();
            let named = words.and_more(&names.join(", "), all.saturating_sub(names.len()));
            format!("{}: {named}", words.several(event, all, common_state(telling)))
        }
    }
}

/// The state of all of them; `None` where they differ.
fn common_state(telling: &Telling) -> Option<State> {
    let first = telling.incidents.first()?.state;
    telling.incidents.iter().all(|told| told.state == first).then_some(first)?
}

/// One incident in one line.
fn gist(telling: &Telling, told: &Told, words: Words) -> String {
    let check = name(told);
    let summary = told.findings.first().map(|worst| cut(&clean(&worst.summary), SUMMARY_CHARS));
    let with = |begin: String, end: Option<String>| match end {
        Some(end) if !end.is_empty() => format!("{begin} · {end}"),
        _ => begin,
    };
    let state = told.state.unwrap_or(State::Unknown);
    let flapping = told.flapping.as_ref();
    let turns =
        || flapping.map(|flapping| words.turns(flapping.turns, &moment(flapping.since, telling)));
    let settled = flapping.is_some_and(|flapping| flapping.settled_at.is_some());
    match telling.event {
        Event::Resolved if state == State::Unknown => format!("{}: {check}", words.unwatched()),
        Event::Resolved if settled => with(format!("{}: {check}", words.settled()), turns()),
        Event::Resolved => format!("{}: {check}", words.resolved_after(&lasted(told, words))),
        Event::Updated if settled => {
            with(format!("{}: {check} {}", words.settled(), words.is(state)), summary)
        }
        Event::Updated if flapping.is_some() => {
            with(format!("{}: {check}", words.flapping()), turns())
        }
        Event::Updated => {
            with(format!("{}: {check} {}", words.changed(), words.is(state)), summary)
        }
        Event::Reminder => {
            let age = told.opened_at.map_or_else(String::new, |opened_at| {
                took(telling.decided_at.duration_since(opened_at), words)
            });
            with(format!("{}: {check}", words.still(state, &age)), summary)
        }
        _ => with(format!("{}: {check}", words.state(state)), summary),
    }
}

fn lead(telling: &Telling, words: Words) -> Option<String> {
    match telling.event {
        Event::Test => Some(words.test_lead().to_owned()),
        Event::Missed => missed::lead(telling, words),
        _ => None,
    }
}

fn tone(telling: &Telling) -> Tone {
    match telling.event {
        Event::Resolved => Tone::Good,
        Event::Test => Tone::Neutral,
        Event::Missed => Tone::Warning,
        _ => telling.incidents.iter().map(tone_of).max().unwrap_or(Tone::Neutral),
    }
}

fn tone_of(told: &Told) -> Tone {
    match (told.resolved_at, told.severity) {
        (Some(_), _) => Tone::Good,
        (None, Some(Severity::Critical)) => Tone::Critical,
        (None, Some(Severity::Warning | Severity::Notice)) => Tone::Warning,
        (None, None) => Tone::Neutral,
    }
}

fn item(telling: &Telling, told: &Told, words: Words) -> Item {
    let over = telling.event == Event::Resolved;
    let mut points: Vec<Point> = Vec::new();
    for found in told.findings.iter().take(MOST_POINTS) {
        let mut point = point(found, over);
        if points.iter().any(|known| known.remedy == point.remedy) {
            point.remedy = None;
        }
        points.push(point);
    }
    let shown = told.consequences.iter().take(MOST_CONSEQUENCES);
    Item {
        heading: name(told),
        gist: gist(telling, told, words),
        tone: if over { Tone::Good } else { tone_of(told) },
        points,
        more_points: told.findings.len().saturating_sub(MOST_POINTS),
        facts: facts(telling, told, words),
        consequences: shown
            .map(|one| {
                let line = format!("{}: {}", clean(&one.check), clean(&one.summary));
                match one.resolved_at {
                    Some(_) => format!("{line} ({})", words.over()),
                    None => line,
                }
            })
            .collect(),
        more_consequences: told.consequences.len().saturating_sub(MOST_CONSEQUENCES),
        link: clean(&told.url),
    }
}

fn point(found: &ToldFinding, over: bool) -> Point {
    let evidence =
        found.evidence.iter().take(MOST_EVIDENCE).filter(|_| !over).map(|(name, value)| {
            let words = match value {
                serde_json::Value::String(words) => words.clone(),
                serde_json::Value::Array(all) => {
                    let each = all
                        .iter()
                        .map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
                    each.collect::<Vec<_>>().join(", ")
                }
                other => other.to_string(),
            };
            Fact { label: clean(name), words: cut(&clean(&words), EVIDENCE_CHARS) }
        });
    let remedy =
        Some(cut(&clean(&found.remedy), REMEDY_CHARS)).filter(|remedy| !over && !remedy.is_empty());
    Point {
        code: found.code,
        summary: cut(&clean(&found.summary), SUMMARY_CHARS),
        remedy,
        evidence: evidence.collect(),
    }
}

/// What belongs to an incident beside what is wrong.
fn facts(telling: &Telling, told: &Told, words: Words) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut add = |en, ko, told: String| {
        facts.push(Fact { label: words.either(en, ko).to_owned(), words: told });
    };
    if let (Some(opened_at), Some(resolved_at)) = (told.opened_at, told.resolved_at) {
        let span = span(opened_at, resolved_at, telling);
        add("Lasted", "지속 시간", format!("{} ({span})", lasted(told, words)));
    } else if let Some(opened_at) = told.opened_at {
        let age = telling.decided_at.duration_since(opened_at);
        let since = moment(opened_at, telling);
        let since =
            if age.as_secs() < 60 { since } else { format!("{since} ({})", took(age, words)) };
        add("Since", "시작", since);
    }
    if let Some(kind) = told.kind {
        let instance = told.instance.as_deref().map(clean).unwrap_or_default();
        // Between backticks: exact, and no service makes a link of it.
        let exact = if instance.contains('`') { instance } else { format!("`{instance}`") };
        add("Looks at", "대상", format!("{} {exact}", kind.label()));
    }
    if let Some(host) = &told.host {
        add("Host", "호스트", clean(host));
    }
    if let Some(cause) = &told.explained_by {
        add("Because of", "원인", clean(cause));
    }
    if let Some(flapping) = &told.flapping {
        let turns = words.turns(flapping.turns, &moment(flapping.since, telling));
        add("Changes", "변동", turns);
    }
    if let Some(seen) = &told.acknowledged {
        let mut by = words.by(&clean(&seen.author), &moment(seen.at, telling));
        if let Some(note) = &seen.note {
            by = format!("{by}: {}", clean(note));
        }
        add("Acknowledged by", "확인한 사람", by);
    }
    if !told.labels.is_empty() {
        let each =
            told.labels.iter().map(|(name, value)| format!("{}={}", clean(name), clean(value)));
        add("Labels", "레이블", each.collect::<Vec<_>>().join(", "));
    }
    facts
}

fn lasted(told: &Told, words: Words) -> String {
    let passed = told.resolved_at.zip(told.opened_at).map(|(end, begin)| end.duration_since(begin));
    took(passed.unwrap_or_default(), words)
}

fn footer(telling: &Telling) -> String {
    let agent = telling.incidents.first().map(|first| clean(&first.agent)).unwrap_or_default();
    let at = moment(telling.decided_at, telling);
    if agent.is_empty() {
        format!("portwarden · {at}")
    } else {
        format!("portwarden · {agent} · {at}")
    }
}

fn name(told: &Told) -> String {
    told.check.as_deref().map(clean).unwrap_or_default()
}

/// One line without what the reader would not see.
pub(crate) fn clean(words: &str) -> String {
    let shown = |c: char| if c.is_whitespace() { ' ' } else { c };
    let visible = words.chars().map(shown).filter(|c| !health::text::is_deceptive(*c));
    visible.collect::<String>().trim().to_owned()
}

#[cfg(test)]
pub(crate) mod tests;
