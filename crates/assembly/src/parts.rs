//! Parts that are made of the settings, by whoever needs them alone: a server, a command, a program that embeds Doorward.

use doorward_auth::{AccountRules, KeyRules, PairSettings, ThrottleLimits, TokenFormat, TokenSettings, WebSettings};
use doorward_config::{
    Settings,
    settings::{self, ClientAddress, OAuthAlgorithm, Passwords, Signature, StoreUrl, Tokens},
};
use doorward_core::{
    Policy,
    ports::{ImportStore, Store, StoreError},
};
use doorward_crypto::{
    jwt::{Algorithm, SigningKey},
    password::{Cost, CryptKeys, PoolLimits},
};
use doorward_gateway::{
    Snapshot,
    admit::{self, Network},
};
use doorward_store::Sqlite;
use http::HeaderValue;
use std::{path::PathBuf, sync::Arc};

/// A store, and the file that it is in.
pub struct OpenStore {
    /// Accounts, roles, sessions.
    pub store: Arc<dyn Store>,
    /// The same, for what moves in.
    pub imports: Arc<dyn ImportStore>,
    /// Where, unless it is in memory.
    pub path: Option<PathBuf>,
}

/// Opens the store that the configuration names, for a server or for the `run` of a command that changes it.
///
/// # Errors
/// When it cannot be opened.
pub fn open_store(url: &StoreUrl, run: Option<u128>) -> Result<OpenStore, StoreError> {
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
pub fn cost(settings: &Settings) -> Cost {
    Cost { memory_kib: settings.passwords.memory_kib, iterations: settings.passwords.iterations, ..Cost::default() }
}

/// How bearer tokens are issued and read.
pub fn tokens(settings: &Settings) -> TokenSettings {
    let Tokens { format, customer_lifetime, admin_lifetime, max_failures, lock, integration_bearer } = settings.tokens;
    let format = match format {
        settings::TokenFormat::Jwt => TokenFormat::Jwt,
        settings::TokenFormat::Opaque => TokenFormat::Opaque,
    };
    TokenSettings { format, customer_lifetime, admin_lifetime, integration_bearer, max_failures, lock }
}

/// How JSON Web Tokens are issued and read. Without the secret that HS256 needs (the configuration admits no bad one) none is
/// issued, and none counts.
pub fn web_tokens(settings: &Settings) -> WebSettings {
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
pub fn oauth_keys(settings: &Settings) -> Option<KeyRules> {
    let keys = settings.oauth.as_ref()?;
    let algorithm = match keys.algorithm {
        OAuthAlgorithm::EdDsa => Algorithm::EdDsa,
        OAuthAlgorithm::Es256 => Algorithm::Es256,
        OAuthAlgorithm::Rs256 => Algorithm::Rs256,
    };
    Some(KeyRules { algorithm, rotation: keys.rotation, longest: keys.longest })
}

/// The scopes that there are.
pub fn oauth_scopes(policy: &Policy) -> Vec<Arc<str>> {
    policy.oauth.iter().flat_map(|oauth| &oauth.scopes).map(|scope| Arc::clone(&scope.name)).collect()
}

/// How long pairs of login and password are remembered.
pub fn pairs(settings: &Settings) -> PairSettings {
    PairSettings { lasts: settings.basic.cache, most: settings.basic.entries }
}

/// Whom forwarding headers are believed from, and how much a client may send.
pub fn network(settings: &Settings) -> Network {
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

/// The keys of password hashes that Magento made without a salt.
pub fn crypt_keys(settings: &Settings) -> CryptKeys {
    CryptKeys::new(settings.passwords.magento_crypt_keys.0.iter().map(|key| &**key))
}

/// How accounts are kept.
pub fn account_rules(settings: &Settings, policy: &Policy) -> AccountRules {
    let accounts = &settings.accounts;
    AccountRules {
        public_url: public_url(settings),
        stores: policy.routes.magento_prefix.as_ref().map(|_| policy.routes.stores.clone()),
        reset_lifetime: accounts.reset_lifetime,
        confirm_lifetime: accounts.confirm_lifetime,
        confirm_email: accounts.confirm_email,
        welcome_mail: accounts.welcome_mail,
        reveal_accounts: accounts.reveal_accounts,
        reset_requests: accounts.reset_requests,
        reset_interval: accounts.reset_interval,
        tax_classes: Arc::clone(&accounts.tax_classes),
    }
}

/// Where people reach us: the base of links.
pub fn public_url(settings: &Settings) -> Arc<str> {
    settings.server.public_url.clone().unwrap_or_else(|| "http://127.0.0.1".into())
}

/// One address may fill half of the queue: a flood from it leaves room for others.
pub fn pool(passwords: &Passwords) -> PoolLimits {
    let &Passwords { workers, queue, .. } = passwords;
    PoolLimits { workers, queue, per_address: queue.div_ceil(2) }
}

/// What requests are judged by.
pub fn snapshot(settings: &Settings, policy: Policy) -> Snapshot {
    let hsts = settings.server.tls.as_ref().and_then(|tls| HeaderValue::from_str(tls.hsts.as_deref()?).ok());
    Snapshot {
        policy: Arc::new(policy),
        network: network(settings),
        jwks_path: settings.assertion.jwks_path.clone(),
        hsts,
        forward_auth: settings.forward_auth.clone(),
    }
}

/// The `iss` of assertions.
pub fn issuer(settings: &Settings) -> Arc<str> {
    settings.assertion.issuer.clone().or_else(|| settings.server.public_url.clone()).unwrap_or_else(|| "doorward".into())
}

/// How much trying is too much.
pub fn throttle(settings: &Settings) -> ThrottleLimits {
    ThrottleLimits {
        network_failures: settings.sign_in.address_failures,
        network_window: settings.sign_in.address_window,
        ..ThrottleLimits::default()
    }
}
