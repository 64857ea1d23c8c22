//! What holds a message back, and for how long. Pure.
//!
//! A hold is a predicate over what is so now, never a queue: when it ends, what is still so and was
//! not told is told, once. Nothing holds back that something which was told is over. Quiet that was
//! asked for about a cause holds for what it explains too. Deliberately absent: probing, which none of
//! this touches.

use std::sync::Arc;

use health::snapshot::MaintenanceStanding;
use health::{Event, Incident, Severity, Silence, Why};
use jiff::Timestamp;

use super::open::{OpenIncident, Said};
use super::{Engine, Told};
use crate::Maintenance;

/// The maintenance windows as they stand at a moment, kept until one of them ends.
#[derive(Clone, Debug, Default)]
pub(super) struct Calendar {
    standings: Vec<MaintenanceStanding>,
    /// From when and until when they stand so; `None`: they have not been looked up.
    valid: Option<(Timestamp, Timestamp)>,
}

impl Calendar {
    /// Windows of the plan at this moment.
    fn look_up(maintenance: &[Maintenance], now: Timestamp) -> Self {
        let mut standings: Vec<MaintenanceStanding> =
            maintenance.iter().filter_map(|one| one.standing(now)).collect();
        standings.sort_by(|a, b| (a.from, &a.name).cmp(&(b.from, &b.name)));
        let ends = standings.iter().map(|one| one.until).min();
        Self { standings, valid: Some((now, ends.unwrap_or(Timestamp::MAX))) }
    }

    fn is_valid(&self, now: Timestamp) -> bool {
        self.valid.is_some_and(|(from, until)| from <= now && now < until)
    }

    pub(super) fn forget(&mut self) {
        self.valid = None;
    }
}

impl Engine {
    /// Every maintenance window that is open, and the next of each that is not, by when they begin.
    #[must_use]
    pub fn maintenance(&self, now: Timestamp) -> Vec<MaintenanceStanding> {
        if self.calendar.is_valid(now) {
            return self.calendar.standings.clone();
        }
        Calendar::look_up(&self.policy.maintenance, now).standings
    }

    /// When a window or a silence begins next: what is held back may then be held by that instead.
    pub(super) fn next_quiet(&self, now: Timestamp) -> Option<Timestamp> {
        let windows = self.calendar.standings.iter().map(|window| window.from);
        let silences = self.silences.values().map(|silence| silence.starts_at);
        windows.chain(silences).filter(|from| *from > now).min()
    }

    /// Brings what is kept by time up to this moment.
    pub(super) fn turn_to(&mut self, now: Timestamp) {
        if !self.calendar.is_valid(now) {
            self.calendar = Calendar::look_up(&self.policy.maintenance, now);
        }
    }

    /// What holds a message back from this receiver, if anything does. `named`: by the routes; whom an
    /// escalation names is told at any hour. `known`: the worst that anybody was told so far.
    pub(super) fn hold(
        &self,
        open: &OpenIncident,
        receiver: &str,
        (named, known): (Named, Option<Severity>),
        now: Timestamp,
    ) -> Option<Why> {
        let incident = &open.incident;
        let said = Said::of(incident);
        let told = open.told_to(receiver);
        let is_worse = match told {
            Some(told) => said.is_worse(told),
            // Somebody is on it: nobody is passed over.
            None => named == Named::ByRoute && is_news(incident, known),
        };
        let off_hours = || {
            let until = self.policy.off_hours(incident, receiver, now)?;
            (named == Named::ByRoute).then_some(Why::OffHours { until })
        };
        let acknowledged = || {
            let author = Arc::clone(&incident.acknowledged.as_ref()?.author);
            (!is_worse).then_some(Why::Acknowledged { author })
        };
        // What follows from another is told there, whoever is on it.
        let explained = || match told {
            None => self.explanation(open, receiver, named, now),
            Some(_) => None,
        };
        let flapping = || flaps(incident, told?).filter(|_| !is_worse);
        let by_time = self.quiet(open, now).or_else(off_hours);
        by_time.or_else(explained).or_else(acknowledged).or_else(flapping)
    }

