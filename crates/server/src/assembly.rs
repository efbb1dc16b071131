//! Everything of a server, put together and taken apart in the right order.

use crate::{
    control::Control,
    integrations,
    issuers::{self, Fetchers},
    operations::Operations,
    parts::{self, OpenStore, cost, network, tokens},
    providers,
    serve::Ends,
    telemetry::{Sample, Telemetry, audited},
};
use doorward_auth::{AccountRules, Auth, AuthSettings, ThrottleLimits};
use doorward_config::{
    Config, Settings,
    settings::{ClientAddress, Passwords},
};
use doorward_core::{
    Policy,
    ports::{Clock, Entropy, Store, StoreError},
};
use doorward_crypto::password::{CryptKeys, PoolLimits};
use doorward_gateway::{
    Gateway, GatewayParts, PlainDoor, Snapshot,
    listen::{Limits, Listener},
    proxy::Proxy,
    record::Recorder,
};
use doorward_mail::{Mailer, Patience};
use doorward_oauth::client::Providers;
use doorward_tls::Terminator;
use http::HeaderValue;
use std::{io, net::SocketAddr, path::Path, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// How long mail that is under way may take at the end.
const LAST_MAIL: Duration = Duration::from_secs(10);
/// How long tunnels have to end once they are told to.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a server is built from besides its configuration.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) telemetry: Arc<Telemetry>,
    /// Whoever asks other servers.
    pub(crate) fetchers: Arc<Fetchers>,
}

/// Why a server cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    #[error("cannot speak TLS: {0}")]
    Tls(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Auth(#[from] doorward_auth::AuthError),
}

/// A server that listens, and serves once it is [run](Server::run).
pub(crate) struct Server {
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) auth: Arc<Auth>,
    pub(crate) mailer: Arc<Mailer>,
    /// The settings, with the public URL that the first listener gave.
    pub(crate) settings: Settings,
    /// Carries out handshakes, where we speak TLS.
    pub(crate) terminator: Option<Arc<Terminator>>,
    public: Vec<(SocketAddr, Listener)>,
    plain: Vec<(SocketAddr, Listener)>,
    operations: (SocketAddr, TcpListener),
    operator: Arc<Operations>,
    control: Option<Control>,
    world: World,
}

impl Server {
    /// Binds all sockets and puts the parts together.
    pub(crate) async fn bind(config: Config, store: OpenStore, world: World) -> Result<Self, StartError> {
        let terminator = terminator(&config.settings, &world)?;
        let public = listen_all(&config.settings.server.listen, &config.settings, terminator.as_ref()).await?;
        let plain = listen_all(&config.settings.server.listen_plain, &config.settings, None).await?;
        let config = match public.first() {
            Some((address, _)) => config.bound_to(*address),
            None => config,
        };
        let Config { settings, policy } = config;
        let operations = operations_socket(settings.operations.listen).await?;
        let mailer = Arc::new(mailer(&settings, &world));
        let auth = open_auth(&settings, policy.directories.clone(), &store.store, &world).await?;
        auth.set_account_rules(account_rules(&settings, &policy));
        auth.send_mail_by(Arc::clone(&mailer) as _);
        auth.on_change({
            let telemetry = Arc::clone(&world.telemetry);
            move |change| audited(change, |event| telemetry.audit(event))
        });
        integrations::keep(&auth, &settings.integrations).await?;
        world.telemetry.policy(&policy.hash);
        let recorder: Arc<dyn Recorder> = Arc::clone(&world.telemetry) as _;
        let providers = Arc::new(Providers::default());
        providers.set(providers::settings(&settings, |authorities| world.fetchers.believing(authorities)));
        let gateway = Arc::new(Gateway::new(GatewayParts {
            snapshot: snapshot(&settings, policy),
            auth: Arc::clone(&auth),
            proxy: Proxy::new(doorward_gateway::proxy::Settings::default()),
            recorder,
            entropy: Arc::clone(&world.entropy),
            providers,
        }));
        let control = store.path.as_deref().and_then(|path| bind_control(path, &world.telemetry));
        let operator = Operations::new(Arc::clone(&world.telemetry), store.store, sampler(&auth), {
            let auth = Arc::clone(&auth);
            move || auth.assertion_keys().to_string()
        });
        Ok(Self { gateway, auth, mailer, settings, terminator, public, plain, operations, operator, control, world })
    }

