//! The keys of the authorization server. They sign nothing but its tokens, and those of no other purpose are among them
//! (RFC 8725 3.12: one kind of token is never taken for another).

use super::{
    Tokens,
    live::Origin,
    signing::{KeyRules, SigningKeys},
};
use arc_swap::{ArcSwap, ArcSwapOption};
use doorward_core::{Time, ports::StoreError};
use doorward_crypto::jwt::SigningKey;
use std::sync::Arc;

/// The purpose of these keys in the store.
pub const PURPOSE: &str = "oauth";

/// What [`Tokens`] knows of them.
pub(super) struct OAuth {
    rules: ArcSwapOption<KeyRules>,
    /// The scopes that there are.
    scopes: ArcSwap<Vec<Arc<str>>>,
    pub(super) keys: SigningKeys,
}

impl Default for OAuth {
    fn default() -> Self {
        Self { rules: ArcSwapOption::empty(), scopes: ArcSwap::default(), keys: SigningKeys::of(PURPOSE) }
    }
}

impl Tokens {
    /// What the authorization server's keys are like from now on; `None`: there is no such server.
    pub fn set_oauth_keys(&self, rules: Option<KeyRules>) {
        self.oauth.rules.store(rules.map(Arc::new));
    }

    /// Which scopes there are from now on: tokens that were issued before are good for no other. Streams of those that were end
    /// with the next beat of the background.
    pub fn set_oauth_scopes(&self, scopes: Vec<Arc<str>>) {
        let old = self.oauth.scopes.swap(Arc::new(scopes));
        // After the swap: whatever is judged by the old ones from here on is in doubt from the start.
        if *old != **self.oauth.scopes.load() {
            self.live.doubt_those(|live| matches!(live.claims().origin, Origin::Own(_)));
        }
    }

    /// Whether there is such a scope now.
    pub(super) fn has_oauth_scope(&self, name: &Arc<str>) -> bool {
        self.oauth.scopes.load().contains(name)
    }

    /// The key that signs the authorization server's tokens now; one is made if there is none.
    ///
    /// # Errors
    /// When there is no such server, or the store cannot be asked.
    pub async fn oauth_signer(&self) -> Result<Arc<SigningKey>, StoreError> {
        let rules = self.oauth.rules.load_full();
        let rules = rules.ok_or_else(|| StoreError::Missing("an authorization server".to_owned()))?;
        self.oauth.keys.signer(&rules, self.maker()).await
    }

    /// The public keys by which others verify its tokens, as a JWK set. One is made if there is none.
    ///
    /// # Errors
    /// As [`Tokens::oauth_signer`].
    pub async fn oauth_key_set(&self) -> Result<serde_json::Value, StoreError> {
        self.oauth_signer().await?;
        Ok(self.oauth.keys.set(self.clock.now()))
    }

    /// The keys that its tokens may be signed with, as this node knows them; none where there is no such server.
    pub fn oauth_keys(&self) -> Vec<Arc<SigningKey>> {
        let on = self.oauth.rules.load().is_some();
        if on { self.oauth.keys.keys.verifying(self.clock.now()) } else { Vec::new() }
    }

    /// Whether the key of this name still verifies its tokens, and there is such a server.
    pub(super) fn has_oauth_key(&self, kid: &str, now: Time) -> bool {
        self.oauth.rules.load().is_some() && self.oauth.keys.keys.knows(kid, now)
    }

    /// The names of the algorithms that its tokens may be signed with: those of its keys, and the one of the next key.
    pub fn oauth_algorithms(&self) -> Vec<&'static str> {
        let next = self.oauth.rules.load().as_ref().map(|rules| rules.algorithm);
        let mut all: Vec<&str> = Vec::new();
        for algorithm in self.oauth_keys().iter().map(|key| key.verifying().algorithm()).chain(next) {
            if !all.contains(&algorithm.as_str()) {
                all.push(algorithm.as_str());
            }
        }
        all
    }

    /// Asks the store for keys that another node may have made, but not more than once a second; whether it did.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn reload_oauth_keys(&self) -> Result<bool, StoreError> {
        self.oauth.keys.keys.reload_seldom(&*self.store, self.clock.now()).await
    }

    /// Makes the next keys where those that sign are as old as they may get.
    pub(crate) async fn rotate_keys_if_due(&self) -> Result<(), StoreError> {
        self.rotate_web_if_due().await?;
        match self.oauth.rules.load_full() {
            Some(rules) => self.oauth.keys.rotate_if_due(&rules, self.maker()).await,
            None => Ok(()),
        }
    }
}
