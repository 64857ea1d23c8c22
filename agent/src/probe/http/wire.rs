//! The bytes under an HTTP connection, counted, so that a failure can say how far it came.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

/// Most bytes kept of what a peer said first.
const FIRST_BYTES: usize = 96;

/// A connection, plain or encrypted.
#[derive(Debug)]
pub(super) enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What came over a wire.
#[derive(Debug, Default)]
pub(super) struct Meter {
    received: AtomicU64,
    first: OnceLock<(usize, [u8; FIRST_BYTES])>,
}

impl Meter {
    /// Bytes received so far.
    pub(super) fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    /// The beginning of what was received.
    pub(super) fn first(&self) -> &[u8] {
        self.first.get().map_or(&[], |(length, bytes)| &bytes[..*length])
    }

    fn note(&self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if self.received.fetch_add(bytes.len() as u64, Ordering::Relaxed) == 0 {
            let length = bytes.len().min(FIRST_BYTES);
            let mut first = [0; FIRST_BYTES];
            first[..length].copy_from_slice(&bytes[..length]);
            // Only the first read gets here, so it is still empty.
            let _ = self.first.set((length, first));
        }
    }
}

/// A wire with its meter.
#[derive(Debug)]
pub(super) struct Metered {
    wire: Wire,
    meter: Arc<Meter>,
}

impl Metered {
    pub(super) fn new(wire: Wire) -> (Self, Arc<Meter>) {
        let meter = Arc::new(Meter::default());
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
        self.meter.note(&buffer.filled()[before..]);
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
