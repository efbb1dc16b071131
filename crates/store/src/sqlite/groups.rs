//! Groups of customers.

use super::{
    changes,
    customers::{document, text},
    failure::Outcome,
    values::integer,
};
use doorward_core::{
    Time,
    acl::Exclusions,
    ports::{Deed, Document, Group, GroupDraft, StoreError},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use std::collections::BTreeSet;

/// What [`group`] reads, of a table that the query calls `g`.
pub(super) const GROUP: &str = "g.id, g.code, g.tax_class, g.document";

/// The group with this number.
pub(super) fn find(connection: &Connection, id: u32) -> Outcome<Option<Group>> {
    let sql = format!("SELECT {GROUP} FROM customer_group g WHERE g.id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([id], group).optional()?)
}

/// Changes a group, or makes one.
pub(super) fn put(connection: &Connection, id: Option<u32>, draft: &GroupDraft) -> Outcome<Group> {
    let taken = "SELECT 1 FROM customer_group WHERE code = ?1 AND id IS NOT ?2";
    if connection.prepare_cached(taken)?.exists(params![draft.code, id])? {
        return Err(StoreError::Exists(format!("the group {}", draft.code)).into());
    }
    let row = params![id, draft.code, draft.tax_class, text(&draft.document)];
    let id = match id {
        Some(id) => {
            let sql = "UPDATE customer_group SET code = ?2, tax_class = ?3, document = ?4 WHERE id = ?1";
            connection.prepare_cached(sql)?.execute(row)?;
            id
        }
        None => {
            let sql = "INSERT INTO customer_group (id, code, tax_class, document) VALUES (?1, ?2, ?3, ?4) RETURNING id";
            connection.prepare_cached(sql)?.query_row(row, |row| row.get(0))?
        }
    };
    changes::log_groups(connection)?;
    find(connection, id)?.ok_or_else(|| StoreError::Missing(name(id)).into())
}

/// Deletes a group, unless somebody is in it by default.
pub(super) fn delete(connection: &Connection, id: u32, now: Time) -> Outcome<bool> {
    if find(connection, id)?.is_none() {
        return Err(StoreError::Missing(name(id)).into());
    }
    if id == 0 || is_default(connection, id)? {
        return Ok(false);
    }
    let heirs = default_of(connection, 0)?.id;
    let log = "INSERT INTO change (what, kind, account, deed, directory, login) \
               SELECT 'account', kind, id, ?2, directory, login FROM account WHERE kind = 'customer' AND website <> 0 AND customer_group = ?1";
    connection.prepare_cached(log)?.execute(params![id, Deed::Changed.as_str()])?;
    connection
        .prepare_cached(
            "UPDATE account SET customer_group = ?2, updated = ?3 WHERE kind = 'customer' AND website <> 0 AND customer_group = ?1",
        )?
        .execute(params![id, heirs, integer(now.0)])?;
    connection.prepare_cached("DELETE FROM customer_group WHERE id = ?1")?.execute([id])?;
    changes::log_groups(connection)?;
    Ok(true)
}

/// From which websites groups are excluded.
pub(super) fn exclusions(connection: &Connection) -> Outcome<Exclusions> {
    let sql = "SELECT id, document FROM customer_group WHERE document LIKE '%exclude_website_ids%'";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([], |row| Ok((row.get::<_, u32>(0)?, excluded(&document(row, 1)?))))?;
    let websites = rows.collect::<Result<_, _>>()?;
    Ok(Exclusions { websites, usual_group: default_of(connection, 0)?.id })
}

fn excluded(group: &Document) -> BTreeSet<u32> {
    let listed = group.get("extension_attributes").and_then(|more| more.get("exclude_website_ids")).and_then(Value::as_array);
    listed.into_iter().flatten().filter_map(|id| u32::try_from(id.as_u64()?).ok()).collect()
}

/// The group of new customers of a store view.
pub(super) fn default_of(connection: &Connection, store: u32) -> Outcome<Group> {
    let sql = format!(
        "SELECT {GROUP} FROM default_group d JOIN customer_group g ON g.id = d.customer_group WHERE d.store IN (0, ?1) \
         ORDER BY d.store DESC LIMIT 1"
    );
    let found = connection.prepare_cached(&sql)?.query_row([store], group).optional()?;
    found.ok_or_else(|| StoreError::Missing("a default group".to_owned()).into())
}

/// Whether new customers of some store view belong to it.
pub(super) fn is_default(connection: &Connection, id: u32) -> Outcome<bool> {
    Ok(connection.prepare_cached("SELECT 1 FROM default_group WHERE customer_group = ?1")?.exists([id])?)
}

/// Sets the group of new customers of a store view.
pub(super) fn set_default(connection: &Connection, store: u32, id: u32) -> Outcome<()> {
    if find(connection, id)?.is_none() {
        return Err(StoreError::Missing(name(id)).into());
    }
    let sql = "INSERT INTO default_group (store, customer_group) VALUES (?1, ?2) \
               ON CONFLICT (store) DO UPDATE SET customer_group = excluded.customer_group";
    connection.prepare_cached(sql)?.execute([store, id])?;
    changes::log_groups(connection)
}

/// A group from the columns [`GROUP`].
pub(super) fn group(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group { id: row.get(0)?, code: row.get(1)?, tax_class: row.get(2)?, document: document(row, 3)? })
}

/// `the group 4`.
pub(super) fn name(id: u32) -> String {
    format!("the group {id}")
}
