//! Whom the certificate of a request that is explained names: looked up as a server would, and not remembered.

use doorward_auth::{Finding, HolderAsked, HolderError, Holders, LiveHolder};
use doorward_core::{
    Kind, Policy, Time,
    policy::Directory,
    ports::{Clock, Store},
};
use doorward_crypto::system::SystemClock;
use std::sync::Arc;

/// Looks names up.
pub(super) struct LookedUp {
    store: Arc<dyn Store>,
    directories: Vec<Arc<Directory>>,
    /// The website that is meant where none is named.
    home: u32,
}

impl LookedUp {
    pub(super) fn new(store: Arc<dyn Store>, policy: &Policy) -> Self {
        let home = policy.routes.stores.default_view().website_id;
        Self { store, directories: policy.directories.clone(), home }
    }

    async fn judge(&self, asked: HolderAsked<'_>) -> Result<Arc<LiveHolder>, HolderError> {
        let named = asked.directories.iter().filter_map(|name| self.directories.iter().find(|directory| directory.name == *name));
        for directory in named {
            let website = directory.website.map(|default| asked.website.unwrap_or(default));
            let record = self.store.account_by_login(&directory.name, website, asked.login).await;
            let record = record.map_err(HolderError::Unavailable)?;
            if let Some(record) = record.filter(|record| record.account.kind == directory.kind) {
                let exclusions = self.store.customers().exclusions().await.map_err(HolderError::Unavailable)?;
                let customer = record.account.kind == Kind::Customer;
                let website = asked.website.unwrap_or(self.home);
                let excluded = customer && exclusions.exclude(record.account.membership.as_ref(), website);
                return HolderError::judge(Some(&record), excluded).map(LiveHolder::of);
            }
        }
        HolderError::judge(None, false).map(LiveHolder::of)
    }
}

impl Holders for LookedUp {
    fn now(&self) -> Time {
        SystemClock.now()
    }

    fn remembered_holder(&self, _: HolderAsked<'_>) -> Option<Arc<LiveHolder>> {
        None
    }

    fn find_holder<'a>(&'a self, asked: HolderAsked<'a>) -> Finding<'a> {
        Box::pin(self.judge(asked))
    }
}
