//! `doorward role`: roles and the resources that they grant.

use super::{
    context::Context,
    terminal::{Answer, Failure},
    text::{Table, harmless, new_name, suggestions},
};
use clap::Subcommand;
use doorward_assembly::accounts::{self, Unfit, is_root};
use doorward_core::{
    acl::{ADMIN, ALL, Holds, RoleBook, RoleRow, Tree},
    ports::AccountFilter,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
};

/// Accounts with a role that are named; of others it is said how many there are.
const NAMED: usize = 1000;

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
    match command {
        RoleCommand::Add { name, allow } => add(context, &name, &allow).await?,
        RoleCommand::List => list(context).await?,
        RoleCommand::Show { name } => show(context, &name).await?,
        RoleCommand::Delete { name } => delete(context, &name).await?,
    }
    Ok(Answer::Done)
}

/// Refuses names that everyone has by the kind of account, or that access control reads as something else.
pub(super) fn given(name: &str) -> Result<(), Failure> {
    accounts::check_role(name).map_err(Failure::usage)
}

async fn add(context: &mut Context<'_>, name: &str, allow: &[String]) -> Result<(), Failure> {
    new_name("role name", name)?;
    given(name)?;
    let resources = known_resources(&context.policy.resources, allow)?;
    let existed = context.store.roles().await?.iter().any(|(role, _)| &**role == name);
    context.store.put_role(name, resources.clone().into(), context.clock.now()).await?;
    context.changed().await?;
    let done = if existed { "changed" } else { "added" };
    context
        .terminal
        .say(format_args!("{done} the role {name}, which grants {}", count(resources.len())), &describe(name, &resources.into()))
}

async fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let roles = context.store.roles().await?;
    let counts: HashMap<_, _> = context.store.role_counts().await?.into_iter().collect();
    let mut table = Table::new(&["ROLE", "RESOURCES", "ACCOUNTS"]);
    let mut documents = Vec::new();
    for (name, holds) in &roles {
        let count = counts.get(name).copied().unwrap_or(0);
        table.row([name, &granted(context, name, holds).to_string(), &count.to_string()]);
        if context.terminal.json() {
            documents.push(with_accounts(describe(name, holds), &holders(context, name).await?));
        }
    }
    context.terminal.say(table, &documents)
}

async fn show(context: &mut Context<'_>, name: &str) -> Result<(), Failure> {
    let roles = context.store.roles().await?;
    let Some((_, holds)) = roles.iter().find(|(role, _)| &**role == name) else {
        return Err(missing(name, roles.iter().map(|(role, _)| &**role)));
    };
    let holders = holders(context, name).await?;
    let mut lines = vec![format!("role {name} grants {}", count(granted(context, name, holds)))];
    match holds {
        Holds::Selection(resources) => lines.extend(selected(context, resources)),
        Holds::Rows(rows) => lines.extend(rows.iter().map(row)),
    }
    lines.push(format!("accounts: {}", harmless(&holders.to_string())));
    context.terminal.say(lines.join("\n"), &with_accounts(describe(name, holds), &holders))
}

/// A line for each resource that was selected.
fn selected(context: &Context<'_>, resources: &BTreeSet<Arc<str>>) -> Vec<String> {
    let mut lines = Vec::new();
    for id in resources {
        lines.push(match context.policy.resources.get(id) {
            Some(resource) => format!("  {id}  {}", harmless(&resource.title)),
            None if is_root(id) => format!("  {id}"),
            None => format!("  {id}  (unknown to this configuration: it grants nothing)"),
        });
    }
    if !resources.is_empty() && !resources.contains(ALL) && !resources.contains(ADMIN) {
        lines.push(format!("  {ADMIN}  (as every role with any resource)"));
    }
    lines
}

/// A row as it was imported; rows decide in their order.
fn row(row: &RoleRow) -> String {
    format!("  {} {}", if row.allow { "allow" } else { "deny " }, harmless(&row.resource))
}

