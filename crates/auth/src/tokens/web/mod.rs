//! JSON Web Tokens of people (ibexa-rest 3): who carries one, and new ones.
//!
//! They have keys, claims and settings of their own, so neither a token of the Magento dialect nor an assertion is one of
//! them. What was verified is remembered with the others: by the hash of the token *and* of the directories that were asked,
//! since whose a token without `sub` is depends on them.

mod keys;

pub use keys::PURPOSE;

use super::{
    IssuedToken, LiveToken, NOBODY, TokenError, Tokens,
    live::{Claims, Origin},
    owners::Owner,
    signing::SigningKeys,
};
use arc_swap::ArcSwap;
use doorward_core::{
    Account, Time,
    policy::Directory,
    ports::{AccountRecord, Store, StoreError, TokenKey},
};
use doorward_crypto::{
    jwt::{self, Algorithm, BadToken, Rules, SigningKey, Unverified, Verified},
    sha256,
};
use serde::Serialize;
use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

/// What Ibexa says of every user; roles are for the upstream's assertion, not for this (ibexa-rest 3.2).
const ROLES: [&str; 1] = ["ROLE_USER"];

/// How these tokens are issued and read.
#[derive(Clone, Debug)]
pub struct WebSettings {
    /// What new tokens are signed with.
    pub algorithm: Algorithm,
    /// The secret of HS256; with every other algorithm there is none.
    pub secret: Option<Arc<SigningKey>>,
    /// How long a new token lasts.
    pub lifetime: Duration,
    /// `iss`. `None`: there is none.
    pub issuer: Option<Arc<str>>,
    /// `aud`; one of them must be in a token. Empty: there is none.
    pub audience: Arc<[Arc<str>]>,
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// After how long another key signs; `None` leaves that to somebody.
    pub rotation: Option<Duration>,
}

impl Default for WebSettings {
    fn default() -> Self {
        Self {
            algorithm: Algorithm::EdDsa,
            secret: None,
            lifetime: Duration::from_secs(3600),
            issuer: None,
            audience: Arc::default(),
            leeway: Duration::ZERO,
            rotation: Some(Duration::from_secs(90 * 24 * 3600)),
        }
    }
}

/// What the caller is told of a token that does not count (ibexa-rest 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is none of ours, or was ended.
    Invalid,
    /// It says that it has ended, whether the signature is right or not.
    Expired,
    /// It names nobody.
    NoUsername,
    /// Its account is gone or disabled.
    Account,
    /// What it is bound to was not proved (RFC 9449 7.1).
    Proof,
    /// The same, for want of a nonce (RFC 9449 9).
    Nonce,
}

/// A token proves nobody.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebError {
    /// It is none that counts.
    #[error("{why}")]
    Refused {
        /// For the operator.
        why: &'static str,
        /// For the caller.
        fault: Fault,
    },
    /// It cannot be known.
    #[error(transparent)]
    Unavailable(#[from] StoreError),
    /// It cannot be known, for the keys of its issuer are not.
    #[error("{0}")]
    Unknown(Box<str>),
}

pub(super) const fn refused(why: &'static str, fault: Fault) -> WebError {
    WebError::Refused { why, fault }
}

/// What [`Tokens`] knows of these.
pub(super) struct Web {
    settings: ArcSwap<WebSettings>,
    keys: SigningKeys,
}

impl Web {
    pub(super) async fn open(store: &dyn Store, now: Time) -> Result<Self, StoreError> {
        let web = Self { settings: ArcSwap::default(), keys: SigningKeys::of(PURPOSE) };
        web.reload(store, now).await?;
        Ok(web)
    }

    pub(super) async fn reload(&self, store: &dyn Store, now: Time) -> Result<(), StoreError> {
        self.keys.keys.reload(store, now).await
    }

    /// Whether the key still verifies; the one without a name is the secret.
    pub(super) fn knows(&self, kid: Option<&str>, now: Time) -> bool {
        kid.map_or_else(|| self.settings.load().secret.is_some(), |kid| self.keys.keys.knows(kid, now))
    }

