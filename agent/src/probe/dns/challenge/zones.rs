//! Which zone a name lies in, and whom to ask about it: the nearest name upwards that is delegated.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use health::{Code, Finding};
use hickory_proto::rr::Name;

use super::Dead;
use crate::clock::monotonic;
use crate::net::Net;
use crate::probe::Stopwatch;
use crate::probe::dns::shelf::Shelf;
use crate::probe::dns::survey::Survey;
use crate::probe::dns::{Kept, Spec, delegation};

/// Names above a target that may be its zone.
const MOST_CLIMBED: usize = 10;
/// A zone once found is looked for again after this time.
const KEPT: Duration = Duration::from_secs(3600);
/// Where there is none, after this time: the climb asks every zone above.
const NOWHERE_KEPT: Duration = Duration::from_secs(5 * 60);

/// The zones of targets, by the planned record that leads there; `None` for a target in no zone.
pub(super) type Zones = Shelf<(u64, Name), Option<Found>>;

/// A zone, and the servers above it, where it was not walked to.
#[derive(Clone, Debug)]
pub(super) struct Found {
    zone: Name,
    parent: Vec<SocketAddr>,
}

/// Whom to ask about a target that the zone of `spec` leads to: a spec without records.
pub(super) async fn of(
    target: &Name,
    leading: u64,
    spec: &Spec,
    survey: &Survey,
    net: &Net,
    watch: &Stopwatch,
) -> Result<Spec, Dead> {
    let zones = &net.dns.challenges.zones;
    let key = (leading, target.clone());
    let found = match zones.recall(&key, monotonic()) {
        Some(found) => found,
        None => {
            let (found, lasting) = match climb(target, spec, survey, net, watch).await {
                Ok(found) => (Some(found), KEPT),
                Err(Dead::Nowhere) => (None, NOWHERE_KEPT),
                Err(dead) => return Err(dead),
            };
            let found = Arc::new(found);
            zones.keep(key, found.clone(), monotonic(), lasting);
            found
        }
    };
    let Some(found) = &*found else { return Err(Dead::Nowhere) };
    let nameservers = if found.zone == spec.zone { spec.nameservers.clone() } else { Vec::new() };
    Ok(Spec { nameservers, ..bare(spec, found) })
}

fn bare(spec: &Spec, found: &Found) -> Spec {
    Spec {
        zone: found.zone.clone(),
        parent: found.parent.clone(),
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
            match delegation::find(&bare(spec, &found), net, watch).await {
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
