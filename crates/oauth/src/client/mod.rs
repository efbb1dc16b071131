//! Client of others: people sign in at an OpenID provider (OpenID Connect Core 1.0, the code flow; RFC 9700; ibexa-rest 5.2).
//!
//! ```text
//! begin    discovery, state, nonce, PKCE      -> where the browser is sent
//! finish   state, iss, code, ID token         -> who it is
//! logout   logout token                       -> whose sessions ended there
//! ```
//! Every question is asked of the provider whose name stands in our own path, and every answer is judged by that provider's
//! issuer and keys alone, so no answer of one counts for another (RFC 9700 4.4).

mod claims;
mod code;
mod id_token;
mod journey;
mod metadata;
#[cfg(test)]
mod tests;

pub use claims::{Person, RoleMap};
pub use code::{Secret, client_secret_basic, client_secret_post};
pub use journey::{Journey, LIFETIME};

use crate::rfc6749::Parameters;
use arc_swap::ArcSwap;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use claims::Said;
use code::{Exchange, harmless};
use doorward_auth::{
    Mapping,
    published::{Kept, Pace, key_set},
};
use doorward_core::{
    Time,
    ports::{Call, Clock, EndedThere, Fetch, FetchError},
};
use doorward_crypto::{
    jwt::{BadToken, KeySet},
    sha256,
};
use id_token::{Bound, Flaw, Party};
use metadata::Metadata;
use serde_json::Map;
use std::{fmt, sync::Arc, time::Duration};
use tokio::sync::{Semaphore, SemaphorePermit};
use url::form_urlencoded;

/// How many answers of one provider are looked into at once. One more is told to come back: each waits for the provider.
const AT_ONCE: usize = 32;
/// The longest code that is redeemed, in bytes.
const LONGEST_CODE: usize = 4096;

/// How often a provider is asked what it publishes. People wait for one that was away to come back.
const PACE: Pace = Pace {
    refresh: Duration::from_secs(15 * 60),
    stale: Duration::from_secs(24 * 3600),
    retry: Duration::from_secs(5),
    longest: Duration::from_secs(60),
};

/// A provider.
#[derive(Clone)]
pub struct ProviderSettings {
    /// Its name in our paths.
    pub name: Arc<str>,
    /// `iss`, letter for letter.
    pub issuer: Arc<str>,
    /// Who we are there.
    pub client: Arc<str>,
    /// What proves it; `None` is a public client.
    pub secret: Option<Secret>,
    /// What is asked for; `openid` is among it.
    pub scopes: Vec<Arc<str>>,
    /// Whom ID tokens may name in `aud` besides us.
    pub also: Vec<Arc<str>>,
    /// Who somebody is here.
    pub mapping: Mapping,
    /// Roles.
    pub roles: Option<RoleMap>,
    /// Whoever asks it.
    pub fetch: Arc<dyn Fetch>,
}

impl fmt::Debug for ProviderSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProviderSettings").field("name", &self.name).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// Why nobody signed in. The texts are for the operator, and are about the provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It is no answer to a question of this browser.
    Stray(&'static str),
    /// The provider says that the person did not sign in.
    Denied(Box<str>),
    /// What it says does not count.
    Refused(Box<str>),
    /// It cannot be asked, or understood, now.
    Unavailable(Box<str>),
}

impl Failure {
    fn away(what: &str, error: &FetchError) -> Self {
        Failure::Unavailable(format!("its {what} cannot be asked: {error}").into())
    }

    /// One word for logs and metrics; stable.
    pub fn code(&self) -> &'static str {
        match self {
            Failure::Stray(_) => "stray",
            Failure::Denied(_) => "denied",
            Failure::Refused(_) => "refused",
            Failure::Unavailable(_) => "unavailable",
        }
    }

    /// For the operator.
    pub fn text(&self) -> &str {
        match self {
            Failure::Stray(text) => text,
            Failure::Denied(text) | Failure::Refused(text) | Failure::Unavailable(text) => text,
        }
    }
}

/// A word of the provider that sessions ended.
#[derive(Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which ones.
    pub there: EndedThere,
    /// The word counts once: its SHA-256.
    pub key: [u8; 32],
    /// It must be remembered until then.
    pub until: Time,
}