/// How many resources a role grants: those that were selected, or those that its rows open.
fn granted(context: &Context<'_>, name: &str, holds: &Holds) -> usize {
    match holds {
        Holds::Selection(resources) => resources.len(),
        Holds::Rows(_) => {
            let book = RoleBook::new([(Arc::from(name), holds.clone())]);
            let tree = &context.policy.resources;
            tree.iter().filter(|resource| book.role_grants(tree, name, &resource.id)).count()
        }
    }
}

async fn delete(context: &mut Context<'_>, name: &str) -> Result<(), Failure> {
    let roles = context.store.roles().await?;
    let Some((_, holds)) = roles.iter().find(|(role, _)| &**role == name) else {
        return Err(missing(name, roles.iter().map(|(role, _)| &**role)));
    };
    let holders = holders(context, name).await?;
    context.store.delete_role(name, context.clock.now()).await?;
    context.changed().await?;
    let lost = match holders.count {
        1 => "1 account lost it".to_owned(),
        n => format!("{n} accounts lost it"),
    };
    context.terminal.say(format_args!("deleted the role {name}; {lost}"), &with_accounts(describe(name, holds), &holders))
}

/// That there is no such role, with the nearest ones.
pub(super) fn missing<'r>(name: &str, roles: impl Iterator<Item = &'r str>) -> Failure {
    Failure::new(format_args!("the role {} does not exist{}", harmless(name), suggestions(name, roles)))
}

/// The ids as a set, or all that the tree does not know. The two roots are known without any `acl.xml`.
fn known_resources(tree: &Tree, ids: &[String]) -> Result<BTreeSet<Arc<str>>, Failure> {
    accounts::known_resources(tree, ids).map_err(|unfit| {
        let Unfit::NoResource(unknown) = unfit else { return Failure::new(unfit) };
        let problems = unknown.into_iter().map(|id| {
            let near = suggestions(&id, tree.iter().map(|resource| &*resource.id));
            format!("{}{near}", harmless(&Unfit::NoResource(vec![id]).to_string()))
        });
        Failure::new(problems.collect::<Vec<_>>().join("\nerror: "))
    })
}

/// The accounts that have a role.
struct Holders {
    /// How many.
    count: u64,
    /// `admins/anna`, of the first of them.
    names: Vec<String>,
}

impl fmt::Display for Holders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.names.is_empty() { "none" } else { "" })?;
        f.write_str(&self.names.join(", "))?;
        match self.count.saturating_sub(self.names.len() as u64) {
            0 => Ok(()),
            others => write!(f, " and {others} others"),
        }
    }
}

async fn holders(context: &Context<'_>, role: &str) -> Result<Holders, Failure> {
    let count = context.store.role_counts().await?.into_iter().find_map(|(name, count)| (&*name == role).then_some(count));
    let Some(count) = count else { return Ok(Holders { count: 0, names: Vec::new() }) };
    let filter = AccountFilter { role: Some(role.into()), limit: NAMED, ..AccountFilter::default() };
    let accounts = context.store.accounts(&filter).await?;
    let names = accounts.iter().map(|record| format!("{}/{}", record.account.directory, record.account.login));
    Ok(Holders { count, names: names.collect() })
}

fn describe(name: &str, holds: &Holds) -> Value {
    match holds {
        Holds::Selection(resources) => json!({ "name": name, "resources": resources }),
        Holds::Rows(rows) => {
            let rows = rows.iter().map(|row| json!({ "resource": row.resource, "allow": row.allow }));
            json!({ "name": name, "rows": rows.collect::<Vec<_>>() })
        }
    }
}

fn with_accounts(mut role: Value, holders: &Holders) -> Value {
    if let Some(fields) = role.as_object_mut() {
        fields.insert("accounts".to_owned(), json!(holders.names));
        fields.insert("account_count".to_owned(), json!(holders.count));
    }
    role
}

fn count(resources: usize) -> String {
    match resources {
        0 => "no resources".to_owned(),
        1 => "1 resource".to_owned(),
        n => format!("{n} resources"),
    }
}
