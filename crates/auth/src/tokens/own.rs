//! Access tokens of our own authorization server: what vouches for one, and whatever could have ended it before its time.
//!
//! A person's token rests on what the person allowed ([`doorward_core::ports::Authorization`]), and counts for the account with
//! the roles that it has now. A client's token for itself counts for the program of the same name: an account in a directory of
//! integrations.

use super::{
    NOBODY, TokenError, Tokens,
    access::{AccessAsked, OwnIssuer, roles_of},
    dressed,
    live::{Claims, LiveToken, Origin},
    owners::Owner,
    web::{Fault, WebError, refused},
};
use crate::grounds::{Groundless, Grounds};
use doorward_core::{
    Kind, Time,
    policy::Directory,
    ports::{AccountRecord, Authorization, Client, Grant, TokenKey},
    possession::Bound,
};
use doorward_crypto::{
    jwt::{BadToken, Rules, Unverified, Verified},
    sha256,
};
use serde_json::Value;
use std::sync::Arc;

const INVALID: Fault = Fault::Invalid;

/// What vouches for a token of our own authorization server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Own {
    /// The key that signed it.
    kid: Arc<str>,
    /// The hash of its `jti`, by which it is ended before its time.
    jti: TokenKey,
    /// To which client it was issued.
    client: Arc<str>,
    /// What a person allowed; `None`: the client acts for itself.
    grant: Option<Arc<str>>,
    /// What it is good for, as far as the client may still have that.
    scopes: Vec<Arc<str>>,
    /// What it is bound to.
    pub(super) bound: Bound,
}

/// A token that stands now.
struct Stands {
    /// Whose it is, with the roles that its scopes are.
    record: AccountRecord,
    /// What it is good for, as far as the client may still have that.
    scopes: Vec<Arc<str>>,
    /// When that has to be asked again.
    until: Option<Time>,
}

impl Tokens {
    /// Something happened to a client: its tokens are asked about at once.
    pub(crate) async fn client_changed(&self, client: &str) {
        self.doubt_own(|own| *own.client == *client).await;
    }

    /// A token was ended before its time.
    pub(crate) async fn access_token_ended(&self, jti: &TokenKey) {
        self.doubt_own(|own| own.jti == *jti).await;
    }

    /// Sessions may end at other times from now on: what rests on them is asked about anew.
    pub(crate) fn directories_changed(&self) {
        self.live.doubt_those(|live| matches!(live.claims().origin, Origin::Own(_)));
    }

    /// Asks about tokens with open connections that nothing vouches for without the store any more.
    pub(crate) async fn tend_own(&self) {
        let now = self.clock.now();
        let shaky = |live: &LiveToken| {
            matches!(live.claims().origin, Origin::Own(_))
                && live.is_watched()
                && (live.is_due(now) || !live.is_sure() || !self.upholds(&live.claims().origin, now))
        };
        for live in self.live.those(shaky) {
            self.recheck(&live).await;
        }
    }

    /// Whether what vouches for a token still does, as far as that is known without the store.
    pub(super) fn upholds(&self, origin: &Origin, now: Time) -> bool {
        match origin {
            Origin::Own(own) => self.has_oauth_key(&own.kid, now),
            Origin::Introspected(vouched) => self.introspection.stands(vouched),
            _ => self.foreign.stands(origin, now),
        }
    }

    /// Whose token it is that names us as its issuer; `None` when it does not.
    pub(super) async fn ask_own(&self, token: &str, asked: &AccessAsked<'_>) -> Option<Result<(Claims, Arc<Owner>), WebError>> {
        let own = asked.own?;
        (Unverified::parse(token).ok()?.issuer()? == own.issuer).then_some(())?;
        Some(self.ask_ourselves(token, own, asked).await)
    }

