//! One request and its answer over HTTP/1.1 (RFC 9112).
//!
//! Heads are read by httparse; where a body ends is settled here, because what is wrong with it is
//! what a probe is asked for. Deliberately absent: pipelining, and a connection that outlives its
//! answer, unless both sides change to another protocol.

use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use health::Phase;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use httparse::{ParserConfig, Status};
use tokio::io::AsyncWrite;
use tokio::time::{Instant, timeout_at};
use tokio_util::io::poll_read_buf;

use super::exchange::{Answer, Appetite, BUFFER_BYTES, Broken, Cause, Payload, SURPLUS};
use super::framing::{Framing, Step};
use super::redirect::is_redirect;
use super::wire::{FIRST_BYTES, HEAD_BYTES, Wire, allowance};
use super::written::Written;
use crate::probe::Stopwatch;

/// Bytes read at once.
const READ_BYTES: usize = 8 * 1024;
/// The same of the first read: most answers fit in, and memory that is not touched costs nothing.
const FIRST_READ_BYTES: usize = 2 * 1024;
/// How long bytes that nobody announced are waited for, where some came before.
const AFTER: Duration = Duration::from_millis(250);
/// Most header fields of one head.
const MOST_FIELDS: usize = 100;
/// An empty SETTINGS frame, with which HTTP/2 servers begin, up to the flags (RFC 9113 section 6.5).
const SETTINGS_TYPE: u8 = 4;

/// Sends the request and takes in the answer until the stopwatch's deadline. Laps
/// [`Phase::Processing`] and [`Phase::Transfer`].
pub(super) async fn exchange(
    wire: Wire,
    written: Written,
    appetite: Appetite,
    watch: &mut Stopwatch,
) -> Result<Answer, Broken> {
    let is_head = written.is_head;
    let mut line = Line::new(wire, written);
    let head = line.opened(is_head, watch).await?;
    line.answered(head, appetite, watch).await
}

/// What came of a request for another protocol (RFC 9110 section 7.8).
pub(super) enum Switch {
    /// Both sides speak it from here on.
    Over(Box<Switched>),
    /// They do not: an answer like any other.
    Answer(Box<Answer>),
}

/// A connection that changed its protocol.
pub(super) struct Switched {
    /// The head that said so.
    pub(super) answer: Answer,
    pub(super) wire: Wire,
    /// What came behind the head already.
    pub(super) surplus: Bytes,
}

/// As [`exchange`], for a request that asks for another protocol.
pub(super) async fn switch(
    wire: Wire,
    written: Written,
    appetite: Appetite,
    watch: &mut Stopwatch,
) -> Result<Switch, Broken> {
    let mut line = Line::new(wire, written);
    let head = line.opened(false, watch).await?;
    if head.status == StatusCode::SWITCHING_PROTOCOLS {
        let Line { wire, buffer, .. } = line;
        let switched = Switched { answer: head.parted().0, wire, surplus: buffer.freeze() };
        return Ok(Switch::Over(Box::new(switched)));
    }
    Ok(Switch::Answer(Box::new(line.answered(head, appetite, watch).await?)))
}

/// The head of the final answer.
pub(super) struct Head {
    status: StatusCode,
    version: Version,
    headers: HeaderMap,
    /// How the body is delimited, or why that cannot be told.
    pub(super) framing: Result<Framing, String>,
}

impl Head {
    /// The answer without its body, and how that is delimited.
    fn parted(self) -> (Answer, Result<Framing, String>) {
        let Self { status, version, headers, framing } = self;
        (Answer { status, version, headers, body: Payload::default(), broken: None }, framing)
    }
}

/// A connection, what is still to be sent over it, and what came and was not looked at yet.
struct Line {
    wire: Wire,
    unsent: [Bytes; 2],
    is_flushed: bool,
    buffer: BytesMut,
    received: u64,
    allowed: u64,
    first: ([u8; FIRST_BYTES], usize),
    is_listened_after: bool,
}

impl Line {
    fn new(wire: Wire, written: Written) -> Self {
        Self {
            wire,
            unsent: written.pieces,
            is_flushed: false,
            buffer: BytesMut::new(),
            received: 0,
            allowed: HEAD_BYTES,
            first: ([0; FIRST_BYTES], 0),
            is_listened_after: written.is_listened_after,
        }
    }

    /// The head of the answer, in time.
    async fn opened(&mut self, is_head: bool, watch: &mut Stopwatch) -> Result<Head, Broken> {
        let head = timeout_at(watch.deadline(), self.head(is_head)).await;
        watch.lap(Phase::Processing);
        match head {
            Ok(Ok(head)) => Ok(head),
            Ok(Err(cause)) => Err(self.broken(Phase::Processing, cause)),
            Err(_) => Err(self.broken(Phase::Processing, Cause::Timeout)),
        }
    }

