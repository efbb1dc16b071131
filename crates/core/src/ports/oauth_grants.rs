//! Memory for what people allowed clients to do: codes, refresh tokens, codes of devices, pushed requests, consents.
//!
//! Whatever works once is taken by one operation, so that of all that come at the same time exactly one has it. Secrets are
//! kept as hashes ([`TokenKey`]).

use super::{Client, Grant, StoreError, TokenKey};
use crate::{Kind, Time, session::SessionKey};
use async_trait::async_trait;
use std::{sync::Arc, time::Duration};

/// What a person allowed a client once. All tokens that come of it name it, and end with it.
///
/// It ends with the account's version (another password, disabling), with the account and the client, and with the session
/// that it is bound to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// Its name: 128 random bits. It is no secret.
    pub id: Arc<str>,
    /// The client's id.
    pub client: Arc<str>,
    /// The kind of the account.
    pub kind: Kind,
    /// The id of the account.
    pub account: u64,
    /// The account's version when it began; another version ends it.
    pub account_version: u64,
    /// The session that it ends with; `None` outlives sessions.
    pub session: Option<SessionKey>,
    /// What clients know that session by: a hash that says nothing of its id.
    pub sid: Arc<str>,
    /// By which way the client came to it; `None` where nobody wrote that down.
    pub grant: Option<Grant>,
    /// What was allowed.
    pub scopes: Vec<Arc<str>>,
    /// For whom tokens may be (RFC 8707); empty: for no one in particular.
    pub resources: Vec<Arc<str>>,
    /// When the person proved to be the account.
    pub authenticated: Time,
    /// How (RFC 8176 words).
    pub factors: Vec<Arc<str>>,
    /// The key or certificate of the client that tokens are bound to, as `cnf` writes it.
    pub binding: Option<Arc<str>>,
    /// When it was given.
    pub created: Time,
    /// When it ends whatever happens. Until its code is redeemed that is the end of the code.
    pub expires: Time,
}

impl Authorization {
    /// Whether the client may still act for people in the way by which it was allowed to.
    pub fn is_upheld_by(&self, client: &Client) -> bool {
        let may = |grant| client.may(grant);
        self.grant.map_or_else(|| may(Grant::AuthorizationCode) || may(Grant::DeviceCode), may)
    }
}

/// An authorization code (RFC 6749 4.1.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// Its hash.
    pub key: TokenKey,
    /// Where it was sent.
    pub redirect_uri: Arc<str>,
    /// Whether the request named that, so that the token request must, too.
    pub named: bool,
    /// The challenge of RFC 7636.
    pub challenge: [u8; 32],
    /// For the ID token.
    pub nonce: Option<Arc<str>>,
    /// The key that it is for (RFC 9449 10).
    pub dpop_jkt: Option<Arc<str>>,
    /// How long the authorization lasts from its redemption.
    pub lasts: Duration,
}

/// A refresh token, and whether it was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refresh {
    /// What it renews.
    pub authorization: Authorization,
    /// Whether another one took its place.
    pub used: bool,
}

/// What became of something that works once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once<T> {
    /// This was the first use.
    First(T),
    /// It was used before. What that gave has ended now: somebody else has it (RFC 6749 4.1.2, RFC 9700 4.14.2).
    Again,
    /// There is none, or none any more.
    Never,
}

/// What a person remembers to have allowed a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The kind of the account.
    pub kind: Kind,
    /// The id of the account.
    pub account: u64,
    /// The client's id.
    pub client: Arc<str>,
    /// What it is good for.
    pub scopes: Vec<Arc<str>>,
    /// For whom.
    pub resources: Vec<Arc<str>>,
    /// When it was given last.
    pub granted: Time,
}

/// A request that a client pushed (RFC 9126).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// The hash of its reference.
    pub key: TokenKey,
    /// The client's id.
    pub client: Arc<str>,
    /// Its parameters as a form.
    pub parameters: Arc<str>,
    /// From when on it works no more.
    pub expires: Time,
}

/// A device that waits for a person (RFC 8628).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The hash of the device code.
    pub key: TokenKey,
    /// The hash of what the person types.
    pub user_code: TokenKey,
    /// The client's id.
    pub client: Arc<str>,
    /// What it asks for.
    pub scopes: Vec<Arc<str>>,
    /// For whom tokens shall be.
    pub resources: Vec<Arc<str>>,
    /// The key or certificate that tokens will be bound to, as `cnf` writes it.
    pub binding: Option<Arc<str>>,
    /// How long it must wait between two questions.
    pub interval: Duration,
    /// From when on it works no more.
    pub expires: Time,
}

