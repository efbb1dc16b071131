//! The keys of JSON Web Tokens.

use super::{
    super::{Tokens, signing::KeyRules},
    WebSettings,
};
use doorward_core::ports::StoreError;
use doorward_crypto::jwt::{Algorithm, SigningKey};
use std::sync::Arc;

/// The purpose of these keys in the store.
pub const PURPOSE: &str = "jwt";

impl WebSettings {
    /// What their keys are like. Not for [`Algorithm::Hs256`], which has none.
    pub fn key_rules(&self) -> KeyRules {
        KeyRules { algorithm: self.algorithm, rotation: self.rotation, longest: self.lifetime + self.leeway }
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
        Ok(self.web.keys.set(self.clock.now()))
    }

    /// Makes the next key when the present one is as old as it may get.
    pub(in crate::tokens) async fn rotate_web_if_due(&self) -> Result<(), StoreError> {
        let settings = self.web_settings();
        if settings.algorithm == Algorithm::Hs256 {
            return Ok(());
        }
        self.web.keys.rotate_if_due(&settings.key_rules(), self.maker()).await
    }

    /// The key that signs now; one is made if there is none.
    pub(super) async fn web_signer(&self, settings: &WebSettings) -> Result<Arc<SigningKey>, StoreError> {
        match &settings.secret {
            Some(secret) => Ok(Arc::clone(secret)),
            None => self.web.keys.signer(&settings.key_rules(), self.maker()).await,
        }
    }
}
