//! `doorward role`: roles and the resources that they grant.

use super::{
    context::Context,
    terminal::{Answer, Failure},
};
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum RoleCommand {
    /// Make a role, or give it other resources
    Add {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
        /// A resource that it grants; may be repeated
        #[arg(long = "allow", value_name = "RESOURCE", num_args = 1..)]
        allow: Vec<String>,
    },
    /// List roles
    List,
    /// Show what a role grants
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Delete a role; accounts that had it lose it
    Delete {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
}

/// Runs a command on roles.
pub(crate) async fn run(command: RoleCommand, context: &mut Context<'_>) -> Result<Answer, Failure> {
    let _ = context;
    Err(Failure::new(format_args!("{command:?} is not available in this build")))
}
