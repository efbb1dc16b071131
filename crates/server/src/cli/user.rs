//! `doorward user`: accounts.

use super::{
    args::{AccountName, account_name},
    context::Context,
    role,
    terminal::{Answer, Failure, Listing},
    text::{Table, harmless, moment, new_name, suggestions},
};
use clap::Subcommand;
use doorward_assembly::accounts::{self, Unfit};
use doorward_core::{
    Kind, PasswordRules,
    policy::Directory,
    ports::{AccountChange, AccountFilter, AccountRecord, NewAccount, SessionFilter},
};
use doorward_crypto::password::{LONGEST, Person, flaw, hash_password};
use serde_json::{Value, json};
use std::{io::ErrorKind, sync::Arc};

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
        /// The id that it must have, one that no account of the kind ever had [default: the next one]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..1 << 53))]
        id: Option<u64>,
        /// Read the password from standard input; programs (directories of kind `integration`) have none
        #[arg(long)]
        password_stdin: bool,
    },
    /// List accounts by directory and id
    ///
    /// They are read and said a page at a time; one that comes or goes meanwhile may be among them or not.
    List {
        /// Only those of this directory
        #[arg(value_name = "DIRECTORY")]
        directory: Option<String>,
        /// Only those whose login or e-mail address holds this text
        #[arg(long, value_name = "TEXT")]
        holding: Option<String>,
        /// Only those that have this role
        #[arg(long, value_name = "R")]
        role: Option<String>,
        /// At most so many
        #[arg(long, value_name = "N")]
        limit: Option<usize>,
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
        #[arg(long, required = true)]
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
    match command {
        UserCommand::Add { account, email, roles, id, password_stdin } => {
            add(context, account, Details { email, roles, id, password_stdin }).await?;
        }
        UserCommand::List { directory, holding, role, limit } => {
            let [directory, holding, role] = [directory, holding, role].map(|text| text.map(Arc::from));
            list(context, AccountFilter { directory, holding, role, after: None, limit: limit.unwrap_or(usize::MAX) }).await?;
        }
        UserCommand::Show { account } => show(context, &account).await?,
        UserCommand::Disable { account } => {
            change(context, &account, AccountChange::Disable, "disabled the account {}; its sessions have ended").await?;
        }
        UserCommand::Enable { account } => change(context, &account, AccountChange::Enable, "enabled the account {}").await?,
        UserCommand::Password { account, password_stdin: _ } => password(context, &account).await?,
        UserCommand::Delete { account } => delete(context, &account).await?,
        UserCommand::Unlock { account } => {
            change(context, &account, AccountChange::Unlock, "forgot failed sign-ins of the account {}").await?;
        }
    }
    Ok(Answer::Done)
}

/// The account of this name, or what is wrong with the name.
pub(super) async fn find(context: &Context<'_>, name: &AccountName) -> Result<AccountRecord, Failure> {
    if let Some(record) = context.store.account_by_login(&name.directory, None, &name.login).await? {
        return Ok(record);
    }
    directory(context, &name.directory)?;
    let filter = AccountFilter { directory: Some(name.directory.as_str().into()), limit: JUDGED, ..AccountFilter::default() };
    let accounts = context.store.accounts(&filter).await?;
    let near = suggestions(&name.login, accounts.iter().map(|record| &*record.account.login));
    let name = harmless(&format!("{}/{}", name.directory, name.login));
    Err(Failure::new(format_args!("the account {name} does not exist{}", harmless(&near))))
}

/// `admins/admin`, fit for a terminal.
pub(super) fn shown(record: &AccountRecord) -> String {
    harmless(&format!("{}/{}", record.account.directory, record.account.login))
}

fn directory<'c>(context: &'c Context<'_>, name: &str) -> Result<&'c Arc<Directory>, Failure> {
    context.policy.directory(name).ok_or_else(|| {
        let near = suggestions(name, context.policy.directories.iter().map(|directory| &*directory.name));
        Failure::new(format_args!("the configuration has no directory {}{near}", harmless(name)))
    })
}

