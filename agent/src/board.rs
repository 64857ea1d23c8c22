//! How every check stands: observations go in, transitions and snapshots come out. No I/O, no
//! clock. Deliberately absent: when checks run, and whom to tell.

mod certificates;
mod entry;
mod explain;
mod found;
mod outcomes;
mod tenures;
mod turns;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use health::facts::CertificatesSeen;
use health::records::RecordTurn;
use health::snapshot::CheckStanding;
use health::{Check, Incident, Observation, PortKey, State, Track, Transition};
use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::plan::Plan;
use crate::probe::{self, port::Sweep};
use crate::schedule::Key;
use entry::{Adopted, Entry, Origin};
use explain::claims_by_address;
pub use found::found_check;
use found::{nothing_seen, swept_port};
use tenures::{Past, Tenures};

/// How every check stands.
#[derive(Debug, Default)]
pub struct Board {
    entries: FxHashMap<Key, Entry>,
    by_name: HashMap<Arc<str>, Key>,
    /// Checks in the order of the plan; undeclared listeners after them.
    order: Vec<Key>,
    /// Those with findings: the only ones whose explanation can change by itself.
    sick: BTreeSet<Key>,
    /// Which claim's check stands for an address.
    claims_by_address: HashMap<SocketAddr, Arc<str>>,
    tenures: Tenures,
    /// Certificates that are to be written down, by check name.
    certificates: Vec<(Arc<str>, CertificatesSeen)>,
    /// What nameservers said anew, to be written down, by check name.
    turns: Vec<(Arc<str>, Vec<RecordTurn>)>,
    /// Looks that came out another way than the one before, to be written down.
    turned: outcomes::Turned,
    last_key: Key,
}

/// What a new plan changes.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// Checks to put into the schedule, to be looked at soon: new ones and changed ones.
    pub added: Vec<(Key, Arc<probe::Check>)>,
    /// Checks whose settings are the same: they keep their place in the schedule.
    pub kept: Vec<(Key, Arc<probe::Check>)>,
    /// Keys to take out of the schedule.
    pub removed: Vec<Key>,
    /// Names that are gone, with their incidents.
    pub removed_names: Vec<Arc<str>>,
}

/// A transition, and the check it happened to.
#[derive(Debug)]
pub struct Change {
    /// The check.
    pub check: Arc<Check>,
    /// State before.
    pub from: State,
    /// State after.
    pub to: State,
    /// What changed.
    pub transition: Transition,
}

impl Board {
    /// Takes a new plan: checks that are still in it keep their state; those whose settings are the
    /// same keep their place in the schedule too, and removed ones go with all they had.
    pub fn reconcile(&mut self, plan: &Plan, now: Timestamp) -> Reconciled {
        let mut reconciled = Reconciled::default();
        let mut order = Vec::with_capacity(plan.checks.len());
        for check in &plan.checks {
            let known = self.by_name.get(&check.frame.name).copied();
            let known = known.filter(|key| {
                self.entries.get(key).is_some_and(|entry| entry.frame.kind == check.frame.kind)
            });
            let key = match known.and_then(|key| self.adopt(key, check, &mut reconciled)) {
                Some(key) => key,
                None => {
                    let key = self.insert(check.frame.clone(), Origin::Planned(check.clone()), now);
                    reconciled.added.push((key, check.clone()));
                    key
                }
            };
            order.push(key);
        }
        let planned: HashSet<Key> = order.iter().copied().collect();
        let sweeps: HashMap<&str, &Arc<Sweep>> =
            plan.sweeps.iter().map(|sweep| (&*sweep.host.name, sweep)).collect();
        let mut found: Vec<Key> = Vec::new();
        let mut gone: Vec<Key> = Vec::new();
        for (&key, entry) in self.entries.iter_mut().filter(|(key, _)| !planned.contains(key)) {
            match &entry.origin {
                Origin::Found(port) if sweeps.contains_key(&*port.host) => {
                    entry.adopt_found(found_check(port, sweeps[&*port.host]));
                    found.push(key);
                }
                Origin::Found(_) | Origin::Planned(_) => gone.push(key),
            }
        }
        gone.sort_unstable();
        for key in gone {
            // A check that changed its kind keeps its name: its incident goes all the same.
            reconciled.removed_names.extend(self.remove(key));
            reconciled.removed.push(key);
        }
        found.sort_unstable();
        order.extend(found);
        self.order = order;
        self.claims_by_address = claims_by_address(plan);
        self.tenures.adopt_sweeps(&plan.sweeps);
        reconciled
    }

