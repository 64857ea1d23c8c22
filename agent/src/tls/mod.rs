//! TLS as a probe needs it: a handshake that keeps the chain presented whatever its worth, and
//! the judgement of that chain afterwards.

use std::sync::Arc;
use std::time::Duration;

use health::facts::TlsFacts;
use health::{Finding, Language};
use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::probe::Stopwatch;

/// Trusted roots and the client settings made from them; cheap to clone, built once per set of
/// roots when the plan is loaded.
#[derive(Clone, Debug)]
pub struct Roots(Arc<RootsInner>);

#[derive(Debug)]
struct RootsInner {}

/// When a certificate's end is near.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expiring {
    /// A warning from here on.
    pub warning: Remaining,
    /// Critical from here on.
    pub critical: Remaining,
}

impl Default for Expiring {
    fn default() -> Self {
        Self { warning: Remaining::Share(0.25), critical: Remaining::Share(0.10) }
    }
}

/// What is left of a certificate's life.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Remaining {
    /// This share of its lifetime, 0 to 1.
    Share(f64),
    /// This time.
    Time(Duration),
}

/// The lowest protocol version that may still be enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProtocolFloor {
    /// TLS 1.2.
    Tls12,
    /// TLS 1.3.
    Tls13,
}

/// What a server presented.
#[derive(Debug)]
pub struct Presented {
    /// Leaf first, as sent; bounded in size.
    pub chain: Vec<CertificateDer<'static>>,
    /// `TLS 1.2` or `TLS 1.3`.
    pub protocol: String,
    /// IANA name.
    pub cipher: String,
    /// What ALPN settled on.
    pub alpn: Option<String>,
}

impl Roots {
    /// The system's roots and those of the PEM files given.
    ///
    /// # Errors
    /// One sentence for people when a file cannot be read or holds no certificate.
    pub fn load(extra: &[std::path::PathBuf]) -> Result<Self, String> {
        let _ = extra;
        todo!()
    }
}

/// Shakes hands and keeps what was presented, even when it would not verify. Ends at the
/// stopwatch's deadline; the time is lapped as [`health::Phase::Tls`].
///
/// # Errors
/// A finding (`tls.handshake`, `tcp.reset`, `http.timeout`-like with the phase named) when there
/// is no TLS to be had.
pub async fn handshake(
    stream: TcpStream,
    server_name: &str,
    alpn: &[&[u8]],
    roots: &Roots,
    watch: &mut Stopwatch,
) -> Result<(TlsStream<TcpStream>, Presented), Box<Finding>> {
    let _ = (stream, server_name, alpn, roots, watch);
    todo!()
}

/// Judges a presented chain as a visitor's browser would: name, trust, dates of every element,
/// keys and signatures. `subject` is what findings name (`127.0.0.1:8443 (shop.example)`).
/// Remembered by chain, name and roots, so that looking at an unchanged chain again costs little.
#[must_use]
pub fn judge(
    presented: &Presented,
    server_name: &str,
    roots: &Roots,
    subject: &str,
    now: Timestamp,
) -> (TlsFacts, Vec<Finding>) {
    let _ = (presented, server_name, roots, subject, now, Language::En);
    todo!()
}
