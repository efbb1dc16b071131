//! JSON Web Tokens of other issuers, whose accounts are ours: who carries one.
//!
//! An issuer is chosen by `iss` and judged by its own keys and its own settings; nothing of one counts for another. It vouches
//! for who somebody is, and the configuration says which account that is. No account is ever made for it.

pub(super) mod claims;
mod keys;
#[cfg(test)]
mod tests;

pub use claims::{ClaimPath, RoleClaims};
pub use keys::{FetchedKeys, IssuerKeys, KeySource};

use super::{
    NOBODY, TokenError, Tokens,
    access::{AccessAsked, roles_of},
    dressed,
    live::{Claims, Origin},
    owners::Owner,
    web::{Fault, WebError, refused},
};
use arc_swap::ArcSwap;
use doorward_core::{
    Time,
    policy::Directory,
    ports::{AccountRecord, Subject},
    possession::Bound,
};
use doorward_crypto::jwt::{self, Algorithm, BadToken, Rules, Unverified, Verified};
use keys::Ring;
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

/// Beats of the background.
const NOW_AND_THEN: u64 = 20;

/// How tokens of one issuer are read.
#[derive(Clone, Debug)]
pub struct IssuerSettings {
    /// `iss`, exactly.
    pub issuer: Arc<str>,
    /// Its keys.
    pub keys: KeySource,
    /// One of them must be in `aud`. Empty: no token counts.
    pub audience: Arc<[Arc<str>]>,
    /// The directory whose accounts it vouches for.
    pub directory: Arc<str>,
    /// The claim that is the account's login. `None`: the account is the one that `iss` and `sub` together are linked with
    /// (ASVS 10.3.3).
    pub login: Option<ClaimPath>,
    /// Roles besides those of the account.
    pub roles: Option<RoleClaims>,
    /// Keys of other algorithms do not count.
    pub algorithms: Vec<Algorithm>,
    /// What `typ` may be. `JWT` stands for a token without one, too.
    pub types: Vec<Box<str>>,
    /// By how much clocks may differ.
    pub leeway: Duration,
}

/// What another issuer vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Vouched {
    pub(super) issuer: Arc<str>,
    /// The thumbprint of the key, or where its issuer was asked.
    key: Arc<str>,
    whom: Whom,
    roles: Vec<Arc<str>>,
    /// What the token is bound to.
    pub(super) bound: Bound,
}

/// By what the account is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// A login, and the website where one says little by itself.
    Login(Arc<str>, Option<u32>),
    /// Who it is at the issuer.
    Linked(Subject),
}

impl Whom {
    /// Whom the claims of an issuer mean in this directory: by the claim that is a login or, without one, by `sub`.
    pub(super) fn of(
        said: &jwt::Claims,
        login: Option<&ClaimPath>,
        issuer: &Arc<str>,
        directory: &Directory,
    ) -> Result<Self, WebError> {
        let no_name = |why| refused(why, Fault::NoUsername);
        match login {
            Some(path) => Ok(Whom::Login(claims::login(said, path).map_err(no_name)?.into(), directory.website)),
            None => {
                let subject = claims::subject(said).map_err(no_name)?.into();
                Ok(Whom::Linked(Subject { issuer: Arc::clone(issuer), subject }))
            }
        }
    }
}

impl Vouched {
    /// What a server said that was asked, at this place.
    pub(super) fn by(issuer: &Arc<str>, place: &str, whom: Whom, roles: Vec<Arc<str>>, bound: Bound) -> Self {
        Self { issuer: Arc::clone(issuer), key: place.into(), whom, roles, bound }
    }

    /// Why nobody is meant, for the operator.
    pub(super) fn nobody(&self) -> &'static str {
        match self.whom {
            Whom::Login(..) => "the directory has no such account",
            Whom::Linked(_) => "its `sub` is linked with no account (`doorward identity add`)",
        }
    }

    /// Whether it was this server, at this place.
    pub(super) fn is_by(&self, issuer: &str, place: &str) -> bool {
        *self.issuer == *issuer && *self.key == *place
    }

    /// The account with the roles that its issuer gives it, for this token alone.
    pub(super) fn dress(&self, record: AccountRecord) -> AccountRecord {
        dressed(record, &self.roles)
    }
}

/// An issuer and its keys.
struct Issuer {
    settings: IssuerSettings,
    ring: Arc<Ring>,
}

impl Issuer {
    fn verify(&self, token: &str, access: Option<&AccessAsked<'_>>, now: Time) -> Result<Verified, WebError> {
        let settings = &self.settings;
        let unverified = Unverified::parse(token).map_err(|bad| refused(text(bad), Fault::Invalid))?;
        let fault = if unverified.says_ended(settings.leeway, now) { Fault::Expired } else { Fault::Invalid };
        let types: Vec<&str> = match access {
            Some(access) => vec![access.profile.typ],
            None => settings.types.iter().map(|typ| &**typ).collect(),
        };
        let rules = Rules {
            issuer: Some(&settings.issuer),
            audience: &settings.audience,
            leeway: settings.leeway,
            types: &types,
            typed: !types.iter().any(|typ| typ.eq_ignore_ascii_case(doorward_crypto::jwt::TYPE)),
        };
        let keys = self.ring.keys(now).map_err(WebError::Unknown)?;
        let keys = keys.iter().map(|(_, key)| key).filter(|key| settings.algorithms.contains(&key.algorithm()));
        unverified.verify(keys, &rules, now).map_err(|bad| refused(text(bad), fault))
    }
}