    /// Takes the new settings of a known check. One that changed gets another key, so that whatever
    /// a probe with the old settings still brings home is not taken for the new ones'.
    fn adopt(
        &mut self,
        key: Key,
        check: &Arc<probe::Check>,
        reconciled: &mut Reconciled,
    ) -> Option<Key> {
        let entry = self.entries.get_mut(&key)?;
        if entry.adopt(check) == Adopted::Same {
            reconciled.kept.push((key, check.clone()));
            return Some(key);
        }
        let entry = self.entries.remove(&key)?;
        let new_key = self.next_key();
        if self.sick.remove(&key) {
            self.sick.insert(new_key);
        }
        self.by_name.insert(check.frame.name.clone(), new_key);
        self.entries.insert(new_key, entry);
        reconciled.removed.push(key);
        reconciled.added.push((new_key, check.clone()));
        Some(new_key)
    }

    /// Believes an incident that was open when the agent last ran. Says whether its check exists.
    pub fn resume(&mut self, incident: &Incident, plan: &Plan, now: Timestamp) -> bool {
        let key = match self.by_name.get(&incident.check) {
            Some(&key) => key,
            None => {
                let Some((port, sweep)) = swept_port(&incident.check, plan) else { return false };
                let found = self.insert(found_check(&port, sweep), Origin::Found(port), now);
                self.order.push(found);
                found
            }
        };
        let Some(entry) = self.entries.get_mut(&key) else { return false };
        if entry.frame.kind != incident.kind {
            return false;
        }
        // The incident of a check that flaps is open while the check is well, too.
        let is_bad = matches!(incident.state, State::Degraded | State::Down);
        entry.track =
            if is_bad { Track::resume(incident, entry.frame.thresholds) } else { Track::new(now) };
        entry.refresh(now);
        if is_bad {
            self.sick.insert(key);
        }
        true
    }

    /// Recalls the states of the last run: a restart does not make anything begin anew.
    pub fn recall(&mut self, states: &HashMap<Arc<str>, (State, Timestamp)>, now: Timestamp) {
        for entry in self.entries.values_mut() {
            if let Some(&(state, since)) = states.get(&entry.frame.name) {
                entry.track.recall(state, since);
                entry.refresh(now);
            }
        }
    }

    /// Takes in what a probe saw.
    pub fn record(
        &mut self,
        key: Key,
        mut observation: Observation,
        next_due: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Change> {
        let entry = self.entries.get_mut(&key)?;
        if let Some(seen) = entry.keep_certificates(&mut observation) {
            self.certificates.push((entry.frame.name.clone(), seen));
        }
        if let Some(tenure) = entry.notice(&observation) {
            self.tenures.note(&entry.frame.name, tenure);
        }
        if let Some(turns) = entry.turns(&observation) {
            self.turns.push((entry.frame.name.clone(), turns));
        }
        let change = entry.record(observation, next_due, now, &mut self.turned);
        if entry.standing.findings.is_empty() {
            self.sick.remove(&key);
        } else {
            self.sick.insert(key);
        }
        change
    }

    /// Takes in one search for undeclared listeners: those seen are bad, those known and not seen
    /// are good, and forgotten once nothing is wrong with them any more.
    pub fn record_sweep(
        &mut self,
        sweep: &Sweep,
        seen: Vec<(PortKey, Observation)>,
        now: Timestamp,
    ) -> Vec<Change> {
        let mut changes = Vec::new();
        let past = self.tenures.begin_sweep(&sweep.host.name);
        let mut present: BTreeSet<Key> = BTreeSet::new();
        for (port, observation) in seen {
            let name: Arc<str> = port.to_string().into();
            let key = match self.by_name.get(&name) {
                Some(&key) => key,
                None => {
                    let key = self.insert(found_check(&port, sweep), Origin::Found(port), now);
                    self.order.push(key);
                    if past == Past::Same
                        && let Some(entry) = self.entries.get_mut(&key)
                    {
                        entry.was_vacant(now);
                    }
                    key
                }
            };
            if matches!(self.entries.get(&key).map(|entry| &entry.origin), Some(Origin::Found(_))) {
                present.insert(key);
                changes.extend(self.record(key, observation, None, now));
            }
        }
        let mut absent: Vec<Key> = self
            .entries
            .iter()
            .filter(|(key, entry)| {
                let of_this_host =
                    matches!(&entry.origin, Origin::Found(port) if port.host == sweep.host.name);
                of_this_host && !present.contains(key)
            })
            .map(|(&key, _)| key)
            .collect();
        // What happens at one moment is told in one order, every time.
        absent.sort_unstable();
        let mut forgotten: HashSet<Key> = HashSet::new();
        for key in absent {
            if past == Past::Other
                && let Some(entry) = self.entries.get_mut(&key)
            {
                entry.forget_tenure();
            }
            changes.extend(self.record(key, nothing_seen(now), None, now));
            let is_past = self.entries.get(&key).is_some_and(|entry| {
                entry.track.findings().next().is_none() && !entry.track.is_incident_open()
            });
            if is_past {
                if let Some(entry) = self.entries.get_mut(&key)
                    && let Some(tenure) = entry.vacate(now)
                {
                    self.tenures.note(&entry.frame.name, tenure);
                }
                self.remove(key);
                forgotten.insert(key);
            }
        }
        self.tenures.end_sweep(&sweep.host.name, past, now);
        if !forgotten.is_empty() {
            self.order.retain(|key| !forgotten.contains(key));
        }
        changes
    }

    /// The key of a check.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<Key> {
        self.by_name.get(name).copied()
    }

