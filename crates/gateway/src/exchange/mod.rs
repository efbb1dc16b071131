//! What this node remembers of old sessions that are exchanged: those that are nobody's, those that began a session a
//! moment ago, and those that are being asked about. All of it is bounded, and all of it may be forgotten: the store knows
//! what is spent.

mod bounded;

use bounded::Bounded;
use doorward_core::{Time, ports::ExchangeKey};
use http::HeaderValue;
use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

/// Old sessions that are remembered to lead to nobody, at most.
const REFUSED: usize = 16 * 1024;
/// Old sessions whose successor is remembered, at most.
const BEGUN: usize = 4 * 1024;
/// Old sessions that are looked at in the same moment, at most.
const FLIGHTS: usize = 1024;
/// Questions to old applications in the same moment, at most.
const QUESTIONS: usize = 16;
/// How long a request waits to ask one.
const QUEUE: Duration = Duration::from_secs(1);

/// What is remembered.
pub(crate) struct Exchanges {
    memory: Mutex<Memory>,
    questions: Semaphore,
}

struct Memory {
    refused: Bounded<()>,
    begun: Bounded<Begun>,
    flights: HashMap<ExchangeKey, Arc<tokio::sync::Mutex<()>>>,
}

/// What is remembered of one old session.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// It leads to nobody.
    Nobody,
    /// It was exchanged for this.
    Begun(Begun),
}

/// What an old session was exchanged for.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Begun {
    /// The id of our session: a secret.
    pub(crate) id: Arc<str>,
    /// What the application did with its own session meanwhile.
    pub(crate) renewed: Option<Renewed>,
}

/// An application gave its session another id, which the browser has to know.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Renewed {
    /// The name of its cookie.
    pub(crate) cookie: Arc<str>,
    /// The id: a secret.
    pub(crate) id: Arc<str>,
    /// What is stored of it.
    pub(crate) key: ExchangeKey,
    /// `Set-Cookie`, as the application wrote it.
    pub(crate) line: HeaderValue,
}

/// Without secrets.
impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").field("renewed", &self.renewed.as_ref().map(|renewed| &renewed.cookie)).finish_non_exhaustive()
    }
}

/// Whose turn it is to look at an old session.
pub(crate) enum Turn<'e> {
    /// Ours.
    Ours(Flight<'e>),
    /// Another request's; this can be locked once it is done.
    Wait(Arc<tokio::sync::Mutex<()>>),
    /// Too many are looked at.
    Crowded,
}

/// While it lives nobody else looks at the same old session.
pub(crate) struct Flight<'e> {
    exchanges: &'e Exchanges,
    key: ExchangeKey,
    _alone: OwnedMutexGuard<()>,
}

impl Default for Exchanges {
    fn default() -> Self {
        let memory = Memory { refused: Bounded::new(REFUSED), begun: Bounded::new(BEGUN), flights: HashMap::new() };
        Self { memory: Mutex::new(memory), questions: Semaphore::new(QUESTIONS) }
    }
}

impl Exchanges {
    pub(crate) fn remembered(&self, key: &ExchangeKey, now: Time) -> Option<Remembered> {
        let mut memory = self.memory();
        if let Some(begun) = memory.begun.get(key, now) {
            return Some(Remembered::Begun(begun.clone()));
        }
        memory.refused.get(key, now).map(|()| Remembered::Nobody)
    }

    /// Until then the old session leads to nobody.
    pub(crate) fn refuse(&self, key: ExchangeKey, now: Time, until: Time) {
        self.memory().refused.insert(key, (), now, until);
    }

    /// Until then requests that are on their way with the old session get what it was exchanged for, too.
    pub(crate) fn begun(&self, key: ExchangeKey, begun: Begun, now: Time, until: Time) {
        self.memory().begun.insert(key, begun, now, until);
    }

    /// That session is over.
    pub(crate) fn forget(&self, key: &ExchangeKey) {
        self.memory().begun.remove(key);
    }

