//! Accounts.

use super::{
    changes,
    failure::Outcome,
    grants, links, sessions, tally,
    values::{self, ACCOUNT, LAST_ID, integer, unsigned},
};
use doorward_core::{
    Kind, Membership, Time,
    ports::{AccountChange, AccountFilter, AccountRecord, Deed, NewAccount, StoreError},
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, params, params_from_iter, types::Value};
use std::sync::Arc;

/// Makes an account.
pub(super) fn add(connection: &Connection, new: &NewAccount, now: Time) -> Outcome<AccountRecord> {
    let id = insert(connection, new, Past { enabled: true, created: now }, now)?;
    changes::log_account(connection, new.kind, id, Deed::Added)?;
    present(connection, new.kind, id)
}

/// What an account was before it came here.
#[derive(Clone, Copy)]
pub(super) struct Past {
    /// Whether it may sign in.
    pub(super) enabled: bool,
    /// When it was made.
    pub(super) created: Time,
}

/// Makes an account that nobody is told of; its id.
pub(super) fn insert(connection: &Connection, new: &NewAccount, past: Past, now: Time) -> Outcome<u64> {
    let (kind, directory, login) = (new.kind.as_str(), &*new.directory, &*new.login);
    if let Some(flaw) = doorward_core::name::flaw(login) {
        return Err(StoreError::Unfit(format!("a login {flaw}")).into());
    }
    let membership = new.membership.unwrap_or(Membership { website: 0, store: 0, group: 0 });
    // An account that is known on all websites takes its name on all of them.
    let website = Some(membership.website).filter(|website| new.per_website && *website != 0);
    // Named: by itself SQLite would look through all accounts of the directory.
    let taken = "SELECT 1 FROM account INDEXED BY account_by_login \
                 WHERE directory = ?1 AND login_key = ?2 AND (?3 IS NULL OR website IN (0, ?3))";
    if exists(connection, taken, params![directory, fold(login), website])? {
        return Err(StoreError::Exists(format!("the account {directory}/{login}")).into());
    }
    // All accounts of a directory are of one kind, so any of them tells.
    let other = "SELECT 1 FROM (SELECT kind FROM account WHERE directory = ?1 LIMIT 1) WHERE kind <> ?2";
    if exists(connection, other, params![directory, kind])? {
        return Err(StoreError::Exists(format!("a directory {directory} of another kind than {kind}")).into());
    }
    let id = take_id(connection, new.kind, new.id)?;
    connection
        .prepare_cached(
            "INSERT INTO account (kind, id, directory, login, login_key, email, password, enabled, version, not_before, created, \
             updated, website, store, customer_group, confirmed, profile) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?14, 1, ?8, ?15, ?8, ?9, ?10, ?11, ?12, ?13)",
        )?
        .execute(params![
            kind,
            integer(id),
            directory,
            login,
            fold(login),
            new.email,
            new.password,
            integer(now.0),
            membership.website,
            membership.store,
            membership.group,
            new.confirmed,
            new.profile,
            past.enabled,
            integer(past.created.0),
        ])?;
    if !new.roles.is_empty() {
        set_roles(connection, new.kind, id, &new.roles)?;
    }
    tally::came(connection, directory, new.kind, new.password.as_deref())?;
    Ok(id)
}

/// The account that signs in with `login`.
pub(super) fn by_login(
    connection: &Connection,
    directory: &str,
    website: Option<u32>,
    login: &str,
) -> Outcome<Option<AccountRecord>> {
    let meant = "WHERE a.directory = ?1 AND a.login_key = ?2 AND (?3 IS NULL OR a.website IN (0, ?3)) LIMIT 2";
    let mut statement = select(connection, meant)?;
    let found = statement.query_map(params![directory, fold(login), website], values::account)?;
    let mut found = found.collect::<Result<Vec<_>, _>>()?;
    let only = found.pop();
    // Two of one name, each known on another website: neither is meant.
    Ok(only.filter(|_| found.is_empty()))
}

