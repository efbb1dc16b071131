//! A table of bounded size: what was not used for longest goes first.

use std::{
    collections::{BTreeMap, HashMap},
    hash::Hash,
};

pub(crate) struct Table<K, V> {
    entries: HashMap<K, (V, u64)>,
    /// Keys by last use.
    order: BTreeMap<u64, K>,
    clock: u64,
    capacity: usize,
}

impl<K: Hash + Eq + Clone, V: Default> Table<K, V> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), order: BTreeMap::new(), clock: 0, capacity: capacity.max(1) }
    }

    /// The entry, made if it is not there; it counts as used.
    pub(crate) fn entry(&mut self, key: &K) -> &mut V {
        if !self.entries.contains_key(key)
            && self.entries.len() >= self.capacity
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.entries.remove(&oldest);
        }
        self.clock += 1;
        let (value, used) = self.entries.entry(key.clone()).or_insert_with(|| (V::default(), 0));
        self.order.remove(used);
        *used = self.clock;
        self.order.insert(self.clock, key.clone());
        value
    }

    /// The entry, if it is there; it does not count as used.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key).map(|(value, _)| value)
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some((_, used)) = self.entries.remove(key) {
            self.order.remove(&used);
        }
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&K) -> bool) {
        self.entries.retain(|key, _| keep(key));
        self.order.retain(|_, key| keep(key));
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_unused_goes_first() {
        let mut table = Table::<u32, u32>::new(3);
        for key in [1, 2, 3] {
            *table.entry(&key) = key;
        }
        table.entry(&1);
        table.entry(&4);
        assert_eq!([1, 2, 3, 4].map(|key| table.get_mut(&key).copied()), [Some(1), None, Some(3), Some(0)]);
        table.remove(&1);
        table.retain(|key| *key != 3);
        assert_eq!((table.len(), table.order.len()), (1, 1));
        for key in 0..1000 {
            table.entry(&key);
        }
        assert_eq!((table.len(), table.order.len()), (3, 3));
    }
}
