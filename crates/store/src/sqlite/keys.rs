//! Keys that Doorward made for itself.

use super::{
    failure::Outcome,
    values::{integer, unsigned},
};
use doorward_core::{Time, ports::StoredKey};
use rusqlite::{Connection, Row, params};

/// The keys for a purpose, newest first.
pub(super) fn list(connection: &Connection, purpose: &str) -> Outcome<Vec<StoredKey>> {
    let sql = "SELECT purpose, id, secret, created FROM stored_key WHERE purpose = ?1 ORDER BY created DESC, id";
    Ok(connection.prepare_cached(sql)?.query_map([purpose], key)?.collect::<Result<_, _>>()?)
}

/// Stores `key` unless there is one for its purpose; the newest one of the purpose.
pub(super) fn get_or_insert(connection: &Connection, key: StoredKey) -> Outcome<StoredKey> {
    if let Some(newest) = list(connection, &key.purpose)?.into_iter().next() {
        return Ok(newest);
    }
    connection
        .prepare_cached("INSERT INTO stored_key (purpose, id, secret, created) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![key.purpose, key.id, &*key.secret, integer(key.created.0)])?;
    Ok(key)
}

fn key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    Ok(StoredKey {
        purpose: row.get(0)?,
        id: row.get(1)?,
        secret: row.get_ref(2)?.as_blob()?.into(),
        created: Time(unsigned(row, 3)?),
    })
}
