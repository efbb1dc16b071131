//! Sessions.

use super::{
    accounts, changes, exchanges,
    failure::{Failure, Outcome},
    grants,
    values::{self, ACCOUNT, SESSION, integer, kind, unsigned},
};
use doorward_core::{
    Kind, Time,
    ports::{AccountRecord, Deed, SessionFilter, StoreError},
    session::{Replaced, Session, SessionKey},
};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

/// Begins a session and ends the one that it replaces, if its account still is what the session says.
pub(super) fn create(connection: &Connection, session: &Session, replaces: Option<Replaced>) -> Outcome<()> {
    let account: Option<(Kind, bool, u64)> = connection
        .prepare_cached("SELECT kind, enabled AND confirmed, version FROM account WHERE directory = ?1 AND id = ?2")?
        .query_row(params![session.directory, integer(session.account)], |row| {
            Ok((kind(row, 0)?, row.get(1)?, unsigned(row, 2)?))
        })
        .optional()?;
    let Some((kind, true, version)) = account else {
        return Err(gone(session));
    };
    if version != session.account_version {
        return Err(gone(session));
    }
    let carried = match replaces {
        Some(replaced) => replace(connection, session, kind, replaced)?,
        None => Vec::new(),
    };
    let inserted = connection
        .prepare_cached(
            "INSERT INTO session (key, kind, account, account_version, directory, created, last_seen, authenticated, factors, site, device) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            session.key.0,
            kind.as_str(),
            integer(session.account),
            integer(session.account_version),
            session.directory,
            integer(session.created.0),
            integer(session.last_seen.0),
            integer(session.authenticated.0),
            session.factors.join(" "),
            session.site,
            session.device,
        ]);
    match inserted {
        Ok(_) => carry(connection, session, &carried),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StoreError::Exists("a session of this key".into()).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Ends the session that is replaced. Which ids are carried over to the new one, and until when: its own, where it was of the
/// same account, and those that were carried over to it.
fn replace(connection: &Connection, session: &Session, kind: Kind, replaced: Replaced) -> Outcome<Vec<(SessionKey, i64)>> {
    let Replaced { key, carried_until } = replaced;
    let mut carried: Vec<(SessionKey, i64)> = Vec::new();
    let of_the_account = connection
        .prepare_cached(
            "SELECT 1 FROM session WHERE key = ?1 AND kind = ?2 AND account = ?3 AND directory = ?4 AND account_version = ?5",
        )?
        .exists(params![key.0, kind.as_str(), integer(session.account), session.directory, integer(session.account_version)])?;
    if of_the_account && let Some(until) = carried_until {
        let sql = "SELECT key, until FROM session_grace WHERE successor = ?1";
        let mut before = connection.prepare_cached(sql)?;
        let before = before.query_map([key.0], |row| Ok((SessionKey(row.get(0)?), row.get(1)?)))?;
        carried = before.collect::<Result<_, _>>()?;
        carried.push((key, integer(until.0)));
    }
    if of_the_account {
        grants::move_to_session(connection, &key, &session.key)?;
    }
    end(connection, &key)?;
    Ok(carried)
}

/// Requests with these ids are carried over to the session.
pub(super) fn carry(connection: &Connection, session: &Session, carried: &[(SessionKey, i64)]) -> Outcome<()> {
    if carried.is_empty() {
        return Ok(());
    }
    connection.prepare_cached("DELETE FROM session_grace WHERE until <= ?1")?.execute([integer(session.created.0)])?;
    let mut insert =
        connection.prepare_cached("INSERT OR REPLACE INTO session_grace (key, successor, until) VALUES (?1, ?2, ?3)")?;
    for (key, until) in carried {
        insert.execute(params![key.0, session.key.0, until])?;
    }
    Ok(())
}

/// The session that took the place of this one, while that is carried over.
pub(super) fn successor(connection: &Connection, key: &SessionKey, now: Time) -> Outcome<Option<SessionKey>> {
    Ok(connection
        .prepare_cached("SELECT successor FROM session_grace WHERE key = ?1 AND until > ?2")?
        .query_row(params![key.0, integer(now.0)], |row| row.get(0).map(SessionKey))
        .optional()?)
}

/// A session and its account.
pub(super) fn find(connection: &Connection, key: &SessionKey) -> Outcome<Option<(Session, AccountRecord)>> {
    let sql = format!(
        "SELECT {ACCOUNT}, {SESSION} FROM session s JOIN account a ON a.kind = s.kind AND a.id = s.account WHERE s.key = ?1"
    );
    Ok(connection.prepare_cached(&sql)?.query_row([key.0], values::account_and_session).optional()?)
}

/// Ends a session; whether there was one.
pub(super) fn end(connection: &Connection, key: &SessionKey) -> Outcome<bool> {
    grants::end_those_of_session(connection, key)?;
    let ended = connection.prepare_cached("DELETE FROM session WHERE key = ?1")?.execute([key.0])? > 0;
    if ended {
        changes::log_session(connection, key)?;
    }
    Ok(ended)
}

/// Ends a session on somebody else's behalf, which is a change of its account, too; whether there was one.
pub(super) fn end_from_outside(connection: &Connection, key: &SessionKey) -> Outcome<bool> {
    let owner: Option<(Kind, u64)> = connection
        .prepare_cached("SELECT kind, account FROM session WHERE key = ?1")?
        .query_row([key.0], |row| Ok((values::kind(row, 0)?, unsigned(row, 1)?)))
        .optional()?;
    let ended = end(connection, key)?;
    if let Some((kind, id)) = owner {
        changes::log_account(connection, kind, id, Deed::Sessions)?;
    }
    Ok(ended)
}

/// Ends all sessions of an account that exists, and what could be exchanged for one; how many there were. `outside` says that it is not the account's own
/// doing.
pub(super) fn end_all_of_present(connection: &Connection, kind: Kind, id: u64, outside: bool, now: Time) -> Outcome<u64> {
    match accounts::by_id(connection, kind, id)? {
        Some(_) => {
            exchanges::spend_all_of(connection, kind, id, now)?;
            let ended = end_all_of(connection, kind, id)?;
            if outside && ended > 0 {
                changes::log_account(connection, kind, id, Deed::Sessions)?;
            }
            Ok(ended)
        }
        None => Err(StoreError::Missing(accounts::name(kind, id)).into()),
    }
}

/// Ends all sessions of an account; how many there were.
pub(super) fn end_all_of(connection: &Connection, kind: Kind, id: u64) -> Outcome<u64> {
    changes::log_sessions_of(connection, kind, id)?;
    grants::end_those_of_sessions(connection, kind, id)?;
    let ended = connection
        .prepare_cached("DELETE FROM session WHERE kind = ?1 AND account = ?2")?
        .execute(params![kind.as_str(), integer(id)])?;
    Ok(ended as u64)
}

/// Remembers when sessions were last used.
pub(super) fn touch(connection: &Connection, seen: &[(SessionKey, Time)]) -> Outcome<()> {
    let mut update = connection.prepare_cached("UPDATE session SET last_seen = ?2 WHERE key = ?1 AND last_seen < ?2")?;
    for (key, time) in seen {
        update.execute(params![key.0, integer(time.0)])?;
    }
    Ok(())
}

/// Sessions, newest first.
pub(super) fn list(connection: &Connection, filter: &SessionFilter) -> Outcome<Vec<Session>> {
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let order = "ORDER BY s.created DESC, s.key LIMIT";
    let sessions = match &filter.account {
        // The kind follows from the directory; naming both lets the index on accounts answer.
        Some((directory, id)) => connection
            .prepare_cached(&format!(
                "SELECT {SESSION} FROM account a JOIN session s ON s.kind = a.kind AND s.account = a.id \
                 WHERE a.directory = ?1 AND a.id = ?2 {order} ?3"
            ))?
            .query_map(params![directory, integer(*id), limit], values::session)?
            .collect::<Result<_, _>>()?,
        None => connection
            .prepare_cached(&format!("SELECT {SESSION} FROM session s {order} ?1"))?
            .query_map([limit], values::session)?
            .collect::<Result<_, _>>()?,
    };
    Ok(sessions)
}

/// How many there are.
pub(super) fn count(connection: &Connection) -> Outcome<u64> {
    Ok(connection.prepare_cached("SELECT count(*) FROM session")?.query_row([], |row| unsigned(row, 0))?)
}

/// Which sessions of a directory are too old.
#[derive(Clone)]
pub(super) struct Stale {
    /// The directory.
    pub(super) directory: String,
    /// Last used before this.
    pub(super) idle_before: Time,
    /// Begun before this.
    pub(super) created_before: Time,
}

/// The next keys after `after` of sessions that are too old.
pub(super) fn stale(connection: &Connection, stale: &Stale, after: Option<SessionKey>, most: usize) -> Outcome<Vec<SessionKey>> {
    let sql =
        "SELECT key FROM session WHERE key > ?1 AND directory = ?2 AND (last_seen < ?3 OR created < ?4) ORDER BY key LIMIT ?5";
    let after = after.map_or_else(Vec::new, |key| key.0.to_vec());
    let (idle, created) = (integer(stale.idle_before.0), integer(stale.created_before.0));
    Ok(connection
        .prepare_cached(sql)?
        .query_map(params![after, stale.directory, idle, created, integer(most as u64)], |row| row.get(0).map(SessionKey))?
        .collect::<Result<_, _>>()?)
}

/// Ends those of `keys` that still are too old; how many.
pub(super) fn end_stale(connection: &Connection, stale: &Stale, keys: &[SessionKey]) -> Outcome<u64> {
    let sql = "DELETE FROM session WHERE key = ?1 AND directory = ?2 AND (last_seen < ?3 OR created < ?4)";
    let mut delete = connection.prepare_cached(sql)?;
    let mut ended = 0;
    for key in keys {
        let (idle, created) = (integer(stale.idle_before.0), integer(stale.created_before.0));
        if delete.execute(params![key.0, stale.directory, idle, created])? > 0 {
            changes::log_session(connection, key)?;
            grants::end_those_of_session(connection, key)?;
            ended += 1;
        }
    }
    Ok(ended)
}

/// The next keys after `after` of sessions whose `directory/kind` is not in the JSON array `known`.
pub(super) fn foreign(connection: &Connection, known: &str, after: Option<SessionKey>, most: usize) -> Outcome<Vec<SessionKey>> {
    let sql = "SELECT key FROM session WHERE key > ?1 AND directory || '/' || kind NOT IN (SELECT value FROM json_each(?2)) \
               ORDER BY key LIMIT ?3";
    let after = after.map_or_else(Vec::new, |key| key.0.to_vec());
    Ok(connection
        .prepare_cached(sql)?
        .query_map(params![after, known, integer(most as u64)], |row| row.get(0).map(SessionKey))?
        .collect::<Result<_, _>>()?)
}

fn gone(session: &Session) -> Failure {
    StoreError::Missing(format!("the account {}/{} of this sign-in", session.directory, session.account)).into()
}
