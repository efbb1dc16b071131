//! The port [`OAuthGrants`], fulfilled by SQLite.

mod authorizations;
mod codes;
mod consents;
mod devices;

pub(super) use authorizations::{end_all_of, end_those_of_client, end_those_of_session, end_those_of_sessions, move_to_session};

use super::Sqlite;
use async_trait::async_trait;
use doorward_core::{
    Kind, Time,
    ports::{Authorization, Code, Consent, Device, OAuthGrants, Once, Polled, Pushed, Refresh, StoreError, TokenKey},
};
use std::sync::Arc;

#[async_trait]
impl OAuthGrants for Sqlite {
    async fn add_code(&self, authorization: &Authorization, code: &Code, pushed: Option<&TokenKey>) -> Result<bool, StoreError> {
        let (authorization, code, pushed) = (authorization.clone(), code.clone(), pushed.copied());
        self.write(move |c| codes::add(c, &authorization, &code, pushed.as_ref())).await
    }

    async fn code(&self, key: &TokenKey) -> Result<Option<(Code, Authorization)>, StoreError> {
        let key = *key;
        self.read(move |c| codes::find(c, &key)).await
    }

    async fn redeem_code(
        &self,
        key: &TokenKey,
        binding: Option<Arc<str>>,
        refresh: Option<&TokenKey>,
        now: Time,
    ) -> Result<Once<Authorization>, StoreError> {
        let (key, refresh) = (*key, refresh.copied());
        self.write(move |c| codes::redeem(c, &key, binding.as_deref(), refresh.as_ref(), now)).await
    }

    async fn refresh_token(&self, key: &TokenKey) -> Result<Option<Refresh>, StoreError> {
        let key = *key;
        self.read(move |c| codes::refresh(c, &key)).await
    }

    async fn rotate_refresh(&self, key: &TokenKey, next: &TokenKey, now: Time) -> Result<Once<Authorization>, StoreError> {
        let (key, next) = (*key, *next);
        self.write(move |c| codes::rotate(c, &key, &next, now)).await
    }

    async fn authorization(&self, id: &str, now: Time) -> Result<Option<Authorization>, StoreError> {
        let id = id.to_owned();
        self.read(move |c| authorizations::standing(c, &id, now)).await
    }

    async fn end_authorization(&self, id: &str) -> Result<bool, StoreError> {
        let id = id.to_owned();
        self.write(move |c| authorizations::end(c, &id)).await
    }

    async fn put_consent(&self, consent: &Consent) -> Result<(), StoreError> {
        let consent = consent.clone();
        self.write(move |c| consents::put(c, &consent)).await
    }

    async fn consent(&self, kind: Kind, account: u64, client: &str) -> Result<Option<Consent>, StoreError> {
        let client = client.to_owned();
        self.read(move |c| consents::find(c, kind, account, &client)).await
    }

    async fn consents_of(&self, kind: Kind, account: u64) -> Result<Vec<Consent>, StoreError> {
        self.read(move |c| consents::list(c, kind, account)).await
    }

    async fn end_consent(&self, kind: Kind, account: u64, client: &str) -> Result<bool, StoreError> {
        let client = client.to_owned();
        self.write(move |c| consents::end(c, kind, account, &client)).await
    }

    async fn push_request(&self, pushed: &Pushed) -> Result<(), StoreError> {
        let pushed = pushed.clone();
        self.write(move |c| codes::push(c, &pushed)).await
    }

    async fn pushed_request(&self, key: &TokenKey, now: Time) -> Result<Option<Pushed>, StoreError> {
        let key = *key;
        self.read(move |c| codes::pushed(c, &key, now)).await
    }

    async fn take_pushed(&self, key: &TokenKey, now: Time) -> Result<bool, StoreError> {
        let key = *key;
        self.write(move |c| codes::take_pushed(c, &key, now)).await
    }

    async fn add_device(&self, device: &Device, now: Time) -> Result<(), StoreError> {
        let device = device.clone();
        self.write(move |c| devices::add(c, &device, now)).await
    }

    async fn device(&self, user_code: &TokenKey, now: Time) -> Result<Option<Device>, StoreError> {
        let user_code = *user_code;
        self.read(move |c| devices::find(c, &user_code, now)).await
    }

    async fn decide_device(
        &self,
        user_code: &TokenKey,
        authorization: Option<&Authorization>,
        now: Time,
    ) -> Result<bool, StoreError> {
        let (user_code, authorization) = (*user_code, authorization.cloned());
        self.write(move |c| devices::decide(c, &user_code, authorization.as_ref(), now)).await
    }

    async fn poll_device(
        &self,
        key: &TokenKey,
        client: &str,
        binding: Option<Arc<str>>,
        refresh: Option<&TokenKey>,
        now: Time,
    ) -> Result<Polled, StoreError> {
        let (key, client, refresh) = (*key, client.to_owned(), refresh.copied());
        self.write(move |c| devices::poll(c, &key, &client, binding.as_deref(), refresh.as_ref(), now)).await
    }

    async fn purge_grants(&self, now: Time) -> Result<u64, StoreError> {
        let mut all = 0;
        for sql in [
            authorizations::PURGE,
            "DELETE FROM oauth_pushed WHERE key IN (SELECT key FROM oauth_pushed WHERE expires <= ?1 LIMIT ?2)",
            "DELETE FROM oauth_device WHERE key IN (SELECT key FROM oauth_device WHERE expires <= ?1 LIMIT ?2)",
        ] {
            loop {
                let (more, gone) = self.write(move |c| authorizations::purge(c, sql, now)).await?;
                all += gone;
                if !more {
                    break;
                }
            }
        }
        Ok(all)
    }
}
