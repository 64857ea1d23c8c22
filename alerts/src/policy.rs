//! Who is told about what, at which hours, and how often they are reminded.

use std::collections::BTreeSet;
use std::sync::Arc;

use croner::parser::{CronParser, Seconds, Year};
use health::snapshot::MaintenanceStanding;
use health::{Incident, Matcher};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::Receiver;
use crate::retry::later;

mod hours;

pub use hours::Hours;

/// Which incidents go to whom. The first route that matches wins; without routes everybody hears all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Route {
    /// Which incidents it is for.
    pub about: Matcher,
    /// At which hours; `None`: always.
    pub hours: Option<Hours>,
    /// Names of receivers.
    pub receivers: Vec<String>,
    /// Who else is told when nobody acknowledges it, in the order of time.
    pub escalation: Vec<Escalation>,
}

/// Who else is told of an incident that nobody has acknowledged for so long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Escalation {
    /// Since the first of the route's receivers was told; at least a second.
    pub after: SignedDuration,
    /// Names of receivers.
    pub receivers: Vec<String>,
}

/// A time in which some incidents are told to nobody new.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maintenance {
    /// Unique among them.
    pub name: Arc<str>,
    /// Which incidents.
    pub about: Matcher,
    /// When.
    pub window: Window,
}

impl Maintenance {
    /// The window that is open at this moment, or the next; `None` once there is none any more.
    #[must_use]
    pub fn standing(&self, now: Timestamp) -> Option<MaintenanceStanding> {
        let (from, until) = self.window.at_or_after(now)?;
        let (name, about) = (Arc::clone(&self.name), self.about.clone());
        Some(MaintenanceStanding { name, about, from, until })
    }
}

impl Window {
    /// The span that holds at this moment, or the next; `None` once there is none any more.
    #[must_use]
    pub fn at_or_after(&self, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Once { from, until } => (now < *until).then_some((*from, *until)),
            Self::Cron { expression, timezone, lasts } => {
                let parser =
                    CronParser::builder().seconds(Seconds::Optional).year(Year::Disallowed).build();
                let cron = parser.parse(expression).ok()?;
                // One that began just so long ago has ended.
                let earliest = now.checked_sub(*lasts).ok()?.to_zoned(timezone.clone());
                let from = cron.find_next_occurrence(&earliest, false).ok()?.timestamp();
                Some((from, later(from, *lasts)))
            }
        }
    }
}

/// When something holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Window {
    /// Once.
    Once {
        /// From this moment;
        from: Timestamp,
        /// up to this one.
        until: Timestamp,
    },
    /// Again and again.
    Cron {
        /// When it begins: five or six fields, read before.
        expression: String,
        /// Whose clocks.
        timezone: TimeZone,
        /// For how long.
        lasts: SignedDuration,
    },
}

/// How long incidents that belong together are gathered for one message to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// After the first of them;
    pub wait: SignedDuration,
    /// and between one message about the same thing and the next.
    pub interval: SignedDuration,
}

impl Default for Grouping {
    /// Five seconds, and a minute.
    fn default() -> Self {
        Self { wait: SignedDuration::from_secs(5), interval: SignedDuration::from_mins(1) }
    }
}

/// Everything the engine takes from the plan.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// The vantage point's name, told in every message.
    pub agent: Arc<str>,
    /// Where people reach the dashboard, without a final slash.
    pub url: String,
    /// Every receiver.
    pub receivers: Vec<Arc<Receiver>>,
    /// Every route, first match wins.
    pub routes: Vec<Route>,
    /// Every maintenance window.
    pub maintenance: Vec<Maintenance>,
    /// When to say that an incident is still there.
    pub reminders: Reminders,
    /// How long what belongs together is gathered.
    pub grouping: Grouping,
    /// When a check changes too often to be told each time.
    pub flaps: Flaps,
    /// Receivers that messages do not reach now; not from the plan.
    pub failing: BTreeSet<Arc<str>>,
}

