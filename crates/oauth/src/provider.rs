//! The authorization server: who remembers, and how it was set up.

use crate::OAuthError;
use doorward_auth::Auth;
use doorward_core::{
    OAuth, Time,
    ports::{Client, Store, StoreError},
};
use std::{sync::Arc, time::Duration};

/// The authorization server for one request: the settings are those of the policy that judged it.
#[derive(Clone, Copy)]
pub struct Provider<'a> {
    /// Who knows accounts, keys and the store.
    pub auth: &'a Arc<Auth>,
    /// How it was set up.
    pub settings: &'a OAuth,
}

impl Provider<'_> {
    /// Now.
    pub fn now(&self) -> Time {
        self.auth.clock().now()
    }

    /// Memory.
    pub fn store(&self) -> &dyn Store {
        &**self.auth.store()
    }

    /// A moment that tokens of this client may be dated to, in whole seconds: whatever ends the client's tokens from now on ends
    /// them, too. In the second in which they were ended, or in which the client was made, it waits for the next one.
    ///
    /// # Errors
    /// When nobody can say, or the client is gone.
    pub async fn dated(&self, client: &Client) -> Result<Time, OAuthError> {
        for _ in 0..3 {
            let now = self.now();
            if now.seconds() > client.tokens_not_before.seconds() {
                return Ok(now);
            }
            tokio::time::sleep(Duration::from_millis(1000 - now.0 % 1000)).await;
        }
        Err(StoreError::Unavailable("the tokens of this client were ended in the future".to_owned()).into())
    }
}
