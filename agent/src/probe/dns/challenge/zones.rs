//! Which zone a name lies in, and whom to ask about it: the nearest name upwards that is delegated.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use health::{Code, Finding};
use hickory_proto::rr::Name;

use super::Dead;
use crate::clock::monotonic;
use crate::net::Net;
use crate::probe::Stopwatch;
use crate::probe::dns::survey::Survey;
use crate::probe::dns::{Kept, Spec, delegation};

/// Names above a target that may be its zone.
const MOST_CLIMBED: usize = 10;
/// A zone once found is looked for again after this time.
const KEPT: Duration = Duration::from_secs(3600);
/// Zones kept at most.
const MOST_KEPT: usize = 4096;

/// The zones of targets, by the zone that leads there.
#[derive(Debug, Default)]
pub(super) struct Zones {
    kept: Mutex<HashMap<(Name, Name), (Instant, Found)>>,
}

/// A zone, and the servers above it, where it was not walked to.
#[derive(Clone, Debug)]
struct Found {
    zone: Name,
    parent: Vec<SocketAddr>,
}

/// Whom to ask about a target that the zone of `spec` leads to: a spec without records.
pub(super) async fn of(
    target: &Name,
    spec: &Spec,
    survey: &Survey,
    net: &Net,
    watch: &Stopwatch,
) -> Result<Spec, Dead> {
    let zones = &net.dns.challenges.zones;
    let key = (spec.zone.clone(), target.clone());
    let found = match zones.recall(&key, monotonic()) {
        Some(found) => found,
        None => {
            let found = climb(target, spec, survey, net, watch).await?;
            zones.keep(key, found.clone(), monotonic());
            found
        }
    };
    let nameservers = if found.zone == spec.zone { spec.nameservers.clone() } else { Vec::new() };
    Ok(Spec { nameservers, ..bare(spec, found) })
}

fn bare(spec: &Spec, Found { zone, parent }: Found) -> Spec {
    Spec {
        zone,
        parent,
        nameservers: Vec::new(),
        resolvers: Vec::new(),
        records: Vec::new(),
        kept: Kept::default(),
        ..spec.clone()
    }
}

async fn climb(
    target: &Name,
    spec: &Spec,
    survey: &Survey,
    net: &Net,
    watch: &Stopwatch,
) -> Result<Found, Dead> {
    // Within the plan's zone its own servers delegate; elsewhere those above it may know the target's
    // zone too, and else it is walked to.
    let asked: Vec<Vec<SocketAddr>> = if spec.zone.zone_of(target) {
        vec![survey.authorities().filter_map(|at| survey.servers[at].address).collect()]
    } else if spec.parent.is_empty() {
        vec![Vec::new()]
    } else {
        vec![spec.parent.clone(), Vec::new()]
    };
    for parent in asked {
        let mut zone = target.clone();
        for _ in 0..MOST_CLIMBED {
            if zone.is_root() {
                break;
            }
            if zone == spec.zone {
                return Ok(Found { zone, parent: spec.parent.clone() });
            }
            let found = Found { zone: zone.clone(), parent: parent.clone() };
            match delegation::find(&bare(spec, found.clone()), net, watch).await {
                Ok(_) => return Ok(found),
                Err(finding) if parent.is_empty() && !is_not_delegated(&finding) => {
                    return Err(Dead::Lost(finding));
                }
                Err(_) => zone = zone.base_name(),
            }
        }
    }
    Err(Dead::Nowhere)
}

/// The servers above have answered, and know no such zone.
fn is_not_delegated(finding: &Finding) -> bool {
    matches!(finding.code, Code::DnsNxdomain | Code::DnsMissing | Code::DnsLame)
}

impl Zones {
    fn recall(&self, key: &(Name, Name), now: Instant) -> Option<Found> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(key).filter(|(end, _)| *end > now).map(|(_, found)| found.clone())
    }

    fn keep(&self, key: (Name, Name), found: Found, now: Instant) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST_KEPT {
            kept.retain(|_, (end, _)| *end > now);
        }
        if kept.len() < MOST_KEPT {
            kept.insert(key, (now + KEPT, found));
        }
    }
}
