//! What people allowed, and for how long it stands.

use super::super::{
    changes,
    failure::Outcome,
    values::{integer, kind, malformed, unsigned},
};
use doorward_core::{
    Kind, Time,
    ports::{Authorization, Deed, Grant, StoreError},
    session::SessionKey,
};
use rusqlite::{Connection, Error, OptionalExtension, Row, params, types::Type};
use std::sync::Arc;

/// Rows that are forgotten in one go, so that nobody waits long behind it.
const PORTION: i64 = 500;

/// What [`read`] reads, of a table that the query calls `z`.
pub(super) const AUTHORIZATION: &str = "z.id, z.client, z.kind, z.account, z.account_version, z.session, z.sid, z.scopes, z.resources, \
     z.authenticated, z.factors, z.binding, z.created, z.expires, z.grant_type";
/// How many columns that are.
pub(super) const COLUMNS: usize = 15;

/// Whether an authorization `z` stands at the moment `?2`: the one question behind everything that is given out.
const STANDS: &str = "z.expires > ?2 \
     AND EXISTS (SELECT 1 FROM account a WHERE a.kind = z.kind AND a.id = z.account AND a.enabled AND a.confirmed AND a.version = z.account_version) \
     AND (z.session IS NULL OR EXISTS (SELECT 1 FROM session s WHERE s.key = z.session))";

/// Those that are over. Used codes and refresh tokens go with them.
pub(super) const PURGE: &str =
    "DELETE FROM oauth_authorization WHERE id IN (SELECT id FROM oauth_authorization WHERE expires <= ?1 LIMIT ?2)";

/// An authorization from the columns [`AUTHORIZATION`], beginning at `first`.
pub(super) fn read(row: &Row<'_>, first: usize) -> rusqlite::Result<Authorization> {
    let moment = |column: usize| unsigned(row, first + column).map(Time);
    Ok(Authorization {
        id: row.get(first)?,
        client: row.get(first + 1)?,
        kind: kind(row, first + 2)?,
        account: unsigned(row, first + 3)?,
        account_version: unsigned(row, first + 4)?,
        session: row.get::<_, Option<_>>(first + 5)?.map(SessionKey),
        sid: row.get(first + 6)?,
        scopes: texts(row, first + 7)?,
        resources: texts(row, first + 8)?,
        authenticated: moment(9)?,
        factors: texts(row, first + 10)?,
        binding: row.get(first + 11)?,
        created: moment(12)?,
        expires: moment(13)?,
        grant: way(row, first + 14)?,
    })
}

