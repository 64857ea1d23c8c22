//! Questions to one server: over UDP on one connected socket, all at once, each once more when
//! nothing comes back, without EDNS where the server refuses that (RFC 6891 §7), and over TCP
//! where the answer was truncated (RFC 1035 §4.2, RFC 7766). Deliberately absent: what an answer
//! means.

mod course;
mod lines;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use health::Text;
use hickory_proto::op::Message;
use tokio::time::Instant;

use super::peers::Peers;
use super::question::{Edns, Question, Role};
use crate::clock::monotonic;
use crate::net::is_exhausted;

use course::Course;
use lines::{Line, Lines};

pub(super) use lines::Way;

/// Questions, and whom to put them to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Errand<'a> {
    pub(super) server: SocketAddr,
    pub(super) source: Option<IpAddr>,
    pub(super) role: Role,
    pub(super) questions: &'a [Question],
    pub(super) deadline: Instant,
}

/// An answer that belongs to its question.
#[derive(Clone, Debug)]
pub(super) struct Arrival {
    pub(super) message: Message,
    pub(super) rtt: Duration,
    pub(super) over_tcp: bool,
    /// The first attempt was lost.
    pub(super) repeated: bool,
}

/// Why there is no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Loss {
    /// Nothing came back, twice.
    Timeout,
    /// ICMP says that nothing listens.
    Refused,
    /// No way there, in the operating system's words.
    Unreachable(String),
    /// This machine has no route there at all.
    NoRoute(String),
    /// This machine had nothing left to ask with, in the operating system's words.
    Exhausted(String),
    /// What came back is not DNS.
    Garbage,
    /// Truncated, and TCP failed like this.
    NoTcp(String),
    /// It was to be asked over TLS, and that failed like this.
    NoTls(Text),
    /// The nameserver's name has no address.
    Unresolved,
}

impl Loss {
    /// The name used in facts.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Refused | Self::Unreachable(_) => "unreachable",
            Self::NoRoute(_) => "no-route",
            Self::Exhausted(_) => "exhausted",
            Self::Garbage => "malformed",
            Self::NoTcp(_) => "no-tcp",
            Self::NoTls(_) => "no-tls",
            Self::Unresolved => "unresolved",
        }
    }

    fn of(error: &io::Error, server: SocketAddr) -> Self {
        if is_exhausted(error, server) {
            return Self::Exhausted(error.to_string());
        }
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
                Self::NoRoute(error.to_string())
            }
            _ => Self::Unreachable(error.to_string()),
        }
    }
}

/// The way to all servers: lines that are kept, and what is remembered of whom they lead to.
#[derive(Debug, Default)]
pub(super) struct Wire {
    lines: Lines,
    /// What is remembered of each server.
    pub(super) peers: Peers,
}

/// As [`Wire::ask`], for a question out of turn: on a socket of its own, remembering nothing.
pub(super) async fn ask<T>(
    errand: Errand<'_>,
    digest: impl Fn(&Question, Result<Arrival, Loss>) -> T,
) -> Vec<T> {
    if errand.is_too_late() {
        return errand.complete(Vec::new(), &digest);
    }
    let line = match Line::open(errand.way()) {
        Ok(line) => line,
        Err(error) => return errand.lose(&error, &digest),
    };
    let outcome = Course::new(errand, Edns::Whole, line, &digest).run().await;
    errand.complete(outcome.replies, &digest)
}

impl Errand<'_> {
    pub(super) fn way(&self) -> Way {
        (self.server, self.source)
    }

    /// Nothing could be asked.
    fn lose<T>(
        &self,
        error: &io::Error,
        digest: &impl Fn(&Question, Result<Arrival, Loss>) -> T,
    ) -> Vec<T> {
        let loss = Loss::of(error, self.server);
        self.questions.iter().map(|question| digest(question, Err(loss.clone()))).collect()
    }

    /// What is still open was never answered.
    fn complete<T>(
        &self,
        replies: Vec<Option<T>>,
        digest: &impl Fn(&Question, Result<Arrival, Loss>) -> T,
    ) -> Vec<T> {
        let unanswered = |question| digest(question, Err(Loss::Timeout));
        let replies = replies.into_iter().chain(std::iter::repeat_with(|| None));
        let replies = replies.zip(self.questions);
        replies.map(|(reply, question)| reply.unwrap_or_else(|| unanswered(question))).collect()
    }

    /// There is no time for any answer: a question would only be taken for a lost one.
    fn is_too_late(&self) -> bool {
        monotonic() >= self.deadline.into_std()
    }
}

impl Wire {
    /// Puts every question to the server; what `digest` makes of the answers comes in the order of
    /// the questions. Each is digested as it arrives, so that no more than one long message is held
    /// at a time. Ends at the deadline.
    pub(super) async fn ask<T>(
        &self,
        errand: Errand<'_>,
        digest: impl Fn(&Question, Result<Arrival, Loss>) -> T,
    ) -> Vec<T> {
        if errand.is_too_late() {
            return errand.complete(Vec::new(), &digest);
        }
        let (way, now) = (errand.way(), monotonic());
        let line = self.lines.take(way, now).map_or_else(|| Line::open(way), Ok);
        let line = match line {
            Ok(line) => line,
            Err(error) => return errand.lose(&error, &digest),
        };
        let edns = self.peers.edns(way, now);
        let outcome = Course::new(errand, edns, line, &digest).run().await;
        let now = monotonic();
        self.peers.note(way, &outcome.tally, now);
        if outcome.is_better_without_edns {
            self.peers.note_without_edns(way, now);
        }
        if let Some(line) = outcome.line {
            self.lines.keep(way, line, now);
        }
        errand.complete(outcome.replies, &digest)
    }
}

#[cfg(test)]
mod tests;
