//! How many accounts there are, and what their hashes of ours cost: kept beside them, because a server asks at start, and
//! to look through a million accounts takes long.

use super::{
    failure::Outcome,
    values::{self, unsigned},
};
use doorward_core::{Kind, ports::AccountCount};
use rusqlite::{Connection, Row, params};
use std::sync::Arc;

/// An account came.
pub(super) fn came(connection: &Connection, directory: &str, kind: Kind, password: Option<&str>) -> Outcome<()> {
    let sql = "INSERT INTO account_count (directory, kind, accounts) VALUES (?1, ?2, 1) \
               ON CONFLICT (directory, kind) DO UPDATE SET accounts = accounts + 1";
    connection.prepare_cached(sql)?.execute(params![directory, kind.as_str()])?;
    password.map_or(Ok(()), |password| count_cost(connection, password))
}

/// An account went.
pub(super) fn went(connection: &Connection, directory: &str, kind: Kind, password: Option<&str>) -> Outcome<()> {
    let named = params![directory, kind.as_str()];
    let less = "UPDATE account_count SET accounts = accounts - 1 WHERE directory = ?1 AND kind = ?2";
    connection.prepare_cached(less)?.execute(named)?;
    let none = "DELETE FROM account_count WHERE directory = ?1 AND kind = ?2 AND accounts <= 0";
    connection.prepare_cached(none)?.execute(named)?;
    password.map_or(Ok(()), |password| discount_cost(connection, password))
}

/// An account has another hash.
pub(super) fn rehashed(connection: &Connection, from: Option<&str>, to: &str) -> Outcome<()> {
    count_cost(connection, to)?;
    from.map_or(Ok(()), |from| discount_cost(connection, from))
}

/// How many there are of each kind in each directory.
pub(super) fn counts(connection: &Connection) -> Outcome<Vec<AccountCount>> {
    select(connection, "SELECT directory, kind, accounts FROM account_count ORDER BY directory, kind")
}

/// The same in databases of every version: in older ones by looking at all accounts.
pub(super) fn counts_of_any(connection: &Connection) -> Outcome<Vec<AccountCount>> {
    if connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'account_count'")?.exists([])? {
        return counts(connection);
    }
    select(connection, "SELECT directory, kind, count(*) FROM account GROUP BY directory, kind ORDER BY directory, kind")
}

/// The costs of all Argon2id hashes.
pub(super) fn password_costs(connection: &Connection) -> Outcome<Vec<Arc<str>>> {
    let sql = "SELECT cost FROM password_cost ORDER BY cost";
    Ok(connection.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect::<Result<_, _>>()?)
}

fn select(connection: &Connection, sql: &str) -> Outcome<Vec<AccountCount>> {
    let count =
        |row: &Row<'_>| Ok(AccountCount { directory: row.get(0)?, kind: values::kind(row, 1)?, accounts: unsigned(row, 2)? });
    Ok(connection.prepare_cached(sql)?.query_map([], count)?.collect::<Result<_, _>>()?)
}

fn count_cost(connection: &Connection, password: &str) -> Outcome<()> {
    if let Some(cost) = cost(password) {
        let sql =
            "INSERT INTO password_cost (cost, accounts) VALUES (?1, 1) ON CONFLICT (cost) DO UPDATE SET accounts = accounts + 1";
        connection.prepare_cached(sql)?.execute([cost])?;
    }
    Ok(())
}

fn discount_cost(connection: &Connection, password: &str) -> Outcome<()> {
    if let Some(cost) = cost(password) {
        connection.prepare_cached("UPDATE password_cost SET accounts = accounts - 1 WHERE cost = ?1")?.execute([cost])?;
        connection.prepare_cached("DELETE FROM password_cost WHERE cost = ?1 AND accounts <= 0")?.execute([cost])?;
    }
    Ok(())
}

/// What stands before salt and hash in a PHC string of Argon2id; the migration that made the table reads it in the same way.
fn cost(password: &str) -> Option<&str> {
    let head = "$argon2id$";
    let end = password.rfind('$').and_then(|end| password.get(..end)?.rfind('$'))?;
    (password.starts_with(head) && end + 1 > head.len()).then(|| password.get(..=end)).flatten()
}
