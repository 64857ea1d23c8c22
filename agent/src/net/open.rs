//! Opening connections. Deliberately absent: names, and trying one address after the other.

use std::io::{self, Read};
use std::net::{IpAddr, Shutdown, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use health::Facts;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, Type};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{Failure, Missed};

/// Opens one connection until the deadline.
///
/// # Errors
/// How it failed.
pub async fn connect(
    address: SocketAddr,
    source: Option<IpAddr>,
    until: Instant,
) -> Result<Connection, Failure> {
    let opened = open(address, source, until).await.and_then(Opened::register);
    opened.map_err(|error| Failure::of(&error, address))
}

/// Opens one connection and lets it go: enough to know that somebody accepts.
///
/// # Errors
/// How it failed.
pub async fn touch(
    address: SocketAddr,
    source: Option<IpAddr>,
    until: Instant,
) -> Result<(), Failure> {
    let opened = open(address, source, until).await;
    opened.map(drop).map_err(|error| Failure::of(&error, address))
}

/// No segment is cut smaller than this (RFC 879): what fits in goes out whole.
const SEGMENT_BYTES: usize = 536;

/// A connection to talk over, without Nagle's delay. What is said is sent past the runtime, which is
/// asked only where the kernel has no room: a new connection always has.
///
/// One that the other end has closed already is let go of with a reset, as there is nobody left to
/// read a farewell; neither end then keeps the port in TIME_WAIT.
#[derive(Debug)]
pub struct Connection {
    line: Line,
    said: Said,
    is_closed_there: bool,
    /// The other end is a proxy's; whom it is talked with through that is farther off.
    is_tunnel: bool,
}

/// How the runtime watches a connection.
#[derive(Debug)]
enum Line {
    /// For something to read: each probe is spared a turn that would only say that it may write.
    Reading(AsyncFd<std::net::TcpStream>),
    /// For both.
    Both(TcpStream),
    /// No longer: the runtime would not take it back.
    Lost,
}

/// What went over a connection so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    /// One segment, which Nagle's delay never holds back.
    First,
    More,
}

impl Line {
    fn socket(&self) -> io::Result<SockRef<'_>> {
        match self {
            Self::Reading(stream) => Ok(SockRef::from(stream.get_ref())),
            Self::Both(stream) => Ok(SockRef::from(stream)),
            Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// Watched for both from now on.
    fn both(&mut self) -> io::Result<&mut TcpStream> {
        if let Self::Reading(_) = self
            && let Self::Reading(stream) = std::mem::replace(self, Self::Lost)
        {
            *self = Self::Both(TcpStream::from_std(stream.into_inner())?);
        }
        match self {
            Self::Both(stream) => Ok(stream),
            Self::Reading(_) | Self::Lost => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    /// The same, by who has to wait until there is room to write.
    fn waited_for(&mut self, context: &Context<'_>) -> io::Result<&mut TcpStream> {
        if let Self::Reading(_) = self {
            // Whoever waits for something to read does so where nobody looks any more: he asks again.
            context.waker().wake_by_ref();
        }
        self.both()
    }
}

impl Connection {
    /// The other end.
    ///
    /// # Errors
    /// When it has gone already.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.end(Socket::peer_addr)
    }

    /// Whom it is talked with; `None` where that is beyond a proxy.
    pub(crate) fn opposite(&self) -> Option<SocketAddr> {
        if self.is_tunnel { None } else { self.peer_addr().ok() }
    }

    pub(super) fn beyond_a_proxy(mut self) -> Self {
        self.is_tunnel = true;
        self
    }

    /// Our own end.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.end(Socket::local_addr)
    }

    fn end(&self, of: impl Fn(&Socket) -> io::Result<SockAddr>) -> io::Result<SocketAddr> {
        let address = of(&*self.line.socket()?)?;
        address.as_socket().ok_or_else(|| io::ErrorKind::Unsupported.into())
    }

    /// What came, left where it is.
    pub(super) async fn peek(&mut self, ahead: &mut [u8]) -> io::Result<usize> {
        self.line.both()?.peek(ahead).await
    }

    /// Nagle's delay is off.
    #[cfg(test)]
    pub(super) fn is_without_delay(&self) -> io::Result<bool> {
        self.line.socket()?.tcp_nodelay()
    }

    /// Nagle's delay would hold back what comes after a first segment.
    fn note_said(&mut self, length: usize) {
        let before = self.said;
        self.said = match before {
            Said::Nothing if length <= SEGMENT_BYTES => Said::First,
            _ => Said::More,
        };
        if self.said == Said::More
            && before != Said::More
            && let Ok(socket) = self.line.socket()
        {
            // One that refuses is closed, which writing tells.
            let _ = socket.set_tcp_nodelay(true);
        }
    }

    /// Writes past the runtime, once; `None` when it has to be asked after all.
    fn write_now(
        &mut self,
        length: usize,
        write: impl FnOnce(&SockRef<'_>) -> io::Result<usize>,
    ) -> Option<io::Result<usize>> {
        let is_first = self.said == Said::Nothing;
        self.note_said(length);
        if !is_first && !matches!(self.line, Line::Reading(_)) {
            return None;
        }
        let written = self.line.socket().and_then(|socket| write(&socket));
        let is_not_yet = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
        };
        Some(written).filter(|written| !written.as_ref().is_err_and(is_not_yet))
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let stream = match &mut self.line {
            Line::Reading(stream) => stream,
            both => return Pin::new(both.both()?).poll_read(context, buffer),
        };
        loop {
            let mut guard = ready!(stream.poll_read_ready_mut(context))?;
            let is_closed = guard.ready().is_read_closed();
            let room = buffer.remaining();
            let space = buffer.initialize_unfilled();
            let read = match guard.try_io(|stream| stream.get_mut().read(space)) {
                Ok(Err(error)) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(read) => read,
                Err(_not_yet) => continue,
            };
            if read.as_ref().is_ok_and(|&count| 0 < count && count < room) {
                // There was no more: the kernel says so when there is (epoll(7), edge-triggered).
                guard.clear_ready();
            }
            self.is_closed_there |= is_closed;
            return Poll::Ready(read.map(|count| buffer.advance(count)));
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.write_now(bytes.len(), |socket| socket.send(bytes)) {
            Some(written) => Poll::Ready(written),
            None => Pin::new(self.line.waited_for(context)?).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        match self.write_now(length, |socket| socket.send_vectored(pieces)) {
            Some(written) => Poll::Ready(written),
            None => Pin::new(self.line.waited_for(context)?).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Nothing is held back on this side of the kernel.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.line.socket()?.shutdown(Shutdown::Write))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.is_closed_there
            && let Ok(socket) = self.line.socket()
        {
            // Where this is refused the connection closes in the long way.
            let _ = socket.set_linger(Some(Duration::ZERO));
        }
    }
}

/// A connection that was accepted. It is shown to the runtime only when somebody wants to talk,
/// which who merely knocks does not have to pay for.
#[derive(Debug)]
pub(crate) enum Opened {
    /// Before the kernel returned.
    AtOnce(std::net::TcpStream),
    /// After the runtime had waited for it.
    Waited(TcpStream),
}

impl Opened {
    /// To talk over it; `facts` name the address.
    ///
    /// # Errors
    /// When the runtime cannot take one more.
    pub(crate) fn into_connection(self, facts: &Facts) -> Result<Connection, Missed> {
        let unnamed = SocketAddr::from(([0, 0, 0, 0], 0));
        let address = facts.address.unwrap_or(unnamed);
        self.register().map_err(|error| Missed::Closed(address, error))
    }

    #[expect(
        deprecated,
        reason = "it warns of types whose descriptor changes; a TcpStream's does not"
    )]
    fn register(self) -> io::Result<Connection> {
        let line = match self {
            Self::AtOnce(stream) => {
                Line::Reading(AsyncFd::with_interest(stream, Interest::READABLE)?)
            }
            Self::Waited(stream) => Line::Both(stream),
        };
        Ok(Connection { line, said: Said::Nothing, is_closed_there: false, is_tunnel: false })
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::AtOnce(stream) => stream.local_addr(),
            Self::Waited(stream) => stream.local_addr(),
        }
    }
}

