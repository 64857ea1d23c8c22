//! A bounded memory of what has been worked out before.
//!
//! Two generations: what was not asked for while a whole generation filled up is forgotten, at
//! no cost per look-up. Deliberately absent: time; who remembers things that age says so in the
//! value.

use std::collections::HashMap;
use std::hash::Hash;

/// Remembers at most twice `generation` values, those asked for lately.
#[derive(Debug)]
pub(crate) struct Memo<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    generation: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Memo<K, V> {
    /// A memory of at least `generation` values and at most twice as many.
    pub(crate) fn new(generation: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation: generation.max(1) }
    }

    /// What is remembered under the key.
    pub(crate) fn recall(&mut self, key: &K) -> Option<V> {
        if let Some(value) = self.young.get(key) {
            return Some(value.clone());
        }
        let value = self.old.remove(key)?;
        self.remember(key.clone(), value.clone());
        Some(value)
    }

    /// Remembers a value, in place of an older one under the same key.
    pub(crate) fn remember(&mut self, key: K, value: V) {
        if self.young.len() >= self.generation {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
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
}
