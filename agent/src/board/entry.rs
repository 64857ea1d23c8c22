//! One check on the board: its settings, its state over time, and how that is shown.

use std::net::SocketAddr;
use std::sync::Arc;

use health::facts::CertificatesSeen;
use health::snapshot::{CheckStanding, Last};
use health::{Check, Observation, PortKey, State, Track};
use jiff::Timestamp;

use super::Change;
use super::outcomes::Turned;
use crate::plan;
use crate::probe::{self, Spec};

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) frame: Arc<Check>,
    pub(super) origin: Origin,
    pub(super) track: Track,
    pub(super) standing: Arc<CheckStanding>,
    /// Since when, and how many looks in a row, nobody was seen on a port that somebody held.
    pub(super) vacant: Option<(Timestamp, u32)>,
    /// What it saw in the last run of the agent, until it has looked again.
    pub(super) recalled: Option<Box<CertificatesSeen>>,
    /// How it came out in the last run, until it has looked again.
    pub(super) outcomes: Vec<Arc<Last>>,
}

/// Where a check comes from.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// The plan.
    Planned(Arc<probe::Check>),
    /// A sweep that found a listener which the plan does not know.
    Found(PortKey),
}

/// Whether a new plan changed a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Adopted {
    /// Its settings are the ones it had.
    Same,
    /// It is to be looked at anew.
    Changed,
}

impl Entry {
    /// A check that has never been looked at.
    pub(super) fn new(frame: Arc<Check>, origin: Origin, now: Timestamp) -> Self {
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
            tenure: None,
            upstream: upstream(&origin),
            outer_port: outer_port(&origin),
            last: None,
            contrast: None,
            findings: Vec::new(),
            incident: None,
            next_due: None,
        });
        Self {
            frame,
            origin,
            track: Track::new(now),
            standing,
            vacant: None,
            recalled: None,
            outcomes: Vec::new(),
        }
    }

    /// Takes the settings of a new plan; state stays. Says whether they are the ones it had.
    pub(super) fn adopt(&mut self, check: &Arc<probe::Check>) -> Adopted {
        let is_same = matches!(&self.origin, Origin::Planned(known) if plan::same(known, check));
        // From afar a port has other holders than its sockets tell.
        if has_moved(&self.origin, check) {
            self.forget_tenure();
        }
        self.frame = check.frame.clone();
        self.origin = Origin::Planned(check.clone());
        let standing = Arc::make_mut(&mut self.standing);
        standing.check = check.frame.clone();
        standing.upstream = upstream(&self.origin);
        standing.outer_port = outer_port(&self.origin);
        if let Spec::Port(spec) = &check.spec {
            standing.port = Some(spec.claim.key.clone());
            standing.claim = Some(spec.claim.clone());
        }
        if is_same {
            return Adopted::Same;
        }
        // What was seen belongs to the old settings: a certificate, say, of another server.
        standing.last = None;
        standing.contrast = None;
        standing.next_due = None;
        self.recalled = None;
        self.outcomes = Vec::new();
        Adopted::Changed
    }

    /// Takes the settings of a sweep that have changed.
    pub(super) fn adopt_found(&mut self, frame: Arc<Check>) {
        if self.frame != frame {
            Arc::make_mut(&mut self.standing).check = frame.clone();
            self.frame = frame;
        }
    }

    /// Takes in what a probe saw. One that could not look changes nothing: it neither opens an
    /// incident nor heals one, and what was seen last still stands.
    pub(super) fn record(
        &mut self,
        observation: Observation,
        next_due: Option<Timestamp>,
        now: Timestamp,
        turned: &mut Turned,
    ) -> Option<Change> {
        if observation.facts.blind.is_some() {
            Arc::make_mut(&mut self.standing).next_due = next_due;
            return None;
        }
        let from = self.track.state();
        let transition = self.track.advance(&observation, self.frame.thresholds, now);
        let success = observation.is_good();
        let last = Last {
            at: observation.at,
            duration: observation.duration,
            phases: observation.phases,
            facts: observation.facts,
            findings: observation.findings,
            success,
        };
        self.refresh(now);
        self.keep(last, turned);
        Arc::make_mut(&mut self.standing).next_due = next_due;
        transition.map(|transition| Change {
            check: self.frame.clone(),
            from,
            to: self.track.state(),
            transition,
        })
    }

    /// Shows what the track says now.
    pub(super) fn refresh(&mut self, now: Timestamp) {
        let standing = Arc::make_mut(&mut self.standing);
        standing.state = self.track.state();
        standing.since = self.track.since();
        standing.flapping = self.track.is_flapping(now);
        standing.findings.clear();
        standing.findings.extend(self.track.findings().cloned());
    }
}

/// Whether a claim's host is looked at from inside now and was not before, or the other way round.
fn has_moved(origin: &Origin, after: &probe::Check) -> bool {
    let Origin::Planned(before) = origin else { return false };
    match (&before.spec, &after.spec) {
        (Spec::Port(before), Spec::Port(after)) => before.host.local != after.host.local,
        _ => false,
    }
}

/// The addresses that an HTTP check's proxy passes on to.
fn upstream(origin: &Origin) -> Vec<SocketAddr> {
    match origin {
        Origin::Planned(check) => match &check.spec {
            Spec::Http(spec) => spec.upstream.iter().filter_map(plan::Endpoint::address).collect(),
            _ => Vec::new(),
        },
        Origin::Found(_) => Vec::new(),
    }
}

fn outer_port(origin: &Origin) -> Option<u16> {
    match origin {
        Origin::Planned(check) => check.spec.outer_port(),
        Origin::Found(_) => None,
    }
}