    pub(crate) fn turn(&self, key: ExchangeKey) -> Turn<'_> {
        let mut memory = self.memory();
        if let Some(flight) = memory.flights.get(&key) {
            return Turn::Wait(Arc::clone(flight));
        }
        let flight = Arc::new(tokio::sync::Mutex::default());
        match Arc::clone(&flight).try_lock_owned() {
            Ok(alone) if memory.flights.len() < FLIGHTS => {
                memory.flights.insert(key, flight);
                Turn::Ours(Flight { exchanges: self, key, _alone: alone })
            }
            _ => Turn::Crowded,
        }
    }

    /// A place to ask an old application; `None` when there was none for too long.
    pub(crate) async fn place(&self) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(QUEUE, self.questions.acquire()).await.ok()?.ok()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Before whoever waits is woken, so that the next one looks anew.
impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.exchanges.memory().flights.remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_000);
    const LATER: Time = Time(2_000);

    fn begun() -> Begun {
        Begun { id: "id".into(), renewed: None }
    }

    fn key(n: usize) -> ExchangeKey {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        ExchangeKey(key)
    }

    #[test]
    fn remembers_for_a_while() {
        let exchanges = Exchanges::default();
        exchanges.refuse(key(1), NOW, LATER);
        exchanges.begun(key(2), begun(), NOW, LATER);
        assert_eq!(exchanges.remembered(&key(1), NOW), Some(Remembered::Nobody));
        assert_eq!(exchanges.remembered(&key(2), NOW), Some(Remembered::Begun(begun())));
        assert_eq!(exchanges.remembered(&key(3), NOW), None);
        assert_eq!(exchanges.remembered(&key(1), LATER), None);
        assert_eq!(exchanges.remembered(&key(2), LATER), None);
        exchanges.begun(key(2), begun(), NOW, LATER);
        exchanges.forget(&key(2));
        assert_eq!(exchanges.remembered(&key(2), NOW), None);
    }

    #[test]
    fn never_remembers_more_than_its_bounds() {
        let exchanges = Exchanges::default();
        for n in 0..REFUSED + 10 {
            exchanges.refuse(key(n), NOW, LATER);
            exchanges.begun(key(n), begun(), NOW, LATER);
        }
        let memory = exchanges.memory();
        assert_eq!((memory.refused.len(), memory.begun.len()), (REFUSED, BEGUN));
    }

    #[tokio::test]
    async fn one_at_a_time_looks_at_an_old_session() {
        let exchanges = Exchanges::default();
        let Turn::Ours(flight) = exchanges.turn(key(1)) else { panic!("nobody else looks") };
        let Turn::Wait(waiting) = exchanges.turn(key(1)) else { panic!("somebody looks") };
        assert!(matches!(exchanges.turn(key(2)), Turn::Ours(_)), "another one's turn is another's");
        assert!(waiting.try_lock().is_err());
        drop(flight);
        drop(waiting.lock().await);
        assert!(matches!(exchanges.turn(key(1)), Turn::Ours(_)));
        assert!(exchanges.memory().flights.is_empty());
    }

    #[tokio::test]
    async fn a_crowd_is_turned_away() {
        let exchanges = Exchanges::default();
        let flights: Vec<_> = (0..FLIGHTS).map(|n| exchanges.turn(key(n))).collect();
        assert!(matches!(exchanges.turn(key(FLIGHTS)), Turn::Crowded));
        drop(flights);
        assert!(matches!(exchanges.turn(key(FLIGHTS)), Turn::Ours(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn questions_wait_for_a_place_and_not_for_ever() {
        let exchanges = Exchanges::default();
        let mut places = Vec::new();
        for _ in 0..QUESTIONS {
            places.push(exchanges.place().await.expect("there is room"));
        }
        assert!(exchanges.place().await.is_none());
        places.pop();
        assert!(exchanges.place().await.is_some());
    }
}
