//! What of all that waits goes out together: pure, so that a burst and an outage are tables.
//!
//! What was sent once goes out again as it did, under the same id. What was never sent is put together
//! as the receiver likes it; while nothing arrives there, it is held, so that a night of outage ends in
//! few messages. Deliberately absent: what belongs together, which the engine has decided.

use std::collections::BTreeMap;
use std::sync::Arc;

use health::Event;
use jiff::Timestamp;

use crate::notification::bundle_id;
use crate::{Bundling, Head};

/// So many at once go each alone to whoever wants each by its id; more do not.
const MOST_SINGLES: usize = 10;
/// So many messages about different things come to people at once; more become one.
const MOST_THREADS: usize = 3;
/// What programs are sent at once: notifications, and bytes of their bodies.
const PROGRAMS: Room = Room { count: 500, bytes: 512 * 1024 };
/// What is put before people at once, who read its beginning and how many more there are.
const PEOPLE: Room = Room { count: 2000, bytes: 4 * 1024 * 1024 };

/// What goes out as one message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parcel {
    /// Its `webhook-id`.
    pub(super) id: Arc<str>,
    /// What it says.
    pub(super) event: Event,
    /// Ids of notifications that are to be joined first; empty: it is written down what is in it.
    pub(super) joins: Vec<Arc<str>>,
    /// How many notifications it is.
    pub(super) count: u64,
    /// Attempts made so far.
    pub(super) attempts: u32,
    /// When it is due.
    pub(super) due_at: Timestamp,
    /// When the last attempt is made.
    pub(super) expires_at: Timestamp,
}

/// What waits, put together.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Packed {
    /// What may be sent now, what is due first before the others.
    pub(super) ready: Vec<Parcel>,
    /// When something else is due; `None`: nothing is.
    pub(super) next: Option<Timestamp>,
}

/// Whether what was never tried may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gate {
    /// It may.
    Open,
    /// Nothing arrives: what was tried before is enough to learn when that is over.
    Shut,
}

#[derive(Clone, Copy)]
struct Room {
    count: usize,
    bytes: u64,
}

/// Puts together what waits for one receiver, apart from what is under way.
pub(super) fn pack(heads: &[Head], bundling: Bundling, gate: Gate, now: Timestamp) -> Packed {
    let mut known: BTreeMap<&Arc<str>, Parcel> = BTreeMap::new();
    let mut fresh: Vec<&Head> = Vec::new();
    let mut next: Option<Timestamp> = None;
    for head in heads {
        if head.attempts > 0 || head.bundle.is_some() {
            let id = head.bundle.as_ref().unwrap_or(&head.id);
            known
                .entry(id)
                .and_modify(|parcel| parcel.add(head))
                .or_insert_with(|| Parcel { id: Arc::clone(id), ..Parcel::of(head) });
        } else if head.due_at > now {
            next = earlier(next, head.due_at);
        } else if gate == Gate::Open || head.expires_at <= now {
            fresh.push(head);
        }
    }
    let mut ready = Vec::new();
    for parcel in known.into_values() {
        if parcel.due_at <= now {
            ready.push(parcel);
        } else {
            next = earlier(next, parcel.due_at);
        }
    }
    let groups = match bundling {
        Bundling::Burst if fresh.len() > MOST_SINGLES => by_event(&fresh, PROGRAMS),
        Bundling::Burst | Bundling::Never => fresh.into_iter().map(|head| vec![head]).collect(),
        Bundling::Window => by_thread(&fresh),
    };
    ready.extend(groups.iter().filter_map(|group| joined(group)));
    ready.sort_by_key(|parcel| parcel.due_at);
    Packed { ready, next }
}

impl Parcel {
    fn of(head: &Head) -> Self {
        Self {
            id: Arc::clone(&head.id),
            event: head.event,
            joins: Vec::new(),
            count: 1,
            attempts: head.attempts,
            due_at: head.due_at,
            expires_at: head.expires_at,
        }
    }

    fn add(&mut self, head: &Head) {
        self.count += 1;
        self.attempts = self.attempts.max(head.attempts);
        self.due_at = self.due_at.min(head.due_at);
        // None is given up before its time.
        self.expires_at = self.expires_at.max(head.expires_at);
    }
}

fn joined(group: &[&Head]) -> Option<Parcel> {
    let (first, others) = group.split_first()?;
    let mut parcel = Parcel::of(first);
    if !others.is_empty() {
        others.iter().for_each(|head| parcel.add(head));
        parcel.joins = group.iter().map(|head| Arc::clone(&head.id)).collect();
        parcel.id = bundle_id(&parcel.joins);
    }
    Some(parcel)
}

/// By what they say; tests and the like go alone.
fn by_event<'a>(heads: &[&'a Head], room: Room) -> Vec<Vec<&'a Head>> {
    let mut events: BTreeMap<&str, Vec<&Head>> = BTreeMap::new();
    let mut groups = Vec::new();
    for head in heads {
        if goes_alone(head.event) {
            groups.push(vec![*head]);
        } else {
            events.entry(head.event.label()).or_default().push(head);
        }
    }
    groups.extend(events.into_values().flat_map(|all| within(&all, room)));
    groups
}

/// By what they say and what they belong together with; of very many threads one message is made.
fn by_thread<'a>(heads: &[&'a Head]) -> Vec<Vec<&'a Head>> {
    let mut threads: BTreeMap<(&str, &str), Vec<&Head>> = BTreeMap::new();
    for head in heads {
        // What belongs together with nothing else is a thread of its own.
        let thread = head.thread.as_ref().unwrap_or(&head.id);
        threads.entry((head.event.label(), thread)).or_default().push(head);
    }
    let mut events: BTreeMap<&str, Vec<Vec<&Head>>> = BTreeMap::new();
    for ((event, _), thread) in threads {
        events.entry(event).or_default().push(thread);
    }
    let mut groups = Vec::new();
    for threads in events.into_values() {
        let is_burst = threads.len() > MOST_THREADS;
        if is_burst && threads.iter().flatten().all(|head| !goes_alone(head.event)) {
            let mut all: Vec<&Head> = threads.into_iter().flatten().collect();
            all.sort_by_key(|head| head.due_at);
            groups.extend(within(&all, PEOPLE));
        } else {
            groups.extend(threads.iter().flat_map(|thread| within(thread, PEOPLE)));
        }
    }
    groups
}

/// It tells of no incident.
fn goes_alone(event: Event) -> bool {
    matches!(event, Event::Test | Event::Missed)
}

fn within<'a>(heads: &[&'a Head], room: Room) -> Vec<Vec<&'a Head>> {
    let mut groups: Vec<Vec<&Head>> = Vec::new();
    let mut bytes = 0;
    for head in heads {
        bytes += head.bytes;
        match groups.last_mut() {
            Some(group) if group.len() < room.count && bytes <= room.bytes => group.push(head),
            _ => {
                bytes = head.bytes;
                groups.push(vec![head]);
            }
        }
    }
    groups
}

fn earlier(known: Option<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    Some(known.map_or(at, |known| known.min(at)))
}

#[cfg(test)]
mod tests;
