//! What was found out about zones and the zones above them, until it is due again.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::rr::Name;

use super::Examination;
use super::ascent::Standing;
use crate::probe::dns::shelf::Shelf;

/// Zones of the plan, and zones above them, remembered at most.
const MOST_KEPT: usize = 4096;
/// An unsigned zone is asked for a DS this often.
const UNSIGNED_AGAIN: Duration = Duration::from_secs(3600);
/// A signed zone is examined this often while nothing changes.
const SIGNED_AGAIN: Duration = Duration::from_secs(600);
/// Zones above one of the plan are believed at least and at most for this time.
const SHORTEST_TRUST: Duration = Duration::from_secs(60);
const LONGEST_TRUST: Duration = Duration::from_secs(3600);

/// How soon an examination has to be done again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// At the next probe: something is wrong, and the end of it should be seen at once.
    AtOnce,
    /// When the serial changes, and in any case soon enough to see the next thing come.
    Signed { at_most: Duration },
    /// Nobody vouches for the zone.
    Unsigned,
}

/// The last examination of one zone.
#[derive(Clone, Debug)]
struct Kept {
    due: Instant,
    found: Arc<Examination>,
}

/// Examinations of zones, and what is known of the zones above.
#[derive(Debug)]
pub(in crate::probe::dns) struct Remembered {
    zones: Mutex<HashMap<u64, Kept>>,
    standings: Shelf<Above, Standing>,
}

/// A zone above one of the plan: by the anchors it is judged by, and the servers named for it.
pub(super) type Above = (Name, u64, Vec<SocketAddr>);

impl Default for Remembered {
    fn default() -> Self {
        Self { zones: Mutex::default(), standings: Shelf::with_room_for(MOST_KEPT) }
    }
}

impl Remembered {
    /// The last examination, and whether it still holds.
    pub(super) fn recall(&self, zone: u64, now: Instant) -> Option<(Arc<Examination>, bool)> {
        let zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        zones.get(&zone).map(|kept| (kept.found.clone(), kept.due > now))
    }

    pub(super) fn keep(&self, zone: u64, found: &Arc<Examination>, now: Instant) {
        let longest = match found.verdict.again {
            Again::AtOnce => Duration::ZERO,
            Again::Signed { at_most } => spread(SIGNED_AGAIN, zone).min(at_most),
            Again::Unsigned => spread(UNSIGNED_AGAIN, zone),
        };
        let kept = Kept { due: now + longest, found: found.clone() };
        let mut zones = self.zones.lock().unwrap_or_else(PoisonError::into_inner);
        if zones.len() >= MOST_KEPT && !zones.contains_key(&zone) {
            // Those that the plan no longer has are long overdue.
            zones.retain(|_, kept| kept.due + UNSIGNED_AGAIN > now);
            if zones.len() >= MOST_KEPT {
                return;
            }
        }
        zones.insert(zone, kept);
    }

    pub(super) fn standing(&self, above: &Above, now: Instant) -> Option<Arc<Standing>> {
        self.standings.recall(above, now)
    }

    pub(super) fn keep_standing(&self, above: Above, standing: Standing, ttl: u32, now: Instant) {
        let ttl = Duration::from_secs(ttl.into()).clamp(SHORTEST_TRUST, LONGEST_TRUST);
        self.standings.keep(above, Arc::new(standing), now, ttl);
    }
}

/// A little less than the time, by the zone, so that a thousand zones are not due at once.
fn spread(time: Duration, zone: u64) -> Duration {
    let share = u32::try_from(zone % 1024).unwrap_or(0);
    time - time / 4 * share / 1024
}
