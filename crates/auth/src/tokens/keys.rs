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

/// The purpose of these keys in the store.
pub const PURPOSE: &str = "token";
/// How often the store is asked for the sake of an unknown key at most.
const SELDOM: Duration = Duration::from_secs(1);

/// A key that is ready for use.
struct Key {
    signer: TokenSigner,
    active_from: Option<Time>,
    retired: Option<Time>,
}

impl Key {
    /// `None` for an algorithm that we do not know: such a key counts for nothing here.
    fn of(stored: &StoredKey) -> Option<Self> {
        let algorithm = Algorithm::parse(stored.algorithm.as_deref().unwrap_or("HS256"))?;
        let signer = TokenSigner::padded(&stored.id, &stored.secret, algorithm);
        Some(Self { signer, active_from: stored.active_from, retired: stored.retired })
    }

    fn verifies(&self, now: Time) -> bool {
        self.retired.is_none_or(|end| now < end)
    }
}

/// The keys that this node knows.
#[derive(Default)]
pub(super) struct Keys {
    all: ArcSwap<Vec<Key>>,
    /// When the store was asked last, in milliseconds.
    asked: AtomicU64,
}

impl Keys {
    /// Reads them all.
    pub(super) async fn reload(&self, store: &dyn Store, now: Time) -> Result<(), StoreError> {
        self.asked.store(now.0, SeqCst);
        let stored = store.keys(PURPOSE).await?;
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

    /// What a token says, by the keys that count now.
    pub(super) fn verify(&self, token: &str, now: Time) -> Result<Claims, BadToken> {
        let keys = self.all.load();
        let counting = keys.iter().filter(|key| key.verifies(now)).map(|key| &key.signer);
        let (claims, signer) = user_token::verify(token, counting, now)?;
        let time = |seconds: u64| Time(seconds.saturating_mul(1000));
        Ok(Claims {
            kind: claims.kind,
            account: claims.uid,
            issued: time(claims.iat),
            expires: Some(time(claims.exp)),
            origin: Origin::Signed(Arc::clone(signer.kid())),
        })
    }

    /// Whether the key of this `kid` still verifies.
    pub(super) fn knows(&self, kid: &str, now: Time) -> bool {
        self.all.load().iter().any(|key| **key.signer.kid() == *kid && key.verifies(now))
    }

    /// The key that signs now; one is made if there is none.
    pub(super) async fn signer(&self, store: &dyn Store, entropy: &dyn Entropy, now: Time) -> Result<TokenSigner, StoreError> {
        if let Some(signer) = self.newest(now) {
            return Ok(signer);
        }
        // Another node may have made one.
        self.reload(store, now).await?;
        if let Some(signer) = self.newest(now) {
            return Ok(signer);
        }
        store.add_key(new_key(entropy, now, now)).await?;
        self.reload(store, now).await?;
        self.newest(now).ok_or_else(|| StoreError::Missing("a key that signs tokens".to_owned()))
    }

    fn newest(&self, now: Time) -> Option<TokenSigner> {
        let keys = self.all.load();
        let active = keys.iter().filter(|key| key.verifies(now) && key.active_from.is_some_and(|from| from <= now));
        active.max_by(|a, b| (a.active_from, a.signer.kid()).cmp(&(b.active_from, b.signer.kid()))).map(|key| key.signer.clone())
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
