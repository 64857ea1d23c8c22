//! One incident against everybody concerned: who was told what, what is so now, and what holds it
//! back. Every decision says why. Pure.

use std::sync::Arc;

use health::{Decision, Event, Severity, Why};
use jiff::{SignedDuration, Timestamp};

use super::holds::{Named, Reminds, due_to, why_updated};
use super::open::{OpenIncident, Said};
use super::{Engine, Step};
use crate::Notification;
use crate::policy::Routing;
use crate::retry::later;

/// What gives occasion to look at an incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// It has opened, or changed.
    Change,
    /// A reminder is due.
    Reminder,
    /// What held something back may be over, or nobody has acknowledged it for too long.
    Recheck,
}

/// Somebody who is to be told that it opened.
struct Candidate {
    receiver: Arc<str>,
    named: Named,
    why: Why,
}

impl Engine {
    /// Tells everybody concerned, or decides why not.
    pub(super) fn consider(
        &mut self,
        open: &mut OpenIncident,
        occasion: Occasion,
        now: Timestamp,
        step: &mut Step,
    ) {
        self.turn_to(now);
        open.thread = self.thread_of(open);
        // What is news to one is news to all: who is told first keeps it from nobody.
        let known = open.known();
        self.consider_known(open, occasion, now, step);
        self.consider_new(open, (occasion, known), now, step);
    }

    /// Those who know of it, in the order in which they were told.
    fn consider_known(
        &mut self,
        open: &mut OpenIncident,
        occasion: Occasion,
        now: Timestamp,
        step: &mut Step,
    ) {
        let reminds = if occasion == Occasion::Reminder { Reminds::Now } else { Reminds::NotNow };
        for at in 0..open.told.len() {
            let told = open.told[at].clone();
            let receiver = &told.receiver;
            let held = open.held_from(Some(receiver)).cloned();
            let event = due_to(open, &told, reminds).filter(|_| self.policy.knows(receiver));
            let Some(event) = event else {
                if let Some(held) = held {
                    let over = Why::OverBefore { held: Box::new(held.why) };
                    decide(open, Some(receiver), held.event, None, over, now, step);
                }
                continue;
            };
            if let Some(why) = self.hold(open, receiver, (Named::ByRoute, None), now) {
                let event = if occasion == Occasion::Reminder { Event::Reminder } else { event };
                hold_back(open, Some(receiver), (event, occasion), why, now, step);
                continue;
            }
            let held = held.map(|held| held.why);
            let why = match (event, held) {
                (Event::Reminder, Some(held)) => Why::Released { held: Box::new(held) },
                (Event::Reminder, None) => Why::Reminds { nth: told.reminders + 1 },
                (_, held) => why_updated(&open.incident, &told, held.as_ref()),
            };
            self.tell(open, receiver, event, why, now, step);
        }
    }

    /// Those who should know of it and do not.
    fn consider_new(
        &mut self,
        open: &mut OpenIncident,
        (occasion, known): (Occasion, Option<Severity>),
        now: Timestamp,
        step: &mut Step,
    ) {
        let routing = self.policy.routing(&open.incident, now);
        let candidates = self.candidates(open, &routing, occasion, now);
        self.drop_others(open, &candidates, now, step);
        let is_hold = |held: &&Decision| held.why.is_hold();
        let nobodys = open.held_from(None).filter(is_hold).map(|held| held.why.clone());
        for Candidate { receiver, named, why } in candidates {
            let held = open.held_from(Some(&receiver)).map(|held| held.why.clone());
            let held = held.or_else(|| nobodys.clone());
            match self.hold(open, &receiver, (named, known), now) {
                Some(why) => {
                    hold_back(open, Some(&receiver), (Event::Opened, occasion), why, now, step);
                }
                None => {
                    let why = held.map_or(why, |held| Why::Released { held: Box::new(held) });
                    self.tell(open, &receiver, Event::Opened, why, now, step);
                }
            }
        }
        if open.told.is_empty() && open.held.iter().all(|held| held.receiver.is_none()) {
            let why = match routing {
                Routing::OffHours(until) => Why::OffHours { until },
                Routing::Nobody => Why::Unrouted,
                Routing::To { .. } => return,
            };
            hold_back(open, None, (Event::Opened, occasion), why, now, step);
        }
    }

    /// Who is to be told now, if nothing holds it back. Whom the routes name only since the last look
    /// joins with the next change or reminder.
    fn candidates(
        &self,
        open: &OpenIncident,
        routing: &Routing,
        occasion: Occasion,
        now: Timestamp,
    ) -> Vec<Candidate> {
        let is_untold = |receiver: &str| open.told_to(receiver).is_none();
        let was_nobodys = open.held_from(None).is_some_and(|held| held.why.is_hold());
        let all =
            occasion != Occasion::Recheck || was_nobodys || open.incident.explained_by.is_some();
        let mut candidates = Vec::new();
        if let Routing::To { receivers, route } = routing {
            let concerned = receivers.iter().filter(|receiver| is_untold(receiver));
            let concerned =
                concerned.filter(|receiver| all || open.held_from(Some(receiver)).is_some());
            candidates.extend(concerned.map(|receiver| Candidate {
                receiver: Arc::clone(receiver),
                named: Named::ByRoute,
                why: Why::Routed { route: *route },
            }));
        }
        for (at, after, receiver) in self.escalations(open, now) {
            let is_known = candidates.iter().any(|one| one.receiver == receiver);
            if at <= now && !is_known {
                let after_seconds = u64::try_from(after.as_secs()).unwrap_or(0);
                let why = Why::Escalated { after_seconds };
                candidates.push(Candidate { receiver, named: Named::ByEscalation, why });
            }
        }
        // Who was to be told, and is off duty by now, is told when that is over.
        for held in &open.held {
            let Some(receiver) = &held.receiver else { continue };
            let is_known = candidates.iter().any(|one| one.receiver == *receiver);
            let is_off = self.policy.knows(receiver)
                && self.policy.off_hours(&open.incident, receiver, now).is_some();
            if is_untold(receiver) && !is_known && is_off {
                candidates.push(Candidate {
                    receiver: Arc::clone(receiver),
                    named: Named::ByRoute,
                    why: Why::Routed { route: None },
                });
            }
        }
        candidates
    }

