//! [`Auth`]: everything that must be remembered to know who somebody is, in one place.

mod changes;

use crate::{
    Ground, Roles, Sessions, Standing, Throttle, ThrottleLimits, TokenSettings, Tokens,
    accounts::{AccountRules, Requests},
    assertions::Assertions,
    holders::Named,
    pairs::Remembered,
    sessions::LiveSession,
};
use arc_swap::ArcSwap;
use doorward_core::{
    Identity, Time,
    acl::RoleBook,
    mail::Post,
    policy::Directory,
    ports::{Change, Clock, Entropy, Store, StoreError, StoredKey},
    session::SessionKey,
};
use doorward_crypto::{
    assertion::{self, Claims, Signer},
    password::{Busy, Cost, CryptKeys, PasswordPool, PoolLimits, PoolStats},
    random, session_id, sha256_hex,
};
use http::HeaderValue;
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

/// How authentication is set up.
#[derive(Clone, Debug)]
pub struct AuthSettings {
    /// All directories, in the order of the file.
    pub directories: Vec<Arc<Directory>>,
    /// The public URL: `iss` of assertions.
    pub issuer: Arc<str>,
    /// What one password hash costs.
    pub cost: Cost,
    /// The bounds of the pool that hashes.
    pub pool: PoolLimits,
    /// Keys for password hashes that Magento made without a salt.
    pub crypt_keys: CryptKeys,
    /// Limits on failed sign-ins.
    pub throttle: ThrottleLimits,
    /// Bearer tokens.
    pub tokens: TokenSettings,
}

