//! When is which check due. Pure: a heap of moments, no timer, no task.
//!
//! Intervals run on the monotonic clock, so that a clock that is set does no harm; cron runs on
//! the wall clock in its own time zone. A check that is still running when it is due again skips
//! that turn; turns missed while the machine slept are not made up for. Deliberately absent:
//! what a check is, and starting it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::str::FromStr;
use std::time::Duration;

use croner::Cron;
use health::Timing;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use rustc_hash::FxHashMap;

/// Names one entry of the schedule.
pub type Key = u64;

/// Wake-ups are rounded up to this, so that they stay few.
const GRAIN: Duration = Duration::from_millis(20);
/// The first turns after a start are spread over this at most.
const START_SPREAD: Duration = Duration::from_secs(5);
/// A cron entry looks at the wall clock again at least this often, because clocks get set.
const WALL_LOOK: Duration = Duration::from_secs(30);

/// One moment on both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Monotonic: time since the loop began.
    pub tick: Duration,
    /// The wall clock.
    pub wall: Timestamp,
}

/// A check to be started now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// Which.
    pub key: Key,
    /// How long after its time, zero or more.
    pub lag: Duration,
}

/// When is which check due.
#[derive(Debug)]
pub struct Schedule {
    heap: BinaryHeap<Reverse<(Duration, Key)>>,
    entries: FxHashMap<Key, Entry>,
    ready: VecDeque<(Duration, Key)>,
    running: usize,
    limit: usize,
    skipped: u64,
    deferred: u64,
}

#[derive(Debug)]
struct Entry {
    rhythm: Rhythm,
    due: Duration,
    run: Run,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Waiting,
    Ready,
    Running,
}

#[derive(Debug)]
enum Rhythm {
    Every { interval: Duration, phase: Duration },
    Cron { cron: Box<Cron>, zone: TimeZone, next: Option<Timestamp> },
}

/// A cron expression or time zone that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum BadTiming {
    /// The expression.
    #[error("{0}")]
    Cron(String),
    /// The zone.
    #[error("there is no time zone {0:?}")]
    Zone(String),
}

impl Schedule {
    /// An empty schedule that lets at most `limit` checks run at once.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self {
            heap: BinaryHeap::new(),
            entries: FxHashMap::default(),
            ready: VecDeque::new(),
            running: 0,
            limit: limit.max(1),
            skipped: 0,
            deferred: 0,
        }
    }

    /// Adds a check. Its phase comes from its name, so it keeps it from one plan to the next.
    ///
    /// # Errors
    /// When a cron expression or its zone cannot be read.
    pub fn insert(
        &mut self,
        key: Key,
        name: &str,
        timing: &Timing,
        now: Moment,
    ) -> Result<(), BadTiming> {
        let (rhythm, due) = match timing {
            Timing::Every(interval) => {
                let interval = (*interval).max(GRAIN);
                let phase = phase(name, interval);
                let soon = phase_within(phase, interval.min(START_SPREAD));
                (Rhythm::Every { interval, phase }, now.tick + soon)
            }
            Timing::Cron { expression, timezone } => {
                let (cron, zone) = read_cron(expression, timezone)?;
                // Also once right after the start: nobody wants to wait until noon to hear of a typo.
                let soon = phase(name, START_SPREAD);
                (Rhythm::Cron { cron: Box::new(cron), zone, next: None }, now.tick + soon)
            }
        };
        self.entries.insert(key, Entry { rhythm, due, run: Run::Waiting });
        self.heap.push(Reverse((due, key)));
        Ok(())
    }

    /// Removes a check. One that runs is counted as running until [`Schedule::finished`].
    pub fn remove(&mut self, key: Key) {
        self.entries.remove(&key);
    }

    /// Changes how many checks may run at once.
    pub fn set_limit(&mut self, limit: usize) {
        self.limit = limit.max(1);
    }

    /// The next check to start now, if one is due and the limit allows. Call until `None`.
    pub fn poll(&mut self, now: Moment) -> Option<Start> {
        self.collect_due(now);
        while self.running < self.limit {
            let (planned, key) = self.ready.pop_front()?;
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            if entry.run != Run::Ready {
                continue;
            }
            entry.run = Run::Running;
            self.running += 1;
            return Some(Start { key, lag: now.tick.saturating_sub(planned) });
        }
        None
    }

    /// A started check has ended, whether or not it is still in the schedule.
    pub fn finished(&mut self, key: Key) {
        self.running = self.running.saturating_sub(1);
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.run = Run::Waiting;
        }
    }

    /// When to call [`Schedule::poll`] next, on the monotonic clock; `None` when nothing is planned.
    #[must_use]
    pub fn next_wake(&self) -> Option<Duration> {
        let Reverse((due, _)) = self.heap.peek()?;
        Some(next_multiple(*due, GRAIN))
    }

    /// When a check is due next, on the wall clock.
    #[must_use]
    pub fn next_due(&self, key: Key, now: Moment) -> Option<Timestamp> {
        let entry = self.entries.get(&key)?;
        match &entry.rhythm {
            Rhythm::Cron { next: Some(next), .. } => Some(*next),
            _ => now.wall.checked_add(entry.due.saturating_sub(now.tick)).ok(),
        }
    }

    /// How many checks are running.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    /// How many checks are due and wait for others to end.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.ready.len()
    }

    /// Turns skipped because the check was still running, since the start.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Turns that had to wait for the limit, since the start.
    #[must_use]
    pub fn deferred(&self) -> u64 {
        self.deferred
    }

    fn collect_due(&mut self, now: Moment) {
        while let Some(&Reverse((due, key))) = self.heap.peek() {
            if due > now.tick {
                break;
            }
            self.heap.pop();
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            if entry.due != due {
                continue; // a leftover of an entry that was replaced
            }
            let is_turn = entry.rhythm.is_turn(now.wall);
            entry.due = entry.rhythm.after(due, now);
            self.heap.push(Reverse((entry.due, key)));
            if !is_turn {
                continue;
            }
            match entry.run {
                Run::Waiting => {
                    entry.run = Run::Ready;
                    if self.running + self.ready.len() >= self.limit {
                        self.deferred += 1;
                    }
                    self.ready.push_back((due, key));
                }
                Run::Ready | Run::Running => self.skipped += 1,
            }
        }
    }
}

