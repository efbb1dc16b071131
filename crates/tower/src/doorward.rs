//! The front door as a value: opened once, cloned freely.

use crate::{Accounts, Builder, Configuration, DoorwardLayer, DoorwardService, Recorder, Unsound, record::Tracing};
use doorward_assembly::{Assembly, Fetchers, World, audited, parts};
use doorward_config::{Config, Settings, settings::ClientAddress};
use doorward_core::ports::{Clock, Entropy, StoreError};
use doorward_crypto::system::{SystemClock, SystemEntropy};
use doorward_gateway::Gateway;
use doorward_tls::Trust;
use std::{
    fmt,
    future::ready,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{sync::Mutex, task::JoinHandle};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How long mail that is under way may take at the end.
const LAST_MAIL: Duration = Duration::from_secs(10);
/// How long a store may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether the door is ready by now.
const LOOK: Duration = Duration::from_millis(20);

/// Why there is no front door, or no other one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration is unsound.
    #[error(transparent)]
    Unsound(#[from] Unsound),
    /// The configuration asks for something that no layer can do.
    #[error("a layer cannot do this: {0}")]
    Unable(&'static str),
    /// The store cannot be opened or asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What sessions and sign-in stand on cannot be made.
    #[error("{0}")]
    Start(String),
    /// These settings are held by parts that are not replaced: open another [`Doorward`].
    #[error("nothing changed, because this needs a new start: {}", .0.join(", "))]
    NeedsRestart(Vec<&'static str>),
}

/// Why not everyone can be judged now: whoever needs a role, or all whose session the store has to confirm, are answered 503.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotReady {
    /// Changes of the store are not heard: [`Doorward::run`] has only begun, or was not called, or the store was away.
    #[error("changes of the store are not heard")]
    Deaf,
    /// The store cannot be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store does not answer in time.
    #[error("the store does not answer")]
    Silent,
    /// [`Doorward::run`] has ended.
    #[error("the door does not run any more")]
    Ended,
}

/// The front door of a service: its accounts, sessions, rules and keys. Clones are the same one.
#[derive(Clone)]
pub struct Doorward {
    house: Arc<House>,
}

struct House {
    assembly: Assembly,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    /// Whom we believe about certificates that clients showed to the program's own server.
    trust: Arc<Trust>,
    /// Where the program listens, if it said so.
    bound: Option<SocketAddr>,
    running: AtomicBool,
    ended: AtomicBool,
    replacing: Mutex<()>,
}

impl Doorward {
    /// One by `doorward.toml`.
    ///
    /// # Errors
    /// The configuration is unsound, or its store cannot be opened.
    pub async fn from_file(path: impl AsRef<Path>) -> Result<Self, Error> {
        Self::open(Configuration::from_file(path)?).await
    }

    /// One by the text of a `doorward.toml`; its relative paths are relative to the working folder.
    ///
    /// # Errors
    /// The configuration is unsound, or its store cannot be opened.
    pub async fn from_toml(text: &str) -> Result<Self, Error> {
        Self::open(Configuration::from_toml(text)?).await
    }

    /// A configuration made by calls.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// One by this configuration, on the runtime of the caller. Events go to `tracing`.
    ///
    /// # Errors
    /// The store cannot be opened, or the configuration asks for what a layer cannot do.
    pub async fn open(configuration: Configuration) -> Result<Self, Error> {
        Self::open_with(configuration, Arc::new(Tracing)).await
    }

    /// One whose events go to `recorder`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with(configuration: Configuration, recorder: Arc<dyn Recorder>) -> Result<Self, Error> {
        let bound = configuration.bound();
        let config = able(configuration.into_config())?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let world = World {
            fetchers: Fetchers::new(Arc::clone(&clock)),
            clock,
            entropy: Arc::new(SystemEntropy),
            recorder: Arc::clone(&recorder),
            ledger: Arc::new(Tracing),
            changed: Arc::new(move |change| audited(change, |event| recorder.audit(event))),
        };
        let trust = Arc::new(Trust::default());
        believe(&trust, &config.settings)?;
        let store = parts::open_store(&config.settings.store, None)?.store;
        let assembly = Assembly::new(config, &store, &world).await.map_err(|error| Error::Start(error.to_string()))?;
        // Until it runs nobody hears of changes, so nothing is believed without asking the store: as after its end.
        Arc::clone(&assembly.auth).background(ready(())).await;
        let World { clock, entropy, .. } = world;
        let (running, ended, replacing) = (AtomicBool::new(false), AtomicBool::new(false), Mutex::default());
        let house = House { assembly, clock, entropy, trust, bound, running, ended, replacing };
        Ok(Self { house: Arc::new(house) })
    }

    /// Protects services. One door may have any number of layers.
    pub fn layer(&self) -> DoorwardLayer {
        DoorwardLayer::new(self.clone())
    }

    /// A service behind this door: [`layer`](Self::layer) about `service`. A router is protected as a whole so, and chooses by the
    /// method and the path that were judged. The layer among those of an axum router comes after that choice; what it then
    /// finds to be another method or path than was sent it refuses.
    pub fn protect<S>(&self, service: S) -> DoorwardService<S> {
        tower_layer::Layer::layer(&self.layer(), service)
    }

    /// Accounts and roles.
    pub fn accounts(&self) -> Accounts<'_> {
        Accounts::new(self)
    }

    /// Does what has to be done beside requests, until `shutdown`: it hears of sessions and accounts that others end, fetches
    /// keys, renews and purges, and at the end writes what is left to write and sees the last mail off. Await it beside the
    /// server, or let [`start`](Self::start) spawn it. While it does not run, requests are judged by asking the store each
    /// time, and whoever needs a role is answered 503: nobody would hear that it was taken away. So it is for a moment after the start, too.
    ///
    /// It runs once; further calls return at once.
    pub async fn run(&self, shutdown: impl Future<Output = ()> + Send) {
        if self.house.running.swap(true, SeqCst) {
            tracing::error!("Doorward::run was called twice: the second call does nothing");
            return;
        }
        let listening = Listening(&self.house);
        Arc::clone(&self.house.assembly.auth).background(shutdown).await;
        drop(listening);
        self.house.assembly.mailer.close(LAST_MAIL).await;
    }

    /// Spawns [`run`](Self::run) on the runtime of the caller.
    ///
    /// # Panics
    /// Outside of a runtime, as `tokio::spawn` does.
    pub fn start(&self) -> Background {
        let (door, token) = (self.clone(), CancellationToken::new());
        let ended = token.clone().cancelled_owned();
        let task = tokio::spawn(async move { door.run(ended).await });
        Background { end: token.drop_guard(), task }
    }

    /// Waits until everyone can be judged: the store answers, and its changes are heard. Await it after [`start`](Self::start), or
    /// beside [`run`](Self::run), before the program says that it serves. While nobody calls these it waits.
    ///
    /// # Errors
    /// The door [has ended](NotReady::Ended), so it never will be.
    pub async fn ready(&self) -> Result<(), NotReady> {
        loop {
            match self.readiness().await {
                Err(NotReady::Deaf | NotReady::Store(_) | NotReady::Silent) => tokio::time::sleep(LOOK).await,
                outcome => return outcome,
            }
        }
    }

    /// Whether everyone can be judged now, for an endpoint that a balancer asks. It asks the store, and takes two seconds at most.
    ///
    /// # Errors
    /// What is in the way.
    pub async fn readiness(&self) -> Result<(), NotReady> {
        if self.house.ended.load(SeqCst) {
            return Err(NotReady::Ended);
        }
        let auth = &self.house.assembly.auth;
        match tokio::time::timeout(PATIENCE, auth.store().ping()).await {
            Ok(answered) => answered?,
            Err(_) => return Err(NotReady::Silent),
        }
        if auth.is_deaf() { Err(NotReady::Deaf) } else { Ok(()) }
    }

    /// Judges requests that come from now on by another configuration, as a reload of the command does: as one, or not at
    /// all. Requests in flight finish under the old one. What [`Configuration::listening_at`] said stays.
    ///
    /// # Errors
    /// The configuration asks for another store or for what a layer cannot do, or the store cannot be asked. Then the old one
    /// stands.
    pub async fn replace(&self, configuration: Configuration) -> Result<(), Error> {
        let _one_at_a_time = self.house.replacing.lock().await;
        let configuration = match self.house.bound {
            Some(address) => configuration.listening_at(address),
            None => configuration,
        };
        let config = able(configuration.into_config())?;
        let held = needs_restart(&self.house.assembly.settings(), &config.settings);
        if !held.is_empty() {
            return Err(Error::NeedsRestart(held));
        }
        self.house.assembly.keep(&config.settings).await?;
        believe(&self.house.trust, &config.settings)?;
        self.house.assembly.take_over(config);
        Ok(())
    }

    /// Names the policy that judges now: the one that events name.
    pub fn policy_hash(&self) -> Arc<str> {
        Arc::clone(&self.gateway().policy().hash)
    }

    pub(crate) fn gateway(&self) -> &Gateway {
        &self.house.assembly.gateway
    }

    pub(crate) fn assembly(&self) -> &Assembly {
        &self.house.assembly
    }

    pub(crate) fn trust(&self) -> &Arc<Trust> {
        &self.house.trust
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.house.clock
    }

    pub(crate) fn entropy(&self) -> Arc<dyn Entropy> {
        Arc::clone(&self.house.entropy)
    }
}