/// What a device is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Polled {
    /// Nobody decided yet.
    Pending,
    /// The same, and it asked too soon: the interval has grown.
    SlowDown,
    /// The person said no.
    Denied,
    /// Its time is over.
    Expired,
    /// The person said yes; this is told once.
    Allowed(Box<Authorization>),
    /// There is none, or none any more.
    Never,
}

/// The part of the store that remembers what people allowed. What it acknowledges survives `kill -9` and power loss.
///
/// Wherever something is given out, the account must be enabled, confirmed and of the authorization's version, and the session
/// that it is bound to must be there; else it ends, and nothing is given.
#[async_trait]
pub trait OAuthGrants: Send + Sync {
    /// Stores a code with what it is good for; the authorization ends at `authorization.expires` unless the code is redeemed.
    /// With `pushed`, the request of that key is used up: whether it was still there. It fails with [`StoreError::Missing`]
    /// when the account or the session is no longer what the authorization says.
    async fn add_code(&self, authorization: &Authorization, code: &Code, pushed: Option<&TokenKey>) -> Result<bool, StoreError>;
    /// A code and its authorization, used or not.
    async fn code(&self, key: &TokenKey) -> Result<Option<(Code, Authorization)>, StoreError>;
    /// Redeems a code. The authorization then lasts as the code says, is bound to `binding`, and has `refresh` as its first
    /// refresh token. A second use ends it.
    async fn redeem_code(
        &self,
        key: &TokenKey,
        binding: Option<Arc<str>>,
        refresh: Option<&TokenKey>,
        now: Time,
    ) -> Result<Once<Authorization>, StoreError>;
    /// A refresh token, used or not.
    async fn refresh_token(&self, key: &TokenKey) -> Result<Option<Refresh>, StoreError>;
    /// Puts `next` in the place of a refresh token. A second use ends the authorization.
    async fn rotate_refresh(&self, key: &TokenKey, next: &TokenKey, now: Time) -> Result<Once<Authorization>, StoreError>;

    /// An authorization that stands now.
    async fn authorization(&self, id: &str, now: Time) -> Result<Option<Authorization>, StoreError>;
    /// Ends an authorization; whether there was one. It is a [`super::Changed::Account`] of its account.
    async fn end_authorization(&self, id: &str) -> Result<bool, StoreError>;

    /// Remembers a consent in place of an earlier one of the same account and client.
    async fn put_consent(&self, consent: &Consent) -> Result<(), StoreError>;
    /// What an account allows a client.
    async fn consent(&self, kind: Kind, account: u64, client: &str) -> Result<Option<Consent>, StoreError>;
    /// What an account allows, newest first.
    async fn consents_of(&self, kind: Kind, account: u64) -> Result<Vec<Consent>, StoreError>;
    /// Ends what an account allows a client, with all that came of it; whether there was anything.
    async fn end_consent(&self, kind: Kind, account: u64, client: &str) -> Result<bool, StoreError>;

    /// Stores a pushed request.
    async fn push_request(&self, pushed: &Pushed) -> Result<(), StoreError>;
    /// A pushed request that is not over. It stays.
    async fn pushed_request(&self, key: &TokenKey, now: Time) -> Result<Option<Pushed>, StoreError>;
    /// Uses a pushed request up; whether it was still there.
    async fn take_pushed(&self, key: &TokenKey, now: Time) -> Result<bool, StoreError>;

    /// Stores what a device asks for. It fails with [`StoreError::Exists`] when another one waits with the same user code.
    async fn add_device(&self, device: &Device, now: Time) -> Result<(), StoreError>;
    /// The device that waits with this user code and is not decided about.
    async fn device(&self, user_code: &TokenKey, now: Time) -> Result<Option<Device>, StoreError>;
    /// Decides about a device, once; `None` says no. Whether it still waited. It fails as [`OAuthGrants::add_code`] does.
    async fn decide_device(
        &self,
        user_code: &TokenKey,
        authorization: Option<&Authorization>,
        now: Time,
    ) -> Result<bool, StoreError>;
    /// What became of a device of this client. The authorization is given once, with `refresh` as its first refresh token; it is
    /// bound to `binding` unless the device was bound to something when it began.
    async fn poll_device(
        &self,
        key: &TokenKey,
        client: &str,
        binding: Option<Arc<str>>,
        refresh: Option<&TokenKey>,
        now: Time,
    ) -> Result<Polled, StoreError>;

    /// Forgets what is over; how much that was.
    async fn purge_grants(&self, now: Time) -> Result<u64, StoreError>;
}
