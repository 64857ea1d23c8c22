//! `speaks = "…"`: a real hello in the protocol that should answer, one file per protocol.
//!
//! A new protocol is a variant here, a file, and its name in [`PROTOCOLS`]; the compiler and a test
//! ask for the rest. Deliberately absent: doing anything with the service once it has said that it
//! serves.

use health::facts::HelloFacts;
use health::{Facts, Phase};
use tokio::time::Instant;

use super::{SHOWN_CHARS, Spec};
use crate::net::{Connection, Net, Opened, printable, subject};
use crate::probe::{Sight, Stopwatch};
use crate::ssh::Fingerprint;

mod judge;
mod memcached;
mod redis;
mod ssh;
mod stranger;
mod wire;

use wire::Wire;

/// What the plan accepts, in the order of [`Speaks`].
pub const PROTOCOLS: &[&str] = &["memcached", "redis", "ssh"];

/// Which protocol has to answer, with what its hello needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// `version` over the text protocol.
    Memcached,
    /// `PING`.
    Redis,
    /// A key exchange, up to a host key that has to be one of these; none: any.
    Ssh {
        /// What the plan says of it.
        host_keys: Vec<Fingerprint>,
    },
}

impl Speaks {
    const SSH: &str = "SSH";

    /// The protocol of this name, as the plan writes it, without a user; `None` when it is not one
    /// of [`PROTOCOLS`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "memcached" => Self::Memcached,
            "redis" => Self::Redis,
            "ssh" => Self::Ssh { host_keys: Vec::new() },
            _ => return None,
        })
    }

    /// What people call it.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Memcached => "memcached",
            Self::Redis => "Redis",
            Self::Ssh { .. } => Self::SSH,
        }
    }

    /// Says hello, listens, and says goodbye where the protocol has a word for it. Ends at the deadline.
    async fn greet(
        &self,
        connection: Connection,
        deadline: Instant,
        facts: &mut Facts,
    ) -> Result<(), Trouble> {
        let mut wire = Wire::new(connection, deadline);
        let heard = match self {
            Self::Memcached => memcached::greet(&mut wire).await,
            Self::Redis => redis::greet(&mut wire).await,
            // Takes more than one connection: see `observe`.
            Self::Ssh { .. } => Ok(Greeting::default()),
        };
        let shown = |bytes: &[u8]| printable(bytes.trim_ascii(), SHOWN_CHARS);
        if !wire.first().is_empty() {
            facts.banner = Some(shown(wire.first()));
        }
        let greeting = heard?;
        facts.hello = Some(Box::new(HelloFacts {
            protocol: self.title().to_owned(),
            version: greeting.version.map(|version| shown(&version)),
            answer: shown(&greeting.answer),
        }));
        Ok(())
    }
}

/// Holds the hello over a connection that was just accepted, and judges it.
pub(super) async fn observe(
    spec: &Spec,
    protocol: &Speaks,
    opened: Opened,
    net: &Net,
    watch: &mut Stopwatch,
    mut facts: Facts,
) -> Sight {
    let connection = match opened.into_connection(&facts) {
        Ok(connection) => connection,
        Err(missed) => {
            let finding = missed.into_finding(&spec.target, watch.timeout());
            return Sight { facts, findings: vec![*finding] };
        }
    };
    if let Speaks::Ssh { host_keys } = protocol {
        return ssh::observe(spec, host_keys, connection, net, watch, facts).await;
    }
    let ended = protocol.greet(connection, watch.deadline(), &mut facts).await;
    watch.lap(Phase::Dialogue);
    let findings = match (ended, facts.address) {
        (Err(trouble), Some(address)) => {
            let subject = subject(&spec.target, address);
            vec![judge::judge(protocol, &subject, address, watch.timeout(), &trouble)]
        }
        _ => Vec::new(),
    };
    Sight { facts, findings }
}

/// What a server said that speaks the protocol and serves.
#[derive(Debug, Default, PartialEq, Eq)]
struct Greeting {
    /// The server's version, where it tells.
    version: Option<Vec<u8>>,
    /// The answer that shows it serves: `+PONG`, or what it asks for before it lets anybody in.
    answer: Vec<u8>,
}

/// Why a hello did not come to its good end.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trouble {
    /// Nothing came until the deadline, or it did not take what was sent.
    Silent,
    /// Closed or reset before anything came; in the operating system's words.
    Cut(String),
    /// What came is not this protocol, or breaks off.
    Stranger { got: Vec<u8>, ended: &'static str },
    /// It is the right protocol, and says that it does not serve.
    Refused(Refusal),
}

/// How a server of the right protocol says that it does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Refusal {
    /// What that means, whatever the protocol.
    reason: Reason,
    /// Its own words, with its own code.
    said: Vec<u8>,
}

/// What a refusal means, whatever the protocol: one variant for each thing an operator would do.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Reason {
    /// No room for one more client.
    Full,
    /// Starting, stopping, loading or recovering.
    NotYet,
    /// Any other word that it does not serve now.
    Unavailable,
    /// This host may not come in.
    HostRefused,
}
