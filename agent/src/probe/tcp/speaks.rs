//! `speaks = "…"`: a real hello in the protocol that should answer, one file per protocol.
//!
//! A new protocol is a variant here, a file, and its name in [`PROTOCOLS`]; the compiler and a test
//! ask for the rest. Deliberately absent: doing anything with the service once it has said that it
//! serves.

use std::fmt;

use health::facts::HelloFacts;
use health::{Facts, Phase};
use tokio::time::Instant;

use super::{SHOWN_CHARS, Spec};
use crate::net::{Connection, Net, Opened, printable, subject};
use crate::probe::{Sight, Stopwatch};
use crate::ssh::Fingerprint;

mod amqp;
pub(crate) mod judge;
pub(crate) mod ldap;
pub(crate) mod lines;
mod memcached;
mod mqtt;
pub(crate) mod mysql;
mod postgres;
mod redis;
mod ssh;
pub(crate) mod stranger;
#[cfg(test)]
mod tests;
pub(crate) mod wire;

use wire::Wire;

/// What the plan accepts, in the order of [`Speaks`].
pub const PROTOCOLS: &[&str] = &[
    "amqp",
    "ftp",
    "imap",
    "ldap",
    "memcached",
    "mqtt",
    "mysql",
    "pop3",
    "postgres",
    "redis",
    "smtp",
    "ssh",
];

/// Who knocks at a database where the plan names no user.
const NOBODY: &str = "portwarden";

/// Which protocol has to answer, with what its hello needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// 0-9-1: the header.
    Amqp,
    /// The greeting.
    Ftp,
    /// The greeting.
    Imap,
    /// An anonymous bind.
    Ldap,
    /// `version` over the text protocol.
    Memcached,
    /// 3.1.1: CONNECT.
    Mqtt,
    /// A login without a password.
    Mysql(Login),
    /// The greeting.
    Pop3,
    /// A startup message.
    Postgres(Login),
    /// `PING`.
    Redis,
    /// The greeting, and `EHLO`.
    Smtp,
    /// A key exchange, up to a host key that has to be one of these; none: any.
    Ssh {
        /// As the plan has them.
        host_keys: Vec<Fingerprint>,
    },
}

/// Who knocks at a database, as far as the plan says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// The user; without one, that it is refused says nothing.
    pub user: Option<Box<str>>,
    /// The database; without one, that it is missing says nothing.
    pub database: Option<Box<str>>,
    /// What the user proves to know, where the protocol has a way to do so without sending it.
    pub password: Option<Password>,
}

/// A password; never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(pub Box<str>);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Speaks {
    /// The protocol of this name, as the plan writes it, with the login that some can use; `None` when
    /// it is not one of [`PROTOCOLS`].
    #[must_use]
    pub fn named(name: &str, login: Login) -> Option<Self> {
        Some(match name {
            "amqp" => Self::Amqp,
            "ftp" => Self::Ftp,
            "imap" => Self::Imap,
            "ldap" => Self::Ldap,
            "memcached" => Self::Memcached,
            "mqtt" => Self::Mqtt,
            "mysql" => Self::Mysql(login),
            "pop3" => Self::Pop3,
            "postgres" => Self::Postgres(login),
            "redis" => Self::Redis,
            "smtp" => Self::Smtp,
            "ssh" => Self::Ssh { host_keys: Vec::new() },
            _ => return None,
        })
    }

    /// What people call it.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self {
            Self::Amqp => "AMQP",
            Self::Ftp => "FTP",
            Self::Imap => "IMAP",
            Self::Ldap => "LDAP",
            Self::Memcached => "memcached",
            Self::Mqtt => "MQTT",
            Self::Mysql(_) => "MySQL",
            Self::Pop3 => "POP3",
            Self::Postgres(_) => "PostgreSQL",
            Self::Redis => "Redis",
            Self::Smtp => "SMTP",
            Self::Ssh { .. } => "SSH",
        }
    }

    /// Who logs in; `None` for protocols without a login.
    #[must_use]
    pub const fn login(&self) -> Option<&Login> {
        match self {
            Self::Mysql(login) | Self::Postgres(login) => Some(login),
            Self::Amqp
            | Self::Ftp
            | Self::Imap
            | Self::Ldap
            | Self::Memcached
            | Self::Mqtt
            | Self::Pop3
            | Self::Redis
            | Self::Smtp
            | Self::Ssh { .. } => None,
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
            Self::Amqp => amqp::greet(&mut wire).await,
            Self::Ftp => lines::greet_ftp(&mut wire).await,
            Self::Imap => lines::greet_imap(&mut wire).await,
            Self::Ldap => ldap::greet(&mut wire).await,
            Self::Memcached => memcached::greet(&mut wire).await,
            Self::Mqtt => mqtt::greet(&mut wire).await,
            Self::Mysql(login) => mysql::greet(&mut wire, login).await,
            Self::Pop3 => lines::greet_pop3(&mut wire).await,
            Self::Postgres(login) => postgres::greet(&mut wire, login).await,
            Self::Redis => redis::greet(&mut wire).await,
            Self::Smtp => lines::greet_smtp(&mut wire).await,
            // Takes a connection for each kind of key: see `observe`.
            Self::Ssh { .. } => return Ok(()),
        };
        let shown = |bytes: &[u8]| printable(bytes.trim_ascii(), SHOWN_CHARS);
        if is_text(wire.first()) {
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

/// Whether a server's first words are words.
fn is_text(first: &[u8]) -> bool {
    !first.is_empty() && !first.iter().any(|&byte| byte < b' ' && !byte.is_ascii_whitespace())
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
pub(crate) enum Trouble {
    /// Nothing came until the deadline, or it did not take what was sent.
    Silent,
    /// Closed or reset before anything came; in the operating system's words.
    Cut(String),
    /// It began as this protocol, or may yet have become it, and no more came.
    Stalled {
        got: Vec<u8>,
        /// Closed or reset, in words; `None`: nothing until the deadline.
        cut: Option<String>,
    },
    /// What came is not this protocol.
    Stranger { got: Vec<u8>, ended: &'static str },
    /// It is the right protocol, and says that it does not serve.
    Refused(Refusal),
}

/// How a server of the right protocol says that it does not serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What that means, whatever the protocol.
    reason: Reason,
    /// Its own words, with its own code.
    said: Vec<u8>,
}

/// What a refusal means, whatever the protocol: one variant for each thing an operator would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No room for one more client.
    Full,
    /// Starting, stopping, loading or recovering.
    NotYet,
    /// Any other word that it does not serve now.
    Unavailable,
    /// Too busy for one more client, or tired of this one: it has one sentence for both.
    TurnedAway,
    /// This host may not come in.
    HostRefused,
    /// This host may not come in any more, for its many broken connections.
    HostBlocked,
    /// The user whom the plan names may not come in.
    LoginRefused,
    /// There is no such database, which the plan names.
    NoDatabase(Box<str>),
}
