//! Whether a job has called when it had to. Pure.

use health::Finding;
use jiff::{SignedDuration, Timestamp};

use super::{Away, Heard, Pulse, Spec, Terms, wording};

/// A shorter absence swallows no call: who calls with `curl --retry` comes again.
const SHORT: SignedDuration = SignedDuration::from_secs(60);

/// When a job has to call next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadline {
    pub(super) due: Timestamp,
    pub(super) missed_at: Timestamp,
}

/// When a job has to call next; `None`: never again.
pub(super) fn deadline(terms: &Terms, pulse: &Pulse, away: Option<Away>) -> Option<Deadline> {
    let mut deadline = planned(terms, pulse)?;
    if let Some(away) = away.filter(|away| deadline.missed_at > away.from) {
        // Who called in vain tries again for a while.
        let again = SignedDuration::try_from(terms.grace).unwrap_or(SHORT).min(SHORT);
        let earliest = away.until.saturating_add(again).unwrap_or(deadline.missed_at);
        deadline.missed_at = deadline.missed_at.max(earliest);
    }
    Some(deadline)
}

fn planned(terms: &Terms, pulse: &Pulse) -> Option<Deadline> {
    let due = terms.rhythm.after(pulse.counted_from())?;
    Some(Deadline { due, missed_at: due.checked_add(terms.grace).ok()? })
}

/// Whether the agent was away just when a call was due, so that it may have come and nobody heard
/// it. Said once between two calls: a job that then does not come the next time either is missed.
pub(super) fn is_excused(terms: &Terms, pulse: &Pulse, away: Away) -> bool {
    let Some(Deadline { due, missed_at }) = planned(terms, pulse) else { return false };
    let is_long = away.until.duration_since(away.from) >= SHORT;
    let running = pulse.running_since();
    let ended = running.and_then(|began| began.checked_add(terms.runs_within).ok());
    // One that runs may end at any moment.
    let opens = running.unwrap_or_else(|| {
        let early = terms.grace.min(terms.rhythm.period(due) / 4);
        due.saturating_sub(early).unwrap_or(due)
    });
    let closes = ended.map_or(missed_at, |ended| ended.max(missed_at));
    pulse.excused_until.is_none() && is_long && away.until >= opens && away.from < closes
}

/// What is wrong at this moment.
pub(super) fn judge(
    spec: &Spec,
    heard: &Heard,
    deadline: Option<Deadline>,
    now: Timestamp,
) -> Vec<Finding> {
    let Heard { pulse, .. } = heard;
    let mut findings = Vec::new();
    let running = pulse.running_since();
    let ends_by = running.and_then(|began| {
        // What ended while nobody heard it may never say so.
        let counted = pulse.excused_until.map_or(began, |until| until.max(began));
        counted.checked_add(spec.terms.runs_within).ok()
    });
    let is_in_time = ends_by.is_some_and(|ends_by| now < ends_by);
    if let (Some(began), Some(ends_by), false) = (running, ends_by, is_in_time) {
        findings.push(wording::overrun(spec, heard, began, ends_by));
    }
    if let Some(deadline) = deadline {
        if now >= deadline.missed_at && !is_in_time {
            findings.push(wording::missed(spec, heard, deadline));
        } else if pulse.excused_until.is_some() {
            findings.push(wording::excused(spec, deadline));
        } else if pulse.called_at().is_none() {
            findings.push(wording::awaited(spec, deadline));
        }
    }
    if let Some(failure) = pulse.failure() {
        findings.push(wording::failed(spec, heard, failure));
    }
    findings
}
