//! Keys that sign JSON Web Tokens of one purpose: made when they are needed, published before they sign, kept until their
//! last token has expired.

use super::{
    Tokens,
    keys::{Keys, Material},
};
use doorward_core::{
    Time,
    ports::{Clock, Entropy, Store, StoreError, StoredKey},
};
use doorward_crypto::jwt::{self, Algorithm, SigningKey, VerifyingKey};
use std::{sync::Arc, time::Duration};

/// How long a new key is published before it signs: longer than verifiers may keep the published keys.
pub const PUBLISHED_AHEAD: Duration = Duration::from_secs(600);
/// A key that another one replaced is kept for so long at least: settings may have said longer lives before.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);

impl Material for Arc<SigningKey> {
    fn of(stored: &StoredKey) -> Option<Self> {
        let key = SigningKey::from_pkcs8(&stored.secret).ok()?;
        (key.verifying().kid() == Some(&stored.id)).then(|| Arc::new(key))
    }
}

/// What keys of a purpose are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRules {
    /// What new ones sign with; never [`Algorithm::Hs256`].
    pub algorithm: Algorithm,
    /// After how long another one signs; `None` leaves that to somebody.
    pub rotation: Option<Duration>,
    /// How long the longest-lived token counts, leeway included.
    pub longest: Duration,
}

impl KeyRules {
    /// How long a key verifies after another one took over: until the last token that it signed has expired.
    pub fn overlap(&self) -> Duration {
        self.longest.max(OVERLAP)
    }

    fn fits(&self, key: &Arc<SigningKey>) -> bool {
        key.verifying().algorithm() == self.algorithm
    }
}

/// What keys are made with.
#[derive(Clone, Copy)]
pub(super) struct Maker<'a> {
    pub(super) store: &'a Arc<dyn Store>,
    pub(super) clock: &'a dyn Clock,
    pub(super) entropy: &'a Arc<dyn Entropy>,
}

impl Tokens {
    pub(super) fn maker(&self) -> Maker<'_> {
        Maker { store: &self.store, clock: &*self.clock, entropy: &self.entropy }
    }
}

/// The keys of a purpose.
pub(super) struct SigningKeys {
    purpose: &'static str,
    pub(super) keys: Keys<Arc<SigningKey>>,
    /// One is made at a time.
    making: tokio::sync::Mutex<()>,
}

impl SigningKeys {
    /// None yet.
    pub(super) fn of(purpose: &'static str) -> Self {
        Self { purpose, keys: Keys::of(purpose), making: tokio::sync::Mutex::default() }
    }

    /// The public keys: those that sign, those that will, and those whose last token may still live. Never a secret.
    pub(super) fn set(&self, now: Time) -> serde_json::Value {
        let keys = self.keys.verifying(now);
        let public: Vec<&VerifyingKey> = keys.iter().map(|key| key.verifying()).collect();
        jwt::set(public)
    }

    /// Makes the next key when the present one is as old as it may get, early enough that verifiers know it when it signs.
    /// Several nodes may do so at once: then both keys count.
    pub(super) async fn rotate_if_due(&self, rules: &KeyRules, with: Maker<'_>) -> Result<(), StoreError> {
        let Some(period) = rules.rotation else { return Ok(()) };
        let now = with.clock.now();
        let fits = |key: &&StoredKey| key.retired.is_none() && key.algorithm.as_deref() == Some(rules.algorithm.as_str());
        let stored = with.store.keys(self.purpose).await?;
        // None was needed yet: the first one is made when it is.
        let Some(newest) = stored.iter().filter(fits).filter_map(|key| key.active_from).max() else { return Ok(()) };
        if newest + period > now + PUBLISHED_AHEAD {
            return Ok(());
        }
        let active = now + PUBLISHED_AHEAD;
        let key = make(self.purpose, rules.algorithm, with.entropy, now, active).await?;
        tracing::info!(kid = &*key.id, purpose = self.purpose, "made the next key that signs tokens");
        with.store.rotate_key(key, active + rules.overlap()).await?;
        self.keys.reload(&**with.store, now).await
    }

    /// The key that signs now; one is made if there is none. Where the algorithm was changed, the old key signs until the new
    /// one was published for long enough.
    pub(super) async fn signer(&self, rules: &KeyRules, with: Maker<'_>) -> Result<Arc<SigningKey>, StoreError> {
        if let Some(signer) = self.present(rules, with.clock.now()) {
            return Ok(signer);
        }
        let _one_at_a_time = self.making.lock().await;
        let now = with.clock.now();
        // Another node may have made one.
        self.keys.reload(&**with.store, now).await?;
        if let Some(signer) = self.present(rules, now) {
            return Ok(signer);
        }
        let other = self.keys.newest(now, |_| true);
        let active = if other.is_some() { now + PUBLISHED_AHEAD } else { now };
        let key = make(self.purpose, rules.algorithm, with.entropy, now, active).await?;
        with.store.rotate_key(key, active + rules.overlap()).await?;
        self.keys.reload(&**with.store, now).await?;
        let signer = self.present(rules, now).or(other);
        signer.ok_or_else(|| StoreError::Missing("a key that signs JSON Web Tokens".to_owned()))
    }

    /// One of the right algorithm or, while that is awaited, whichever signed until now.
    fn present(&self, rules: &KeyRules, now: Time) -> Option<Arc<SigningKey>> {
        let fits = |key: &Arc<SigningKey>| rules.fits(key);
        let keys = &self.keys;
        keys.lasting(now, fits).or_else(|| keys.newest(now, |_| true).filter(|_| keys.awaits(now, fits)))
    }
}

/// A new key for a purpose. Not for [`Algorithm::Hs256`], whose secret stands in the configuration.
///
/// # Errors
/// When none can be made.
pub fn new_key(
    purpose: &str,
    algorithm: Algorithm,
    entropy: &dyn Entropy,
    now: Time,
    active_from: Time,
) -> Result<StoredKey, jwt::BadKey> {
    let pkcs8 = SigningKey::generate(algorithm, entropy)?;
    let kid = SigningKey::from_pkcs8(&pkcs8)?.verifying().kid().cloned();
    Ok(StoredKey {
        purpose: purpose.into(),
        id: kid.ok_or(jwt::BadKey::Unsound("it has no name"))?,
        secret: pkcs8.as_slice().into(),
        algorithm: Some(algorithm.as_str().into()),
        created: now,
        active_from: Some(active_from),
        retired: None,
    })
}

/// RSA takes a while, in which no request should wait for this thread.
async fn make(
    purpose: &'static str,
    algorithm: Algorithm,
    entropy: &Arc<dyn Entropy>,
    now: Time,
    active: Time,
) -> Result<StoredKey, StoreError> {
    let entropy = Arc::clone(entropy);
    let made = tokio::task::spawn_blocking(move || new_key(purpose, algorithm, &*entropy, now, active)).await;
    let trouble = |error: String| StoreError::Unavailable(format!("no key can be made: {error}"));
    made.map_err(|error| trouble(error.to_string()))?.map_err(|error| trouble(error.to_string()))
}
