//! One incident as a timeline: what was found, who was told and what they answered, who was not told and why,
//! who is on it, and how it ended.

use std::collections::{HashMap, HashSet};

use askama::Template;
use health::history::{Account, NotificationRecord};
use health::incident::Flapping;
use health::{Acknowledgement, Decision, Event, Incident, Kind, Severity, StandingFinding, Why};
use jiff::{SignedDuration, Timestamp};

use crate::frame::{Frame, Tab};
use crate::quiet::Prefilled;
use crate::words::Words;
use crate::{Error, View, amount, findings, link};

/// One line of a timeline.
struct Entry<'a> {
    at: Timestamp,
    what: What<'a>,
}

/// In the order in which what happens at one moment is told.
enum What<'a> {
    Opened,
    Found(&'a StandingFinding),
    Flaps,
    /// Nobody was told for now, and why; or told by a message that has been forgotten since.
    Decided(Decided<'a>),
    /// Somebody was told, and why.
    Told(&'a NotificationRecord, Option<&'a Why>),
    Acknowledged(&'a Acknowledgement),
    Settled(&'a Flapping),
    Resolved,
}

/// One decision about one receiver or several.
struct Decided<'a> {
    receivers: Vec<&'a str>,
    event: Event,
    is_told: bool,
    why: &'a Why,
}

impl What<'_> {
    fn rank(&self) -> u8 {
        match self {
            Self::Opened => 0,
            Self::Found(_) => 1,
            Self::Flaps => 2,
            Self::Decided(_) => 3,
            Self::Told(..) => 4,
            Self::Acknowledged(_) => 5,
            Self::Settled(_) => 6,
            Self::Resolved => 7,
        }
    }
}

#[derive(Template)]
#[template(path = "incident.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    incident: &'a Incident,
    is_watched: bool,
    /// Its check was watched once, and is not any more.
    has_left: bool,
    entries: Vec<Entry<'a>>,
    /// What holds back messages about it now.
    holds: Vec<String>,
    prefilled: Prefilled<'a>,
}

/// The page of one incident, with what was told of it, and what was not.
///
/// # Errors
/// When the template fails.
pub fn incident(view: &View<'_>, account: &Account) -> Result<String, Error> {
    let Account { incident, notifications, decisions } = account;
    let t = Words(view.language);
    let page = Frame::new(view, Tab::Incidents, format!("{} · {}", incident.check, t.incidents()));
    let is_watched = view.snapshot.check(&incident.check).is_some();
    let page = Page {
        holds: holds(&page, incident, decisions),
        page,
        t,
        incident,
        is_watched,
        // What ails the agent itself has no check in any plan.
        has_left: !is_watched && incident.kind != Kind::Agent,
        entries: entries(incident, notifications, decisions),
        prefilled: Prefilled {
            check: &incident.check,
            next: link::incident(&incident.id),
            is_whole: false,
        },
    };
    Ok(page.render()?)
}

fn entries<'a>(
    incident: &'a Incident,
    notifications: &'a [NotificationRecord],
    decisions: &'a [Decision],
) -> Vec<Entry<'a>> {
    let mut entries = vec![Entry { at: incident.opened_at, what: What::Opened }];
    let mut add = |at, what| entries.push(Entry { at, what });
    for found in &incident.findings {
        add(found.since, What::Found(found));
    }
    let told: HashMap<&str, &Why> = decisions
        .iter()
        .filter_map(|decision| Some((&**decision.notification.as_ref()?, &decision.why)))
        .collect();
    for record in notifications {
        add(record.created_at, What::Told(record, told.get(&*record.id).copied()));
    }
    let known: HashSet<&str> = notifications.iter().map(|record| &*record.id).collect();
    let alone = decisions
        .iter()
        .filter(|it| !it.notification.as_deref().is_some_and(|id| known.contains(id)));
    for (at, decided) in together(alone) {
        add(at, What::Decided(decided));
    }
    if let Some(said) = &incident.acknowledged {
        add(said.at, What::Acknowledged(said));
    }
    if let Some(flapping) = &incident.flapping {
        add(flapping.since, What::Flaps);
        if let Some(at) = flapping.settled_at {
            add(at, What::Settled(flapping));
        }
    }
    if let Some(at) = incident.resolved_at {
        add(at, What::Resolved);
    }
    entries.sort_by_key(|entry| (entry.at, entry.what.rank()));
    entries
}