/// The account with this id.
pub(super) fn by_id(connection: &Connection, kind: Kind, id: u64) -> Outcome<Option<AccountRecord>> {
    let mut statement = select(connection, "WHERE a.kind = ?1 AND a.id = ?2")?;
    Ok(statement.query_row(params![kind.as_str(), integer(id)], values::account).optional()?)
}

/// Accounts by directory and id, a page of them.
pub(super) fn page(connection: &Connection, filter: &AccountFilter) -> Outcome<Vec<AccountRecord>> {
    let (mut rest, mut given) = ("INDEXED BY account_by_directory WHERE TRUE".to_owned(), Vec::new());
    let mut demand = |sql: &str, values: &[Value]| {
        rest.push_str(" AND ");
        rest.push_str(sql);
        given.extend_from_slice(values);
    };
    let text = |text: &str| Value::Text(text.to_owned());
    if let Some(directory) = &filter.directory {
        demand("a.directory = ?", &[text(directory)]);
    }
    match (&filter.after, &filter.directory) {
        // Each so that the index leads to where the page begins.
        (Some((directory, id)), None) => demand("(a.directory, a.id) > (?, ?)", &[text(directory), integer(*id).into()]),
        (Some((_, id)), Some(_)) => demand("a.id > ?", &[integer(*id).into()]),
        (None, _) => {}
    }
    if let Some(held) = &filter.holding {
        let held = text(&fold(held));
        demand("(instr(a.login_key, ?) > 0 OR instr(lower(a.email), ?) > 0)", &[held.clone(), held]);
    }
    if let Some(role) = &filter.role {
        let has = "EXISTS (SELECT 1 FROM account_role r WHERE r.kind = a.kind AND r.account = a.id AND r.role = ?)";
        demand(has, &[text(role)]);
    }
    rest.push_str(" ORDER BY a.directory, a.id LIMIT ?");
    given.push(i64::try_from(filter.limit).unwrap_or(i64::MAX).into());
    let mut statement = select(connection, &rest)?;
    Ok(statement.query_map(params_from_iter(given), values::account)?.collect::<Result<_, _>>()?)
}

/// Changes an account; what takes something away also ends its sessions.
pub(super) fn change(connection: &Connection, kind: Kind, id: u64, change: &AccountChange, now: Time) -> Outcome<AccountRecord> {
    let before = present(connection, kind, id)?;
    let target = (kind.as_str(), integer(id));
    match change {
        AccountChange::Enable => {
            connection.prepare_cached("UPDATE account SET enabled = 1 WHERE kind = ?1 AND id = ?2")?.execute(target)?;
        }
        AccountChange::Disable => {
            connection.prepare_cached("UPDATE account SET enabled = 0 WHERE kind = ?1 AND id = ?2")?.execute(target)?;
            end_everything(connection, kind, id, now)?;
        }
        AccountChange::Password(hash) => {
            set_password(connection, &before, hash)?;
            end_everything(connection, kind, id, now)?;
        }
        AccountChange::Rehash { from, to } => {
            if before.password.as_ref() != Some(from) {
                return Err(StoreError::Missing(format!("the verified password of {}", name(kind, id))).into());
            }
            set_password(connection, &before, to)?;
        }
        AccountChange::Roles(roles) => set_roles(connection, kind, id, roles)?,
        AccountChange::Email(email) => {
            set_email(connection, &before, email.as_deref())?;
            // They went to the old address.
            links::end_all_of(connection, kind, id)?;
        }
        AccountChange::UnconfirmedEmail(email) => {
            set_email(connection, &before, Some(email))?;
            connection.prepare_cached("UPDATE account SET confirmed = 0 WHERE kind = ?1 AND id = ?2")?.execute(target)?;
            end_everything(connection, kind, id, now)?;
        }
        AccountChange::Membership(membership) => {
            connection
                .prepare_cached("UPDATE account SET website = ?3, store = ?4, customer_group = ?5 WHERE kind = ?1 AND id = ?2")?
                .execute(params![target.0, target.1, membership.website, membership.store, membership.group])?;
        }
        AccountChange::Confirmed => {
            connection.prepare_cached("UPDATE account SET confirmed = 1 WHERE kind = ?1 AND id = ?2")?.execute(target)?;
        }
        AccountChange::EndTokens(before) => {
            connection
                .prepare_cached("UPDATE account SET tokens_not_before = max(tokens_not_before, ?3) WHERE kind = ?1 AND id = ?2")?
                .execute(params![target.0, target.1, integer(before.0)])?;
            connection
                .prepare_cached("DELETE FROM token WHERE kind = ?1 AND account = ?2 AND created <= ?3")?
                .execute(params![target.0, target.1, integer(before.0)])?;
            grants::end_all_of(connection, kind, id, *before)?;
        }
        AccountChange::Unlock => changes::log_unlocked(connection, &before.account.directory, &before.account.login)?,
    }
    let deed = match change {
        AccountChange::Enable => Some(Deed::Enabled),
        AccountChange::Disable => Some(Deed::Disabled),
        AccountChange::Password(_) => Some(Deed::Password),
        AccountChange::Roles(_) => Some(Deed::Roles),
        AccountChange::Email(_) | AccountChange::UnconfirmedEmail(_) => Some(Deed::Email),
        AccountChange::EndTokens(_) => Some(Deed::Tokens),
        AccountChange::Membership(_) | AccountChange::Confirmed => Some(Deed::Changed),
        AccountChange::Rehash { .. } | AccountChange::Unlock => None,
    };
    if let Some(deed) = deed {
        connection.prepare_cached("UPDATE account SET updated = ?3 WHERE kind = ?1 AND id = ?2")?.execute(params![
            target.0,
            target.1,
            integer(now.0)
        ])?;
        changes::log_account(connection, kind, id, deed)?;
    }
    present(connection, kind, id)
}