    /// The rest of the answer, as far as it is wanted.
    async fn answered(
        mut self,
        head: Head,
        appetite: Appetite,
        watch: &mut Stopwatch,
    ) -> Result<Answer, Broken> {
        let (mut answer, framing) = head.parted();
        // What follows a change of protocols is no body.
        let has_body = answer.status != StatusCode::SWITCHING_PROTOCOLS;
        if !has_body || appetite.skip_redirects && is_redirect(answer.status) {
            return Ok(answer);
        }
        self.allowed = allowance(self.received, appetite.cap_bytes);
        let taken = match framing {
            Ok(framing) => {
                let body = self.body(framing, &mut answer.body, appetite);
                timeout_at(watch.deadline(), body).await
            }
            Err(why) => Ok(Err(Cause::Protocol(why))),
        };
        watch.lap(Phase::Transfer);
        answer.broken = match taken {
            Ok(Ok(())) => None,
            Ok(Err(cause)) => Some(self.broken(Phase::Transfer, cause)),
            Err(_) => Some(self.broken(Phase::Transfer, Cause::Timeout)),
        };
        Ok(answer)
    }

    fn broken(&self, phase: Phase, cause: Cause) -> Broken {
        let (first, length) = &self.first;
        Broken { phase, cause, received: self.received, first: first[..*length].to_vec() }
    }

    /// The head of the final answer; interim ones (RFC 9110 section 15.2) are passed over.
    async fn head(&mut self, is_head: bool) -> Result<Head, Cause> {
        // Read again only where a head may have become whole, or what came has doubled: a drip
        // would otherwise cost its square.
        let (mut seen, mut tried) = (0, 0);
        loop {
            self.skip_empty_lines();
            let length = self.buffer.len();
            let fresh = self.buffer.get(seen.max(3) - 3..).unwrap_or_default();
            if length > 0 && (tried == 0 || length >= 2 * tried || may_end(fresh)) {
                tried = length;
                match parse(&mut self.buffer, is_head)? {
                    Parsed::Whole(head) => return Ok(head),
                    Parsed::Interim => {
                        (seen, tried) = (0, 0);
                        continue;
                    }
                    Parsed::Partial => {}
                }
            }
            if length >= BUFFER_BYTES {
                return Err(too_large());
            }
            seen = length;
            if self.fill().await? == 0 {
                return Err(Cause::Cut("closed".to_owned()));
            }
        }
    }

    /// Lines before a head mean nothing (RFC 9112 section 2.2). They go by at once: kept, each of
    /// a drip of them would have all of them read again.
    fn skip_empty_lines(&mut self) {
        while let [b'\n', ..] | [b'\r', b'\n', ..] = *self.buffer {
            let length = if self.buffer[0] == b'\n' { 1 } else { 2 };
            self.buffer.advance(length);
        }
    }

    /// The body, as far as it is wanted.
    async fn body(
        &mut self,
        mut framing: Framing,
        body: &mut Payload,
        appetite: Appetite,
    ) -> Result<(), Cause> {
        let announced = usize::try_from(framing.announced()).unwrap_or(usize::MAX);
        body.kept.reserve_exact(announced.min(appetite.keep_bytes).min(BUFFER_BYTES));
        loop {
            match framing.step(&self.buffer).map_err(Cause::Protocol)? {
                Step::Data { skip, length } => {
                    let piece = &self.buffer[skip..skip + length];
                    let room = appetite.keep_bytes.saturating_sub(body.kept.len());
                    body.kept.extend_from_slice(&piece[..length.min(room)]);
                    body.received += length as u64;
                    if body.received > appetite.cap_bytes {
                        body.received = appetite.cap_bytes;
                        body.is_over_cap = true;
                        return Ok(());
                    }
                    self.buffer.advance(skip + length);
                }
                Step::End { skip } => {
                    self.buffer.advance(skip);
                    if self.buffer.is_empty() && self.is_listened_after {
                        self.listen().await?;
                    }
                    return match self.buffer.len() {
                        0 => Ok(()),
                        surplus => Err(Cause::Protocol(format!("{surplus} {SURPLUS}"))),
                    };
                }
                Step::More { skip } => {
                    self.buffer.advance(skip);
                    if self.fill().await? == 0 {
                        return match framing {
                            Framing::UntilClose => Ok(()),
                            _ => Err(Cause::Cut("closed".to_owned())),
                        };
                    }
                }
            }
        }
    }

