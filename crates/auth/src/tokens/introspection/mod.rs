//! Opaque access tokens of another authorization server: who carries one, as that server says when it is asked (RFC 7662).
//!
//! What was said is remembered for a configured time at most, and never for longer than the token lasts; then the server is asked
//! again, and while it cannot be asked nobody knows. What is remembered hangs on everything that the decision depends on: the
//! server, who we are there, the audiences and directories that are asked, and the token (oathkeeper CVE-2021-32701,
//! GHSA-4mq7-pvjg-xp2r). One question of a network about a token is under way at
//! a time, few questions at all, and fewer for one network.

mod answer;
mod flights;
mod places;
#[cfg(test)]
mod tests;

use super::{
    NOBODY, TokenError, Tokens,
    access::{AccessAsked, roles_of},
    foreign::{ClaimPath, RoleClaims, Vouched, Whom, claims},
    live::{Claims, Origin},
    owners::Owner,
    web::{Fault, WebError, refused},
};
use arc_swap::ArcSwap;
use doorward_core::{
    Time,
    ports::{Call, Fetch, RemoteUrl, TokenKey},
};
use doorward_crypto::{jwt, sha256};
use flights::Flights;
use http::{HeaderValue, header::AUTHORIZATION};
use std::{fmt, sync::Arc, time::Duration};

/// The longest token that is asked about, in bytes.
const LONGEST: usize = 4096;

/// How we prove at another server which client we are (RFC 6749 2.3.1). A secret.
#[derive(Clone)]
pub enum ClientProof {
    /// `Authorization`.
    Header(HeaderValue),
    /// Parameters of the form, encoded.
    Form(Box<str>),
}

/// How another server is asked about tokens.
#[derive(Clone)]
pub struct IntrospectionSettings {
    /// Its name, and `iss` of its answers where they have one.
    pub issuer: Arc<str>,
    /// Where it is asked.
    pub endpoint: RemoteUrl,
    /// By whom.
    pub fetch: Arc<dyn Fetch>,
    /// Who we are there (RFC 7662 2.1).
    pub proof: ClientProof,
    /// The same without the secret's text: what is remembered under other credentials does not count.
    pub client: Arc<str>,
    /// One of them must be in `aud`. Empty: no token counts.
    pub audience: Arc<[Arc<str>]>,
    /// The directory whose accounts it vouches for.
    pub directory: Arc<str>,
    /// The claim that is the account's login. `None`: the account is the one that `issuer` and `sub` together are linked with.
    pub login: Option<ClaimPath>,
    /// Roles besides those of the account.
    pub roles: Option<RoleClaims>,
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// How long it may take to answer.
    pub timeout: Duration,
    /// How long an answer counts.
    pub cache: Duration,
}

/// Without the credentials.
impl fmt::Debug for IntrospectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntrospectionSettings")
            .field("endpoint", &self.endpoint)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}

/// What came of asking one server, for metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntrospectionCounts {
    /// The server.
    pub issuer: Arc<str>,
    /// Answers by which a token was active.
    pub active: u64,
    /// Answers by which it was not.
    pub inactive: u64,
    /// Questions without an answer that can be understood.
    pub failed: u64,
    /// Questions that were not asked, for too many were under way.
    pub crowded: u64,
}

/// A server, and the questions to it.
struct Server {
    settings: IntrospectionSettings,
    flights: Arc<Flights>,
}

/// What [`Tokens`] knows of such servers.
#[derive(Default)]
pub(super) struct Introspection {
    servers: ArcSwap<Vec<Arc<Server>>>,
}

impl Introspection {
    /// Whether what vouched for a token is still believed.
    pub(super) fn stands(&self, vouched: &Vouched) -> bool {
        self.servers.load().iter().any(|server| vouched.is_by(&server.settings.issuer, server.settings.endpoint.as_str()))
    }
}

impl Tokens {
    /// From now on. What was remembered of their answers ends.
    pub fn set_introspection(&self, servers: Vec<IntrospectionSettings>) {
        let old = self.introspection.servers.load_full();
        let new = servers.into_iter().map(|settings| {
            let same = old.iter().find(|server| server.settings.issuer == settings.issuer);
            // Counters go on; answers do not.
            let flights = Arc::new(Flights::after(same.map(|server| &*server.flights)));
            Arc::new(Server { settings, flights })
        });
        self.introspection.servers.store(Arc::new(new.collect()));
        for live in self.live.doubt_those(|live| matches!(live.claims().origin, Origin::Introspected(_))) {
            self.live.end(&live);
        }
    }

    /// What came of asking each server.
    pub fn introspections(&self) -> Vec<IntrospectionCounts> {
        let servers = self.introspection.servers.load();
        servers.iter().map(|server| server.flights.counts(&server.settings.issuer)).collect()
    }

    /// Ends what rests on an answer that is too old: connections that stay open cannot have it asked again, and what no request
    /// asked about since is forgotten.
    pub(crate) fn tend_introspected(&self) {
        let now = self.clock.now();
        let old = |live: &super::LiveToken| matches!(live.claims().origin, Origin::Introspected(_)) && live.is_due(now);
        for live in self.live.those(old) {
            self.live.end(&live);
        }
    }

