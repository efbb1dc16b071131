//! A bounded queue between callers, who never wait, and threads, who do.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
};

/// Why something could not be queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotQueued {
    /// As many wait as may.
    Full,
    /// Nobody takes from it any more.
    Closed,
}

/// A queue for many senders and many takers.
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    ready: Condvar,
    capacity: usize,
}

struct State<T> {
    waiting: VecDeque<T>,
    open: bool,
}

impl<T> Queue<T> {
    /// An open queue in which at most `capacity` wait.
    pub(super) fn new(capacity: usize) -> Arc<Self> {
        let state = State { waiting: VecDeque::new(), open: true };
        Arc::new(Self { state: Mutex::new(state), ready: Condvar::new(), capacity })
    }

    /// Queues `item` without waiting.
    pub(super) fn push(&self, item: T) -> Result<(), NotQueued> {
        let mut state = self.lock();
        if !state.open {
            return Err(NotQueued::Closed);
        }
        if state.waiting.len() >= self.capacity {
            return Err(NotQueued::Full);
        }
        state.waiting.push_back(item);
        drop(state);
        self.ready.notify_one();
        Ok(())
    }

    /// Waits until something is there and takes up to `most` of it; empty means that the queue is closed and drained.
    pub(super) fn take(&self, most: usize) -> Vec<T> {
        let mut state = self.lock();
        while state.waiting.is_empty() && state.open {
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let count = most.min(state.waiting.len());
        state.waiting.drain(..count).collect()
    }

    /// Whether it takes anything in.
    pub(super) fn is_open(&self) -> bool {
        self.lock().open
    }

    /// Takes nothing more in; what waits is still taken out.
    pub(super) fn close(&self) {
        self.lock().open = false;
        self.ready.notify_all();
    }

    /// Takes nothing more in and drops what waits, so that whoever waits for it learns that it will not be done.
    pub(super) fn abandon(&self) {
        let dropped = {
            let mut state = self.lock();
            state.open = false;
            std::mem::take(&mut state.waiting)
        };
        self.ready.notify_all();
        drop(dropped);
    }

    /// The state is whole at every unlock, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Abandons the queue when its thread ends, however it ends.
pub(super) struct AbandonOnDrop<T>(pub(super) Arc<Queue<T>>);

impl<T> Drop for AbandonOnDrop<T> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_beyond_its_capacity() {
        let queue = Queue::new(2);
        assert_eq!((queue.push(1), queue.push(2), queue.push(3)), (Ok(()), Ok(()), Err(NotQueued::Full)));
        assert_eq!(queue.take(1), [1]);
        assert_eq!(queue.push(3), Ok(()));
        assert_eq!(queue.take(9), [2, 3]);
    }

    #[test]
    fn a_closed_queue_is_drained_and_takes_nothing_in() {
        let queue = Queue::new(2);
        queue.push(1).unwrap();
        queue.close();
        assert_eq!(queue.push(2), Err(NotQueued::Closed));
        assert_eq!(queue.take(9), [1]);
        assert!(queue.take(9).is_empty());
    }

    #[test]
    fn an_abandoned_queue_drops_what_waits() {
        let queue = Queue::new(2);
        let waiting = Arc::new(());
        queue.push(Arc::clone(&waiting)).unwrap();
        drop(AbandonOnDrop(Arc::clone(&queue)));
        assert_eq!(Arc::strong_count(&waiting), 1);
        assert_eq!(queue.push(Arc::clone(&waiting)), Err(NotQueued::Closed));
    }
}
