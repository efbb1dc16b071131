//! The port [`TokenStore`], fulfilled by SQLite.

use super::{Sqlite, keys, tokens};
use async_trait::async_trait;
use doorward_core::{
    Kind, Time,
    ports::{AccountRecord, StoreError, StoredKey, TokenKey, TokenRecord, TokenStore},
};

#[async_trait]
impl TokenStore for Sqlite {
    async fn add_token(&self, token: &TokenRecord, version: u64) -> Result<(), StoreError> {
        let token = token.clone();
        self.write(move |c| tokens::add(c, &token, version)).await
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<(TokenRecord, AccountRecord)>, StoreError> {
        let key = *key;
        self.read(move |c| tokens::find(c, &key)).await
    }

    async fn token_count_of(&self, kind: Kind, id: u64) -> Result<u64, StoreError> {
        self.read(move |c| tokens::count_of(c, kind, id)).await
    }

    async fn purge_tokens(&self, now: Time) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let (more, gone) = self.write(move |c| tokens::purge(c, now)).await?;
            all += gone;
            if !more {
                return Ok(all);
            }
        }
    }

    async fn all_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.read(keys::all).await
    }

    async fn add_key(&self, key: StoredKey) -> Result<(), StoreError> {
        self.write(move |c| keys::add(c, &key)).await
    }

    async fn rotate_key(&self, key: StoredKey, until: Time) -> Result<u64, StoreError> {
        self.write(move |c| keys::rotate(c, &key, until)).await
    }

    async fn retire_key(&self, purpose: &str, id: &str, at: Time) -> Result<(), StoreError> {
        let (purpose, id) = (purpose.to_owned(), id.to_owned());
        self.write(move |c| keys::retire(c, &purpose, &id, at)).await
    }
}
