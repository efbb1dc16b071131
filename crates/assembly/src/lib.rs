//! Putting together: what judges requests, made of what was asked.
//!
//! [`Assembly::new`] makes it of a [`Config`] and a store, once; [`Assembly::take_over`] gives it another configuration while it
//! works. Whoever has sockets, signals or a terminal is above: the `doorward` command, or a program that embeds Doorward.

pub mod accounts;
mod changes;
pub mod given_roles;
pub mod integrations;
pub mod issuers;
pub mod parts;
pub mod providers;

pub use changes::audited;
use doorward_auth::{Auth, AuthError, AuthSettings};
use doorward_config::{Config, Settings};
use doorward_core::{
    Policy,
    ports::{Change, Clock, Entropy, Store, StoreError},
};
use doorward_gateway::{Gateway, GatewayParts, proxy::Proxy, record::Recorder};
use doorward_mail::{Ledger, Mailer, Patience};
use doorward_oauth::client::Providers;
pub use issuers::Fetchers;
use std::sync::{Arc, Mutex, PoisonError};

/// What an assembly is made from besides its configuration and its store.
#[derive(Clone)]
pub struct World {
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Unpredictable bytes.
    pub entropy: Arc<dyn Entropy>,
    /// Whoever asks other servers.
    pub fetchers: Arc<Fetchers>,
    /// Whoever writes requests down.
    pub recorder: Arc<dyn Recorder>,
    /// Whoever writes down what becomes of mail.
    pub ledger: Arc<dyn Ledger>,
    /// Whoever hears of changes of accounts, roles and keys, each of them once among all servers on the store.
    pub changed: Arc<dyn Fn(&Change) + Send + Sync>,
}

/// What judges requests, and whatever it stands on.
pub struct Assembly {
    /// Judges requests.
    pub gateway: Arc<Gateway>,
    /// Sessions, sign-in, keys.
    pub auth: Arc<Auth>,
    /// Sends mail in the background.
    pub mailer: Arc<Mailer>,
    fetchers: Arc<Fetchers>,
    settings: Mutex<Arc<Settings>>,
}

impl Assembly {
    /// Puts the parts together, on the runtime of the caller.
    ///
    /// # Errors
    /// When the store cannot be asked, or the system gives no threads for passwords.
    pub async fn new(config: Config, store: &Arc<dyn Store>, world: &World) -> Result<Self, AuthError> {
        let Config { settings, policy } = config;
        let mailer = Arc::new(mailer(&settings, world));
        let auth = open_auth(&settings, &policy, store, world).await?;
        auth.send_mail_by(Arc::clone(&mailer) as _);
        let changed = Arc::clone(&world.changed);
        auth.on_change(move |change| changed(change));
        integrations::keep(&auth, &settings.integrations).await?;
        let providers = Arc::new(Providers::default());
        providers.set(providers::settings(&settings, |authorities| world.fetchers.believing(authorities)));
        let gateway = Arc::new(Gateway::new(GatewayParts {
            snapshot: parts::snapshot(&settings, policy),
            auth: Arc::clone(&auth),
            proxy: Proxy::new(doorward_gateway::proxy::Settings::default()),
            recorder: Arc::clone(&world.recorder),
            entropy: Arc::clone(&world.entropy),
            providers,
        }));
        let settings = Mutex::new(Arc::new(settings));
        Ok(Self { gateway, auth, mailer, fetchers: Arc::clone(&world.fetchers), settings })
    }

    /// What was asked, as of now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes the store say what `settings` declare, which comes before [`take_over`](Self::take_over).
    ///
    /// # Errors
    /// When the store cannot be asked; then the old configuration stands.
    pub async fn keep(&self, settings: &Settings) -> Result<(), StoreError> {
        integrations::keep(&self.auth, &settings.integrations).await
    }

    /// From here on requests are judged by the new policy; those in flight keep the old one.
    pub fn take_over(&self, config: Config) {
        let Config { settings: new, policy } = config;
        let mut old = self.settings.lock().unwrap_or_else(PoisonError::into_inner);
        let (auth, fetchers) = (&self.auth, &self.fetchers);
        auth.set_issuer(parts::issuer(&new));
        auth.set_account_rules(parts::account_rules(&new, &policy));
        auth.set_grace(new.grace);
        auth.tokens().set_settings(parts::tokens(&new));
        auth.set_pair_settings(parts::pairs(&new));
        if old.jwt != new.jwt {
            auth.tokens().set_web_settings(parts::web_tokens(&new));
        }
        auth.tokens().set_oauth_keys(parts::oauth_keys(&new));
        auth.tokens().set_oauth_scopes(parts::oauth_scopes(&policy));
        if old.issuers != new.issuers {
            auth.tokens().set_issuers(issuers::settings(&new, |authorities| fetchers.believing(authorities)));
        }
        if old.introspections != new.introspections {
            let servers = issuers::introspections(&new, |authorities| fetchers.believing(authorities));
            auth.tokens().set_introspection(servers);
        }
        if old.providers != new.providers {
            self.gateway.providers().set(providers::settings(&new, |authorities| fetchers.believing(authorities)));
        }
        self.mailer.set(new.mail.clone(), parts::public_url(&new));
        self.gateway.replace(parts::snapshot(&new, policy));
        *old = Arc::new(new);
    }
}

async fn open_auth(settings: &Settings, policy: &Policy, store: &Arc<dyn Store>, world: &World) -> Result<Arc<Auth>, AuthError> {
    let auth = AuthSettings {
        directories: policy.directories.clone(),
        issuer: parts::issuer(settings),
        cost: parts::cost(settings),
        pool: parts::pool(&settings.passwords),
        crypt_keys: parts::crypt_keys(settings),
        throttle: parts::throttle(settings),
        tokens: parts::tokens(settings),
    };
    let auth = Auth::open(Arc::clone(store), Arc::clone(&world.clock), Arc::clone(&world.entropy), auth).await?;
    auth.set_grace(settings.grace);
    auth.set_pair_settings(parts::pairs(settings));
    auth.tokens().set_web_settings(parts::web_tokens(settings));
    auth.tokens().set_oauth_keys(parts::oauth_keys(settings));
    auth.tokens().set_oauth_scopes(parts::oauth_scopes(policy));
    auth.tokens().set_issuers(issuers::settings(settings, |authorities| world.fetchers.believing(authorities)));
    auth.tokens().set_introspection(issuers::introspections(settings, |authorities| world.fetchers.believing(authorities)));
    auth.set_account_rules(parts::account_rules(settings, policy));
    Ok(auth)
}

/// Sends mail in the background of the caller's runtime.
fn mailer(settings: &Settings, world: &World) -> Mailer {
    let (clock, entropy) = (Arc::clone(&world.clock), Arc::clone(&world.entropy));
    let ledger = Arc::clone(&world.ledger);
    let runtime = tokio::runtime::Handle::current();
    Mailer::new(settings.mail.clone(), parts::public_url(settings), clock, entropy, ledger, Patience::default(), runtime)
}
