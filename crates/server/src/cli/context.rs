//! What a command that works on the store is given.

use super::{
    args::ConfigFile,
    terminal::{Failure, Terminal},
};
use crate::{
    control, environment,
    serve::format,
    telemetry::{Format, audit_line, audited},
};
use doorward_assembly::parts::{OpenStore, cost, oauth_keys, open_store, tokens, web_tokens};
use doorward_auth::{KeyRules, TokenSettings, WebSettings};
use doorward_config::Config;
use doorward_core::{
    Policy,
    ports::{Clock, Entropy, ImportStore, Store},
};
use doorward_crypto::{
    password::Cost,
    random,
    system::{SystemClock, SystemEntropy},
};
use doorward_gateway::record::AuditEvent;
use std::{path::PathBuf, sync::Arc};

/// The configuration, its store, and the terminal.
pub(crate) struct Context<'t> {
    /// The compiled configuration: its directories and resources.
    pub(crate) policy: Arc<Policy>,
    /// Where accounts, roles and sessions are.
    pub(crate) store: Arc<dyn Store>,
    /// The same, for what moves in.
    pub(crate) imports: Arc<dyn ImportStore>,
    /// Whether the configuration names crypt keys of Magento's.
    pub(crate) has_crypt_keys: bool,
    /// The store's file, unless it is in memory.
    pub(crate) store_path: Option<PathBuf>,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// Unpredictable bytes.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// What one password hash costs.
    pub(crate) cost: Cost,
    /// How bearer tokens are issued.
    pub(crate) tokens: TokenSettings,
    /// How JSON Web Tokens are.
    pub(crate) web: WebSettings,
    /// What the keys of the authorization server are like, where there is one.
    pub(crate) oauth: Option<KeyRules>,
    /// How audit events look.
    pub(crate) format: Format,
    /// The newest change before the command began.
    pub(crate) before: u64,
    /// Names this run of the command, in the store and in audit events.
    pub(crate) run: u128,
    /// Where to say the result.
    pub(crate) terminal: &'t mut Terminal,
}

impl<'t> Context<'t> {
    /// Loads the configuration and opens its store.
    pub(crate) async fn open(config: &ConfigFile, terminal: &'t mut Terminal) -> Result<Self, Failure> {
        let Config { settings, policy } = sound(config, terminal)?;
        let run = u128::from_be_bytes(random(&SystemEntropy));
        let OpenStore { store, imports, path } = open_store(&settings.store, Some(run))?;
        if path.is_none() {
            return Err(Failure::new("the store is in memory (`store.url`): a command has nothing to work on"));
        }
        Ok(Self {
            policy: Arc::new(policy),
            cost: cost(&settings),
            tokens: tokens(&settings),
            web: web_tokens(&settings),
            oauth: oauth_keys(&settings),
            format: format(&settings.log),
            before: store.last_change().await?,
            run,
            store,
            imports,
            has_crypt_keys: !settings.passwords.magento_crypt_keys.0.is_empty(),
            store_path: path,
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            terminal,
        })
    }

    /// Call this after each change: every server on this store honours it before this returns, and one of them writes it
    /// down. What none of them did is written here.
    pub(crate) async fn changed(&mut self) -> Result<(), Failure> {
        let told = match &self.store_path {
            Some(path) => control::notify(path).await,
            None => Ok(0),
        };
        self.audit().await?;
        match told {
            Ok(_) => Ok(()),
            Err(why) => Err(Failure::new(format_args!("the change is stored, but a server has not confirmed it: {why}"))),
        }
    }

    /// Writes down that an import ended: new accounts are too many to be written down one by one.
    pub(crate) async fn audit_import(&mut self, directory: &str, detail: &str) -> Result<(), Failure> {
        self.changed().await?;
        let run = format!("{:032x}", self.run);
        let event = AuditEvent {
            event: "import",
            outcome: "success",
            request_id: &run,
            directory,
            identity: "-",
            login: "",
            client: None,
            method: "-",
            detail,
        };
        let line = audit_line(self.format, self.clock.now(), &event);
        self.terminal.warn(line.trim_end())
    }

    async fn audit(&mut self) -> Result<(), Failure> {
        let run = format!("{:032x}", self.run);
        let mut lines = String::new();
        for change in self.store.changes_since(self.before).await? {
            self.before = change.sequence;
            if change.run.as_deref() == Some(&*run) && self.store.claim_change(change.sequence).await? {
                audited(&change, |event| lines.push_str(&audit_line(self.format, self.clock.now(), event)));
            }
        }
        if lines.is_empty() { Ok(()) } else { self.terminal.warn(lines.trim_end()) }
    }
}

/// The configuration, or a failure after all its problems were said.
pub(crate) fn sound(config: &ConfigFile, terminal: &mut Terminal) -> Result<Config, Failure> {
    let outcome = doorward_config::load(&config.path, &environment);
    match outcome.config {
        Some(config) => Ok(config),
        None => {
            if !terminal.json() {
                terminal.diagnose(&outcome.diagnostics)?;
            }
            let problems: Vec<String> = outcome.diagnostics.iter().map(ToString::to_string).collect();
            let detail = if terminal.json() { format!(": {}", problems.join("; ")) } else { String::new() };
            Err(Failure::new(format_args!("{} is unsound{detail}", config.path.display())))
        }
    }
}
