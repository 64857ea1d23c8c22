//! Incidents: those open, those over, and the timeline of one.

use std::collections::HashSet;

use askama::Template;
use health::history::NotificationRecord;
use health::{Incident, StandingFinding};
use jiff::Timestamp;

use crate::frame::{Frame, Tab};
use crate::words::Words;
use crate::{Error, View, findings};

#[derive(Template)]
#[template(path = "incidents.html")]
struct ListPage<'a> {
    page: Frame<'a>,
    t: Words,
    open: Vec<&'a Incident>,
    recent: Vec<&'a Incident>,
}

/// Open incidents of the snapshot and of the list, and those of the list that are over.
///
/// # Errors
/// When the template fails.
pub fn incidents(view: &View<'_>, remembered: &[Incident]) -> Result<String, Error> {
    let t = Words(view.language);
    let mut known: HashSet<&str> = HashSet::new();
    let all = view.snapshot.incidents.iter().map(|incident| &**incident).chain(remembered);
    let (mut open, mut recent): (Vec<&Incident>, Vec<&Incident>) = all
        .filter(|incident| known.insert(&incident.id))
        .partition(|incident| incident.resolved_at.is_none());
    below(&mut open);
    below(&mut recent);
    open.sort_by_key(|incident| std::cmp::Reverse((incident.severity, incident.opened_at)));
    recent.sort_by_key(|incident| std::cmp::Reverse(incident.opened_at));
    let page = Frame::new(view, Tab::Incidents, t.incidents());
    Ok(ListPage { page, t, open, recent }.render()?)
}

/// Leaves out those that are listed below the one that explains them.
fn below(listed: &mut Vec<&Incident>) {
    let consequences: HashSet<&str> = listed
        .iter()
        .flat_map(|incident| &incident.consequences)
        .map(|consequence| &*consequence.incident)
        .collect();
    listed.retain(|incident| !consequences.contains(&*incident.id));
}

/// One line of a timeline.
struct Event<'a> {
    at: Timestamp,
    what: What<'a>,
}

enum What<'a> {
    Opened,
    Found(&'a StandingFinding),
    Notified(&'a NotificationRecord),
    Resolved,
}

#[derive(Template)]
#[template(path = "incident.html")]
struct Page<'a> {
    page: Frame<'a>,
    t: Words,
    incident: &'a Incident,
    is_watched: bool,
    events: Vec<Event<'a>>,
}

/// The page of one incident, with what was told of it.
///
/// # Errors
/// When the template fails.
pub fn incident(
    view: &View<'_>,
    incident: &Incident,
    notifications: &[NotificationRecord],
) -> Result<String, Error> {
    let t = Words(view.language);
    let mut events = vec![Event { at: incident.opened_at, what: What::Opened }];
    let found = incident.findings.iter();
    events.extend(found.map(|found| Event { at: found.since, what: What::Found(found) }));
    let told = notifications.iter();
    events.extend(told.map(|told| Event { at: told.created_at, what: What::Notified(told) }));
    if let Some(at) = incident.resolved_at {
        events.push(Event { at, what: What::Resolved });
    }
    events.sort_by_key(|event| event.at);
    let page = Page {
        page: Frame::new(view, Tab::Incidents, format!("{} · {}", incident.check, t.incidents())),
        t,
        incident,
        is_watched: view.snapshot.check(&incident.check).is_some(),
        events,
    };
    Ok(page.render()?)
}

impl Page<'_> {
    fn evidence<'f>(&self, found: &'f StandingFinding) -> Vec<(&'f str, Vec<String>)> {
        findings::evidence(&found.finding.evidence)
    }
}
