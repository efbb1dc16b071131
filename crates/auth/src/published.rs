//! What other servers publish, kept: keys of issuers, documents of providers. It is asked for at one time by one asker, with growing
//! pauses after failures, and outlives an outage for a bounded time.

use arc_swap::ArcSwap;
use doorward_core::{
    Time,
    ports::{Call, Clock, Fetch, FetchError, RemoteUrl},
};
use doorward_crypto::jwt::KeySet;
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Media types under which key sets are published (RFC 7517 8.5).
const KEY_TYPES: [&str; 2] = ["application/json", "+json"];
/// No pause doubles more often.
const DOUBLINGS: u32 = 16;

/// The set of keys that is published there.
///
/// # Errors
/// The server cannot be asked, or answers something else.
pub async fn key_set(fetch: &dyn Fetch, url: &RemoteUrl) -> Result<KeySet, FetchError> {
    let answer = fetch.fetch(Call::get(url)).await?;
    KeySet::parse(answer.content(&KEY_TYPES)?).map_err(|why| FetchError::new(why.to_string()))
}

/// How often a server is asked, and how long its answer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// An answer is asked for again after this time.
    pub refresh: Duration,
    /// While it cannot be asked for again, it counts for so long.
    pub stale: Duration,
    /// The pause after a failure, which doubles with the next one; and the least one between two questions for the sake of what
    /// was not in the answer.
    pub retry: Duration,
    /// The longest pause after a failure.
    pub longest: Duration,
}

/// What questions came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How often there was an answer.
    pub answers: u64,
    /// How often there was none.
    pub failures: u64,
}

/// One document of another server, as far as it is known.
pub struct Kept<T> {
    known: ArcSwap<Known<T>>,
    asking: Mutex<Asking>,
    /// Whoever asks holds it.
    turn: tokio::sync::Mutex<()>,
}

struct Known<T> {
    value: Option<(Arc<T>, Time)>,
    /// What the last question came to, if nothing.
    trouble: Option<FetchError>,
}

#[derive(Clone, Copy, Default)]
struct Asking {
    /// When the last question began.
    began: Option<Time>,
    /// When the last one ended that nobody gave up half-way.
    ended: Option<Time>,
    /// How many came to nothing since the last that did not.
    failing: u32,
    tally: Tally,
}

impl Asking {
    /// When the next question is due.
    fn due(&self, pace: Pace) -> Time {
        let Some(ended) = self.ended else { return Time::default() };
        match self.failing.checked_sub(1) {
            None => ended + pace.refresh,
            Some(before) => ended + pace.retry.saturating_mul(1 << before.min(DOUBLINGS)).min(pace.longest),
        }
    }

    /// Whether something that was not in the answer is worth a question.
    fn may_ask(&self, pace: Pace, now: Time) -> bool {
        match self.began {
            // A clock that was set back holds nobody up.
            Some(began) if now < began => true,
            Some(began) if self.failing == 0 => now.since(began) >= pace.retry,
            _ => now >= self.due(pace),
        }
    }
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        let known = ArcSwap::from_pointee(Known { value: None, trouble: None });
        Self { known, asking: Mutex::default(), turn: tokio::sync::Mutex::default() }
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl<T> Kept<T> {
    /// What was answered last, however long ago, and when.
    pub fn latest(&self) -> Option<(Arc<T>, Time)> {
        self.known.load().value.clone()
    }

    /// Why the last question came to nothing, if it did.
    pub fn trouble(&self) -> Option<FetchError> {
        self.known.load().trouble.clone()
    }

    /// What questions came to so far.
    pub fn tally(&self) -> Tally {
        self.asking().tally
    }

    /// What was answered within this time.
    pub fn within(&self, age: Duration, now: Time) -> Option<Arc<T>> {
        let known = self.known.load();
        let (value, fetched) = known.value.as_ref()?;
        (now.since(*fetched) <= age).then(|| Arc::clone(value))
    }

    /// Whether it is time for a question, and nobody asks.
    pub fn is_due(&self, pace: Pace, now: Time) -> bool {
        now >= self.asking().due(pace) && self.turn.try_lock().is_ok()
    }

    /// Asks if it is due and nobody does.
    pub async fn renew(&self, pace: Pace, clock: &dyn Clock, ask: impl Future<Output = Result<T, FetchError>>) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        if clock.now() >= self.asking().due(pace) {
            self.ask(clock, ask).await;
        }
    }

