//! Questions to one server: over UDP on one connected socket, all at once, each once more when
//! nothing comes back, and over TCP where the answer was truncated (RFC 1035 §4.2, RFC 7766).
//!
//! The socket is connected, so that a closed port is known at once and the kernel drops what
//! comes from anywhere else. Deliberately absent: what an answer means.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hickory_proto::op::Message;
use ring::rand::{SecureRandom, SystemRandom};
use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::over_tcp;
use super::question::{Head, Question, Role};
use crate::clock::monotonic;
use crate::net::{is_exhausted, not_ours};

/// Room for one datagram; a sane one is no larger than the EDNS payload that was offered.
const PACKET_BYTES: usize = 4096;
/// Queries under way at once to one server: below what servers limit, and what socket buffers hold.
const MOST_IN_FLIGHT: usize = 64;
/// TCP connections at once to one server.
const MOST_STREAMS: usize = 4;
/// Packets that answer nothing, before a server is taken for a babbler.
const MOST_STRAYS: usize = 512;
/// Packets taken in a row before others get a turn.
const BURST: usize = 32;
/// The second attempt waits this long, or two fifths of the timeout if that is less.
const LONGEST_FIRST_ATTEMPT: Duration = Duration::from_secs(2);

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

/// Puts every question to the server; what `digest` makes of the answers comes in the order of the
/// questions. Each is digested as it arrives, so that no more than one long message is held at a
/// time. Ends at the deadline.
pub(super) async fn ask<T>(
    errand: Errand<'_>,
    digest: impl Fn(&Question, Result<Arrival, Loss>) -> T,
) -> Vec<T> {
    let mut course = Course::new(errand, &digest);
    let end = match open(&errand) {
        Ok(socket) => course.run(&socket).await,
        Err(error) => Loss::of(&error, errand.server),
    };
    let replies = course.replies.into_iter().zip(errand.questions);
    replies
        .map(|(reply, question)| reply.unwrap_or_else(|| digest(question, Err(end.clone()))))
        .collect()
}

/// A connected UDP socket that is already non-blocking.
fn open(errand: &Errand<'_>) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(errand.server), Type::DGRAM.nonblocking(), None)?;
    if let Some(source) = errand.source {
        let bound = socket.bind(&SocketAddr::new(source, 0).into());
        bound.map_err(|error| not_ours(source, error))?;
    }
    socket.connect(&errand.server.into())?;
    UdpSocket::from_std(socket.into())
}

/// A question that is under way.
struct Flight {
    question: usize,
    /// One for each attempt, so that a late answer to the first is not timed by the second.
    sent: [(u16, Instant); 2],
    attempts: usize,
}

/// All questions of one errand on their way.
struct Course<'a, T, D> {
    errand: Errand<'a>,
    digest: &'a D,
    replies: Vec<Option<T>>,
    /// Truncated over UDP, to be asked over TCP when there is room.
    truncated: Vec<usize>,
    flights: Vec<Flight>,
    next: usize,
    strays: usize,
    first_attempt: Duration,
    /// Two random bytes for each attempt at each question.
    ids: Vec<u8>,
    packet: Vec<u8>,
}

impl<'a, T, D: Fn(&Question, Result<Arrival, Loss>) -> T> Course<'a, T, D> {
    fn new(errand: Errand<'a>, digest: &'a D) -> Self {
        let count = errand.questions.len();
        let mut ids = vec![0; count * 4];
        // Ids guard against off-path forgery alone; without randomness the connected socket's own
        // random port still does.
        let _ = SystemRandom::new().fill(&mut ids);
        let left = errand.deadline.saturating_duration_since(monotonic().into());
        Self {
            errand,
            digest,
            replies: std::iter::repeat_with(|| None).take(count).collect(),
            truncated: Vec::new(),
            flights: Vec::with_capacity(count.min(MOST_IN_FLIGHT)),
            next: 0,
            strays: 0,
            first_attempt: LONGEST_FIRST_ATTEMPT.min(left * 2 / 5),
            ids,
            packet: Vec::with_capacity(128),
        }
    }

