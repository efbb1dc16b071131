//! `doorward demo`: everything in one process, needing nothing, leaving nothing.

mod api;
mod words;

use crate::{
    assembly::Server,
    cli::{Answer, Failure, Terminal},
    serve,
};
use doorward_assembly::parts::{self, open_store};
use doorward_config::Config;
use doorward_core::{
    Kind,
    ports::{NewAccount, Store},
};
use doorward_crypto::{password, system::SystemClock};
use std::{collections::BTreeSet, net::SocketAddr, path::Path, sync::Arc};
use tokio::net::TcpListener;

/// The demo's configuration; `{...}` are filled in.
const CONFIG: &str = include_str!("doorward.toml");
/// Its rules.
const ROUTES: &str = include_str!("routes.toml");
/// Rules of the shop in Magento's grammar, written for this demo.
const WEBAPI: &str = include_str!("webapi.xml");
/// The resources that they name.
const ACL: &str = include_str!("acl.xml");

/// A sample account.
struct Sample {
    directory: &'static str,
    kind: Kind,
    id: u64,
    login: &'static str,
    email: Option<&'static str>,
    password: &'static str,
    roles: &'static [&'static str],
    profile: &'static str,
}

const ACCOUNTS: [Sample; 2] = [
    Sample {
        directory: "admins",
        kind: Kind::Admin,
        id: 14,
        login: "admin",
        email: None,
        password: "publish",
        roles: &["editors"],
        profile: "{}",
    },
    Sample {
        directory: "customers",
        kind: Kind::Customer,
        id: 7,
        login: "jane@example.com",
        email: Some("jane@example.com"),
        password: "jane-demo",
        roles: &[],
        profile: r#"{"firstname":"Jane","lastname":"Doe"}"#,
    },
];

/// Serves the demo on `listen` until Ctrl-C.
pub(crate) fn run(listen: SocketAddr, terminal: &mut Terminal) -> Result<Answer, Failure> {
    let folder = Folder::new()?;
    serve::runtime()?.block_on(async {
        let signals = serve::Signals::new()?;
        let upstream = TcpListener::bind(("127.0.0.1", 0)).await?;
        let config = configuration(listen, upstream.local_addr()?, &folder.0)?;
        let world = serve::world(&config.settings.log, Arc::new(SystemClock))?;
        world.telemetry.listen_to_tracing();
        let store = open_store(&config.settings.store, None)?;
        fill(&*store.store, &config, &world.entropy, world.clock.now()).await?;
        let server = Server::bind(config, store, world).await.map_err(Failure::new)?;
        let api = tokio::spawn(api::serve(upstream));
        let public = server.assembly.settings().server.public_url.clone().unwrap_or_default();
        let cookie = server.assembly.gateway.policy().directory("admins").map(|d| d.cookie.name.to_string()).unwrap_or_default();
        let customer =
            server.assembly.gateway.policy().directory("customers").map(|d| d.cookie.name.to_string()).unwrap_or_default();
        terminal.write(words::greeting(&public, &server.ready_line(), &cookie, &customer).as_bytes())?;
        let whole = server.run(signals.ends).await;
        api.abort();
        serve::ended(whole)
    })
}

/// The configuration for this address and upstream; its store is in `folder`.
fn configuration(listen: SocketAddr, upstream: SocketAddr, folder: &Path) -> Result<Config, Failure> {
    let text = CONFIG
        .replace("{listen}", &listen.to_string())
        .replace("{upstream}", &upstream.to_string())
        // Whoever starts the demo reads its log, and its passwords are no secret.
        .replace("{mail}", if listen.ip().is_loopback() { "log:" } else { "log:unsafe" })
        // Off loopback browsers must be told where we are; the address that was asked for is the best that is known.
        .replace(
            "{public_url}",
            &if listen.ip().is_loopback() { String::new() } else { format!("public_url = \"http://{listen}\"") },
        );
    let files = [("routes.toml", ROUTES), ("webapi.xml", WEBAPI), ("acl.xml", ACL)];
    let outcome = doorward_config::from_texts(&text, &files, folder, &|_| None);
    let mut config = outcome.config.ok_or_else(|| Failure::new(outcome.diagnostics.render(doorward_config::Style::Plain)))?;
    // Under whatever name this machine is reached.
    config.policy.hosts = None;
    Ok(config)
}

/// Makes the sample roles and accounts.
async fn fill(
    store: &dyn Store,
    config: &Config,
    entropy: &Arc<dyn doorward_core::ports::Entropy>,
    now: doorward_core::Time,
) -> Result<(), Failure> {
    let resources = ["Demo_Content::content", "Demo_Sales::orders", "Demo_Catalog::products"];
    store.put_role("editors", BTreeSet::from(resources.map(Arc::from)).into(), now).await?;
    let cost = parts::cost(&config.settings);
    for sample in ACCOUNTS {
        let new = NewAccount {
            directory: sample.directory.into(),
            kind: sample.kind,
            id: Some(sample.id),
            login: sample.login.into(),
            email: sample.email.map(Arc::from),
            password: Some(password::hash_password(sample.password, cost, &**entropy).into()),
            roles: sample.roles.iter().map(|role| Arc::from(*role)).collect(),
            per_website: false,
            membership: None,
            confirmed: true,
            profile: sample.profile.into(),
        };
        store.add_account(new, now).await?;
    }
    Ok(())
}

/// A folder for the demo's database, removed at the end.
struct Folder(std::path::PathBuf);

impl Folder {
    fn new() -> std::io::Result<Self> {
        // Made by one call that fails if it is there: nobody else can have put anything into it.
        let mut random = [0; 8];
        doorward_core::ports::Entropy::fill(&doorward_crypto::system::SystemEntropy, &mut random);
        let path = std::env::temp_dir().join(format!("doorward-demo-{:016x}", u64::from_be_bytes(random)));
        std::os::unix::fs::DirBuilderExt::mode(&mut std::fs::DirBuilder::new(), 0o700).create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own care for temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_may_listen_off_loopback_and_serves_every_host_there() {
        let (listen, upstream) = (SocketAddr::from(([0, 0, 0, 0], 8080)), SocketAddr::from(([127, 0, 0, 1], 9)));
        let folder = tempfile::tempdir().unwrap();
        let config = configuration(listen, upstream, folder.path()).unwrap();
        assert!(config.policy.hosts.is_none());
    }

    #[test]
    fn the_embedded_configuration_is_sound_and_gives_no_warning() {
        let (listen, upstream) = (SocketAddr::from(([127, 0, 0, 1], 0)), SocketAddr::from(([127, 0, 0, 1], 9)));
        let text = CONFIG.replace("{listen}", &listen.to_string()).replace("{upstream}", &upstream.to_string());
        let text = text.replace("{mail}", "log:");
        let files = [("routes.toml", ROUTES), ("webapi.xml", WEBAPI), ("acl.xml", ACL)];
        let folder = tempfile::tempdir().unwrap();
        let outcome = doorward_config::from_texts(&text.replace("{public_url}", ""), &files, folder.path(), &|_| None);
        assert!(outcome.diagnostics.is_empty(), "{}", outcome.diagnostics.render(doorward_config::Style::Plain));
        assert!(outcome.config.is_some());
    }
}
