//! Other issuers, as the configuration names them.

use async_trait::async_trait;
use doorward_auth::{ClaimPath, FetchedKeys, IssuerSettings, KeySource, RoleClaims};
use doorward_config::{
    Settings,
    settings::{Issuer, IssuerKeys, IssuerUser},
};
use doorward_core::ports::{Answer, Call, Clock, Fetch, FetchError};
use doorward_crypto::jwt::KeySet;
use doorward_fetch::{Fetcher, Limits};
use doorward_tls::Authorities;
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
