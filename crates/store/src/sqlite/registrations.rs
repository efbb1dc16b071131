//! Tokens with which clients register themselves.

use super::{
    clients,
    failure::Outcome,
    values::{integer, malformed, unsigned},
};
use doorward_core::{
    Time,
    ports::{Client, Registering, RegistrationToken, StoreError, TokenKey},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;

const TOKEN: &str = "id, key, name, scopes, uses_left, created, expires";

pub(super) fn add(connection: &Connection, token: &RegistrationToken) -> Outcome<()> {
    let sql = format!("INSERT INTO oauth_registration ({TOKEN}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    connection.prepare_cached(&sql)?.execute(params![
        token.id,
        token.key.0,
        token.name,
        clients::list(&token.scopes),
        token.left,
        integer(token.created.0),
        integer(token.expires.0),
    ])?;
    Ok(())
}

pub(super) fn all(connection: &Connection) -> Outcome<Vec<RegistrationToken>> {
    let sql = format!("SELECT {TOKEN} FROM oauth_registration ORDER BY created, id");
    Ok(connection.prepare_cached(&sql)?.query_map([], token)?.collect::<Result<_, _>>()?)
}

pub(super) fn find(connection: &Connection, key: &TokenKey, now: Time) -> Outcome<Option<RegistrationToken>> {
    let sql = format!("SELECT {TOKEN} FROM oauth_registration WHERE key = ?1 AND uses_left > 0 AND expires > ?2");
    Ok(connection.prepare_cached(&sql)?.query_row(params![key.0, integer(now.0)], token).optional()?)
}

pub(super) fn delete(connection: &Connection, id: &str) -> Outcome<()> {
    match connection.prepare_cached("DELETE FROM oauth_registration WHERE id = ?1")?.execute([id])? {
        0 => Err(StoreError::Missing(format!("the registration token {id}")).into()),
        _ => Ok(()),
    }
}

/// Both in one transaction: of all that bring a token at the same time as many register as it is for.
pub(super) fn register(connection: &Connection, client: &Client, key: &TokenKey, most: u64, now: Time) -> Outcome<Registering> {
    let number = "SELECT count(*) FROM oauth_client WHERE registered IS NOT NULL";
    let registered: u64 = connection.prepare_cached(number)?.query_row([], |row| unsigned(row, 0))?;
    let sql = "UPDATE oauth_registration SET uses_left = uses_left - 1 WHERE key = ?1 AND uses_left > 0 AND expires > ?2";
    if find(connection, key, now)?.is_none() {
        return Ok(Registering::Never);
    }
    if registered >= most {
        return Ok(Registering::Full);
    }
    if connection.prepare_cached(sql)?.execute(params![key.0, integer(now.0)])? == 0 {
        return Ok(Registering::Never);
    }
    clients::add(connection, client)?;
    Ok(Registering::Done)
}

fn token(row: &Row<'_>) -> rusqlite::Result<RegistrationToken> {
    let scopes: String = row.get(3)?;
    let scopes: Vec<Arc<str>> = serde_json::from_str(&scopes).map_err(|error| malformed(3, error))?;
    Ok(RegistrationToken {
        id: row.get(0)?,
        key: TokenKey(row.get(1)?),
        name: row.get(2)?,
        scopes,
        left: row.get(4)?,
        created: Time(unsigned(row, 5)?),
        expires: Time(unsigned(row, 6)?),
    })
}
