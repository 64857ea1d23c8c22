//! Ports: a claim against the socket table and, where the plan says so, a connection; and the
//! sweep for listeners that no claim names.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use health::{Claim, Host, Observation, PortKey, Thresholds};

use super::{Sight, Stopwatch};
use crate::net::Net;
use crate::plan::Endpoint;

/// `[[host.port]]` after validation.
#[derive(Clone, Debug)]
pub struct Spec {
    /// The host it belongs to.
    pub host: Arc<Host>,
    /// The claim.
    pub claim: Arc<Claim>,
    /// What is dialled.
    pub target: Endpoint,
    /// Dial from this address.
    pub source: Option<IpAddr>,
    /// Every local host of the plan: a listener bound to one exact address belongs to the hosts
    /// that own it.
    pub neighbours: Vec<Arc<Host>>,
}

/// The search for undeclared listeners of one local host.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The host.
    pub host: Arc<Host>,
    /// How often.
    pub interval: Duration,
    /// When to believe a listener is there to stay, or gone.
    pub thresholds: Thresholds,
    /// Every local host of the plan.
    pub neighbours: Vec<Arc<Host>>,
}

/// Runs one probe of one claim.
pub async fn observe(spec: &Spec, net: &Net, watch: &mut Stopwatch) -> Sight {
    let _ = (spec, net, watch);
    todo!()
}

/// Looks for undeclared listeners once: one bad observation for each that is there.
pub async fn sweep(sweep: &Sweep, net: &Net) -> Vec<(PortKey, Observation)> {
    let _ = (sweep, net);
    todo!()
}
