//! The keys of another issuer: given once, or fetched from the one URL that the configuration names, and from nowhere else.
//!
//! They are fetched in the background, now and then; after a failure with growing pauses; and for the sake of a token whose key is
//! not known, seldom. One question is under way at a time. While there is no answer the old keys count for a bounded time; after
//! that nobody can know, which is no refusal.

use crate::published::{Kept, Pace, Tally, key_set};
use doorward_core::{
    Time,
    ports::{Clock, Fetch, FetchError, RemoteUrl},
};
use doorward_crypto::jwt::VerifyingKey;
use std::{fmt, sync::Arc, time::Duration};

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

impl FetchedKeys {
    fn pace(&self) -> Pace {
        Pace { refresh: self.refresh, stale: self.stale, retry: self.retry, longest: self.refresh }
    }
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
    keys: Held,
}

enum Held {
    Fixed(Arc<Keys>),
    Fetched(Arc<FetchedKeys>, Arc<Kept<Keys>>),
}

impl Ring {
    /// It begins with what `old` knows, if it asks the same server for the same issuer.
    pub(super) fn new(issuer: &Arc<str>, source: &KeySource, old: Option<&Ring>) -> Arc<Self> {
        let same = |new: &FetchedKeys| match old {
            Some(Ring { issuer: before, keys: Held::Fetched(old, kept) }) => {
                (before == issuer && new.url == old.url && Arc::ptr_eq(&new.fetch, &old.fetch)).then(|| Arc::clone(kept))
            }
            _ => None,
        };
        let keys = match source {
            KeySource::Fixed(keys) => Held::Fixed(Arc::new(marked(keys.to_vec()))),
            KeySource::Fetched(fetched) => Held::Fetched(Arc::clone(fetched), same(fetched).unwrap_or_default()),
        };
        Arc::new(Self { issuer: Arc::clone(issuer), keys })
    }

    /// The keys that count at `now`.
    ///
    /// # Errors
    /// There are none that anybody could rely on; the text says why.
    pub(super) fn keys(&self, now: Time) -> Result<Arc<Keys>, Box<str>> {
        let (source, kept) = match &self.keys {
            Held::Fixed(keys) => return Ok(Arc::clone(keys)),
            Held::Fetched(source, kept) => (source, kept),
        };
        kept.within(source.stale, now).ok_or_else(|| {
            let what = if kept.latest().is_some() { "too old" } else { "not known" };
            let why = match kept.trouble() {
                Some(error) => format!("{} cannot be asked for them: {error}", source.url),
                None => format!("{} was not asked for them yet", source.url),
            };
            format!("the keys of the issuer `{}` are {what}: {why}", self.issuer).into()
        })
    }

    /// Whether the key of this thumbprint counts at `now`.
    pub(super) fn knows(&self, thumbprint: &str, now: Time) -> bool {
        self.keys(now).is_ok_and(|keys| keys.iter().any(|(known, _)| **known == *thumbprint))
    }

    /// Why a key that is not known may be one all the same: the last question came to nothing.
    pub(super) fn trouble(&self) -> Option<Box<str>> {
        let (_, kept) = self.fetched()?;
        let error = kept.trouble()?;
        Some(format!("the keys of the issuer `{}` cannot be fetched: {error}", self.issuer).into())
    }

    /// Asks for the sake of a token whose key is not known, unless that was done just now or is to wait. Whoever comes while
    /// somebody asks waits for that answer.
    pub(super) async fn ask_seldom(self: &Arc<Self>, clock: &Arc<dyn Clock>) {
        let Some((_, kept)) = self.fetched() else { return };
        let seen = kept.latest().map(|(keys, _)| keys);
        let (ring, clock) = (Arc::clone(self), Arc::clone(clock));
        // A task of its own: a caller who goes away does not take the answer along.
        let asking = tokio::spawn(async move {
            if let Some((source, kept)) = ring.fetched() {
                let _ = kept.newer(seen.as_ref(), source.pace(), &*clock, ring.ask(source, kept)).await;
            }
        });
        let _ = asking.await;
    }

    /// Asks in the background if it is time to.
    pub(super) fn ask_if_due(self: &Arc<Self>, clock: &Arc<dyn Clock>) {
        if !self.fetched().is_some_and(|(source, kept)| kept.is_due(source.pace(), clock.now())) {
            return;
        }
        let (ring, clock) = (Arc::clone(self), Arc::clone(clock));
        tokio::spawn(async move {
            if let Some((source, kept)) = ring.fetched() {
                kept.renew(source.pace(), &*clock, ring.ask(source, kept)).await;
            }
        });
    }

    /// Changes whenever keys come, or stop to count.
    pub(super) fn version(&self, now: Time) -> (u64, bool) {
        let answers = self.fetched().map_or(0, |(_, kept)| kept.tally().answers);
        (answers, self.keys(now).is_ok())
    }

    /// For metrics; `None` where nothing is fetched.
    pub(super) fn state(&self) -> Option<IssuerKeys> {
        let (_, kept) = self.fetched()?;
        let Tally { answers, failures } = kept.tally();
        let fetched = kept.latest().map(|(_, fetched)| fetched);
        Some(IssuerKeys { issuer: Arc::clone(&self.issuer), fetched, fetches: answers, failures })
    }

    fn fetched(&self) -> Option<(&FetchedKeys, &Kept<Keys>)> {
        match &self.keys {
            Held::Fixed(_) => None,
            Held::Fetched(source, kept) => Some((source, kept)),
        }
    }

    /// Once for each outage, and once for its end, the log hears of it.
    async fn ask(&self, source: &FetchedKeys, kept: &Kept<Keys>) -> Result<Keys, FetchError> {
        let answer = key_set(&*source.fetch, &source.url).await;
        match (&answer, kept.trouble()) {
            (Ok(_), Some(_)) => tracing::warn!(issuer = &*self.issuer, "the keys of an issuer can be fetched again"),
            (Err(error), None) => {
                tracing::warn!(issuer = &*self.issuer, url = %source.url, %error, "the keys of an issuer cannot be fetched");
            }
            _ => {}
        }
        answer.map(|set| marked(set.keys))
    }
}

fn marked(keys: Vec<VerifyingKey>) -> Keys {
    keys.into_iter().filter_map(|key| Some((key.thumbprint()?.into(), key))).collect()
}
