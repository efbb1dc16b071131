//! What the outside fulfils: time, randomness and memory.

mod customers;
mod exchanges;
mod fetch;
mod identities;
mod imports;
mod links;
mod oauth;
mod oauth_grants;
mod tokens;

pub use customers::{
    Address, AddressDraft, Condition, Customer, CustomerChange, CustomerField, Customers, Document, Filter, Group, GroupDraft,
    GroupField, Page, Search, merge,
};
pub use exchanges::{ExchangeKey, Exchanged, Exchanges};
pub use fetch::{Answer, Call, Fetch, FetchError, RemoteUrl};
pub use identities::{EndedThere, Identities, IdentityFilter, LinkedIdentity, ProviderSession, Subject};
pub use imports::{ImportAccount, ImportBatch, ImportItem, ImportStore, ImportToken, Imported};
pub use links::{Link, LinkKey, LinkPurpose, Links};
pub use oauth::{Client, ClientChange, ClientMethod, ClientStore, Grant, Registering, RegistrationToken, SpentUse};
pub use oauth_grants::{Authorization, Code, Consent, Device, OAuthGrants, Once, Polled, Pushed, Refresh};
pub use tokens::{StoredKey, TokenKey, TokenRecord, TokenStore};

use crate::{
    Account, Kind, Membership, Time,
    acl::Holds,
    session::{Replaced, Session, SessionKey},
};
use async_trait::async_trait;
use std::sync::Arc;

/// What time it is.
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Time;
}

/// Unpredictable bytes, from the system's generator.
pub trait Entropy: Send + Sync {
    /// Fills the buffer. There is no failure: a generator that fails ends the process.
    fn fill(&self, buffer: &mut [u8]);
}

/// An account as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRecord {
    /// What decisions see.
    pub account: Arc<Account>,
    /// E-mail address, if any.
    pub email: Option<Arc<str>>,
    /// PHC string of the password's hash; `None` cannot sign in by password.
    pub password: Option<Arc<str>>,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Counts every change that ends sessions: another password, disabling. A session of another version is dead.
    pub version: u64,
    /// Whatever was proved before this moment no longer counts.
    pub not_before: Time,
    /// Tokens that were issued up to this moment no longer count. Whatever ends what was proved before `not_before` sets this
    /// as well; the making of an account does not, for it may have come here with its tokens.
    pub tokens_not_before: Time,
    /// Whether its e-mail address was confirmed, or need not be. Without that it cannot sign in.
    pub confirmed: bool,
    /// When it was made.
    pub created: Time,
    /// When it last changed.
    pub updated: Time,
}

/// How many accounts of one kind a directory holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountCount {
    /// The directory's name.
    pub directory: Arc<str>,
    /// The kind that the accounts were made with.
    pub kind: Kind,
    /// How many.
    pub accounts: u64,
}

/// What is needed to make an account.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The directory's name.
    pub directory: Arc<str>,
    /// The directory's kind.
    pub kind: Kind,
    /// The id it must have; `None` takes the next one.
    pub id: Option<u64>,
    /// The sign-in name; unique in the directory, or there on its website, whatever its case.
    pub login: Arc<str>,
    /// Whether the name must be unique on the account's website only.
    pub per_website: bool,
    /// E-mail address, if any.
    pub email: Option<Arc<str>>,
    /// PHC string.
    pub password: Option<Arc<str>>,
    /// Role names.
    pub roles: Vec<Arc<str>>,
    /// What a customer belongs to.
    pub membership: Option<Membership>,
    /// Whether it may sign in before its e-mail address is confirmed.
    pub confirmed: bool,
    /// What is known of the person besides: a JSON object.
    pub profile: Arc<str>,
}

/// A change to an account. Each one that takes something away ends the account's sessions in the same transaction.
#[derive(Clone, Debug)]
pub enum AccountChange {
    /// May sign in again.
    Enable,
    /// May not sign in; sessions end.
    Disable,
    /// Another password (PHC string); sessions end.
    Password(Arc<str>),
    /// The same password under another hash; sessions stay, and it is no [`Change`]: nobody has to forget anything. It fails with [`StoreError::Missing`] when the stored hash
    /// is no longer `from`, so that a password changed in between never comes back.
    Rehash {
        /// The hash (PHC string) that the password was verified against.
        from: Arc<str>,
        /// The new one.
        to: Arc<str>,
    },
    /// Other roles; sessions stay and have them at once.
    Roles(Vec<Arc<str>>),
    /// Another e-mail address. A login that is the old one goes with it; links that went there end. It fails with
    /// [`StoreError::Exists`] when the login is taken.
    Email(Option<Arc<str>>),
    /// Another e-mail address that is still to be confirmed: as [`AccountChange::Email`], and until then it cannot sign in;
    /// sessions and tokens end.
    UnconfirmedEmail(Arc<str>),
    /// What a customer belongs to.
    Membership(Membership),
    /// Its e-mail address was confirmed.
    Confirmed,
    /// Tokens that were issued before this moment end; sessions stay.
    EndTokens(Time),
    /// Failed sign-ins are forgotten.
    Unlock,
}

