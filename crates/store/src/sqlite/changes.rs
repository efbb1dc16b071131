//! The log of changes: written with each change, in its transaction; read by whoever caches.

use super::{
    failure::Outcome,
    values::{integer, kind, malformed, unsigned},
};
use doorward_core::{
    Kind,
    ports::{Change, Changed, Deed, StoreError, TokenKey},
    session::SessionKey,
};
use rusqlite::{Connection, Row, params};

/// An account changed, came, or is about to go.
pub(super) fn log_account(connection: &Connection, kind: Kind, id: u64, deed: Deed) -> Outcome<()> {
    connection
        .prepare_cached(
            "INSERT INTO change (what, kind, account, deed, directory, login) VALUES ('account', ?1, ?2, ?3, \
             (SELECT directory FROM account WHERE kind = ?1 AND id = ?2), (SELECT login FROM account WHERE kind = ?1 AND id = ?2))",
        )?
        .execute(params![kind.as_str(), integer(id), deed.as_str()])?;
    Ok(())
}

/// Failed sign-ins of an account are forgotten.
pub(super) fn log_unlocked(connection: &Connection, directory: &str, login: &str) -> Outcome<()> {
    connection
        .prepare_cached("INSERT INTO change (what, directory, login) VALUES ('unlocked', ?1, ?2)")?
        .execute(params![directory, login])?;
    Ok(())
}

/// A role changed, came or went.
pub(super) fn log_role(connection: &Connection, name: &str, deed: Deed) -> Outcome<()> {
    connection
        .prepare_cached("INSERT INTO change (what, role, deed) VALUES ('roles', ?1, ?2)")?
        .execute([name, deed.as_str()])?;
    Ok(())
}

/// A role is about to be lost by all accounts that have it.
pub(super) fn log_accounts_with(connection: &Connection, role: &str) -> Outcome<()> {
    let sql = "INSERT INTO change (what, kind, account, deed, directory, login) \
               SELECT 'account', r.kind, r.account, ?2, a.directory, a.login \
               FROM account_role r JOIN account a ON a.kind = r.kind AND a.id = r.account WHERE r.role = ?1";
    connection.prepare_cached(sql)?.execute([role, Deed::Roles.as_str()])?;
    Ok(())
}

/// A key of this purpose came or retires.
pub(super) fn log_keys(connection: &Connection, purpose: &str) -> Outcome<()> {
    connection.prepare_cached("INSERT INTO change (what, role) VALUES ('keys', ?1)")?.execute([purpose])?;
    Ok(())
}

/// A group of customers changed, came or went, or became the usual one.
pub(super) fn log_groups(connection: &Connection) -> Outcome<()> {
    connection.prepare_cached("INSERT INTO change (what) VALUES ('groups')")?.execute([])?;
    Ok(())
}

/// A client of the authorization server changed, came or went.
pub(super) fn log_client(connection: &Connection, id: &str, deed: Deed) -> Outcome<()> {
    connection.prepare_cached("INSERT INTO change (what, role, deed) VALUES ('client', ?1, ?2)")?.execute([id, deed.as_str()])?;
    Ok(())
}

/// An access token ended before its time.
pub(super) fn log_access_token(connection: &Connection, key: &TokenKey) -> Outcome<()> {
    connection.prepare_cached("INSERT INTO change (what, session) VALUES ('access_token', ?1)")?.execute([key.0])?;
    Ok(())
}

/// A session ended.
pub(super) fn log_session(connection: &Connection, key: &SessionKey) -> Outcome<()> {
    connection.prepare_cached("INSERT INTO change (what, session) VALUES ('session', ?1)")?.execute([key.0])?;
    Ok(())
}

/// All sessions of an account are about to end.
pub(super) fn log_sessions_of(connection: &Connection, kind: Kind, id: u64) -> Outcome<()> {
    connection
        .prepare_cached("INSERT INTO change (what, session) SELECT 'session', key FROM session WHERE kind = ?1 AND account = ?2")?
        .execute(params![kind.as_str(), integer(id)])?;
    Ok(())
}

