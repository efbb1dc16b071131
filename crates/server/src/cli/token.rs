//! `doorward token`: bearer tokens of accounts, above all of programs.

use super::{
    args::{AccountName, account_name},
    context::Context,
    terminal::{Answer, Failure},
    text::moment,
    user,
};
use crate::telemetry::audit_line;
use clap::Subcommand;
use doorward_auth::{Ground, Tokens};
use doorward_core::{Kind, ports::AccountChange};
use doorward_gateway::record::AuditEvent;
use serde_json::json;
use std::sync::Arc;

#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Print a new token of an account, once: it is not stored in the clear
    Issue {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
    },
    /// End all tokens of an account
    Revoke {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
    },
}

/// Runs a command on tokens.
pub(crate) async fn run(command: TokenCommand, context: &mut Context<'_>) -> Result<Answer, Failure> {
    match command {
        TokenCommand::Issue { account } => issue(context, &account).await?,
        TokenCommand::Revoke { account } => revoke(context, &account).await?,
    }
    Ok(Answer::Done)
}

async fn issue(context: &mut Context<'_>, name: &AccountName) -> Result<(), Failure> {
    let asked = context.clock.now();
    let record = user::find(context, name).await?;
    if !record.enabled {
        return Err(Failure::new(format_args!("the account {} is disabled", user::shown(&record))));
    }
    let ground = Ground::new(Arc::clone(&context.store), Arc::clone(&context.clock), Vec::new());
    let tokens = Tokens::open(ground, Arc::clone(&context.entropy), context.tokens).await?;
    let issued = tokens.issue(&record, asked).await?;
    // A key may have been made for it.
    context.changed().await?;
    let account = &record.account;
    let event = AuditEvent {
        event: "token_issued",
        outcome: "success",
        request_id: &format!("{:032x}", context.run),
        directory: &account.directory,
        identity: &format!("{}/{}", account.kind.as_str(), account.id),
        login: &account.login,
        client: None,
        method: "-",
        detail: "command",
    };
    let line = audit_line(context.format, context.clock.now(), &event);
    context.terminal.warn(line.trim_end())?;
    if account.kind == Kind::Integration && !context.tokens.integration_bearer {
        context.terminal.warn("warning: tokens of integrations do not count until `[tokens] integration_bearer = true`")?;
    }
    let expires = issued.expires.map(moment);
    context.terminal.say(&issued.token, &json!({ "token": issued.token, "expires": expires }))
}

async fn revoke(context: &mut Context<'_>, name: &AccountName) -> Result<(), Failure> {
    let account = user::find(context, name).await?.account;
    let now = context.clock.now();
    let record = context.store.change_account(account.kind, account.id, AccountChange::EndTokens(now), now).await?;
    context.changed().await?;
    let text = format!("ended all tokens of the account {}", user::shown(&record));
    context.terminal.say(text, &json!({ "directory": account.directory, "login": account.login, "revoked": moment(now) }))
}
