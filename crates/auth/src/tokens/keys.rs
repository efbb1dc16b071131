//! The keys of signed tokens, as the store has them.
//!
//! The newest key that is active signs. Every key that is not retired verifies: when another one takes over, the old one
//! retires only after the last token that it signed has expired.

use super::live::{Claims, Origin};
use arc_swap::ArcSwap;
use doorward_core::{
    Time,
    ports::{Entropy, Store, StoreError, StoredKey},
};
use doorward_crypto::{
    random,
    user_token::{self, Algorithm, BadToken, TokenSigner},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

/// The purpose of the keys of Magento's tokens in the store.
pub const PURPOSE: &str = "token";
/// How often the store is asked for the sake of an unknown key at most.
const SELDOM: Duration = Duration::from_secs(1);

/// What a stored key of one purpose is, ready for use.
pub(super) trait Material: Clone + Send + Sync {
    /// `None` for a key that we cannot use: such a key counts for nothing here.
    fn of(stored: &StoredKey) -> Option<Self>;
}

impl Material for TokenSigner {
    fn of(stored: &StoredKey) -> Option<Self> {
        let algorithm = Algorithm::parse(stored.algorithm.as_deref().unwrap_or("HS256"))?;
        Some(TokenSigner::padded(&stored.id, &stored.secret, algorithm))
    }
}

/// A key that is ready for use.
struct Key<M> {
    kid: Arc<str>,
    material: M,
    active_from: Option<Time>,
    retired: Option<Time>,
}

impl<M: Material> Key<M> {
    fn of(stored: &StoredKey) -> Option<Self> {
        let StoredKey { id, active_from, retired, .. } = stored;
        Some(Self { kid: Arc::clone(id), material: M::of(stored)?, active_from: *active_from, retired: *retired })
    }

    fn verifies(&self, now: Time) -> bool {
        self.retired.is_none_or(|end| now < end)
    }
}

/// The keys of a purpose that this node knows, newest first.
pub(super) struct Keys<M> {
    /// Theirs in the store.
    purpose: &'static str,
    all: ArcSwap<Vec<Key<M>>>,
    /// When the store was asked last, in milliseconds.
    asked: AtomicU64,
}

impl<M: Material> Keys<M> {
    /// None yet.
    pub(super) fn of(purpose: &'static str) -> Self {
        Self { purpose, all: ArcSwap::default(), asked: AtomicU64::new(0) }
    }

    /// Reads them all.
    pub(super) async fn reload(&self, store: &dyn Store, now: Time) -> Result<(), StoreError> {
        self.asked.store(now.0, SeqCst);
        let stored = store.keys(self.purpose).await?;
        self.all.store(Arc::new(stored.iter().filter_map(Key::of).collect()));
        Ok(())
    }

    /// Reads them all, unless that was done just now; whether it was.
    pub(super) async fn reload_seldom(&self, store: &dyn Store, now: Time) -> Result<bool, StoreError> {
        let asked = self.asked.load(SeqCst);
        if now.0 >= asked && now.since(Time(asked)) < SELDOM {
            return Ok(false);
        }
        self.reload(store, now).await.map(|()| true)
    }

    /// Those that verify now.
    pub(super) fn verifying(&self, now: Time) -> Vec<M> {
        self.all.load().iter().filter(|key| key.verifies(now)).map(|key| key.material.clone()).collect()
    }

    /// Whether the key of this `kid` still verifies.
    pub(super) fn knows(&self, kid: &str, now: Time) -> bool {
        self.all.load().iter().any(|key| *key.kid == *kid && key.verifies(now))
    }

    /// The key that signs now, of those that `fit`: the newest that is active. One that another replaced signs only until
    /// that one is active.
    pub(super) fn newest(&self, now: Time, fit: impl Fn(&M) -> bool) -> Option<M> {
        let keys = self.all.load();
        let active = keys.iter().filter(|key| key.verifies(now) && key.active_from.is_some_and(|from| from <= now));
        let fitting = active.filter(|key| fit(&key.material));
        let rank = |key: &Key<M>| (key.retired.is_none(), key.active_from, Arc::clone(&key.kid));
        fitting.max_by_key(|key| rank(key)).map(|key| key.material.clone())
    }

    /// The same, if none has replaced it.
    pub(super) fn lasting(&self, now: Time, fit: impl Fn(&M) -> bool) -> Option<M> {
        let keys = self.all.load();
        let active = keys.iter().filter(|key| key.retired.is_none() && key.active_from.is_some_and(|from| from <= now));
        let newest = active.filter(|key| fit(&key.material)).max_by_key(|key| (key.active_from, Arc::clone(&key.kid)));
        newest.map(|key| key.material.clone())
    }

    /// Whether one that fits will sign.
    pub(super) fn awaits(&self, now: Time, fit: impl Fn(&M) -> bool) -> bool {
        let next = |key: &Key<M>| key.retired.is_none() && key.active_from.is_some_and(|from| from > now);
        self.all.load().iter().any(|key| next(key) && fit(&key.material))
    }
}

impl Keys<TokenSigner> {
    /// What a token says, by the keys that count now.
    pub(super) fn verify(&self, token: &str, now: Time) -> Result<Claims, BadToken> {
        let keys = self.all.load();
        let counting = keys.iter().filter(|key| key.verifies(now)).map(|key| &key.material);
        let (claims, signer) = user_token::verify(token, counting, now)?;
        let time = |seconds: u64| Time(seconds.saturating_mul(1000));
        Ok(Claims {
            kind: claims.kind,
            account: claims.uid,
            issued: time(claims.iat),
            expires: Some(time(claims.exp)),
            scopes: None,
            until: None,
            origin: Origin::Signed(Arc::clone(signer.kid())),
        })
    }

    /// The key that signs now; one is made if there is none.
    pub(super) async fn signer(&self, store: &dyn Store, entropy: &dyn Entropy, now: Time) -> Result<TokenSigner, StoreError> {
        if let Some(signer) = self.newest(now, |_| true) {
            return Ok(signer);
        }
        // Another node may have made one.
        self.reload(store, now).await?;
        if let Some(signer) = self.newest(now, |_| true) {
            return Ok(signer);
        }
        store.add_key(new_key(entropy, now, now)).await?;
        self.reload(store, now).await?;
        self.newest(now, |_| true).ok_or_else(|| StoreError::Missing("a key that signs tokens".to_owned()))
    }
}

/// A new key for tokens: 256 bits as 64 hex digits, so that it can be written where Magento writes its own.
pub fn new_key(entropy: &dyn Entropy, now: Time, active_from: Time) -> StoredKey {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    StoredKey {
        purpose: PURPOSE.into(),
        id: hex(&random::<8>(entropy)).into(),
        secret: hex(&random::<32>(entropy)).into_bytes().into(),
        algorithm: Some(Algorithm::Hs256.as_str().into()),
        created: now,
        active_from: Some(active_from),
        retired: None,
    }
}
