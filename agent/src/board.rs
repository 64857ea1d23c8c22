//! How every check stands: observations go in, transitions and snapshots come out. No I/O, no
//! clock. Deliberately absent: when checks run, and whom to tell.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use health::snapshot::{CheckStanding, Last};
use health::{
    Check, Code, Incident, Kind, Observation, PortKey, Protocol, Severity, StandingFinding, State,
    Track, Transition,
};
use jiff::Timestamp;

use crate::plan::{self, Endpoint, Plan, Target};
use crate::probe::{self, Spec, port::Sweep};
use crate::schedule::Key;

/// How every check stands.
#[derive(Debug, Default)]
pub struct Board {
    entries: HashMap<Key, Entry>,
    by_name: HashMap<Arc<str>, Key>,
    /// Checks in the order of the plan; undeclared listeners after them.
    order: Vec<Key>,
    /// Those with findings: the only ones whose explanation can change by itself.
    sick: BTreeSet<Key>,
    /// Which claim's check stands for an address.
    claims_by_address: HashMap<SocketAddr, Arc<str>>,
    last_key: Key,
}

#[derive(Debug)]
struct Entry {
    frame: Arc<Check>,
    origin: Origin,
    track: Track,
    standing: Arc<CheckStanding>,
}

/// Where a check comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// The plan.
    Planned(Arc<probe::Check>),
    /// A sweep that found a listener which the plan does not know.
    Found(PortKey),
}

/// What a new plan changes.
#[derive(Debug, Default)]
pub struct Reconciled {
    /// Checks to put into the schedule.
    pub added: Vec<(Key, Arc<probe::Check>)>,
    /// Checks that keep their place in the schedule and take the new plan's settings.
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
    /// Takes a new plan: checks that are still in it keep their state, and their place in the
    /// schedule unless their timing changed; removed ones go with all they had.
    pub fn reconcile(&mut self, plan: &Plan, now: Timestamp) -> Reconciled {
        let mut reconciled = Reconciled::default();
        let mut order = Vec::with_capacity(plan.checks.len());
        let mut keep: HashMap<Key, ()> = HashMap::with_capacity(plan.checks.len());
        for check in &plan.checks {
            let known = self.by_name.get(&check.frame.name).copied();
            let key = match known.and_then(|key| Some((key, self.entries.get_mut(&key)?))) {
                Some((key, entry)) if entry.frame.kind == check.frame.kind => {
                    entry.adopt(check, key, &mut reconciled)
                }
                _ => {
                    let key = self.insert(check.frame.clone(), Origin::Planned(check.clone()), now);
                    reconciled.added.push((key, check.clone()));
                    key
                }
            };
            keep.insert(key, ());
            order.push(key);
        }
        let swept: BTreeSet<&str> = plan.sweeps.iter().map(|sweep| &*sweep.host.name).collect();
        let mut found: Vec<Key> = Vec::new();
        let mut gone: Vec<Key> = Vec::new();
        for (&key, entry) in &self.entries {
            match &entry.origin {
                Origin::Found(port) if swept.contains(&*port.host) && !keep.contains_key(&key) => {
                    found.push(key);
                }
                _ if keep.contains_key(&key) => {}
                _ => gone.push(key),
            }
        }
        for key in gone {
            if let Some(name) = self.remove(key) {
                // A check that changed its kind keeps its name: its incident goes all the same.
                reconciled.removed_names.push(name);
            }
            reconciled.removed.push(key);
        }
        found.sort_unstable();
        order.extend(found);
        self.order = order;
        self.claims_by_address = claims_by_address(plan);
        reconciled
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
        entry.track = Track::resume(incident, entry.frame.thresholds);
        entry.refresh(None, now);
        self.sick.insert(key);
        true
    }