/// What [`Tokens`] knows of other issuers.
#[derive(Default)]
pub(super) struct Foreign {
    issuers: ArcSwap<Vec<Arc<Issuer>>>,
    /// Times that they were tended.
    beats: AtomicU64,
    /// What their keys were like the last time.
    seen: Mutex<Vec<(u64, bool)>>,
}

impl Foreign {
    fn issuer(&self, name: &str) -> Option<Arc<Issuer>> {
        self.issuers.load().iter().find(|issuer| *issuer.settings.issuer == *name).cloned()
    }

    /// Whether tokens that are remembered have to be looked through: when keys came, or became too old, and now and then, for
    /// what was judged while they did.
    fn is_time_to_look(&self, now: Time) -> bool {
        let keys: Vec<_> = self.issuers.load().iter().map(|issuer| issuer.ring.version(now)).collect();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = *seen != keys;
        *seen = keys;
        self.beats.fetch_add(1, SeqCst).is_multiple_of(NOW_AND_THEN) || changed
    }

    /// Whether what vouched for a token still does.
    pub(super) fn stands(&self, origin: &Origin, now: Time) -> bool {
        match origin {
            Origin::Foreign(vouched) => self.issuer(&vouched.issuer).is_some_and(|issuer| issuer.ring.knows(&vouched.key, now)),
            Origin::Opaque | Origin::Signed(_) | Origin::Web(_) | Origin::Own(_) | Origin::Introspected(_) => true,
        }
    }
}

impl Tokens {
    /// From now on. What was remembered of their tokens ends; keys are kept if they come from the same place.
    pub fn set_issuers(&self, issuers: Vec<IssuerSettings>) {
        let old = self.foreign.issuers.load_full();
        let known = |name: &str| old.iter().find(|issuer| *issuer.settings.issuer == *name);
        let new = issuers.into_iter().map(|settings| {
            let ring = Ring::new(&settings.issuer, &settings.keys, known(&settings.issuer).map(|old| &*old.ring));
            Arc::new(Issuer { settings, ring })
        });
        self.foreign.issuers.store(Arc::new(new.collect()));
        // After the store: whoever is judged by the old settings from here on is in doubt from the start.
        for live in self.live.doubt_those(|live| matches!(live.claims().origin, Origin::Foreign(_))) {
            self.live.end(&live);
        }
    }

    /// The keys of issuers that are fetched.
    pub fn issuer_keys(&self) -> Vec<IssuerKeys> {
        self.foreign.issuers.load().iter().filter_map(|issuer| issuer.ring.state()).collect()
    }

    /// The other issuer that a token names, whether it made it or not.
    pub fn issuer_named_by(&self, token: &str) -> Option<Arc<str>> {
        let unverified = Unverified::parse(token).ok()?;
        self.foreign.issuer(unverified.issuer()?).map(|issuer| Arc::clone(&issuer.settings.issuer))
    }

    /// Fetches keys that are due, and ends what keys vouched for that no longer count.
    pub(crate) fn tend_issuers(&self) {
        let issuers = self.foreign.issuers.load();
        if issuers.is_empty() {
            return;
        }
        issuers.iter().for_each(|issuer| issuer.ring.ask_if_due(&self.clock));
        let now = self.clock.now();
        if !self.foreign.is_time_to_look(now) {
            return;
        }
        for live in self.live.those(|live| !self.foreign.stands(&live.claims().origin, now)) {
            self.live.end(&live);
        }
    }

    /// Whose token it is that names another issuer; `None` when it names none.
    pub(super) async fn ask_foreign(
        &self,
        token: &str,
        asked: &[Arc<Directory>],
        access: Option<&AccessAsked<'_>>,
    ) -> Option<Result<(Claims, Arc<Owner>), WebError>> {
        if self.foreign.issuers.load().is_empty() {
            return None;
        }
        let issuer = self.foreign.issuer(Unverified::parse(token).ok()?.issuer()?)?;
        Some(self.ask_issuer(&issuer, token, asked, access).await)
    }

