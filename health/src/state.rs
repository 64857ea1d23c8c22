//! The state machine of one check: observations in, transitions out. Pure.
//!
//! Every finding has a memory of its own: it is confirmed after `fail_after` consecutive
//! observations that show it, and forgotten after `recover_after` that do not. An incident
//! opens when the check has been bad `fail_after` times in a row, whatever the findings were,
//! and resolves when it has been good `recover_after` times in a row.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Finding, Incident, Observation, Severity, StandingFinding, Thresholds};

/// State of one check over time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Not yet looked at often enough to say.
    #[default]
    Unknown,
    /// All is well.
    Up,
    /// A confirmed warning.
    Degraded,
    /// A confirmed critical finding.
    Down,
}

impl State {
    /// The name used in JSON, metrics and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
        }
    }
}

/// What one observation changed.
#[derive(Clone, Debug, PartialEq)]
pub enum Transition {
    /// The first good observations of a check that was unknown.
    Settled,
    /// Bad for `fail_after` observations: an incident opens with these findings.
    Opened(Vec<StandingFinding>),
    /// The open incident has other confirmed findings now, or another severity.
    Updated(Vec<StandingFinding>),
    /// Good for `recover_after` observations.
    Resolved,
}

/// One finding's own memory.
#[derive(Clone, Debug, PartialEq)]
struct Memory {
    standing: StandingFinding,
    present_run: u32,
    absent_run: u32,
}

impl Memory {
    /// Confirmed, and not absent for long enough to be forgotten.
    fn is_believed(&self, thresholds: Thresholds) -> bool {
        self.standing.confirmed && self.absent_run < thresholds.recover_after
    }
}

/// How many changes within [`FLAP_WINDOW`] make a check flap.
const FLAP_CHANGES: usize = 6;
/// How far back changes are counted.
const FLAP_WINDOW: SignedDuration = SignedDuration::from_mins(60);

/// The state of one check over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    state: State,
    since: Timestamp,
    /// What it was before anybody looked, and since when.
    recalled: Option<(State, Timestamp)>,
    incident_open: bool,
    bad_run: u32,
    good_run: u32,
    memories: Vec<Memory>,
    changes: Vec<Timestamp>,
}

impl Track {
    /// A check that has never been looked at.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            state: State::Unknown,
            since: now,
            recalled: None,
            incident_open: false,
            bad_run: 0,
            good_run: 0,
            memories: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// A check whose incident was open when the agent last ran: its findings are believed until
    /// observations say otherwise.
    #[must_use]
    pub fn resume(incident: &Incident, thresholds: Thresholds) -> Self {
        let memories = incident
            .findings
            .iter()
            .map(|standing| Memory {
                standing: standing.clone(),
                present_run: thresholds.fail_after,
                absent_run: 0,
            })
            .collect();
        Self {
            state: incident.state,
            since: incident.opened_at,
            recalled: None,
            incident_open: true,
            bad_run: thresholds.fail_after,
            good_run: 0,
            memories,
            changes: Vec::new(),
        }
    }

    /// Recalls the state that the check had when the agent last ran: if that is what it turns out to
    /// be, it has been so since then.
    pub fn recall(&mut self, state: State, since: Timestamp) {
        if self.state == state {
            self.since = since;
        } else if self.state == State::Unknown {
            self.recalled = Some((state, since));
        }
    }

    /// The state.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Since when it has that state.
    #[must_use]
    pub fn since(&self) -> Timestamp {
        self.since
    }

    /// An incident is open.
    #[must_use]
    pub fn is_incident_open(&self) -> bool {
        self.incident_open
    }

    /// The state changed too often within the last hour to be told each time.
    #[must_use]
    pub fn is_flapping(&self, now: Timestamp) -> bool {
        let start = now.saturating_sub(FLAP_WINDOW).unwrap_or(Timestamp::MIN);
        self.changes.iter().filter(|&&at| at >= start).count() >= FLAP_CHANGES
    }

    /// Everything that is wrong now, confirmed or not, worst first.
    pub fn findings(&self) -> impl Iterator<Item = &StandingFinding> {
        self.memories.iter().map(|memory| &memory.standing)
    }

    /// Takes one observation in and says what it changed.
    pub fn advance(
        &mut self,
        observation: &Observation,
        thresholds: Thresholds,
        now: Timestamp,
    ) -> Option<Transition> {
        let before = self.confirmed_signature();
        self.remember(&observation.findings, thresholds, now);
        if observation.is_good() {
            self.good_run = self.good_run.saturating_add(1);
            self.bad_run = 0;
        } else {
            self.bad_run = self.bad_run.saturating_add(1);
            self.good_run = 0;
        }
        if self.incident_open {
            if self.good_run >= thresholds.recover_after {
                self.incident_open = false;
                self.memories.retain(|memory| memory.absent_run == 0);
                self.change(State::Up, now);
                return Some(Transition::Resolved);
            }
            self.believe_all_present();
            self.change(self.confirmed_state(), now);
            return (self.confirmed_signature() != before)
                .then(|| Transition::Updated(self.confirmed()));
        }
        if self.bad_run >= thresholds.fail_after {
            self.believe_all_present();
            self.incident_open = true;
            self.change(self.confirmed_state(), now);
            return Some(Transition::Opened(self.confirmed()));
        }
        if self.state == State::Unknown && self.good_run >= 1 {
            self.change(State::Up, now);
            return Some(Transition::Settled);
        }
        None
    }