pub(super) async fn open(
    address: SocketAddr,
    source: Option<IpAddr>,
    until: Instant,
) -> io::Result<Opened> {
    let (stream, is_open) = begin(address, source)?;
    let opened = if is_open {
        Opened::AtOnce(stream)
    } else {
        Opened::Waited(wait(TcpStream::from_std(stream)?, until).await?)
    };
    // Dialling a dead port among those given to clients, the kernel may give us that very port:
    // the connection then reaches nobody but ourselves.
    if opened.local_addr()? == address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    Ok(opened)
}

/// Waits until a connection that was begun is there.
async fn wait(stream: TcpStream, until: Instant) -> io::Result<TcpStream> {
    match tokio::time::timeout_at(until, stream.writable()).await {
        Ok(writable) => writable?,
        Err(_) => return Err(io::ErrorKind::TimedOut.into()),
    }
    match stream.take_error()? {
        Some(error) => Err(error),
        None => Ok(stream),
    }
}

/// Begins to connect. Says whether that is done already: on one machine the
/// other side has answered by the time the call returns, and nothing is left to wait for.
fn begin(address: SocketAddr, source: Option<IpAddr>) -> io::Result<(std::net::TcpStream, bool)> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into()).map_err(|error| not_ours(source, error))?;
    }
    let target = address.into();
    let is_under_way = |error: &io::Error| {
        matches!(error.raw_os_error(), Some(libc::EINPROGRESS | libc::EALREADY))
    };
    match socket.connect(&target) {
        Ok(()) => return Ok((socket.into(), true)),
        Err(error) if is_under_way(&error) => {}
        Err(error) => return Err(error),
    }
    // The first call is answered before the kernel looks at what came back; the second one tells.
    match socket.connect(&target) {
        Ok(()) => Ok((socket.into(), true)),
        Err(error) if is_under_way(&error) => Ok((socket.into(), false)),
        Err(error) => Err(error),
    }
}

/// Says of a source address that this machine does not have that it is the source, not the target.
pub(crate) fn not_ours(source: IpAddr, error: io::Error) -> io::Error {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => {
            io::Error::other(format!("source {source} is no address of this machine"))
        }
        _ => error,
    }
}
