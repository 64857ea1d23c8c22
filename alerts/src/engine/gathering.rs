//! What belongs together and comes within a while goes out as one message: what each notification
//! belongs together with, and when it is due. Pure. Deliberately absent: making one message of them,
//! which the courier does, and remembering windows over a restart: they last a minute.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use health::Event;
use jiff::Timestamp;

use super::Engine;
use super::open::OpenIncident;
use crate::retry::later;
use crate::{Bundling, Notification};

/// Windows that are kept before those that are over are looked for.
const MOST_WINDOWS: usize = 256;

/// Messages of one receiver that say the same of what belongs together, and wait for each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gathered {
    /// Whom they go to.
    pub receiver: Arc<str>,
    /// What they say.
    pub event: Event,
    /// What they belong together with.
    pub thread: Arc<str>,
}

/// Their names.
type Checks = BTreeSet<Arc<str>>;

/// Which windows there are, and which open incidents belong together.
#[derive(Clone, Debug, Default)]
pub(super) struct Gatherings {
    /// When the last window of a receiver, an event and a thread ends.
    windows: BTreeMap<(Arc<str>, Event, Arc<str>), Timestamp>,
    /// Checks with open incidents, by thread and by who was told of them.
    threads: BTreeMap<(Arc<str>, Arc<str>), Checks>,
    kept: usize,
}

impl Gatherings {
    pub(super) fn join(&mut self, open: &OpenIncident) {
        for told in &open.told {
            let key = (Arc::clone(&open.thread), Arc::clone(&told.receiver));
            self.threads.entry(key).or_default().insert(Arc::clone(&open.incident.check));
        }
    }

    pub(super) fn leave(&mut self, open: &OpenIncident) {
        for told in &open.told {
            let key = (Arc::clone(&open.thread), Arc::clone(&told.receiver));
            if let Some(thread) = self.threads.get_mut(&key) {
                thread.remove(&open.incident.check);
                if thread.is_empty() {
                    self.threads.remove(&key);
                }
            }
        }
    }

    /// Forgets windows that were over before this moment, now and then.
    fn prune(&mut self, before: Timestamp) {
        if self.windows.len() > MOST_WINDOWS.max(2 * self.kept) {
            self.windows.retain(|_, ends| *ends >= before);
            self.kept = self.windows.len();
        }
    }
}

impl Engine {
    /// What an incident belongs together with: the host of its root cause, else that cause; the host
    /// of its check, else the check.
    pub(super) fn thread_of(&self, open: &OpenIncident) -> Arc<str> {
        let chain = self.chain(open.incident.cause());
        let root = chain.last().map(|name| (name, self.open.get(name)));
        let (check, host) = match root {
            Some((name, root)) => (name, root.and_then(|root| root.incident.host.as_ref())),
            None => (&open.incident.check, open.incident.host.as_ref()),
        };
        host.map_or_else(|| format!("check {check}"), |host| format!("host {host}")).into()
    }

    /// Says what a message belongs together with and when it is due; and whether what waits for others
    /// of the same kind need not wait any more.
    pub(super) fn gather(
        &mut self,
        open: &OpenIncident,
        notification: &mut Notification,
        now: Timestamp,
    ) -> Option<Gathered> {
        let receiver = self.policy.receiver(&notification.receiver);
        let bundling = receiver.map_or(Bundling::Never, |receiver| receiver.bundling);
        if bundling == Bundling::Never {
            return None;
        }
        notification.thread = Some(Arc::clone(&open.thread));
        if bundling != Bundling::Window {
            return None;
        }
        let gathered = Gathered {
            receiver: Arc::clone(&notification.receiver),
            event: notification.event,
            thread: Arc::clone(&open.thread),
        };
        // The last that is over has nothing to wait for, and neither have those before it.
        if notification.event == Event::Resolved && !self.has_company(open, &notification.receiver)
        {
            let key = (gathered.receiver, gathered.event, gathered.thread);
            let (key, ends) = self.gatherings.windows.remove_entry(&key)?;
            let (receiver, event, thread) = key;
            return (now < ends).then_some(Gathered { receiver, event, thread });
        }
        notification.due_at = self.window(gathered, now);
        None
    }

    fn window(&mut self, gathered: Gathered, now: Timestamp) -> Timestamp {
        let grouping = self.policy.grouping;
        let Gathered { receiver, event, thread } = gathered;
        let waits = match event {
            // Others are about to recover, too, each when it is looked at.
            Event::Resolved => grouping.interval.max(grouping.wait),
            _ => grouping.wait,
        };
        let key = (receiver, event, thread);
        let soonest = later(now, waits);
        let due = match self.gatherings.windows.get(&key) {
            // A clock that was set back makes nobody wait for the old time.
            Some(&ends) if now < ends => ends.min(later(soonest, grouping.interval)),
            Some(&ended) => soonest.max(later(ended, grouping.interval)),
            None => soonest,
        };
        self.gatherings.windows.insert(key, due);
        self.gatherings.prune(now.checked_sub(grouping.interval).unwrap_or(now));
        due
    }

    /// Whether this receiver was told of another incident of the same thread that is still open.
    fn has_company(&self, open: &OpenIncident, receiver: &str) -> bool {
        let key = (Arc::clone(&open.thread), Arc::from(receiver));
        let told = self.gatherings.threads.get(&key);
        told.into_iter().flatten().any(|check| *check != open.incident.check)
    }
}
