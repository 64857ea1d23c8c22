//! Listeners that no claim names.

use std::collections::HashSet;

use crate::{Finding, PortKey, Protocol};

use super::finding;
use super::judgement::observe;
use super::words::group;
use super::{Local, Observed};

/// A port that somebody listens on and no claim names.
#[derive(Clone, Debug, PartialEq)]
pub struct Stranger {
    /// Which port of which host.
    pub key: PortKey,
    /// What was seen.
    pub observed: Observed,
    /// `port.undeclared`, one for each owner.
    pub findings: Vec<Finding>,
}

/// Every listener of a local host that no claim names, as severe as the host's policy says; none
/// when the policy is to ignore them. UDP sockets on ports that the system gives to clients are
/// left out: a resolver's or a browser's question looks just like a service there. So is what the
/// host's `ignore` names.
#[must_use]
pub fn undeclared(local: &Local<'_>) -> Vec<Stranger> {
    let Some(severity) = local.host.undeclared.severity() else { return Vec::new() };
    let claimed: HashSet<(Protocol, u16)> =
        local.host.claims.iter().map(|claim| (claim.key.protocol, claim.key.port)).collect();
    let port = |listener: &crate::Listener| (listener.protocol, listener.bind.port());
    local
        .machine
        .listeners
        .chunk_by(|a, b| port(a) == port(b))
        .filter_map(|chunk| {
            let (protocol, number) = port(&chunk[0]);
            let is_client = protocol == Protocol::Udp && local.machine.is_ephemeral(number);
            if is_client || claimed.contains(&(protocol, number)) {
                return None;
            }
            let is_heard = |one: &&crate::Listener| {
                !local.host.ignore.iter().any(|pattern| pattern.matches(one))
            };
            let own = chunk.iter().filter(|one| local.owns(one.bind.ip()));
            let own: Vec<_> = own.filter(is_heard).collect();
            if own.is_empty() {
                return None;
            }
            let key = PortKey { host: local.host.name.clone(), port: number, protocol };
            let observed = observe(&own, |listener| local.reach(listener));
            let findings = group(&own)
                .iter()
                .map(|group| finding::undeclared(&key, local.machine, group).severity(severity))
                .collect();
            Some(Stranger { key, observed, findings })
        })
        .collect()
}
