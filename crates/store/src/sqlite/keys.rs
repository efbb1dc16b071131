//! Keys that Doorward made for itself, or was given.

use super::{
    changes,
    failure::Outcome,
    values::{integer, optional_time, unsigned},
};
use doorward_core::{
    Time,
    ports::{StoreError, StoredKey},
};
use rusqlite::{Connection, Row, params};

const KEY: &str = "purpose, id, secret, created, algorithm, active_from, retired";

/// The keys for a purpose, newest first.
pub(super) fn list(connection: &Connection, purpose: &str) -> Outcome<Vec<StoredKey>> {
    let sql = format!("SELECT {KEY} FROM stored_key WHERE purpose = ?1 ORDER BY created DESC, id");
    Ok(connection.prepare_cached(&sql)?.query_map([purpose], key)?.collect::<Result<_, _>>()?)
}

/// All keys by purpose, newest first.
pub(super) fn all(connection: &Connection) -> Outcome<Vec<StoredKey>> {
    let sql = format!("SELECT {KEY} FROM stored_key ORDER BY purpose, created DESC, id");
    Ok(connection.prepare_cached(&sql)?.query_map([], key)?.collect::<Result<_, _>>()?)
}

/// Stores `key` unless there is one for its purpose; the newest one of the purpose.
pub(super) fn get_or_insert(connection: &Connection, key: StoredKey) -> Outcome<StoredKey> {
    if let Some(newest) = list(connection, &key.purpose)?.into_iter().next() {
        return Ok(newest);
    }
    insert(connection, &key)?;
    Ok(key)
}

/// Stores one more key.
pub(super) fn add(connection: &Connection, key: &StoredKey) -> Outcome<()> {
    let taken = "SELECT 1 FROM stored_key WHERE purpose = ?1 AND id = ?2";
    if connection.prepare_cached(taken)?.exists([&key.purpose, &key.id])? {
        return Err(StoreError::Exists(format!("the key {}/{}", key.purpose, key.id)).into());
    }
    insert(connection, key)?;
    changes::log_keys(connection, &key.purpose)
}

/// Stores one more key, which takes the place of those that sign; how many these were.
pub(super) fn rotate(connection: &Connection, key: &StoredKey, until: Time) -> Outcome<u64> {
    add(connection, key)?;
    let sql = "UPDATE stored_key SET retired = ?3 \
               WHERE purpose = ?1 AND id <> ?2 AND retired IS NULL AND active_from IS NOT NULL";
    let replaced = connection.prepare_cached(sql)?.execute(params![key.purpose, key.id, integer(until.0)])?;
    Ok(replaced as u64)
}

/// Retires a key.
pub(super) fn retire(connection: &Connection, purpose: &str, id: &str, at: Time) -> Outcome<()> {
    let changed = connection
        .prepare_cached("UPDATE stored_key SET retired = ?3 WHERE purpose = ?1 AND id = ?2")?
        .execute(params![purpose, id, integer(at.0)])?;
    if changed == 0 {
        return Err(StoreError::Missing(format!("the key {purpose}/{id}")).into());
    }
    changes::log_keys(connection, purpose)
}

fn insert(connection: &Connection, key: &StoredKey) -> Outcome<()> {
    connection.prepare_cached(&format!("INSERT INTO stored_key ({KEY}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)"))?.execute(
        params![
            key.purpose,
            key.id,
            &*key.secret,
            integer(key.created.0),
            key.algorithm,
            key.active_from.map(|time| integer(time.0)),
            key.retired.map(|time| integer(time.0)),
        ],
    )?;
    Ok(())
}

fn key(row: &Row<'_>) -> rusqlite::Result<StoredKey> {
    Ok(StoredKey {
        purpose: row.get(0)?,
        id: row.get(1)?,
        secret: row.get_ref(2)?.as_blob()?.into(),
        created: Time(unsigned(row, 3)?),
        algorithm: row.get(4)?,
        active_from: optional_time(row, 5)?,
        retired: optional_time(row, 6)?,
    })
}
