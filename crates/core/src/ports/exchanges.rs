//! Sessions of an old application that are exchanged for one of ours, each at most once.

use super::StoreError;
use crate::{
    Time,
    session::{Session, SessionKey},
};
use async_trait::async_trait;
use std::fmt;

/// What is stored of an old application's session id: a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExchangeKey(pub [u8; 32]);

/// Only the first four bytes, in hex: enough to correlate.
impl fmt::Debug for ExchangeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(4).try_for_each(|b| write!(f, "{b:02x}"))
    }
}

/// What became of an old session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchanged {
    /// Nothing yet.
    No,
    /// It was exchanged, or somebody signed out who carried it: it is good for nothing any more.
    Spent,
    /// It was exchanged a moment ago, and requests that were on their way with it are carried over to this session.
    Carried(SessionKey),
}

/// The part of the store that remembers which old sessions are spent.
#[async_trait]
pub trait Exchanges: Send + Sync {
    /// What became of an old session.
    async fn exchanged(&self, key: &ExchangeKey, now: Time) -> Result<Exchanged, StoreError>;
    /// Begins a session in exchange for an old one, both or neither, and at most once however many ask at the same time;
    /// whether it did: `false` says that the old one is spent. Until `carried_until`, requests that still carry the old one
    /// are found as the new session. It fails with [`StoreError::Missing`] where [`Store::create_session`] does, and when
    /// anything that the account proved before was ended here: an old session may be part of that.
    ///
    /// [`Store::create_session`]: super::Store::create_session
    async fn exchange(&self, key: &ExchangeKey, session: &Session, carried_until: Option<Time>) -> Result<bool, StoreError>;
    /// Whoever carried these signed out: they are good for nothing any more.
    async fn spend_exchanges(&self, keys: &[ExchangeKey], now: Time) -> Result<(), StoreError>;
    /// Forgets what was spent before `time`; how many there were.
    async fn purge_exchanges(&self, time: Time) -> Result<u64, StoreError>;
}