/// All providers, as the configuration names them now.
#[derive(Default)]
pub struct Providers(ArcSwap<Vec<Arc<Provider>>>);

impl Providers {
    /// From now on these. What is known of one stays known where it is asked in the same way.
    pub fn set(&self, settings: Vec<ProviderSettings>) {
        let old = self.0.load_full();
        let next = settings.into_iter().map(|settings| {
            let same = |provider: &&Arc<Provider>| {
                let before = &provider.settings;
                before.name == settings.name && before.issuer == settings.issuer && Arc::ptr_eq(&before.fetch, &settings.fetch)
            };
            let published = old.iter().find(same).map(|provider| Arc::clone(&provider.published)).unwrap_or_default();
            Arc::new(Provider { settings, published, places: Semaphore::new(AT_ONCE) })
        });
        self.0.store(Arc::new(next.collect()));
    }

    /// The one of this name.
    pub fn get(&self, name: &str) -> Option<Arc<Provider>> {
        self.0.load().iter().find(|provider| *provider.settings.name == *name).cloned()
    }
}

/// How many.
impl fmt::Debug for Providers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Providers({})", self.0.load().len())
    }
}

/// What a provider publishes.
#[derive(Debug, Default)]
struct Published {
    metadata: Kept<Metadata>,
    keys: Kept<KeySet>,
}

/// An OpenID provider.
#[derive(Debug)]
pub struct Provider {
    settings: ProviderSettings,
    published: Arc<Published>,
    places: Semaphore,
}

impl Provider {
    /// As it is configured.
    pub fn settings(&self) -> &ProviderSettings {
        &self.settings
    }

