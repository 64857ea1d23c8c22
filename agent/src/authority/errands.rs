//! Whose turn it is to ask a CA: one errand under way for each question, and pauses between them.
//!
//! Deliberately absent: what is asked, and what was answered.

use std::collections::HashMap;
use std::hash::Hasher;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use rustc_hash::FxHasher;
use tokio::sync::watch;

/// Most questions remembered.
const MOST: usize = 16_384;
/// Those that nobody has put for so long are forgotten when room is needed.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(24);
/// After an answer, who came too late for it may ask again.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);
/// After the first failure; doubled with each.
const FIRST_RETRY: SignedDuration = SignedDuration::from_mins(10);
const LAST_RETRY: SignedDuration = SignedDuration::from_hours(6);

/// All errands, by question.
#[derive(Debug, Default)]
pub(super) struct Errands(Mutex<HashMap<String, Errand>>);

#[derive(Debug)]
struct Errand {
    failures: u32,
    /// Why the last one failed.
    why: Option<Arc<str>>,
    not_before: Timestamp,
    under_way: watch::Receiver<()>,
}

impl Errand {
    /// Whoever runs it holds the other end, and drops it at the end or when it crashes.
    fn is_under_way(&self) -> bool {
        self.under_way.has_changed().is_ok()
    }
}

/// What to do about a question.
#[derive(Debug)]
pub(super) enum Turn {
    /// Ask now, and keep this until the answer is noted.
    Go(watch::Sender<()>),
    /// Somebody is asking: the end of this is the end of the errand.
    Join(watch::Receiver<()>),
    /// Not yet again; why it failed when it was tried last.
    Rest(Option<Arc<str>>),
}

impl Errands {
    /// Whose turn it is to put a question.
    pub(super) fn turn(&self, question: &str, now: Timestamp) -> Turn {
        let mut errands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = match errands.get(question) {
            Some(errand) if errand.is_under_way() => return Turn::Join(errand.under_way.clone()),
            Some(errand) if now < errand.not_before => return Turn::Rest(errand.why.clone()),
            Some(errand) => errand.failures,
            None => 0,
        };
        if errands.len() >= MOST && !errands.contains_key(question) {
            errands.retain(|_, errand| {
                errand.is_under_way() || now.duration_since(errand.not_before) < FORGOTTEN
            });
            if errands.len() >= MOST {
                return Turn::Rest(None);
            }
        }
        let (running, under_way) = watch::channel(());
        // One that crashes has failed.
        let not_before = later(now, retry_after(failures));
        let errand = Errand { failures: failures + 1, why: None, not_before, under_way };
        errands.insert(question.to_owned(), errand);
        Turn::Go(running)
    }

    /// An errand that began at `began` brought an answer.
    pub(super) fn answered(&self, question: &str, began: Timestamp) {
        let mut errands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(errand) = errands.get_mut(question) {
            errand.failures = 0;
            errand.not_before = later(began, PAUSE);
        }
    }

    /// An errand brought none. Returns from when on the question may be put again.
    pub(super) fn failed(&self, question: &str, why: &str) -> Option<Timestamp> {
        let mut errands = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let errand = errands.get_mut(question)?;
        errand.why = Some(why.into());
        Some(errand.not_before)
    }
}

fn retry_after(failures: u32) -> SignedDuration {
    FIRST_RETRY.saturating_mul(1 << failures.min(8)).min(LAST_RETRY)
}

/// That much later, or as late as can be.
pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

/// Between three quarters and five quarters of a pause, always the same for one question, so that
/// many of them do not come due together.
pub(super) fn spread(pause: SignedDuration, question: &str) -> SignedDuration {
    let mut hasher = FxHasher::default();
    hasher.write(question.as_bytes());
    let share = i32::try_from(hasher.finish() % 512).unwrap_or(0);
    pause.saturating_mul(768 + share) / 1_024
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::{Errands, MOST, Turn, later, spread};
    use crate::tls::workshop::noon;

    #[test]
    fn one_goes_and_others_join_or_rest() {
        let (errands, now) = (Errands::default(), noon());
        let minutes = |minutes| later(now, SignedDuration::from_mins(minutes));
        let Turn::Go(running) = errands.turn("list", now) else { panic!("nobody asked before") };
        assert!(matches!(errands.turn("list", now), Turn::Join(_)));
        assert!(matches!(errands.turn("list", minutes(60)), Turn::Join(_)), "still under way");
        errands.answered("list", now);
        drop(running);
        assert!(matches!(errands.turn("list", now), Turn::Rest(None)));
        let Turn::Go(crashing) = errands.turn("list", minutes(1)) else { panic!("a minute later") };
        drop(crashing);
        for (minute, rests) in [(10, true), (11, false), (30, true), (31, false), (70, true)] {
            let turn = errands.turn("list", minutes(minute));
            assert_eq!(matches!(turn, Turn::Rest(_)), rests, "minute {minute}");
        }
    }

    #[test]
    fn remembers_a_bounded_number() {
        let (errands, now) = (Errands::default(), noon());
        for question in 0..MOST {
            assert!(matches!(errands.turn(&question.to_string(), now), Turn::Go(_)));
        }
        assert!(matches!(errands.turn("one more", now), Turn::Rest(_)));
        let next_day = later(now, SignedDuration::from_hours(25));
        assert!(matches!(errands.turn("one more", next_day), Turn::Go(_)));
    }

    #[test]
    fn spreads_within_a_quarter() {
        let hour = SignedDuration::from_hours(1);
        for question in 0..1_000 {
            let spread = spread(hour, &question.to_string());
            assert!((45..=75).contains(&spread.as_mins()), "{spread:?}");
        }
        assert_ne!(spread(hour, "a"), spread(hour, "b"));
    }
}
