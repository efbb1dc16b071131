//! Questions that are under way, and answers that say no.

use super::{IntrospectionCounts, IntrospectionSettings, Said, answer, key, places::Places};
use crate::{network, throttle::Table, tokens::web::WebError};
use doorward_core::{
    Time,
    ports::{Clock, TokenKey},
};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{sync::OnceCell, time::timeout};

/// How many answers are remembered that say no.
const MOST_NOES: usize = 4096;
/// For how long, at most: what was refused may come to count (`nbf`, a server that learns late).
const LONGEST_NO: Duration = Duration::from_secs(10);

/// What came of a question that began then; the text is for the operator.
type Outcome = Result<(Time, Option<Said>), Box<str>>;
type Flight = OnceCell<Outcome>;

/// The questions to one server.
pub(super) struct Flights {
    /// By the network that asks and the hash of the token, so that nobody waits in another network's line. Whoever waits
    /// holds it.
    under_way: Mutex<HashMap<(IpAddr, TokenKey), Weak<Flight>>>,
    /// Until when a token is known not to be active. Answers that say yes are remembered elsewhere: no number of these
    /// crowds one of them out.
    noes: Mutex<Table<TokenKey, Time>>,
    places: Places,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    active: AtomicU64,
    inactive: AtomicU64,
    failed: AtomicU64,
    crowded: AtomicU64,
    /// Whether the last question came to nothing: it is told once.
    failing: AtomicBool,
}

impl Flights {
    /// None; the counters of `old` go on.
    pub(super) fn after(old: Option<&Flights>) -> Self {
        Self {
            under_way: Mutex::default(),
            noes: Mutex::new(Table::new(MOST_NOES)),
            places: Places::new(),
            counts: old.map_or_else(Arc::default, |old| Arc::clone(&old.counts)),
        }
    }

    pub(super) fn counts(&self, issuer: &Arc<str>) -> IntrospectionCounts {
        IntrospectionCounts {
            issuer: Arc::clone(issuer),
            active: self.counts.active.load(SeqCst),
            inactive: self.counts.inactive.load(SeqCst),
            failed: self.counts.failed.load(SeqCst),
            crowded: self.counts.crowded.load(SeqCst),
        }
    }

    /// What the server says of a token, and since when that is so. Whoever comes from the same network while somebody asks
    /// waits for that answer.
    ///
    /// # Errors
    /// Nobody can say.
    pub(super) async fn ask(
        &self,
        settings: &IntrospectionSettings,
        token: &str,
        client: IpAddr,
        clock: &dyn Clock,
    ) -> Result<(Time, Option<Said>), WebError> {
        let (key, now) = (key(token), clock.now());
        if lock(&self.noes).get_mut(&key).is_some_and(|until| now < *until) {
            return Ok((now, None));
        }
        let key = (network(client), key);
        let flight = self.join(key);
        // If whoever asks goes away, another one who waits asks.
        let outcome = flight.get_or_init(|| self.question(settings, token, client, clock)).await.clone();
        self.leave(key, &flight);
        outcome.map_err(WebError::Unknown)
    }

    fn join(&self, key: (IpAddr, TokenKey)) -> Arc<Flight> {
        let mut under_way = lock(&self.under_way);
        if let Some(flight) = under_way.get(&key).and_then(Weak::upgrade) {
            return flight;
        }
        // Those whose callers all went away.
        under_way.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(Flight::new());
        under_way.insert(key, Arc::downgrade(&flight));
        flight
    }

    /// An answer is for those who waited for it; whoever comes later asks anew.
    fn leave(&self, key: (IpAddr, TokenKey), flight: &Arc<Flight>) {
        let mut under_way = lock(&self.under_way);
        if under_way.get(&key).is_some_and(|current| std::ptr::eq(current.as_ptr(), Arc::as_ptr(flight))) {
            under_way.remove(&key);
        }
    }

    async fn question(&self, settings: &IntrospectionSettings, token: &str, client: IpAddr, clock: &dyn Clock) -> Outcome {
        // A place may take half as long as an answer.
        let Some(_place) = self.places.enter(client, clock.now(), settings.timeout / 2).await else {
            self.counts.crowded.fetch_add(1, SeqCst);
            return Err(format!("too many tokens are asked about at {} at once", settings.endpoint).into());
        };
        let began = clock.now();
        let answered = match timeout(settings.timeout, settings.fetch.fetch(super::question(settings, token))).await {
            Ok(Ok(answer)) => answer::understand(&answer),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("it does not answer within {} seconds", settings.timeout.as_secs_f32())),
        };
        let counts = &self.counts;
        match answered {
            Ok(said) => {
                let counter = if said.is_some() { &counts.active } else { &counts.inactive };
                counter.fetch_add(1, SeqCst);
                if counts.failing.swap(false, SeqCst) {
                    tracing::warn!(issuer = &*settings.issuer, "an authorization server can be asked about tokens again");
                }
                if said.is_none() {
                    let now = clock.now();
                    *lock(&self.noes).entry(&key(token)) = now + settings.cache.min(LONGEST_NO);
                    self.places.note_guess(client, now);
                }
                Ok((began, said))
            }
            Err(error) => {
                counts.failed.fetch_add(1, SeqCst);
                // Once, until it works again.
                if !counts.failing.swap(true, SeqCst) {
                    tracing::warn!(issuer = &*settings.issuer, url = %settings.endpoint, %error, "an authorization server cannot be asked about tokens");
                }
                Err(format!("{} cannot be asked about it: {error}", settings.endpoint).into())
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
