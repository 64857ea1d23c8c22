//! The plan: all of probes.toml after validation. An invalid plan cannot be constructed
//! outside this module.
//!
//! [`load`] reads a file and [`parse`] a text; both hand back a plan or every mistake at once.
//! Which keys there are is declared once, in `schema`, and read through `row`, which notes
//! whatever does not fit. Deliberately absent: defaults of single kinds of checks, which stand
//! with the kind, and anything that runs.

mod acme;
mod agent;
mod alerting;
mod authority;
mod cookie;
mod cron;
mod dns;
mod expect;
mod forward;
mod frame;
mod grpc;
mod heartbeat;
mod hosts;
mod hours;
mod http;
mod icmp;
mod ignored;
mod journey;
mod labels;
mod load;
mod maintenance;
mod matching;
mod mistakes;
mod names;
mod notes;
mod reading;
mod receivers;
mod renewal;
mod request;
mod road;
mod routes;
mod row;
mod same;
mod schema;
mod surroundings;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod udp;
mod values;
mod websocket;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use health::{Host, Language};
use jiff::tz::TimeZone;

use crate::metrics::Vocabulary;
use crate::probe;

pub(crate) use dns::accepts;
pub use load::{load, load_agent, parse};
pub use mistakes::{Mistake, Mistakes};
pub use same::same;
pub use schema::schema;
pub use surroundings::{Surroundings, ThisMachine};

/// A duration as the plan writes it: `500ms 30s 5m 12h 21d`.
///
/// # Errors
/// What is wrong with it and how to write it, for people.
pub fn duration(text: &str) -> Result<Duration, String> {
    values::duration(text).map_err(notes::Wrong::sentence)
}

/// All of probes.toml after validation.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file it was read from.
    pub path: PathBuf,
    /// `[agent]`.
    pub agent: Agent,
    /// Every `[[host]]`.
    pub hosts: Vec<Arc<Host>>,
    /// Every check, in the order of the file: claims first, host by host.
    pub checks: Vec<Arc<probe::Check>>,
    /// Every local host whose undeclared listeners are looked for.
    pub sweeps: Vec<Arc<probe::port::Sweep>>,
    /// Every `[[receiver]]`.
    pub receivers: Vec<Arc<alerts::Receiver>>,
    /// Every `[[route]]`, first match wins.
    pub routes: Vec<alerts::Route>,
    /// Every `[[maintenance]]`.
    pub maintenance: Vec<alerts::Maintenance>,
    /// `[alerts]`.
    pub alerting: Alerting,
}

/// `[alerts]`: how incidents are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alerting {
    /// Whose clocks tell the times in messages, where a receiver has none of its own.
    pub timezone: TimeZone,
    /// When to say that an incident is still there.
    pub reminders: alerts::Reminders,
    /// How long what belongs together is gathered.
    pub grouping: alerts::Grouping,
    /// When a check changes too often to be told each time.
    pub flaps: alerts::Flaps,
    /// The sign that goes out while the agent is well.
    pub heartbeat: Option<OutgoingHeartbeat>,
}

/// A sign to somebody else that the agent is well: what stops when it is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutgoingHeartbeat {
    /// What is fetched; an HTTP or HTTPS URL that may hold a secret.
    pub url: alerts::Hidden,
    /// How often; from a second to a day.
    pub every: Duration,
}

/// Whether a host's `address` may be this.
#[must_use]
pub fn is_address(text: &str) -> bool {
    names::target(text).is_ok()
}

/// Whether a claim's `process` may be this.
#[must_use]
pub fn is_process(text: &str) -> bool {
    values::process(text).is_ok()
}

/// Whether a claim's `unit` may be this.
#[must_use]
pub fn is_unit(text: &str) -> bool {
    values::unit(text).is_ok()
}

/// Whether a claim's `user` may be this.
#[must_use]
pub fn is_user(text: &str) -> bool {
    values::user(text).is_ok()
}

/// `[agent]`: this vantage point.
#[derive(Clone, Debug, PartialEq)]
pub struct Agent {
    /// Its name; the `agent` label.
    pub name: Arc<str>,
    /// Where dashboard, API and metrics are served.
    pub listen: SocketAddr,
    /// How people reach the dashboard, without a final slash; links in notifications start with it.
    pub url: String,
    /// The embedded database.
    pub store: PathBuf,
    /// Language of notifications.
    pub language: Language,
    /// Resolver for target names and delegation walks; `None`: the system's.
    pub resolver: Option<SocketAddr>,
    /// Root servers to begin delegation walks at; empty: walks are left to the resolver.
    pub hints: Vec<SocketAddr>,
    /// How many probes may be under way at once.
    pub probes_in_flight: usize,
    /// Exporters whose names /metrics speaks too.
    pub metrics_also: Vec<Vocabulary>,
    /// What lets somebody silence and acknowledge; `None`: a token is made and kept beside the store.
    pub token: Option<alerts::Hidden>,
}

/// A name or an address, and a port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Whom.
    pub host: Target,
    /// Port, never 0.
    pub port: u16,
}

/// A name to be resolved, or an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// To be resolved at each probe.
    Name(Arc<str>),
    /// Dialled as it is.
    Address(IpAddr),
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

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Target::Name(name) => write!(f, "{name}:{}", self.port),
            Target::Address(address) => SocketAddr::new(*address, self.port).fmt(f),
        }
    }
}
