//! Other issuers, as the configuration names them.

use async_trait::async_trait;
use doorward_auth::{ClaimPath, ClientProof, FetchedKeys, IntrospectionSettings, IssuerSettings, KeySource, RoleClaims};
use doorward_config::{
    Settings,
    settings::{Introspection, Issuer, IssuerKeys, IssuerUser},
};
use doorward_core::ports::{Answer, Call, Clock, Fetch, FetchError};
use doorward_crypto::jwt::KeySet;
use doorward_fetch::{Fetcher, Limits};
use doorward_oauth::client::{client_secret_basic, client_secret_post};
use doorward_tls::Authorities;
use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
use std::sync::{Arc, Mutex, PoisonError};

/// Whom a fetcher believes (`None`: the system's authorities), and the fetcher.
type Known = (Option<Authorities>, Arc<dyn Fetch>);

/// Whoever asks other servers, one for each set of authorities that vouch for them.
pub struct Fetchers {
    clock: Arc<dyn Clock>,
    known: Mutex<Vec<Known>>,
}

impl Fetchers {
    /// None yet: the system's authorities are read when somebody relies on them.
    pub fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { clock, known: Mutex::default() })
    }

    /// The one that believes these authorities; `None` are the system's.
    pub fn believing(&self, authorities: Option<&Authorities>) -> Arc<dyn Fetch> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, fetch)) = known.iter().find(|(of, _)| of.as_ref() == authorities) {
            return Arc::clone(fetch);
        }
        let believed = authorities.cloned().map_or_else(Authorities::system, Ok);
        let fetcher = believed.and_then(|all| Fetcher::new(&all, Arc::clone(&self.clock), Limits::default()));
        let fetch: Arc<dyn Fetch> = match fetcher {
            Ok(fetcher) => Arc::new(fetcher),
            // Nothing else stands still for that.
            Err(why) => return Arc::new(Nobody(why)),
        };
        known.push((authorities.cloned(), Arc::clone(&fetch)));
        fetch
    }
}

/// Asks nobody, and says why.
pub struct Nobody(pub String);

#[async_trait]
impl Fetch for Nobody {
    async fn fetch(&self, _call: Call) -> Result<Answer, FetchError> {
        Err(FetchError::new(self.0.as_str()))
    }
}

/// Asks nobody, and always has this JSON for an answer.
pub struct Always(pub String);

#[async_trait]
impl Fetch for Always {
    async fn fetch(&self, _call: Call) -> Result<Answer, FetchError> {
        let headers = [(CONTENT_TYPE, HeaderValue::from_static("application/json"))].into_iter().collect();
        Ok(Answer { status: StatusCode::OK, headers, body: self.0.clone().into_bytes() })
    }
}

/// How their tokens are read; `fetch` gives whoever fetches keys of one.
pub fn settings(settings: &Settings, fetch: impl Fn(Option<&Authorities>) -> Arc<dyn Fetch>) -> Vec<IssuerSettings> {
    settings.issuers.iter().filter_map(|issuer| one(issuer, &fetch)).collect()
}

/// `None` for what the configuration does not admit: a claim without a name.
fn one(issuer: &Issuer, fetch: &impl Fn(Option<&Authorities>) -> Arc<dyn Fetch>) -> Option<IssuerSettings> {
    let keys = match &issuer.keys {
        IssuerKeys::Fixed(json) => KeySource::Fixed(KeySet::parse(json.as_bytes()).ok()?.keys.into()),
        IssuerKeys::Fetched(fetched) => KeySource::Fetched(Arc::new(FetchedKeys {
            url: fetched.url.clone(),
            fetch: fetch(fetched.authorities.as_ref()),
            refresh: fetched.refresh,
            stale: fetched.stale,
            retry: fetched.retry,
        })),
    };
    let path = |names: &Vec<Box<str>>| ClaimPath::new(names.iter().cloned());
    let roles = match &issuer.roles_claim {
        Some(names) => Some(RoleClaims { path: path(names)?, roles: issuer.roles.clone() }),
        None => None,
    };
    Some(IssuerSettings {
        issuer: Arc::clone(&issuer.issuer),
        keys,
        audience: issuer.audience.as_slice().into(),
        directory: Arc::clone(&issuer.directory),
        login: match &issuer.user {
            IssuerUser::Claim(names) => Some(path(names)?),
            IssuerUser::Linked => None,
        },
        roles,
        algorithms: issuer.algorithms.clone(),
        types: issuer.types.clone(),
        leeway: issuer.leeway,
    })
}

/// Whom to ask about opaque tokens; `fetch` gives whoever asks one.
pub fn introspections(settings: &Settings, fetch: impl Fn(Option<&Authorities>) -> Arc<dyn Fetch>) -> Vec<IntrospectionSettings> {
    settings.introspections.iter().filter_map(|server| introspection(server, &fetch)).collect()
}

/// `None` for what the configuration does not admit: a claim without a name, a secret that cannot be sent.
fn introspection(
    server: &Introspection,
    fetch: &impl Fn(Option<&Authorities>) -> Arc<dyn Fetch>,
) -> Option<IntrospectionSettings> {
    let path = |names: &Vec<Box<str>>| ClaimPath::new(names.iter().cloned());
    let roles = match &server.roles_claim {
        Some(names) => Some(RoleClaims { path: path(names)?, roles: server.roles.clone() }),
        None => None,
    };
    Some(IntrospectionSettings {
        issuer: Arc::clone(&server.issuer),
        endpoint: server.endpoint.clone(),
        fetch: fetch(server.authorities.as_ref()),
        proof: proof(server)?,
        client: Arc::clone(&server.client_id),
        audience: server.audience.as_slice().into(),
        directory: Arc::clone(&server.directory),
        login: match &server.user {
            IssuerUser::Claim(names) => Some(path(names)?),
            IssuerUser::Linked => None,
        },
        roles,
        leeway: server.leeway,
        timeout: server.timeout,
        cache: server.cache,
    })
}

fn proof(server: &Introspection) -> Option<ClientProof> {
    let (client, secret) = (&server.client_id, server.client_secret.0.first()?);
    if server.secret_in_form {
        return Some(ClientProof::Form(client_secret_post(client, secret).into()));
    }
    client_secret_basic(client, secret).map(ClientProof::Header)
}
