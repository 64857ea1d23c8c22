//! The last good and the last bad look at a check, to be shown side by side: one of the two is the
//! last look itself, so that only the other is kept beside it. Of what speaks HTTP both outlive a
//! restart; they are written down when the outcome turns, and not at every look.

use std::collections::HashMap;
use std::sync::Arc;

use health::snapshot::{Last, Outcome};

use super::{Board, Entry};

/// Outcomes that are to be written down, by check name.
pub(super) type Turned = Vec<(Arc<str>, Outcome)>;

impl Board {
    /// Believes how checks came out in the last run of the agent, of those that still look at the same.
    pub fn recall_outcomes(&mut self, mut known: HashMap<Arc<str>, Vec<Outcome>>) {
        for entry in self.entries.values_mut() {
            let known = known.remove(&entry.frame.name).unwrap_or_default();
            let known = known.into_iter().filter(|it| *it.instance == *entry.frame.instance);
            entry.outcomes = known.map(|it| it.last).collect();
        }
    }

    /// Outcomes that turned since the last call.
    pub fn take_outcomes(&mut self) -> Vec<(Arc<str>, Outcome)> {
        std::mem::take(&mut self.turned)
    }
}

impl Entry {
    /// Takes in the last look, and keeps the one before where that came out the other way.
    pub(super) fn keep(&mut self, last: Last, turned: &mut Turned) {
        let last = Arc::new(last);
        let standing = Arc::make_mut(&mut self.standing);
        let before = standing.last.replace(Arc::clone(&last));
        let is_first = before.is_none();
        if is_first {
            // What the last run remembers; empty ever after.
            let known = std::mem::take(&mut self.outcomes);
            standing.contrast = known.into_iter().find(|known| known.success != last.success);
        }
        let contrast = before.filter(|before| before.success != last.success);
        let is_first_failure = is_first && !last.success;
        if contrast.is_none() && !is_first_failure {
            return;
        }
        let worth_keeping = contrast.iter().chain((!last.success).then_some(&last));
        turned.extend(worth_keeping.filter(|last| speaks_http(last)).map(|last| {
            let instance = self.frame.instance.clone();
            (self.frame.name.clone(), Outcome { instance, last: Arc::clone(last) })
        }));
        if contrast.is_some() {
            standing.contrast = contrast;
        }
    }
}

fn speaks_http(last: &Last) -> bool {
    last.facts.http.is_some() || !last.facts.visits.is_empty()
}
