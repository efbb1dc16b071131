//! Rows of other programs, many in a transaction.

use super::{
    accounts, changes,
    failure::{Failure, Outcome},
    values::{integer, unsigned},
};
use doorward_core::{
    Kind, Time,
    ports::{Deed, ImportAccount, ImportBatch, ImportItem, ImportToken, Imported, StoreError},
};
use rusqlite::{Connection, OptionalExtension, params};

/// Pages that indexes are looked up and changed in while rows come in their own order, in KiB: with few, each row reads and
/// writes pages anew.
const CACHE: i64 = 64 * 1024;
/// Pages in the log before they are written back; those that changed several times are written once. Not so many that
/// a server that happens to do it keeps anybody waiting.
const LOG: i64 = 4096;

/// More memory and a longer log for this connection.
pub(super) fn expect_many(connection: &Connection) -> Outcome<()> {
    connection.pragma_update(None, "cache_size", -CACHE)?;
    // It answers with the new value.
    Ok(connection.pragma_update_and_check(None, "wal_autocheckpoint", LOG, |_| Ok(()))?)
}

/// Takes rows in; what is refused leaves nothing behind, and trouble with the database ends all of it.
pub(super) fn take(connection: &Connection, batch: &ImportBatch, now: Time) -> Outcome<Vec<Result<Imported, StoreError>>> {
    let execute = |sql: &str| connection.prepare_cached(sql)?.execute([]);
    let mut answers = Vec::with_capacity(batch.items.len());
    for item in &batch.items {
        execute("SAVEPOINT item")?;
        let answer = match one(connection, item, now) {
            Ok(imported) => Ok(imported),
            Err(Failure::Store(refusal)) => {
                execute("ROLLBACK TO item")?;
                Err(refusal)
            }
            Err(trouble) => return Err(trouble),
        };
        execute("RELEASE item")?;
        answers.push(answer);
    }
    let sql = "INSERT INTO import (source, rows, updated) VALUES (?1, ?2, ?3) \
               ON CONFLICT (source) DO UPDATE SET rows = max(rows, ?2), updated = ?3";
    connection.prepare_cached(sql)?.execute(params![batch.source, integer(batch.rows), integer(now.0)])?;
    Ok(answers)
}

/// How many rows of a source are behind.
pub(super) fn rows(connection: &Connection, source: &str) -> Outcome<u64> {
    let sql = "SELECT rows FROM import WHERE source = ?1";
    Ok(connection.prepare_cached(sql)?.query_row([source], |row| unsigned(row, 0)).optional()?.unwrap_or(0))
}

fn one(connection: &Connection, item: &ImportItem, now: Time) -> Outcome<Imported> {
    match item {
        ImportItem::Account(account) => add(connection, account, now),
        ImportItem::Token(token) => add_token(connection, token),
        ImportItem::Member { directory, kind, account, role } => give(connection, directory, *kind, *account, role),
    }
}

fn add(connection: &Connection, import: &ImportAccount, now: Time) -> Outcome<Imported> {
    let new = &import.new;
    if is_there(connection, import)? {
        return Ok(Imported::There);
    }
    if new.kind == Kind::Customer
        && let Some(email) = &new.email
    {
        let website = new.membership.map_or(0, |membership| membership.website);
        let website = Some(website).filter(|website| new.per_website && *website != 0);
        let sql =
            "SELECT 1 FROM account WHERE directory = ?1 AND lower(email) = lower(?2) AND (?3 IS NULL OR website IN (0, ?3))";
        if connection.prepare_cached(sql)?.exists(params![new.directory, email, website])? {
            return Err(StoreError::Exists("an account of this e-mail address".into()).into());
        }
    }
    let created = import.created.unwrap_or(now);
    accounts::insert(connection, new, accounts::Past { enabled: import.enabled, created }, now)?;
    Ok(Imported::Added)
}

/// Whether exactly this account is there: of the same id and login, or, where no id was named, of the same login, e-mail
/// address and hash.
fn is_there(connection: &Connection, import: &ImportAccount) -> Outcome<bool> {
    let new = &import.new;
    let login = accounts::fold(&new.login);
    let there = match new.id {
        Some(id) => {
            let sql = "SELECT 1 FROM account WHERE kind = ?1 AND id = ?2 AND directory = ?3 AND login_key = ?4";
            connection.prepare_cached(sql)?.exists(params![new.kind.as_str(), integer(id), new.directory, login])?
        }
        None => {
            let sql = "SELECT 1 FROM account WHERE directory = ?1 AND login_key = ?2 AND email IS ?3 AND password IS ?4";
            connection.prepare_cached(sql)?.exists(params![new.directory, login, new.email, new.password])?
        }
    };
    Ok(there)
}

fn add_token(connection: &Connection, token: &ImportToken) -> Outcome<Imported> {
    whose(connection, &token.directory, token.kind, token.account)?;
    let sql = "INSERT INTO token (key, kind, account, created, expires) VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (key) DO NOTHING";
    let expires = token.expires.map(|expires| integer(expires.0));
    let added = connection.prepare_cached(sql)?.execute(params![
        token.key,
        token.kind.as_str(),
        integer(token.account),
        integer(token.created.0),
        expires
    ])?;
    Ok(if added > 0 { Imported::Added } else { Imported::There })
}

/// Adds a role to those that an account has.
fn give(connection: &Connection, directory: &str, kind: Kind, id: u64, role: &str) -> Outcome<Imported> {
    whose(connection, directory, kind, id)?;
    if !connection.prepare_cached("SELECT 1 FROM role WHERE name = ?1")?.exists([role])? {
        return Err(StoreError::Missing(format!("the role {role}")).into());
    }
    let sql = "INSERT INTO account_role (kind, account, position, role) \
               SELECT ?1, ?2, coalesce(max(position) + 1, 0), ?3 FROM account_role WHERE kind = ?1 AND account = ?2 \
               HAVING NOT EXISTS (SELECT 1 FROM account_role WHERE kind = ?1 AND account = ?2 AND role = ?3)";
    if connection.prepare_cached(sql)?.execute(params![kind.as_str(), integer(id), role])? == 0 {
        return Ok(Imported::There);
    }
    changes::log_account(connection, kind, id, Deed::Roles)?;
    Ok(Imported::Added)
}

/// The account is there, in this directory.
fn whose(connection: &Connection, directory: &str, kind: Kind, id: u64) -> Outcome<()> {
    let sql = "SELECT 1 FROM account WHERE kind = ?1 AND id = ?2 AND directory = ?3";
    if connection.prepare_cached(sql)?.exists(params![kind.as_str(), integer(id), directory])? {
        Ok(())
    } else {
        Err(StoreError::Missing(accounts::name(kind, id)).into())
    }
}
