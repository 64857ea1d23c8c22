//! Opening connections. Deliberately absent: names, and trying one address after the other.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use health::Facts;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
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

/// A connection to talk over, without Nagle's delay. What is said first goes out at once: a new
/// connection always has room for it, and the runtime would first wait for the kernel to say so.
#[derive(Debug)]
pub struct Connection {
    pub(super) stream: TcpStream,
    said: Said,
    /// The other end is a proxy's; whom it is talked with through that is farther off.
    is_tunnel: bool,
}

/// What went over a connection so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Nothing,
    /// One segment, which Nagle's delay never holds back.
    First,
    More,
}

impl Connection {
    /// The other end.
    ///
    /// # Errors
    /// When it has gone already.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.stream.peer_addr()
    }

    /// Whom it is talked with; `None` where that is beyond a proxy.
    pub(crate) fn opposite(&self) -> Option<SocketAddr> {
        if self.is_tunnel { None } else { self.stream.peer_addr().ok() }
    }

    pub(super) fn beyond_a_proxy(self) -> Self {
        Self { is_tunnel: true, ..self }
    }

    /// Our own end.
    ///
    /// # Errors
    /// The operating system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Writes past the runtime, once; `None` when it has to be asked after all.
    fn write_first(
        &mut self,
        length: usize,
        write: impl FnOnce(&SockRef<'_>) -> io::Result<usize>,
    ) -> Option<io::Result<usize>> {
        let before = self.said;
        self.said = match before {
            Said::Nothing if length <= SEGMENT_BYTES => Said::First,
            _ => Said::More,
        };
        if self.said == Said::More && before != Said::More {
            // One that refuses is closed, which writing tells.
            let _ = self.stream.set_nodelay(true);
        }
        if before != Said::Nothing {
            return None;
        }
        let written = write(&SockRef::from(&self.stream));
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
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.write_first(bytes.len(), |socket| socket.send(bytes)) {
            Some(written) => Poll::Ready(written),
            None => Pin::new(&mut self.stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let length = pieces.iter().map(|piece| piece.len()).sum();
        match self.write_first(length, |socket| socket.send_vectored(pieces)) {
            Some(written) => Poll::Ready(written),
            None => Pin::new(&mut self.stream).poll_write_vectored(context, pieces),
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
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

    fn register(self) -> io::Result<Connection> {
        let stream = match self {
            Self::AtOnce(stream) => TcpStream::from_std(stream)?,
            Self::Waited(stream) => stream,
        };
        Ok(Connection { stream, said: Said::Nothing, is_tunnel: false })
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
