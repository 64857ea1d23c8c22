//! Where the agent stands: whether a failure of the outer way, seen from here, proves anything.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use super::Spec;
use crate::plan::Endpoint;

/// `seen_from`: what the plan says of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeenFrom {
    /// Beyond the router; or within, where its hairpin is known to work.
    Outside,
    /// Within the network that the forward leads into.
    Inside,
}

/// What a failure of the outer way means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standpoint {
    /// What fails from here fails.
    Outside,
    /// Within, and the outer way has worked from here: what fails now fails.
    Passed,
    /// Within by the addresses: a failure may be the router's missing hairpin.
    WithinItSeems,
    /// Within, says the plan: nothing the outer way does from here proves anything.
    Within,
}

/// The outer ways that have been seen to lead to their target from here.
#[derive(Clone, Debug, Default)]
pub struct Passages(Arc<Mutex<HashSet<Passage>>>);

type Passage = (Endpoint, Endpoint, Option<IpAddr>);

impl Passages {
    /// Remembers that a forward was seen to work.
    pub(crate) fn note(&self, spec: &Spec) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(passage(spec));
    }

    /// Whether a forward has been seen to work.
    pub(super) fn knows(&self, spec: &Spec) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&passage(spec))
    }
}

fn passage(spec: &Spec) -> Passage {
    (spec.from.clone(), spec.to.clone(), spec.source)
}

/// Where the agent stands. The plan has the first word; then what was seen; then the addresses: who
/// reaches a private inner address, and dials an outer one that is not this machine's loopback, is
/// most likely within.
pub(super) fn standpoint(
    written: Option<SeenFrom>,
    (inner, outer): (Option<SocketAddr>, Option<SocketAddr>),
    has_passed: bool,
) -> Standpoint {
    let is_within = inner.is_some_and(|inner| is_own_network(inner.ip()));
    let is_near = outer.is_some_and(|outer| outer.ip().is_loopback());
    match written {
        Some(SeenFrom::Outside) => Standpoint::Outside,
        Some(SeenFrom::Inside) => Standpoint::Within,
        None if has_passed => Standpoint::Passed,
        None if is_within && !is_near => Standpoint::WithinItSeems,
        None => Standpoint::Outside,
    }
}

/// Loopback, private, link-local, shared (RFC 6598) and unique local addresses: nobody reaches
/// those from beyond the router.
pub(crate) fn is_own_network(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            ip.is_loopback() || ip.is_private() || ip.is_link_local() || is_shared
        }
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plan_then_what_was_seen_then_the_addresses() {
        use Standpoint::{Outside, Passed, Within, WithinItSeems};
        let (in_, out) = (Some(SeenFrom::Inside), Some(SeenFrom::Outside));
        for (written, inner, outer, has_passed, expected) in [
            (None, "192.168.0.10:8081", "203.0.113.7:80", false, WithinItSeems),
            (None, "127.0.0.1:8081", "203.0.113.7:80", false, WithinItSeems),
            (None, "100.64.3.4:8081", "203.0.113.7:80", false, WithinItSeems),
            (None, "[fd00::1]:8081", "[2001:db8::1]:80", false, WithinItSeems),
            (None, "192.168.0.10:8081", "10.0.0.1:80", false, WithinItSeems),
            (None, "192.168.0.10:8081", "203.0.113.7:80", true, Passed),
            (None, "198.51.100.4:8081", "203.0.113.7:80", false, Outside),
            (None, "100.128.3.4:8081", "203.0.113.7:80", false, Outside),
            (None, "127.0.0.1:8081", "127.0.0.2:80", false, Outside),
            (in_, "198.51.100.4:8081", "203.0.113.7:80", true, Within),
            (out, "192.168.0.10:8081", "203.0.113.7:80", false, Outside),
        ] {
            let sides = (inner.parse().ok(), outer.parse().ok());
            assert_eq!(standpoint(written, sides, has_passed), expected, "{inner} {outer}");
        }
    }
}
