//! The port's promises, told of any store: another database is judged by the same cases.

use crate::{admin, everyone, key, session};
use doorward_core::{
    Kind, Membership, Time,
    acl::{Holds, RoleRow},
    ports::{
        AccountChange, AccountCount, AccountFilter, AccountRecord, Change, Changed, Deed, NewAccount, SessionFilter, Store,
        StoreError, StoredKey, TokenKey, TokenRecord,
    },
    session::{Replaced, SessionKey},
};
use std::{collections::BTreeSet, sync::Arc};

macro_rules! judge {
    ($($case:ident),* $(,)?) => {
        mod file {
            $(#[tokio::test]
            async fn $case() {
                let folder = tempfile::tempdir().unwrap();
                let store = doorward_store::Sqlite::open(&folder.path().join("store.db"), doorward_store::Options::default()).unwrap();
                super::$case(&store).await;
            })*
        }
        mod memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(&doorward_store::Sqlite::memory().unwrap()).await;
            })*
        }
    };
}

mod accounts;
mod changes;
mod clients;
mod endings;
mod keys;
mod lists;
mod roles;
mod sessions;

const NOW: Time = Time(1_700_000_000_000);

async fn add(store: &dyn Store, login: &str) -> AccountRecord {
    store.add_account(admin(login), NOW).await.unwrap()
}

fn holds(ids: &[&str]) -> Holds {
    resources(ids).into()
}

fn resources(ids: &[&str]) -> BTreeSet<Arc<str>> {
    ids.iter().map(|id| Arc::from(*id)).collect()
}

async fn news(store: &dyn Store, since: u64) -> Vec<Changed> {
    store.changes_since(since).await.unwrap().into_iter().map(|change| change.what).collect()
}