    /// Quiet that was asked for about this incident, or about an open one that explains it.
    fn quiet(&self, open: &OpenIncident, now: Timestamp) -> Option<Why> {
        if self.calendar.standings.is_empty() && self.silences.is_empty() {
            return None;
        }
        let above = self.chain(open.incident.cause());
        let above = above.iter().filter_map(|name| self.open.get(name));
        std::iter::once(&open.incident)
            .chain(above.map(|above| &above.incident))
            .find_map(|incident| self.quiet_about(incident, now))
    }

    /// Of several that hold, the one that does so longest: it is the one that says until when.
    fn quiet_about(&self, incident: &Incident, now: Timestamp) -> Option<Why> {
        let windows = self.calendar.standings.iter();
        let window = windows
            .filter(|one| one.from <= now && now < one.until && one.about.is_about(incident))
            .max_by_key(|one| one.until);
        let silences = self.silences.values().map(|silence| &**silence);
        let silence = silences
            .filter(|one: &&Silence| one.is_active(now) && one.about.is_about(incident))
            .max_by_key(|one| one.ends_at);
        match (window, silence) {
            (Some(window), silence) if silence.is_none_or(|one| one.ends_at <= window.until) => {
                Some(Why::Maintenance { name: Arc::clone(&window.name), until: window.until })
            }
            (_, silence) => silence.map(|one| Why::Silenced {
                silence: Arc::clone(&one.id),
                author: Arc::clone(&one.author),
                until: one.ends_at,
            }),
        }
    }

    /// The receiver was told of what explains the incident, or soon will be.
    fn explanation(
        &self,
        open: &OpenIncident,
        receiver: &str,
        named: Named,
        now: Timestamp,
    ) -> Option<Why> {
        let incident = &open.incident;
        let explanation = incident.explained_by.as_ref()?;
        let waits = incident.waits_until.filter(|until| now < *until);
        let awaits = |until| Why::AwaitsCause { cause: Arc::clone(&explanation.check), until };
        let Some(cause) = incident.cause() else { return waits.map(awaits) };
        // What follows from an incident escalates with that.
        let escalates_above = named == Named::ByEscalation && self.open.contains_key(cause);
        if escalates_above || self.was_told_above(open, receiver) {
            return Some(Why::Explained { cause: Arc::clone(cause) });
        }
        waits.filter(|_| self.is_pending(cause, now)).map(awaits)
    }
}

/// Who names a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    /// A route.
    ByRoute,
    /// Its escalation, because nobody has acknowledged the incident.
    ByEscalation,
}

/// Whether it is worse than what anybody was told; where nobody was, whether it is critical.
fn is_news(incident: &Incident, known: Option<Severity>) -> bool {
    incident.severity > known.unwrap_or(Severity::Warning)
}

/// Whoever was told that it flaps is told when it has settled.
fn flaps(incident: &Incident, told: &Told) -> Option<Why> {
    let flapping = incident.flapping.as_ref().filter(|it| it.settled_at.is_none())?;
    let since = flapping.since;
    (told.flapping_since == Some(since)).then_some(Why::Flapping { since })
}

/// Why a receiver that knows of the incident is told how it goes on.
pub(super) fn why_updated(incident: &Incident, told: &Told, held: Option<&Why>) -> Why {
    let flapping = incident.flapping.as_ref();
    let flaps_now = flapping.filter(|it| it.settled_at.is_none()).map(|it| it.since);
    // What is worse breaks through what goes on holding.
    let held = held.filter(|held| match held {
        Why::Flapping { .. } => false,
        Why::Acknowledged { .. } => incident.acknowledged.is_none(),
        _ => true,
    });
    match (told.flapping_since, flaps_now, held) {
        (Some(_), None, _) => Why::Settled,
        (_, _, Some(held)) => Why::Released { held: Box::new(held.clone()) },
        (known, Some(since), _) if known != Some(since) => Why::FlapsNow,
        _ => Why::Follows,
    }
}

/// What the receiver would be told of an incident that it knows, if anything.
pub(super) fn due_to(open: &OpenIncident, told: &Told, reminds: Reminds) -> Option<Event> {
    let held = open.held_from(Some(&told.receiver)).map(|held| held.event);
    if Said::of(&open.incident).differs(told) {
        Some(Event::Updated)
    } else if reminds == Reminds::Now || held == Some(Event::Reminder) {
        Some(Event::Reminder)
    } else {
        None
    }
}

/// Whether a reminder is due at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reminds {
    Now,
    NotNow,
}
