//! Reading the configuration again while the server runs: as one, or not at all.

use crate::{
    assembly::{Server, World},
    certificates, environment, kinds, serve,
    telemetry::Telemetry,
    watch::{INTERVAL, Watch},
};
use doorward_assembly::{Assembly, given_roles, integrations};
use doorward_config::{Config, Diagnostics, Outcome, Settings, Severity, settings::ClientAddress};
use doorward_core::{Time, ports::StoreError};
use doorward_tls::Terminator;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{signal::unix::Signal, time::MissedTickBehavior};

/// Gives a running server the configuration that is in its files now.
pub(crate) struct Reloader {
    path: PathBuf,
    bound: Option<SocketAddr>,
    assembly: Arc<Assembly>,
    terminator: Option<Arc<Terminator>>,
    watch: Watch,
    world: World,
}

impl Reloader {
    /// For a server whose configuration was read from `path` and built from `files`, beginning at `began`.
    pub(crate) fn new(path: &Path, server: &Server, files: Vec<PathBuf>, began: Time, world: World) -> Self {
        Self {
            path: path.to_owned(),
            bound: server.addresses().next(),
            assembly: Arc::clone(&server.assembly),
            terminator: server.terminator.clone(),
            watch: Watch::new(files, began, world.clock.now()),
            world,
        }
    }

    /// Reloads at each `signal`, and when files changed and rested.
    pub(crate) async fn run(mut self, mut signal: Signal) {
        let mut tick = tokio::time::interval(INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let due = tokio::select! {
                _ = signal.recv() => true,
                _ = tick.tick() => self.watch.is_due(self.world.clock.now()),
            };
            if due {
                self.reload().await;
            }
        }
    }

    async fn reload(&mut self) {
        let telemetry = Arc::clone(&self.world.telemetry);
        let (path, began) = (self.path.clone(), self.world.clock.now());
        // Reading hundreds of files takes a while; requests must not wait for it.
        let reading = tokio::task::spawn_blocking(move || doorward_config::load(&path, &environment));
        let Ok(Outcome { config, diagnostics, files }) = reading.await else {
            telemetry.reload_failed("the configuration could not be read to its end");
            return;
        };
        self.watch = Watch::new(files, began, self.world.clock.now());
        report(&telemetry, &diagnostics);
        let Some(config) = config else {
            let count = diagnostics.errors();
            telemetry.reload_failed(&format!("the configuration is unsound ({count} errors); nothing changed"));
            return;
        };
        let config = match self.bound {
            Some(address) => config.bound_to(address),
            None => config,
        };
        let restart = restart_needed(&self.assembly.settings(), &config.settings);
        if restart.is_empty() {
            match self.assembly.auth.store().account_counts().await {
                Ok(counts) => report(&telemetry, &kinds::changed(&config.policy, &counts, &self.path)),
                Err(error) => telemetry.trouble(&format!("nobody can say whether directories changed their kind: {error}")),
            }
            match self.assembly.auth.store().roles().await {
                Ok(roles) => {
                    let there = roles.iter().map(|(name, _)| name);
                    report(&telemetry, &given_roles::without_role(&config.settings, there, &self.path));
                }
                Err(error) => telemetry.trouble(&format!("nobody can say whether others give roles that do not exist: {error}")),
            }
            report(&telemetry, &certificates::unwise(&config.settings, began, &self.path));
            match self.keep_integrations(&config.settings).await {
                Ok(()) => self.take_over(config),
                Err(error) => {
                    telemetry.reload_failed(&format!("the old policy stands, because integrations cannot be kept: {error}"))
                }
            }
        } else {
            telemetry.reload_failed(&format!("nothing changed, because this needs a restart: {}", restart.join(", ")));
        }
    }

    async fn keep_integrations(&self, settings: &Settings) -> Result<(), StoreError> {
        let forgotten = integrations::undeclared(&**self.assembly.auth.store(), &settings.integrations).await?;
        report(&self.world.telemetry, &integrations::forgotten(&forgotten, &settings.integrations, &self.path));
        self.assembly.keep(settings).await
    }

    /// From here on requests are judged by the new policy; those in flight keep the old one.
    fn take_over(&self, config: Config) {
        let telemetry = &self.world.telemetry;
        if let (Some(terminator), Some(tls)) = (&self.terminator, &config.settings.server.tls)
            && let Err(error) = terminator.replace(&tls.setup())
        {
            return telemetry.reload_failed(&format!("nothing changed, because TLS cannot be spoken: {error}"));
        }
        self.assembly.take_over(config);
        telemetry.set_requests(serve::requests(&self.assembly.settings().log));
        telemetry.reloaded(&self.assembly.gateway.policy().hash);
    }
}

/// Logs the problems of a configuration.
pub(crate) fn report(telemetry: &Telemetry, diagnostics: &Diagnostics) {
    for problem in diagnostics.iter() {
        let place = match problem.position() {
            Some((line, column)) => format!("{}:{line}:{column}", problem.file()),
            None => problem.file().to_owned(),
        };
        telemetry.problem(problem.severity() == Severity::Error, &place, problem.message());
    }
}

/// Settings that this server holds in parts that are not replaced.
fn restart_needed(old: &Settings, new: &Settings) -> Vec<&'static str> {
    let (a, b) = (&old.server, &new.server);
    let held = [
        // The listeners read the PROXY header, and believe whom they were told at first.
        ("server.trusted_proxies", a.client_address == ClientAddress::ProxyProtocol && a.trusted_proxies != b.trusted_proxies),
        ("server.limits.drain_timeout", a.limits.drain_timeout != b.limits.drain_timeout),
    ];
    let mut all = old.restart_needed(new);
    all.extend(held.into_iter().filter_map(|(name, changed)| changed.then_some(name)));
    all.dedup();
    all
}