    /// Where the browser is sent (Core 3.1.2.1), with PKCE (RFC 7636 4.3) and a nonce in any case. Answers come to
    /// `redirect_uri`, which belongs to this provider alone; `key` is ours.
    ///
    /// # Errors
    /// The provider cannot be found.
    pub async fn begin(&self, journey: &Journey, redirect_uri: &str, key: &[u8], clock: &dyn Clock) -> Result<String, Failure> {
        let metadata = self.metadata(clock).await?;
        let challenge = URL_SAFE_NO_PAD.encode(sha256(journey.verifier(key).as_bytes()));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client)
            .append_pair("redirect_uri", redirect_uri)
            .append_pair("scope", &self.settings.scopes.join(" "))
            .append_pair("state", &journey.state(key))
            .append_pair("nonce", &journey.nonce(key))
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", crate::rfc7636::METHOD);
        let endpoint = metadata.authorization_endpoint.as_str();
        let joint = if endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{endpoint}{joint}{}", query.finish()))
    }

    /// The origin of the authorization endpoint, for a page whose form leads there.
    ///
    /// # Errors
    /// The provider cannot be found.
    pub async fn origin(&self, clock: &dyn Clock) -> Result<String, Failure> {
        let metadata = self.metadata(clock).await?;
        let url = &metadata.authorization_endpoint;
        let scheme = if url.is_secure() { "https" } else { "http" };
        Ok(format!("{scheme}://{}", url.authority()))
    }

    /// Who came back with this answer (Core 3.1.2.5, 3.1.3). The journey was ended before: a second answer to it is none.
    ///
    /// # Errors
    /// Nobody did, or it cannot be known.
    pub async fn finish(
        &self,
        journey: &Journey,
        answer: &Parameters,
        redirect_uri: &str,
        key: &[u8],
        clock: &dyn Clock,
    ) -> Result<Person, Failure> {
        if !answer.get("state").is_some_and(|state| journey.is_state(key, state)) {
            return Err(Failure::Stray("its `state` is not that of this browser's sign-in"));
        }
        // RFC 9207 2.4: before anything else of the answer is looked at, errors too.
        let issuer = answer.get("iss");
        if issuer.is_some_and(|issuer| *issuer != *self.settings.issuer) {
            return Err(Failure::Stray("it names another issuer (`iss`)"));
        }
        let _place = self.place()?;
        let metadata = self.metadata(clock).await?;
        if metadata.names_itself && issuer.is_none() {
            return Err(Failure::Stray("it does not name its issuer (`iss`), which this provider always does"));
        }
        if let Some(error) = answer.get("error") {
            return Err(match error {
                "temporarily_unavailable" | "server_error" => Failure::Unavailable(format!("it answers {error}").into()),
                other => Failure::Denied(harmless(other).into()),
            });
        }
        let Some(code) = answer.get("code").filter(|code| code.len() <= LONGEST_CODE) else {
            return Err(Failure::Stray("it has neither a code nor an error"));
        };
        let exchange = Exchange {
            code,
            redirect_uri,
            verifier: &journey.verifier(key),
            client: &self.settings.client,
            secret: self.settings.secret.as_ref(),
        };
        let fetch = &*self.settings.fetch;
        let tokens = exchange.run(&metadata, fetch).await?;
        let nonce = journey.nonce(key);
        let bound = Bound { nonce: &nonce, access_token: &tokens.access_token };
        let verify = |keys: &KeySet, now| id_token::verify(&tokens.id_token, &keys.keys, self.party(), &bound, now);
        let claims = self.verified(&metadata, clock, "ID token", verify).await?;
        let roles = self.settings.roles.as_ref();
        let userinfo = match &metadata.userinfo_endpoint {
            Some(url) if claims::lacks(&claims, &self.settings.mapping, roles) => {
                code::userinfo(url, &tokens.access_token, claims.text("sub").unwrap_or_default(), fetch).await?
            }
            _ => Map::new(),
        };
        let said = Said { token: &claims, userinfo };
        Ok(claims::person(&said, &self.settings.issuer, &self.settings.client, roles))
    }

    /// Whose sessions ended at the provider (Back-Channel Logout 1.0, 2.6).
    ///
    /// # Errors
    /// The token does not count, or it cannot be known.
    pub async fn logout(&self, token: &str, clock: &dyn Clock) -> Result<Ended, Failure> {
        let _place = self.place()?;
        let metadata = self.metadata(clock).await?;
        let verify = |keys: &KeySet, now| id_token::verify_logout(token, &keys.keys, self.party(), now);
        let logout = self.verified(&metadata, clock, "logout token", verify).await?;
        let (key, until) = logout.once;
        let (issuer, client) = (Arc::clone(&self.settings.issuer), Arc::clone(&self.settings.client));
        Ok(Ended { there: EndedThere { issuer, client, subject: logout.subject, sid: logout.sid }, key, until })
    }

    fn party(&self) -> Party<'_> {
        Party { issuer: &self.settings.issuer, client: &self.settings.client, also: &self.settings.also }
    }

    fn place(&self) -> Result<SemaphorePermit<'_>, Failure> {
        self.places.try_acquire().map_err(|_| Failure::Unavailable("too many sign-ins wait for it".into()))
    }

    async fn metadata(&self, clock: &dyn Clock) -> Result<Arc<Metadata>, Failure> {
        let issuer = &self.settings.issuer;
        let ask = async {
            let url = metadata::url(issuer).map_err(FetchError::new)?;
            let answer = self.settings.fetch.fetch(Call::get(&url)).await?;
            Metadata::read(answer.content(&["application/json"])?, issuer)
        };
        self.published.metadata.get(PACE, clock, ask).await.map_err(|error| Failure::away("discovery document", &error))
    }

    /// What `verify` makes of a token with the provider's keys. Where none of them signed it, they are fetched once more: the
    /// provider may have changed them.
    async fn verified<T>(
        &self,
        metadata: &Metadata,
        clock: &dyn Clock,
        what: &str,
        verify: impl Fn(&KeySet, Time) -> Result<T, Flaw>,
    ) -> Result<T, Failure> {
        let ask = || key_set(&*self.settings.fetch, &metadata.jwks_uri);
        let away = |error: FetchError| Failure::away("keys", &error);
        let keys = self.published.keys.get(PACE, clock, ask()).await.map_err(away)?;
        let mut verdict = verify(&keys, clock.now());
        if matches!(verdict, Err(Flaw::Token(BadToken::UnknownKey)))
            && let Some(newer) = self.published.keys.newer(Some(&keys), PACE, clock, ask()).await.map_err(away)?
        {
            verdict = verify(&newer, clock.now());
        }
        verdict.map_err(|flaw| Failure::Refused(format!("its {what} does not count: {}", flaw.text()).into()))
    }
}
