//! Who has held each port, and since when: noticed at every look, remembered over restarts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use health::Host;
use health::ports::{Holding, Tenure};
use jiff::Timestamp;

use super::{Board, Entry, Origin};
use crate::probe::port::Sweep;

/// What the board knows of tenures beyond those that its entries show.
#[derive(Debug, Default)]
pub(super) struct Tenures {
    /// Changes of hands to be written down, by check name.
    moved: Vec<(Arc<str>, Arc<Tenure>)>,
    /// Those of ports that have no entry: of the last run, and of claims that left the plan.
    recalled: HashMap<Arc<str>, Arc<Tenure>>,
    /// Hosts that have been swept: what is found later was not there before.
    swept: HashSet<Arc<str>>,
    /// What is looked for on every host.
    sweeps: HashMap<Arc<str>, Arc<Sweep>>,
    /// Hosts where something else is looked for than before: who is not come upon has not gone.
    unsettled: HashSet<Arc<str>>,
}

/// What a host's earlier sweeps tell of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Past {
    /// It was not swept before.
    None,
    /// It was, in the same way.
    Same,
    /// Something else was looked for.
    Other,
}

impl Tenures {
    pub(super) fn note(&mut self, name: &Arc<str>, tenure: Arc<Tenure>) {
        self.moved.push((name.clone(), tenure));
    }

    /// What an entry begins with.
    pub(super) fn recall(&mut self, entry: &mut Entry) {
        if let Some(tenure) = self.recalled.remove(&entry.frame.name) {
            entry.remember(tenure);
        }
    }

    /// Keeps what an entry that goes knew.
    pub(super) fn keep(&mut self, entry: &Entry) {
        if let Some(tenure) = &entry.standing.tenure {
            self.recalled.insert(entry.frame.name.clone(), tenure.clone());
        }
    }

    /// Takes the sweeps of a new plan.
    pub(super) fn adopt_sweeps(&mut self, sweeps: &[Arc<Sweep>]) {
        let sweeps: HashMap<Arc<str>, Arc<Sweep>> =
            sweeps.iter().map(|sweep| (sweep.host.name.clone(), sweep.clone())).collect();
        for (host, before) in std::mem::replace(&mut self.sweeps, sweeps) {
            if self.sweeps.get(&host).is_none_or(|after| !looks_for_the_same(&before, after)) {
                self.swept.remove(&host);
                self.unsettled.insert(host);
            }
        }
    }

    /// Hosts that have been swept as the plan says now.
    pub(super) fn swept(&self) -> impl Iterator<Item = &Arc<str>> {
        self.swept.iter()
    }

    /// A sweep begins.
    pub(super) fn begin_sweep(&mut self, host: &Arc<str>) -> Past {
        let is_other = self.unsettled.remove(host);
        match (self.swept.insert(host.clone()), is_other) {
            (_, true) => Past::Other,
            (true, false) => Past::None,
            (false, false) => Past::Same,
        }
    }

    /// A sweep has ended: nobody holds the ports of this host that it did not come upon.
    pub(super) fn end_sweep(&mut self, host: &str, past: Past, now: Timestamp) {
        // A host may have a colon in its name, a port has none.
        let is_of_host = |name: &str| {
            let rest = name.strip_prefix(host).and_then(|rest| rest.strip_prefix(':'));
            rest.is_some_and(|port| !port.contains(':'))
        };
        for (name, tenure) in self.recalled.extract_if(|name, _| is_of_host(name)) {
            if past != Past::Other {
                self.moved.extend(vacated(&tenure, now).map(|tenure| (name, tenure)));
            }
        }
    }
}

impl Board {
    /// Believes who held which port when the agent last ran.
    pub fn recall_tenures(&mut self, tenures: HashMap<Arc<str>, Tenure>) {
        let tenures = tenures.into_iter().map(|(name, tenure)| (name, Arc::new(tenure)));
        self.tenures.recalled.extend(tenures);
        for entry in self.entries.values_mut() {
            self.tenures.recall(entry);
        }
    }

