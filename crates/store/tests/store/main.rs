//! What every store must do, and what SQLite promises besides.

#![expect(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "helpers of tests fail as tests do")]

mod conformance;
mod customers;
mod exchanges;
mod files;
mod grants;
mod groups;
mod identities;
mod imports;
mod kill;
mod links;

use doorward_core::{
    Kind, Time,
    ports::{AccountFilter, AccountRecord, NewAccount, Store},
    session::{Session, SessionKey},
};
use std::sync::Arc;

/// An admin of the directory `admins`.
fn admin(login: &str) -> NewAccount {
    NewAccount {
        directory: "admins".into(),
        kind: Kind::Admin,
        id: None,
        login: login.into(),
        email: None,
        password: Some("$argon2id$first".into()),
        roles: Vec::new(),
        per_website: false,
        membership: None,
        confirmed: true,
        profile: "{}".into(),
    }
}

/// All accounts.
async fn everyone(store: &dyn Store) -> Vec<AccountRecord> {
    store.accounts(&AccountFilter { limit: usize::MAX, ..AccountFilter::default() }).await.unwrap()
}

/// A session of `owner` that began at `at`.
fn session(owner: &AccountRecord, key: SessionKey, at: u64) -> Session {
    Session {
        key,
        directory: Arc::clone(&owner.account.directory),
        account: owner.account.id,
        account_version: owner.version,
        created: Time(at),
        last_seen: Time(at),
        authenticated: Time(at),
        factors: vec!["pwd".into(), "otp".into()],
        site: "default".into(),
        device: "Firefox on Linux".into(),
    }
}

/// A key of which each round, task and step has its own.
fn key(round: u32, task: u32, step: u32) -> SessionKey {
    let mut bytes = [7; 32];
    for (place, part) in [round, task, step].iter().enumerate() {
        bytes[place * 4..place * 4 + 4].copy_from_slice(&part.to_be_bytes());
    }
    SessionKey(bytes)
}
