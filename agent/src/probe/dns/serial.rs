//! SOA serials, and how long a server has been behind the newest: a transfer that is under way is
//! no fault. What is remembered is one entry for each server that was behind.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_proto::rr::Name;

use super::inquiry::SOA;
use super::server::Server;
use super::survey::Survey;
use super::values::render_name;

/// Servers that are remembered at most.
const MOST_REMEMBERED: usize = 16_384;
/// For how long, once there are that many.
const LONGEST_REMEMBERED: Duration = Duration::from_secs(86_400);
/// How often it is looked then which these are.
const CLEARED_EVERY: Duration = Duration::from_secs(60);

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

/// Servers that are or were behind, and since when.
#[derive(Debug, Default)]
pub(super) struct Lags {
    patience: Patience,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    lags: HashMap<(Name, SocketAddr), Lag>,
    /// When room was last made.
    cleared: Option<Instant>,
    /// Subjects of findings that stood when the agent last ran.
    told: HashSet<String>,
}

/// The last time that a server fell behind. Kept when it has caught up: one whose instances take
/// turns to be old does not begin anew each time.
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

    /// Believes a finding of the agent's last run: a server that is still behind has been so since
    /// then, and is not given the grace anew.
    pub(super) fn believe(&self, subject: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.told.insert(subject.to_owned());
    }

    /// How every server of a survey stands, remembering who is behind; empty when nobody is, and
    /// where the plan does not want them to agree.
    pub(super) fn note(&self, survey: &Survey, grace: Duration, now: Instant) -> Vec<Standing> {
        if !survey.consistent || is_uniform(survey) {
            return Vec::new();
        }
        let stated: Vec<(usize, u32)> = serials(survey).collect();
        let Some(newest) = newest(&stated) else { return Vec::new() };
        let mut standings = vec![Standing::Current; survey.servers.len()];
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (server, serial) in stated {
            let Some(address) = survey.servers[server].address.filter(|_| serial != newest) else {
                continue;
            };
            let key = (survey.zone.clone(), address);
            if known.lags.len() >= MOST_REMEMBERED && !known.lags.contains_key(&key) {
                known.make_room(now);
            }
            let was_told = !known.told.is_empty()
                && known.told.remove(&subject(&survey.zone, &survey.servers[server]));
            let lag = match now.checked_sub(grace).filter(|_| was_told) {
                Some(since) => Lag { since, owed: newest },
                None => Lag::go_on(known.lags.get(&key).copied(), serial, newest, now),
            };
            let has_room = known.lags.len() < MOST_REMEMBERED || known.lags.contains_key(&key);
            if has_room {
                known.lags.insert(key, lag);
            }
            let is_excused = self.patience == Patience::Graced
                && has_room
                && now.saturating_duration_since(lag.since) < grace;
            standings[server] = if is_excused { Standing::Following } else { Standing::Behind };
        }
        standings
    }
}

impl Known {
    /// Forgets who fell behind long ago. Looks through all of them, so not at every turn.
    fn make_room(&mut self, now: Instant) {
        let is_due = |last| now.saturating_duration_since(last) >= CLEARED_EVERY;
        if self.cleared.is_none_or(is_due) {
            self.cleared = Some(now);
            let age = |lag: &Lag| now.saturating_duration_since(lag.since);
            self.lags.retain(|_, lag| age(lag) < LONGEST_REMEMBERED);
        }
    }
}

/// A server's copy of a zone, as findings name it.
pub(super) fn subject(zone: &Name, server: &Server) -> String {
    format!("{} SOA @ {}", render_name(zone), server.title())
}

/// Whether serial `one` is older than `other` (RFC 1982 §3.2).
pub(super) fn is_older(one: u32, other: u32) -> bool {
    one != other && other.wrapping_sub(one) < 1 << 31
}

/// The serials of the authoritative servers that state one, by index.
pub(super) fn serials(survey: &Survey) -> impl Iterator<Item = (usize, u32)> {
    survey.authorities().filter_map(|index| {
        let soa = &survey.replies[index][SOA];
        soa.serial.filter(|_| soa.outcome.is_statement()).map(|serial| (index, serial))
    })
}

/// Nobody is behind.
pub(super) fn is_uniform(survey: &Survey) -> bool {
    let mut serials = serials(survey).map(|(_, serial)| serial);
    let first = serials.next();
    serials.all(|serial| Some(serial) == first)
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
        // It had caught up, and is old again: one of its instances never was new.
        assert_eq!(Lag::go_on(Some(lag), 1, 5, later), lag);
    }
}