/// Accounts that are read at a time.
const PAGE: usize = 500;
/// Accounts that a wrong name is compared with at most.
const JUDGED: usize = 10_000;

/// What is said of a new account.
struct Details {
    email: Option<String>,
    roles: Vec<String>,
    id: Option<u64>,
    password_stdin: bool,
}

async fn add(context: &mut Context<'_>, name: AccountName, details: Details) -> Result<(), Failure> {
    let Details { email, roles, id, password_stdin } = details;
    new_name("login", &name.login)?;
    let found = directory(context, &name.directory)?;
    let (directory, kind, rules) = (Arc::clone(&found.name), found.kind, found.passwords);
    check_roles(context, &roles).await?;
    let person = Person { login: &name.login, email: email.as_deref() };
    let password = match (kind, password_stdin) {
        (Kind::Integration, false) => None,
        (Kind::Integration, true) => return Err(Failure::usage(Unfit::Program)),
        (Kind::Admin | Kind::Customer, false) => return Err(Failure::usage("--password-stdin is missing")),
        (Kind::Admin | Kind::Customer, true) => Some(read_password(context, kind, &rules, person)?),
    };
    let roles = roles.into_iter().map(Arc::from).collect();
    let new = NewAccount {
        directory,
        kind,
        id,
        login: name.login.into(),
        email: email.map(Arc::from),
        password,
        roles,
        per_website: false,
        membership: None,
        confirmed: true,
        profile: "{}".into(),
    };
    let record = context.store.add_account(new, context.clock.now()).await?;
    context.changed().await?;
    let text = format!("added the account {} with id {}", shown(&record), record.account.id);
    context.terminal.say(text, &describe(&record))
}

/// Says the accounts a page at a time: there may be a million.
async fn list(context: &mut Context<'_>, mut filter: AccountFilter) -> Result<(), Failure> {
    let wanted = filter.limit;
    filter.limit = wanted.min(PAGE);
    let mut page = context.store.accounts(&filter).await?;
    if page.is_empty() {
        filter.directory.as_ref().map_or(Ok(()), |name| directory(context, name).map(drop))?;
        if let Some(name) = &filter.role {
            check_roles(context, std::slice::from_ref(&name.to_string())).await?;
        }
    }
    let mut listing = context.terminal.listing();
    let mut table = Table::new(&["ACCOUNT", "ID", "STATE", "ROLES", "E-MAIL"]);
    let mut said = 0;
    loop {
        match say_page(&mut listing, &mut table, &page) {
            // Whoever reads it, such as `head`, has read enough.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            outcome => outcome?,
        }
        said += page.len();
        let Some(last) = page.last().filter(|_| page.len() == filter.limit && said < wanted) else { break };
        filter.after = Some((Arc::clone(&last.account.directory), last.account.id));
        filter.limit = (wanted - said).min(PAGE);
        page = context.store.accounts(&filter).await?;
    }
    match listing.end() {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => Ok(outcome?),
    }
}

fn say_page(listing: &mut Listing<'_>, table: &mut Table, page: &[AccountRecord]) -> std::io::Result<()> {
    if listing.is_json() {
        return page.iter().try_for_each(|record| listing.element(&describe(record)));
    }
    for record in page {
        let id = format!("{}/{}", record.account.kind.as_str(), record.account.id);
        let email = record.email.as_deref().unwrap_or_default();
        table.row([&shown(record), &id, state(record), &record.account.roles.join(", "), email]);
    }
    if !table.is_empty() {
        listing.lines(&table)?;
        *table = table.below();
    }
    Ok(())
}

