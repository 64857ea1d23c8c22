//! SOA serials, and how long a server has been behind the newest: a transfer that is under way is
//! no fault. What is remembered is one entry for each server that is behind.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::rr::Name;

use super::inquiry::SOA;
use super::survey::Survey;

/// Servers behind that are remembered at most.
const MOST_REMEMBERED: usize = 16_384;

/// How a server's copy of the zone stands against the newest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// The newest, or not known.
    Current,
    /// Behind for less than the grace: a transfer is under way.
    Following,
    /// Behind for longer.
    Behind,
}

/// Whether a lag is waited for at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Patience {
    #[default]
    Graced,
    /// Somebody looks once, now: there is no later to wait for.
    None,
}

/// Servers that are behind, and since when.
#[derive(Debug, Default)]
pub(super) struct Lags {
    patience: Patience,
    kept: Mutex<HashMap<(Name, SocketAddr), Lag>>,
}

/// One server that is behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lag {
    since: Instant,
    /// The newest serial at that time: a server that has reached it has made progress, and what
    /// it lacks now is a later change.
    owed: u32,
}

impl Lag {
    /// The lag of a server that is behind now.
    fn go_on(known: Option<Self>, serial: u32, newest: u32, now: Instant) -> Self {
        match known {
            Some(lag) if is_older(serial, lag.owed) => lag,
            _ => Self { since: now, owed: newest },
        }
    }
}

impl Lags {
    /// For somebody who looks once: who is behind is told at once.
    pub(super) fn without_patience() -> Self {
        Self { patience: Patience::None, ..Self::default() }
    }

    /// How every server of a survey stands, remembering who is behind; empty when nobody is.
    pub(super) fn note(&self, survey: &Survey, grace: Duration, now: Instant) -> Vec<Standing> {
        let known = serials(survey);
        let newest = newest(&known);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_uniform = known.iter().all(|&(_, serial)| Some(serial) == newest);
        if is_uniform && kept.is_empty() {
            return Vec::new();
        }
        let mut standings =
            vec![Standing::Current; if is_uniform { 0 } else { survey.servers.len() }];
        for (server, serial) in known {
            let (Some(address), Some(newest)) = (survey.servers[server].address, newest) else {
                continue;
            };
            let key = (survey.zone.clone(), address);
            if serial == newest {
                kept.remove(&key);
                continue;
            }
            let lag = Lag::go_on(kept.get(&key).copied(), serial, newest, now);
            let has_room = kept.len() < MOST_REMEMBERED || kept.contains_key(&key);
            if has_room {
                kept.insert(key, lag);
            }
            let is_excused = self.patience == Patience::Graced
                && has_room
                && now.saturating_duration_since(lag.since) < grace;
            standings[server] = if is_excused { Standing::Following } else { Standing::Behind };
        }
        standings
    }
}

/// Whether serial `one` is older than `other` (RFC 1982 §3.2).
pub(super) fn is_older(one: u32, other: u32) -> bool {
    one != other && other.wrapping_sub(one) < 1 << 31
}

/// The serials of the authoritative servers that state one, by index.
pub(super) fn serials(survey: &Survey) -> Vec<(usize, u32)> {
    let of = |index: usize| {
        let soa = &survey.replies[index][SOA];
        soa.serial.filter(|_| soa.outcome.is_statement()).map(|serial| (index, serial))
    };
    survey.authorities().filter_map(of).collect()
}

/// The newest of them.
pub(super) fn newest(serials: &[(usize, u32)]) -> Option<u32> {
    let serials = serials.iter().map(|&(_, serial)| serial);
    serials.reduce(|newest, serial| if is_older(newest, serial) { serial } else { newest })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    #[test]
    fn serials_wrap_around() {
        assert!(is_older(1, 2) && !is_older(2, 1) && !is_older(7, 7));
        assert!(is_older(u32::MAX, 3) && !is_older(3, u32::MAX));
        assert_eq!(newest(&[(0, 3), (1, u32::MAX), (2, 1)]), Some(3));
        assert_eq!(newest(&[]), None);
    }

    #[test]
    fn a_server_that_makes_progress_begins_anew() {
        let begin = monotonic();
        let later = begin + Duration::from_secs(60);
        let lag = Lag::go_on(None, 1, 5, begin);
        assert_eq!(lag, Lag { since: begin, owed: 5 });
        // Others move on, and it does not.
        assert_eq!(Lag::go_on(Some(lag), 1, 9, later), lag);
        assert_eq!(Lag::go_on(Some(lag), 4, 9, later), lag, "not yet what it owed");
        // It has reached what was newest, and lacks what came after.
        assert_eq!(Lag::go_on(Some(lag), 5, 9, later), Lag { since: later, owed: 9 });
        assert_eq!(Lag::go_on(Some(lag), 7, 9, later), Lag { since: later, owed: 9 });
    }
}