/// Authentication cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no threads.
    #[error("cannot start the threads that hash passwords: {0}")]
    Threads(#[from] std::io::Error),
    /// No password could be hashed to learn how long it takes.
    #[error(transparent)]
    Hashing(#[from] Busy),
    /// A stored key cannot be used.
    #[error("the stored assertion key cannot be used: {0}")]
    Key(#[from] assertion::BadKey),
}

/// What authentication is doing, for metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuthStats {
    /// Sessions in memory.
    pub sessions: usize,
    /// Bearer tokens in memory.
    pub tokens: usize,
    /// Pairs of login and password in memory.
    pub pairs: usize,
    /// The hash queue.
    pub pool: PoolStats,
    /// Entries of the throttle's tables.
    pub throttled: usize,
}

/// Whoever wants to hear of changes.
type Listener = Box<dyn Fn(&Change) + Send + Sync>;

/// Knows who somebody is.
pub struct Auth {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    issuer: ArcSwap<Arc<str>>,
    /// In milliseconds.
    grace: AtomicU64,
    pool: PasswordPool,
    ground: Ground,
    tokens: Tokens,
    pairs: Remembered,
    named: Named,
    roles: Roles,
    throttle: Arc<Throttle>,
    form_key: Arc<[u8]>,
    device_key: Arc<[u8]>,
    /// The one that signs comes first; the others are still published.
    signers: Vec<Signer>,
    guests: Assertions,
    pub(crate) account_rules: ArcSwap<AccountRules>,
    pub(crate) post: OnceLock<Arc<dyn Post>>,
    pub(crate) requests: Requests,
    /// The newest change that was applied.
    heard: AtomicU64,
    listener: OnceLock<Listener>,
    applying: tokio::sync::Mutex<()>,
}

impl Auth {
    /// Reads roles and keys from the store (and makes the keys that it lacks), and starts the threads that hash.
    ///
    /// # Errors
    /// When the store cannot be asked, or a thread cannot be had.
    pub async fn open(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        settings: AuthSettings,
    ) -> Result<Arc<Self>, AuthError> {
        // Before anything is read: what changes meanwhile is applied twice, never missed.
        let heard = store.last_change().await?;
        let roles = Roles::default();
        roles.reload(&*store).await?;
        let now = clock.now();
        let form_key = secret_key(&*store, &*entropy, "form", now).await?;
        let device_key = secret_key(&*store, &*entropy, "device", now).await?;
        let signers = assertion_keys(&*store, &*entropy, now).await?;
        let pool = PasswordPool::with_crypt_keys(settings.cost, settings.pool, Arc::clone(&entropy), settings.crypt_keys)?;
        // Else the first refusals after a change of the cost would tell by their time which accounts there are.
        pool.learn(&store.password_costs().await?).await?;
        let ground = Ground::new(Arc::clone(&store), Arc::clone(&clock), settings.directories);
        let tokens = Tokens::open(ground.clone(), Arc::clone(&entropy), settings.tokens).await?;
        Ok(Arc::new(Self {
            pool,
            tokens,
            pairs: Remembered::new(&*entropy),
            named: Named::default(),
            ground,
            roles,
            throttle: Arc::new(Throttle::new(settings.throttle)),
            issuer: ArcSwap::from_pointee(settings.issuer),
            grace: AtomicU64::new(0),
            form_key,
            device_key,
            signers,
            guests: Assertions::default(),
            account_rules: ArcSwap::default(),
            post: OnceLock::new(),
            requests: Requests::default(),
            heard: AtomicU64::new(heard),
            listener: OnceLock::new(),
            applying: tokio::sync::Mutex::default(),
            store,
            clock,
            entropy,
        }))
    }

    /// The live session of this id in this directory, without the store; see [`Sessions::live`].
    pub fn live(&self, directory: &Directory, session_id: &str) -> Option<Arc<LiveSession>> {
        self.sessions().live(directory, session_id)
    }

    /// The live session of this id in this directory; see [`Sessions::find`].
    ///
    /// # Errors
    /// When it cannot be known.
    pub async fn find(&self, directory: &Directory, session_id: &str) -> Result<Option<Arc<LiveSession>>, StoreError> {
        self.sessions().find(directory, session_id).await
    }

    /// Whether the session of this key lives: whatever is bound to it ends with it. It is no use of the session.
    ///
    /// # Errors
    /// When it cannot be known.
    pub async fn session_lives(&self, key: &SessionKey) -> Result<bool, StoreError> {
        self.sessions().lives(key, &self.directories()).await
    }

    /// What roles hold now. While changes of the store may have been missed nobody knows, and the book says so
    /// ([`RoleBook::unknown`]).
    pub fn roles(&self) -> Arc<RoleBook> {
        if self.sessions().is_deaf() { self.roles.unknown() } else { self.roles.book() }
    }

    /// The assertion that tells `upstream` who is calling, by which `method`. The same one serves a session (or all
    /// guests) for half its life. `None` without a key, which [`Auth::open`] excludes: then nothing may be sent.
    pub fn assertion(
        &self,
        live: Option<&LiveSession>,
        identity: &Identity,
        upstream: &Arc<str>,
        method: &'static str,
    ) -> Option<HeaderValue> {
        let now = self.clock.now();
        let sign = || self.sign_assertion(identity, upstream, method, now);
        match (live, identity) {
            // The slot must be about this very identity, else the assertion is made for this request alone.
            (Some(live), Identity::Known(account)) if *live.account() == **account => {
                live.assertions.get_or_sign(upstream, method, None, now, sign)
            }
            (None, Identity::Guest) => self.guests.get_or_sign(upstream, method, None, now, sign),
            _ => sign(),
        }
    }

    /// The same for whoever proved it by another credential that is remembered.
    pub fn assertion_of(
        &self,
        standing: &Standing,
        identity: &Identity,
        upstream: &Arc<str>,
        method: &'static str,
    ) -> Option<HeaderValue> {
        let now = self.clock.now();
        let sign = || self.sign_assertion(identity, upstream, method, now);
        match identity {
            Identity::Known(account) if *standing.account() == **account => {
                standing.assertions().get_or_sign(upstream, method, None, now, sign)
            }
            _ => sign(),
        }
    }

    fn sign_assertion(&self, identity: &Identity, upstream: &str, method: &'static str, now: Time) -> Option<HeaderValue> {
        let account = identity.account();
        let token = self.signers.first()?.sign(&Claims {
            iss: &self.issuer.load(),
            aud: upstream,
            sub: &identity.to_string(),
            login: account.map(|account| &*account.login),
            roles: account.map(|account| account.role_names().collect()).unwrap_or_default(),
            method,
            iat: now,
        });
        let mut value = HeaderValue::from_maybe_shared(token).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The public keys of assertions, as a JWK set.
    pub fn assertion_keys(&self) -> serde_json::Value {
        assertion::jwks(&self.signers)
    }

    /// The directories of a new policy, after a reload.
    pub fn set_directories(&self, directories: Vec<Arc<Directory>>) {
        self.ground.directories.store(Arc::new(directories));
        self.directories_of_pairs_changed();
        self.directories_of_holders_changed();
        self.sessions().timeouts_changed();
        self.tokens.directories_changed();
    }

    /// How long requests with the id of a session that a sign-in replaced are carried over; zero, the beginning, carries
    /// none.
    pub fn set_grace(&self, grace: Duration) {
        self.grace.store(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX), SeqCst);
    }

    /// What [`Auth::set_grace`] was told.
    pub fn grace(&self) -> Duration {
        Duration::from_millis(self.grace.load(SeqCst))
    }

    /// Assertions that are signed from now on name this issuer; older ones are not used again.
    pub fn set_issuer(&self, issuer: Arc<str>) {
        if **self.issuer.load() != issuer {
            self.issuer.store(Arc::new(issuer));
            self.guests.clear();
            self.sessions().forget_assertions();
            self.tokens.forget_assertions();
            self.pairs.forget_assertions();
            self.named.forget_assertions();
        }
    }

    /// The directories as they are now.
    pub fn directories(&self) -> Arc<Vec<Arc<Directory>>> {
        self.ground.directories.load_full()
    }

    /// What it is doing.
    pub fn stats(&self) -> AuthStats {
        AuthStats {
            sessions: self.sessions().len(),
            tokens: self.tokens.len(),
            pairs: self.pairs.len(),
            pool: self.pool.stats(),
            throttled: self.throttle.len(),
        }
    }

    /// The store behind it. Whoever changes something calls [`Auth::apply_changes`] before saying so.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// Unpredictable bytes.
    pub fn entropy(&self) -> &dyn Entropy {
        &*self.entropy
    }

    /// The pool that hashes passwords.
    pub fn pool(&self) -> &PasswordPool {
        &self.pool
    }

    /// The index of live sessions.
    pub fn sessions(&self) -> &Sessions {
        &self.ground.sessions
    }

    /// Where it is known what accounts proved.
    pub(crate) fn ground(&self) -> &Ground {
        &self.ground
    }

    /// Bearer tokens.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Pairs of login and password that were right lately.
    pub(crate) fn pairs(&self) -> &Remembered {
        &self.pairs
    }

    /// Accounts that certificates named.
    pub(crate) fn named(&self) -> &Named {
        &self.named
    }

    /// Whether changes may be missed now: nothing that is remembered is trusted without the store then, and nobody has a role.
    pub fn is_deaf(&self) -> bool {
        self.sessions().is_deaf()
    }

    /// While `deaf`, changes may be missed, so nothing that is remembered is trusted without the store.
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.sessions().set_deaf(deaf);
        self.tokens.set_deaf(deaf);
        self.pairs.set_deaf(deaf);
        self.named.set_deaf(deaf);
    }

    /// The counters of failed sign-ins.
    pub fn throttle(&self) -> &Arc<Throttle> {
        &self.throttle
    }

    /// The key of form tokens ([`doorward_crypto::form`]).
    pub fn form_key(&self) -> &[u8] {
        &self.form_key
    }

    /// The key of nonces in proofs of possession: the same on all nodes. It is that of forms, over other texts.
    pub fn nonce_key(&self) -> &[u8] {
        &self.form_key
    }

    pub(crate) fn device_key(&self) -> &[u8] {
        &self.device_key
    }
}