/// Something that changed in the store, in the order of commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Grows by one with each change.
    pub sequence: u64,
    /// What changed.
    pub what: Changed,
    /// Directory and login of the account that it is about, as they were then.
    pub whose: Option<(Arc<str>, Arc<str>)>,
    /// The run of the command that changed it; what a server does by itself has none.
    pub run: Option<Arc<str>>,
}

/// What a [`Change`] is about; whoever caches it forgets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// An account (kind and id), and what was done to it.
    Account(Kind, u64, Deed),
    /// Failed sign-ins of an account (directory, login) are forgotten.
    Unlocked(Arc<str>, Arc<str>),
    /// A role (its name), and what was done to it.
    Role(Arc<str>, Deed),
    /// A session that ended.
    Session(SessionKey),
    /// Keys of a purpose: one came, or one retired.
    Keys(Arc<str>),
    /// Groups of customers, or which ones are the usual ones.
    Groups,
    /// A client of the authorization server (its id), and what was done to it.
    Client(Arc<str>, Deed),
    /// An access token of the authorization server that ended before its time: the SHA-256 of its `jti`.
    AccessToken(TokenKey),
    /// More than is remembered: whoever caches anything forgets all of it.
    Everything,
}

/// What was done to an account or a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// It was made.
    Added,
    /// It may sign in again.
    Enabled,
    /// It may no longer sign in.
    Disabled,
    /// It has another password.
    Password,
    /// It has other roles.
    Roles,
    /// It has another e-mail address.
    Email,
    /// Its sessions, or one of them, were ended by somebody else.
    Sessions,
    /// Its tokens were ended.
    Tokens,
    /// It is gone.
    Deleted,
    /// Something else.
    Changed,
}

impl Deed {
    /// All of them.
    pub const ALL: [Deed; 10] = [
        Deed::Added,
        Deed::Enabled,
        Deed::Disabled,
        Deed::Password,
        Deed::Roles,
        Deed::Email,
        Deed::Sessions,
        Deed::Tokens,
        Deed::Deleted,
        Deed::Changed,
    ];

    /// One word for logs and stores; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            Deed::Added => "added",
            Deed::Enabled => "enabled",
            Deed::Disabled => "disabled",
            Deed::Password => "password",
            Deed::Roles => "roles",
            Deed::Email => "email",
            Deed::Sessions => "sessions ended",
            Deed::Tokens => "tokens ended",
            Deed::Deleted => "deleted",
            Deed::Changed => "changed",
        }
    }
}

/// Why the store did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// Something of that name or id is there already.
    #[error("{0} exists already")]
    Exists(String),
    /// Nothing of that name or id is there.
    #[error("{0} does not exist")]
    Missing(String),
    /// It may not be called so ([`name::flaw`](crate::name::flaw)); the text says what would be right.
    #[error("{0}")]
    Unfit(String),
    /// The store cannot be asked now. Nothing was acknowledged.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// Which sessions to list.
#[derive(Clone, Debug, Default)]
pub struct SessionFilter {
    /// Only of this account: directory and id.
    pub account: Option<(Arc<str>, u64)>,
    /// At most so many.
    pub limit: usize,
}

/// Which accounts to list: those that all of this is true of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountFilter {
    /// Only of this directory.
    pub directory: Option<Arc<str>>,
    /// Only those whose login or e-mail address holds this text, whatever its case.
    pub holding: Option<Arc<str>>,
    /// Only those that have this role.
    pub role: Option<Arc<str>>,
    /// Only those that come after this one (directory and id), the last one of the page before.
    pub after: Option<(Arc<str>, u64)>,
    /// At most so many.
    pub limit: usize,
}

/// Memory. What it acknowledges survives `kill -9` and power loss; only [`Store::touch_sessions`] may be lost.
#[async_trait]
pub trait Store: Links + TokenStore + Exchanges + ClientStore {
    /// The part that keeps customers and their groups.
    fn customers(&self) -> &dyn Customers;
    /// The part that remembers what people allowed clients of the authorization server.
    fn grants(&self) -> &dyn OAuthGrants;
    /// The part that knows who people are at OpenID providers.
    fn identities(&self) -> &dyn Identities;

