//! Parts that commands and servers make of the settings.

use doorward_auth::{KeyRules, PairSettings, TokenFormat, TokenSettings, WebSettings};
use doorward_config::{
    Settings,
    settings::{self, ClientAddress, OAuthAlgorithm, Signature, StoreUrl, Tokens},
};
use doorward_core::ports::{ImportStore, Store, StoreError};
use doorward_crypto::{
    jwt::{Algorithm, SigningKey},
    password::Cost,
};
use doorward_gateway::admit::{self, Network};
use doorward_store::Sqlite;
use std::{path::PathBuf, sync::Arc};

/// What `${NAME}` means in a configuration.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A store, and the file that it is in.
pub(crate) struct OpenStore {
    pub(crate) store: Arc<dyn Store>,
    /// The same, for what moves in.
    pub(crate) imports: Arc<dyn ImportStore>,
    pub(crate) path: Option<PathBuf>,
}

/// Opens the store that the configuration names, for a server or for the `run` of a command that changes it.
pub(crate) fn open_store(url: &StoreUrl, run: Option<u128>) -> Result<OpenStore, StoreError> {
    let (sqlite, path) = match url {
        StoreUrl::Sqlite(path) => {
            let options = doorward_store::Options { run, ..doorward_store::Options::default() };
            (Arc::new(Sqlite::open(path, options)?), Some(path.clone()))
        }
        StoreUrl::Memory => (Arc::new(Sqlite::memory()?), None),
    };
    Ok(OpenStore { imports: Arc::clone(&sqlite) as _, store: sqlite, path })
}

/// What one password hash costs.
pub(crate) fn cost(settings: &Settings) -> Cost {
    Cost { memory_kib: settings.passwords.memory_kib, iterations: settings.passwords.iterations, ..Cost::default() }
}

/// How bearer tokens are issued and read.
pub(crate) fn tokens(settings: &Settings) -> TokenSettings {
    let Tokens { format, customer_lifetime, admin_lifetime, max_failures, lock, integration_bearer } = settings.tokens;
    let format = match format {
        settings::TokenFormat::Jwt => TokenFormat::Jwt,
        settings::TokenFormat::Opaque => TokenFormat::Opaque,
    };
    TokenSettings { format, customer_lifetime, admin_lifetime, integration_bearer, max_failures, lock }
}

/// How JSON Web Tokens are issued and read. Without the secret that HS256 needs (the configuration admits no bad one) none is
/// issued, and none counts.
pub(crate) fn web_tokens(settings: &Settings) -> WebSettings {
    let jwt = &settings.jwt;
    let (algorithm, secret) = match &jwt.signature {
        Signature::EdDsa => (Algorithm::EdDsa, None),
        Signature::Es256 => (Algorithm::Es256, None),
        Signature::Rs256 => (Algorithm::Rs256, None),
        Signature::Hs256(key) => (Algorithm::Hs256, SigningKey::secret(key.bytes()).ok().map(Arc::new)),
    };
    WebSettings {
        algorithm,
        secret,
        lifetime: jwt.lifetime,
        issuer: jwt.issuer.clone(),
        audience: jwt.audience.as_slice().into(),
        leeway: jwt.leeway,
        rotation: jwt.rotation,
    }
}

/// What the keys of the authorization server are like, where there is one.
pub(crate) fn oauth_keys(settings: &Settings) -> Option<KeyRules> {
    let keys = settings.oauth.as_ref()?;
    let algorithm = match keys.algorithm {
        OAuthAlgorithm::EdDsa => Algorithm::EdDsa,
        OAuthAlgorithm::Es256 => Algorithm::Es256,
        OAuthAlgorithm::Rs256 => Algorithm::Rs256,
    };
    Some(KeyRules { algorithm, rotation: keys.rotation, longest: keys.longest })
}

/// How long pairs of login and password are remembered.
pub(crate) fn pairs(settings: &Settings) -> PairSettings {
    PairSettings { lasts: settings.basic.cache, most: settings.basic.entries }
}

/// Whom forwarding headers are believed from, and how much a client may send.
pub(crate) fn network(settings: &Settings) -> Network {
    let server = &settings.server;
    Network {
        trusted_proxies: server.trusted_proxies.clone(),
        client_address: match server.client_address {
            ClientAddress::Peer => admit::ClientAddress::Peer,
            ClientAddress::XForwardedFor => admit::ClientAddress::XForwardedFor,
            ClientAddress::Forwarded => admit::ClientAddress::Forwarded,
            ClientAddress::ProxyProtocol => admit::ClientAddress::ProxyProtocol,
        },
        certificates: admit::Certificates {
            map: settings.certificate.map,
            asked: server.tls.as_ref().is_some_and(|tls| tls.clients.is_some()),
            form: settings.certificate.form,
        },
        max_body: server.limits.body.unwrap_or(u64::MAX),
        ..Network::default()
    }
}
