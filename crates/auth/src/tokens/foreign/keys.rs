//! The keys of another issuer: given once, or fetched from the one URL that the configuration names, and from nowhere else.
//!
//! They are fetched in the background, now and then; after a failure with growing pauses; and for the sake of a token whose key is
//! not known, seldom. One question is under way at a time. While there is no answer the old keys count for a bounded time; after
//! that nobody can know, which is no refusal.

use arc_swap::ArcSwap;
use doorward_core::{
    Time,
    ports::{Call, Clock, Fetch, FetchError, RemoteUrl},
};
use doorward_crypto::jwt::{KeySet, VerifyingKey};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// Media types under which key sets are published (RFC 7517 8.5).
const TYPES: [&str; 2] = ["application/json", "+json"];
/// A pause after a failure is never longer than the pause between two questions, nor than this many doublings.
const DOUBLINGS: u32 = 16;

/// Where the keys of an issuer come from.
#[derive(Clone)]
pub enum KeySource {
    /// They are known.
    Fixed(Arc<[VerifyingKey]>),
    /// They are fetched.
    Fetched(Arc<FetchedKeys>),
}

/// How keys are fetched.
pub struct FetchedKeys {
    /// From where.
    pub url: RemoteUrl,
    /// By whom.
    pub fetch: Arc<dyn Fetch>,
    /// How often.
    pub refresh: Duration,
    /// How long keys count that cannot be fetched again.
    pub stale: Duration,
    /// The pause after a failure, which doubles with the next one up to `refresh`; and the least one between two questions for
    /// the sake of unknown keys.
    pub retry: Duration,
}

/// Without the keys.
impl fmt::Debug for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySource::Fixed(keys) => write!(f, "Fixed({})", keys.len()),
            KeySource::Fetched(fetched) => write!(f, "Fetched({})", fetched.url),
        }
    }
}

/// What is known of an issuer's keys, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerKeys {
    /// The issuer.
    pub issuer: Arc<str>,
    /// When the keys that count were fetched; `None` before the first time.
    pub fetched: Option<Time>,
    /// How often they were fetched.
    pub fetches: u64,
    /// How often that failed.
    pub failures: u64,
}

/// Keys, and the thumbprint by which each is told from others.
type Keys = Vec<(Arc<str>, VerifyingKey)>;

/// The keys of one issuer.
pub(super) struct Ring {
    issuer: Arc<str>,
    source: Option<Arc<FetchedKeys>>,
    now: ArcSwap<Known>,
    /// Whoever asks holds it.
    turn: Arc<tokio::sync::Mutex<()>>,
    plan: Mutex<Plan>,
}

#[derive(Clone, Default)]
struct Known {
    keys: Arc<Keys>,
    fetched: Option<Time>,
    /// What the last question came to, if nothing.
    trouble: Option<FetchError>,
}

#[derive(Clone, Copy, Default)]
struct Plan {
    /// When the last question began.
    asked: Option<Time>,
    /// When the next one is due.
    due: Time,
    /// How many failed since the last that did not.
    failing: u32,
    fetches: u64,
    failures: u64,
}

impl Ring {
    pub(super) fn new(issuer: &Arc<str>, source: &KeySource) -> Arc<Self> {
        let (source, known) = match source {
            KeySource::Fixed(keys) => (None, Known { keys: Arc::new(marked(keys.to_vec())), ..Known::default() }),
            KeySource::Fetched(fetched) => (Some(Arc::clone(fetched)), Known::default()),
        };
        Arc::new(Self {
            issuer: Arc::clone(issuer),
            source,
            now: ArcSwap::from_pointee(known),
            turn: Arc::default(),
            plan: Mutex::default(),
        })
    }

    /// One that begins with what `old` knows, if it asks the same server in the same way.
    pub(super) fn after(self: Arc<Self>, old: &Ring) -> Arc<Self> {
        let (Some(new), Some(before)) = (&self.source, &old.source) else { return self };
        if new.url == before.url && Arc::ptr_eq(&new.fetch, &before.fetch) && self.issuer == old.issuer {
            self.now.store(old.now.load_full());
            let known = *old.plan();
            // Other pauses count from now on.
            *self.plan() = Plan { due: known.asked.unwrap_or_default(), ..known };
        }
        self
    }

    /// The keys that count at `now`.
    ///
    /// # Errors
    /// There are none that anybody could rely on; the text says why.
    pub(super) fn keys(&self, now: Time) -> Result<Arc<Keys>, Box<str>> {
        let known = self.now.load();
        let Some(source) = &self.source else { return Ok(Arc::clone(&known.keys)) };
        let trouble = || match &known.trouble {
            Some(error) => format!("{} cannot be asked for them: {error}", source.url),
            None => format!("{} was not asked for them yet", source.url),
        };
        match known.fetched {
            None => Err(format!("the keys of the issuer `{}` are not known: {}", self.issuer, trouble()).into()),
            Some(time) if now.since(time) > source.stale => {
                Err(format!("the keys of the issuer `{}` are too old: {}", self.issuer, trouble()).into())
            }
            Some(_) => Ok(Arc::clone(&known.keys)),
        }
    }

