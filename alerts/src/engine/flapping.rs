//! A check that changes all the time: its incident stays open, quietly, until that settles. Pure.
//!
//! Every change of state counts. Deliberately absent: what each of them was; the check's page has it.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use health::incident::Flapping;
use health::{Incident, State};
use jiff::Timestamp;

use super::Engine;
use crate::retry::later;

/// The last changes of each check that had any.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    by_check: HashMap<Arc<str>, VecDeque<Turn>>,
    kept: usize,
}

/// Checks whose changes are kept before those that changed long ago are looked for.
const MOST_CHECKS: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Turn {
    at: Timestamp,
    is_bad: bool,
}

impl Turns {
    /// Forgets checks that did not change since this moment, now and then.
    fn prune(&mut self, since: Timestamp) {
        if self.by_check.len() > MOST_CHECKS.max(2 * self.kept) {
            self.by_check.retain(|_, turns| turns.back().is_some_and(|turn| turn.at >= since));
            self.kept = self.by_check.len();
        }
    }
}

impl Engine {
    /// Takes up changes of state of before the agent started, the oldest of each check first.
    pub fn resume_turns(&mut self, turns: impl IntoIterator<Item = (Arc<str>, Timestamp, State)>) {
        for (check, at, state) in turns {
            self.note_turn(&check, state, at);
        }
    }

    /// Takes in that the state of a check changed. Says how it flaps, if it does so by now.
    pub(super) fn note_turn(
        &mut self,
        check: &Arc<str>,
        state: State,
        now: Timestamp,
    ) -> Option<Flapping> {
        let rule = self.policy.flaps;
        if rule.changes == 0 {
            return None;
        }
        let most = rule.changes.max(2);
        self.turns.prune(now.checked_sub(rule.within).unwrap_or(Timestamp::MIN));
        let turns = self.turns.by_check.entry(Arc::clone(check)).or_default();
        turns.push_back(Turn { at: now, is_bad: is_bad(state) });
        while turns.len() > most {
            turns.pop_front();
        }
        let first = turns.front().filter(|_| turns.len() == most)?;
        if now.duration_since(first.at) > rule.within {
            return None;
        }
        let mut flapping = Flapping {
            since: first.at,
            turns: 0,
            changed_at: now,
            bad_seconds: 0,
            settled_at: None,
        };
        let mut before = Turn { at: first.at, is_bad: false };
        for &turn in turns.iter() {
            flapping.turns += u32::from(turn.is_bad && !before.is_bad);
            flapping.bad_seconds += seconds_bad(before, turn.at);
            before = turn;
        }
        Some(flapping)
    }

    /// When a check that flaps is taken to have settled.
    pub(super) fn settles_at(&self, incident: &Incident) -> Option<Timestamp> {
        let flapping = incident.flapping.as_ref().filter(|it| it.settled_at.is_none())?;
        Some(later(flapping.changed_at, self.policy.flaps.settled_after))
    }
}

/// A check that flaps has changed again, from the state that its incident still has.
pub(super) fn turn_again(incident: &mut Incident, state: State, now: Timestamp) {
    let before = incident.state;
    if let Some(flapping) = incident.flapping.as_mut().filter(|it| it.settled_at.is_none())
        && before != state
    {
        let last = Turn { at: flapping.changed_at, is_bad: is_bad(before) };
        flapping.bad_seconds += seconds_bad(last, now);
        flapping.turns += u32::from(is_bad(state) && !last.is_bad);
        flapping.changed_at = now;
    }
}

/// A check that flapped has settled, in the state that its incident has.
pub(super) fn settle(incident: &mut Incident, now: Timestamp) {
    if let Some(flapping) = &mut incident.flapping {
        if is_bad(incident.state) {
            let last = Turn { at: flapping.changed_at, is_bad: true };
            flapping.bad_seconds += seconds_bad(last, now);
        }
        flapping.settled_at = Some(now);
    }
}

fn seconds_bad(since: Turn, until: Timestamp) -> u64 {
    if !since.is_bad {
        return 0;
    }
    // To the nearest, or many short ones would count for nothing.
    let milliseconds = until.duration_since(since.at).as_millis();
    u64::try_from((milliseconds + 500) / 1000).unwrap_or(0)
}

pub(super) fn is_bad(state: State) -> bool {
    matches!(state, State::Degraded | State::Down)
}