impl fmt::Debug for Doorward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Doorward").field("policy", &self.policy_hash()).finish_non_exhaustive()
    }
}

/// What runs beside requests. It ends with this value, if it was not [stopped](Self::stop) before.
#[derive(Debug)]
pub struct Background {
    end: DropGuard,
    task: JoinHandle<()>,
}

impl Background {
    /// Ends it once what is left to write is written. Call this after the server has drained: its last requests use sessions.
    pub async fn stop(self) {
        drop(self.end);
        // It panicked, or its runtime is gone: nothing is left to wait for.
        let _ = self.task.await;
    }
}

/// However this ends, nobody hears any more that sessions end, and connections that were taken over end as well.
struct Listening<'d>(&'d House);

impl Drop for Listening<'_> {
    fn drop(&mut self) {
        self.0.ended.store(true, SeqCst);
        self.0.assembly.gateway.close_tunnels();
    }
}

/// What is asked of those parts of the configuration that a layer has not is left to whoever has them: listeners, TLS,
/// operations, the log's form. What would change whom to believe is not.
fn able(config: Config) -> Result<Config, Error> {
    match config.settings.server.client_address {
        ClientAddress::ProxyProtocol => Err(Error::Unable(
            "server.client_address = \"proxy-protocol\" is about connections: let the server read it, and say its address as Peer",
        )),
        ClientAddress::Peer | ClientAddress::XForwardedFor | ClientAddress::Forwarded => Ok(config),
    }
}

/// From now on certificates of clients count as this configuration says.
fn believe(trust: &Trust, settings: &Settings) -> Result<(), Error> {
    trust.believe(settings.client_trust().map(|trust| &trust.clients)).map_err(Error::Start)
}

/// Settings that parts of a door hold. Those of listeners and logs are no parts of it.
fn needs_restart(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let foreign = ["server.", "operations.", "log."];
    let held = old.restart_needed(new).into_iter();
    held.filter(|name| !foreign.iter().any(|other| name.starts_with(other))).collect()
}
