//! Links that work once.

use super::{AccountChange, AccountRecord, StoreError};
use crate::{Kind, Time};
use async_trait::async_trait;
use std::sync::Arc;

/// What a link is good for, and nothing else: a link for one purpose is none for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkPurpose {
    /// Confirming the account's e-mail address.
    Confirm,
    /// Setting another password.
    Reset,
}

impl LinkPurpose {
    /// All of them.
    pub const ALL: [LinkPurpose; 2] = [LinkPurpose::Confirm, LinkPurpose::Reset];

    /// The word in the store; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkPurpose::Confirm => "confirm",
            LinkPurpose::Reset => "reset",
        }
    }
}

/// What is stored of a link's secret: a SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkKey(pub [u8; 32]);

/// A link as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it is good for.
    pub purpose: LinkPurpose,
    /// What is stored of its secret.
    pub key: LinkKey,
    /// The kind of its account.
    pub kind: Kind,
    /// The id of its account.
    pub account: u64,
    /// When it was made.
    pub created: Time,
    /// From when on it works no more.
    pub expires: Time,
}

/// The part of the store that keeps links. Another password, another e-mail address, disabling and deletion of an account end
/// its links in the same transaction.
#[async_trait]
pub trait Links: Send + Sync {
    /// Stores a link that goes to this e-mail address; earlier ones of the account for the same purpose end. It fails with
    /// [`StoreError::Missing`] when the account is gone or has another address by now.
    async fn put_link(&self, link: Link, email: Option<Arc<str>>) -> Result<(), StoreError>;
    /// A link, expired or not; it stays.
    async fn link(&self, purpose: LinkPurpose, key: &LinkKey) -> Result<Option<Link>, StoreError>;
    /// Takes a link and changes its account, both or neither, and at most once however many ask at the same time. `None`
    /// where the link is gone or expired, or its account disabled: then nothing changes.
    async fn redeem_link(
        &self,
        purpose: LinkPurpose,
        key: &LinkKey,
        changes: Vec<AccountChange>,
        now: Time,
    ) -> Result<Option<AccountRecord>, StoreError>;
    /// Forgets links that expired before `time`; how many there were.
    async fn purge_links(&self, time: Time) -> Result<u64, StoreError>;
    /// The one account of a directory (on the website, if one is named) that has this e-mail address, whatever the case of its
    /// ASCII letters. Where several have it, none is meant.
    async fn account_by_email(
        &self,
        directory: &str,
        website: Option<u32>,
        email: &str,
    ) -> Result<Option<AccountRecord>, StoreError>;
}
