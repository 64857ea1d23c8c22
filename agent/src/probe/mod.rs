//! One probe: one attempt at a check. One file per kind under one visible table.

use std::sync::Arc;

use health::{Facts, Finding, Observation};

use crate::net::Net;

pub mod certificate;
pub mod dns;
pub mod http;
pub mod port;
pub mod stopwatch;
pub mod tcp;
pub mod tls;

pub use stopwatch::Stopwatch;

/// One configured thing to be looked at, with everything a probe needs.
#[derive(Debug)]
pub struct Check {
    /// What every check has.
    pub frame: Arc<health::Check>,
    /// What this kind needs.
    pub spec: Spec,
}

/// Settings and expectations of every kind.
#[derive(Debug)]
pub enum Spec {
    /// `[[tcp]]`
    Tcp(tcp::Spec),
    /// `[[http]]`
    Http(Box<http::Spec>),
    /// `[[tls]]`
    Tls(tls::Spec),
    /// `[[dns]]`
    Dns(dns::Spec),
    /// `[[certificate]]`
    Certificate(certificate::Spec),
    /// `[[host.port]]`
    Port(port::Spec),
}

/// What a kind's `observe` hands back; the frame around it is the same for all.
#[derive(Debug, Default)]
pub struct Sight {
    /// What was seen.
    pub facts: Facts,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Runs one probe. Always returns within the check's timeout and a little: every kind keeps the
/// deadline of its stopwatch itself, so that it can say which phase hung.
pub async fn run(check: &Check, net: &Net) -> Observation {
    let at = crate::clock::now();
    let mut watch = Stopwatch::start(check.frame.timeout);
    let sight = match &check.spec {
        Spec::Tcp(spec) => tcp::observe(spec, net, &mut watch).await,
        Spec::Http(spec) => Box::pin(http::observe(spec, net, &mut watch)).await,
        Spec::Tls(spec) => tls::observe(spec, net, &mut watch, at).await,
        Spec::Dns(spec) => Box::pin(dns::observe(spec, net, &mut watch)).await,
        Spec::Certificate(spec) => certificate::observe(spec, &mut watch, at).await,
        Spec::Port(spec) => port::observe(spec, net, &mut watch).await,
    };
    Observation {
        at,
        duration: watch.elapsed(),
        phases: watch.into_phases(),
        facts: sight.facts,
        findings: sight.findings,
    }
}
