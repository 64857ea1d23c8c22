//! One request and its answer on one connection, driven within the probe's own task.
//!
//! Deliberately absent: pools, retries and spawned tasks. When the probe ends, everything it
//! started has ended with it.

use std::error::Error as _;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use health::Phase;
use http::{HeaderMap, Request, Response, StatusCode, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use tokio::time::timeout_at;

use super::http1;
use super::tasks::Tasks;
use super::wire::{Meter, Metered, Wire};
use super::written::Written;
use crate::probe::Stopwatch;

/// Most bytes of an answer's head, and of buffered body.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;
/// Most bytes an HTTP/2 server may send ahead of what was read.
const WINDOW_BYTES: u32 = 256 * 1024;

/// How much of an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appetite {
    /// Most bytes of body to read.
    pub(super) cap_bytes: u64,
    /// Most bytes of body to keep; the rest is counted and dropped.
    pub(super) keep_bytes: usize,
    /// Redirects are followed: their bodies are not read.
    pub(super) skip_redirects: bool,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) version: Version,
    pub(super) headers: HeaderMap,
    pub(super) body: Payload,
    /// The head came whole, the body did not.
    pub(super) broken: Option<Broken>,
}

/// A body, as far as it was wanted.
#[derive(Debug, Default)]
pub(super) struct Payload {
    /// Its beginning.
    pub(super) kept: Vec<u8>,
    /// Bytes received, at most the cap.
    pub(super) received: u64,
    /// There was more than the cap.
    pub(super) is_over_cap: bool,
    /// What followed it over HTTP/2.
    pub(super) trailers: Option<Box<HeaderMap>>,
}

/// An answer that did not come, or not whole.
#[derive(Debug)]
pub(super) struct Broken {
    /// [`Phase::Processing`] until the head is complete, then [`Phase::Transfer`].
    pub(super) phase: Phase,
    pub(super) cause: Cause,
    /// Bytes of the answer received, head included.
    pub(super) received: u64,
    /// The beginning of what was received.
    pub(super) first: Vec<u8>,
}

/// Why an answer did not come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The deadline passed.
    Timeout,
    /// Closed or reset, in few words.
    Cut(String),
    /// What came breaks the rules, and how.
    Protocol(String),
}

/// How an answer is told to be longer than it said it would be.
pub(super) const SURPLUS: &str = "bytes more than the head of the answer announced";

impl Broken {
    /// The answer is whole, and more came than it announced.
    pub(super) fn is_surplus(&self) -> bool {
        matches!(&self.cause, Cause::Protocol(words) if words.ends_with(SURPLUS))
    }
}

/// Sends the request and takes in the answer until the stopwatch's deadline. Laps
/// [`Phase::Processing`] and [`Phase::Transfer`].
pub(super) async fn exchange(
    wire: Wire,
    question: impl Into<Question>,
    appetite: Appetite,
    watch: &mut Stopwatch,
) -> Result<Answer, Broken> {
    match question.into() {
        Question::Http1(written) => http1::exchange(wire, written, appetite, watch).await,
        Question::Http2(request) => {
            let (io, meter) = Metered::new(wire);
            Box::pin(over_http2(TokioIo::new(io), &meter, *request, appetite, watch)).await
        }
    }
}

/// A request in the form that its version of HTTP wants.
#[derive(Debug)]
pub(super) enum Question {
    Http1(Written),
    Http2(Box<Request<Bytes>>),
}

impl From<Request<Bytes>> for Question {
    fn from(request: Request<Bytes>) -> Self {
        match request.version() {
            Version::HTTP_2 => Self::Http2(Box::new(request)),
            _ => Self::Http1(Written::of(&request)),
        }
    }
}

impl From<Written> for Question {
    fn from(written: Written) -> Self {
        Self::Http1(written)
    }
}

async fn over_http2(
    io: TokioIo<Metered>,
    meter: &Meter,
    request: Request<Bytes>,
    appetite: Appetite,
    watch: &mut Stopwatch,
) -> Result<Answer, Broken> {
    let (mut tasks, executor) = Tasks::new();
    let mut builder = http2::Builder::new(executor);
    builder
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(BUFFER_BYTES as u32);
    let shaken = timeout_at(watch.deadline(), builder.handshake(io)).await;
    let (mut sender, mut connection) = match shaken {
        Ok(Ok(parts)) => parts,
        Ok(Err(error)) => return Err(broken(Phase::Processing, Cause::of(&error), meter)),
        Err(_) => return Err(broken(Phase::Processing, Cause::Timeout, meter)),
    };
    let mut drive = |context: &mut Context<'_>| {
        let polled = std::pin::Pin::new(&mut connection).poll(context);
        tasks.poll(context);
        polled
    };
    let sent = sender.send_request(request.map(Full::new));
    take(sent, &mut drive, meter, appetite, watch).await
}

