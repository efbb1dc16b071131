//! Login and password of a request that is explained: verified against the store as a sign-in would, but only looked at.
//! Nothing is counted as a failure, hashed anew or remembered, and what the server counts is not known here.

use super::credential::Presumed;
use doorward_assembly::parts::{self, cost};
use doorward_auth::{LivePair, PairAsked, Pairs, SignInError, Unproved, Verifying, Why};
use doorward_config::Config;
use doorward_core::{
    Account, Kind,
    policy::Directory,
    ports::{AccountRecord, Store, StoreError},
};
use doorward_crypto::{
    password::{Cost, CryptKeys, PasswordPool, PoolLimits},
    system::SystemEntropy,
};
use std::sync::Arc;

/// Looks pairs up.
pub(super) struct LookedUp {
    store: Arc<dyn Store>,
    directories: Vec<Arc<Directory>>,
    cost: Cost,
    keys: CryptKeys,
    /// The account that is presumed, and the word that stands for its password.
    presumed: Option<(AccountRecord, String)>,
    /// The website that is meant where none is named.
    home: u32,
}

impl LookedUp {
    pub(super) fn new(store: Arc<dyn Store>, config: &Config, presumed: Option<&Presumed>) -> Self {
        Self {
            store,
            directories: config.policy.directories.clone(),
            cost: cost(&config.settings),
            keys: parts::crypt_keys(&config.settings),
            presumed: presumed.map(|presumed| (presumed.record.clone(), presumed.password.clone())),
            home: config.policy.routes.stores.default_view().website_id,
        }
    }

    async fn judge(&self, asked: PairAsked<'_>) -> Result<Arc<LivePair>, SignInError> {
        let refuse = |why, account: Option<&Arc<Account>>| Err(SignInError::Invalid { why, account: account.cloned() });
        let record = self.find(asked).await.map_err(SignInError::Unavailable)?;
        let Some(record) = record else { return refuse(Why::UnknownLogin, None) };
        let account = Some(&record.account);
        let presumed = self.presumed.as_ref().is_some_and(|(presumed, password)| {
            presumed.account.id == record.account.id && presumed.account.kind == record.account.kind && password == asked.password
        });
        if !presumed {
            let Some(hash) = &record.password else { return refuse(Why::NoPassword, account) };
            if !self.is_right(hash, asked).await? {
                return refuse(Why::WrongPassword, account);
            }
        }
        if !record.enabled {
            return refuse(Why::Disabled, account);
        }
        let exclusions = self.store.customers().exclusions().await.map_err(SignInError::Unavailable)?;
        let customer = record.account.kind == Kind::Customer;
        if customer && exclusions.exclude(record.account.membership.as_ref(), asked.website.unwrap_or(self.home)) {
            return refuse(Why::Excluded, account);
        }
        if !record.confirmed {
            return refuse(Why::Unconfirmed, account);
        }
        Ok(LivePair::of(&record))
    }

    /// The account of the first directory that has the login.
    async fn find(&self, asked: PairAsked<'_>) -> Result<Option<AccountRecord>, StoreError> {
        let named = asked.directories.iter().filter_map(|name| self.directories.iter().find(|directory| directory.name == *name));
        for directory in named.filter(|directory| directory.kind != Kind::Integration) {
            let website = directory.website.map(|default| asked.website.unwrap_or(default));
            let record = self.store.account_by_login(&directory.name, website, asked.login).await?;
            if let Some(record) = record.filter(|record| record.account.kind == directory.kind) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    async fn is_right(&self, hash: &str, asked: PairAsked<'_>) -> Result<bool, SignInError> {
        let limits = PoolLimits { workers: 1, ..PoolLimits::default() };
        let pool = PasswordPool::with_crypt_keys(self.cost, limits, Arc::new(SystemEntropy), self.keys.clone());
        let pool = pool.map_err(|error| SignInError::Unavailable(StoreError::Unavailable(error.to_string())))?;
        Ok(pool.verify(asked.address, asked.password, Some(hash)).await?)
    }
}

impl Pairs for LookedUp {
    fn remembered(&self, _: &PairAsked<'_>) -> Option<Arc<LivePair>> {
        None
    }

    fn verify<'a>(&'a self, asked: PairAsked<'a>) -> Verifying<'a> {
        Box::pin(async move { self.judge(asked).await.map_err(|error| Unproved { error, news: false }) })
    }
}
