//! What tests of this crate share: a clock that is set by hand, a store that can be held or taken away, and accounts.

use crate::{Attempt, Auth, AuthSettings, ThrottleLimits};
use async_trait::async_trait;
use doorward_core::{
    Account, Kind, Time,
    acl::Holds,
    policy::{CookieSpec, Directory, SameSite},
    ports::{
        AccountChange, AccountCount, AccountFilter, AccountRecord, Change, Client, ClientChange, ClientStore, Clock, Customers,
        ExchangeKey, Exchanged, Exchanges, Identities, Link, LinkKey, LinkPurpose, Links, NewAccount, OAuthGrants, Registering,
        RegistrationToken, SessionFilter, SpentUse, Store, StoreError, StoredKey, TokenKey, TokenRecord, TokenStore,
    },
    session::{Replaced, Session, SessionKey},
};
use doorward_crypto::{
    password::{Cost, PoolLimits, hash_password},
    system::SystemEntropy,
};
use doorward_store::Sqlite;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::sync::Semaphore;

pub(crate) const COST: Cost = Cost { memory_kib: 64, iterations: 1, parallelism: 1 };
pub(crate) const PASSWORD: &str = "a quiet brown fox";
pub(crate) const START: Time = Time(1_700_000_000_000);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) fn account(kind: Kind, id: u64, login: &str) -> Account {
    let directory = match kind {
        Kind::Admin | Kind::Integration => "admins",
        Kind::Customer => "customers",
    };
    Account { directory: directory.into(), kind, id, login: login.into(), roles: Vec::new(), membership: None }
}

pub(crate) fn directory(kind: Kind) -> Directory {
    let (name, max_failures) = match kind {
        Kind::Admin | Kind::Integration => ("admins", 6),
        Kind::Customer => ("customers", 10),
    };
    Directory {
        website: None,
        site: None,
        name: name.into(),
        kind,
        cookie: CookieSpec {
            name: format!("doorward_{name}").into(),
            domain: None,
            path: "/".into(),
            lifetime: None,
            same_site: SameSite::Lax,
            secure: false,
        },
        idle_timeout: 30 * MINUTE,
        lifetime: 720 * MINUTE,
        max_failures,
        lock: 30 * MINUTE,
        passwords: doorward_core::PasswordRules::of(kind),
    }
}

/// A clock that only moves when told.
#[derive(Default)]
pub(crate) struct Hand(AtomicU64);

impl Hand {
    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap(), SeqCst);
    }
}

impl Clock for Hand {
    fn now(&self) -> Time {
        Time(self.0.load(SeqCst))
    }
}

/// A real store that counts what is asked, and can be taken away or made to wait.
pub(crate) struct Watched {
    pub(crate) inner: Sqlite,
    pub(crate) away: AtomicBool,
    pub(crate) reads: AtomicUsize,
    pub(crate) touches: AtomicUsize,
    /// When set, reading a session waits here after the answer is known.
    pub(crate) held: AtomicBool,
    pub(crate) arrived: Semaphore,
    pub(crate) release: Semaphore,
}

impl Watched {
    fn new() -> Self {
        Self {
            inner: Sqlite::memory().unwrap(),
            away: AtomicBool::new(false),
            reads: AtomicUsize::new(0),
            touches: AtomicUsize::new(0),
            held: AtomicBool::new(false),
            arrived: Semaphore::new(0),
            release: Semaphore::new(0),
        }
    }

    fn there(&self) -> Result<&Sqlite, StoreError> {
        if self.away.load(SeqCst) { Err(StoreError::Unavailable("taken away".into())) } else { Ok(&self.inner) }
    }
}

