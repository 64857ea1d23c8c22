//! TCP: connect, and where the plan says so a dialogue.

use std::net::IpAddr;

use regex::bytes::Regex;

use super::{Sight, Stopwatch};
use crate::net::Net;
use crate::plan::Endpoint;

/// `[[tcp]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Whom to dial.
    pub target: Endpoint,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// It must not accept.
    pub expect_closed: bool,
    /// Dialogue; `expect` alone is one step that sends nothing. Empty: connecting is enough.
    pub steps: Vec<Step>,
}

/// One step of a dialogue.
#[derive(Clone, Debug)]
pub struct Step {
    /// Bytes to send first; empty: nothing.
    pub send: Vec<u8>,
    /// What must come back; `None`: nothing is waited for.
    pub expect: Option<Regex>,
}

/// Runs one probe.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let _ = (spec, net, watch);
    todo!()
}
