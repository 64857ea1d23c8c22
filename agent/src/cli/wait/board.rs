//! How waiting looks: a table that is drawn anew on a terminal, else a line for every change.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use health::{Language, State, Text, text};
use serde_json::{Value, json};

use super::{Format, paint};
use crate::probe::dns::presence::{Place, Presence};

/// Where progress is shown, and what was shown last.
pub(super) struct Board {
    format: Format,
    language: Language,
    is_redrawn: bool,
    shown: Vec<Place>,
    obstacle: Option<Text>,
}

impl Board {
    pub(super) fn new(format: Format, language: Language) -> Self {
        let is_redrawn = std::io::stdout().is_terminal();
        Self { format, language, is_redrawn, shown: Vec::new(), obstacle: None }
    }

    /// What has changed since the last look, or everything anew.
    pub(super) fn show(&mut self, seen: &Presence, waited: Duration) {
        if self.format == Format::Text {
            if self.is_redrawn {
                if !self.shown.is_empty() || self.obstacle.is_some() {
                    let lines = self.shown.len() + usize::from(self.obstacle.is_some());
                    let _ = write!(anstream::stdout(), "\x1b[{lines}A\x1b[J");
                }
                seen.places.iter().for_each(|place| self.line(place, waited));
            } else {
                let changed = seen.places.iter().filter(|place| !self.shown.contains(place));
                changed.for_each(|place| self.line(place, waited));
            }
            if let Some(obstacle) = &seen.obstacle
                && (self.is_redrawn || self.obstacle.as_ref() != Some(obstacle))
            {
                paint::line(&paint::printable(obstacle.in_language(self.language)));
            }
        }
        self.shown.clone_from(&seen.places);
        self.obstacle.clone_from(&seen.obstacle);
    }

    /// Everybody has it.
    pub(super) fn done(&self, seen: &Presence, waited: Duration) {
        let (count, seconds) = (seen.places.len(), waited.as_secs());
        let words = text!(
            "all {count} servers have it, after {seconds} s",
            "서버 {count}곳 모두에 반영되었습니다({seconds}초)"
        );
        match self.format {
            Format::Json => paint::line(&outcome(seen, waited).to_string()),
            Format::Text => {
                let good = paint::state(State::Up);
                paint::line(&format!("{good}{}{good:#}", words.in_language(self.language)));
            }
        }
    }

    /// The time is over: who lacks it, to standard error.
    pub(super) fn lacking(&self, seen: &Presence, waited: Duration) {
        if self.format == Format::Json {
            paint::line(&outcome(seen, waited).to_string());
            return;
        }
        let lacking: Vec<&Place> = seen.places.iter().filter(|place| !place.holds).collect();
        let (all, few, seconds) = (seen.places.len(), lacking.len(), waited.as_secs());
        let words = text!(
            "after {seconds} s, {few} of {all} servers still do not have it:",
            "{seconds}초가 지났지만 서버 {all}곳 중 {few}곳에 아직 반영되지 않았습니다:"
        );
        let mut lines = vec![words.in_language(self.language).to_owned()];
        lines.extend(lacking.iter().map(|place| {
            format!(
                "  {} ({}): {}",
                place.server,
                place.zone,
                place.says.in_language(self.language)
            )
        }));
        lines.extend(seen.obstacle.as_ref().map(|why| why.in_language(self.language).to_owned()));
        for line in lines {
            let _ = writeln!(anstream::stderr(), "{}", paint::printable(&line));
        }
    }

    fn line(&self, place: &Place, waited: Duration) {
        let state = if place.holds { State::Up } else { State::Degraded };
        let style = paint::state(state);
        let mark = match (place.holds, self.language) {
            (true, Language::En) => "has it",
            (true, Language::Ko) => "반영됨",
            (false, Language::En) => "not yet",
            (false, Language::Ko) => "아직",
        };
        let says = paint::printable(place.says.in_language(self.language)).replace('\n', " ");
        paint::line(&format!(
            "{:>4} s  {style}{mark:<7}{style:#}  {}  {says}",
            waited.as_secs(),
            paint::printable(&place.server),
        ));
    }
}

fn outcome(seen: &Presence, waited: Duration) -> Value {
    let servers: Vec<Value> = seen
        .places
        .iter()
        .map(|place| {
            json!({
                "server": place.server,
                "zone": place.zone,
                "is_cache": place.is_cache,
                "holds": place.holds,
                "says": place.says.en,
            })
        })
        .collect();
    json!({
        "complete": seen.is_complete(),
        "waited_seconds": waited.as_secs_f64(),
        "servers": servers,
        "obstacle": seen.obstacle.as_ref().map(|why| &why.en),
    })
}
