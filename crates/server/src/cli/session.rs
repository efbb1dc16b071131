//! `doorward session`: live sessions.

use super::{
    args::{AccountName, account_name},
    context::Context,
    terminal::{Answer, Failure},
    text::{Table, harmless, moment},
    user,
};
use clap::Subcommand;
use doorward_core::{
    ports::SessionFilter,
    session::{Session, SessionKey},
};
use serde_json::{Value, json};
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Hex digits of a session that people are shown.
const SHOWN: usize = 16;
/// Fewest hex digits that name a session.
const FEWEST: usize = 8;
/// Servers write down lazily when a session was used, so one that rested for this much longer may still be live.
const LAZINESS: Duration = Duration::from_secs(60);

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
    match command {
        SessionCommand::List { account } => list(context, account.as_ref()).await?,
        SessionCommand::End { account: Some(name), .. } => end_all(context, &name).await?,
        SessionCommand::End { session: Some(name), .. } => end(context, &name).await?,
        SessionCommand::End { .. } => return Err(Failure::usage("name a session or an account")),
    }
    Ok(Answer::Done)
}

/// Those of `sessions` that have neither rested nor lasted too long. A directory that the configuration no longer has
/// lets nobody in.
pub(super) fn live(context: &Context<'_>, sessions: Vec<Session>) -> Vec<Session> {
    let now = context.clock.now();
    let is_live = |session: &Session| {
        context.policy.directory(&session.directory).is_some_and(|directory| {
            now.since(session.last_seen) < directory.idle_timeout.saturating_add(LAZINESS)
                && now.since(session.created) < directory.lifetime
        })
    };
    sessions.into_iter().filter(is_live).collect()
}

async fn list(context: &mut Context<'_>, account: Option<&AccountName>) -> Result<(), Failure> {
    let account = match account {
        Some(name) => {
            let account = user::find(context, name).await?.account;
            Some((Arc::clone(&account.directory), account.id))
        }
        None => None,
    };
    let sessions = context.store.sessions(SessionFilter { account, limit: usize::MAX }).await?;
    let sessions = live(context, sessions);
    let owners = owners(context, &sessions).await?;
    let mut table = Table::new(&["SESSION", "ACCOUNT", "BEGAN", "LAST SEEN", "SITE", "DEVICE"]);
    let mut documents = Vec::new();
    for session in &sessions {
        let login = owners.get(&(&*session.directory, session.account)).map_or("?", |login| &**login);
        let (began, seen) = (moment(session.created), moment(session.last_seen));
        let name = hex(&session.key);
        let short = name.get(..SHOWN).unwrap_or(&name);
        table.row([short, &format!("{}/{login}", session.directory), &began, &seen, &session.site, &session.device]);
        documents.push(describe(session, login));
    }
    context.terminal.say(table, &documents)
}

async fn end(context: &mut Context<'_>, name: &str) -> Result<(), Failure> {
    let wanted = name.to_ascii_lowercase();
    if wanted.len() < FEWEST || wanted.len() > 64 || !wanted.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(Failure::usage(format_args!(
            "a session is named by {FEWEST} or more of the hex digits that `session list` shows"
        )));
    }
    let sessions = context.store.sessions(SessionFilter { account: None, limit: usize::MAX }).await?;
    let found: Vec<&Session> = sessions.iter().filter(|session| hex(&session.key).starts_with(&wanted)).collect();
    let [session] = found[..] else {
        let why = if found.is_empty() { "does not exist" } else { "could be one of several: give more digits" };
        return Err(Failure::new(format_args!("the session {wanted} {why}")));
    };
    let owners = owners(context, std::slice::from_ref(session)).await?;
    let login = owners.get(&(&*session.directory, session.account)).map_or("?", |login| &**login);
    if !context.store.delete_session(&session.key, context.clock.now()).await? {
        return Err(Failure::new(format_args!("the session {wanted} does not exist")));
    }
    context.changed().await?;
    let text = format!("ended a session of {}", harmless(&format!("{}/{login}", session.directory)));
    context.terminal.say(text, &json!({ "ended": 1, "session": describe(session, login) }))
}

async fn end_all(context: &mut Context<'_>, name: &AccountName) -> Result<(), Failure> {
    let record = user::find(context, name).await?;
    let ended = context.store.delete_sessions_of(record.account.kind, record.account.id, context.clock.now()).await?;
    context.changed().await?;
    let sessions = if ended == 1 { "session" } else { "sessions" };
    context.terminal.say(format_args!("ended {ended} {sessions} of {}", user::shown(&record)), &json!({ "ended": ended }))
}

/// The logins of those whose sessions these are.
async fn owners<'s>(context: &Context<'_>, sessions: &'s [Session]) -> Result<HashMap<(&'s str, u64), Arc<str>>, Failure> {
    let mut owners = HashMap::new();
    for session in sessions {
        let owner = (&*session.directory, session.account);
        if !owners.contains_key(&owner)
            && let Some((_, record)) = context.store.session(&session.key).await?
        {
            owners.insert(owner, Arc::clone(&record.account.login));
        }
    }
    Ok(owners)
}

/// The hash of the session's id in hex: it names the session and lets nobody in.
fn hex(key: &SessionKey) -> String {
    key.0.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn describe(session: &Session, login: &str) -> Value {
    json!({
        "session": hex(&session.key),
        "directory": session.directory,
        "login": login,
        "account": session.account,
        "created": moment(session.created),
        "last_seen": moment(session.last_seen),
        "authenticated": moment(session.authenticated),
        "factors": session.factors,
        "site": session.site,
        "device": session.device,
    })
}
