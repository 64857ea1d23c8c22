//! Echo requests over a socket: a raw one where this process may, which also hears that a request did
//! not arrive; else one for echo alone, where the group may.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::time::Duration;

use health::facts::IcmpFacts;
use ring::rand::{SecureRandom as _, SystemRandom};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::time::{Instant, timeout_at};

use super::packet::{self, Family, Mark, Said};
use crate::net::not_ours;
use crate::probe::Stopwatch;

/// Larger than anything that is of interest.
const READ_BYTES: usize = 2048;
/// A socket that gives so many errors gives nothing else.
const MOST_ERRORS: u32 = 300;

/// How many requests, and the time between two of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rounds {
    pub(super) count: u32,
    pub(super) gap: Duration,
}

/// A socket for echo requests to one address.
#[derive(Debug)]
pub(super) struct Echoes {
    socket: UdpSocket,
    address: IpAddr,
    way: Way,
    mark: Mark,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All ICMP of this machine is seen; ours has this identifier.
    Raw { identifier: u16 },
    /// The kernel chooses an identifier and sorts by it.
    Datagram,
}

impl Echoes {
    /// Opens a socket.
    ///
    /// # Errors
    /// The operating system's; `PermissionDenied` when neither way is permitted.
    pub(super) fn open(address: IpAddr, source: Option<IpAddr>) -> io::Result<Self> {
        let mut mark = Mark::default();
        SystemRandom::new().fill(&mut mark).map_err(|_| io::Error::other("no random numbers"))?;
        let identifier = u16::from_be_bytes([mark[0], mark[1]]);
        let (socket, way) = match socket(address, Type::RAW) {
            Ok(socket) => (socket, Way::Raw { identifier }),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                (socket(address, Type::DGRAM)?, Way::Datagram)
            }
            Err(error) => return Err(error),
        };
        if let Some(source) = source {
            socket
                .bind(&SocketAddr::new(source, 0).into())
                .map_err(|error| not_ours(source, error))?;
        }
        if way == Way::Datagram {
            // Only then is it told what a router says. A refusal here is one for this address.
            socket.connect(&SocketAddr::new(address, 0).into()).map_err(of_this_address)?;
        }
        let socket = UdpSocket::from_std(StdSocket::from(socket))?;
        Ok(Self { socket, address, way, mark })
    }

    /// Sends the requests, and waits for their replies until the deadline.
    ///
    /// # Errors
    /// The operating system's, when not even the first request could be sent.
    pub(super) async fn ask(&self, rounds: Rounds, watch: &Stopwatch) -> io::Result<IcmpFacts> {
        let mut asked: Vec<Duration> = Vec::new();
        let mut facts = IcmpFacts { address: Some(self.address), ..IcmpFacts::default() };
        let mut next = Instant::from_std(crate::clock::monotonic());
        let mut buffer = vec![0; READ_BYTES];
        let mut errors = 0;
        loop {
            let sends = facts.sent < rounds.count;
            if !sends && facts.round_trips_seconds.iter().all(Option::is_some) {
                return Ok(facts);
            }
            let until = if sends { next.min(watch.deadline()) } else { watch.deadline() };
            match timeout_at(until, self.hear(&mut buffer)).await {
                Ok(Ok(Some(Said::Reply { sequence }))) => {
                    take(&mut facts, &asked, sequence, watch.elapsed());
                }
                Ok(Ok(Some(Said::Undelivered { kind, code, .. }))) => {
                    facts.error = Some(packet::words(self.family(), kind, code).to_owned());
                    if !sends && facts.received == 0 {
                        return Ok(facts);
                    }
                }
                Ok(Ok(None)) => {}
                Ok(Err(error)) => {
                    facts.error = Some(error.to_string());
                    errors += 1;
                    if errors >= MOST_ERRORS || (!sends && facts.received == 0) {
                        return Ok(facts);
                    }
                }
                Err(_) if watch.left().is_zero() => return Ok(facts),
                Err(_) => {
                    let sequence = u16::try_from(facts.sent).unwrap_or(u16::MAX);
                    let sent = self.send(sequence).await;
                    if let (Err(error), 0) = (&sent, facts.sent) {
                        return Err(io::Error::new(error.kind(), error.to_string()));
                    }
                    facts.error = sent.err().map(|error| error.to_string()).or(facts.error);
                    asked.push(watch.elapsed());
                    facts.round_trips_seconds.push(None);
                    facts.sent += 1;
                    next += rounds.gap;
                }
            }
        }
    }

    async fn send(&self, sequence: u16) -> io::Result<usize> {
        let identifier = match self.way {
            Way::Raw { identifier } => identifier,
            Way::Datagram => 0,
        };
        let request = packet::request(self.family(), identifier, sequence, &self.mark);
        match self.way {
            Way::Raw { .. } => {
                self.socket.send_to(&request, SocketAddr::new(self.address, 0)).await
            }
            Way::Datagram => self.socket.send(&request).await,
        }
    }

    /// One message; `None` when it says nothing of ours.
    async fn hear(&self, buffer: &mut [u8]) -> io::Result<Option<Said>> {
        let family = self.family();
        match self.way {
            Way::Datagram => {
                let length = self.socket.recv(buffer).await?;
                Ok(packet::read(family, &buffer[..length], None, &self.mark))
            }
            Way::Raw { identifier } => {
                let (length, from) = self.socket.recv_from(buffer).await?;
                let message = match family {
                    Family::V4 => packet::behind_header(&buffer[..length]),
                    Family::V6 => Some(&buffer[..length]),
                };
                let said = message.and_then(|message| {
                    packet::read(family, message, Some(identifier), &self.mark)
                });
                // Anybody may say that a request did not arrive; a reply comes from whom was asked.
                Ok(said.filter(|said| {
                    matches!(said, Said::Undelivered { .. })
                        || from.ip() == self.address
                        || self.address.is_unspecified()
                }))
            }
        }
    }

    fn family(&self) -> Family {
        if self.address.is_ipv4() { Family::V4 } else { Family::V6 }
    }
}

/// Notes a reply, once.
fn take(facts: &mut IcmpFacts, asked: &[Duration], sequence: u16, now: Duration) {
    let index = usize::from(sequence);
    if let (Some(slot @ None), Some(asked)) =
        (facts.round_trips_seconds.get_mut(index), asked.get(index))
    {
        *slot = Some(now.saturating_sub(*asked).as_secs_f64());
        facts.received += 1;
    }
}

fn socket(address: IpAddr, kind: Type) -> io::Result<Socket> {
    let (domain, protocol) = match address {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    Socket::new(domain, kind.nonblocking().cloexec(), Some(protocol))
}

/// A rule that forbids this one address is not the same as being permitted nothing.
fn of_this_address(error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::PermissionDenied => io::Error::other(error.to_string()),
        _ => error,
    }
}
