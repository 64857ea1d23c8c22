//! Everything at one moment, immutable: what metrics, pages and the API are made from.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::facts::Facts;
use crate::ports::{Observed, Tenure};
use crate::{
    Check, Claim, Finding, Host, Incident, Matcher, Phases, PortKey, Silence, StandingFinding,
    State, Text, Timing,
};

/// Everything at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The vantage point's name.
    pub agent: Arc<str>,
    /// The moment.
    pub at: Timestamp,
    /// When the agent started.
    pub started_at: Timestamp,
    /// How the plan stands.
    pub plan: PlanStanding,
    /// Every check, in the order of the plan; claims and undeclared listeners among them.
    pub checks: Vec<Arc<CheckStanding>>,
    /// The plan's hosts.
    pub hosts: Vec<Arc<Host>>,
    /// Ports that this machine gives to clients, both ends included, once they have been read.
    pub ephemeral: Option<(u16, u16)>,
    /// Hosts that have been swept for undeclared listeners, by name, sorted.
    pub swept: Vec<Arc<str>>,
    /// Where this agent's own pages are; no claim names that port.
    pub listen: Option<SocketAddr>,
    /// Open incidents, newest first.
    pub incidents: Vec<Arc<Incident>>,
    /// Every receiver.
    pub receivers: Vec<ReceiverStanding>,
    /// Silences that have not ended, the one that ends first before the others.
    pub silences: Vec<Arc<Silence>>,
    /// Maintenance windows that are open, and the next of each that is not, by when they begin.
    pub maintenance: Vec<MaintenanceStanding>,
    /// What ails the agent itself: shown as a banner on every page.
    pub troubles: Vec<Trouble>,
}

impl Snapshot {
    /// The check with this name.
    #[must_use]
    pub fn check(&self, name: &str) -> Option<&Arc<CheckStanding>> {
        self.checks.iter().find(|standing| &*standing.check.name == name)
    }
}

/// How the plan stands.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanStanding {
    /// Path of the file.
    pub path: String,
    /// When the running plan was loaded.
    pub loaded_at: Timestamp,
    /// The mistakes of the last reload, when it was refused, as `validate` prints them, and when.
    pub refused: Option<(Timestamp, String)>,
}

/// How one check stands.
#[derive(Clone, Debug)]
pub struct CheckStanding {
    /// The check itself.
    pub check: Arc<Check>,
    /// The port it is about, for a claim or undeclared listener.
    pub port: Option<PortKey>,
    /// The claim; `None` for anything else and for undeclared listeners.
    pub claim: Option<Arc<Claim>>,
    /// Its state.
    pub state: State,
    /// Since when it has that state.
    pub since: Timestamp,
    /// Its state changes too often to be told each time.
    pub flapping: bool,
    /// Who holds the port and since when, for a claim or undeclared listener that has been looked at.
    pub tenure: Option<Arc<Tenure>>,
    /// Whom the proxy that it asks passes on to, nearest first, as far as the plan has addresses.
    pub upstream: Vec<SocketAddr>,
    /// The outer port, for a forward: nobody else can be given it.
    pub outer_port: Option<u16>,
    /// The last observation, `None` before the first.
    pub last: Option<Arc<Last>>,
    /// The last one that came out the other way: bad while `last` is good, good while it is bad.
    pub contrast: Option<Arc<Last>>,
    /// What is wrong now, confirmed or not, worst first.
    pub findings: Vec<StandingFinding>,
    /// The open incident's id, if one is open.
    pub incident: Option<Arc<str>>,
    /// When it is due next.
    pub next_due: Option<Timestamp>,
}

impl CheckStanding {
    /// How often it runs, for people; `None` when by cron.
    #[must_use]
    pub fn interval(&self) -> Option<Duration> {
        match self.check.timing {
            Timing::Every(interval) => Some(interval),
            Timing::Cron { .. } => None,
        }
    }

    /// The last observation that was good, if one is remembered.
    #[must_use]
    pub fn last_success(&self) -> Option<&Arc<Last>> {
        self.outcome(true)
    }

    /// The last one that was not.
    #[must_use]
    pub fn last_failure(&self) -> Option<&Arc<Last>> {
        self.outcome(false)
    }

    fn outcome(&self, success: bool) -> Option<&Arc<Last>> {
        [&self.last, &self.contrast].into_iter().flatten().find(|last| last.success == success)
    }

    /// What was seen of the port, for a claim or undeclared listener that has been looked at.
    #[must_use]
    pub fn observed(&self) -> Option<&Observed> {
        self.last.as_ref()?.facts.port.as_deref()
    }
}

/// An observation of a check that is kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Last {
    /// When the probe began.
    pub at: Timestamp,
    /// How long it took.
    #[serde(rename = "duration_seconds", with = "crate::seconds")]
    pub duration: Duration,
    /// Where the time went.
    pub phases: Phases,
    /// What was seen. A known certificate stays here while later probes fail to see one.
    pub facts: Facts,
    /// What it found wrong.
    pub findings: Vec<Finding>,
    /// It saw nothing worse than a notice.
    pub success: bool,
}

/// How a check came out once, as it is remembered over a restart.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// What was looked at: of another instance it says nothing.
    pub instance: Arc<str>,
    /// The look.
    pub last: Arc<Last>,
}

/// A maintenance window of the plan: the one that is open, or the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaintenanceStanding {
    /// Its name.
    pub name: Arc<str>,
    /// Which incidents it holds back.
    pub about: Matcher,
    /// When it opens, or opened.
    pub from: Timestamp,
    /// When it ends.
    pub until: Timestamp,
}

/// How deliveries to one receiver stand.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReceiverStanding {
    /// Its name.
    pub name: Arc<str>,
    /// Notifications not yet delivered.
    pub pending: u64,
    /// When the last one arrived.
    pub delivered_at: Option<Timestamp>,
    /// The last failure since then: when and what it answered.
    pub failed: Option<(Timestamp, String)>,
    /// Since when every attempt has failed.
    pub failing_since: Option<Timestamp>,
    /// How it is told: `webhook`, `slack`, `mail`.
    pub channel: &'static str,
}

/// Something that ails the agent itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Trouble {
    /// Since when.
    pub since: Timestamp,
    /// What is wrong and what to do.
    pub message: Text,
}
