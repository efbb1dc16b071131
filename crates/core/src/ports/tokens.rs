//! Memory for opaque bearer tokens, and for the keys that Doorward made for itself.

use super::{AccountRecord, StoreError};
use crate::{Kind, Time};
use async_trait::async_trait;
use std::{fmt, sync::Arc};

/// The SHA-256 of a bearer token: what is remembered in place of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenKey(pub [u8; 32]);

/// The first bytes: enough to tell two apart, and nothing that could sign in.
impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "TokenKey({a:02x}{b:02x}{c:02x}{d:02x}..)")
    }
}

/// An opaque token as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRecord {
    /// Its hash.
    pub key: TokenKey,
    /// The kind of its account.
    pub kind: Kind,
    /// The id of its account.
    pub account: u64,
    /// When it was issued.
    pub created: Time,
    /// When it ends; `None` never does by itself.
    pub expires: Option<Time>,
}

/// A key that Doorward made for itself, or was given.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredKey {
    /// What it is for: `assertion`, `form`, `device`, `token`.
    pub purpose: Arc<str>,
    /// Its `kid`.
    pub id: Arc<str>,
    /// PKCS#8 or raw bytes.
    pub secret: Arc<[u8]>,
    /// The algorithm, where the purpose knows several.
    pub algorithm: Option<Arc<str>>,
    /// When it was made.
    pub created: Time,
    /// From when on it signs, where the purpose looks at that; `None` only verifies.
    pub active_from: Option<Time>,
    /// From when on it counts for nothing.
    pub retired: Option<Time>,
}

/// Without the secret.
impl fmt::Debug for StoredKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredKey")
            .field("purpose", &self.purpose)
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .field("created", &self.created)
            .field("active_from", &self.active_from)
            .field("retired", &self.retired)
            .finish_non_exhaustive()
    }
}

/// The part of [`super::Store`] that remembers tokens and keys. What it acknowledges survives `kill -9` and power loss.
///
/// All tokens of an account that were issued up to a moment end by [`super::AccountChange::EndTokens`].
#[async_trait]
pub trait TokenStore: Send + Sync {
    /// Remembers a token. It fails with [`StoreError::Missing`] when the account is gone, disabled or of another
    /// `version`: a token never outlives the proof that it was given for.
    async fn add_token(&self, token: &TokenRecord, version: u64) -> Result<(), StoreError>;
    /// A token and its account, when both exist. It may have expired.
    async fn token(&self, key: &TokenKey) -> Result<Option<(TokenRecord, AccountRecord)>, StoreError>;
    /// How many tokens of an account are stored.
    async fn token_count_of(&self, kind: Kind, id: u64) -> Result<u64, StoreError>;
    /// Forgets tokens that expired before `now`; how many there were.
    async fn purge_tokens(&self, now: Time) -> Result<u64, StoreError>;

    /// All keys by purpose, newest first.
    async fn all_keys(&self) -> Result<Vec<StoredKey>, StoreError>;
    /// Stores one more key of its purpose. It fails with [`StoreError::Exists`] when the purpose has one of its id.
    async fn add_key(&self, key: StoredKey) -> Result<(), StoreError>;
    /// Stores one more key of its purpose and lets those that signed until then retire at `until`, both or neither; how many
    /// they were. Keys that only verify, and those that retire already, stay as they are. It fails as
    /// [`TokenStore::add_key`] does.
    async fn rotate_key(&self, key: StoredKey, until: Time) -> Result<u64, StoreError>;
    /// Retires a key at a moment. It fails with [`StoreError::Missing`] when there is none.
    async fn retire_key(&self, purpose: &str, id: &str, at: Time) -> Result<(), StoreError>;
}
