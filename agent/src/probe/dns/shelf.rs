//! Things looked up that are good for a while, by key. Bounded; the lock is never held over I/O.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Things kept at most on a shelf of the usual size.
const MOST_KEPT: usize = 16_384;
/// A full shelf is looked through for what has ended no more often than this: under pressure each
/// newcomer would cost a look at all the others.
const CLEARED_EVERY: Duration = Duration::from_secs(1);

/// Values that are good until their time is over.
#[derive(Debug)]
pub(super) struct Shelf<K, V> {
    kept: Mutex<Kept<K, V>>,
    most: usize,
}

#[derive(Debug)]
struct Kept<K, V> {
    values: HashMap<K, (Instant, Arc<V>)>,
    /// When room was last made.
    cleared: Option<Instant>,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self::with_room_for(MOST_KEPT)
    }
}

impl<K, V> Shelf<K, V> {
    /// A shelf for so many things at most.
    pub(super) fn with_room_for(most: usize) -> Self {
        Self { kept: Mutex::new(Kept { values: HashMap::new(), cleared: None }), most }
    }
}

impl<K: Hash + Eq, V> Shelf<K, V> {
    /// What is still good at this moment.
    pub(super) fn recall<Q>(&self, key: &Q, at: Instant) -> Option<Arc<V>>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.last(key).filter(|(end, _)| *end > at).map(|(_, value)| value)
    }

    /// What was kept last, good or not, and until when it is good. Gone once its place was needed.
    pub(super) fn last<Q>(&self, key: &Q) -> Option<(Instant, Arc<V>)>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values.get(key).map(|(end, value)| (*end, Arc::clone(value)))
    }

    /// Keeps a value for so long. Where there is no room, it is not kept.
    pub(super) fn keep(&self, key: K, value: Arc<V>, now: Instant, lasting: Duration) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_known = kept.values.contains_key(&key);
        if kept.values.len() >= self.most && !is_known {
            kept.make_room(now);
        }
        if kept.values.len() < self.most || is_known {
            kept.values.insert(key, (now + lasting, value));
        }
    }

    /// Lets a value be good until then at the latest.
    pub(super) fn shorten<Q>(&self, key: &Q, end: Instant)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, _)) = kept.values.get_mut(key) {
            *until = end.min(*until);
        }
    }

    /// Has it looked up again.
    pub(super) fn forget<Q>(&self, key: &Q)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.values.remove(key);
    }
}

impl<K: Hash + Eq, V> Kept<K, V> {
    fn make_room(&mut self, now: Instant) {
        let is_due = |last| now.saturating_duration_since(last) >= CLEARED_EVERY;
        if self.cleared.is_none_or(is_due) {
            self.cleared = Some(now);
            self.values.retain(|_, (end, _)| *end > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic;

    #[test]
    fn what_is_kept_ends_in_time_and_is_bounded() {
        let (shelf, now) = (Shelf::default(), monotonic());
        let later = |seconds| now + Duration::from_secs(seconds);
        shelf.keep(0, Arc::new("zero"), now, Duration::from_secs(10));
        assert_eq!(shelf.recall(&0, later(9)).as_deref(), Some(&"zero"));
        assert_eq!(shelf.recall(&0, later(10)), None);
        assert_eq!(shelf.last(&0), Some((later(10), Arc::new("zero"))), "while there is room");
        shelf.shorten(&0, later(5));
        shelf.shorten(&0, later(7));
        assert_eq!(shelf.recall(&0, later(5)), None);
        for key in 1..=2 * MOST_KEPT {
            shelf.keep(key, Arc::new("more"), now, Duration::from_secs(10));
        }
        assert!(shelf.recall(&MOST_KEPT, now).is_none(), "there was no room");
        shelf.keep(MOST_KEPT, Arc::new("again"), later(20), Duration::from_secs(10));
        assert!(shelf.recall(&MOST_KEPT, later(20)).is_some(), "what had ended made room");
        shelf.forget(&MOST_KEPT);
        assert!(shelf.recall(&MOST_KEPT, later(20)).is_none());
    }
}