    /// The check behind a key.
    #[must_use]
    pub fn planned(&self, key: Key) -> Option<&Arc<probe::Check>> {
        match &self.entries.get(&key)?.origin {
            Origin::Planned(check) => Some(check),
            Origin::Found(_) => None,
        }
    }

    /// Hosts that have been swept for undeclared listeners as the plan says now, sorted.
    #[must_use]
    pub fn swept(&self) -> Vec<Arc<str>> {
        let mut hosts: Vec<Arc<str>> = self.tenures.swept().cloned().collect();
        hosts.sort_unstable();
        hosts
    }

    /// Notes the open incident of a check, so that its page can lead there.
    pub fn note_incident(&mut self, name: &str, incident: Option<Arc<str>>) {
        let entry = self.by_name.get(name).and_then(|key| self.entries.get_mut(key));
        if let Some(entry) = entry {
            Arc::make_mut(&mut entry.standing).incident = incident;
        }
    }

    /// How every check stands now, in order, with explanations brought up to date.
    pub fn standings(&mut self) -> Vec<Arc<CheckStanding>> {
        let explained: Vec<(Key, Vec<Option<Arc<str>>>)> =
            self.sick.iter().filter_map(|&key| Some((key, self.explain(key)?))).collect();
        for (key, explanations) in explained {
            let Some(entry) = self.entries.get_mut(&key) else { continue };
            let differs = entry.standing.findings.iter().zip(&explanations);
            if differs.clone().any(|(standing, by)| standing.explained_by != *by) {
                let standing = Arc::make_mut(&mut entry.standing);
                for (finding, by) in standing.findings.iter_mut().zip(explanations) {
                    finding.explained_by = by;
                }
            }
        }
        self.order.iter().filter_map(|key| Some(self.entries.get(key)?.standing.clone())).collect()
    }

    fn insert(&mut self, frame: Arc<Check>, origin: Origin, now: Timestamp) -> Key {
        let key = self.next_key();
        self.by_name.insert(frame.name.clone(), key);
        let mut entry = Entry::new(frame, origin, now);
        self.tenures.recall(&mut entry);
        self.entries.insert(key, entry);
        key
    }

    fn next_key(&mut self) -> Key {
        self.last_key += 1;
        self.last_key
    }

    /// Forgets an entry; its name, unless another entry has taken it over.
    fn remove(&mut self, key: Key) -> Option<Arc<str>> {
        let entry = self.entries.remove(&key)?;
        self.tenures.keep(&entry);
        self.sick.remove(&key);
        if self.by_name.get(&entry.frame.name) == Some(&key) {
            self.by_name.remove(&entry.frame.name);
        }
        Some(entry.frame.name.clone())
    }
}

#[cfg(test)]
mod tests;
