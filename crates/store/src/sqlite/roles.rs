//! Roles and what they hold.

use super::{changes, failure::Outcome, values};
use doorward_core::{
    acl::{Holds, RoleRow},
    ports::{Deed, StoreError},
};
use rusqlite::{Connection, Row, params};
use std::{collections::BTreeSet, sync::Arc};

/// A role and what it holds.
pub(super) type Role = (Arc<str>, Holds);

/// Makes a role, or gives it something else to hold.
pub(super) fn put(connection: &Connection, name: &str, holds: &Holds) -> Outcome<()> {
    let found = connection.prepare_cached("SELECT 1 FROM role WHERE name = ?1")?.exists([name])?;
    // One that was made before this was asked may still be given something else.
    if let Some(flaw) = doorward_core::name::flaw(name).filter(|_| !found) {
        return Err(StoreError::Unfit(format!("a role name {flaw}")).into());
    }
    let made = connection.prepare_cached("INSERT OR IGNORE INTO role (name) VALUES (?1)")?.execute([name])? > 0;
    connection.prepare_cached("DELETE FROM role_resource WHERE role = ?1")?.execute([name])?;
    connection.prepare_cached("DELETE FROM role_row WHERE role = ?1")?.execute([name])?;
    match holds {
        Holds::Selection(resources) => {
            let mut insert = connection.prepare_cached("INSERT INTO role_resource (role, resource) VALUES (?1, ?2)")?;
            for resource in resources {
                insert.execute((name, resource))?;
            }
        }
        Holds::Rows(rows) => {
            let mut insert =
                connection.prepare_cached("INSERT INTO role_row (role, position, resource, allow) VALUES (?1, ?2, ?3, ?4)")?;
            for (position, row) in (0_i64..).zip(rows) {
                insert.execute(params![name, position, row.resource, row.allow])?;
            }
        }
    }
    changes::log_role(connection, name, if made { Deed::Added } else { Deed::Changed })
}

/// All roles by name.
pub(super) fn list(connection: &Connection) -> Outcome<Vec<Role>> {
    let sql = "SELECT name, (SELECT json_group_array(resource) FROM role_resource WHERE role = name), \
               (SELECT json_group_array(json_array(resource, allow) ORDER BY position) FROM role_row WHERE role = name) \
               FROM role ORDER BY name";
    Ok(connection.prepare_cached(sql)?.query_map([], role)?.collect::<Result<_, _>>()?)
}

/// The names of all roles, whatever they hold.
pub(super) fn names(connection: &Connection) -> Outcome<Vec<Arc<str>>> {
    Ok(connection
        .prepare_cached("SELECT name FROM role ORDER BY name")?
        .query_map([], |row| row.get(0))?
        .collect::<Result<_, _>>()?)
}

/// How many accounts have each role that somebody has.
pub(super) fn counts(connection: &Connection) -> Outcome<Vec<(Arc<str>, u64)>> {
    let sql = "SELECT role, count(*) FROM account_role GROUP BY role ORDER BY role";
    let count = |row: &Row<'_>| Ok((row.get(0)?, values::unsigned(row, 1)?));
    Ok(connection.prepare_cached(sql)?.query_map([], count)?.collect::<Result<_, _>>()?)
}

/// Roles of programs that are called like the account that has them, whatever the case.
pub(super) fn own_of_programs(connection: &Connection) -> Outcome<Vec<Arc<str>>> {
    let sql = "SELECT r.role, a.directory || '/' || a.login FROM account_role r JOIN account a ON a.kind = r.kind AND a.id = r.account \
               WHERE r.kind = 'integration' ORDER BY r.role";
    let read = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let all: Vec<(Arc<str>, String)> = connection.prepare_cached(sql)?.query_map([], read)?.collect::<Result<_, _>>()?;
    Ok(all.into_iter().filter(|(role, account)| role.to_lowercase() == account.to_lowercase()).map(|(role, _)| role).collect())
}

/// Deletes a role; accounts that had it lose it.
pub(super) fn delete(connection: &Connection, name: &str) -> Outcome<()> {
    changes::log_accounts_with(connection, name)?;
    if connection.prepare_cached("DELETE FROM role WHERE name = ?1")?.execute([name])? == 0 {
        return Err(StoreError::Missing(format!("the role {name}")).into());
    }
    changes::log_role(connection, name, Deed::Deleted)
}

/// A role without rows holds a selection, be it empty.
fn role(row: &Row<'_>) -> rusqlite::Result<Role> {
    let (resources, rows): (String, String) = (row.get(1)?, row.get(2)?);
    let resources: BTreeSet<Arc<str>> = serde_json::from_str(&resources).map_err(|error| values::malformed(1, error))?;
    let rows: Vec<(Arc<str>, u8)> = serde_json::from_str(&rows).map_err(|error| values::malformed(2, error))?;
    let holds = if rows.is_empty() {
        Holds::Selection(resources)
    } else {
        Holds::Rows(rows.into_iter().map(|(resource, allow)| RoleRow { resource, allow: allow != 0 }).collect())
    };
    Ok((row.get(0)?, holds))
}