    async fn ask_issuer(
        &self,
        issuer: &Issuer,
        token: &str,
        asked: &[Arc<Directory>],
        access: Option<&AccessAsked<'_>>,
    ) -> Result<(Claims, Arc<Owner>), WebError> {
        let invalid = |why| refused(why, Fault::Invalid);
        let settings = &issuer.settings;
        let directory = asked.iter().find(|directory| directory.name == settings.directory);
        let directory = directory.ok_or(invalid("its issuer vouches for a directory that the firewall does not ask"))?;
        let Verified { claims: said, thumbprint, .. } = self.read_foreign(issuer, token, access).await?;
        // Without it nobody could say whether the account's tokens were ended since.
        let issued = said.issued.ok_or(invalid("it does not say when it was issued (`iat`)"))?;
        let whom = Whom::of(&said, settings.login.as_ref(), &settings.issuer, directory)?;
        let mut roles = claims::roles(&said, settings.roles.as_ref()).map_err(invalid)?;
        let mut scopes = None;
        if let Some(access) = access {
            if !access.audience.is_empty() && !said.is_for(access.audience) {
                return Err(invalid("it is for another audience than the firewall's"));
            }
            let given = (access.profile.scopes)(&said).map_err(invalid)?;
            roles.extend(roles_of(&given));
            scopes = Some(given.into());
        }
        let bound = match access {
            Some(access) => (access.profile.bound)(&said).map_err(invalid)?,
            // RFC 7800 3.1: it counts only together with a proof, and nobody asks for one there.
            None if said.get("cnf").is_some() => {
                return Err(invalid("it is bound to a key (`cnf`): only `oauth` firewalls ask for that"));
            }
            None => Bound::default(),
        };
        let vouched = Vouched {
            issuer: Arc::clone(&settings.issuer),
            key: thumbprint.ok_or(invalid("its key is none that others verify with"))?,
            whom,
            roles,
            bound,
        };
        let record = self.account_vouched_for(&vouched, &directory.name).await?;
        let record = record.filter(|record| record.account.kind == directory.kind);
        let record = record.ok_or(refused(vouched.nobody(), Fault::Account))?;
        let (kind, account) = (record.account.kind, record.account.id);
        let claims = Claims {
            kind,
            account,
            issued,
            expires: Some(said.expires + settings.leeway),
            scopes,
            until: None,
            origin: Origin::Foreign(Arc::new(vouched.clone())),
        };
        match self.judge(&claims, &record) {
            Ok(()) => Ok((claims, Owner::of(vouched.dress(record)))),
            Err(TokenError::Unavailable(error)) => Err(error.into()),
            Err(TokenError::Refused(why)) if why == NOBODY => Err(refused(why, Fault::Account)),
            Err(TokenError::Refused(why)) => Err(invalid(why)),
        }
    }

    /// A key that nobody here knows may be one that the issuer published just now.
    async fn read_foreign(&self, issuer: &Issuer, token: &str, access: Option<&AccessAsked<'_>>) -> Result<Verified, WebError> {
        let no_key = |read: &Result<Verified, WebError>| matches!(read, Err(WebError::Refused { why, .. }) if *why == text(BadToken::UnknownKey));
        let read = issuer.verify(token, access, self.clock.now());
        match &read {
            Err(WebError::Unknown(_)) => {}
            // One that says of itself that it has ended is not worth a question.
            Err(WebError::Refused { fault, .. }) if no_key(&read) && *fault != Fault::Expired => {}
            _ => return read,
        }
        issuer.ring.ask_seldom(&self.clock).await;
        let read = issuer.verify(token, access, self.clock.now());
        match issuer.ring.trouble() {
            Some(why) if no_key(&read) => Err(WebError::Unknown(why)),
            _ => read,
        }
    }

    /// The account of whom it is, as long as it may sign in.
    pub(super) async fn account_vouched_for(
        &self,
        vouched: &Vouched,
        directory: &str,
    ) -> Result<Option<AccountRecord>, doorward_core::ports::StoreError> {
        let record = match &vouched.whom {
            Whom::Login(login, website) => self.store.account_by_login(directory, *website, login).await?,
            Whom::Linked(who) => self.store.identities().account_of(directory, who).await?,
        };
        Ok(record.filter(|record| record.confirmed && *record.account.directory == *directory))
    }

    /// What the store says now of an account that another issuer vouched for: the one of the login, or of the link, must still be
    /// the same.
    pub(super) async fn still_vouched_for(
        &self,
        vouched: &Vouched,
        claims: &Claims,
        directory: &str,
    ) -> Result<Option<AccountRecord>, doorward_core::ports::StoreError> {
        if !self.upholds(&claims.origin, self.clock.now()) {
            return Ok(None);
        }
        let record = self.account_vouched_for(vouched, directory).await?;
        Ok(record.filter(|record| record.account.kind == claims.kind && record.account.id == claims.account))
    }
}

/// What is wrong, in words about a token of another issuer.
fn text(bad: BadToken) -> &'static str {
    match bad {
        BadToken::Malformed => "it has not the form of a token that counts",
        BadToken::UnknownKey => "its issuer has no such key",
        BadToken::Algorithm => "it names another algorithm than its issuer's key has",
        BadToken::Claims => "a claim of it is missing, or of a wrong type",
        BadToken::Signature | BadToken::Type | BadToken::Issuer | BadToken::Audience | BadToken::Early | BadToken::Expired => {
            bad.text()
        }
    }
}
