//! What was asked over HTTP, and what came back.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Headers;
use crate::{Code, Phases};

/// An HTTP answer: the last one, where redirects were followed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HttpFacts {
    /// Status of the answer that was judged.
    pub status: Option<u16>,
    /// `1.0`, `1.1` or `2`.
    pub version: Cow<'static, str>,
    /// Where that answer came from, after redirects.
    pub url: Arc<str>,
    /// Every redirect that was followed, first to last.
    pub redirects: Vec<Redirect>,
    /// Bytes of body received, at most the cap.
    pub body_bytes: u64,
    /// What Content-Length said, if anything.
    pub content_length: Option<u64>,
    /// Header names and values of the answer, bounded in number and length, secrets masked.
    pub headers: Headers,
    /// The request that this is the answer to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Arc<RequestFacts>>,
    /// The beginning of the body, printable, at most 1 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// An expectation by regular expression did not hold (`probe_failed_due_to_regex`).
    pub failed_due_to_regex: bool,
}

/// One redirect that was followed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Redirect {
    /// Where the answer came from.
    pub url: String,
    /// Its status.
    pub status: u16,
    /// Its Location header.
    pub location: String,
}

/// A request as it was sent, secrets masked.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestFacts {
    /// The method.
    pub method: Cow<'static, str>,
    /// Header names and values, bounded in number and length.
    pub headers: Headers,
    /// The beginning of the body, printable, at most 1 KiB; empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
    /// A `curl` command that asks the same; secrets are left to whoever types it.
    pub by_hand: String,
}

/// What one of several requests of a probe was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A step of a journey.
    Step,
    /// The plan's own request, or the answer that one of several ways in gave.
    Way,
    /// A redirect that was followed.
    Redirect,
    /// One whom a proxy passes on to, asked without it.
    Upstream,
    /// A request that says whether the first was at fault.
    Control,
}

impl Role {
    /// The name used in JSON and pages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Step => "step",
            Self::Way => "way",
            Self::Redirect => "redirect",
            Self::Upstream => "upstream",
            Self::Control => "control",
        }
    }
}

/// One of several requests that a probe made, in the order in which they began.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VisitFacts {
    /// What it was for.
    pub role: Role,
    /// The step's or the way's name, the upstream's address, the redirect's URL.
    pub name: Arc<str>,
    /// By which way, where there are several: `outer`, `inner`, or as the plan calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub way: Option<Arc<str>>,
    /// How long after the probe it began.
    #[serde(rename = "begun_seconds", with = "crate::seconds")]
    pub begun: Duration,
    /// How long it took.
    #[serde(rename = "duration_seconds", with = "crate::seconds")]
    pub took: Duration,
    /// Where that time went.
    pub phases: Phases,
    /// The address that was dialled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// The answer, where one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<Box<HttpFacts>>,
    /// What was found wrong with it; empty when all is well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Code>,
    /// Why it was not made at all, or gave no answer, in few words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}
