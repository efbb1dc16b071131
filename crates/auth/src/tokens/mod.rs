//! Bearer tokens: who carries one, and new ones (magento-webapi 6).
//!
//! A token is judged once and then remembered by its hash, as sessions are: whoever hears that an account or a key changed
//! doubts what hangs on it, and nothing doubtful counts before the store was asked again. What is remembered is bounded.
//! Both kinds are always read, whichever is issued: first opaque ones, then signed ones.

mod access;
mod foreign;
mod introspection;
mod keys;
mod live;
mod oauth;
mod own;
mod owners;
mod signing;
#[cfg(test)]
mod tests;
mod web;

pub use access::{AccessAsked, AccessProfile, OwnIssuer, SCOPE_ROLE};
pub use foreign::{ClaimPath, FetchedKeys, IssuerKeys, IssuerSettings, KeySource, RoleClaims};
pub use introspection::{ClientProof, IntrospectionCounts, IntrospectionSettings};
pub use live::LiveToken;
pub use oauth::PURPOSE as OAUTH_KEYS;
pub use signing::{KeyRules, PUBLISHED_AHEAD, new_key as new_signing_key};
pub use web::{Fault, PURPOSE as WEB_KEYS, WebError, WebSettings};

use crate::Ground;
use doorward_core::{
    Account, Kind, Time,
    ports::{AccountRecord, Clock, Entropy, Store, StoreError, TokenKey, TokenRecord},
};
use doorward_crypto::{
    sha256,
    user_token::{self, BadToken, TokenSigner, UserClaims},
};
use keys::Keys;
pub use keys::{PURPOSE as TOKEN_KEYS, new_key as new_token_key};
use live::{Claims, Live, Origin};
use owners::{Owner, Owners};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};

/// What new tokens are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// Signed: nothing is stored.
    Jwt,
    /// 32 characters that the store remembers.
    Opaque,
}

/// How tokens are issued and read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenSettings {
    /// What new tokens are like.
    pub format: TokenFormat,
    /// How long a customer's new token lasts.
    pub customer_lifetime: Duration,
    /// How long an admin's new token lasts.
    pub admin_lifetime: Duration,
    /// Whether the tokens of integrations count.
    pub integration_bearer: bool,
    /// How many failures of one account from one network are too many for the token endpoints.
    pub max_failures: u32,
    /// How long they lock.
    pub lock: Duration,
}

/// Signed tokens of an hour; six failures lock for half an hour (magento-webapi 6.3, 6.5).
impl Default for TokenSettings {
    fn default() -> Self {
        let hour = Duration::from_secs(3600);
        Self {
            format: TokenFormat::Jwt,
            customer_lifetime: hour,
            admin_lifetime: hour,
            integration_bearer: false,
            max_failures: 6,
            lock: hour / 2,
        }
    }
}

/// A token that was made: for the caller, and nobody else.
#[derive(Clone)]
pub struct IssuedToken {
    /// The token. A secret.
    pub token: String,
    /// When it ends; `None` never does by itself.
    pub expires: Option<Time>,
}

/// Without the token.
impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// A token proves nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is none that counts; the text is for the operator.
    #[error("{0}")]
    Refused(&'static str),
    /// It cannot be known.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
}

impl From<BadToken> for TokenError {
    fn from(bad: BadToken) -> Self {
        TokenError::Refused(bad.text())
    }
}

const ENDED: &str = "it is unknown, or was ended";
const NOBODY: &str = "its account is gone or disabled";
const INTEGRATION: &str = "tokens of integrations do not count here (`[tokens] integration_bearer`)";

/// Reads and issues tokens.
pub struct Tokens {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    ground: Ground,
    entropy: Arc<dyn Entropy>,
    settings: arc_swap::ArcSwap<TokenSettings>,
    keys: Keys<TokenSigner>,
    web: web::Web,
    foreign: foreign::Foreign,
    introspection: introspection::Introspection,
    oauth: oauth::OAuth,
    live: Live,
    owners: Owners,
    /// Set while we may have missed revocations: then nothing is trusted without the store.
    deaf: AtomicBool,
}

