//! How many questions are under way to one server, and for whom: a flood from one network leaves places for all others.
//!
//! | bound | beyond it |
//! | --- | --- |
//! | questions at a time, in all | wait, for as long as one has patience |
//! | questions at a time of one network: a quarter of them | the same |
//! | the same, once the network sent many tokens lately that are none | the same |
//! | those of one network that wait | turned away at once |
//!
//! Whoever waits for the bound of its own network stands in nobody else's way.

use crate::{network, throttle::Table};
use doorward_core::Time;
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit},
    time::timeout,
};

/// Questions at a time.
pub(super) const MOST: usize = 64;
/// How many of them one network may have.
pub(super) const MOST_OF_ONE: usize = MOST / 4;
/// The same for one that sent many tokens that are none.
pub(super) const MOST_OF_A_GUESSER: usize = 2;
/// How many of one network may wait.
pub(super) const MOST_WAITING: usize = 64;
/// So many tokens that are none ...
pub(super) const MANY: u32 = 100;
/// ... in this time are guesses, or a program that has gone wrong.
const WINDOW: Duration = Duration::from_secs(60);
/// Of how many networks guesses are counted.
const COUNTED: usize = 16_384;

/// The places at one server.
pub(super) struct Places {
    all: Semaphore,
    /// Networks of which somebody has a place or waits for one.
    lines: Mutex<HashMap<IpAddr, Line>>,
    guesses: Mutex<Table<IpAddr, Guesses>>,
}

/// The questions of one network.
struct Line {
    own: Arc<Semaphore>,
    narrow: Arc<Semaphore>,
    /// How many have a place or wait.
    present: usize,
}

#[derive(Default)]
struct Guesses {
    count: u32,
    first: Time,
}

/// Leave to ask one question; given back when dropped.
pub(super) struct Place<'a> {
    _all: SemaphorePermit<'a>,
    _own: OwnedSemaphorePermit,
    _narrow: Option<OwnedSemaphorePermit>,
    // Last: nobody finds the line gone while its permits are held.
    _presence: Presence<'a>,
}

struct Presence<'a> {
    places: &'a Places,
    network: IpAddr,
}

impl Places {
    pub(super) fn new() -> Self {
        Self { all: Semaphore::new(MOST), lines: Mutex::default(), guesses: Mutex::new(Table::new(COUNTED)) }
    }

    /// A place for somebody at this address, who waits for it as long as that; `None` when there is none.
    pub(super) async fn enter(&self, address: IpAddr, now: Time, patience: Duration) -> Option<Place<'_>> {
        let network = network(address);
        let (presence, own, narrow) = self.join(network)?;
        let narrow = self.guesses_much(network, now).then_some(narrow);
        let wait = async {
            let narrow = match narrow {
                Some(narrow) => Some(narrow.acquire_owned().await.ok()?),
                None => None,
            };
            // The own bound first: what waits for that must not wait among the others.
            let own = own.acquire_owned().await.ok()?;
            Some((self.all.acquire().await.ok()?, own, narrow))
        };
        let (all, own, narrow) = timeout(patience, wait).await.ok()??;
        Some(Place { _all: all, _own: own, _narrow: narrow, _presence: presence })
    }

    /// A token that came from there is none.
    pub(super) fn note_guess(&self, address: IpAddr, now: Time) {
        let mut guesses = lock(&self.guesses);
        let guesses = guesses.entry(&network(address));
        guesses.forget_if_over(now);
        if guesses.count == 0 {
            guesses.first = now;
        }
        guesses.count = guesses.count.saturating_add(1);
    }

    fn guesses_much(&self, network: IpAddr, now: Time) -> bool {
        let mut guesses = lock(&self.guesses);
        guesses.get_mut(&network).is_some_and(|guesses| {
            guesses.forget_if_over(now);
            guesses.count >= MANY
        })
    }

    fn join(&self, network: IpAddr) -> Option<(Presence<'_>, Arc<Semaphore>, Arc<Semaphore>)> {
        let mut lines = lock(&self.lines);
        let line = lines.entry(network).or_insert_with(|| Line {
            own: Arc::new(Semaphore::new(MOST_OF_ONE)),
            narrow: Arc::new(Semaphore::new(MOST_OF_A_GUESSER)),
            present: 0,
        });
        if line.present >= MOST_OF_ONE + MOST_WAITING {
            return None;
        }
        line.present += 1;
        Some((Presence { places: self, network }, Arc::clone(&line.own), Arc::clone(&line.narrow)))
    }
}