/// A word that nobody here knows is an error: what it allows cannot be known.
fn way(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Grant>> {
    let word: Option<String> = row.get(column)?;
    let parse = |word: String| Grant::parse(&word).ok_or_else(|| Error::InvalidColumnType(column, word, Type::Text));
    word.map(parse).transpose()
}

/// A list of texts in a column.
pub(super) fn texts(row: &Row<'_>, column: usize) -> rusqlite::Result<Vec<Arc<str>>> {
    let text = row.get_ref(column)?.as_str()?;
    serde_json::from_str(text).map_err(|error| malformed(column, error))
}

/// The same for a column.
pub(super) fn list(texts: &[Arc<str>]) -> String {
    serde_json::Value::from_iter(texts.iter().map(|text| &**text)).to_string()
}

/// Stores one, if it stands.
pub(super) fn add(connection: &Connection, it: &Authorization) -> Outcome<()> {
    let sql = "INSERT INTO oauth_authorization (id, client, kind, account, account_version, session, sid, scopes, resources, \
               authenticated, factors, binding, created, expires, grant_type) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";
    if !owner_stands(connection, it)? {
        let gone = format!("what the account {}/{} proved", it.kind.as_str(), it.account);
        return Err(StoreError::Missing(gone).into());
    }
    connection.prepare_cached(sql)?.execute(params![
        it.id,
        it.client,
        it.kind.as_str(),
        integer(it.account),
        integer(it.account_version),
        it.session.map(|key| key.0),
        it.sid,
        list(&it.scopes),
        list(&it.resources),
        integer(it.authenticated.0),
        list(&it.factors),
        it.binding,
        integer(it.created.0),
        integer(it.expires.0),
        it.grant.map(Grant::as_str),
    ])?;
    Ok(())
}

/// The authorization, if it stands.
pub(super) fn standing(connection: &Connection, id: &str, now: Time) -> Outcome<Option<Authorization>> {
    let sql = format!("SELECT {AUTHORIZATION} FROM oauth_authorization z WHERE z.id = ?1 AND {STANDS}");
    Ok(connection.prepare_cached(&sql)?.query_row(params![id, integer(now.0)], |row| read(row, 0)).optional()?)
}

/// The authorization, if it stands; else it ends.
pub(super) fn standing_or_end(connection: &Connection, id: &str, now: Time) -> Outcome<Option<Authorization>> {
    let found = standing(connection, id, now)?;
    if found.is_none() {
        end(connection, id)?;
    }
    Ok(found)
}

/// The authorization lasts until `expires`, and its tokens are bound to `binding`.
pub(super) fn begin(connection: &Connection, it: &mut Authorization, binding: Option<&str>, expires: Time) -> Outcome<()> {
    it.expires = expires;
    it.binding = binding.map(Arc::from);
    let sql = "UPDATE oauth_authorization SET expires = ?2, binding = ?3 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![it.id, integer(expires.0), binding])?;
    Ok(())
}

/// Ends one; whether there was one. Whoever remembers tokens of the account must hear of it.
pub(super) fn end(connection: &Connection, id: &str) -> Outcome<bool> {
    let sql = "DELETE FROM oauth_authorization WHERE id = ?1 RETURNING kind, account";
    let owner: Option<(Kind, u64)> =
        connection.prepare_cached(sql)?.query_row([id], |row| Ok((kind(row, 0)?, unsigned(row, 1)?))).optional()?;
    match owner {
        Some((kind, id)) => changes::log_account(connection, kind, id, Deed::Tokens).map(|()| true),
        None => Ok(false),
    }
}

/// Ends those of an account that were given up to `until`. The caller tells that the account changed.
pub(in super::super) fn end_all_of(connection: &Connection, kind: Kind, id: u64, until: Time) -> Outcome<()> {
    let sql = "DELETE FROM oauth_authorization WHERE kind = ?1 AND account = ?2 AND created <= ?3";
    connection.prepare_cached(sql)?.execute(params![kind.as_str(), integer(id), integer(until.0)])?;
    Ok(())
}

/// A client is gone, and with it what it was allowed and what it asked for: another one may have its id one day. Whoever
/// remembers its tokens hears that the client is gone.
pub(in super::super) fn end_those_of_client(connection: &Connection, client: &str) -> Outcome<()> {
    for sql in [
        "DELETE FROM oauth_authorization WHERE client = ?1",
        "DELETE FROM oauth_consent WHERE client = ?1",
        "DELETE FROM oauth_pushed WHERE client = ?1",
        "DELETE FROM oauth_device WHERE client = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([client])?;
    }
    Ok(())
}

/// A session ends, and with it what is bound to it.
pub(in super::super) fn end_those_of_session(connection: &Connection, key: &SessionKey) -> Outcome<()> {
    let sql = "SELECT id FROM oauth_authorization WHERE session = ?1";
    let ids: Vec<String> = connection.prepare_cached(sql)?.query_map([key.0], |row| row.get(0))?.collect::<Result<_, _>>()?;
    ids.iter().try_for_each(|id| end(connection, id).map(drop))
}

/// All sessions of an account end, and with them what is bound to any.
pub(in super::super) fn end_those_of_sessions(connection: &Connection, kind: Kind, id: u64) -> Outcome<()> {
    let sql = "DELETE FROM oauth_authorization WHERE kind = ?1 AND account = ?2 AND session IS NOT NULL";
    match connection.prepare_cached(sql)?.execute(params![kind.as_str(), integer(id)])? {
        0 => Ok(()),
        _ => changes::log_account(connection, kind, id, Deed::Tokens),
    }
}

/// A session of the same account takes the place of another one: what was bound to that goes on.
pub(in super::super) fn move_to_session(connection: &Connection, from: &SessionKey, to: &SessionKey) -> Outcome<()> {
    let sql = "UPDATE oauth_authorization SET session = ?2 WHERE session = ?1";
    connection.prepare_cached(sql)?.execute([from.0, to.0])?;
    Ok(())
}

/// Forgets some that are over; whether there may be more, and how many it were. Nobody needs to hear of it: whoever remembers
/// tokens knows when they end.
pub(super) fn purge(connection: &Connection, sql: &str, now: Time) -> Outcome<(bool, u64)> {
    let gone = connection.prepare_cached(sql)?.execute((integer(now.0), PORTION))?;
    Ok((gone as i64 == PORTION, gone as u64))
}

/// Whether the account and the session are what the authorization says.
fn owner_stands(connection: &Connection, it: &Authorization) -> Outcome<bool> {
    let sql = "SELECT 1 FROM account WHERE kind = ?1 AND id = ?2 AND enabled AND confirmed AND version = ?3";
    let (kind, account) = (it.kind.as_str(), integer(it.account));
    let owner = connection.prepare_cached(sql)?.exists(params![kind, account, integer(it.account_version)])?;
    let Some(session) = &it.session else { return Ok(owner) };
    let sql = "SELECT 1 FROM session WHERE key = ?1 AND kind = ?2 AND account = ?3";
    Ok(owner && connection.prepare_cached(sql)?.exists(params![session.0, kind, account])?)
}
