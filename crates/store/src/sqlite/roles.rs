//! Roles and what they grant.

use super::{changes, failure::Outcome, values};
use doorward_core::ports::{Deed, StoreError};
use rusqlite::{Connection, Row};
use std::{collections::BTreeSet, sync::Arc};

/// A role and its resources.
pub(super) type Role = (Arc<str>, BTreeSet<Arc<str>>);

/// Makes a role, or gives it other resources.
pub(super) fn put(connection: &Connection, name: &str, resources: &BTreeSet<Arc<str>>) -> Outcome<()> {
    let made = connection.prepare_cached("INSERT OR IGNORE INTO role (name) VALUES (?1)")?.execute([name])? > 0;
    connection.prepare_cached("DELETE FROM role_resource WHERE role = ?1")?.execute([name])?;
    let mut insert = connection.prepare_cached("INSERT INTO role_resource (role, resource) VALUES (?1, ?2)")?;
    for resource in resources {
        insert.execute((name, resource))?;
    }
    changes::log_role(connection, name, if made { Deed::Added } else { Deed::Changed })
}

/// All roles by name.
pub(super) fn list(connection: &Connection) -> Outcome<Vec<Role>> {
    let sql = "SELECT name, (SELECT json_group_array(resource) FROM role_resource WHERE role = name) FROM role ORDER BY name";
    Ok(connection.prepare_cached(sql)?.query_map([], role)?.collect::<Result<_, _>>()?)
}

/// Deletes a role; accounts that had it lose it.
pub(super) fn delete(connection: &Connection, name: &str) -> Outcome<()> {
    changes::log_accounts_with(connection, name)?;
    if connection.prepare_cached("DELETE FROM role WHERE name = ?1")?.execute([name])? == 0 {
        return Err(StoreError::Missing(format!("the role {name}")).into());
    }
    changes::log_role(connection, name, Deed::Deleted)
}

fn role(row: &Row<'_>) -> rusqlite::Result<Role> {
    let resources: String = row.get(1)?;
    Ok((row.get(0)?, serde_json::from_str(&resources).map_err(|error| values::malformed(1, error))?))
}
