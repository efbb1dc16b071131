//! What moving in asks of a store: many rows at once, and where to go on after a break.

use super::{NewAccount, StoreError};
use crate::{Kind, Time};
use async_trait::async_trait;
use std::sync::Arc;

/// Some rows of a source, in its order.
#[derive(Clone, Debug)]
pub struct ImportBatch {
    /// Names the data and what it is for.
    pub source: Arc<str>,
    /// How many rows of the source are behind once these are taken in.
    pub rows: u64,
    /// What the rows say.
    pub items: Vec<ImportItem>,
}

/// What one row says.
#[derive(Clone, Debug)]
pub enum ImportItem {
    /// There is an account.
    Account(Box<ImportAccount>),
    /// An opaque bearer token lives.
    Token(ImportToken),
    /// An account has a role.
    Member {
        /// The account's directory.
        directory: Arc<str>,
        /// The account's kind.
        kind: Kind,
        /// The account's id.
        account: u64,
        /// The role's name.
        role: Arc<str>,
    },
}

/// An account as another program had it.
#[derive(Clone, Debug)]
pub struct ImportAccount {
    /// What it is.
    pub new: NewAccount,
    /// Whether it may sign in.
    pub enabled: bool,
    /// When it was made; now, where nobody knows.
    pub created: Option<Time>,
}

/// A token as another program had it.
#[derive(Clone, Debug)]
pub struct ImportToken {
    /// The SHA-256 of the token.
    pub key: [u8; 32],
    /// The directory of the account.
    pub directory: Arc<str>,
    /// The account's kind.
    pub kind: Kind,
    /// The account's id.
    pub account: u64,
    /// When it was issued.
    pub created: Time,
    /// When it ends, if ever.
    pub expires: Option<Time>,
}

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It was taken in.
    Added,
    /// The same was there already.
    There,
}

/// A store that can take in what other programs stored.
#[async_trait]
pub trait ImportStore: Send + Sync {
    /// Takes rows in. Each stands or falls by itself, and a refused one leaves nothing behind; all of them, and how far
    /// the source was read, are one transaction. The answers are in the order of the items.
    ///
    /// New accounts are no [`Change`](super::Change): nobody remembers anything of them.
    async fn import(&self, batch: ImportBatch, now: Time) -> Result<Vec<Result<Imported, StoreError>>, StoreError>;

    /// Makes the store ready for very many rows: from now on it takes more memory, some 64 MiB, and writes less often.
    async fn expect_many(&self) -> Result<(), StoreError>;

    /// How many rows of a source were taken in or refused; 0 where it is unknown.
    async fn imported_rows(&self, source: &str) -> Result<u64, StoreError>;
}