    /// Makes an account.
    async fn add_account(&self, new: NewAccount, now: Time) -> Result<AccountRecord, StoreError>;
    /// The account that signs in with `login`, whatever its case: with `website` the one that is known there, without it
    /// the only one of that name. Where several are meant, none is.
    async fn account_by_login(
        &self,
        directory: &str,
        website: Option<u32>,
        login: &str,
    ) -> Result<Option<AccountRecord>, StoreError>;
    /// The account with this id.
    async fn account(&self, kind: Kind, id: u64) -> Result<Option<AccountRecord>, StoreError>;
    /// Accounts by directory and id, a page of them.
    async fn accounts(&self, filter: &AccountFilter) -> Result<Vec<AccountRecord>, StoreError>;
    /// How many accounts there are of each kind in each directory; it is known without looking at them.
    async fn account_counts(&self) -> Result<Vec<AccountCount>, StoreError>;
    /// The costs of all stored Argon2id hashes: each PHC string's part before the salt, once, such as
    /// `$argon2id$v=19$m=19456,t=2,p=1$`. They are known without looking at the accounts.
    async fn password_costs(&self) -> Result<Vec<Arc<str>>, StoreError>;
    /// Changes an account and returns what it is now.
    async fn change_account(&self, kind: Kind, id: u64, change: AccountChange, now: Time) -> Result<AccountRecord, StoreError>;
    /// Deletes an account and its sessions. Its id is never used again.
    async fn delete_account(&self, kind: Kind, id: u64, now: Time) -> Result<(), StoreError>;

    /// Makes a role, or gives it something else to hold.
    async fn put_role(&self, name: &str, holds: Holds, now: Time) -> Result<(), StoreError>;
    /// All roles by name.
    async fn roles(&self) -> Result<Vec<(Arc<str>, Holds)>, StoreError>;
    /// How many accounts have each role; a role that nobody has may be missing.
    async fn role_counts(&self) -> Result<Vec<(Arc<str>, u64)>, StoreError>;
    /// Deletes a role; accounts that had it lose it.
    async fn delete_role(&self, name: &str, now: Time) -> Result<(), StoreError>;

    /// Begins a session and, in the same transaction, ends `replaces`. It fails with [`StoreError::Missing`] when the
    /// account is gone, disabled, or of another version than the session says: a sign-in never outlives its account.
    async fn create_session(&self, session: &Session, replaces: Option<Replaced>) -> Result<(), StoreError>;
    /// A session and its account, when both exist.
    async fn session(&self, key: &SessionKey) -> Result<Option<(Session, AccountRecord)>, StoreError>;
    /// The session that took the place of the one of this key, while requests with the old id are carried over. It is of the
    /// same account and directory, and an id that was never a session's is never carried.
    async fn successor(&self, key: &SessionKey, now: Time) -> Result<Option<SessionKey>, StoreError>;
    /// Ends a session; whether there was one.
    async fn delete_session(&self, key: &SessionKey, now: Time) -> Result<bool, StoreError>;
    /// Ends all sessions of an account, and whatever it could be exchanged for one ([`Exchanges`]); how many there were.
    async fn delete_sessions_of(&self, kind: Kind, id: u64, now: Time) -> Result<u64, StoreError>;
    /// Remembers when sessions were last used. May be lost.
    async fn touch_sessions(&self, seen: &[(SessionKey, Time)]) -> Result<(), StoreError>;
    /// Sessions, newest first.
    async fn sessions(&self, filter: SessionFilter) -> Result<Vec<Session>, StoreError>;
    /// Forgets sessions of `directory` that were last used before `idle_before` or began before `created_before`;
    /// how many there were.
    async fn purge_sessions(&self, directory: &str, idle_before: Time, created_before: Time) -> Result<u64, StoreError>;
    /// Ends sessions that nothing can ever find: those of directories that are not among `directories`, or of accounts of
    /// another kind than theirs; how many there were.
    async fn purge_foreign_sessions(&self, directories: &[(Arc<str>, Kind)]) -> Result<u64, StoreError>;
    /// How many sessions are stored.
    async fn session_count(&self) -> Result<u64, StoreError>;

    /// The keys for a purpose, newest first.
    async fn keys(&self, purpose: &str) -> Result<Vec<StoredKey>, StoreError>;
    /// Stores `key` unless there is one for its purpose; the newest one of the purpose, whoever stored it.
    async fn key_or_insert(&self, key: StoredKey) -> Result<StoredKey, StoreError>;

    /// Changes after `sequence`, oldest first; the last one's sequence is what to ask with next time. Where the store
    /// no longer remembers all of them, or `sequence` is ahead of it (another database stands here now), the answer is
    /// one [`Changed::Everything`] with the newest sequence.
    async fn changes_since(&self, sequence: u64) -> Result<Vec<Change>, StoreError>;
    /// Whether the caller is the first who wants to write this change down; of all that ask, one is.
    async fn claim_change(&self, sequence: u64) -> Result<bool, StoreError>;
    /// The newest change's sequence.
    async fn last_change(&self) -> Result<u64, StoreError>;
    /// Whether the store can be reached.
    async fn ping(&self) -> Result<(), StoreError>;
}
