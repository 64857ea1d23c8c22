//! A message in words, before any service's markup: a title, what is wrong, why, and what to do.
//!
//! Deliberately absent: markup. Each service makes its own from this.

use health::{Event, Language, Severity};

use crate::telling::{Telling, Told};

/// A message in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prose {
    /// One line that says it all.
    pub(crate) title: String,
    /// How bad it is.
    pub(crate) tone: Tone,
    /// One for each incident that is told of.
    pub(crate) items: Vec<Item>,
    /// How many more there are than are listed.
    pub(crate) more: usize,
    /// Where to read on.
    pub(crate) link: String,
}

/// One incident in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// The check.
    pub(crate) heading: String,
    /// What is wrong, worst first.
    pub(crate) summaries: Vec<String>,
    /// What to do.
    pub(crate) remedy: Option<String>,
}

/// How bad a message is, for colours and urgency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Critical,
    Warning,
    Good,
    Neutral,
}

/// Incidents that one message lists.
const MOST_ITEMS: usize = 20;

/// Puts a message into words.
pub(crate) fn of(telling: &Telling) -> Prose {
    let shown = telling.incidents.iter().take(MOST_ITEMS);
    let link = telling.incidents.first().map(|first| first.url.clone()).unwrap_or_default();
    Prose {
        title: title(telling),
        tone: tone(telling),
        items: shown.map(item).collect(),
        more: telling.incidents.len().saturating_sub(MOST_ITEMS),
        link,
    }
}

fn title(telling: &Telling) -> String {
    let first = telling.incidents.first();
    let check = first.and_then(|first| first.check.as_deref()).unwrap_or("portwarden");
    let said = match (telling.event, telling.language) {
        (Event::Opened, Language::En) => "opened",
        (Event::Opened, Language::Ko) => "장애 발생",
        (Event::Updated, Language::En) => "changed",
        (Event::Updated, Language::Ko) => "장애 변경",
        (Event::Reminder, Language::En) => "still open",
        (Event::Reminder, Language::Ko) => "장애 지속",
        (Event::Resolved, Language::En) => "resolved",
        (Event::Resolved, Language::Ko) => "복구됨",
        (Event::Test, Language::En) => "a test",
        (Event::Test, Language::Ko) => "시험 알림",
        (Event::Missed, Language::En) => "was not running",
        (Event::Missed, Language::Ko) => "실행이 중단되었음",
    };
    format!("{check}: {said}")
}

fn tone(telling: &Telling) -> Tone {
    if telling.event == Event::Resolved {
        return Tone::Good;
    }
    match telling.incidents.iter().filter_map(|told| told.severity).max() {
        Some(Severity::Critical) => Tone::Critical,
        Some(Severity::Warning | Severity::Notice) => Tone::Warning,
        None => Tone::Neutral,
    }
}

fn item(told: &Told) -> Item {
    Item {
        heading: told.check.clone().unwrap_or_default(),
        summaries: told.findings.iter().map(|found| found.summary.clone()).collect(),
        remedy: told.findings.first().map(|found| found.remedy.clone()),
    }
}

impl Prose {
    /// Without any markup.
    pub(crate) fn plain(&self) -> String {
        let mut lines = vec![self.title.clone()];
        for item in &self.items {
            lines.extend(item.summaries.iter().cloned());
            lines.extend(item.remedy.iter().map(|remedy| format!("→ {remedy}")));
        }
        lines.push(self.link.clone());
        lines.join("\n")
    }
}
