//! What a provider publishes about itself, fetched when somebody needs it: it counts for a while, is asked for once at a time,
//! with growing pauses after failures, and outlives an outage for a bounded time.

use doorward_core::{
    Time,
    ports::{Clock, FetchError},
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// It is not asked for again within this time.
const FRESH: Duration = Duration::from_secs(15 * 60);
/// While it cannot be fetched again, it counts for so long.
const STALE: Duration = Duration::from_secs(24 * 3600);
/// The pause after a failure, which doubles with the next one; and the least one between two questions for the sake of what
/// was not in it.
const RETRY: Duration = Duration::from_secs(5);
/// The longest pause: people wait for the provider to come back.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A document of a provider.
pub(super) struct Kept<T> {
    state: Mutex<State<T>>,
    /// Whoever asks holds it.
    turn: tokio::sync::Mutex<()>,
}

struct State<T> {
    value: Option<(Arc<T>, Time)>,
    asked: Option<Time>,
    /// Not before this moment after a failure.
    due: Time,
    failing: u32,
    trouble: Option<FetchError>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        let state = State { value: None, asked: None, due: Time::default(), failing: 0, trouble: None };
        Self { state: Mutex::new(state), turn: tokio::sync::Mutex::default() }
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kept")
    }
}

impl<T> Kept<T> {
    /// The document.
    ///
    /// # Errors
    /// There is none that anybody could rely on: why it cannot be fetched.
    pub(super) async fn get(
        &self,
        clock: &dyn Clock,
        ask: impl AsyncFnOnce() -> Result<T, FetchError>,
    ) -> Result<Arc<T>, FetchError> {
        if let Some(value) = self.within(FRESH, clock.now()) {
            return Ok(value);
        }
        let _turn = self.turn.lock().await;
        // Somebody may just have asked.
        if let Some(value) = self.within(FRESH, clock.now()) {
            return Ok(value);
        }
        if clock.now() >= self.state().due {
            self.ask(clock, ask).await;
        }
        let known = self.within(STALE, clock.now());
        known.ok_or_else(|| self.state().trouble.clone().unwrap_or_else(|| FetchError::new("it was not asked yet")))
    }

    /// The document, where it is another than `seen`, in which something was missing: it is asked for once more, seldom.
    ///
    /// # Errors
    /// The last question came to nothing, so nobody knows.
    pub(super) async fn newer(
        &self,
        seen: &Arc<T>,
        clock: &dyn Clock,
        ask: impl AsyncFnOnce() -> Result<T, FetchError>,
    ) -> Result<Option<Arc<T>>, FetchError> {
        let _turn = self.turn.lock().await;
        let other = || self.within(STALE, clock.now()).filter(|value| !Arc::ptr_eq(value, seen));
        if let Some(value) = other() {
            return Ok(Some(value));
        }
        let now = clock.now();
        let may_ask = {
            let state = self.state();
            now >= state.due && state.asked.is_none_or(|asked| now < asked || now.since(asked) >= RETRY)
        };
        if may_ask {
            self.ask(clock, ask).await;
        }
        let trouble = self.state().trouble.clone();
        trouble.map_or_else(|| Ok(other()), Err)
    }

    /// Whoever calls it has the turn.
    async fn ask(&self, clock: &dyn Clock, ask: impl AsyncFnOnce() -> Result<T, FetchError>) {
        self.state().asked = Some(clock.now());
        let answer = ask().await;
        let (now, mut state) = (clock.now(), self.state());
        match answer {
            Ok(value) => {
                state.value = Some((Arc::new(value), now));
                state.failing = 0;
                state.due = now;
                state.trouble = None;
            }
            Err(error) => {
                let pause = RETRY.saturating_mul(1 << state.failing.min(8)).min(LONGEST_PAUSE);
                state.failing = state.failing.saturating_add(1);
                state.due = now + pause;
                state.trouble = Some(error);
            }
        }
    }

    fn within(&self, age: Duration, now: Time) -> Option<Arc<T>> {
        let state = self.state();
        let (value, fetched) = state.value.as_ref()?;
        (now.since(*fetched) < age).then(|| Arc::clone(value))
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        // Nothing under this lock can stop half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