    /// Whose token it is, as the server says that vouches for a directory which is asked; `None` where there is none.
    pub(super) async fn ask_introspection(
        &self,
        token: &str,
        asked: &AccessAsked<'_>,
    ) -> Option<Result<(Claims, Arc<Owner>), WebError>> {
        let server = self.introspecting(asked)?;
        Some(self.introspected(&server, token, asked).await)
    }

    /// What is remembered of an opaque token hangs on the server that is asked, too.
    pub(super) fn introspection_key(&self, asked: &AccessAsked<'_>) -> [Arc<str>; 3] {
        self.introspecting(asked).map_or_else(Default::default, |server| {
            let settings = &server.settings;
            [Arc::clone(&settings.issuer), settings.endpoint.as_str().into(), Arc::clone(&settings.client)]
        })
    }

    /// The configuration admits one for each firewall.
    fn introspecting(&self, asked: &AccessAsked<'_>) -> Option<Arc<Server>> {
        let servers = self.introspection.servers.load();
        let of = |server: &&Arc<Server>| asked.directories.iter().any(|directory| directory.name == server.settings.directory);
        servers.iter().find(of).cloned()
    }

    async fn introspected(
        &self,
        server: &Server,
        token: &str,
        asked: &AccessAsked<'_>,
    ) -> Result<(Claims, Arc<Owner>), WebError> {
        let settings = &server.settings;
        let invalid = |why| refused(why, Fault::Invalid);
        if token.len() > LONGEST || !is_b64token(token) {
            return Err(invalid("it has not the form of an access token (RFC 6750 2.1)"));
        }
        let (asked_at, said) = server.flights.ask(settings, token, asked.client, &*self.clock).await?;
        let now = self.clock.now();
        let said = answer::read(said, settings, now)?;
        if !asked.audience.is_empty() && !said.is_for(asked.audience) {
            return Err(invalid("it is for another audience than the firewall's"));
        }
        // Without it nobody could say whether the account's tokens were ended since.
        let issued = said.issued.ok_or(invalid("its server does not say when it was issued (`iat`)"))?;
        let scopes = (asked.profile.introspected)(&said).map_err(invalid)?;
        let mut roles = claims::roles(&said, settings.roles.as_ref()).map_err(invalid)?;
        roles.extend(roles_of(&scopes));
        let directory = asked.directories.iter().find(|directory| directory.name == settings.directory);
        let directory = directory.ok_or(invalid("its server vouches for a directory that the firewall does not ask"))?;
        let bound = (asked.profile.bound)(&said).map_err(invalid)?;
        let whom = Whom::of(&said, settings.login.as_ref(), &settings.issuer, directory)?;
        let vouched = Vouched::by(&settings.issuer, settings.endpoint.as_str(), whom, roles, bound);
        let record = self.account_vouched_for(&vouched, &directory.name).await?;
        let record = record.filter(|record| record.account.kind == directory.kind);
        let record = record.ok_or(refused(vouched.nobody(), Fault::Account))?;
        let expires = said.expires + settings.leeway;
        let claims = Claims {
            kind: record.account.kind,
            account: record.account.id,
            issued,
            expires: Some(expires),
            until: Some((asked_at + settings.cache).min(expires)),
            scopes: Some(scopes.into()),
            origin: Origin::Introspected(Arc::new(vouched.clone())),
        };
        match self.judge(&claims, &record) {
            Ok(()) => Ok((claims, Owner::of(vouched.dress(record)))),
            Err(TokenError::Unavailable(error)) => Err(error.into()),
            Err(TokenError::Refused(why)) if why == NOBODY => Err(refused(why, Fault::Account)),
            Err(TokenError::Refused(why)) => Err(invalid(why)),
        }
    }
}

/// RFC 6750 2.1: `b64token`. Nothing else is sent to anybody.
fn is_b64token(token: &str) -> bool {
    let body = token.trim_end_matches('=');
    !body.is_empty() && body.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~+/".contains(&b))
}

/// By what a question is known: nothing but its hash is kept of a token.
fn key(token: &str) -> TokenKey {
    TokenKey(sha256(token.as_bytes()))
}

/// A question (RFC 7662 2.1). A token has no character but those of [`is_b64token`].
fn question(settings: &IntrospectionSettings, token: &str) -> Call {
    let mut form = String::with_capacity(token.len() + 48);
    form.push_str("token=");
    for byte in token.bytes() {
        match byte {
            b'+' => form.push_str("%2B"),
            b'/' => form.push_str("%2F"),
            b'=' => form.push_str("%3D"),
            b'~' => form.push_str("%7E"),
            plain => form.push(char::from(plain)),
        }
    }
    form.push_str("&token_type_hint=access_token");
    if let ClientProof::Form(proof) = &settings.proof {
        form.push('&');
        form.push_str(proof);
    }
    let mut call = Call::post(&settings.endpoint, form);
    if let ClientProof::Header(proof) = &settings.proof {
        call.headers.insert(AUTHORIZATION, proof.clone());
    }
    call
}

/// What is said of a token, for whoever judges it.
pub(super) type Said = Arc<serde_json::Map<String, serde_json::Value>>;

/// Kept apart from [`jwt::Claims`]: a server that says nothing of `exp` lets the answer count as long as it is remembered.
fn claims_of(said: &Said, rules: &jwt::Rules<'_>, now: Time) -> Result<jwt::Claims, jwt::BadToken> {
    jwt::Claims::answered((**said).clone(), rules, now)
}