async fn show(context: &mut Context<'_>, name: &AccountName) -> Result<(), Failure> {
    let record = find(context, name).await?;
    let filter = SessionFilter { account: Some((Arc::clone(&record.account.directory), record.account.id)), limit: usize::MAX };
    let sessions = super::session::live(context, context.store.sessions(filter).await?).len();
    let names: Vec<&str> = record.account.role_names().collect();
    let text = [
        format!("account   {}", shown(&record)),
        format!("id        {}/{}", record.account.kind.as_str(), record.account.id),
        format!("state     {}", state(&record)),
        format!("e-mail    {}", record.email.as_deref().map_or_else(|| "none".to_owned(), harmless)),
        format!("password  {}", if record.password.is_some() { "set" } else { "none" }),
        format!("roles     {}", harmless(&names.join(", "))),
        format!("created   {}", moment(record.created)),
        format!("sessions  {sessions}"),
    ];
    let mut document = describe(&record);
    if let Some(fields) = document.as_object_mut() {
        fields.insert("sessions".to_owned(), json!(sessions));
    }
    context.terminal.say(text.join("\n"), &document)
}

async fn change(context: &mut Context<'_>, name: &AccountName, change: AccountChange, done: &str) -> Result<(), Failure> {
    let account = find(context, name).await?.account;
    let record = context.store.change_account(account.kind, account.id, change, context.clock.now()).await?;
    context.changed().await?;
    context.terminal.say(done.replace("{}", &shown(&record)), &describe(&record))
}

async fn password(context: &mut Context<'_>, name: &AccountName) -> Result<(), Failure> {
    let record = find(context, name).await?;
    if record.account.kind == Kind::Integration {
        return Err(Failure::usage(Unfit::Program));
    }
    let rules = directory(context, &name.directory)?.passwords;
    let person = Person { login: &record.account.login, email: record.email.as_deref() };
    let hash = read_password(context, record.account.kind, &rules, person)?;
    change(context, name, AccountChange::Password(hash), "changed the password of the account {}; its sessions have ended").await
}

async fn delete(context: &mut Context<'_>, name: &AccountName) -> Result<(), Failure> {
    let record = find(context, name).await?;
    context.store.delete_account(record.account.kind, record.account.id, context.clock.now()).await?;
    context.changed().await?;
    context.terminal.say(format_args!("deleted the account {} and its sessions", shown(&record)), &describe(&record))
}

/// All given roles exist and may be given.
async fn check_roles(context: &Context<'_>, wanted: &[String]) -> Result<(), Failure> {
    match accounts::unfit_role(&*context.store, wanted).await? {
        None => Ok(()),
        Some(Unfit::NoRole(name)) => {
            let roles = context.store.roles().await?;
            Err(role::missing(&name, roles.iter().map(|(role, _)| &**role)))
        }
        Some(unfit) => Err(Failure::usage(unfit)),
    }
}

/// The hash of the password on standard input, without the end of its line. A weak one is taken with a warning.
fn read_password(context: &mut Context<'_>, kind: Kind, rules: &PasswordRules, person: Person<'_>) -> Result<Arc<str>, Failure> {
    let line_end = 2;
    let text = context.terminal.read_input((LONGEST + line_end) as u64)?;
    let password = text.strip_suffix('\n').map_or(text.as_str(), |line| line.strip_suffix('\r').unwrap_or(line));
    accounts::check_password(kind, Some(password)).map_err(Failure::new)?;
    if let Some(flaw) = flaw(rules, password, person) {
        context.terminal.warn(format_args!("warning: the password is weak: {}", flaw.plain()))?;
    }
    Ok(hash_password(password, context.cost, &*context.entropy).into())
}

fn state(record: &AccountRecord) -> &'static str {
    if record.enabled { "enabled" } else { "disabled" }
}

/// An account without anything secret.
fn describe(record: &AccountRecord) -> Value {
    json!({
        "directory": record.account.directory,
        "login": record.account.login,
        "kind": record.account.kind,
        "id": record.account.id,
        "email": record.email,
        "roles": record.account.roles,
        "enabled": record.enabled,
        "password": record.password.is_some(),
        "created": moment(record.created),
    })
}
