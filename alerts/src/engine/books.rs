//! The books on open incidents: by check, by id, by what they belong together with, and when each is to
//! be looked at again. Pure. Deliberately absent: what for.

use std::sync::Arc;

use jiff::Timestamp;

use super::Engine;
use super::open::OpenIncident;

impl Engine {
    /// Takes an incident out of every book, to be changed and kept again.
    pub(super) fn take(&mut self, check: &str) -> Option<OpenIncident> {
        let open = self.open.remove(check)?;
        self.unschedule(&open);
        Some(open)
    }

    /// Puts it back. What was looked at until `considered` need not be looked at for that again.
    pub(super) fn keep(&mut self, mut open: OpenIncident, considered: Timestamp) {
        let check = Arc::clone(&open.incident.check);
        open.next_look = self.next_look(&open, considered);
        self.agenda.extend(open.next_look.map(|at| (at, Arc::clone(&check))));
        self.gatherings.join(&open);
        self.open.insert(check, open);
    }

    fn unschedule(&mut self, open: &OpenIncident) {
        if let Some(at) = open.next_look {
            self.agenda.remove(&(at, Arc::clone(&open.incident.check)));
        }
        self.gatherings.leave(open);
    }

    pub(super) fn forget(&mut self, open: &OpenIncident) {
        self.unschedule(open);
        self.checks.remove(&open.incident.id);
    }

    pub(super) fn reschedule(&mut self) {
        self.agenda.clear();
        let names: Vec<Arc<str>> = self.open.keys().cloned().collect();
        for name in names {
            let Some(mut open) = self.take(&name) else { continue };
            open.thread = self.thread_of(&open);
            self.keep(open, Timestamp::MIN);
        }
    }
}