    fn remember(&mut self, seen: &[Finding], thresholds: Thresholds, now: Timestamp) {
        let mut seen = worst_of_each(seen);
        for memory in &mut self.memories {
            let found = seen.remove(&key(&memory.standing.finding));
            let Some(finding) = found else {
                memory.absent_run = memory.absent_run.saturating_add(1);
                continue;
            };
            memory.absent_run = 0;
            memory.present_run = memory.present_run.saturating_add(1);
            memory.standing.confirmed |= memory.present_run >= thresholds.fail_after;
            if *memory.standing.finding != *finding {
                memory.standing.finding = Arc::new(finding.clone());
            }
        }
        self.memories.extend(seen.into_values().map(|finding| Memory {
            standing: StandingFinding {
                finding: Arc::new(finding.clone()),
                since: now,
                confirmed: thresholds.fail_after <= 1,
                explained_by: None,
            },
            present_run: 1,
            absent_run: 0,
        }));
        // Different findings can take turns so that none is left when the good observations come; an
        // open incident then keeps its last reason until it resolves. One odd observation among equal
        // ones, such as a time-out while this machine was suspended, does not replace it either.
        let bad = |memory: &&Memory| is_bad(&memory.standing.finding);
        let keeps_reason = self.incident_open
            && !self.memories.iter().filter(bad).any(|memory| memory.is_believed(thresholds));
        let any_present = self.memories.iter().filter(bad).any(|memory| memory.absent_run == 0);
        self.memories.retain(|memory| {
            let is_reason = keeps_reason && memory.standing.confirmed && bad(&memory);
            memory.absent_run == 0
                || memory.is_believed(thresholds)
                || (is_reason && (!any_present || memory.absent_run < thresholds.fail_after))
        });
        self.memories.sort_by(|a, b| {
            let (a, b) = (&a.standing.finding, &b.standing.finding);
            b.severity
                .cmp(&a.severity)
                .then_with(|| a.code.cmp(&b.code))
                .then_with(|| a.subject.cmp(&b.subject))
        });
    }

    /// A check that was bad `fail_after` times in a row is bad, even when it was never twice the same:
    /// without a confirmed finding worse than a notice, those of the last observation are believed.
    fn believe_all_present(&mut self) {
        let any = self
            .memories
            .iter()
            .any(|memory| memory.standing.confirmed && is_bad(&memory.standing.finding));
        if !any {
            for memory in &mut self.memories {
                memory.standing.confirmed |=
                    memory.absent_run == 0 && is_bad(&memory.standing.finding);
            }
        }
    }

    fn confirmed(&self) -> Vec<StandingFinding> {
        self.findings().filter(|standing| standing.confirmed).cloned().collect()
    }

    fn confirmed_signature(&self) -> Vec<(crate::Code, String, Severity)> {
        self.findings()
            .filter(|standing| standing.confirmed && is_bad(&standing.finding))
            .map(|standing| {
                let finding = &standing.finding;
                (finding.code, finding.subject.clone(), finding.severity)
            })
            .collect()
    }

    fn confirmed_state(&self) -> State {
        let worst = self
            .findings()
            .filter(|standing| standing.confirmed)
            .map(|standing| standing.finding.severity)
            .max();
        match worst {
            Some(Severity::Critical) => State::Down,
            Some(Severity::Warning) => State::Degraded,
            // Open, and good for less than `recover_after`: keep what was said last.
            Some(Severity::Notice) | None => self.state,
        }
    }

    fn change(&mut self, state: State, now: Timestamp) {
        if state == self.state {
            return;
        }
        if self.state != State::Unknown {
            if self.changes.len() == FLAP_CHANGES {
                self.changes.remove(0);
            }
            self.changes.push(now);
        }
        self.state = state;
        self.since = match self.recalled.take() {
            Some((recalled, since)) if recalled == state => since,
            _ => now,
        };
    }
}

/// Worse than a notice: it makes an observation bad.
fn is_bad(finding: &Finding) -> bool {
    finding.severity > Severity::Notice
}

/// What a memory is found by. A notice that turns into a warning (or back) is another memory, because
/// the one opens incidents and has to last for that, and the other does not.
fn key(finding: &Finding) -> (crate::Code, bool, String) {
    (finding.code, is_bad(finding), finding.subject.clone())
}

/// Two findings of one observation may share code and subject: the worst one speaks.
fn worst_of_each(seen: &[Finding]) -> BTreeMap<(crate::Code, bool, String), &Finding> {
    let mut worst: BTreeMap<(crate::Code, &str), &Finding> = BTreeMap::new();
    for finding in seen {
        worst
            .entry((finding.code, &finding.subject))
            .and_modify(|known| {
                if known.severity < finding.severity {
                    *known = finding;
                }
            })
            .or_insert(finding);
    }
    worst.into_values().map(|finding| (key(finding), finding)).collect()
}

#[cfg(test)]
mod tests;
