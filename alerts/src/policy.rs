//! Who is told about what, and how often they are reminded.

use std::sync::Arc;

use health::{Language, Severity};
use jiff::{SignedDuration, Timestamp};

use crate::Receiver;

/// Which incidents go to whom. The first route that matches wins; without routes everybody hears all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Matches incidents of at least this severity; `None`: all.
    pub severity: Option<Severity>,
    /// Names of receivers.
    pub receivers: Vec<String>,
}

/// Everything the engine takes from the plan.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The vantage point's name, told in every message.
    pub agent: Arc<str>,
    /// Where people reach the dashboard, without a final slash.
    pub url: String,
    /// Language of notifications.
    pub language: Language,
    /// Every receiver.
    pub receivers: Vec<Arc<Receiver>>,
    /// Every route, first match wins.
    pub routes: Vec<Route>,
    /// When to say that an incident is still there.
    pub reminders: Reminders,
}

impl Policy {
    /// Names of the receivers that incidents of this severity go to, in the order of the route, each once.
    pub(crate) fn routed(&self, severity: Severity) -> Vec<Arc<str>> {
        let mut names: Vec<Arc<str>> = Vec::new();
        let mut add = |name: &str| {
            if self.knows(name) && !names.iter().any(|known| &**known == name) {
                names.push(name.into());
            }
        };
        if self.routes.is_empty() {
            self.receivers.iter().for_each(|receiver| add(&receiver.name));
        } else if let Some(route) =
            self.routes.iter().find(|route| route.severity.is_none_or(|least| severity >= least))
        {
            route.receivers.iter().for_each(|name| add(name));
        }
        names
    }

    /// The plan has a receiver with this name.
    pub(crate) fn knows(&self, receiver: &str) -> bool {
        self.receivers.iter().any(|known| known.name == receiver)
    }
}

/// When to say that an incident is still there: after each of these pauses, the last one repeated.
/// The moments follow from when the incident opened, so that a restart shifts none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminders {
    /// Each at least a minute; empty: never.
    pub pauses: Vec<SignedDuration>,
}

impl Default for Reminders {
    /// After 4 hours, 12 hours more, and daily from then on.
    fn default() -> Self {
        Self { pauses: [4, 12, 24].map(SignedDuration::from_hours).to_vec() }
    }
}

impl Reminders {
    /// The first moment after `called_at` at which an incident opened at `opened_at` is due.
    pub(crate) fn next(&self, opened_at: Timestamp, called_at: Timestamp) -> Option<Timestamp> {
        let least = SignedDuration::from_mins(1);
        let mut at = opened_at;
        let (&last, growing) = self.pauses.split_last()?;
        for &pause in growing {
            at = at.saturating_add(pause.max(least)).ok()?;
            if at > called_at {
                return Some(at);
            }
        }
        let last = last.max(least).as_nanos();
        let missed = (called_at.as_nanosecond() - at.as_nanosecond()).max(0) / last;
        Timestamp::from_nanosecond(at.as_nanosecond() + (missed + 1) * last).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + 3600 * hours).unwrap()
    }

    #[test]
    fn reminders_grow_apart_and_go_on_daily() {
        let reminders = Reminders::default();
        let table = [
            (0, 4),
            (3, 4),
            (4, 16),
            (5, 16),
            (16, 40),
            (39, 40),
            (40, 64),
            (500, 520),
            (520, 544),
        ];
        for (called, next) in table {
            assert_eq!(reminders.next(hours(0), hours(called)), Some(hours(next)), "{called}");
        }
        assert_eq!(Reminders { pauses: vec![] }.next(hours(0), hours(0)), None);
        // A clock that was set back does not call early.
        assert_eq!(reminders.next(hours(0), hours(-9)), Some(hours(4)));
    }
}