    /// The public listeners' addresses, as they were bound.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.public.iter().map(|(address, _)| *address)
    }

    /// `ready http://127.0.0.1:8080 operations http://127.0.0.1:8081`.
    pub(crate) fn ready_line(&self) -> String {
        let scheme = if self.terminator.is_some() { "https" } else { "http" };
        let mut public: Vec<String> = self.addresses().map(|address| format!("{scheme}://{address}")).collect();
        public.extend(self.plain.iter().map(|(address, _)| format!("http://{address}")));
        format!("ready {} operations http://{}", public.join(" "), self.operations.0)
    }

    /// Serves until the first of `signals`, then drains: requests in flight finish, WebSockets may last as long as those may,
    /// nothing new begins. A second signal ends it at once; whether it drained to the end.
    pub(crate) async fn run(self, mut signals: Ends) -> bool {
        let draining = CancellationToken::new();
        let mut listeners = JoinSet::new();
        for (_, listener) in self.public {
            let recorder: Arc<dyn Recorder> = Arc::clone(&self.world.telemetry) as _;
            listeners.spawn(listener.serve(Arc::clone(&self.gateway), recorder, draining.clone()));
        }
        for (_, listener) in self.plain {
            let (door, recorder) = (Arc::new(PlainDoor(Arc::clone(&self.gateway))), Arc::clone(&self.world.telemetry));
            listeners.spawn(listener.serve(door, recorder as _, draining.clone()));
        }
        let mut helpers = JoinSet::new();
        helpers.spawn(Arc::clone(&self.operator).serve(self.operations.1));
        if let Some(control) = self.control {
            let auth = Arc::clone(&self.auth);
            helpers.spawn(control.serve(async move || auth.apply_changes().await.map(drop).map_err(|error| error.to_string())));
        }
        let drained = CancellationToken::new();
        let background = tokio::spawn(Arc::clone(&self.auth).background(drained.clone().cancelled_owned()));

        signals.next().await;
        self.world.telemetry.notice("draining");
        self.operator.drain();
        draining.cancel();
        let patience = self.settings.server.limits.drain_timeout;
        let finish = async {
            let tunnels = tokio::time::timeout(patience, no_tunnels(&self.gateway));
            let requests = async { while listeners.join_next().await.is_some() {} };
            let _ = tokio::join!(tunnels, requests);
            self.gateway.close_tunnels();
            // Each hears of it at once; a peer that takes nothing more is left.
            let _ = tokio::time::timeout(LAST_WORDS, no_tunnels(&self.gateway)).await;
            // Only now: requests in flight still used sessions.
            drained.cancel();
            let _ = background.await;
            self.mailer.close(LAST_MAIL).await;
        };
        let whole = tokio::select! {
            () = finish => true,
            () = signals.next() => false,
        };
        helpers.shutdown().await;
        self.world.telemetry.notice(if whole { "stopped" } else { "stopped at once, by a second signal" });
        self.world.telemetry.flush();
        whole
    }
}

