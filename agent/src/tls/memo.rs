//! A bounded memory of what has been worked out before.
//!
//! Two generations: what was not asked for while a whole generation filled up is forgotten, at
//! no cost per look-up. Deliberately absent: time; who remembers things that age says so in the
//! value.

use std::collections::HashMap;
use std::hash::Hash;

/// Remembers values of at most twice `generation` in weight, those asked for lately.
#[derive(Debug)]
pub(crate) struct Memo<K, V> {
    young: HashMap<K, Weighed<V>>,
    old: HashMap<K, Weighed<V>>,
    /// Of all that is young.
    weight: usize,
    generation: usize,
}

#[derive(Debug)]
struct Weighed<V> {
    value: V,
    weight: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Memo<K, V> {
    /// A memory of at least `generation` values and at most twice as many, or of fewer heavy ones.
    pub(crate) fn new(generation: usize) -> Self {
        let (young, old) = (HashMap::new(), HashMap::new());
        Self { young, old, weight: 0, generation: generation.max(1) }
    }

    /// What is remembered under the key.
    pub(crate) fn recall(&mut self, key: &K) -> Option<V> {
        if let Some(known) = self.young.get(key) {
            return Some(known.value.clone());
        }
        let Weighed { value, weight } = self.old.remove(key)?;
        self.remember_weighing(key.clone(), value.clone(), weight);
        Some(value)
    }

    /// Remembers a value, in place of an older one under the same key.
    pub(crate) fn remember(&mut self, key: K, value: V) {
        self.remember_weighing(key, value, 1);
    }

    /// The same of a value that takes the room of so many: its size may be up to whoever made it.
    pub(crate) fn remember_weighing(&mut self, key: K, value: V, weight: usize) {
        if !self.young.is_empty() && self.weight.saturating_add(weight) > self.generation {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        let replaced = self.young.insert(key, Weighed { value, weight });
        self.weight -= replaced.map_or(0, |replaced| replaced.weight);
        self.weight = self.weight.saturating_add(weight);
    }
}

#[cfg(test)]
mod tests {
    use super::Memo;

    #[test]
    fn keeps_what_is_asked_for_and_stays_bounded() {
        let mut memo = Memo::new(10);
        for key in 0..1_000 {
            memo.remember(key, key);
            assert_eq!(memo.recall(&0), Some(0), "asked for at every turn");
        }
        assert!(memo.young.len() + memo.old.len() <= 20);
        assert_eq!(memo.recall(&500), None, "long forgotten");
        assert_eq!(memo.recall(&999), Some(999));
    }

    #[test]
    fn heavy_values_push_out_others() {
        let mut memo = Memo::new(10);
        for key in 0..1_000 {
            memo.remember_weighing(key, key, 4);
            assert!(memo.weight <= 10, "{}", memo.weight);
            assert!(memo.young.len() + memo.old.len() <= 4);
            assert_eq!(memo.recall(&key), Some(key));
        }
        // One that is too heavy for any generation is kept as long as nothing else comes.
        memo.remember_weighing(5_000, 0, 100);
        assert_eq!(memo.recall(&5_000), Some(0));
        memo.remember(1, 1);
        memo.remember(2, 2);
        assert_eq!(memo.recall(&1), Some(1));
        // The same key again and again weighs no more than once.
        for _ in 0..100 {
            memo.remember(2, 2);
        }
        assert_eq!((memo.weight, memo.recall(&1)), (2, Some(1)));
    }
}
