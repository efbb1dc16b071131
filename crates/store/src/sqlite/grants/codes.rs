//! Codes, refresh tokens and pushed requests.

use super::{
    super::{
        failure::Outcome,
        values::{integer, unsigned},
    },
    authorizations::{self, AUTHORIZATION, COLUMNS},
};
use doorward_core::{
    Time,
    ports::{Authorization, Code, Once, Pushed, Refresh, TokenKey},
};
use rusqlite::{Connection, OptionalExtension, params};
use std::time::Duration;

/// Stores a code and what it is good for; whether the pushed request was still there.
pub(super) fn add(connection: &Connection, it: &Authorization, code: &Code, pushed: Option<&TokenKey>) -> Outcome<bool> {
    if let Some(key) = pushed
        && !take_pushed(connection, key, it.created)?
    {
        return Ok(false);
    }
    authorizations::add(connection, it)?;
    let sql = "INSERT INTO oauth_code (key, authorization, redirect_uri, named, challenge, nonce, dpop_jkt, lasts) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    connection.prepare_cached(sql)?.execute(params![
        code.key.0,
        it.id,
        code.redirect_uri,
        code.named,
        code.challenge,
        code.nonce,
        code.dpop_jkt,
        milliseconds(code.lasts),
    ])?;
    Ok(true)
}

/// A code, used or not.
pub(super) fn find(connection: &Connection, key: &TokenKey) -> Outcome<Option<(Code, Authorization)>> {
    let sql = format!(
        "SELECT {AUTHORIZATION}, c.redirect_uri, c.named, c.challenge, c.nonce, c.dpop_jkt, c.lasts \
         FROM oauth_code c JOIN oauth_authorization z ON z.id = c.authorization WHERE c.key = ?1"
    );
    let read = |row: &rusqlite::Row<'_>| {
        let code = Code {
            key: *key,
            redirect_uri: row.get(COLUMNS)?,
            named: row.get(COLUMNS + 1)?,
            challenge: row.get(COLUMNS + 2)?,
            nonce: row.get(COLUMNS + 3)?,
            dpop_jkt: row.get(COLUMNS + 4)?,
            lasts: Duration::from_millis(unsigned(row, COLUMNS + 5)?),
        };
        Ok((code, authorizations::read(row, 0)?))
    };
    Ok(connection.prepare_cached(&sql)?.query_row([key.0], read).optional()?)
}

/// Redeems a code.
pub(super) fn redeem(
    connection: &Connection,
    key: &TokenKey,
    binding: Option<&str>,
    refresh: Option<&TokenKey>,
    now: Time,
) -> Outcome<Once<Authorization>> {
    let Some((code, found)) = find(connection, key)? else { return Ok(Once::Never) };
    let take = "UPDATE oauth_code SET used = ?2 WHERE key = ?1 AND used IS NULL";
    if connection.prepare_cached(take)?.execute(params![key.0, integer(now.0)])? == 0 {
        authorizations::end(connection, &found.id)?;
        return Ok(Once::Again);
    }
    let Some(mut standing) = authorizations::standing_or_end(connection, &found.id, now)? else { return Ok(Once::Never) };
    authorizations::begin(connection, &mut standing, binding, now + code.lasts)?;
    if let Some(refresh) = refresh {
        add_refresh(connection, refresh, &standing.id)?;
    }
    Ok(Once::First(standing))
}

/// A refresh token of an authorization.
pub(super) fn add_refresh(connection: &Connection, key: &TokenKey, authorization: &str) -> Outcome<()> {
    let sql = "INSERT INTO oauth_refresh (key, authorization) VALUES (?1, ?2)";
    connection.prepare_cached(sql)?.execute(params![key.0, authorization])?;
    Ok(())
}

/// A refresh token, used or not.
pub(super) fn refresh(connection: &Connection, key: &TokenKey) -> Outcome<Option<Refresh>> {
    let sql = format!(
        "SELECT {AUTHORIZATION}, r.used IS NOT NULL FROM oauth_refresh r JOIN oauth_authorization z ON z.id = r.authorization \
         WHERE r.key = ?1"
    );
    let read = |row: &rusqlite::Row<'_>| Ok(Refresh { authorization: authorizations::read(row, 0)?, used: row.get(COLUMNS)? });
    Ok(connection.prepare_cached(&sql)?.query_row([key.0], read).optional()?)
}

/// Puts another refresh token in the place of this one.
pub(super) fn rotate(connection: &Connection, key: &TokenKey, next: &TokenKey, now: Time) -> Outcome<Once<Authorization>> {
    let Some(found) = refresh(connection, key)? else { return Ok(Once::Never) };
    let id = &found.authorization.id;
    let take = "UPDATE oauth_refresh SET used = ?2 WHERE key = ?1 AND used IS NULL";
    if connection.prepare_cached(take)?.execute(params![key.0, integer(now.0)])? == 0 {
        authorizations::end(connection, id)?;
        return Ok(Once::Again);
    }
    let Some(standing) = authorizations::standing_or_end(connection, id, now)? else { return Ok(Once::Never) };
    add_refresh(connection, next, id)?;
    Ok(Once::First(standing))
}

/// Stores a pushed request.
pub(super) fn push(connection: &Connection, pushed: &Pushed) -> Outcome<()> {
    let sql = "INSERT INTO oauth_pushed (key, client, parameters, expires) VALUES (?1, ?2, ?3, ?4)";
    let values = params![pushed.key.0, pushed.client, pushed.parameters, integer(pushed.expires.0)];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok(())
}

/// A pushed request that is not over.
pub(super) fn pushed(connection: &Connection, key: &TokenKey, now: Time) -> Outcome<Option<Pushed>> {
    let sql = "SELECT client, parameters, expires FROM oauth_pushed WHERE key = ?1 AND expires > ?2";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(Pushed { key: *key, client: row.get(0)?, parameters: row.get(1)?, expires: Time(unsigned(row, 2)?) })
    };
    Ok(connection.prepare_cached(sql)?.query_row(params![key.0, integer(now.0)], read).optional()?)
}

/// Uses a pushed request up; whether it was still there.
pub(super) fn take_pushed(connection: &Connection, key: &TokenKey, now: Time) -> Outcome<bool> {
    let sql = "DELETE FROM oauth_pushed WHERE key = ?1 AND expires > ?2";
    Ok(connection.prepare_cached(sql)?.execute(params![key.0, integer(now.0)])? > 0)
}

pub(super) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