/// Returns once no connection is a tunnel any more.
async fn no_tunnels(gateway: &Gateway) {
    while gateway.tunnels() > 0 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn terminator(settings: &Settings, world: &World) -> Result<Option<Arc<Terminator>>, StartError> {
    let Some(tls) = &settings.server.tls else { return Ok(None) };
    let limits = &settings.server.limits;
    let share = limits.handshakes_per_network.unwrap_or(limits.handshakes.div_ceil(4));
    let terminator = Terminator::new(&tls.setup(), Arc::clone(&world.clock), limits.handshakes, share);
    terminator.map(|terminator| Some(Arc::new(terminator))).map_err(StartError::Tls)
}

async fn listen_all(
    addresses: &[SocketAddr],
    settings: &Settings,
    terminator: Option<&Arc<Terminator>>,
) -> Result<Vec<(SocketAddr, Listener)>, StartError> {
    let mut all = Vec::new();
    for &address in addresses {
        let (bound, listener) = listen(address, settings).await.map_err(|error| StartError::Listen(address, error))?;
        let listener = match terminator {
            Some(terminator) => listener.with_tls(Arc::clone(terminator)),
            None => listener,
        };
        all.push((bound, listener));
    }
    Ok(all)
}

async fn listen(address: SocketAddr, settings: &Settings) -> io::Result<(SocketAddr, Listener)> {
    let server = &settings.server;
    let limits = Limits {
        max_connections: server.limits.connections,
        head_timeout: server.limits.header_timeout,
        handshake_timeout: server.limits.handshake_timeout,
        max_head: server.limits.head,
        max_headers: server.limits.headers,
        idle_timeout: server.limits.idle_timeout,
        drain_timeout: server.limits.drain_timeout,
        ..Limits::default()
    };
    let mut listener = Listener::bind(address, limits).await?;
    if server.client_address == ClientAddress::ProxyProtocol {
        listener = listener.with_proxy_protocol(server.trusted_proxies.clone());
    }
    Ok((listener.local_addr()?, listener))
}

async fn operations_socket(address: SocketAddr) -> Result<(SocketAddr, TcpListener), StartError> {
    let bind = async { TcpListener::bind(address).await.and_then(|socket| Ok((socket.local_addr()?, socket))) };
    bind.await.map_err(|error| StartError::Listen(address, error))
}

async fn open_auth(
    settings: &Settings,
    directories: Vec<Arc<doorward_core::policy::Directory>>,
    store: &Arc<dyn Store>,
    world: &World,
) -> Result<Arc<Auth>, StartError> {
    let auth = AuthSettings {
        directories,
        issuer: issuer(settings),
        cost: cost(settings),
        pool: pool(&settings.passwords),
        crypt_keys: crypt_keys(settings),
        throttle: ThrottleLimits {
            network_failures: settings.sign_in.address_failures,
            network_window: settings.sign_in.address_window,
            ..ThrottleLimits::default()
        },
        tokens: tokens(settings),
    };
    let auth = Auth::open(Arc::clone(store), Arc::clone(&world.clock), Arc::clone(&world.entropy), auth).await?;
    auth.set_grace(settings.grace);
    auth.set_pair_settings(parts::pairs(settings));
    auth.tokens().set_web_settings(parts::web_tokens(settings));
    auth.tokens().set_oauth_keys(parts::oauth_keys(settings));
    auth.tokens().set_issuers(issuers::settings(settings, |authorities| world.fetchers.believing(authorities)));
    Ok(auth)
}

/// The keys of password hashes that Magento made without a salt.
pub(crate) fn crypt_keys(settings: &Settings) -> CryptKeys {
    CryptKeys::new(settings.passwords.magento_crypt_keys.0.iter().map(|key| &**key))
}

/// How accounts are kept.
pub(crate) fn account_rules(settings: &Settings, policy: &Policy) -> AccountRules {
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

/// Sends mail in the background of this server.
fn mailer(settings: &Settings, world: &World) -> Mailer {
    let (clock, entropy) = (Arc::clone(&world.clock), Arc::clone(&world.entropy));
    let ledger = Arc::clone(&world.telemetry) as _;
    let runtime = tokio::runtime::Handle::current();
    Mailer::new(settings.mail.clone(), public_url(settings), clock, entropy, ledger, Patience::default(), runtime)
}

/// Where people reach us: the base of links.
pub(crate) fn public_url(settings: &Settings) -> Arc<str> {
    settings.server.public_url.clone().unwrap_or_else(|| "http://127.0.0.1".into())
}

/// One address may fill half of the queue: a flood from it leaves room for others.
fn pool(passwords: &Passwords) -> PoolLimits {
    let &Passwords { workers, queue, .. } = passwords;
    PoolLimits { workers, queue, per_address: queue.div_ceil(2) }
}

/// What requests are judged by.
pub(crate) fn snapshot(settings: &Settings, policy: Policy) -> Snapshot {
    let hsts = settings.server.tls.as_ref().and_then(|tls| HeaderValue::from_str(tls.hsts.as_deref()?).ok());
    Snapshot { policy: Arc::new(policy), network: network(settings), jwks_path: settings.assertion.jwks_path.clone(), hsts }
}

/// The `iss` of assertions.
pub(crate) fn issuer(settings: &Settings) -> Arc<str> {
    settings.assertion.issuer.clone().or_else(|| settings.server.public_url.clone()).unwrap_or_else(|| "doorward".into())
}

fn sampler(auth: &Arc<Auth>) -> impl Fn() -> Sample + Send + Sync + 'static {
    let auth = Arc::clone(auth);
    move || {
        let stats = auth.stats();
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        Sample {
            sessions: count(stats.sessions),
            tokens: count(stats.tokens),
            pairs: count(stats.pairs),
            throttled: count(stats.throttled),
            hashes_done: stats.pool.done,
            hashes_refused: stats.pool.refused,
            hashes_failed: stats.pool.failed,
            hashes_peak: count(stats.pool.peak),
            hash_memory: stats.pool.buffers_kib.saturating_mul(1024),
            hash_time: stats.pool.typical,
            hashes_queued: count(stats.pool.queued),
            hashes_running: count(stats.pool.running),
            issuers: auth.tokens().issuer_keys(),
            now: auth.clock().now(),
            ..Sample::default()
        }
    }
}

/// Without a control socket changes by the command line are still honoured, by the beat that looks for them.
fn bind_control(store: &Path, telemetry: &Telemetry) -> Option<Control> {
    match Control::bind(store, std::process::id()) {
        Ok(control) => Some(control),
        Err(error) => {
            telemetry.trouble(&format!(
                "commands cannot tell this server of their changes, which it then honours within a second: {error}"
            ));
            None
        }
    }
}