/// Deletes an account with all that hangs on it, and remembers its id.
pub(super) fn delete(connection: &Connection, kind: Kind, id: u64) -> Outcome<()> {
    let before = present(connection, kind, id)?;
    sessions::end_all_of(connection, kind, id)?;
    changes::log_account(connection, kind, id, Deed::Deleted)?;
    let target = (kind.as_str(), integer(id));
    connection.prepare_cached("DELETE FROM account WHERE kind = ?1 AND id = ?2")?.execute(target)?;
    connection.prepare_cached("INSERT INTO account_grave (kind, id) VALUES (?1, ?2)")?.execute(target)?;
    tally::went(connection, &before.account.directory, kind, before.password.as_deref())
}

/// `the account admin/14`.
pub(super) fn name(kind: Kind, id: u64) -> String {
    format!("the account {}/{id}", kind.as_str())
}

/// What makes logins equal whatever their case.
pub(super) fn fold(login: &str) -> String {
    login.to_lowercase()
}

fn select<'c>(connection: &'c Connection, rest: &str) -> rusqlite::Result<CachedStatement<'c>> {
    connection.prepare_cached(&format!("SELECT {ACCOUNT} FROM account a {rest}"))
}

fn exists(connection: &Connection, sql: &str, params: impl rusqlite::Params) -> Outcome<bool> {
    Ok(connection.prepare_cached(sql)?.exists(params)?)
}

fn present(connection: &Connection, kind: Kind, id: u64) -> Outcome<AccountRecord> {
    by_id(connection, kind, id)?.ok_or_else(|| StoreError::Missing(name(kind, id)).into())
}