    /// Takes in what a probe saw.
    pub fn record(
        &mut self,
        key: Key,
        observation: Observation,
        next_due: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Change> {
        let entry = self.entries.get_mut(&key)?;
        let change = entry.record(observation, next_due, now);
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
        let mut present: BTreeSet<Key> = BTreeSet::new();
        for (port, observation) in seen {
            let name: Arc<str> = port.to_string().into();
            let key = match self.by_name.get(&name) {
                Some(&key) => key,
                None => {
                    let key = self.insert(found_check(&port, sweep), Origin::Found(port), now);
                    self.order.push(key);
                    key
                }
            };
            if matches!(self.entries.get(&key).map(|entry| &entry.origin), Some(Origin::Found(_))) {
                present.insert(key);
                changes.extend(self.record(key, observation, None, now));
            }
        }
        let absent: Vec<Key> = self
            .entries
            .iter()
            .filter(|(key, entry)| {
                let of_this_host =
                    matches!(&entry.origin, Origin::Found(port) if port.host == sweep.host.name);
                of_this_host && !present.contains(key)
            })
            .map(|(&key, _)| key)
            .collect();
        for key in absent {
            changes.extend(self.record(key, nothing_seen(now), None, now));
            let forgotten = self.entries.get(&key).is_some_and(|entry| {
                entry.track.findings().next().is_none() && !entry.track.is_incident_open()
            });
            if forgotten {
                self.remove(key);
                self.order.retain(|&known| known != key);
            }
        }
        changes
    }

    /// The check behind a key.
    #[must_use]
    pub fn planned(&self, key: Key) -> Option<&Arc<probe::Check>> {
        match &self.entries.get(&key)?.origin {
            Origin::Planned(check) => Some(check),
            Origin::Found(_) => None,
        }
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

    /// What explains a check's findings now: a sick check it depends on, or the sick claim of the
    /// very address it could not reach.
    fn explain(&self, key: Key) -> Option<Vec<Option<Arc<str>>>> {
        let entry = self.entries.get(&key)?;
        let dependency = entry.frame.depends_on.iter().find(|name| self.is_sick(name)).cloned();
        let explanations =
            entry.standing.findings.iter().map(|standing| {
                dependency.clone().or_else(|| self.sick_claim_behind(entry, standing))
            });
        Some(explanations.collect())
    }

    fn sick_claim_behind(&self, entry: &Entry, standing: &StandingFinding) -> Option<Arc<str>> {
        let Origin::Planned(check) = &entry.origin else { return None };
        let addresses: Vec<SocketAddr> = match (standing.finding.code, &check.spec) {
            (Code::HttpBadGateway, Spec::Http(spec)) => {
                spec.upstream.iter().filter_map(Endpoint::address).collect()
            }
            (
                Code::TcpRefused | Code::TcpTimeout | Code::TcpUnreachable,
                Spec::Http(_) | Spec::Tls(_) | Spec::Tcp(_),
            ) => entry.standing.last.as_ref()?.facts.address.into_iter().collect(),
            _ => return None,
        };
        addresses
            .iter()
            .filter_map(|address| self.claims_by_address.get(address))
            .find(|name| self.is_sick(name))
            .cloned()
    }

    fn is_sick(&self, name: &str) -> bool {
        let entry = self.by_name.get(name).and_then(|key| self.entries.get(key));
        entry.is_some_and(|entry| {
            entry.track.findings().any(|standing| standing.finding.severity > Severity::Notice)
        })
    }

    fn insert(&mut self, frame: Arc<Check>, origin: Origin, now: Timestamp) -> Key {
        self.last_key += 1;
        let key = self.last_key;
        self.by_name.insert(frame.name.clone(), key);
        self.entries.insert(key, Entry::new(frame, origin, now));
        key
    }

    /// Forgets an entry; its name, unless another entry has taken it over.
    fn remove(&mut self, key: Key) -> Option<Arc<str>> {
        let entry = self.entries.remove(&key)?;
        self.sick.remove(&key);
        if self.by_name.get(&entry.frame.name) == Some(&key) {
            self.by_name.remove(&entry.frame.name);
        }
        Some(entry.frame.name.clone())
    }
}

impl Entry {
    fn new(frame: Arc<Check>, origin: Origin, now: Timestamp) -> Self {
        let (port, claim) = match &origin {
            Origin::Planned(check) => match &check.spec {
                Spec::Port(spec) => (Some(spec.claim.key.clone()), Some(spec.claim.clone())),
                _ => (None, None),
            },
            Origin::Found(port) => (Some(port.clone()), None),
        };
        let standing = Arc::new(CheckStanding {
            check: frame.clone(),
            port,
            claim,
            state: State::Unknown,
            since: now,
            flapping: false,
            last: None,
            findings: Vec::new(),
            incident: None,
            next_due: None,
        });
        Self { frame, origin, track: Track::new(now), standing }
    }

    /// Takes the settings of a new plan; state and history stay.
    fn adopt(&mut self, check: &Arc<probe::Check>, key: Key, reconciled: &mut Reconciled) -> Key {
        if self.frame.timing == check.frame.timing && matches!(self.origin, Origin::Planned(_)) {
            reconciled.kept.push((key, check.clone()));
        } else {
            reconciled.removed.push(key);
            reconciled.added.push((key, check.clone()));
        }
        let is_same = matches!(&self.origin, Origin::Planned(known) if plan::same(known, check));
        self.frame = check.frame.clone();
        self.origin = Origin::Planned(check.clone());
        let standing = Arc::make_mut(&mut self.standing);
        if !is_same {
            // What was seen belongs to the old settings: a certificate, say, of another server.
            standing.last = None;
        }
        standing.check = check.frame.clone();
        if let Spec::Port(spec) = &check.spec {
            standing.port = Some(spec.claim.key.clone());
            standing.claim = Some(spec.claim.clone());
        }
        key
    }

    fn record(
        &mut self,
        mut observation: Observation,
        next_due: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Change> {
        let from = self.track.state();
        let transition = self.track.advance(&observation, self.frame.thresholds, now);
        let success = observation.is_good();
        if let Some(last) = &self.standing.last {
            // A known certificate stays known while its server cannot be asked.
            if observation.facts.tls.is_none() {
                observation.facts.tls.clone_from(&last.facts.tls);
            }
        }
        let last = Last {
            at: observation.at,
            duration: observation.duration,
            phases: observation.phases,
            facts: observation.facts,
            success,
        };
        self.refresh(Some(last), now);
        Arc::make_mut(&mut self.standing).next_due = next_due;
        transition.map(|transition| Change {
            check: self.frame.clone(),
            from,
            to: self.track.state(),
            transition,
        })
    }

    fn refresh(&mut self, last: Option<Last>, now: Timestamp) {
        let standing = Arc::make_mut(&mut self.standing);
        standing.state = self.track.state();
        standing.since = self.track.since();
        standing.flapping = self.track.is_flapping(now);
        standing.findings.clear();
        standing.findings.extend(self.track.findings().cloned());
        if let Some(last) = last {
            standing.last = Some(Arc::new(last));
        }
    }
}

fn nothing_seen(at: Timestamp) -> Observation {
    Observation {
        at,
        duration: std::time::Duration::ZERO,
        phases: health::Phases::default(),
        facts: health::Facts::default(),
        findings: Vec::new(),
    }
}

/// The check that stands for an undeclared listener.
#[must_use]
pub fn found_check(port: &PortKey, sweep: &Sweep) -> Arc<Check> {
    let name: Arc<str> = port.to_string().into();
    Arc::new(Check {
        instance: name.clone(),
        name,
        kind: Kind::Port,
        host: Some(port.host.clone()),
        timing: health::Timing::Every(sweep.interval),
        timeout: sweep.interval,
        thresholds: sweep.thresholds,
        depends_on: Vec::new(),
    })
}

/// Reads `HOST:PORT` or `HOST:PORT/udp` back, where the plan sweeps that host.
fn swept_port<'a>(name: &str, plan: &'a Plan) -> Option<(PortKey, &'a Sweep)> {
    let (plain, protocol) = match name.strip_suffix("/udp") {
        Some(plain) => (plain, Protocol::Udp),
        None => (name, Protocol::Tcp),
    };
    let (host, port) = plain.rsplit_once(':')?;
    let sweep = plan.sweeps.iter().find(|sweep| &*sweep.host.name == host)?;
    let port = port.parse().ok()?;
    Some((PortKey { host: sweep.host.name.clone(), port, protocol }, sweep))
}

fn claims_by_address(plan: &Plan) -> HashMap<SocketAddr, Arc<str>> {
    let claims = plan.checks.iter().filter_map(|check| match &check.spec {
        Spec::Port(spec) if spec.claim.key.protocol == Protocol::Tcp => {
            Some((spec.target.address()?, check.frame.name.clone()))
        }
        _ => None,
    });
    claims.collect()
}

impl Endpoint {
    /// The socket address, where no name has to be resolved.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self.host {
            Target::Address(address) => Some(SocketAddr::new(address, self.port)),
            Target::Name(_) => None,
        }
    }
}
