//! The bytes under an HTTP connection, counted, so that a failure can say how far it came.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::client::TlsStream;

use crate::net::Connection;

/// Most bytes kept of what a peer said first.
pub(super) const FIRST_BYTES: usize = 96;

/// A connection, plain or encrypted.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(Connection),
    Tls(Box<TlsStream<Connection>>),
}

/// Most bytes until the head is complete: no head is that large, however many interim answers or
/// control frames come before it.
pub(super) const HEAD_BYTES: u64 = 512 * 1024;

/// Most bytes that may have come by the end of a body of at most `cap_bytes`, in however small pieces,
/// when so many came up to the end of the head.
pub(super) const fn allowance(received: u64, cap_bytes: u64) -> u64 {
    let framing = cap_bytes.saturating_mul(8).saturating_add(2 * HEAD_BYTES);
    received.saturating_add(framing)
}

/// What came over a wire, and how much may.
#[derive(Debug)]
pub(super) struct Meter {
    received: AtomicU64,
    allowed: AtomicU64,
    first: OnceLock<(usize, [u8; FIRST_BYTES])>,
}

impl Meter {
    fn new() -> Self {
        let (received, allowed) = (AtomicU64::new(0), AtomicU64::new(HEAD_BYTES));
        Self { received, allowed, first: OnceLock::new() }
    }

    /// The head is complete: a body of at most `cap_bytes` may follow, in however small pieces.
    pub(super) fn allow_body(&self, cap_bytes: u64) {
        self.allowed.store(allowance(self.received(), cap_bytes), Ordering::Relaxed);
    }

    /// Bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// The beginning of what was received.
    pub(super) fn first(&self) -> &[u8] {
        self.first.get().map_or(&[], |(length, bytes)| &bytes[..*length])
    }

    fn note(&self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            return Ok(());
        }
        let before = self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        if before == 0 {
            let length = bytes.len().min(FIRST_BYTES);
            let mut first = [0; FIRST_BYTES];
            first[..length].copy_from_slice(&bytes[..length]);
            // Only the first read gets here, so it is still empty.
            let _ = self.first.set((length, first));
        }
        if before > self.allowed.load(Ordering::Relaxed) {
            return Err(io::Error::other(format!("{before} bytes and no end of the answer")));
        }
        Ok(())
    }
}

/// A wire with its meter.
#[derive(Debug)]
pub(crate) struct Metered {
    wire: Wire,
    meter: Arc<Meter>,
}

impl Metered {
    pub(super) fn new(wire: Wire) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter::new());
        (Self { wire, meter: Arc::clone(&meter) }, meter)
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Wire::Tls(stream) => Pin::new(&mut **stream).poll_read(context, buffer),
        };
        if let Err(error) = self.meter.note(&buffer.filled()[before..]) {
            return Poll::Ready(Err(error));
        }
        read
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Wire::Tls(stream) => Pin::new(&mut **stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_flush(context),
            Wire::Tls(stream) => Pin::new(&mut **stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Wire::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(context),
        }
    }
}