/// The secret of a purpose: 256 bits, made once and kept.
async fn secret_key(store: &dyn Store, entropy: &dyn Entropy, purpose: &str, now: Time) -> Result<Arc<[u8]>, StoreError> {
    let secret: [u8; 32] = random(entropy);
    let id: String = sha256_hex(session_id::generate(entropy).as_bytes()).chars().take(16).collect();
    let key = made(purpose, id.into(), &secret, now);
    Ok(store.key_or_insert(key).await?.secret)
}

fn made(purpose: &str, id: Arc<str>, secret: &[u8], now: Time) -> StoredKey {
    let purpose = purpose.into();
    StoredKey { purpose, id, secret: secret.into(), algorithm: None, created: now, active_from: None, retired: None }
}

/// All assertion keys, newest first; one is made if there is none.
async fn assertion_keys(store: &dyn Store, entropy: &dyn Entropy, now: Time) -> Result<Vec<Signer>, AuthError> {
    let pkcs8 = Signer::generate(entropy)?;
    let id = Arc::clone(Signer::from_pkcs8(&pkcs8)?.kid());
    store.key_or_insert(made("assertion", id, &pkcs8, now)).await?;
    let keys = store.keys("assertion").await?;
    Ok(keys.iter().map(|key| Signer::from_pkcs8(&key.secret)).collect::<Result<_, _>>()?)
}

#[cfg(test)]
mod tests;