    fn verify(&self, token: &str, now: Time) -> Result<Verified, WebError> {
        let settings = self.settings.load();
        let unverified = Unverified::parse(token).map_err(|bad| refused(bad.text(), Fault::Invalid))?;
        // Nothing that it says is believed before the signature; but what it says of its end is what Ibexa answers.
        let fault = if unverified.says_ended(settings.leeway, now) { Fault::Expired } else { Fault::Invalid };
        let rules = Rules {
            issuer: settings.issuer.as_deref(),
            audience: &settings.audience,
            leeway: settings.leeway,
            ..Rules::default()
        };
        let stored = self.keys.keys.verifying(now);
        let keys = stored.iter().map(|key| key.verifying()).chain(settings.secret.iter().map(|key| key.verifying()));
        unverified.verify(keys, &rules, now).map_err(|bad| refused(bad.text(), fault))
    }
}

impl Tokens {
    /// How JSON Web Tokens are issued and read now.
    pub fn web_settings(&self) -> Arc<WebSettings> {
        self.web.settings.load_full()
    }

    /// From now on. What was remembered is judged again by the new settings.
    pub fn set_web_settings(&self, settings: WebSettings) {
        self.web.settings.store(Arc::new(settings));
        self.live.doubt_those(|live| matches!(live.claims().origin, Origin::Web(_)));
    }

    /// Whose JSON Web Token it is, of the accounts of these directories.
    ///
    /// # Errors
    /// When it is nobody's, or the store cannot be asked.
    pub async fn find_web(&self, token: &str, asked: &[Arc<Directory>]) -> Result<Arc<LiveToken>, WebError> {
        let question = ["jwt"].into_iter().chain(asked.iter().map(|directory| &*directory.name));
        self.find_remembered(token, question, self.ask_web(token, asked)).await
    }