    /// Ports that changed hands since the last call, by check name.
    pub fn take_tenures(&mut self) -> Vec<(Arc<str>, Arc<Tenure>)> {
        std::mem::take(&mut self.tenures.moved)
    }
}

impl Entry {
    pub(super) fn remember(&mut self, tenure: Arc<Tenure>) {
        Arc::make_mut(&mut self.standing).tenure = Some(tenure);
    }

    /// Knows nothing of who held the port any more.
    pub(super) fn forget_tenure(&mut self) {
        self.vacant = None;
        if self.standing.tenure.is_some() {
            Arc::make_mut(&mut self.standing).tenure = None;
        }
    }

    /// Nobody held the port when its host was last swept.
    pub(super) fn was_vacant(&mut self, now: Timestamp) {
        if self.standing.tenure.is_none() {
            let nobody = Tenure { since: now, holding: Holding::default(), before: None };
            self.remember(Arc::new(nobody));
        }
    }

    /// Notices that the port changed hands. That nobody holds it is believed when a finding would
    /// be, so that a restart between two looks is one change.
    pub(super) fn notice(&mut self, observation: &health::Observation) -> Option<Arc<Tenure>> {
        let facts = &observation.facts;
        let seen = facts.port.as_deref().filter(|_| facts.blind.is_none())?;
        let known = self.standing.tenure.as_deref();
        if known.is_some_and(|tenure| tenure.holding.is_still(seen)) {
            self.vacant = None;
            return None;
        }
        let holding = Holding::of(seen)?;
        if known.is_none() && !holding.listening && matches!(self.origin, Origin::Found(_)) {
            // Found once and looked for no longer: nothing is known of its end.
            return None;
        }
        let mut since = observation.at;
        if let Some(known) = known {
            if holding.listening && holding.bind.is_empty() && !known.holding.bind.is_empty() {
                // The socket table could not be read this time: that it answers is no change.
                return None;
            }
            if !holding.listening {
                let (first, looks) = self.vacant.map_or((since, 1), |(at, looks)| (at, looks + 1));
                self.vacant = Some((first, looks));
                if looks < self.frame.thresholds.fail_after {
                    return None;
                }
                since = first;
            }
        }
        self.vacant = None;
        let before = known.map(|tenure| tenure.holding.clone());
        let tenure = Arc::new(Tenure { since, holding, before });
        self.remember(tenure.clone());
        Some(tenure)
    }

    /// A listener is gone for good: the change that this is, where it has not been noticed yet.
    pub(super) fn vacate(&mut self, now: Timestamp) -> Option<Arc<Tenure>> {
        let since = self.vacant.map_or(now, |(first, _)| first);
        let tenure = Arc::make_mut(&mut self.standing).tenure.take()?;
        vacated(&tenure, since)
    }
}

/// Whether two sweeps of a host come upon the same listeners; claims aside, which take over what
/// was found.
fn looks_for_the_same(before: &Sweep, after: &Sweep) -> bool {
    let is_alike = |one: &Host, other: &Host| {
        let Host { name, address, local, undeclared, addresses, ignore, claims: _ } = one;
        *name == other.name
            && *address == other.address
            && *local == other.local
            && *undeclared == other.undeclared
            && *addresses == other.addresses
            && *ignore == other.ignore
    };
    before.dashboard == after.dashboard
        && is_alike(&before.host, &after.host)
        && before.neighbours.len() == after.neighbours.len()
        && before.neighbours.iter().zip(&after.neighbours).all(|(one, other)| is_alike(one, other))
}

fn vacated(tenure: &Tenure, since: Timestamp) -> Option<Arc<Tenure>> {
    tenure.holding.listening.then(|| {
        let before = Some(tenure.holding.clone());
        Arc::new(Tenure { since, holding: Holding::default(), before })
    })
}