#[async_trait]
impl Store for Watched {
    fn customers(&self) -> &dyn Customers {
        self.inner.customers()
    }
    fn grants(&self) -> &dyn OAuthGrants {
        self.inner.grants()
    }
    fn identities(&self) -> &dyn Identities {
        self.inner.identities()
    }
    async fn add_account(&self, new: NewAccount, now: Time) -> Result<AccountRecord, StoreError> {
        self.there()?.add_account(new, now).await
    }
    async fn account_by_login(
        &self,
        directory: &str,
        website: Option<u32>,
        login: &str,
    ) -> Result<Option<AccountRecord>, StoreError> {
        self.there()?.account_by_login(directory, website, login).await
    }
    async fn account(&self, kind: Kind, id: u64) -> Result<Option<AccountRecord>, StoreError> {
        self.there()?.account(kind, id).await
    }
    async fn accounts(&self, filter: &AccountFilter) -> Result<Vec<AccountRecord>, StoreError> {
        self.there()?.accounts(filter).await
    }
    async fn account_counts(&self) -> Result<Vec<AccountCount>, StoreError> {
        self.there()?.account_counts().await
    }
    async fn password_costs(&self) -> Result<Vec<Arc<str>>, StoreError> {
        self.there()?.password_costs().await
    }
    async fn change_account(&self, kind: Kind, id: u64, change: AccountChange, now: Time) -> Result<AccountRecord, StoreError> {
        self.there()?.change_account(kind, id, change, now).await
    }
    async fn delete_account(&self, kind: Kind, id: u64, now: Time) -> Result<(), StoreError> {
        self.there()?.delete_account(kind, id, now).await
    }
    async fn put_role(&self, name: &str, holds: Holds, now: Time) -> Result<(), StoreError> {
        self.there()?.put_role(name, holds, now).await
    }
    async fn roles(&self) -> Result<Vec<(Arc<str>, Holds)>, StoreError> {
        self.there()?.roles().await
    }
    async fn role_counts(&self) -> Result<Vec<(Arc<str>, u64)>, StoreError> {
        self.there()?.role_counts().await
    }
    async fn delete_role(&self, name: &str, now: Time) -> Result<(), StoreError> {
        self.there()?.delete_role(name, now).await
    }
    async fn create_session(&self, session: &Session, replaces: Option<Replaced>) -> Result<(), StoreError> {
        self.there()?.create_session(session, replaces).await
    }
    async fn successor(&self, key: &SessionKey, now: Time) -> Result<Option<SessionKey>, StoreError> {
        self.there()?.successor(key, now).await
    }
    async fn session(&self, key: &SessionKey) -> Result<Option<(Session, AccountRecord)>, StoreError> {
        self.reads.fetch_add(1, SeqCst);
        let answer = self.there()?.session(key).await;
        if self.held.load(SeqCst) {
            self.arrived.add_permits(1);
            self.release.acquire().await.unwrap().forget();
        }
        answer
    }
    async fn delete_session(&self, key: &SessionKey, now: Time) -> Result<bool, StoreError> {
        self.there()?.delete_session(key, now).await
    }
    async fn delete_sessions_of(&self, kind: Kind, id: u64, now: Time) -> Result<u64, StoreError> {
        self.there()?.delete_sessions_of(kind, id, now).await
    }
    async fn touch_sessions(&self, seen: &[(SessionKey, Time)]) -> Result<(), StoreError> {
        self.touches.fetch_add(seen.len(), SeqCst);
        self.there()?.touch_sessions(seen).await
    }
    async fn sessions(&self, filter: SessionFilter) -> Result<Vec<Session>, StoreError> {
        self.there()?.sessions(filter).await
    }
    async fn purge_sessions(&self, directory: &str, idle_before: Time, created_before: Time) -> Result<u64, StoreError> {
        self.there()?.purge_sessions(directory, idle_before, created_before).await
    }
    async fn purge_foreign_sessions(&self, directories: &[(Arc<str>, Kind)]) -> Result<u64, StoreError> {
        self.there()?.purge_foreign_sessions(directories).await
    }
    async fn session_count(&self) -> Result<u64, StoreError> {
        self.there()?.session_count().await
    }
    async fn keys(&self, purpose: &str) -> Result<Vec<StoredKey>, StoreError> {
        self.there()?.keys(purpose).await
    }
    async fn key_or_insert(&self, key: StoredKey) -> Result<StoredKey, StoreError> {
        self.there()?.key_or_insert(key).await
    }
    async fn changes_since(&self, sequence: u64) -> Result<Vec<Change>, StoreError> {
        self.there()?.changes_since(sequence).await
    }
    async fn claim_change(&self, sequence: u64) -> Result<bool, StoreError> {
        self.there()?.claim_change(sequence).await
    }
    async fn last_change(&self) -> Result<u64, StoreError> {
        self.there()?.last_change().await
    }
    async fn ping(&self) -> Result<(), StoreError> {
        self.there()?.ping().await
    }
}

