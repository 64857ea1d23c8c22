//! How long did it take: the one place where a probe reads the monotonic clock.

use std::time::{Duration, Instant};

use health::{Phase, Phases};

/// Measures the phases of one probe and knows its deadline.
#[derive(Debug)]
pub struct Stopwatch {
    start: Instant,
    lap: Instant,
    timeout: Duration,
    phases: Phases,
}

impl Stopwatch {
    /// Starts a probe that must end within `timeout`.
    #[must_use]
    pub fn start(timeout: Duration) -> Self {
        let start = crate::clock::monotonic();
        Self { start, lap: start, timeout, phases: Phases::default() }
    }

    /// Another one beside it with the same deadline, for what runs side by side.
    #[must_use]
    pub fn beside(&self) -> Self {
        Self { lap: crate::clock::monotonic(), phases: Phases::default(), ..*self }
    }

    /// Ends a phase: the time since the last lap (or the start) belongs to it.
    pub fn lap(&mut self, phase: Phase) {
        let now = crate::clock::monotonic();
        self.phases.add(phase, now - self.lap);
        self.lap = now;
    }

    /// Takes in what one measured that ran meanwhile.
    pub fn take_in(&mut self, part: &Self) {
        for (phase, took) in part.phases.iter() {
            self.phases.add(phase, took);
        }
        self.lap = crate::clock::monotonic();
    }

    /// When the probe must have ended.
    #[must_use]
    pub fn deadline(&self) -> tokio::time::Instant {
        (self.start + self.timeout).into()
    }

    /// When half of the time left is over: until then a probe may wait for what it can do without.
    #[must_use]
    pub fn soon(&self) -> tokio::time::Instant {
        self.deadline().checked_sub(self.left() / 2).unwrap_or_else(|| self.deadline())
    }

    /// Time left until the deadline, zero when it has passed.
    #[must_use]
    pub fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.elapsed())
    }

    /// The bound on this probe.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        crate::clock::monotonic() - self.start
    }

    /// What was measured so far.
    #[must_use]
    pub fn phases(&self) -> &Phases {
        &self.phases
    }

    /// What was measured.
    #[must_use]
    pub fn into_phases(self) -> Phases {
        self.phases
    }
}