/// Decisions of one moment about one event, for one reason, as one.
fn together<'a>(decisions: impl Iterator<Item = &'a Decision>) -> Vec<(Timestamp, Decided<'a>)> {
    let mut all: Vec<(Timestamp, Decided<'a>)> = Vec::new();
    for decision in decisions {
        let is_told = decision.notification.is_some();
        let receiver = decision.receiver.as_deref();
        let same = all.last_mut().filter(|(at, last)| {
            *at == decision.at
                && last.event == decision.event
                && last.is_told == is_told
                && *last.why == decision.why
        });
        match same {
            Some((_, last)) => last.receivers.extend(receiver),
            None => {
                let receivers = receiver.into_iter().collect();
                let decided =
                    Decided { receivers, event: decision.event, is_told, why: &decision.why };
                all.push((decision.at, decided));
            }
        }
    }
    all
}

/// Why whoever is not told of an open incident is not told, each reason once.
fn holds(page: &Frame<'_>, incident: &Incident, decisions: &[Decision]) -> Vec<String> {
    if incident.resolved_at.is_some() {
        return Vec::new();
    }
    let last: HashMap<Option<&str>, &Decision> =
        decisions.iter().map(|decision| (decision.receiver.as_deref(), decision)).collect();
    let is_over = |until: Timestamp| until <= page.view.now;
    let mut holds: Vec<String> = last
        .values()
        .filter(|decision| decision.notification.is_none())
        .filter(|decision| decision.why.is_hold() || decision.why == Why::Unrouted)
        .filter(|decision| !decision.why.until().is_some_and(is_over))
        .map(|decision| page.why(&decision.why))
        .collect();
    holds.sort();
    holds.dedup();
    holds
}

impl Page<'_> {
    fn evidence<'f>(&self, found: &'f StandingFinding) -> Vec<(&'f str, Vec<String>)> {
        findings::evidence(&found.finding.evidence)
    }

    /// Whom a decision is about.
    fn whom(&self, decided: &Decided<'_>) -> String {
        match decided.receivers.is_empty() {
            true => self.t.whoever().to_owned(),
            false => decided.receivers.join(", "),
        }
    }

    /// What was decided, in a word.
    fn verdict(&self, decided: &Decided<'_>) -> &'static str {
        match (decided.is_told, decided.why.is_hold()) {
            (true, _) => self.t.told(),
            (false, true) => self.t.held(),
            (false, false) => self.t.not_told(),
        }
    }

    /// For how long it was bad while it changed all the time.
    fn bad_for(&self, flapping: &Flapping) -> String {
        let seconds = i64::try_from(flapping.bad_seconds).unwrap_or(i64::MAX);
        self.t.bad_for(&amount::span(self.t, SignedDuration::from_secs(seconds)))
    }

    /// Nothing more will be tried.
    fn is_given_up(&self, record: &NotificationRecord) -> bool {
        record.delivered_at.is_none() && record.next_attempt_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_decided_alike_is_told_once() {
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let decision = |seconds, receiver: &str, why| Decision {
            at: at(seconds),
            receiver: Some(receiver.into()),
            event: Event::Opened,
            notification: None,
            why,
        };
        let decisions = [
            decision(1, "ops", Why::Unrouted),
            decision(1, "boss", Why::Unrouted),
            decision(2, "ops", Why::Unrouted),
            decision(2, "boss", Why::Follows),
        ];
        let told: Vec<_> =
            together(decisions.iter()).into_iter().map(|(_, it)| it.receivers.join("+")).collect();
        assert_eq!(told, ["ops+boss", "ops", "boss"]);
    }
}