impl Rhythm {
    /// Whether this wake-up is a turn or only a look at the wall clock.
    fn is_turn(&self, wall: Timestamp) -> bool {
        match self {
            Self::Every { .. } => true,
            Self::Cron { next, .. } => next.is_none_or(|next| wall >= next),
        }
    }

    /// The next wake-up after the one that was due at `due`.
    fn after(&mut self, due: Duration, now: Moment) -> Duration {
        match self {
            Self::Every { interval, phase } => {
                // The turn nearest to one interval later, but never less than half of one: the
                // first turn after a start comes early and must not be followed at once.
                let earliest = (due + *interval / 2).max(now.tick + GRAIN);
                let since = earliest.saturating_sub(*phase);
                *phase + next_multiple(since, *interval)
            }
            Self::Cron { cron, zone, next } => {
                let local = now.wall.to_zoned(zone.clone());
                let planned =
                    cron.find_next_occurrence(&local, false).ok().map(|zoned| zoned.timestamp());
                *next = Some(planned.unwrap_or(Timestamp::MAX));
                let wait = planned
                    .and_then(|at| Duration::try_from(at.duration_since(now.wall)).ok())
                    .unwrap_or(WALL_LOOK);
                now.tick + wait.clamp(GRAIN, WALL_LOOK)
            }
        }
    }
}

/// Reads a cron expression (five fields, or six with seconds first) and an IANA time zone.
///
/// # Errors
/// What is wrong with them.
pub fn read_cron(expression: &str, timezone: &str) -> Result<(Cron, TimeZone), BadTiming> {
    let cron = Cron::from_str(expression).map_err(|error| BadTiming::Cron(error.to_string()))?;
    let zone = TimeZone::get(timezone).map_err(|_| BadTiming::Zone(timezone.to_owned()))?;
    Ok((cron, zone))
}

/// Where within its interval a check of this name runs: stable over restarts and versions.
fn phase(name: &str, interval: Duration) -> Duration {
    // FNV-1a, then a finalizer, because its high bits are poor for short names.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    let nanos = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX).max(1);
    Duration::from_nanos(hash % nanos)
}

/// The first multiple of `step` at or after `moment`.
fn next_multiple(moment: Duration, step: Duration) -> Duration {
    let nanos = moment.as_nanos().next_multiple_of(step.as_nanos().max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

fn phase_within(phase: Duration, spread: Duration) -> Duration {
    let nanos = u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX).max(1);
    Duration::from_nanos(u64::try_from(phase.as_nanos()).unwrap_or(0) % nanos)
}

#[cfg(test)]
mod tests;
