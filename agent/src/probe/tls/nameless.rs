//! What a server presents to who names nobody: old clients, scanners, and whoever types its address.
//! Asked once in a while and remembered between, so that no probe costs two handshakes.
//!
//! Deliberately absent: a judgement. Another site's certificate, or none, is what servers of several
//! names rightly present; it is shown, and nobody is woken.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use health::facts::ServedFacts;
use jiff::Timestamp;

use super::Spec;
use super::places::{Outcome, shake};
use super::starttls::Starttls;
use crate::probe::Stopwatch;
use crate::tls::{self, Memo, Offer};

/// How often each address is asked.
const EVERY: Duration = Duration::from_secs(60 * 60);
/// How soon again after no answer, or once another certificate is served to who names somebody.
const AGAIN: Duration = Duration::from_secs(5 * 60);
/// Within what time those met together are asked first.
const SPREAD: Duration = Duration::from_secs(10 * 60);
/// Addresses remembered per generation.
const ADDRESSES: usize = 4_096;

/// What each address presents to who names nobody.
#[derive(Debug)]
pub struct Nameless {
    first: First,
    kept: Mutex<Memo<SocketAddr, Arc<Kept>>>,
}

/// When an address is asked that was never asked before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum First {
    /// Some minutes after it was met.
    Spread,
    /// At once.
    AtOnce,
}

#[derive(Clone, Debug, PartialEq)]
struct Kept {
    /// When it is to be asked.
    due: Timestamp,
    /// When it was, and the leaf served by name then.
    asked: Option<(Timestamp, String)>,
    /// The answer.
    seen: Option<ServedFacts>,
}

impl Default for Nameless {
    fn default() -> Self {
        Self { first: First::Spread, kept: Mutex::new(Memo::new(ADDRESSES)) }
    }
}

impl Nameless {
    /// For somebody who looks once, now.
    #[must_use]
    pub fn for_one_look() -> Self {
        Self { first: First::AtOnce, ..Self::default() }
    }

    fn recall(&self, address: SocketAddr, now: Timestamp) -> Arc<Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.recall(&address).unwrap_or_else(|| {
            let wait = match self.first {
                First::Spread => spread(address),
                First::AtOnce => Duration::ZERO,
            };
            let fresh = Arc::new(Kept { due: after(now, wait), asked: None, seen: None });
            kept.remember(address, Arc::clone(&fresh));
            fresh
        })
    }

    fn remember(&self, address: SocketAddr, kept: Kept) {
        let weight = kept.seen.as_ref().map_or(1, |seen| tls::weight(&seen.chain));
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.remember_weighing(address, Arc::new(kept), weight);
    }
}

impl Kept {
    /// `leaf` is what is served by name now.
    fn is_due(&self, leaf: &str, now: Timestamp) -> bool {
        // A clock that was put back must not put off the next look for good.
        let is_time = now >= self.due || self.due > after(now, EVERY);
        let has_changed = self
            .asked
            .as_ref()
            .is_some_and(|(at, beside)| beside != leaf && now >= after(*at, AGAIN));
        is_time || has_changed
    }
}

/// What the address presents to who names nobody, as far as is known; asked now when it is due.
/// `leaf` is the fingerprint of what it presents by name.
pub(super) async fn look(
    spec: &Spec,
    memory: &Nameless,
    address: SocketAddr,
    leaf: &str,
    offer: Offer<'_>,
    watch: &mut Stopwatch,
    now: Timestamp,
) -> Option<ServedFacts> {
    // No name was sent as it is; or a stream has to be opened to some domain.
    let names_anyway = spec.starttls == Some(Starttls::Xmpp);
    if !spec.sends_name || names_anyway || spec.server_name.parse::<IpAddr>().is_ok() {
        return None;
    }
    let known = memory.recall(address, now);
    // A probe that is late already has no time for what can wait.
    if !known.is_due(leaf, now) || watch.left() < watch.timeout() / 4 {
        return known.seen.clone();
    }
    // Who answers nobody without a name must not make the probe last till its deadline.
    let wait = watch.left() / 2;
    let outcome = shake(spec, address, &address.ip().to_string(), offer, wait).await;
    watch.lap(health::Phase::Dialogue);
    let seen = answer(spec, address, outcome, now);
    let wait = if seen.is_some() { EVERY } else { AGAIN };
    let seen = seen.or_else(|| known.seen.clone());
    let asked = Some((now, leaf.to_owned()));
    memory.remember(address, Kept { due: after(now, wait), asked, seen: seen.clone() });
    seen
}

/// The answer, or `None` when there was none that says anything of the server.
fn answer(
    spec: &Spec,
    address: SocketAddr,
    outcome: Outcome,
    now: Timestamp,
) -> Option<ServedFacts> {
    let (presented, failure) = match outcome {
        Outcome::Shaken(presented, _) => (Some(presented), None),
        Outcome::Refused(refused) if refused.finding.evidence.contains_key("alert_number") => {
            (refused.presented, Some(refused.finding.summary.en))
        }
        Outcome::Refused(_) | Outcome::Closed(_) => return None,
    };
    let mut seen = ServedFacts {
        address,
        server_name: None,
        protocol: String::new(),
        chain: Arc::default(),
        file: None,
        named_in: None,
        failure,
    };
    if let Some(presented) = presented {
        let subject = address.to_string();
        let (facts, _) = tls::judge(&presented, &spec.server_name, &spec.roots, &subject, now);
        (seen.protocol, seen.chain) = (facts.protocol, facts.chain);
    }
    Some(seen)
}

fn after(moment: Timestamp, wait: Duration) -> Timestamp {
    moment.saturating_add(wait).unwrap_or(Timestamp::MAX)
}

/// The wait for the first look, the same for the same address at every start.
fn spread(address: SocketAddr) -> Duration {
    use std::hash::BuildHasher;
    let part = rustc_hash::FxBuildHasher.hash_one(address) >> 54;
    SPREAD / 1_024 * u32::try_from(part).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_asked_hourly_and_sooner_when_there_is_reason() {
        let start: Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
        let minutes = |count: i64| start + jiff::SignedDuration::from_mins(count);
        let kept =
            Kept { due: after(start, EVERY), asked: Some((start, "aa".to_owned())), seen: None };
        for (leaf, at, expected) in [
            ("aa", 0, false),
            ("aa", 59, false),
            ("aa", 60, true),
            ("aa", 6_000, true),
            ("bb", 4, false),
            ("bb", 5, true),
            // The clock was put back by a day.
            ("aa", -24 * 60, true),
        ] {
            assert_eq!(kept.is_due(leaf, minutes(at)), expected, "{leaf} after {at} minutes");
        }
        let never = Kept { asked: None, ..kept };
        assert!(!never.is_due("bb", minutes(30)), "not asked yet, so nothing has changed");
    }

    #[test]
    fn those_met_together_are_asked_apart() {
        let now: Timestamp = "2026-06-15T12:00:00Z".parse().unwrap();
        let (memory, once) = (Nameless::default(), Nameless::for_one_look());
        let mut first_minute = 0;
        for last in 0..200_u8 {
            let address = SocketAddr::from(([127, 53, 7, last], 443));
            let kept = memory.recall(address, now);
            assert!(kept.due < after(now, SPREAD));
            assert_eq!(kept, memory.recall(address, after(now, EVERY)), "met once");
            first_minute += usize::from(kept.is_due("aa", after(now, SPREAD / 10)));
            assert!(once.recall(address, now).is_due("aa", now));
        }
        assert!((5..50).contains(&first_minute), "{first_minute} of 200 in the first tenth");
    }
}
