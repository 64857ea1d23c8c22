//! What is remembered of every server that was asked: whether it takes EDNS, whether it answers
//! over TCP, and what became of its newest queries. Deliberately absent: sockets, and what
//! follows from it.

mod recent;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::exchange::Way;
use super::question::Edns;

pub(super) use recent::{Pace, Tally};

use recent::Recent;

/// Servers remembered at most; those asked last stay.
const MOST_PEERS: usize = 4096;
/// One that was not asked for so long is forgotten when there is no room.
const LONGEST_UNASKED: Duration = Duration::from_secs(3600);
/// How often it is looked who that is.
const CLEARED_EVERY: Duration = Duration::from_secs(60);
/// A server that refused EDNS is offered it again after this time: it may have been renewed.
const WITHOUT_EDNS: Duration = Duration::from_secs(3600);
/// How often a server that answers over TCP is asked that way, on average.
const TCP_EVERY: Duration = Duration::from_secs(3600);
/// How soon one that did not is asked again.
const TCP_AGAIN: Duration = Duration::from_secs(2);
/// Nobody else asks while an attempt may be under way.
const TCP_UNDER_WAY: Duration = Duration::from_secs(10);

/// All servers asked of late.
#[derive(Debug, Default)]
pub(super) struct Peers(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    peers: FxHashMap<Way, Peer>,
    /// When room was last looked for.
    cleared: Option<Instant>,
}

#[derive(Debug)]
struct Peer {
    asked: Instant,
    recent: Recent,
    without_edns_until: Option<Instant>,
    over_tcp: OverTcp,
}

/// Whether a server answers over TCP when nothing makes it.
#[derive(Debug)]
struct OverTcp {
    next: Option<Instant>,
    failure: Option<Arc<str>>,
}

/// What is known of one server at the moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Repute {
    /// Its newest queries.
    pub(super) pace: Pace,
    /// Why the last attempt over TCP failed, if it did.
    pub(super) no_tcp: Option<Arc<str>>,
}

impl Peers {
    /// How much of EDNS to begin with.
    pub(super) fn edns(&self, way: Way, now: Instant) -> Edns {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let until = known.peers.get(&way).and_then(|peer| peer.without_edns_until);
        if until.is_some_and(|until| now < until) { Edns::Absent } else { Edns::Whole }
    }

    /// Remembers that a server answers only what comes without EDNS.
    pub(super) fn note_without_edns(&self, way: Way, now: Instant) {
        self.with(way, now, |peer| peer.without_edns_until = Some(now + WITHOUT_EDNS));
    }

    /// Remembers what became of an errand.
    pub(super) fn note(&self, way: Way, tally: &Tally, now: Instant) {
        self.with(way, now, |peer| peer.recent.add(tally, now));
    }

    /// Whether the server is due to be asked over TCP. Who is told so has to do it, and to say
    /// what came of it: until then nobody else is told.
    pub(super) fn claim_tcp(&self, way: Way, now: Instant) -> bool {
        let claim = |peer: &mut Peer| {
            let is_due = peer.over_tcp.next.is_none_or(|next| now >= next);
            if is_due {
                peer.over_tcp.next = Some(now + TCP_UNDER_WAY);
            }
            is_due
        };
        self.with(way, now, claim).unwrap_or(false)
    }

    /// Remembers what came of an attempt over TCP.
    pub(super) fn note_tcp(&self, way: Way, failure: Option<&str>, now: Instant) {
        let pause = if failure.is_some() { TCP_AGAIN } else { spread(way) };
        self.with(way, now, |peer| {
            peer.over_tcp = OverTcp { next: Some(now + pause), failure: failure.map(Arc::from) };
        });
    }

    /// What is known of a server; an answer later than `slow_after` counts as delayed.
    pub(super) fn repute(&self, way: Way, slow_after: Duration, now: Instant) -> Repute {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.peers.get(&way).map_or_else(Repute::default, |peer| Repute {
            pace: peer.recent.pace(slow_after, now),
            no_tcp: peer.over_tcp.failure.clone(),
        })
    }