    /// Waits a while for what nobody announced.
    async fn listen(&mut self) -> Result<(), Cause> {
        let until = Instant::from_std(crate::clock::monotonic() + AFTER);
        match timeout_at(until, self.fill()).await {
            Ok(Err(cause @ Cause::Protocol(_))) => Err(cause),
            // Closed, reset or quiet: it was whole before.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// Reads more, and sends meanwhile what is left to be sent; 0 at the end of what comes.
    async fn fill(&mut self) -> Result<usize, Cause> {
        if self.received > self.allowed {
            let received = self.received;
            return Err(Cause::Protocol(format!("{received} bytes and no end of the answer")));
        }
        self.buffer.reserve(if self.received == 0 { FIRST_READ_BYTES } else { READ_BYTES });
        let held = self.buffer.len();
        let count = poll_fn(|context| self.poll_fill(context))
            .await
            .map_err(|error| Cause::of_io(&error))?;
        if self.received == 0 {
            let (first, length) = &mut self.first;
            *length = count.min(FIRST_BYTES);
            first[..*length].copy_from_slice(&self.buffer[held..held + *length]);
        }
        self.received += count as u64;
        Ok(count)
    }

    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if !self.is_flushed && self.poll_send(context).is_err() {
            // Whoever does not want to hear all of it may have answered already.
            self.unsent = [Bytes::new(), Bytes::new()];
            self.is_flushed = true;
        }
        match &mut self.wire {
            Wire::Plain(stream) => poll_read_buf(Pin::new(stream), context, &mut self.buffer),
            Wire::Tls(stream) => poll_read_buf(Pin::new(&mut **stream), context, &mut self.buffer),
        }
    }

    /// Sends as much as goes.
    fn poll_send(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        for piece in &mut self.unsent {
            while !piece.is_empty() {
                let sent = match &mut self.wire {
                    Wire::Plain(stream) => Pin::new(stream).poll_write(context, piece),
                    Wire::Tls(stream) => Pin::new(&mut **stream).poll_write(context, piece),
                };
                match sent {
                    Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                    Poll::Ready(sent) => piece.advance(sent?),
                    Poll::Pending => return Ok(()),
                }
            }
        }
        let flushed = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Tls(stream) => Pin::new(&mut **stream).poll_flush(context),
        };
        if let Poll::Ready(flushed) = flushed {
            self.is_flushed = true;
            flushed?;
        }
        Ok(())
    }
}

/// What the beginning of a buffer is.
pub(super) enum Parsed {
    Whole(Head),
    Interim,
    Partial,
}

/// Takes a head from the beginning of the buffer, where it is whole.
pub(super) fn parse(buffer: &mut BytesMut, is_head: bool) -> Result<Parsed, Cause> {
    let mut fields = [const { MaybeUninit::uninit() }; MOST_FIELDS];
    let mut response = httparse::Response::new(&mut []);
    let parsed = ParserConfig::default().parse_response_with_uninit_headers(
        &mut response,
        buffer,
        &mut fields,
    );
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(Parsed::Partial),
        Err(httparse::Error::TooManyHeaders) => return Err(too_large()),
        Err(_) if matches!(**buffer, [0, 0, _, SETTINGS_TYPE, ..]) => {
            let words = "it speaks HTTP/2 where HTTP/1.1 was agreed".to_owned();
            return Err(Cause::Protocol(words));
        }
        Err(error) => return Err(Cause::Protocol(error.to_string())),
    };
    let code = response.code.unwrap_or_default();
    let version = if response.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let status =
        StatusCode::from_u16(code).map_err(|_| Cause::Protocol(format!("a status of {code}")))?;
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        buffer.advance(length);
        return Ok(Parsed::Interim);
    }
    // Where in the buffer each field stands: once the head is split off, its bytes are shared.
    let start = buffer.as_ptr().addr();
    let place = |bytes: &[u8]| {
        let from = bytes.as_ptr().addr() - start;
        from..from + bytes.len()
    };
    let mut headers = HeaderMap::with_capacity(response.headers.len());
    let mut values = Vec::with_capacity(response.headers.len());
    for field in response.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|error| Cause::Protocol(error.to_string()))?;
        values.push((name, place(field.value)));
    }
    let head = buffer.split_to(length).freeze();
    for (name, place) in values {
        let value = HeaderValue::from_maybe_shared(head.slice(place))
            .map_err(|error| Cause::Protocol(error.to_string()))?;
        headers.append(name, value);
    }
    let framing = Framing::of(is_head, status, &headers);
    Ok(Parsed::Whole(Head { status, version, headers, framing }))
}

/// An empty line may be among these bytes.
fn may_end(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes)
        .any(|at| matches!(bytes[at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

fn too_large() -> Cause {
    let most = BUFFER_BYTES / 1024;
    Cause::Protocol(format!("a head of more than {most} KiB or {MOST_FIELDS} fields"))
}
