//! Whom the certificate of a request that is explained names: looked up as a server would, and not remembered.

use doorward_auth::{Finding, HolderAsked, HolderError, Holders, LiveHolder};
use doorward_core::{
    Policy, Time,
    policy::Directory,
    ports::{Clock, Store},
};
use doorward_crypto::system::SystemClock;
use std::sync::Arc;

/// Looks names up.
pub(super) struct LookedUp {
    store: Arc<dyn Store>,
    directories: Vec<Arc<Directory>>,
}

impl LookedUp {
    pub(super) fn new(store: Arc<dyn Store>, policy: &Policy) -> Self {
        Self { store, directories: policy.directories.clone() }
    }

    async fn judge(&self, asked: HolderAsked<'_>) -> Result<Arc<LiveHolder>, HolderError> {
        let named = asked.directories.iter().filter_map(|name| self.directories.iter().find(|directory| directory.name == *name));
        for directory in named {
            let record = self.store.account_by_login(&directory.name, directory.website, asked.login).await;
            let record = record.map_err(HolderError::Unavailable)?;
            if let Some(record) = record.filter(|record| record.account.kind == directory.kind) {
                return HolderError::judge(Some(&record)).map(LiveHolder::of);
            }
        }
        HolderError::judge(None).map(LiveHolder::of)
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
