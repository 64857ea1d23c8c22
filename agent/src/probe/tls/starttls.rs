//! `starttls = "…"`: what has to be said before TLS may begin, a way for each protocol, and the goodbye
//! within TLS that spares the server's log (and, with MySQL, spares us being blocked).
//!
//! A protocol is a variant here, its name in [`PROTOCOLS`], and a way in `lines` or `packets`; the
//! compiler and a test ask for the rest. Deliberately absent: logins.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use health::{Finding, Text};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use crate::clock::monotonic;
use crate::net::Connection;
use crate::probe::tcp::speaks::Trouble as Unheard;
use crate::probe::tcp::speaks::mysql;
use crate::probe::tcp::speaks::wire::Wire;

mod judge;
mod lines;
mod packets;
#[cfg(test)]
mod tests;

/// What the plan accepts, in the order of [`Starttls`].
pub const PROTOCOLS: &[&str] =
    &["ftp", "imap", "ldap", "lmtp", "mysql", "nntp", "pop3", "postgres", "sieve", "smtp", "xmpp"];

/// How long a server's own goodbye is waited for.
const LEAVE: Duration = Duration::from_millis(200);

/// A protocol that begins without TLS and is asked to go on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Starttls {
    /// `AUTH TLS` (RFC 4217).
    Ftp,
    /// `STARTTLS` (RFC 9051 section 6.2.1).
    Imap,
    /// An extended operation (RFC 4511 section 4.14).
    Ldap,
    /// As SMTP, after `LHLO` (RFC 2033).
    Lmtp,
    /// An SSLRequest packet.
    Mysql,
    /// `STARTTLS` (RFC 4642).
    Nntp,
    /// `STLS` (RFC 2595).
    Pop3,
    /// An SSLRequest message.
    Postgres,
    /// `STARTTLS` of ManageSieve (RFC 5804 section 2.2).
    Sieve,
    /// `STARTTLS` (RFC 3207).
    Smtp,
    /// `<starttls/>` of a client (RFC 6120 section 5).
    Xmpp,
}

/// Why TLS may not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The protocol was not heard as it should be.
    Unheard(Unheard),
    /// It serves nobody, or not us: its own words.
    TurnedAway(Vec<u8>),
    /// It serves, without TLS: what it says of itself, or to the wish.
    NotOffered(Vec<u8>),
    /// It has TLS, and does not begin it now: its own words.
    Denied(Vec<u8>),
}

impl From<Unheard> for Trouble {
    fn from(unheard: Unheard) -> Self {
        Self::Unheard(unheard)
    }
}

