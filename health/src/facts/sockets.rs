//! What was heard over a WebSocket, from a gRPC service, and from nginx about itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A WebSocket, once it was upgraded. The answer to the upgrade is among the HTTP facts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WebsocketFacts {
    /// The subprotocol that the server chose, where it chose one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subprotocol: Option<String>,
    /// What was said over it, first to last, bounded in number and length, secrets masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<SaidFacts>,
    /// How long the server took to answer a ping, where it did.
    #[serde(
        rename = "pong_seconds",
        with = "crate::seconds::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub pong: Option<Duration>,
    /// How the server closed it, where it did so first: the code, 1005 or 1006 where none came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub close_code: Option<u16>,
    /// The reason that came with it, printable, at most 123 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub close_reason: String,
}

/// One message over a WebSocket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SaidFacts {
    /// Who said it.
    pub by: Speaker,
    /// How long after the probe began.
    #[serde(rename = "at_seconds", with = "crate::seconds")]
    pub at: Duration,
    /// What was said, printable, at most 256 characters; of a binary message its bytes as escapes.
    pub text: String,
}

/// One of the two sides of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Speaker {
    /// This agent.
    Agent,
    /// What is looked at.
    Server,
}

impl Speaker {
    /// The name used in JSON and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Server => "server",
        }
    }
}

/// What a gRPC service said of its health (`grpc.health.v1`). The HTTP/2 answer is among the HTTP
/// facts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GrpcFacts {
    /// The service asked about; empty: the server as a whole.
    pub service: String,
    /// `SERVING`, `NOT_SERVING`, `UNKNOWN` or `SERVICE_UNKNOWN`, where it said one of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub serving: Option<String>,
    /// The status of the call, such as 0 (OK) or 12 (UNIMPLEMENTED), where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grpc_status: Option<u32>,
    /// The message that came with it, printable, at most 256 characters.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// What nginx counts of itself (`stub_status`): connections since it started, and now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NginxFacts {
    /// Connections now, idle ones included.
    pub active: u64,
    /// Connections accepted since it started.
    pub accepts: u64,
    /// Of these, the ones that it took up; the others it dropped for want of room.
    pub handled: u64,
    /// Requests since it started.
    pub requests: u64,
    /// Connections on which it reads a request.
    pub reading: u64,
    /// Connections on which it writes an answer, or waits for an upstream.
    pub writing: u64,
    /// Connections that are idle between requests.
    pub waiting: u64,
}

impl NginxFacts {
    /// Connections dropped since it started.
    #[must_use]
    pub const fn dropped(&self) -> u64 {
        self.accepts.saturating_sub(self.handled)
    }
}