    /// Runs until every question is answered or nothing more is to be hoped for; what is still
    /// open then has the loss handed back.
    async fn run(&mut self, socket: &UdpSocket) -> Loss {
        let mut buffer = Vec::with_capacity(PACKET_BYTES);
        let mut over_tcp = FuturesUnordered::new();
        loop {
            if let Err(error) = self.launch(socket) {
                self.abandon(&Loss::of(&error, self.errand.server));
            }
            while over_tcp.len() < MOST_STREAMS {
                let Some(question) = self.truncated.pop() else { break };
                let errand = self.errand;
                over_tcp.push(async move { (question, over_tcp::ask(&errand, question).await) });
            }
            if self.flights.is_empty() && over_tcp.is_empty() {
                return Loss::Timeout;
            }
            tokio::select! {
                biased;
                Some((question, reply)) = over_tcp.next(), if !over_tcp.is_empty() => {
                    self.settle(question, reply);
                }
                ready = timeout_at(self.due(), socket.readable()), if !self.flights.is_empty() => {
                    let is_over = monotonic() >= self.errand.deadline.into_std();
                    match ready {
                        Ok(_) => self.receive(socket, &mut buffer),
                        Err(_) if is_over => self.abandon(&Loss::Timeout),
                        // Something is due again.
                        Err(_) => {}
                    }
                }
            }
        }
    }

    /// Sends what is not yet under way, as far as the bound allows, and what is due again.
    fn launch(&mut self, socket: &UdpSocket) -> io::Result<()> {
        let now = Instant::from_std(monotonic());
        for index in 0..self.flights.len() {
            let flight = &self.flights[index];
            if flight.attempts == 1 && now >= flight.sent[0].1 + self.first_attempt {
                let question = flight.question;
                let id = self.send(socket, question, 1)?;
                self.flights[index].sent[1] = (id, now);
                self.flights[index].attempts = 2;
            }
        }
        while self.flights.len() < MOST_IN_FLIGHT && self.next < self.replies.len() {
            let question = self.next;
            let id = self.send(socket, question, 0)?;
            self.flights.push(Flight { question, sent: [(id, now); 2], attempts: 1 });
            self.next += 1;
        }
        Ok(())
    }

    fn send(&mut self, socket: &UdpSocket, question: usize, attempt: usize) -> io::Result<u16> {
        let at = (question * 2 + attempt) * 2;
        let id = u16::from_be_bytes([self.ids[at], self.ids[at + 1]]);
        self.packet.clear();
        self.errand.questions[question].write(id, self.errand.role, &mut self.packet);
        // Straight to the kernel: a datagram socket is practically always writable, and asking the
        // event loop first would cost a turn. One that is full loses the packet, as networks do.
        match socket2::SockRef::from(socket).send(&self.packet) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(id),
        }
    }

    /// When something is to be done even if nothing comes.
    fn due(&self) -> Instant {
        self.flights
            .iter()
            .filter(|flight| flight.attempts == 1)
            .map(|flight| flight.sent[0].1 + self.first_attempt)
            .fold(self.errand.deadline, Instant::min)
    }

    /// Takes what has come, at most a burst of it.
    fn receive(&mut self, socket: &UdpSocket, buffer: &mut Vec<u8>) {
        for _ in 0..BURST {
            if self.flights.is_empty() {
                break;
            }
            buffer.clear();
            match socket.try_recv_buf(buffer) {
                Ok(_) => self.take(buffer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => self.abandon(&Loss::of(&error, self.errand.server)),
            }
            if self.strays > MOST_STRAYS {
                self.abandon(&Loss::Garbage);
            }
        }
    }

    fn take(&mut self, packet: &[u8]) {
        let Some((at, attempt, head)) = self.recognise(packet) else {
            self.strays += 1;
            return;
        };
        let flight = self.flights.swap_remove(at);
        if head.is_truncated {
            self.truncated.push(flight.question);
            return;
        }
        let rtt = monotonic().duration_since(flight.sent[attempt].1.into_std());
        let reply = match Message::from_vec(packet) {
            Ok(message) => {
                Ok(Arrival { message, rtt, over_tcp: false, repeated: flight.attempts > 1 })
            }
            Err(_) => Err(Loss::Garbage),
        };
        self.settle(flight.question, reply);
    }

    fn settle(&mut self, question: usize, reply: Result<Arrival, Loss>) {
        self.replies[question] = Some((self.digest)(&self.errand.questions[question], reply));
    }

    /// The flight and attempt that a packet answers.
    fn recognise(&self, packet: &[u8]) -> Option<(usize, usize, Head)> {
        let head = Head::of(packet)?;
        self.flights.iter().enumerate().find_map(|(at, flight)| {
            let sent = &flight.sent[..flight.attempts];
            let attempt = sent.iter().position(|&(id, _)| id == head.id)?;
            self.errand.questions[flight.question]
                .is_answered_by(packet)
                .then_some((at, attempt, head))
        })
    }

    /// Gives up on everything that UDP has not answered yet.
    fn abandon(&mut self, loss: &Loss) {
        for flight in std::mem::take(&mut self.flights) {
            self.settle(flight.question, Err(loss.clone()));
        }
        for question in self.next..self.replies.len() {
            self.settle(question, Err(loss.clone()));
        }
        self.next = self.replies.len();
    }
}

#[cfg(test)]
mod tests;