/// The next id, or the wanted one when nobody has it or ever had it.
fn take_id(connection: &Connection, kind: Kind, wanted: Option<u64>) -> Outcome<u64> {
    let last = connection
        .prepare_cached("SELECT last FROM account_sequence WHERE kind = ?1")?
        .query_row([kind.as_str()], |row| unsigned(row, 0))?;
    let id = wanted.unwrap_or_else(|| last.saturating_add(1));
    if !(1..=LAST_ID).contains(&id) {
        return Err(StoreError::Unavailable(format!("account ids go from 1 to {LAST_ID}, so there is no {id}")).into());
    }
    let target = (kind.as_str(), integer(id));
    let used =
        "SELECT 1 FROM account WHERE kind = ?1 AND id = ?2 UNION ALL SELECT 1 FROM account_grave WHERE kind = ?1 AND id = ?2";
    if wanted.is_some() && exists(connection, used, target)? {
        return Err(StoreError::Exists(format!("an account that has or had the id {}/{id}", kind.as_str())).into());
    }
    connection.prepare_cached("UPDATE account_sequence SET last = max(last, ?2) WHERE kind = ?1")?.execute(target)?;
    Ok(id)
}

/// Later than anything.
const ALL: Time = Time(u64::MAX);

/// Ends all sessions and whatever else was proved so far.
fn end_everything(connection: &Connection, kind: Kind, id: u64, now: Time) -> Outcome<()> {
    connection
        .prepare_cached(
            "UPDATE account SET version = version + 1, not_before = max(not_before, ?3), \
             tokens_not_before = max(tokens_not_before, ?3) WHERE kind = ?1 AND id = ?2",
        )?
        .execute(params![kind.as_str(), integer(id), integer(now.0)])?;
    connection.prepare_cached("DELETE FROM token WHERE kind = ?1 AND account = ?2")?.execute((kind.as_str(), integer(id)))?;
    grants::end_all_of(connection, kind, id, ALL)?;
    sessions::end_all_of(connection, kind, id)?;
    links::end_all_of(connection, kind, id)
}

/// A login that is the address goes with it.
fn set_email(connection: &Connection, before: &AccountRecord, email: Option<&str>) -> Outcome<()> {
    let account = &before.account;
    let (kind, id) = (account.kind.as_str(), integer(account.id));
    let is_login = before.email.as_ref().is_some_and(|old| fold(old) == fold(&account.login));
    if let Some(login) = email.filter(|_| is_login) {
        let website = account.membership.map_or(0, |membership| membership.website);
        let taken = "SELECT 1 FROM account WHERE directory = ?1 AND login_key = ?2 AND NOT (kind = ?3 AND id = ?4) AND website IN (0, ?5)";
        if exists(connection, taken, params![account.directory, fold(login), kind, id, website])? {
            return Err(StoreError::Exists(format!("the account {}/{login}", account.directory)).into());
        }
        connection
            .prepare_cached("UPDATE account SET login = ?3, login_key = ?4 WHERE kind = ?1 AND id = ?2")?
            .execute(params![kind, id, login, fold(login)])?;
    }
    connection.prepare_cached("UPDATE account SET email = ?3 WHERE kind = ?1 AND id = ?2")?.execute(params![kind, id, email])?;
    Ok(())
}

fn set_password(connection: &Connection, before: &AccountRecord, hash: &str) -> Outcome<()> {
    let target = (before.account.kind.as_str(), integer(before.account.id));
    connection
        .prepare_cached("UPDATE account SET password = ?3 WHERE kind = ?1 AND id = ?2")?
        .execute(params![target.0, target.1, hash])?;
    tally::rehashed(connection, before.password.as_deref(), hash)
}

fn set_roles(connection: &Connection, kind: Kind, id: u64, roles: &[Arc<str>]) -> Outcome<()> {
    let target = (kind.as_str(), integer(id));
    connection.prepare_cached("DELETE FROM account_role WHERE kind = ?1 AND account = ?2")?.execute(target)?;
    let mut insert = connection
        .prepare_cached("INSERT OR IGNORE INTO account_role (kind, account, position, role) VALUES (?1, ?2, ?3, ?4)")?;
    for (position, role) in (0_i64..).zip(roles) {
        if !exists(connection, "SELECT 1 FROM role WHERE name = ?1", [role])? {
            return Err(StoreError::Missing(format!("the role {role}")).into());
        }
        insert.execute(params![target.0, target.1, position, role])?;
    }
    Ok(())
}
