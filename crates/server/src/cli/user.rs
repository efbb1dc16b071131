//! `doorward user`: accounts.

use super::{
    args::{AccountName, account_name},
    context::Context,
    terminal::{Answer, Failure},
};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Add an account
    Add {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
        /// Its e-mail address
        #[arg(long, value_name = "E")]
        email: Option<String>,
        /// A role that it has; may be repeated
        #[arg(long = "role", value_name = "R")]
        roles: Vec<String>,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List accounts
    List {
        /// Only those of this directory
        #[arg(value_name = "DIRECTORY")]
        directory: Option<String>,
    },
    /// Show one account
    Show {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
    },
    /// Refuse further sign-ins and end all sessions of an account
    Disable {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
    },
    /// Let an account sign in again
    Enable {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
    },
    /// Give an account another password, which ends its sessions
    Password {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
        /// Read the password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Delete an account and its sessions; its id is never used again
    Delete {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
    },
    /// Forget an account's failed sign-ins
    Unlock {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
    },
}

/// Runs a command on accounts.
pub(crate) async fn run(command: UserCommand, context: &mut Context<'_>) -> Result<Answer, Failure> {
    let _ = context;
    Err(Failure::new(format_args!("{command:?} is not available in this build")))
}