impl Starttls {
    /// The protocol of this name, as the plan writes it; `None` when it is not one of [`PROTOCOLS`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "ftp" => Self::Ftp,
            "imap" => Self::Imap,
            "ldap" => Self::Ldap,
            "lmtp" => Self::Lmtp,
            "mysql" => Self::Mysql,
            "nntp" => Self::Nntp,
            "pop3" => Self::Pop3,
            "postgres" => Self::Postgres,
            "sieve" => Self::Sieve,
            "smtp" => Self::Smtp,
            "xmpp" => Self::Xmpp,
            _ => return None,
        })
    }

    /// The name in the plan, among the facts, and for `openssl s_client -starttls`.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Ftp => "ftp",
            Self::Imap => "imap",
            Self::Ldap => "ldap",
            Self::Lmtp => "lmtp",
            Self::Mysql => "mysql",
            Self::Nntp => "nntp",
            Self::Pop3 => "pop3",
            Self::Postgres => "postgres",
            Self::Sieve => "sieve",
            Self::Smtp => "smtp",
            Self::Xmpp => "xmpp",
        }
    }

    /// What people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ftp => "FTP",
            Self::Imap => "IMAP",
            Self::Ldap => "LDAP",
            Self::Lmtp => "LMTP",
            Self::Mysql => "MySQL",
            Self::Nntp => "NNTP",
            Self::Pop3 => "POP3",
            Self::Postgres => "PostgreSQL",
            Self::Sieve => "ManageSieve",
            Self::Smtp => "SMTP",
            Self::Xmpp => "XMPP",
        }
    }

    /// The port that it has by itself.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Ftp => 21,
            Self::Imap => 143,
            Self::Ldap => 389,
            Self::Lmtp => 24,
            Self::Mysql => 3306,
            Self::Nntp => 119,
            Self::Pop3 => 110,
            Self::Postgres => 5432,
            Self::Sieve => 4190,
            Self::Smtp => 25,
            Self::Xmpp => 5222,
        }
    }

    /// Whether a handshake may be broken off without harm. MySQL counts such clients, and locks their
    /// host out after a hundred (`max_connect_errors`) unless one of them logged in between.
    #[must_use]
    pub const fn bears_broken_handshakes(self) -> bool {
        !matches!(self, Self::Mysql)
    }

    /// Speaks until the server waits for a ClientHello. Ends at the deadline.
    ///
    /// # Errors
    /// Why TLS may not begin.
    pub(crate) async fn begin(
        self,
        connection: Connection,
        server_name: &str,
        until: Instant,
    ) -> Result<Connection, Trouble> {
        let mut wire = Wire::new(connection, until);
        let agreed = match self {
            Self::Ftp => lines::ftp(&mut wire).await,
            Self::Imap => lines::imap(&mut wire).await,
            Self::Ldap => packets::ldap(&mut wire).await,
            Self::Lmtp => lines::smtp(&mut wire, "LHLO").await,
            Self::Mysql => packets::mysql(&mut wire).await,
            Self::Nntp => lines::nntp(&mut wire).await,
            Self::Pop3 => lines::pop3(&mut wire).await,
            Self::Postgres => packets::postgres(&mut wire).await,
            Self::Sieve => lines::sieve(&mut wire).await,
            Self::Smtp => lines::smtp(&mut wire, "EHLO").await,
            Self::Xmpp => lines::xmpp(&mut wire, server_name).await,
        };
        if let Err(Trouble::NotOffered(_) | Trouble::Denied(_)) = &agreed {
            wire.take_leave(&self.goodbye()).await;
        }
        agreed?;
        Ok(wire.into_connection()?)
    }

    /// Leaves within TLS as the protocol asks, and waits a moment for the last word.
    ///
    /// # Errors
    /// The connection's, such as an alert in place of that word.
    pub(crate) async fn leave(
        self,
        stream: &mut TlsStream<Connection>,
        until: Instant,
    ) -> io::Result<()> {
        let until = until.min(Instant::from_std(monotonic() + LEAVE));
        let goodbye = self.goodbye();
        if goodbye.is_empty() {
            return Ok(());
        }
        let mut last = [0; 512];
        let farewell = async {
            if self == Self::Mysql {
                // Who leaves before the login is counted, and locked out after a hundred times.
                stream.write_all(&mysql::framed(2, &mysql::login_within_tls())).await?;
                let read = stream.read(&mut last).await?;
                if let [_, _, _, sequence, 0xfe, ..] = last[..read] {
                    stream.write_all(&mysql::framed(sequence.wrapping_add(1), &[])).await?;
                    stream.read(&mut last).await.map(drop)?;
                }
            }
            stream.write_all(&goodbye).await?;
            stream.read(&mut last).await.map(drop)
        };
        timeout_at(until, farewell).await.unwrap_or(Ok(()))
    }

    /// The finding for what kept TLS from beginning.
    pub(crate) fn judge(
        self,
        subject: &str,
        address: SocketAddr,
        timeout: Duration,
        trouble: &Trouble,
    ) -> Finding {
        judge::judge(self, subject, address, timeout, trouble)
    }

    /// How to turn off what is older than this version.
    pub(crate) fn raise_floor(self, floor: &str) -> Text {
        judge::raise_floor(self, floor)
    }

    fn goodbye(self) -> Vec<u8> {
        match self {
            Self::Ftp | Self::Lmtp | Self::Nntp | Self::Pop3 | Self::Smtp => b"QUIT\r\n".to_vec(),
            Self::Imap => b"a2 LOGOUT\r\n".to_vec(),
            Self::Sieve => b"LOGOUT\r\n".to_vec(),
            // UnbindRequest: message 2.
            Self::Ldap => vec![0x30, 5, 2, 1, 2, 0x42, 0],
            // COM_QUIT
            Self::Mysql => mysql::framed(0, &[1]),
            // Who closes before a startup message, or before a stream, leaves no line in the log.
            Self::Postgres | Self::Xmpp => Vec::new(),
        }
    }
}
