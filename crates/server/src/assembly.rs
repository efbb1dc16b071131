//! Everything of a server, put together and taken apart in the right order.

use crate::{
    control::Control,
    operations::Operations,
    serve::Ends,
    telemetry::{Sample, Telemetry, audited},
};
use doorward_assembly::{Assembly, Fetchers, parts::OpenStore};
use doorward_auth::Auth;
use doorward_config::{Config, Settings, settings::ClientAddress};
use doorward_core::ports::{Clock, Entropy, StoreError};
use doorward_gateway::{
    Gateway, PlainDoor,
    listen::{Limits, Listener},
    record::Recorder,
};
use doorward_tls::Terminator;
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

impl World {
    /// The same, as an assembly sees it.
    fn outside(&self) -> doorward_assembly::World {
        let telemetry = Arc::clone(&self.telemetry);
        doorward_assembly::World {
            clock: Arc::clone(&self.clock),
            entropy: Arc::clone(&self.entropy),
            fetchers: Arc::clone(&self.fetchers),
            recorder: Arc::clone(&telemetry) as _,
            ledger: Arc::clone(&telemetry) as _,
            changed: Arc::new(move |change| audited(change, |event| telemetry.audit(event))),
        }
    }
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
    /// What judges requests. Its settings have the public URL that the first listener gave.
    pub(crate) assembly: Arc<Assembly>,
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
        let operations = operations_socket(config.settings.operations.listen).await?;
        let hash = Arc::clone(&config.policy.hash);
        let assembly = Arc::new(Assembly::new(config, &store.store, &world.outside()).await?);
        world.telemetry.policy(&hash);
        let control = store.path.as_deref().and_then(|path| bind_control(path, &world.telemetry));
        let operator = Operations::new(Arc::clone(&world.telemetry), store.store, sampler(&assembly.auth), {
            let auth = Arc::clone(&assembly.auth);
            move || auth.assertion_keys().to_string()
        });
        Ok(Self { assembly, terminator, public, plain, operations, operator, control, world })
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
        let (gateway, auth) = (&self.assembly.gateway, &self.assembly.auth);
        let mut listeners = JoinSet::new();
        for (_, listener) in self.public {
            let recorder: Arc<dyn Recorder> = Arc::clone(&self.world.telemetry) as _;
            listeners.spawn(listener.serve(Arc::clone(gateway), recorder, draining.clone()));
        }
        for (_, listener) in self.plain {
            let (door, recorder) = (Arc::new(PlainDoor(Arc::clone(gateway))), Arc::clone(&self.world.telemetry));
            listeners.spawn(listener.serve(door, recorder as _, draining.clone()));
        }
        let mut helpers = JoinSet::new();
        helpers.spawn(Arc::clone(&self.operator).serve(self.operations.1));
        if let Some(control) = self.control {
            let auth = Arc::clone(auth);
            helpers.spawn(control.serve(async move || auth.apply_changes().await.map(drop).map_err(|error| error.to_string())));
        }
        let drained = CancellationToken::new();
        let background = tokio::spawn(Arc::clone(auth).background(drained.clone().cancelled_owned()));

        signals.next().await;
        self.world.telemetry.notice("draining");
        self.operator.drain();
        draining.cancel();
        let patience = self.assembly.settings().server.limits.drain_timeout;
        let finish = async {
            let tunnels = tokio::time::timeout(patience, no_tunnels(gateway));
            let requests = async { while listeners.join_next().await.is_some() {} };
            let _ = tokio::join!(tunnels, requests);
            gateway.close_tunnels();
            // Each hears of it at once; a peer that takes nothing more is left.
            let _ = tokio::time::timeout(LAST_WORDS, no_tunnels(gateway)).await;
            // Only now: requests in flight still used sessions.
            drained.cancel();
            let _ = background.await;
            self.assembly.mailer.close(LAST_MAIL).await;
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
            introspections: auth.tokens().introspections(),
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
