//! `doorward client registration-token`: what lets a program register itself as a client (RFC 7591).

use super::{details, settings};
use crate::cli::{
    context::Context,
    terminal::Failure,
    text::{Table, moment, new_name},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use clap::Subcommand;
use doorward_core::ports::RegistrationToken;
use doorward_crypto::{random, sha256};
use serde_json::{Value, json};
use std::{ops::RangeInclusive, time::Duration};

/// For how many clients a token may be, and how many hours it may count.
const USES: RangeInclusive<u32> = 1..=1000;
const HOURS: RangeInclusive<u32> = 1..=24 * 90;

#[derive(Debug, Subcommand)]
pub(crate) enum RegistrationCommand {
    /// Make one; it is printed once
    Add {
        /// What it is for
        #[arg(long, value_name = "NAME", default_value = "registration")]
        name: String,
        /// For how many clients it is good
        #[arg(long, value_name = "N", default_value_t = 1)]
        uses: u32,
        /// For how many hours it is good
        #[arg(long, value_name = "N", default_value_t = 24)]
        hours: u32,
        /// A scope that its clients may ask for; may be repeated [default: `default_scopes` of `[oauth]`]
        #[arg(long = "scope", value_name = "SCOPE")]
        scopes: Vec<String>,
    },
    /// List them, never the tokens themselves
    List,
    /// Delete one: nobody registers with it any more
    Delete {
        /// Its id, as `list` shows it
        #[arg(value_name = "ID")]
        id: String,
    },
}

pub(super) async fn run(command: RegistrationCommand, context: &mut Context<'_>) -> Result<(), Failure> {
    match command {
        RegistrationCommand::Add { name, uses, hours, scopes } => add(context, &name, uses, hours, &scopes).await,
        RegistrationCommand::List => list(context).await,
        RegistrationCommand::Delete { id } => {
            context.store.delete_registration_token(&id).await?;
            context.terminal.say(format_args!("deleted the registration token {id}"), &json!({ "id": id, "deleted": true }))
        }
    }
}

async fn add(context: &mut Context<'_>, name: &str, uses: u32, hours: u32, scopes: &[String]) -> Result<(), Failure> {
    let settings = settings(context)?;
    if settings.registration.is_none() {
        return Err(Failure::new("nobody can register: name the grants in `registration` of [oauth]"));
    }
    new_name("token's name", name)?;
    if !USES.contains(&uses) || !HOURS.contains(&hours) {
        return Err(Failure::usage("a registration token is for 1 to 1000 clients, and for 1 hour to 90 days"));
    }
    let scopes = match details::scopes(&settings, scopes)? {
        scopes if scopes.is_empty() => settings.default_scopes.clone(),
        scopes => scopes,
    };
    let now = context.clock.now();
    let secret = URL_SAFE_NO_PAD.encode(random::<32>(&*context.entropy));
    let token = RegistrationToken {
        id: random::<4>(&*context.entropy).iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        key: doorward_core::ports::TokenKey(sha256(secret.as_bytes())),
        name: name.into(),
        scopes,
        left: uses,
        created: now,
        expires: now + Duration::from_secs(u64::from(hours) * 3600),
    };
    context.store.add_registration_token(&token).await?;
    let mut document = describe(&token);
    if let Some(members) = document.as_object_mut() {
        members.insert("token".into(), secret.clone().into());
    }
    let text =
        format!("registration token {} until {}\ntoken: {secret}\nIt is not shown again.", token.id, moment(token.expires));
    context.terminal.say(text, &document)
}

async fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let tokens = context.store.registration_tokens().await?;
    let mut table = Table::new(&["TOKEN", "NAME", "LEFT", "SCOPES", "UNTIL"]);
    for token in &tokens {
        table.row([&*token.id, &token.name, &token.left.to_string(), &token.scopes.join(" "), &moment(token.expires)]);
    }
    let documents: Vec<Value> = tokens.iter().map(describe).collect();
    context.terminal.say(table, &documents)
}

/// A token without itself.
fn describe(token: &RegistrationToken) -> Value {
    json!({
        "id": token.id,
        "name": token.name,
        "left": token.left,
        "scopes": token.scopes,
        "created": moment(token.created),
        "expires": moment(token.expires),
    })
}
