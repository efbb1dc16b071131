//! `doorward session`: live sessions.

use super::{
    args::{AccountName, account_name},
    context::Context,
    terminal::{Answer, Failure},
};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List sessions, newest first
    List {
        /// Only those of this account
        #[arg(long, value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: Option<AccountName>,
    },
    /// End sessions
    End {
        /// The session, as `session list` shows it
        #[arg(value_name = "SESSION", required_unless_present = "account", conflicts_with = "account")]
        session: Option<String>,
        /// All sessions of this account
        #[arg(long, value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: Option<AccountName>,
    },
}

/// Runs a command on sessions.
pub(crate) async fn run(command: SessionCommand, context: &mut Context<'_>) -> Result<Answer, Failure> {
    let _ = context;
    Err(Failure::new(format_args!("{command:?} is not available in this build")))
}