    async fn ask_ourselves(
        &self,
        token: &str,
        issuer: OwnIssuer<'_>,
        asked: &AccessAsked<'_>,
    ) -> Result<(Claims, Arc<Owner>), WebError> {
        let invalid = |why| refused(why, INVALID);
        const MISSING: WebError = refused("a claim is missing", INVALID);
        let Verified { claims: said, kid, .. } = self.read_own(token, issuer, asked).await?;
        let issued = said.issued.ok_or(MISSING)?;
        let scopes = (asked.profile.scopes)(&said).map_err(invalid)?;
        let text = |name: &str| said.text(name).ok_or(MISSING);
        let (sub, client) = (text("sub")?, text("client_id")?);
        let grant = match said.get("grant_id") {
            None if sub == client => None,
            Some(Value::String(id)) => Some(id.as_str().into()),
            None | Some(_) => return Err(invalid("it rests on nothing")),
        };
        let jti = TokenKey(sha256(text("jti")?.as_bytes()));
        let bound = (asked.profile.bound)(&said).map_err(invalid)?;
        let mut own = Own { kid: kid.ok_or(MISSING)?, jti, client: client.into(), grant, scopes, bound };
        let Stands { record, scopes, until } = self.stands(&own, issued, asked.directories).await?;
        own.scopes = scopes;
        let scopes = Some(own.scopes.clone().into());
        let account = &record.account;
        if own.grant.is_some() && sub != format!("{}/{}", account.kind.as_str(), account.id) {
            return Err(invalid("it rests on somebody else"));
        }
        if !asked.directories.iter().any(|directory| directory.name == account.directory && directory.kind == account.kind) {
            return Err(invalid("it is of a directory that the firewall does not ask"));
        }
        let (kind, id, expires) = (account.kind, account.id, Some(said.expires));
        let claims = Claims { kind, account: id, issued, expires, until, scopes, origin: Origin::Own(Arc::new(own)) };
        match self.judge(&claims, &record) {
            Ok(()) => Ok((claims, Owner::of(record))),
            Err(TokenError::Unavailable(error)) => Err(error.into()),
            Err(TokenError::Refused(why)) if why == NOBODY => Err(refused(why, Fault::Account)),
            Err(TokenError::Refused(why)) => Err(invalid(why)),
        }
    }

    /// Form, type, signature, issuer, audience and time (RFC 9068 4). A key that nobody here knows may be one that another node
    /// made just now.
    async fn read_own(&self, token: &str, issuer: OwnIssuer<'_>, asked: &AccessAsked<'_>) -> Result<Verified, WebError> {
        let usual = std::slice::from_ref(issuer.audience);
        let audience = if asked.audience.is_empty() { usual } else { asked.audience };
        let types = [asked.profile.typ];
        let rules = Rules { issuer: Some(issuer.issuer), audience, types: &types, typed: true, ..Rules::default() };
        let now = self.clock.now();
        let read = || {
            let keys = self.oauth_keys();
            Unverified::parse(token)?.verify(keys.iter().map(|key| key.verifying()), &rules, now)
        };
        let verified = match read() {
            Err(BadToken::UnknownKey) if self.reload_oauth_keys().await? => read(),
            other => other,
        };
        let fault = |bad| if bad == BadToken::Expired { Fault::Expired } else { INVALID };
        verified.map_err(|bad| refused(bad.text(), fault(bad)))
    }

