//! `doorward identity`: who people are at OpenID providers.

use super::{
    args::{AccountName, account_name},
    context::Context,
    terminal::{Answer, Failure},
    text::{Table, harmless, moment},
    user,
};
use clap::Subcommand;
use doorward_core::ports::{IdentityFilter, LinkedIdentity, StoreError, Subject};
use serde_json::{Value, json};
use std::sync::Arc;

#[derive(Debug, Subcommand)]
pub(crate) enum IdentityCommand {
    /// Say who an account is at a provider, or at an issuer with `user = "link"`
    Add {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
        /// The issuer, letter for letter
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// The subject there, letter for letter: a refused sign-in writes it to the log
        #[arg(long, value_name = "SUB")]
        subject: String,
    },
    /// List identities
    List {
        /// Only those of this account
        #[arg(long, value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: Option<AccountName>,
    },
    /// Forget who an account is at a provider, and end the sessions that came of it
    Delete {
        /// The account
        #[arg(value_name = "DIRECTORY/LOGIN", value_parser = account_name)]
        account: AccountName,
        /// The provider's issuer, letter for letter
        #[arg(long, value_name = "URL")]
        issuer: String,
    },
}

/// Runs a command on identities.
pub(crate) async fn run(command: IdentityCommand, context: &mut Context<'_>) -> Result<Answer, Failure> {
    match command {
        IdentityCommand::Add { account, issuer, subject } => add(context, &account, issuer, subject).await?,
        IdentityCommand::List { account } => list(context, account.as_ref()).await?,
        IdentityCommand::Delete { account, issuer } => delete(context, &account, &issuer).await?,
    }
    Ok(Answer::Done)
}

async fn add(context: &mut Context<'_>, name: &AccountName, issuer: String, subject: String) -> Result<(), Failure> {
    if issuer.is_empty() || subject.is_empty() || subject.len() > 255 || !subject.is_ascii() {
        return Err(Failure::usage("a subject has 1 to 255 ASCII characters, and an issuer is a URL"));
    }
    let record = user::find(context, name).await?;
    let who = Subject { issuer: issuer.into(), subject: subject.into() };
    let (kind, id) = (record.account.kind, record.account.id);
    match context.store.identities().link_identity(&who, kind, id, context.clock.now()).await {
        Ok(()) => {}
        Err(StoreError::Exists(what)) => return Err(Failure::new(format_args!("there is {} already", harmless(&what)))),
        Err(error) => return Err(error.into()),
    }
    context.changed().await?;
    let text = format!("{} is {} at {}", user::shown(&record), harmless(&who.subject), harmless(&who.issuer));
    context.terminal.say(text, &json!({ "issuer": who.issuer, "subject": who.subject }))
}

async fn list(context: &mut Context<'_>, account: Option<&AccountName>) -> Result<(), Failure> {
    let found = of_account(context, account).await?;
    let mut table = Table::new(&["ACCOUNT", "ISSUER", "SUBJECT", "LINKED"]);
    for one in &found {
        table.row([&format!("{}/{}", one.directory, one.login), &one.who.issuer, &one.who.subject, &moment(one.linked)]);
    }
    context.terminal.say(table, &found.iter().map(describe).collect::<Vec<_>>())
}

async fn delete(context: &mut Context<'_>, name: &AccountName, issuer: &str) -> Result<(), Failure> {
    let found = of_account(context, Some(name)).await?;
    let Some(identity) = found.iter().find(|identity| *identity.who.issuer == *issuer) else {
        let account = harmless(&format!("{}/{}", name.directory, name.login));
        return Err(Failure::new(format_args!("{account} is nobody at {}", harmless(issuer))));
    };
    context.store.identities().unlink_identity(&identity.directory, &identity.who).await?;
    context.changed().await?;
    let account = harmless(&format!("{}/{}", identity.directory, identity.login));
    context.terminal.say(format_args!("{account} is nobody at {} any more", harmless(issuer)), &describe(identity))
}

async fn of_account(context: &Context<'_>, name: Option<&AccountName>) -> Result<Vec<LinkedIdentity>, Failure> {
    let account = match name {
        Some(name) => {
            let account = user::find(context, name).await?.account;
            Some((Arc::clone(&account.directory), Arc::clone(&account.login)))
        }
        None => None,
    };
    Ok(context.store.identities().linked_identities(IdentityFilter { account, limit: usize::MAX }).await?)
}

fn describe(identity: &LinkedIdentity) -> Value {
    json!({
        "directory": identity.directory,
        "login": identity.login,
        "issuer": identity.who.issuer,
        "subject": identity.who.subject,
        "linked": moment(identity.linked),
    })
}
