//! The frame of a check, the same for every kind.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What kind of thing a check looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A claim or an undeclared listener: `HOST:PORT`.
    Port,
    /// A TCP connection and what it says first.
    Tcp,
    /// An HTTP request.
    Http,
    /// A TLS handshake and the chain served.
    Tls,
    /// A zone on its authoritative nameservers.
    Dns,
    /// Certificate files.
    Certificate,
    /// A router or NAT rule: the outer way and the inner way.
    Forward,
    /// The way of a challenge file over HTTP-01.
    Acme,
    /// HTTP requests one after another that share cookies.
    Journey,
    /// A WebSocket upgrade.
    Websocket,
    /// A gRPC service that is asked for its health.
    Grpc,
    /// An echo request.
    Icmp,
    /// A datagram and its answer.
    Udp,
    /// A job that reports by itself.
    Heartbeat,
    /// The agent itself: no check of the plan has this kind.
    Agent,
}

impl Kind {
    /// Every kind that checks of a plan have, in the order pages group them.
    pub const ALL: &'static [Kind] = &[
        Kind::Http,
        Kind::Journey,
        Kind::Websocket,
        Kind::Grpc,
        Kind::Tls,
        Kind::Certificate,
        Kind::Dns,
        Kind::Tcp,
        Kind::Udp,
        Kind::Icmp,
        Kind::Heartbeat,
        Kind::Acme,
        Kind::Forward,
        Kind::Port,
    ];

    /// Every kind that an incident can have: those of checks, and the agent itself.
    pub const OF_INCIDENTS: [Kind; Kind::ALL.len() + 1] = {
        let mut kinds = [Kind::Agent; Kind::ALL.len() + 1];
        let mut at = 0;
        while at < Kind::ALL.len() {
            kinds[at] = Kind::ALL[at];
            at += 1;
        }
        kinds
    };

    /// The name used in JSON, metrics and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Port => "port",
            Self::Tcp => "tcp",
            Self::Http => "http",
            Self::Tls => "tls",
            Self::Dns => "dns",
            Self::Certificate => "certificate",
            Self::Forward => "forward",
            Self::Acme => "acme",
            Self::Journey => "journey",
            Self::Websocket => "websocket",
            Self::Grpc => "grpc",
            Self::Icmp => "icmp",
            Self::Udp => "udp",
            Self::Heartbeat => "heartbeat",
            Self::Agent => "agent",
        }
    }
}

/// When a check is due.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Timing {
    /// Every so often; the phase is spread by a stable hash of the name.
    Every(Duration),
    /// By a cron expression in an IANA time zone.
    Cron {
        /// Five or six fields.
        expression: String,
        /// Such as `Asia/Seoul`.
        timezone: String,
    },
}

/// How many observations it takes to believe a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Consecutive bad observations before an incident opens; at least 1.
    pub fail_after: u32,
    /// Consecutive good ones before it resolves; at least 1.
    pub recover_after: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { fail_after: 2, recover_after: 1 }
    }
}

/// What every check has, whatever its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Unique among checks; a claim's is `HOST:PORT`, with `/udp` after it for UDP.
    pub name: Arc<str>,
    /// Its kind.
    pub kind: Kind,
    /// What is looked at, for people and for the `instance` label: an address, a URL, a zone, a path.
    pub instance: Arc<str>,
    /// The plan's host it belongs to, where that is known.
    pub host: Option<Arc<str>>,
    /// When it is due.
    pub timing: Timing,
    /// The bound on one probe.
    pub timeout: Duration,
    /// When to believe it.
    pub thresholds: Thresholds,
    /// Checks (or `host:port`) whose own incident explains this one's.
    pub depends_on: Vec<Arc<str>>,
    /// For routes, silences and whoever is told: the check's own, then its host's.
    pub labels: BTreeMap<Arc<str>, Arc<str>>,
}
