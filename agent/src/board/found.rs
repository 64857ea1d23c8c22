//! Listeners that no claim names: their checks come from sweeps instead of the plan.

use std::sync::Arc;
use std::time::Duration;

use health::ports::Observed;
use health::{Check, Facts, Kind, Observation, Phases, PortKey, Protocol, Timing};
use jiff::Timestamp;

use crate::plan::Plan;
use crate::probe::port::Sweep;

/// The check that stands for an undeclared listener.
#[must_use]
pub fn found_check(port: &PortKey, sweep: &Sweep) -> Arc<Check> {
    let name: Arc<str> = port.to_string().into();
    Arc::new(Check {
        instance: name.clone(),
        name,
        kind: Kind::Port,
        host: Some(port.host.clone()),
        timing: Timing::Every(sweep.interval),
        timeout: sweep.interval,
        thresholds: sweep.thresholds,
        depends_on: Vec::new(),
        labels: sweep.labels.clone(),
    })
}

/// Reads `HOST:PORT` or `HOST:PORT/udp` back, where the plan sweeps that host.
pub(super) fn swept_port<'a>(name: &str, plan: &'a Plan) -> Option<(PortKey, &'a Sweep)> {
    let (plain, protocol) = match name.strip_suffix("/udp") {
        Some(plain) => (plain, Protocol::Udp),
        None => (name, Protocol::Tcp),
    };
    let (host, port) = plain.rsplit_once(':')?;
    let sweep = plan.sweeps.iter().find(|sweep| &*sweep.host.name == host)?;
    let port = port.parse().ok()?;
    Some((PortKey { host: sweep.host.name.clone(), port, protocol }, sweep))
}

/// What a sweep says of a listener that it does not see any more.
pub(super) fn nothing_seen(at: Timestamp) -> Observation {
    Observation {
        at,
        duration: Duration::ZERO,
        phases: Phases::default(),
        facts: Facts {
            port: Some(Box::new(Observed { listening: Some(false), ..Observed::default() })),
            ..Facts::default()
        },
        findings: Vec::new(),
    }
}
