//! The newest queries to one server: how many were lost, and how long the others took. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Queries remembered of one server.
const MOST_QUERIES: usize = 100;
/// Older ones say nothing of now,
const LONGEST_REMEMBERED: Duration = Duration::from_secs(15 * 60);
/// unless the server is asked so seldom that these few are all there is.
const FEWEST_QUERIES: usize = 12;

/// More losses at once than are remembered would only push each other out.
const MOST_AT_ONCE: u32 = 100;

/// What became of the queries of one errand.
#[derive(Debug, Default)]
pub(in crate::probe::dns) struct Tally {
    /// Times to the answers.
    pub(in crate::probe::dns) rtts: Vec<Duration>,
    /// Queries, each attempt counted, that were never answered.
    pub(in crate::probe::dns) lost: u32,
}

/// The newest queries, oldest first.
#[derive(Debug)]
pub(super) struct Recent {
    since: Instant,
    queries: VecDeque<Query>,
    /// Lost by the latest errand, when it heard nothing at all.
    silent: Option<Silence>,
}

/// Small, for there are a hundred of them for each server.
#[derive(Clone, Copy, Debug)]
struct Query {
    /// Seconds since the first.
    at: u32,
    /// Microseconds to the answer; [`LOST`]: none.
    took: u32,
}

const LOST: u32 = u32::MAX;

#[derive(Debug)]
enum Silence {
    /// One errand without any answer: lost packets, or the beginning of an outage.
    Once { at: u32, lost: u32 },
    /// An outage, which is told as such: it must not be told again as losses when it is over.
    Lasting,
}

/// The newest queries in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::probe::dns) struct Pace {
    /// Queries that were sent.
    pub(in crate::probe::dns) asked: u32,
    /// Of these, never answered.
    pub(in crate::probe::dns) lost: u32,
    /// Moments, exact to a second, at which some were lost.
    pub(in crate::probe::dns) moments_of_loss: u32,
    /// Answered, but later than the limit.
    pub(in crate::probe::dns) delayed: u32,
    /// Median time to the answers; worked out only where something was lost or delayed.
    pub(in crate::probe::dns) median: Option<Duration>,
    /// From the first of them until now.
    pub(in crate::probe::dns) over: Duration,
}

impl Recent {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, queries: VecDeque::new(), silent: None }
    }

    /// Adds the queries of one errand.
    pub(super) fn add(&mut self, tally: &Tally, now: Instant) {
        let at = self.seconds(now);
        if tally.rtts.is_empty() {
            if tally.lost > 0 {
                self.silent = Some(match self.silent {
                    None => Silence::Once { at, lost: tally.lost },
                    Some(_) => Silence::Lasting,
                });
            }
            return;
        }
        if let Some(Silence::Once { at, lost }) = self.silent.take() {
            self.push(lost, Query { at, took: LOST });
        }
        self.push(tally.lost, Query { at, took: LOST });
        for rtt in &tally.rtts {
            let took = u32::try_from(rtt.as_micros()).unwrap_or(LOST).min(LOST - 1);
            self.push(1, Query { at, took });
        }
    }

    fn push(&mut self, times: u32, query: Query) {
        let oldest = query.at.saturating_sub(seconds(LONGEST_REMEMBERED));
        for _ in 0..times.min(MOST_AT_ONCE) {
            while self.queries.len() >= MOST_QUERIES
                || (self.queries.len() >= FEWEST_QUERIES
                    && self.queries.front().is_some_and(|first| first.at < oldest))
            {
                self.queries.pop_front();
            }
            self.queries.push_back(query);
        }
    }

    /// Counts; `slow_after` is what counts as delayed.
    pub(super) fn pace(&self, slow_after: Duration, now: Instant) -> Pace {
        let limit = u32::try_from(slow_after.as_micros()).unwrap_or(LOST - 1).min(LOST - 1);
        let mut pace = Pace::default();
        let mut last_loss = None;
        for query in &self.queries {
            pace.asked += 1;
            if query.took == LOST {
                pace.lost += 1;
                if last_loss.replace(query.at) != Some(query.at) {
                    pace.moments_of_loss += 1;
                }
            } else if query.took > limit {
                pace.delayed += 1;
            }
        }
        if let Some(first) = self.queries.front() {
            pace.over = Duration::from_secs(self.seconds(now).saturating_sub(first.at).into());
        }
        if pace.lost + pace.delayed > 0 {
            pace.median = self.median();
        }
        pace
    }

    fn median(&self) -> Option<Duration> {
        let answered = self.queries.iter().filter(|query| query.took != LOST);
        let mut took: Vec<u32> = answered.map(|query| query.took).collect();
        if took.is_empty() {
            return None;
        }
        let middle = took.len() / 2;
        let (_, median, _) = took.select_nth_unstable(middle);
        Some(Duration::from_micros((*median).into()))
    }

    fn seconds(&self, now: Instant) -> u32 {
        seconds(now.saturating_duration_since(self.since))
    }
}

fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    const LIMIT: Duration = Duration::from_millis(500);

    fn tally(rtts_millis: &[u64], lost: u32) -> Tally {
        Tally { rtts: rtts_millis.iter().copied().map(Duration::from_millis).collect(), lost }
    }

    /// Adds each tally a time after the one before; what is remembered at the last of them.
    fn after(every: Duration, tallies: impl IntoIterator<Item = Tally>) -> Pace {
        let start = monotonic();
        let (mut recent, mut now) = (Recent::new(start), start);
        for tally in tallies {
            recent.add(&tally, now);
            now += every;
        }
        recent.pace(LIMIT, now)
    }

    #[test]
    fn queries_are_counted() {
        let every = Duration::from_secs(30);
        let pace = after(every, [tally(&[10, 20], 0), tally(&[600], 1), tally(&[30, 40], 0)]);
        assert_eq!((pace.asked, pace.lost, pace.moments_of_loss, pace.delayed), (6, 1, 1, 1));
        assert_eq!(pace.median, Some(Duration::from_millis(30)));
        assert_eq!(pace.over, Duration::from_secs(90));
        // Nothing lost or late: nobody asks for a median.
        assert_eq!(after(every, [tally(&[10], 0)]).median, None);
    }

    #[test]
    fn only_the_newest_count() {
        let many = after(Duration::from_secs(1), (0..300).map(|_| tally(&[1], 0)));
        assert_eq!(many.asked, 100);
        let seldom = after(Duration::from_secs(60), (0..60).map(|_| tally(&[1, 1], 0)));
        assert_eq!(
            seldom.asked, 32,
            "two each minute for a quarter of an hour, both ends included"
        );
        let rare = after(Duration::from_secs(3600), (0..60).map(|_| tally(&[1], 0)));
        assert_eq!(rare.asked, 12);
        let flood = after(Duration::from_secs(1), [tally(&[1], u32::MAX), tally(&[1], 0)]);
        assert_eq!((flood.asked, flood.lost), (100, 98));
    }

    #[test]
    fn an_outage_is_no_loss_but_one_silent_errand_is() {
        let every = Duration::from_secs(10);
        let (good, silent) = (|| tally(&[1, 1], 0), || tally(&[], 4));
        let outage = after(every, [good(), silent(), silent(), silent(), good()]);
        assert_eq!((outage.asked, outage.lost), (4, 0));
        let hiccup = after(every, [good(), silent(), good()]);
        assert_eq!((hiccup.asked, hiccup.lost, hiccup.moments_of_loss), (8, 4, 1));
        // As long as it lasts, nothing is known of losses.
        assert_eq!(after(every, [good(), silent()]).lost, 0);
    }
}
