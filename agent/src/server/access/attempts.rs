//! Wrong tokens, counted by where they come from, so that none can be guessed.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use jiff::{SignedDuration, Timestamp};

/// So many wrong ones from one place,
const MOST: u32 = 10;
/// within this, and nothing from there is looked at until it is over.
const WINDOW: SignedDuration = SignedDuration::from_secs(60);
/// Places that are remembered; of more, those that began first are forgotten.
const PLACES: usize = 1024;

/// Wrong tokens by where they came from: since when, and how many.
#[derive(Debug, Default)]
pub(super) struct Attempts(HashMap<IpAddr, (Timestamp, u32)>);

impl Attempts {
    /// In how many seconds something from there is looked at again; `None`: now.
    pub(super) fn is_over(&self, from: IpAddr, now: Timestamp) -> Option<i64> {
        let (since, count) = self.0.get(&place(from))?;
        let left = (*since + WINDOW).duration_since(now);
        (*count >= MOST && left.is_positive()).then(|| left.as_secs() + 1)
    }

    pub(super) fn note(&mut self, from: IpAddr, now: Timestamp) {
        let is_recent = |since: Timestamp| now.duration_since(since) < WINDOW;
        if self.0.len() >= PLACES {
            self.0.retain(|_, (since, _)| is_recent(*since));
        }
        if self.0.len() >= PLACES {
            let first = self.0.iter().min_by_key(|(_, (since, _))| *since);
            if let Some(first) = first.map(|(place, _)| *place) {
                self.0.remove(&first);
            }
        }
        let counted = self.0.entry(place(from)).or_insert((now, 0));
        if !is_recent(counted.0) {
            *counted = (now, 0);
        }
        counted.1 = counted.1.saturating_add(1);
    }
}

/// Whoever has an IPv6 address has the whole network of 64 bits around it.
fn place(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_guesses_waits_and_nobody_else() {
        let mut attempts = Attempts::default();
        let at = |seconds| Timestamp::from_second(seconds).unwrap();
        let (guesser, neighbour): (IpAddr, IpAddr) =
            ("2001:db8::1".parse().unwrap(), "2001:db8::2".parse().unwrap());
        let other: IpAddr = "192.0.2.1".parse().unwrap();
        for n in 0..10 {
            assert_eq!(attempts.is_over(guesser, at(n)), None, "{n}");
            attempts.note(guesser, at(n));
        }
        assert_eq!(attempts.is_over(guesser, at(10)), Some(51));
        assert_eq!(attempts.is_over(neighbour, at(10)), Some(51));
        assert_eq!(attempts.is_over(other, at(10)), None);
        assert_eq!(attempts.is_over(guesser, at(60)), None);
        attempts.note(guesser, at(61));
        assert_eq!(attempts.is_over(guesser, at(61)), None);
        for n in 0..3000_u32 {
            attempts.note(IpAddr::V4(n.into()), at(62));
        }
        assert!(attempts.0.len() <= PLACES);
    }
}
