//! A map that forgets: what is over, and the oldest when there are too many.

use doorward_core::{Time, ports::ExchangeKey};
use std::collections::{HashMap, VecDeque};

pub(super) struct Bounded<V> {
    most: usize,
    entries: HashMap<ExchangeKey, (Time, V)>,
    /// In the order of coming; each key of `entries` once.
    order: VecDeque<ExchangeKey>,
}

impl<V> Bounded<V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, entries: HashMap::new(), order: VecDeque::new() }
    }

    pub(super) fn get(&mut self, key: &ExchangeKey, now: Time) -> Option<&V> {
        self.tidy(now);
        self.entries.get(key).filter(|(until, _)| now < *until).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, key: ExchangeKey, value: V, now: Time, until: Time) {
        if self.entries.insert(key, (until, value)).is_none() {
            self.order.push_back(key);
        }
        self.tidy(now);
    }

    pub(super) fn remove(&mut self, key: &ExchangeKey) {
        if let Some((until, _)) = self.entries.get_mut(key) {
            // Its place in the order goes in its turn.
            *until = Time(0);
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.entries.len(), self.order.len());
        self.entries.len()
    }

    fn tidy(&mut self, now: Time) {
        while let Some(oldest) = self.order.front() {
            let over = self.entries.get(oldest).is_none_or(|(until, _)| *until <= now);
            if !over && self.order.len() <= self.most {
                return;
            }
            self.entries.remove(oldest);
            self.order.pop_front();
        }
    }
}