    /// What is remembered of a token that is asked about like this or, failing that, what `ask` finds out. The question is
    /// every other input of the answer, each followed by a line's end.
    pub(super) async fn find_remembered<'q>(
        &self,
        token: &str,
        question: impl IntoIterator<Item = &'q str>,
        ask: impl Future<Output = Result<(Claims, Arc<Owner>), WebError>>,
    ) -> Result<Arc<LiveToken>, WebError> {
        if token.len() > jwt::LONGEST {
            return Err(refused(BadToken::Malformed.text(), Fault::Invalid));
        }
        let key = key(token, question);
        let deaf = self.deaf.load(SeqCst);
        let now = self.clock.now();
        let stands = |live: &Arc<LiveToken>| live.is_sure() && !live.is_due(now) && self.upholds(&live.claims().origin, now);
        if !deaf && let Some(live) = self.live.get(&key).filter(stands) {
            let expired = live.has_expired(now);
            return if expired { Err(refused(BadToken::Expired.text(), Fault::Expired)) } else { Ok(live) };
        }
        let is_no = |error: &WebError| matches!(error, WebError::Refused { .. });
        Box::pin(self.load(key, deaf, ask, is_no)).await
    }

    /// A new JSON Web Token for whoever was proved to be this account by what was known at `proved`; dated as
    /// [`Tokens::issue`] says.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when the account is no longer what it was; others when the store cannot be asked.
    pub async fn issue_web(&self, record: &AccountRecord, proved: Time) -> Result<IssuedToken, StoreError> {
        let (record, proved) = self.after_the_last_end(record, proved, 1000).await?;
        let settings = self.web_settings();
        let signer = self.web_signer(&settings).await?;
        let iat = proved.seconds();
        let exp = iat.saturating_add(settings.lifetime.as_secs());
        let claims = Said {
            iat,
            exp,
            roles: ROLES,
            username: &record.account.login,
            sub: format!("{}/{}", record.account.directory, record.account.id),
            iss: settings.issuer.as_deref(),
            aud: match &*settings.audience {
                [] => None,
                [one] => Some(Audience::One(one)),
                many => Some(Audience::Many(many)),
            },
        };
        let token = signer.sign(&claims).map_err(|error| StoreError::Unavailable(error.to_string()))?;
        Ok(IssuedToken { token, expires: Some(Time(exp.saturating_mul(1000))) })
    }

    async fn ask_web(&self, token: &str, asked: &[Arc<Directory>]) -> Result<(Claims, Arc<Owner>), WebError> {
        if let Some(answer) = self.ask_foreign(token, asked, None).await {
            return answer;
        }
        let Verified { claims: said, kid, .. } = self.read_web(token).await?;
        // Without it nobody could say whether the token was ended.
        let issued = said.issued.ok_or(refused("it does not say when it was issued (`iat`)", Fault::Invalid))?;
        let owner = self.account_of(&said, asked).await?;
        let (kind, account) = (owner.record.account.kind, owner.record.account.id);
        let expires = Some(said.expires + self.web_settings().leeway);
        let claims = Claims { kind, account, issued, expires, until: None, scopes: None, origin: Origin::Web(kid) };
        match self.judge(&claims, &owner.record) {
            Ok(()) => Ok((claims, owner)),
            Err(TokenError::Unavailable(error)) => Err(error.into()),
            Err(TokenError::Refused(why)) if why == NOBODY => Err(refused(why, Fault::Account)),
            Err(TokenError::Refused(why)) => Err(refused(why, Fault::Invalid)),
        }
    }

    /// A key that nobody here knows may be one that another node made just now.
    async fn read_web(&self, token: &str) -> Result<Verified, WebError> {
        let now = self.clock.now();
        let read = self.web.verify(token, now);
        let unknown = matches!(read, Err(WebError::Refused { why, .. }) if why == BadToken::UnknownKey.text());
        if unknown && self.web.keys.keys.reload_seldom(&*self.store, now).await? {
            return self.web.verify(token, now);
        }
        read
    }

    /// Whose it is by `sub`, which names directory and id; without one by the login, if a single directory is asked.
    async fn account_of(&self, said: &jwt::Claims, asked: &[Arc<Directory>]) -> Result<Arc<Owner>, WebError> {
        const SEVERAL: WebError = refused("it names no directory (`sub`), and several are asked", Fault::Invalid);
        let (directory, found) = match said.text("sub") {
            Some(sub) => {
                let (name, id) = subject(sub).ok_or(refused("its `sub` is none of ours", Fault::Invalid))?;
                let directory = asked.iter().find(|directory| *directory.name == *name);
                let directory =
                    directory.ok_or(refused("it is of a directory that the firewall does not ask", Fault::Invalid))?;
                (directory, self.owner(directory.kind, id).await?)
            }
            None => {
                let login = said.text("username").ok_or(refused("it names nobody (`username`)", Fault::NoUsername))?;
                let [directory] = asked else { return Err(SEVERAL) };
                let found = self.store.account_by_login(&directory.name, directory.website, login).await?;
                (directory, found.map(Owner::of))
            }
        };
        let is_its = |account: &Account| account.directory == directory.name && account.kind == directory.kind;
        found.filter(|owner| is_its(&owner.record.account)).ok_or(refused(NOBODY, Fault::Account))
    }
}

/// By what a token is remembered: itself, what it is to be, and whom it is asked about. No part of it can hold a line's end.
fn key<'q>(token: &str, question: impl IntoIterator<Item = &'q str>) -> TokenKey {
    let mut text = String::with_capacity(token.len() + 192);
    for part in question {
        text.push_str(part);
        text.push('\n');
    }
    text.push_str(token);
    TokenKey(sha256(text.as_bytes()))
}

/// `admins/1`.
fn subject(sub: &str) -> Option<(&str, u64)> {
    let (directory, id) = sub.split_once('/')?;
    let plain = id.bytes().all(|b| b.is_ascii_digit()) && !id.starts_with('0');
    Some((directory, id.parse().ok().filter(|_| plain)?))
}

/// The claims in the order of ibexa-rest 3.2, and ours behind them.
#[derive(Serialize)]
struct Said<'a> {
    iat: u64,
    exp: u64,
    roles: [&'static str; 1],
    username: &'a str,
    sub: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<Audience<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Audience<'a> {
    One(&'a str),
    Many(&'a [Arc<str>]),
}

#[cfg(test)]
mod tests;