/// Everything after `sequence` was done by `run`.
pub(super) fn sign(connection: &Connection, sequence: u64, run: &str) -> Outcome<()> {
    let sql = "UPDATE change SET run = ?2 WHERE sequence > ?1";
    connection.prepare_cached(sql)?.execute(params![integer(sequence), run])?;
    Ok(())
}

/// Whether nobody claimed this change before; one that is forgotten is nobody's any more.
pub(super) fn claim(connection: &Connection, sequence: u64) -> Outcome<bool> {
    let sql = "UPDATE change SET noted = 1 WHERE sequence = ?1 AND noted = 0";
    Ok(connection.prepare_cached(sql)?.execute([integer(sequence)])? > 0)
}

/// Everything after `sequence`, or that too much was forgotten to say.
pub(super) fn since(connection: &Connection, sequence: u64) -> Outcome<Vec<Change>> {
    let sql = "SELECT sequence, what, kind, account, directory, login, session, role, deed, run FROM change WHERE sequence > ?1 ORDER BY sequence";
    let changes: Vec<Change> =
        connection.prepare_cached(sql)?.query_map([integer(sequence)], change)?.collect::<Result<_, _>>()?;
    let whole = match changes.first() {
        Some(first) => first.sequence == sequence.saturating_add(1),
        None => last(connection)? == sequence,
    };
    if whole {
        Ok(changes)
    } else {
        Ok(vec![Change { sequence: last(connection)?, what: Changed::Everything, whose: None, run: None }])
    }
}

/// The newest sequence; 0 before the first change.
pub(super) fn last(connection: &Connection) -> Outcome<u64> {
    let sql = "SELECT coalesce(max(sequence), 0) FROM change";
    Ok(connection.prepare_cached(sql)?.query_row([], |row| unsigned(row, 0))?)
}

fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    let what = match row.get_ref(1)?.as_str()? {
        "account" => Changed::Account(kind(row, 2)?, unsigned(row, 3)?, deed(row)?),
        "unlocked" => Changed::Unlocked(row.get(4)?, row.get(5)?),
        "roles" => Changed::Role(row.get::<_, Option<_>>(7)?.unwrap_or_else(|| "-".into()), deed(row)?),
        "keys" => Changed::Keys(row.get::<_, Option<_>>(7)?.unwrap_or_else(|| "-".into())),
        "groups" => Changed::Groups,
        "client" => Changed::Client(row.get::<_, Option<_>>(7)?.unwrap_or_else(|| "-".into()), deed(row)?),
        "access_token" => Changed::AccessToken(TokenKey(row.get(6)?)),
        "session" => Changed::Session(SessionKey(row.get(6)?)),
        other => return Err(malformed(1, StoreError::Missing(format!("the change {other}")))),
    };
    let whose = row.get::<_, Option<_>>(4)?.zip(row.get(5)?);
    Ok(Change { sequence: unsigned(row, 0)?, what, whose, run: row.get(9)? })
}

/// What was done; a word that a later doorward wrote, and none, are some change.
fn deed(row: &Row<'_>) -> rusqlite::Result<Deed> {
    let word = row.get_ref(8)?.as_str_or_null()?;
    Ok(Deed::ALL.into_iter().find(|deed| Some(deed.as_str()) == word).unwrap_or(Deed::Changed))
}

/// Forgets old changes now and then.
pub(super) struct Pruner {
    keep: u64,
    rest: u32,
}

/// Commits between two prunings.
const REST: u32 = 64;

impl Pruner {
    /// One that keeps the newest `keep` changes, and at least one: the sequence must not begin anew.
    pub(super) fn new(keep: u64) -> Self {
        Self { keep: keep.max(1), rest: REST }
    }

    /// To be called in each transaction.
    pub(super) fn prune(&mut self, connection: &Connection) -> Outcome<()> {
        self.rest = self.rest.saturating_sub(1);
        if self.rest == 0 {
            self.rest = REST;
            let sql = "DELETE FROM change WHERE sequence <= (SELECT max(sequence) FROM change) - ?1";
            connection.prepare_cached(sql)?.execute([integer(self.keep)])?;
        }
        Ok(())
    }
}