impl Guesses {
    fn forget_if_over(&mut self, now: Time) {
        if now.since(self.first) >= WINDOW {
            self.count = 0;
        }
    }
}

impl Drop for Presence<'_> {
    fn drop(&mut self) {
        let mut lines = lock(&self.places.lines);
        if let Some(line) = lines.get_mut(&self.network) {
            line.present -= 1;
            if line.present == 0 {
                lines.remove(&self.network);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Poll;

    const NOW: Time = Time(1_000_000);
    /// Nobody's patience ends in these tests unless they say so.
    const PATIENCE: Duration = Duration::from_secs(3600);

    fn at(network: u8) -> IpAddr {
        [192, 0, 2, network].into()
    }

    async fn many(places: &Places, address: IpAddr, number: usize) -> Vec<Place<'_>> {
        let mut all = Vec::new();
        for _ in 0..number {
            all.push(places.enter(address, NOW, PATIENCE).await.unwrap());
        }
        all
    }

    /// What comes of a future at once.
    async fn at_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        // With all that a task may do before it has to let others run.
        tokio::task::yield_now().await;
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
    }

    /// Whether somebody there would have to wait.
    async fn waits(places: &Places, address: IpAddr, now: Time) -> bool {
        at_once(&mut Box::pin(places.enter(address, now, PATIENCE))).await.is_none()
    }

    #[tokio::test]
    async fn one_network_has_a_quarter_and_the_others_the_rest() {
        let places = Places::new();
        let held = many(&places, at(1), MOST_OF_ONE).await;
        assert!(waits(&places, at(1), NOW).await);
        assert!(!waits(&places, at(2), NOW).await);
        let mut others = Vec::new();
        for network in 2..=4 {
            others.extend(many(&places, at(network), MOST_OF_ONE).await);
        }
        assert!(waits(&places, at(5), NOW).await, "all are taken");
        others.pop();
        assert!(!waits(&places, at(5), NOW).await);
        drop(held);
        assert!(!waits(&places, at(1), NOW).await);
        drop(others);
        assert!(lock(&places.lines).is_empty(), "nothing is kept of whoever went");
    }

    #[tokio::test]
    async fn whoever_waits_for_its_own_network_stands_in_nobodys_way() {
        let places = Places::new();
        let held = many(&places, at(1), MOST_OF_ONE).await;
        let mut waiting: Vec<_> = (0..MOST_WAITING).map(|_| Box::pin(places.enter(at(1), NOW, PATIENCE))).collect();
        for one in &mut waiting {
            assert!(at_once(one).await.is_none());
        }
        assert!(places.enter(at(1), NOW, PATIENCE).await.is_none(), "too many of one network wait");
        assert!(places.enter(at(2), NOW, PATIENCE).await.is_some());
        drop(held);
        assert!(at_once(&mut waiting[0]).await.is_some_and(|place| place.is_some()), "the first one is next");
    }

    #[tokio::test]
    async fn patience_ends() {
        let places = Places::new();
        let _held = many(&places, at(1), MOST_OF_ONE).await;
        assert!(places.enter(at(1), NOW, Duration::from_millis(1)).await.is_none());
        assert_eq!(lock(&places.lines)[&at(1)].present, MOST_OF_ONE);
    }

    #[tokio::test]
    async fn a_network_that_guesses_has_few_places_for_a_while() {
        let places = Places::new();
        for _ in 1..MANY {
            places.note_guess(at(1), NOW);
        }
        assert_eq!(many(&places, at(1), MOST_OF_ONE).await.len(), MOST_OF_ONE);
        places.note_guess(at(1), NOW);
        let held = many(&places, at(1), MOST_OF_A_GUESSER).await;
        assert!(waits(&places, at(1), NOW).await);
        assert!(!waits(&places, at(2), NOW).await);
        assert!(!waits(&places, at(1), NOW + WINDOW).await, "for a while");
        drop(held);
    }
}