async fn take(
    sent: impl Future<Output = hyper::Result<Response<Incoming>>>,
    drive: &mut impl FnMut(&mut Context<'_>) -> Poll<hyper::Result<()>>,
    meter: &Meter,
    appetite: Appetite,
    watch: &mut Stopwatch,
) -> Result<Answer, Broken> {
    let head = timeout_at(watch.deadline(), beside(drive, sent)).await;
    watch.lap(Phase::Processing);
    let response = match head {
        Ok(Ok(response)) => response,
        Ok(Err(cause)) => return Err(broken(Phase::Processing, cause, meter)),
        Err(_) => return Err(broken(Phase::Processing, Cause::Timeout, meter)),
    };
    let (head, mut incoming) = response.into_parts();
    let mut answer = Answer {
        status: head.status,
        version: head.version,
        headers: head.headers,
        body: Payload::default(),
        broken: None,
    };
    if appetite.skip_redirects && super::redirect::is_redirect(answer.status) {
        return Ok(answer);
    }
    meter.allow_body(appetite.cap_bytes);
    let collected = collect(&mut incoming, &mut answer.body, appetite);
    let ended = timeout_at(watch.deadline(), beside(drive, collected)).await;
    watch.lap(Phase::Transfer);
    answer.broken = match ended {
        Ok(Ok(())) => None,
        Ok(Err(cause)) => Some(broken(Phase::Transfer, cause, meter)),
        Err(_) => Some(broken(Phase::Transfer, Cause::Timeout, meter)),
    };
    Ok(answer)
}

async fn collect(
    incoming: &mut Incoming,
    body: &mut Payload,
    appetite: Appetite,
) -> hyper::Result<()> {
    let announced = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    body.kept.reserve_exact(announced.min(appetite.keep_bytes).min(BUFFER_BYTES));
    while let Some(frame) = incoming.frame().await {
        let piece = match frame?.into_data() {
            Ok(piece) => piece,
            Err(frame) => {
                body.trailers = frame.into_trailers().ok().map(Box::new);
                continue;
            }
        };
        let room = appetite.keep_bytes.saturating_sub(body.kept.len());
        body.kept.extend_from_slice(&piece[..piece.len().min(room)]);
        body.received += piece.len() as u64;
        if body.received > appetite.cap_bytes {
            body.received = appetite.cap_bytes;
            body.is_over_cap = true;
            return Ok(());
        }
    }
    Ok(())
}

/// Awaits `wanted` while driving the connection it depends on.
async fn beside<T>(
    drive: &mut impl FnMut(&mut Context<'_>) -> Poll<hyper::Result<()>>,
    wanted: impl Future<Output = hyper::Result<T>>,
) -> Result<T, Cause> {
    let mut wanted = pin!(wanted);
    let mut ended = None;
    let outcome = poll_fn(|context| {
        if let Poll::Ready(outcome) = wanted.as_mut().poll(context) {
            return Poll::Ready(outcome);
        }
        if ended.is_none()
            && let Poll::Ready(end) = drive(context)
        {
            ended = Some(end);
        }
        // Driving may just have produced it: asking again saves a turn of the scheduler.
        wanted.as_mut().poll(context)
    })
    .await;
    outcome.map_err(|error| match ended {
        // The request only learns that it was dropped; the connection knows why.
        Some(Err(end)) if error.is_canceled() || error.is_closed() => Cause::of(&end),
        _ => Cause::of(&error),
    })
}

fn broken(phase: Phase, cause: Cause, meter: &Meter) -> Broken {
    Broken { phase, cause, received: meter.received(), first: meter.first().to_vec() }
}

impl Cause {
    fn of(error: &hyper::Error) -> Self {
        let why = error.source().and_then(|source| source.downcast_ref::<hyper::Error>());
        if let (true, Some(why)) = (error.is_canceled(), why) {
            return match Self::of(why) {
                // The connection had no quarrel with what came, only with its coming unasked.
                Self::Protocol(_) if why.source().is_none() && !why.is_parse() => {
                    Self::Protocol("it speaks before it is asked".to_owned())
                }
                cause => cause,
            };
        }
        if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
            return Self::Cut("closed".to_owned());
        }
        let mut innermost: &(dyn std::error::Error + 'static) = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        match innermost.downcast_ref::<io::Error>() {
            Some(error) => Self::of_io(error),
            None => Self::Protocol(innermost.to_string()),
        }
    }

    /// What an error of the connection means.
    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Cut("closed".to_owned()),
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected => Self::Cut("reset".to_owned()),
            _ => Self::Protocol(error.to_string()),
        }
    }
}