impl Tokens {
    /// Reads the keys there are; makes none.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub async fn open(ground: Ground, entropy: Arc<dyn Entropy>, settings: TokenSettings) -> Result<Self, StoreError> {
        let (store, clock) = (Arc::clone(&ground.store), Arc::clone(&ground.clock));
        let keys = Keys::of(TOKEN_KEYS);
        let oauth = oauth::OAuth::default();
        oauth.keys.keys.reload(&*store, clock.now()).await?;
        keys.reload(&*store, clock.now()).await?;
        let web = web::Web::open(&*store, clock.now()).await?;
        Ok(Self {
            web,
            foreign: foreign::Foreign::default(),
            introspection: introspection::Introspection::default(),
            oauth,
            store,
            clock,
            ground,
            entropy,
            settings: arc_swap::ArcSwap::from_pointee(settings),
            keys,
            live: Live::default(),
            owners: Owners::default(),
            deaf: AtomicBool::new(false),
        })
    }

    /// How tokens are issued and read now.
    pub fn settings(&self) -> TokenSettings {
        **self.settings.load()
    }

    /// From now on.
    pub fn set_settings(&self, settings: TokenSettings) {
        self.settings.store(Arc::new(settings));
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whose token it is.
    ///
    /// # Errors
    /// When it is nobody's, or the store cannot be asked.
    pub async fn find(&self, token: &str) -> Result<Arc<LiveToken>, TokenError> {
        if token.len() > user_token::LONGEST {
            return Err(BadToken::Malformed.into());
        }
        let key = TokenKey(sha256(token.as_bytes()));
        let deaf = self.deaf.load(SeqCst);
        if !deaf && let Some(live) = self.live.get(&key).filter(|live| live.is_sure()) {
            self.admits(live.kind())?;
            return if live.has_expired(self.clock.now()) { Err(BadToken::Expired.into()) } else { Ok(live) };
        }
        let is_no = |error: &TokenError| matches!(error, TokenError::Refused(_));
        Box::pin(self.load(key, deaf, self.ask(token, key), is_no)).await
    }

    /// A new token for whoever was proved to be this account by what was known at `proved`.
    ///
    /// It is dated so that whatever ends the account's tokens after `proved` ends it too. A signed one is dated to the
    /// second, so in the second in which others were ended it has to wait for the next one.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the account is no longer what it was; others when the store cannot be asked.
    pub async fn issue(&self, record: &AccountRecord, proved: Time) -> Result<IssuedToken, StoreError> {
        let settings = self.settings();
        let signed = settings.format == TokenFormat::Jwt && record.account.kind != Kind::Integration;
        let (record, proved) = &self.after_the_last_end(record, proved, if signed { 1000 } else { 1 }).await?;
        let proved = *proved;
        let lifetime = match record.account.kind {
            Kind::Customer => Some(settings.customer_lifetime),
            Kind::Admin => Some(settings.admin_lifetime),
            Kind::Integration => None,
        };
        match (settings.format, lifetime) {
            (TokenFormat::Jwt, Some(lifetime)) => self.issue_signed(record, proved, lifetime).await,
            (TokenFormat::Opaque, _) | (_, None) => self.issue_opaque(record, proved, lifetime).await,
        }
    }

    /// The account, and a moment at which it was so and that is after the last one that ended its tokens, in units of so
    /// many milliseconds.
    pub(crate) async fn after_the_last_end(
        &self,
        record: &AccountRecord,
        proved: Time,
        unit: u64,
    ) -> Result<(AccountRecord, Time), StoreError> {
        let (mut known, mut at) = (record.clone(), proved);
        for _ in 0..3 {
            if at.0 / unit > known.tokens_not_before.0 / unit {
                return Ok((known, at));
            }
            let now = self.clock.now();
            if now.0 / unit <= known.tokens_not_before.0 / unit {
                tokio::time::sleep(Duration::from_millis(unit - now.0 % unit)).await;
            }
            at = self.clock.now();
            let account = self.store.account(record.account.kind, record.account.id).await?;
            let same = account.filter(|now| now.enabled && now.version == record.version);
            known = same.ok_or_else(|| StoreError::Missing("the account of this proof".to_owned()))?;
        }
        Err(StoreError::Unavailable("the tokens of this account were ended in the future".to_owned()))
    }

    async fn issue_signed(&self, record: &AccountRecord, proved: Time, lifetime: Duration) -> Result<IssuedToken, StoreError> {
        let signer = self.keys.signer(&*self.store, &*self.entropy, self.clock.now()).await?;
        let iat = proved.seconds();
        let exp = iat.saturating_add(lifetime.as_secs());
        let claims = UserClaims { kind: record.account.kind, uid: record.account.id, iat, exp };
        let token = signer.sign(&claims).ok_or_else(|| StoreError::Missing("a signed token of this kind".into()))?;
        Ok(IssuedToken { token, expires: Some(Time(exp.saturating_mul(1000))) })
    }

    async fn issue_opaque(
        &self,
        record: &AccountRecord,
        proved: Time,
        lifetime: Option<Duration>,
    ) -> Result<IssuedToken, StoreError> {
        let token = user_token::opaque(&*self.entropy);
        let stored = TokenRecord {
            key: TokenKey(sha256(token.as_bytes())),
            kind: record.account.kind,
            account: record.account.id,
            created: proved,
            expires: lifetime.map(|lifetime| proved + lifetime),
        };
        self.store.add_token(&stored, record.version).await?;
        Ok(IssuedToken { token, expires: stored.expires })
    }

    /// While `deaf`, changes may be missed, so every token is looked at anew.
    pub(crate) fn set_deaf(&self, deaf: bool) {
        self.deaf.store(deaf, SeqCst);
    }

    /// Something happened to an account: its tokens are asked about at once.
    pub(crate) async fn account_changed(&self, kind: Kind, id: u64) {
        // First: whoever asks from now on asks the store.
        self.owners.forget(kind, id);
        for live in self.live.doubt_those(|live| live.kind() == kind && live.account_id() == id) {
            self.recheck(&live).await;
        }
    }

    /// Much may have happened: all are in doubt, and those with open connections are asked about at once.
    pub(crate) async fn everything_changed(&self) {
        self.owners.forget_all();
        for live in self.live.doubt_those(|_| true) {
            if live.is_watched() {
                self.recheck(&live).await;
            }
        }
    }

    /// Keys came or went.
    pub(crate) async fn keys_changed(&self) -> Result<(), StoreError> {
        self.reload_keys().await?;
        self.everything_changed().await;
        Ok(())
    }

    /// Ends what has expired, for open connections too.
    pub(crate) fn sweep(&self) {
        self.live.sweep(self.clock.now());
    }

    /// Assertions are signed anew.
    pub(crate) fn forget_assertions(&self) {
        // First: a token that comes meanwhile must not bring an old one along.
        self.owners.forget_all();
        self.live.forget_assertions();
    }

    async fn reload_keys(&self) -> Result<(), StoreError> {
        self.keys.reload(&*self.store, self.clock.now()).await?;
        self.oauth.keys.keys.reload(&*self.store, self.clock.now()).await?;
        self.web.reload(&*self.store, self.clock.now()).await
    }

    /// Judges a token that is not remembered, or is in doubt; `ask` does, and `is_no` says whether what it failed with is
    /// about the token.
    async fn load<E: From<StoreError>>(
        &self,
        key: TokenKey,
        deaf: bool,
        ask: impl Future<Output = Result<(Claims, Arc<Owner>), E>>,
        is_no: impl Fn(&E) -> bool,
    ) -> Result<Arc<LiveToken>, E> {
        let epoch = self.live.epoch();
        let known = self.live.get(&key).map(|live| (live.doubts(), live));
        if deaf {
            self.reload_keys().await?;
        }
        let (claims, owner) = match ask.await {
            Ok(answer) => answer,
            Err(why) => {
                if let Some((_, live)) = known.filter(|_| is_no(&why)) {
                    self.live.end(&live);
                }
                return Err(why);
            }
        };
        if let Some((doubts, live)) = known {
            let old = live.claims();
            let same = (old.kind, old.account, &old.origin) == (claims.kind, claims.account, &claims.origin)
                && (&old.scopes, old.expires) == (&claims.scopes, claims.expires);
            if same && !live.has_ended() {
                live.confirm(doubts, &owner.record.account, claims.until);
                return Ok(live);
            }
            // What names somebody by a login may mean another account by now, or it is good for less.
            self.live.end(&live);
        }
        Ok(self.live.admit(LiveToken::new(key, claims, &owner), epoch, self.clock.now()))
    }

    async fn ask(&self, token: &str, key: TokenKey) -> Result<(Claims, Arc<Owner>), TokenError> {
        let (claims, owner) = if user_token::is_opaque(token) {
            let (token, record) = self.store.token(&key).await?.ok_or(TokenError::Refused(ENDED))?;
            (Claims::of(&token), Owner::of(record))
        } else {
            let claims = self.read_signed(token).await?;
            let owner = self.owner(claims.kind, claims.account).await?;
            (claims, owner.ok_or(TokenError::Refused(NOBODY))?)
        };
        self.judge(&claims, &owner.record)?;
        Ok((claims, owner))
    }

    /// The account, as it is until somebody says that it changed.
    async fn owner(&self, kind: Kind, id: u64) -> Result<Option<Arc<Owner>>, StoreError> {
        if self.deaf.load(SeqCst) {
            return Ok(self.store.account(kind, id).await?.map(Owner::of));
        }
        if let Some(owner) = self.owners.get(kind, id) {
            return Ok(Some(owner));
        }
        let epoch = self.owners.epoch();
        Ok(self.store.account(kind, id).await?.map(|record| self.owners.keep(record, epoch)))
    }

    /// A key that nobody here knows may be one that another node made just now.
    async fn read_signed(&self, token: &str) -> Result<Claims, TokenError> {
        let now = self.clock.now();
        let mut read = self.keys.verify(token, now);
        if read == Err(BadToken::UnknownKey) && self.keys.reload_seldom(&*self.store, now).await? {
            read = self.keys.verify(token, now);
        }
        Ok(read?)
    }

    fn admits(&self, kind: Kind) -> Result<(), TokenError> {
        if kind == Kind::Integration && !self.settings().integration_bearer {
            return Err(TokenError::Refused(INTEGRATION));
        }
        Ok(())
    }

    /// Whether what a token says still makes it one of this account.
    fn judge(&self, claims: &Claims, record: &AccountRecord) -> Result<(), TokenError> {
        // That setting is about the tokens that we issue to programs without asking which client they are.
        if !matches!(claims.origin, Origin::Foreign(_) | Origin::Own(_) | Origin::Introspected(_)) {
            self.admits(claims.kind)?;
        }
        if claims.expires.is_some_and(|end| end <= self.clock.now()) {
            return Err(BadToken::Expired.into());
        }
        if !record.enabled || record.account.kind != claims.kind || record.account.id != claims.account {
            return Err(TokenError::Refused(NOBODY));
        }
        if claims.is_revoked(record) {
            return Err(TokenError::Refused(ENDED));
        }
        Ok(())
    }

    /// Asks the store about one that is remembered, and ends it unless the answer is yes.
    async fn recheck(&self, live: &Arc<LiveToken>) {
        let doubts = live.doubts();
        let claims = live.claims();
        let record = match &claims.origin {
            Origin::Opaque => self.store.token(&live.key()).await.map(|found| found.map(|(_, record)| record)),
            Origin::Signed(kid) if self.keys.knows(kid, self.clock.now()) => {
                self.store.account(claims.kind, claims.account).await
            }
            Origin::Web(kid) if self.web.knows(kid.as_deref(), self.clock.now()) => {
                self.store.account(claims.kind, claims.account).await
            }
            Origin::Foreign(vouched) | Origin::Introspected(vouched) => {
                let found = self.still_vouched_for(vouched, claims, &live.account().directory).await;
                found.map(|record| record.map(|record| vouched.dress(record)))
            }
            Origin::Own(own) => return self.recheck_own(live, own, doubts).await,
            Origin::Signed(_) | Origin::Web(_) => Ok(None),
        };
        match record {
            Ok(Some(record)) if self.judge(claims, &record).is_ok() => live.confirm(doubts, &record.account, claims.until),
            Ok(_) => self.live.end(live),
            Err(error) => self.end_unchecked(live, &error),
        }
    }

    fn end_unchecked(&self, live: &Arc<LiveToken>, error: &StoreError) {
        tracing::warn!(%error, token = ?live.key(), "a token cannot be checked, so its connections end");
        self.live.end(live);
    }
}

/// The account with these roles besides its own, for one token alone. Roles that are named as scopes are
/// ([`SCOPE_ROLE`]) say what a token is good for, so those of the account say nothing of this one.
fn dressed(record: AccountRecord, roles: &[Arc<str>]) -> AccountRecord {
    let own = &record.account.roles;
    let mut all: Vec<Arc<str>> = own.iter().filter(|role| !role.starts_with(SCOPE_ROLE)).cloned().collect();
    for role in roles {
        if !all.contains(role) {
            all.push(Arc::clone(role));
        }
    }
    if all == *own {
        return record;
    }
    AccountRecord { account: Arc::new(Account { roles: all, ..(*record.account).clone() }), ..record }
}