    /// `None` when there are too many servers to remember another.
    fn with<T>(&self, way: Way, now: Instant, work: impl FnOnce(&mut Peer) -> T) -> Option<T> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.peers.len() >= MOST_PEERS && !known.peers.contains_key(&way) {
            known.make_room(now);
            if known.peers.len() >= MOST_PEERS {
                return None;
            }
        }
        let peer = known.peers.entry(way).or_insert_with(|| Peer::new(now));
        peer.asked = now;
        Some(work(peer))
    }
}

impl Known {
    /// Forgets who was not asked for long. Looks through all of them, so not at every turn.
    fn make_room(&mut self, now: Instant) {
        let is_due = |last| now.saturating_duration_since(last) >= CLEARED_EVERY;
        if self.cleared.is_none_or(is_due) {
            self.cleared = Some(now);
            let is_asked =
                |peer: &Peer| now.saturating_duration_since(peer.asked) < LONGEST_UNASKED;
            self.peers.retain(|_, peer| is_asked(peer));
        }
    }
}

impl Peer {
    fn new(now: Instant) -> Self {
        Self {
            asked: now,
            recent: Recent::new(now),
            without_edns_until: None,
            over_tcp: OverTcp { next: None, failure: None },
        }
    }
}

/// The time to the next attempt over TCP, up to a quarter more or less from server to server, so
/// that servers met together are not asked together for good.
fn spread(way: Way) -> Duration {
    use std::hash::BuildHasher;
    let sixteenths = rustc_hash::FxBuildHasher.hash_one(way) >> 60;
    TCP_EVERY * 3 / 4 + TCP_EVERY / 32 * u32::try_from(sixteenths).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    fn way(number: u16) -> Way {
        (([127, 53, 0, 1], number).into(), None)
    }

    #[test]
    fn tcp_is_asked_at_first_then_hourly_and_soon_again_while_it_fails() {
        let (peers, start) = (Peers::default(), monotonic());
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(peers.claim_tcp(way(1), start));
        assert!(!peers.claim_tcp(way(1), start), "one at a time");
        assert!(peers.claim_tcp(way(1), after(11)), "the first was dropped half-way");
        peers.note_tcp(way(1), None, after(12));
        assert!(!peers.claim_tcp(way(1), after(12 + 2699)), "not before three quarters of an hour");
        assert!(peers.claim_tcp(way(1), after(12 + 4501)), "but within five quarters");
        peers.note_tcp(way(1), Some("connection refused"), after(5000));
        let repute = peers.repute(way(1), Duration::ZERO, after(5000));
        assert_eq!(repute.no_tcp.as_deref(), Some("connection refused"));
        assert!(peers.claim_tcp(way(1), after(5002)));
        peers.note_tcp(way(1), None, after(5003));
        assert_eq!(peers.repute(way(1), Duration::ZERO, after(5003)).no_tcp, None);
    }

    #[test]
    fn edns_is_offered_again_one_day() {
        let (peers, start) = (Peers::default(), monotonic());
        assert_eq!(peers.edns(way(1), start), Edns::Whole);
        peers.note_without_edns(way(1), start);
        assert_eq!(peers.edns(way(1), start), Edns::Absent);
        assert_eq!(peers.edns(way(2), start), Edns::Whole);
        assert_eq!(peers.edns(way(1), start + WITHOUT_EDNS), Edns::Whole);
    }

    #[test]
    fn no_more_servers_are_remembered_than_there_is_room_for() {
        let (peers, start) = (Peers::default(), monotonic());
        for number in 0..5000 {
            peers.note_without_edns(way(number), start);
        }
        assert_eq!(peers.0.lock().unwrap().peers.len(), MOST_PEERS);
        peers.note_without_edns(way(6000), start + LONGEST_UNASKED);
        assert_eq!(peers.0.lock().unwrap().peers.len(), 1, "those not asked for long make room");
    }
}