#[async_trait]
impl Links for Watched {
    async fn put_link(&self, link: Link, email: Option<Arc<str>>) -> Result<(), StoreError> {
        self.there()?.put_link(link, email).await
    }
    async fn link(&self, purpose: LinkPurpose, key: &LinkKey) -> Result<Option<Link>, StoreError> {
        self.there()?.link(purpose, key).await
    }
    async fn redeem_link(
        &self,
        purpose: LinkPurpose,
        key: &LinkKey,
        changes: Vec<AccountChange>,
        now: Time,
    ) -> Result<Option<AccountRecord>, StoreError> {
        self.there()?.redeem_link(purpose, key, changes, now).await
    }
    async fn purge_links(&self, time: Time) -> Result<u64, StoreError> {
        self.there()?.purge_links(time).await
    }
    async fn account_by_email(
        &self,
        directory: &str,
        website: Option<u32>,
        email: &str,
    ) -> Result<Option<AccountRecord>, StoreError> {
        self.there()?.account_by_email(directory, website, email).await
    }
}

#[async_trait]
impl Exchanges for Watched {
    async fn exchanged(&self, key: &ExchangeKey, now: Time) -> Result<Exchanged, StoreError> {
        self.there()?.exchanged(key, now).await
    }
    async fn exchange(&self, key: &ExchangeKey, session: &Session, carried_until: Option<Time>) -> Result<bool, StoreError> {
        self.there()?.exchange(key, session, carried_until).await
    }
    async fn spend_exchanges(&self, keys: &[ExchangeKey], now: Time) -> Result<(), StoreError> {
        self.there()?.spend_exchanges(keys, now).await
    }
    async fn purge_exchanges(&self, time: Time) -> Result<u64, StoreError> {
        self.there()?.purge_exchanges(time).await
    }
}

#[async_trait]
impl ClientStore for Watched {
    async fn add_client(&self, client: &Client) -> Result<(), StoreError> {
        self.there()?.add_client(client).await
    }
    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        self.there()?.client(id).await
    }
    async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        self.there()?.clients().await
    }
    async fn change_client(&self, id: &str, change: ClientChange, now: Time) -> Result<Client, StoreError> {
        self.there()?.change_client(id, change, now).await
    }
    async fn delete_client(&self, id: &str) -> Result<(), StoreError> {
        self.there()?.delete_client(id).await
    }
    async fn add_registration_token(&self, token: &RegistrationToken) -> Result<(), StoreError> {
        self.there()?.add_registration_token(token).await
    }
    async fn registration_tokens(&self) -> Result<Vec<RegistrationToken>, StoreError> {
        self.there()?.registration_tokens().await
    }
    async fn registration_token(&self, key: &TokenKey, now: Time) -> Result<Option<RegistrationToken>, StoreError> {
        self.there()?.registration_token(key, now).await
    }
    async fn delete_registration_token(&self, id: &str) -> Result<(), StoreError> {
        self.there()?.delete_registration_token(id).await
    }
    async fn register_client(&self, client: &Client, token: &TokenKey, most: u64, now: Time) -> Result<Registering, StoreError> {
        self.there()?.register_client(client, token, most, now).await
    }
    async fn spend(&self, usage: SpentUse, key: &[u8; 32], until: Time, now: Time) -> Result<bool, StoreError> {
        self.there()?.spend(usage, key, until, now).await
    }
    async fn revoke_access_token(&self, key: &TokenKey, until: Time) -> Result<(), StoreError> {
        self.there()?.revoke_access_token(key, until).await
    }
    async fn access_token_is_revoked(&self, key: &TokenKey) -> Result<bool, StoreError> {
        self.there()?.access_token_is_revoked(key).await
    }
    async fn purge_spent(&self, now: Time) -> Result<u64, StoreError> {
        self.there()?.purge_spent(now).await
    }
}