/// When a check changes too often to be told each time, and when that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flaps {
    /// So many changes of state, at least 2 (0: each is told, however many there are),
    pub changes: usize,
    /// within so much time.
    pub within: SignedDuration,
    /// It has settled once it has not changed for so long.
    pub settled_after: SignedDuration,
}

impl Default for Flaps {
    /// Six changes (three times bad, three times well) within an hour; a quarter of an hour of quiet.
    fn default() -> Self {
        Self {
            changes: 6,
            within: SignedDuration::from_hours(1),
            settled_after: SignedDuration::from_mins(15),
        }
    }
}

/// Whom the routes name at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Routing {
    /// These, in the order of the route, each once; by which route, counted from 1.
    To { receivers: Vec<Arc<str>>, route: Option<u32> },
    /// Nobody at this time of day; until when, where that is known.
    OffHours(Option<Timestamp>),
    /// Nobody.
    Nobody,
}

impl Policy {
    /// Whom the routes name for an incident as it is, at this moment.
    pub(crate) fn routing_by_plan(&self, incident: &Incident, now: Timestamp) -> Routing {
        if self.routes.is_empty() {
            let names: Vec<&str> = self.receivers.iter().map(|one| &*one.name).collect();
            return self.named(&names, None);
        }
        let mut off_hours = None;
        for (route, number) in self.routes.iter().zip(1_u32..) {
            if !route.about.is_about(incident) {
                continue;
            }
            match &route.hours {
                Some(hours) if !hours.contain(now) => {
                    let begin = hours.next_begin(now);
                    let sooner = off_hours.flatten().into_iter().chain(begin).min();
                    off_hours = Some(sooner);
                }
                _ => {
                    let names: Vec<&str> = route.receivers.iter().map(String::as_str).collect();
                    return self.named(&names, Some(number));
                }
            }
        }
        off_hours.map_or(Routing::Nobody, Routing::OffHours)
    }

    fn named(&self, names: &[&str], route: Option<u32>) -> Routing {
        let mut receivers: Vec<Arc<str>> = Vec::with_capacity(names.len());
        for &name in names {
            if self.knows(name) && !receivers.iter().any(|known| &**known == name) {
                receivers.push(name.into());
            }
        }
        if receivers.is_empty() { Routing::Nobody } else { Routing::To { receivers, route } }
    }

    /// Names of the receivers that an incident goes to at this moment.
    pub(crate) fn routed(&self, incident: &Incident, now: Timestamp) -> Vec<Arc<str>> {
        match self.routing(incident, now) {
            Routing::To { receivers, .. } => receivers,
            Routing::OffHours(_) | Routing::Nobody => Vec::new(),
        }
    }

    /// The route that this incident goes by at this moment.
    pub(crate) fn route(&self, incident: &Incident, now: Timestamp) -> Option<&Route> {
        let is_open = |route: &&Route| route.hours.as_ref().is_none_or(|hours| hours.contain(now));
        self.routes.iter().filter(|route| route.about.is_about(incident)).find(is_open)
    }

    /// Whether every route that names this receiver for the incident does so at other hours; and when
    /// one does again, where that is known.
    pub(crate) fn off_hours(
        &self,
        incident: &Incident,
        receiver: &str,
        now: Timestamp,
    ) -> Option<Option<Timestamp>> {
        let mut off_hours = None;
        for route in &self.routes {
            let names = route.receivers.iter().any(|name| name == receiver);
            if names && route.about.is_about(incident) {
                // One route without hours is enough.
                let hours = route.hours.as_ref().filter(|hours| !hours.contain(now))?;
                let begin = hours.next_begin(now);
                off_hours = Some(off_hours.flatten().into_iter().chain(begin).min());
            }
        }
        off_hours
    }

    /// The receiver with this name.
    pub(crate) fn receiver(&self, name: &str) -> Option<&Arc<Receiver>> {
        self.receivers.iter().find(|known| known.name == name)
    }

    /// The plan has a receiver with this name.
    pub(crate) fn knows(&self, receiver: &str) -> bool {
        self.receiver(receiver).is_some()
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
