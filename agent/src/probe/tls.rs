//! TLS: handshake, the chain presented, and whether it is the one that should be served.

use std::net::IpAddr;
use std::path::PathBuf;

use jiff::Timestamp;

use super::{Sight, Stopwatch};
use crate::net::Net;
use crate::plan::Endpoint;
use crate::tls::{Expiring, ProtocolFloor, Roots};

/// `[[tls]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// What is named, and dialled unless `connect` says otherwise.
    pub target: Endpoint,
    /// Dial this instead.
    pub connect: Option<Endpoint>,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// Sent as SNI and checked against the certificate: a DNS name or an IP address.
    pub server_name: String,
    /// What should be served.
    pub file: Option<PathBuf>,
    /// When its end is near.
    pub expiring: Expiring,
    /// The lowest protocol version that may still be enabled; `None`: not looked at.
    pub min_version: Option<ProtocolFloor>,
    /// Trusted roots.
    pub roots: Roots,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch, now: Timestamp) -> Sight {
    let _ = (spec, net, watch, now);
    todo!()
}
