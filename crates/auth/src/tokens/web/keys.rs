//! The keys of JSON Web Tokens: made when they are needed, published before they sign, kept until their last token has
//! expired.

use super::{super::Tokens, WebSettings};
use crate::tokens::keys::Material;
use doorward_core::{
    Time,
    ports::{Entropy, StoreError, StoredKey},
};
use doorward_crypto::jwt::{self, Algorithm, SigningKey, VerifyingKey};
use std::{sync::Arc, time::Duration};

/// The purpose of these keys in the store.
pub const PURPOSE: &str = "jwt";
/// How long a new key is published before it signs: longer than verifiers may keep the published keys.
pub const PUBLISHED_AHEAD: Duration = Duration::from_secs(600);
/// A key that another one replaced is kept for so long at least: settings may have said longer lives before.
const OVERLAP: Duration = Duration::from_secs(24 * 3600);

impl Material for Arc<SigningKey> {
    const PURPOSE: &'static str = PURPOSE;

    fn of(stored: &StoredKey) -> Option<Self> {
        let key = SigningKey::from_pkcs8(&stored.secret).ok()?;
        (key.verifying().kid() == Some(&stored.id)).then(|| Arc::new(key))
    }
}

impl Tokens {
    /// The public keys by which others verify these tokens, as a JWK set: those that sign, those that will, and those whose
    /// last token may still live. Never a secret. One is made if there is none.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn web_key_set(&self) -> Result<serde_json::Value, StoreError> {
        let settings = self.web_settings();
        if settings.algorithm != Algorithm::Hs256 {
            self.web_signer(&settings).await?;
        }
        let keys = self.web.keys.verifying(self.clock.now());
        let public: Vec<&VerifyingKey> = keys.iter().map(|key| key.verifying()).collect();
        Ok(jwt::set(public))
    }

    /// Makes the next key when the present one is as old as it may get, early enough that verifiers know it when it signs.
    /// Several nodes may do so at once: then both keys count.
    pub(crate) async fn rotate_web_if_due(&self) -> Result<(), StoreError> {
        let settings = self.web_settings();
        let Some(period) = settings.rotation.filter(|_| settings.algorithm != Algorithm::Hs256) else { return Ok(()) };
        let now = self.clock.now();
        let fits = |key: &&StoredKey| key.retired.is_none() && key.algorithm.as_deref() == Some(settings.algorithm.as_str());
        let stored = self.store.keys(PURPOSE).await?;
        // None was needed yet: the first one is made when it is.
        let Some(newest) = stored.iter().filter(fits).filter_map(|key| key.active_from).max() else { return Ok(()) };
        if newest + period > now + PUBLISHED_AHEAD {
            return Ok(());
        }
        let active = now + PUBLISHED_AHEAD;
        let key = make(settings.algorithm, &self.entropy, now, active).await?;
        tracing::info!(kid = &*key.id, "made the next key for JSON Web Tokens");
        self.store.rotate_key(key, active + overlap(&settings)).await?;
        self.web.reload(&*self.store, now).await
    }

    /// The key that signs now; one is made if there is none. Where the algorithm was changed, the old key signs until the new
    /// one was published for long enough.
    pub(super) async fn web_signer(&self, settings: &WebSettings) -> Result<Arc<SigningKey>, StoreError> {
        if let Some(secret) = &settings.secret {
            return Ok(Arc::clone(secret));
        }
        if let Some(signer) = self.present_signer(settings, self.clock.now()) {
            return Ok(signer);
        }
        let keys = &self.web.keys;
        let _one_at_a_time = self.web.making.lock().await;
        let now = self.clock.now();
        // Another node may have made one.
        keys.reload(&*self.store, now).await?;
        if let Some(signer) = self.present_signer(settings, now) {
            return Ok(signer);
        }
        let other = keys.newest(now, |_| true);
        let active = if other.is_some() { now + PUBLISHED_AHEAD } else { now };
        let key = make(settings.algorithm, &self.entropy, now, active).await?;
        self.store.rotate_key(key, active + overlap(settings)).await?;
        keys.reload(&*self.store, now).await?;
        let signer = self.present_signer(settings, now).or(other);
        signer.ok_or_else(|| StoreError::Missing("a key that signs JSON Web Tokens".to_owned()))
    }

    /// One of the right algorithm or, while that is awaited, whichever signed until now.
    fn present_signer(&self, settings: &WebSettings, now: Time) -> Option<Arc<SigningKey>> {
        let keys = &self.web.keys;
        let fits = |key: &Arc<SigningKey>| key.verifying().algorithm() == settings.algorithm;
        keys.lasting(now, fits).or_else(|| keys.newest(now, |_| true).filter(|_| keys.awaits(now, fits)))
    }
}

/// A new key for these tokens. Not for [`Algorithm::Hs256`], whose secret stands in the configuration.
///
/// # Errors
/// When none can be made.
pub fn new_key(algorithm: Algorithm, entropy: &dyn Entropy, now: Time, active_from: Time) -> Result<StoredKey, jwt::BadKey> {
    let pkcs8 = SigningKey::generate(algorithm, entropy)?;
    let kid = SigningKey::from_pkcs8(&pkcs8)?.verifying().kid().cloned();
    Ok(StoredKey {
        purpose: PURPOSE.into(),
        id: kid.ok_or(jwt::BadKey::Unsound("it has no name"))?,
        secret: pkcs8.as_slice().into(),
        algorithm: Some(algorithm.as_str().into()),
        created: now,
        active_from: Some(active_from),
        retired: None,
    })
}

/// How long a key verifies after another one took over: until the last token that it signed has expired.
pub fn overlap(settings: &WebSettings) -> Duration {
    settings.lifetime.max(OVERLAP) + settings.leeway
}

/// RSA takes a while, in which no request should wait for this thread.
async fn make(algorithm: Algorithm, entropy: &Arc<dyn Entropy>, now: Time, active: Time) -> Result<StoredKey, StoreError> {
    let entropy = Arc::clone(entropy);
    let made = tokio::task::spawn_blocking(move || new_key(algorithm, &*entropy, now, active)).await;
    let trouble = |error: String| StoreError::Unavailable(format!("no key can be made: {error}"));
    made.map_err(|error| trouble(error.to_string()))?.map_err(|error| trouble(error.to_string()))
}
