//! `doorward serve`.

use crate::{
    assembly::{Server, World},
    certificates,
    cli::{Answer, Failure, Terminal},
    environment, kinds,
    reload::{self, Reloader},
    telemetry::{Format, Requests, Telemetry},
};
use doorward_assembly::{Fetchers, given_roles, integrations, parts::open_store};
use doorward_config::{
    Diagnostics,
    settings::{Log, LogFormat, LogRequests},
};
use doorward_core::ports::Clock;
use doorward_crypto::system::{SystemClock, SystemEntropy};
use std::{io, path::Path, sync::Arc};
use tokio::{
    runtime::{Builder, Runtime},
    signal::unix::{Signal, SignalKind, signal},
};

/// Serves until SIGTERM or Ctrl-C.
pub(crate) fn run(path: &Path, terminal: &mut Terminal) -> Result<Answer, Failure> {
    let clock = Arc::new(SystemClock);
    let began = clock.now();
    let outcome = doorward_config::load(path, &environment);
    let Some(config) = outcome.config else {
        terminal.diagnose(&outcome.diagnostics)?;
        return Ok(Answer::No);
    };
    let world = world(&config.settings.log, clock)?;
    world.telemetry.listen_to_tracing();
    let format = config.settings.log.format;
    let telemetry = Arc::clone(&world.telemetry);
    let say = |diagnostics: &Diagnostics, terminal: &mut Terminal| match format {
        LogFormat::Human => terminal.diagnose(diagnostics),
        // Whoever reads objects should not stumble over pictures.
        LogFormat::Json => {
            reload::report(&telemetry, diagnostics);
            Ok(())
        }
    };
    say(&outcome.diagnostics, terminal)?;
    say(&certificates::unwise(&config.settings, began, path), terminal)?;
    let store = open_store(&config.settings.store, None)?;
    runtime()?.block_on(async {
        say(&kinds::changed(&config.policy, &store.store.account_counts().await?, path), terminal)?;
        let integrations = &config.settings.integrations;
        let forgotten = integrations::undeclared(&*store.store, integrations).await?;
        say(&integrations::forgotten(&forgotten, integrations, path), terminal)?;
        let roles = store.store.roles().await?;
        say(&given_roles::without_role(&config.settings, roles.iter().map(|(name, _)| name), path), terminal)?;
        let signals = Signals::new()?;
        let server = Server::bind(config, store, world.clone()).await.map_err(Failure::new)?;
        let reloader = Reloader::new(path, &server, outcome.files, began, world);
        terminal.write(format!("{}\n", server.ready_line()).as_bytes())?;
        let reloads = tokio::spawn(reloader.run(signals.reload));
        let whole = server.run(signals.ends).await;
        reloads.abort();
        ended(whole)
    })
}

/// As many threads as cores; with one core, none besides this one.
pub(crate) fn runtime() -> io::Result<Runtime> {
    match std::thread::available_parallelism().map_or(1, usize::from) {
        1 => Builder::new_current_thread().enable_all().build(),
        cores => Builder::new_multi_thread().worker_threads(cores).enable_all().build(),
    }
}

/// The system's clock and generator, and a log as it is asked for.
pub(crate) fn world(log: &Log, clock: Arc<dyn Clock>) -> io::Result<World> {
    let telemetry = Telemetry::start(format(log), requests(log), Arc::clone(&clock))?;
    let fetchers = Fetchers::new(Arc::clone(&clock));
    Ok(World { clock, entropy: Arc::new(SystemEntropy), telemetry, fetchers })
}

/// How the log looks.
pub(crate) fn format(log: &Log) -> Format {
    match log.format {
        LogFormat::Human => Format::Human,
        LogFormat::Json => Format::Json,
    }
}

/// Which requests are logged.
pub(crate) fn requests(log: &Log) -> Requests {
    match log.requests {
        LogRequests::All => Requests::All,
        LogRequests::Refused => Requests::Refused,
        LogRequests::Off => Requests::Off,
    }
}

/// Signals that mean something to us. They are taken before anybody is told that we are ready.
pub(crate) struct Signals {
    pub(crate) ends: Ends,
    reload: Signal,
}

impl Signals {
    pub(crate) fn new() -> io::Result<Self> {
        let ends = Ends { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? };
        Ok(Self { ends, reload: signal(SignalKind::hangup())? })
    }
}

/// SIGTERM and Ctrl-C.
pub(crate) struct Ends {
    interrupt: Signal,
    terminate: Signal,
}

impl Ends {
    /// Until the next one.
    pub(crate) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// How a command ends whose server did, or did not, drain.
pub(crate) fn ended(whole: bool) -> Result<Answer, Failure> {
    if whole {
        Ok(Answer::Done)
    } else {
        Err(Failure::new("a second signal ended it before all requests in flight had finished"))
    }
}
