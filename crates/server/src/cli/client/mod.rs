//! `doorward client`: programs that may ask the authorization server for tokens.

mod add;
mod details;
mod registration;
mod secret;
mod show;
mod update;

use super::{
    context::Context,
    terminal::{Answer, Failure},
};
use clap::Subcommand;
use details::{Details, Method};
use doorward_core::{OAuth, ports::ClientMethod};
use registration::RegistrationCommand;
use serde_json::json;
use show::{describe, find, shown};
use std::sync::Arc;
use update::Turned;

#[derive(Debug, Subcommand)]
pub(crate) enum ClientCommand {
    /// Make a client; its secret is printed once, unless it has none or you gave it
    Add {
        /// Its `client_id`: letters, digits, `-`, `_` and `.`
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        details: Details,
        /// It can keep no secret, such as an app in somebody's hand
        #[arg(long, conflicts_with_all = ["secret_stdin", "method"])]
        public: bool,
        /// Read its secret from standard input: at least 32 characters
        #[arg(long)]
        secret_stdin: bool,
        /// How it proves that it is itself [default: client_secret_basic]
        #[arg(long = "auth-method", value_name = "METHOD", value_enum)]
        method: Option<Method>,
    },
    /// List clients
    List,
    /// Show a client, never its secret
    Show {
        /// Its `client_id`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Change a client; a list that is given replaces the one before
    Update {
        /// Its `client_id`
        #[arg(value_name = "ID")]
        id: String,
        #[command(flatten)]
        details: Details,
        /// It may do nothing any more, and its access tokens end
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// It may do again what it could
        #[arg(long)]
        enable: bool,
        /// End the access tokens that it has
        #[arg(long)]
        end_tokens: bool,
        /// Bind its tokens to no certificate any more
        #[arg(long, conflicts_with = "certificate_bound")]
        not_certificate_bound: bool,
    },
    /// Delete a client; its access tokens end
    Delete {
        /// Its `client_id`
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Give a client another secret, which is printed once unless you gave it; the one before counts no more
    RotateSecret {
        /// Its `client_id`
        #[arg(value_name = "ID")]
        id: String,
        /// Read the secret from standard input: at least 32 characters
        #[arg(long)]
        secret_stdin: bool,
    },
    /// Tokens with which programs register themselves as clients
    #[command(subcommand)]
    RegistrationToken(RegistrationCommand),
}

/// Runs a command on clients.
pub(crate) async fn run(command: ClientCommand, context: &mut Context<'_>) -> Result<Answer, Failure> {
    match command {
        ClientCommand::Add { id, details, public, secret_stdin, method } => {
            let method = if public { ClientMethod::None } else { method.unwrap_or(Method::ClientSecretBasic).into() };
            add::add(context, &id, details, method, secret_stdin).await?;
        }
        ClientCommand::List => show::list(context).await?,
        ClientCommand::Show { id } => {
            let client = find(context, &id).await?;
            context.terminal.say(shown(&client), &describe(&client))?;
        }
        ClientCommand::Update { id, details, disable, enable, end_tokens, not_certificate_bound: unbound } => {
            let enabled = if enable { Some(true) } else { disable.then_some(false) };
            update::update(context, &id, details, Turned { enabled, end_tokens, unbound }).await?;
        }
        ClientCommand::Delete { id } => {
            find(context, &id).await?;
            context.store.delete_client(&id).await?;
            context.changed().await?;
            context.terminal.say(format_args!("deleted the client {id}"), &json!({ "id": id, "deleted": true }))?;
        }
        ClientCommand::RotateSecret { id, secret_stdin } => secret::rotate(context, &id, secret_stdin).await?,
        ClientCommand::RegistrationToken(command) => registration::run(command, context).await?,
    }
    Ok(Answer::Done)
}

fn settings(context: &Context<'_>) -> Result<Arc<OAuth>, Failure> {
    let none = "the configuration has no authorization server: add [oauth]";
    context.policy.oauth.clone().ok_or_else(|| Failure::new(none))
}