#[async_trait]
impl TokenStore for Watched {
    async fn add_token(&self, token: &TokenRecord, version: u64) -> Result<(), StoreError> {
        self.there()?.add_token(token, version).await
    }
    async fn token(&self, key: &TokenKey) -> Result<Option<(TokenRecord, AccountRecord)>, StoreError> {
        self.there()?.token(key).await
    }
    async fn token_count_of(&self, kind: Kind, id: u64) -> Result<u64, StoreError> {
        self.there()?.token_count_of(kind, id).await
    }
    async fn purge_tokens(&self, now: Time) -> Result<u64, StoreError> {
        self.there()?.purge_tokens(now).await
    }
    async fn all_keys(&self) -> Result<Vec<StoredKey>, StoreError> {
        self.there()?.all_keys().await
    }
    async fn add_key(&self, key: StoredKey) -> Result<(), StoreError> {
        self.there()?.add_key(key).await
    }
    async fn rotate_key(&self, key: StoredKey, until: Time) -> Result<u64, StoreError> {
        self.there()?.rotate_key(key, until).await
    }
    async fn retire_key(&self, purpose: &str, id: &str, at: Time) -> Result<(), StoreError> {
        self.there()?.retire_key(purpose, id, at).await
    }
}

/// Everything that a test needs.
pub(crate) struct Bench {
    pub(crate) auth: Arc<Auth>,
    pub(crate) clock: Arc<Hand>,
    pub(crate) store: Arc<Watched>,
    pub(crate) admins: Arc<Directory>,
    pub(crate) customers: Arc<Directory>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::with_pool(PoolLimits { workers: 2, queue: 64, per_address: 64 }).await
    }

    pub(crate) async fn with_pool(pool: PoolLimits) -> Self {
        let store = Arc::new(Watched::new());
        let clock = Arc::new(Hand(AtomicU64::new(START.0)));
        let (admins, customers) = (Arc::new(directory(Kind::Admin)), Arc::new(directory(Kind::Customer)));
        let auth = reopen(&store, &clock, &[&admins, &customers], pool).await;
        Self { auth, clock, store, admins, customers }
    }

    /// Another node (or the same after a restart) on the same store.
    pub(crate) async fn another(&self) -> Arc<Auth> {
        reopen(&self.store, &self.clock, &[&self.admins, &self.customers], PoolLimits::default()).await
    }

    pub(crate) async fn add(&self, kind: Kind, login: &str) -> AccountRecord {
        let directory = directory(kind).name;
        let password = Some(hash_password(PASSWORD, COST, &SystemEntropy).into());
        let new = NewAccount {
            directory,
            kind,
            id: None,
            login: login.into(),
            email: None,
            password,
            roles: Vec::new(),
            per_website: false,
            membership: None,
            confirmed: true,
            profile: "{}".into(),
        };
        self.store.add_account(new, self.clock.now()).await.unwrap()
    }

    pub(crate) fn both(&self) -> [Arc<Directory>; 2] {
        [Arc::clone(&self.customers), Arc::clone(&self.admins)]
    }

    pub(crate) async fn change(&self, kind: Kind, id: u64, change: AccountChange) {
        self.store.change_account(kind, id, change, self.clock.now()).await.unwrap();
        self.auth.apply_changes().await.unwrap();
    }
}

async fn reopen(store: &Arc<Watched>, clock: &Arc<Hand>, directories: &[&Arc<Directory>], pool: PoolLimits) -> Arc<Auth> {
    let settings = AuthSettings {
        directories: directories.iter().map(|directory| Arc::clone(directory)).collect(),
        issuer: "https://shop.example.com".into(),
        cost: COST,
        pool,
        crypt_keys: Default::default(),
        throttle: ThrottleLimits::default(),
        tokens: Default::default(),
    };
    Auth::open(Arc::clone(store) as _, Arc::clone(clock) as _, Arc::new(SystemEntropy), settings).await.unwrap()
}

pub(crate) fn attempt<'a>(login: &'a str, password: &'a str) -> Attempt<'a> {
    attempt_from("192.0.2.1", login, password)
}

pub(crate) fn attempt_from<'a>(address: &str, login: &'a str, password: &'a str) -> Attempt<'a> {
    Attempt {
        login,
        password,
        address: address.parse().unwrap(),
        device_token: None,
        user_agent: Some("curl/8"),
        site: "default",
        website: None,
    }
}
