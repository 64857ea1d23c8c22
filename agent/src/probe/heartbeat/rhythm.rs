//! When a job is due after its last call: after a period, or by a cron expression.

use std::sync::Arc;
use std::time::Duration;

use croner::Cron;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// A job's clock may be a little ahead of ours: who calls this shortly before a turn means that turn.
const AHEAD: SignedDuration = SignedDuration::from_secs(10);

/// How often a job is due.
#[derive(Clone, Debug)]
pub struct Rhythm {
    /// As the plan says it; two that are written alike are alike.
    pub written: Arc<str>,
    beat: Beat,
}

#[derive(Clone, Debug)]
enum Beat {
    Every(Duration),
    Cron { cron: Box<Cron>, zone: TimeZone },
}

impl PartialEq for Rhythm {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl Rhythm {
    /// Once in a period.
    #[must_use]
    pub fn every(period: Duration, written: &str) -> Self {
        Self { written: written.into(), beat: Beat::Every(period) }
    }

    /// By a cron expression in a zone.
    #[must_use]
    pub fn cron(cron: Cron, zone: TimeZone, written: &str) -> Self {
        Self { written: written.into(), beat: Beat::Cron { cron: Box::new(cron), zone } }
    }

    /// When it is due next, after a call at this moment; `None`: never again.
    #[must_use]
    pub fn after(&self, call: Timestamp) -> Option<Timestamp> {
        match &self.beat {
            Beat::Every(period) => call.checked_add(*period).ok(),
            Beat::Cron { .. } => {
                let next = self.turn_after(call)?;
                match self.turn_after(next) {
                    Some(then) if self.is_meant(call, next, then) => Some(then),
                    _ => Some(next),
                }
            }
        }
    }

    /// The time from one turn to the next, as it is about now: what defaults are made from.
    #[must_use]
    pub fn period(&self, now: Timestamp) -> Duration {
        match &self.beat {
            Beat::Every(period) => *period,
            Beat::Cron { .. } => {
                let next = self.turn_after(now);
                let gap = next.and_then(|next| Some(self.turn_after(next)?.duration_since(next)));
                gap.and_then(|gap| gap.try_into().ok()).unwrap_or_default()
            }
        }
    }

    /// Whether a call just before a turn was for that turn.
    fn is_meant(&self, call: Timestamp, next: Timestamp, then: Timestamp) -> bool {
        let ahead = AHEAD.min(then.duration_since(next) / 4);
        next.duration_since(call) <= ahead
    }

    fn turn_after(&self, moment: Timestamp) -> Option<Timestamp> {
        let Beat::Cron { cron, zone } = &self.beat else { return None };
        let local = moment.to_zoned(zone.clone());
        cron.find_next_occurrence(&local, false).ok().map(|zoned| zoned.timestamp())
    }
}
