//! How the cookies that servers wanted kept stood when requests were made. Pure.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use jiff::Timestamp;

use super::{Ask, Jar, Line, Outcome, Refusal, Unsent, Visit};

/// How a cookie stood when a request was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It came along.
    Sent,
    /// It is in the jar, and browsers do not send it there.
    HeldBack(Unsent),
    /// Refused when it was set, or deleted since.
    NotThere,
}

impl Jar {
    /// A request is made: remembers of every cookie how it stood at the first one of this stage.
    pub(in crate::probe::http) fn asks(&mut self, visit: Visit<'_>, now: Timestamp) {
        for index in self.newest() {
            if self.stood.iter().any(|(known, _)| *known == index) {
                continue;
            }
            let kept = self.kept.iter().find(|kept| kept.cookie == self.lines[index].cookie);
            let standing = match kept.map(|kept| self.unsent(kept, visit, now)) {
                None => Standing::NotThere,
                Some(None) => Standing::Sent,
                Some(Some(unsent)) => Standing::HeldBack(unsent),
            };
            self.stood.push((index, standing));
        }
    }

    /// What the answers of this stage held so far.
    pub(crate) fn lines_of_stage(&self) -> &[Line] {
        &self.lines[self.before..]
    }

    /// Every line so far.
    pub(crate) fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The last request that was made, with the cookies that came along.
    pub(crate) fn last_asked(&self) -> Option<&Ask> {
        self.last.as_ref()
    }

    /// This is the last request.
    pub(in crate::probe::http) fn asked(&mut self, ask: &Ask) {
        self.last = Some(ask.clone());
    }

    /// How the cookies stood in this stage, the newest first.
    pub(crate) fn stood(&self) -> Vec<(&Line, &Standing)> {
        let mut stood: Vec<_> = self.stood.iter().collect();
        stood.sort_by_key(|(index, _)| std::cmp::Reverse(*index));
        stood.into_iter().map(|(index, standing)| (&self.lines[*index], standing)).collect()
    }

    /// The newest line of every name.
    fn newest(&self) -> Vec<usize> {
        let mut newest: HashMap<&str, usize> = HashMap::new();
        for (index, line) in self.lines.iter().enumerate().rev() {
            match newest.entry(&line.cookie.name) {
                Entry::Vacant(place) => {
                    place.insert(index);
                }
                Entry::Occupied(mut place) => {
                    if self.lines[*place.get()].is_end() && self.has(line) {
                        place.insert(index);
                    }
                }
            }
        }
        newest.into_values().collect()
    }

    /// What the line set is in the jar.
    pub(crate) fn has(&self, line: &Line) -> bool {
        line.outcome == Outcome::Kept && self.kept.iter().any(|kept| kept.cookie == line.cookie)
    }
}

impl Line {
    /// It ends a cookie. One of the same name for another path or domain may well live on.
    pub(in crate::probe::http) fn is_end(&self) -> bool {
        let ended = Outcome::Refused(Refusal::Ended { server_clock: None });
        self.outcome == Outcome::Deleted || self.outcome == ended
    }
}
