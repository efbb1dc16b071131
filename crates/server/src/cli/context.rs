//! What a command that works on the store is given.

use super::{
    args::ConfigFile,
    terminal::{Failure, Terminal},
};
use doorward_core::{
    Policy,
    ports::{Clock, Entropy, Store},
};
use doorward_crypto::password::Cost;
use std::sync::Arc;

/// The configuration, its store, and the terminal.
pub(crate) struct Context<'t> {
    /// The compiled configuration: its directories and resources.
    pub(crate) policy: Arc<Policy>,
    /// Where accounts, roles and sessions are.
    pub(crate) store: Arc<dyn Store>,
    /// What time it is.
    pub(crate) clock: Arc<dyn Clock>,
    /// Unpredictable bytes.
    pub(crate) entropy: Arc<dyn Entropy>,
    /// What one password hash costs.
    pub(crate) cost: Cost,
    /// Where to say the result.
    pub(crate) terminal: &'t mut Terminal,
}

impl<'t> Context<'t> {
    /// Loads the configuration and opens its store.
    pub(crate) async fn open(config: &ConfigFile, terminal: &'t mut Terminal) -> Result<Self, Failure> {
        let _ = terminal;
        Err(Failure::new(format_args!("{} cannot be opened by this build", config.path.display())))
    }

    /// Call this after each change: every server on this store honours it before this returns.
    pub(crate) async fn changed(&mut self) -> Result<(), Failure> {
        Ok(())
    }
}
