//! What a probe saw, right or wrong, typed so that metrics and pages need not guess.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use crate::ports::Observed;

mod dns;
mod dnssec;
mod headers;
mod http;
mod signals;
mod sockets;
mod tls;

pub use dns::{AnswerFacts, DnsFacts, Flags, Part, RecordFacts, ServerFacts};
pub use dnssec::{DnskeyFacts, DnssecFacts, DsFacts, Security, SignatureFacts};
pub use headers::Headers;
pub use http::{HttpFacts, Redirect, RequestFacts, Role, VisitFacts};
pub use signals::{CallFacts, HeartbeatFacts, IcmpFacts, Signal, UdpFacts};
pub use sockets::{GrpcFacts, NginxFacts, SaidFacts, Speaker, WebsocketFacts};
pub use tls::{
    AcmeFacts, CertificateFacts, CertificatesSeen, FileFacts, HopFacts, RenewalFacts,
    RenewalSource, RevocationFacts, RevocationSource, RevocationStanding, ServedFacts, TlsFacts,
    TrialFacts,
};

/// All that one probe saw. Sections that a kind has nothing to say on stay empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The address that was dialled last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// What the target's name resolved to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved: Vec<IpAddr>,
    /// What a TCP service said first, printable, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<String>,
    /// A hello in the protocol that `speaks` names, which came to its good end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hello: Option<Box<HelloFacts>>,
    /// An HTTP answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpFacts>>,
    /// Every request of a probe that made several: steps, ways in, redirects, upstreams.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub visits: Vec<VisitFacts>,
    /// What was said over a WebSocket.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub websocket: Option<Box<WebsocketFacts>>,
    /// What a gRPC service said of its health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc: Option<Box<GrpcFacts>>,
    /// What nginx counts of itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nginx: Option<Box<NginxFacts>>,
    /// A TLS handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Box<TlsFacts>>,
    /// What else was served besides `tls`: at other addresses of the name, to who names nobody, for
    /// other sites of the same server.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub served: Vec<ServedFacts>,
    /// When certificates are due for renewal, and what their renewer says of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renewals: Vec<RenewalFacts>,
    /// A challenge file put down and fetched as a CA would.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acme: Option<Box<AcmeFacts>>,
    /// A zone on its servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Box<DnsFacts>>,
    /// Certificate files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<FileFacts>,
    /// Both sides of a forward.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward: Option<Box<ForwardFacts>>,
    /// A claimed port or undeclared listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<Box<Observed>>,
    /// Echo requests and what came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icmp: Option<Box<IcmpFacts>>,
    /// A datagram and its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub udp: Option<Box<UdpFacts>>,
    /// A job that reports by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<Box<HeartbeatFacts>>,
    /// What this machine itself had run out of, so that nothing could be looked at: right and wrong
    /// are then unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blind: Option<String>,
}

/// What a TCP service said to a hello in its own protocol, printable and bounded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HelloFacts {
    /// The protocol as people call it, such as `PostgreSQL`.
    pub protocol: String,
    /// The server's version, where it tells, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The answer that shows that it serves, at most 256 characters.
    pub answer: String,
}

/// Both sides of a forward, and whether they are the same place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ForwardFacts {
    /// The outer side.
    pub outer: SideFacts,
    /// The inner side.
    pub inner: SideFacts,
    /// Both lead to the same place; `None`: they cannot be told apart, or one of them is dead.
    pub same: Option<bool>,
}

/// One side of a forward.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SideFacts {
    /// The address that was dialled.
    pub address: Option<SocketAddr>,
    /// Who answers there, for people: a host key, a certificate, a greeting, a page; `None`: nobody.
    pub shows: Option<String>,
}