    /// What was held back from those whom nothing names any more.
    fn drop_others(
        &self,
        open: &mut OpenIncident,
        candidates: &[Candidate],
        now: Timestamp,
        step: &mut Step,
    ) {
        let held: Vec<Arc<str>> =
            open.held.iter().filter_map(|held| held.receiver.clone()).collect();
        for receiver in held {
            let is_candidate = candidates.iter().any(|one| one.receiver == receiver);
            if open.told_to(&receiver).is_none() && !is_candidate {
                decide(open, Some(&receiver), Event::Opened, None, Why::Unrouted, now, step);
            }
        }
    }

    /// Who is told of it when nobody acknowledges it, and when: counted from when the first of those
    /// whom its route names was told. Those who know of it are absent.
    pub(super) fn escalations(
        &self,
        open: &OpenIncident,
        now: Timestamp,
    ) -> Vec<(Timestamp, SignedDuration, Arc<str>)> {
        let Some(first) = open.told.iter().map(|told| told.at).min() else { return Vec::new() };
        let Some(route) = self.policy.route(&open.incident, first.min(now)) else {
            return Vec::new();
        };
        let named = |name: &Arc<str>| route.receivers.iter().any(|one| **one == **name);
        let told = open.told.iter().filter(|told| named(&told.receiver)).map(|told| told.at);
        let Some(since) = told.min() else { return Vec::new() };
        let mut all = Vec::new();
        for step in &route.escalation {
            for name in &step.receivers {
                let name: Arc<str> = name.as_str().into();
                let is_reached = || self.policy.may_be_told(&open.incident, &name);
                if self.policy.knows(&name) && open.told_to(&name).is_none() && is_reached() {
                    all.push((later(since, step.after), step.after, name));
                }
            }
        }
        all
    }

    /// Writes one message.
    pub(super) fn tell(
        &mut self,
        open: &mut OpenIncident,
        receiver: &Arc<str>,
        event: Event,
        why: Why,
        now: Timestamp,
        step: &mut Step,
    ) {
        let number = open.notifications;
        open.notifications = number.saturating_add(1);
        let mut notification =
            Notification::new(&self.policy, &open.incident, receiver, event, number, now);
        step.complete.extend(self.gather(open, &mut notification, now));
        open.note_told(receiver, event, &Said::of(&open.incident), now);
        let id = Some(Arc::clone(&notification.id));
        decide(open, Some(receiver), event, id, why, now, step);
        step.notifications.push(notification);
    }

    /// When something is to be decided about this incident again.
    /// What was looked at until `considered` need not be looked at for that again.
    pub(super) fn next_look(
        &self,
        open: &OpenIncident,
        considered: Timestamp,
    ) -> Option<Timestamp> {
        let held = open.held.iter().filter_map(|held| held.why.until());
        // An escalation that is held back is looked at again when that is over.
        let escalations = self.escalations(open, Timestamp::MAX).into_iter();
        let escalations = escalations
            .filter(|(_, _, receiver)| open.held_from(Some(receiver)).is_none())
            .map(|(at, _, _)| at);
        let others = [self.reminder_of(open), self.settles_at(&open.incident)];
        let all = held.chain(escalations).chain(others.into_iter().flatten());
        all.filter(|at| *at > considered).min()
    }

    pub(super) fn reminder_of(&self, open: &OpenIncident) -> Option<Timestamp> {
        // Also where all are held back: that may be over by then.
        let knows = |receiver: &Arc<str>| self.policy.knows(receiver);
        let is_anybodys = self.policy.routes.is_empty()
            || open.told.iter().any(|told| knows(&told.receiver))
            || self.policy.routes.iter().any(|route| {
                route.about.is_about(&open.incident)
                    && route.receivers.iter().any(|name| self.policy.knows(name))
            });
        if !is_anybodys || self.policy.receivers.is_empty() {
            return None;
        }
        self.policy.reminders.next(open.incident.opened_at, open.called_at)
    }
}

/// Writes down why somebody is not told, unless that is known. At a reminder it is written down each
/// time: that the moment has passed must not be forgotten with a restart.
fn hold_back(
    open: &mut OpenIncident,
    receiver: Option<&Arc<str>>,
    (event, occasion): (Event, Occasion),
    why: Why,
    now: Timestamp,
    step: &mut Step,
) {
    let known = open.held_from(receiver.map(|name| &**name));
    // A reminder that is held back in the place of an update is known as that.
    let is_other = |held: &Decision| occasion == Occasion::Change && held.event != event;
    let is_new = known.is_none_or(|held| held.why != why || is_other(held));
    if is_new || (occasion == Occasion::Reminder && why.is_hold()) {
        decide(open, receiver, event, None, why, now, step);
    }
}

pub(super) fn decide(
    open: &mut OpenIncident,
    receiver: Option<&Arc<str>>,
    event: Event,
    notification: Option<Arc<str>>,
    why: Why,
    now: Timestamp,
    step: &mut Step,
) {
    let decision = Decision { at: now, receiver: receiver.cloned(), event, notification, why };
    open.note(&decision);
    step.decisions.push((Arc::clone(&open.incident.id), decision));
}
