//! Between our types and SQLite's.

use doorward_core::{
    Account, Kind, Membership, Time,
    ports::{AccountRecord, StoreError},
    session::{Session, SessionKey},
};
use rusqlite::{Row, types::Type};
use std::sync::Arc;

/// The highest account id: what JSON numbers carry without loss.
pub(super) const LAST_ID: u64 = (1 << 53) - 1;

/// What [`account`] reads, of a table that the query calls `a`.
pub(super) const ACCOUNT: &str = "a.kind, a.id, a.directory, a.login, a.email, a.password, a.enabled, a.version, a.not_before, a.created, \
     (SELECT json_group_array(r.role ORDER BY r.position) FROM account_role r WHERE r.kind = a.kind AND r.account = a.id), \
     a.tokens_not_before, a.confirmed, a.updated, a.website, a.store, a.customer_group";
/// How many columns that are.
pub(super) const ACCOUNT_COLUMNS: usize = 17;

/// What [`session`] reads, of a table that the query calls `s`.
pub(super) const SESSION: &str =
    "s.key, s.directory, s.account, s.account_version, s.created, s.last_seen, s.authenticated, s.factors, s.site, s.device";

/// An account from the columns [`ACCOUNT`], the first of the row.
pub(super) fn account(row: &Row<'_>) -> rusqlite::Result<AccountRecord> {
    let roles: String = row.get(10)?;
    let account = Account {
        kind: kind(row, 0)?,
        id: unsigned(row, 1)?,
        directory: row.get(2)?,
        login: row.get(3)?,
        roles: serde_json::from_str(&roles).map_err(|error| malformed(10, error))?,
        membership: membership(row)?,
    };
    Ok(AccountRecord {
        account: Arc::new(account),
        email: row.get(4)?,
        password: row.get(5)?,
        enabled: row.get(6)?,
        version: unsigned(row, 7)?,
        not_before: time(row, 8)?,
        created: time(row, 9)?,
        tokens_not_before: time(row, 11)?,
        confirmed: row.get(12)?,
        updated: time(row, 13)?,
    })
}

/// What an account belongs to; an account of website 0 belongs to none.
fn membership(row: &Row<'_>) -> rusqlite::Result<Option<Membership>> {
    let membership = Membership { website: row.get(14)?, store: row.get(15)?, group: row.get(16)? };
    Ok((membership.website != 0).then_some(membership))
}

/// A session from the columns [`SESSION`], the first of the row.
pub(super) fn session(row: &Row<'_>) -> rusqlite::Result<Session> {
    session_at(row, 0)
}

/// An account and a session from the columns [`ACCOUNT`], then [`SESSION`].
pub(super) fn account_and_session(row: &Row<'_>) -> rusqlite::Result<(Session, AccountRecord)> {
    Ok((session_at(row, ACCOUNT_COLUMNS)?, account(row)?))
}

fn session_at(row: &Row<'_>, first: usize) -> rusqlite::Result<Session> {
    let factors: String = row.get(first + 7)?;
    Ok(Session {
        key: SessionKey(row.get(first)?),
        directory: row.get(first + 1)?,
        account: unsigned(row, first + 2)?,
        account_version: unsigned(row, first + 3)?,
        created: time(row, first + 4)?,
        last_seen: time(row, first + 5)?,
        authenticated: time(row, first + 6)?,
        factors: factors.split_whitespace().map(Arc::from).collect(),
        site: row.get(first + 8)?,
        device: row.get(first + 9)?,
    })
}

/// The kind in a column.
pub(super) fn kind(row: &Row<'_>, column: usize) -> rusqlite::Result<Kind> {
    match row.get_ref(column)?.as_str()? {
        "customer" => Ok(Kind::Customer),
        "admin" => Ok(Kind::Admin),
        "integration" => Ok(Kind::Integration),
        other => Err(malformed(column, StoreError::Missing(format!("the kind {other}")))),
    }
}

/// A count or id, never negative.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}

/// A moment that may be absent.
pub(super) fn optional_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Time>> {
    match row.get_ref(column)? {
        rusqlite::types::ValueRef::Null => Ok(None),
        _ => time(row, column).map(Some),
    }
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Time> {
    unsigned(row, column).map(Time)
}

/// A number for a column. What is beyond SQLite's integers stands at their end: times never get there, and an id that
/// large is nobody's.
pub(super) fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// What columns say that cannot be.
pub(super) fn malformed(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
}