    /// Whether the key of this thumbprint counts at `now`.
    pub(super) fn knows(&self, thumbprint: &str, now: Time) -> bool {
        self.keys(now).is_ok_and(|keys| keys.iter().any(|(known, _)| **known == *thumbprint))
    }

    /// Why a key that is not known may be one all the same: the last question came to nothing.
    pub(super) fn trouble(&self) -> Option<Box<str>> {
        let known = self.now.load();
        let error = known.trouble.as_ref()?;
        Some(format!("the keys of the issuer `{}` cannot be fetched: {error}", self.issuer).into())
    }

    /// Asks for the sake of a token whose key is not known, unless that was done just now or is to wait. Whoever comes while
    /// somebody asks waits for that answer.
    pub(super) async fn ask_seldom(self: &Arc<Self>, clock: &Arc<dyn Clock>) {
        if self.source.is_none() {
            return;
        }
        let (ring, clock, seen) = (Arc::clone(self), Arc::clone(clock), self.answers());
        // A task of its own: a caller who goes away does not take the answer along.
        let asking = tokio::spawn(async move {
            let _turn = ring.turn.lock().await;
            if ring.answers() == seen && ring.may_ask(clock.now()) {
                ring.ask(&*clock).await;
            }
        });
        let _ = asking.await;
    }

    /// Asks in the background if it is time to.
    pub(super) fn ask_if_due(self: &Arc<Self>, clock: &Arc<dyn Clock>) {
        if self.source.is_none() || self.plan().due > clock.now() {
            return;
        }
        let Ok(turn) = Arc::clone(&self.turn).try_lock_owned() else { return };
        let (ring, clock) = (Arc::clone(self), Arc::clone(clock));
        tokio::spawn(async move {
            ring.ask(&*clock).await;
            drop(turn);
        });
    }

    /// Changes whenever keys come, or stop to count.
    pub(super) fn version(&self, now: Time) -> (u64, bool) {
        (self.plan().fetches, self.keys(now).is_ok())
    }

    /// For metrics; `None` where nothing is fetched.
    pub(super) fn state(&self) -> Option<IssuerKeys> {
        self.source.as_ref()?;
        let (fetched, Plan { fetches, failures, .. }) = (self.now.load().fetched, *self.plan());
        Some(IssuerKeys { issuer: Arc::clone(&self.issuer), fetched, fetches, failures })
    }

    fn may_ask(&self, now: Time) -> bool {
        let Some(source) = &self.source else { return false };
        let plan = *self.plan();
        match plan.asked {
            Some(asked) if plan.failing == 0 => now < asked || now.since(asked) >= source.retry,
            Some(asked) => now < asked || now >= plan.due,
            None => true,
        }
    }

    fn answers(&self) -> u64 {
        let plan = *self.plan();
        plan.fetches.wrapping_add(plan.failures)
    }

    /// Whoever calls it has the turn.
    async fn ask(&self, clock: &dyn Clock) {
        let Some(source) = &self.source else { return };
        self.plan().asked = Some(clock.now());
        let answer = source.fetch.fetch(Call::get(&source.url)).await;
        let keys = answer.and_then(|answer| {
            let set = KeySet::parse(answer.content(&TYPES)?);
            Ok(marked(set.map_err(|why| FetchError::new(why.to_string()))?.keys))
        });
        let now = clock.now();
        match keys {
            Ok(keys) => self.take(keys, source, now),
            Err(error) => self.fail(error, source, now),
        }
    }

    fn take(&self, keys: Keys, source: &FetchedKeys, now: Time) {
        let old = self.now.load_full();
        self.now.store(Arc::new(Known { keys: Arc::new(keys), fetched: Some(now), trouble: None }));
        let mut plan = self.plan();
        *plan = Plan { failing: 0, due: now + source.refresh, fetches: plan.fetches + 1, ..*plan };
        drop(plan);
        if old.trouble.is_some() {
            tracing::warn!(issuer = &*self.issuer, "the keys of an issuer can be fetched again");
        }
    }

    fn fail(&self, error: FetchError, source: &FetchedKeys, now: Time) {
        let old = self.now.load_full();
        let mut plan = self.plan();
        let pause = source.retry.saturating_mul(1 << plan.failing.min(DOUBLINGS)).min(source.refresh);
        *plan = Plan { failing: plan.failing.saturating_add(1), due: now + pause, failures: plan.failures + 1, ..*plan };
        drop(plan);
        // Once, until it works again.
        if old.trouble.is_none() {
            tracing::warn!(issuer = &*self.issuer, url = %source.url, %error, "the keys of an issuer cannot be fetched");
        }
        self.now.store(Arc::new(Known { trouble: Some(error), ..Known::clone(&old) }));
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn marked(keys: Vec<VerifyingKey>) -> Keys {
    keys.into_iter().filter_map(|key| Some((key.thumbprint()?.into(), key))).collect()
}
