//! Who people are at OpenID providers, and which accounts that are here.

use super::{AccountRecord, NewAccount, StoreError};
use crate::{
    Kind, Time,
    session::{Replaced, Session},
};
use async_trait::async_trait;
use std::sync::Arc;

/// Somebody at a provider. Only both together say who: another provider's subject of the same name is somebody else (OpenID
/// Connect Core 5.7, ASVS 6.8.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Subject {
    /// `iss`, letter for letter.
    pub issuer: Arc<str>,
    /// `sub`, letter for letter.
    pub subject: Arc<str>,
}

/// Somebody at a provider who has an account here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkedIdentity {
    /// Who it is there.
    pub who: Subject,
    /// The account's directory.
    pub directory: Arc<str>,
    /// The account's kind.
    pub kind: Kind,
    /// The account's id.
    pub account: u64,
    /// The account's login as it is now.
    pub login: Arc<str>,
    /// Since when.
    pub linked: Time,
}

/// The session at a provider that one of ours came of: when that one ends, so does ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSession {
    /// Whose it is there.
    pub who: Subject,
    /// Who we are there: `client_id`.
    pub client: Arc<str>,
    /// `sid`, where the provider says one.
    pub sid: Option<Arc<str>>,
}

/// Which sessions at a provider ended (OpenID Connect Back-Channel Logout 2.4): at least one of the two is there, and where
/// both are, both must fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedThere {
    /// `iss`.
    pub issuer: Arc<str>,
    /// Who we are there.
    pub client: Arc<str>,
    /// `sub`.
    pub subject: Option<Arc<str>>,
    /// `sid`.
    pub sid: Option<Arc<str>>,
}

/// Which identities to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityFilter {
    /// Only of this account: directory and login, whatever its case.
    pub account: Option<(Arc<str>, Arc<str>)>,
    /// At most so many.
    pub limit: usize,
}

/// The part of the store that knows who people are elsewhere. An account that is deleted loses its identities, and a session
/// that ends takes along where it came from.
#[async_trait]
pub trait Identities: Send + Sync {
    /// The account of a directory that is this identity's.
    async fn account_of(&self, directory: &str, who: &Subject) -> Result<Option<AccountRecord>, StoreError>;
    /// Links an identity with the account of this kind and id. It fails with [`StoreError::Exists`] when the identity is
    /// another account's in the directory, or the account has another identity of the same issuer: neither is ever
    /// overwritten. Linking once more what is linked changes nothing.
    async fn link_identity(&self, who: &Subject, kind: Kind, account: u64, now: Time) -> Result<(), StoreError>;
    /// Makes an account that this identity has, both or neither. It fails as [`Identities::link_identity`] and as
    /// [`Store::add_account`] do.
    ///
    /// [`Store::add_account`]: super::Store::add_account
    async fn add_account_of(&self, who: &Subject, new: NewAccount, now: Time) -> Result<AccountRecord, StoreError>;
    /// The identity is nobody's any more in the directory, and the sessions that came of it end; whether it was somebody's.
    async fn unlink_identity(&self, directory: &str, who: &Subject) -> Result<bool, StoreError>;
    /// Identities by directory, account and issuer.
    async fn linked_identities(&self, filter: IdentityFilter) -> Result<Vec<LinkedIdentity>, StoreError>;
    /// Begins a session as [`Store::create_session`] does, and remembers of which one at a provider it came. It also fails
    /// with [`StoreError::Missing`] when the identity is not the account's any more.
    ///
    /// [`Store::create_session`]: super::Store::create_session
    async fn create_provider_session(
        &self,
        session: &Session,
        replaces: Option<Replaced>,
        of: &ProviderSession,
    ) -> Result<(), StoreError>;
    /// Ends the sessions that came of those; how many there were. `token` is the SHA-256 of the word that they ended, and is
    /// [spent] with it, both or neither: `None` says that it was spent before, and nothing ended.
    ///
    /// [spent]: super::ClientStore::spend
    async fn end_provider_sessions(
        &self,
        ended: &EndedThere,
        token: &[u8; 32],
        until: Time,
        now: Time,
    ) -> Result<Option<u64>, StoreError>;
}
