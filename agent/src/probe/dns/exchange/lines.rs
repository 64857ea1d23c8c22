//! Sockets to servers that are kept for the next who asks there: opening, registering and closing
//! one costs more than a query does. A line belongs to one errand at a time, so answers need no
//! sorting between errands, and one that is dropped half-way takes its line with it.
//!
//! Forging an answer takes a guess of port and id (RFC 5452), so a line is let go after a bounded
//! number of queries and a short time, and whenever a query on it was lost.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;
use socket2::{Domain, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use crate::clock::monotonic;
use crate::net::not_ours;

/// Queries over one port, at most.
const MOST_QUERIES: u32 = 256;
/// A port is used no longer than this, and an idle one closed not much later.
const LONGEST_USED: Duration = Duration::from_secs(10);
/// Idle lines kept at most, to all servers together.
const MOST_IDLE: usize = 512;

/// Where to, and from which address.
pub(in crate::probe::dns) type Way = (SocketAddr, Option<IpAddr>);

/// A connected UDP socket: a closed port is known at once, and the kernel drops what comes from
/// anywhere else.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) socket: UdpSocket,
    opened: Instant,
    queries: u32,
    /// Somebody else has talked over it.
    pub(super) is_used: bool,
}

impl Line {
    pub(super) fn open((server, source): Way) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(server), Type::DGRAM.nonblocking(), None)?;
        if let Some(source) = source {
            let bound = socket.bind(&SocketAddr::new(source, 0).into());
            bound.map_err(|error| not_ours(source, error))?;
        }
        socket.connect(&server.into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        Ok(Self { socket, opened: monotonic(), queries: 0, is_used: false })
    }

    /// Sends one query. Straight to the kernel: a datagram socket is practically always writable,
    /// and asking the event loop first would cost a turn. One that is full loses the packet, as
    /// networks do.
    pub(super) fn send(&mut self, packet: &[u8]) -> io::Result<()> {
        self.queries += 1;
        match SockRef::from(&self.socket).send(packet) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }

    fn is_fresh(&self, now: Instant) -> bool {
        self.queries < MOST_QUERIES && now.saturating_duration_since(self.opened) < LONGEST_USED
    }
}

/// Lines that nobody talks over at the moment.
#[derive(Debug, Default)]
pub(super) struct Lines(Arc<Mutex<Idle>>);

#[derive(Debug, Default)]
struct Idle {
    lines: FxHashMap<Way, Vec<Line>>,
    count: usize,
    is_swept: bool,
}

impl Lines {
    /// A line to the server that may be talked over, if one is idle.
    pub(super) fn take(&self, way: Way, now: Instant) -> Option<Line> {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = idle.lines.get_mut(&way)?.pop()?;
        idle.count -= 1;
        drop(idle);
        line.is_fresh(now).then_some(line)
    }

    /// Keeps a line for the next, unless it has served its time.
    pub(super) fn keep(&self, way: Way, mut line: Line, now: Instant) {
        if !line.is_fresh(now) {
            return;
        }
        line.is_used = true;
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.count >= MOST_IDLE {
            return;
        }
        idle.count += 1;
        idle.lines.entry(way).or_default().push(line);
        if !std::mem::replace(&mut idle.is_swept, true) {
            drop(idle);
            tokio::spawn(sweep(Arc::downgrade(&self.0)));
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).count
    }
}

/// Closes lines that have served their time, until none is left.
async fn sweep(idle: Weak<Mutex<Idle>>) {
    loop {
        tokio::time::sleep(LONGEST_USED).await;
        let Some(idle) = idle.upgrade() else { return };
        let now = monotonic();
        let mut idle = idle.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stale = Vec::new();
        idle.lines.retain(|_, lines| {
            stale.extend(lines.extract_if(.., |line| !line.is_fresh(now)));
            !lines.is_empty()
        });
        idle.count -= stale.len();
        let is_over = idle.count == 0;
        idle.is_swept = !is_over;
        // Closing is left until nobody waits for the others.
        drop(idle);
        drop(stale);
        if is_over {
            return;
        }
    }
}