    /// What counts now; it is asked for when it is due.
    ///
    /// # Errors
    /// There is nothing that anybody could rely on: why it cannot be fetched.
    pub async fn get(
        &self,
        pace: Pace,
        clock: &dyn Clock,
        ask: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<Arc<T>, FetchError> {
        if let Some(value) = self.within(pace.refresh, clock.now()) {
            return Ok(value);
        }
        let _turn = self.turn.lock().await;
        // Somebody may just have asked.
        if self.within(pace.refresh, clock.now()).is_none() && clock.now() >= self.asking().due(pace) {
            self.ask(clock, ask).await;
        }
        let known = self.within(pace.stale, clock.now());
        known.ok_or_else(|| self.trouble().unwrap_or_else(|| FetchError::new("it was not asked yet")))
    }

    /// Another answer than `seen`, in which something was missing: it is asked for once more, seldom. Whoever comes while
    /// somebody asks waits for that answer.
    ///
    /// # Errors
    /// The last question came to nothing, so nobody knows.
    pub async fn newer(
        &self,
        seen: Option<&Arc<T>>,
        pace: Pace,
        clock: &dyn Clock,
        ask: impl Future<Output = Result<T, FetchError>>,
    ) -> Result<Option<Arc<T>>, FetchError> {
        let _turn = self.turn.lock().await;
        let other = || self.within(pace.stale, clock.now()).filter(|value| seen.is_none_or(|seen| !Arc::ptr_eq(value, seen)));
        if let Some(value) = other() {
            return Ok(Some(value));
        }
        if self.asking().may_ask(pace, clock.now()) {
            self.ask(clock, ask).await;
        }
        self.trouble().map_or_else(|| Ok(other()), Err)
    }

    /// Whoever calls it has the turn.
    async fn ask(&self, clock: &dyn Clock, ask: impl Future<Output = Result<T, FetchError>>) {
        self.asking().began = Some(clock.now());
        let answer = ask.await;
        let ended = clock.now();
        let failed = answer.is_err();
        let value = match answer {
            Ok(value) => Known { value: Some((Arc::new(value), ended)), trouble: None },
            Err(error) => Known { value: self.latest(), trouble: Some(error) },
        };
        self.known.store(Arc::new(value));
        let mut asking = self.asking();
        asking.ended = Some(ended);
        if failed {
            asking.failing = asking.failing.saturating_add(1);
            asking.tally.failures += 1;
        } else {
            asking.failing = 0;
            asking.tally.answers += 1;
        }
    }

    fn asking(&self) -> MutexGuard<'_, Asking> {
        // Nothing under this lock can stop half-way.
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Hand;

    const SECOND: Duration = Duration::from_secs(1);
    const PACE: Pace = Pace { refresh: Duration::from_secs(60), stale: Duration::from_secs(600), retry: SECOND, longest: SECOND };

    async fn says(number: u8) -> Result<u8, FetchError> {
        Ok(number)
    }

    async fn hangs_up() -> Result<u8, FetchError> {
        Err(FetchError::new("it hung up"))
    }

    #[tokio::test]
    async fn what_is_fresh_is_taken_although_the_last_question_failed() {
        let (clock, kept) = (Hand::default(), Kept::default());
        let first = kept.get(PACE, &clock, says(1)).await.unwrap();
        clock.advance(SECOND);
        assert!(kept.newer(Some(&first), PACE, &clock, hangs_up()).await.is_err());
        clock.advance(SECOND);
        assert_eq!(kept.get(PACE, &clock, async { panic!("it is asked") }).await.as_deref(), Ok(&1));
        assert_eq!((kept.tally(), kept.trouble().is_some()), (Tally { answers: 1, failures: 1 }, true));
    }

    #[tokio::test]
    async fn a_question_that_is_given_up_holds_up_nobody() {
        let (clock, kept) = (Hand::default(), Kept::default());
        {
            let mut asking = std::pin::pin!(kept.get(PACE, &clock, std::future::pending::<Result<u8, FetchError>>()));
            assert!(futures_util::poll!(&mut asking).is_pending());
            assert!(!kept.is_due(PACE, clock.now()), "somebody asks");
        }
        assert!(kept.is_due(PACE, clock.now()));
        assert_eq!(kept.get(PACE, &clock, says(2)).await.as_deref(), Ok(&2));
    }
}