    /// Asks the store about everything that a token rests on.
    async fn stands(&self, own: &Own, issued: Time, directories: &[Arc<Directory>]) -> Result<Stands, WebError> {
        if self.store.access_token_is_revoked(&own.jti).await? {
            return Err(refused("it was revoked", INVALID));
        }
        let client = self.store.client(&own.client).await?.filter(|client| client.upholds(issued));
        let client = client.ok_or(refused("its client is gone or disabled, or its tokens were ended", INVALID))?;
        if own.grant.is_none() && !client.may(Grant::ClientCredentials) {
            return Err(refused("its client may no longer act for itself", INVALID));
        }
        // What the client may no longer have, it has no longer; nor what nobody can have any more.
        let has = |scope: &&Arc<str>| client.scopes.contains(scope) && self.has_oauth_scope(scope);
        let scopes: Vec<Arc<str>> = own.scopes.iter().filter(has).cloned().collect();
        let (grounds, until) = match &own.grant {
            Some(id) => self.allowed(id, &client).await?,
            None => (self.program(&own.client, issued, directories).await?, None),
        };
        match self.ground.holds(&grounds).await {
            Ok((record, _)) => Ok(Stands { record: dressed(record, &roles_of(&scopes)), scopes, until }),
            Err(Groundless::Ended(why)) => Err(refused(why, Fault::Account)),
            Err(Groundless::Locked) => Err(refused("its account is locked", Fault::Account)),
            Err(Groundless::Unavailable(error)) => Err(error.into()),
        }
    }

    /// What the person proved who allowed it, and until when that certainly stands.
    async fn allowed(&self, id: &str, client: &Client) -> Result<(Grounds, Option<Time>), WebError> {
        let found = self.store.grants().authorization(id, self.clock.now()).await?;
        let found = found.filter(|authorization| authorization.client == client.id);
        let found = found.ok_or(refused("what it rests on has ended", INVALID))?;
        if !found.is_upheld_by(client) {
            return Err(refused("its client may no longer act for people in this way", INVALID));
        }
        let Authorization { kind, account: id, account_version: version, created: proved, expires, session, .. } = found;
        let mut until = expires;
        if let Some(key) = &session {
            until = until.min(self.ground.session_end(key).await?.ok_or(refused("its session ended", INVALID))?);
        }
        Ok((Grounds { kind, id, version, proved }, Some(until)))
    }

    /// The program that a client is: the account of its id, letter for letter, in the first directory of integrations that has
    /// it.
    async fn program(&self, client: &str, issued: Time, directories: &[Arc<Directory>]) -> Result<Grounds, WebError> {
        for directory in directories.iter().filter(|directory| directory.kind == Kind::Integration) {
            let found = self.store.account_by_login(&directory.name, directory.website, client).await?;
            let is_it = |record: &AccountRecord| record.account.kind == Kind::Integration && *record.account.login == *client;
            if let Some(record) = found.filter(is_it) {
                return Ok(Grounds { kind: Kind::Integration, id: record.account.id, version: record.version, proved: issued });
            }
        }
        let why = "its client acts for itself, and no program of that name is in a directory that the firewall asks";
        Err(refused(why, Fault::Account))
    }

    async fn doubt_own(&self, meant: impl Fn(&Own) -> bool) {
        let is_meant = |live: &LiveToken| matches!(&live.claims().origin, Origin::Own(own) if meant(own));
        for live in self.live.doubt_those(is_meant) {
            self.recheck(&live).await;
        }
    }

    /// Asks the store about one that is remembered, and ends it unless the answer is a yes to all that it was good for.
    pub(super) async fn recheck_own(&self, live: &Arc<LiveToken>, own: &Own, doubts: u64) {
        let (claims, account) = (live.claims(), live.account());
        if !self.has_oauth_key(&own.kid, self.clock.now()) {
            return self.live.end(live);
        }
        let directories = self.ground.directories.load_full();
        let of_its: Vec<_> = directories.iter().filter(|directory| directory.name == account.directory).cloned().collect();
        match self.stands(own, claims.issued, &of_its).await {
            Ok(Stands { record, scopes, until }) if scopes == own.scopes && self.judge(claims, &record).is_ok() => {
                live.confirm(doubts, &record.account, until);
            }
            Ok(_) | Err(WebError::Refused { .. } | WebError::Unknown(_)) => self.live.end(live),
            Err(WebError::Unavailable(error)) => self.end_unchecked(live, &error),
        }
    }
}

#[cfg(test)]
mod tests;
