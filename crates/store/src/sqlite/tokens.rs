//! Opaque bearer tokens.

use super::{
    accounts,
    failure::Outcome,
    values::{self, ACCOUNT, ACCOUNT_COLUMNS, integer, optional_time, unsigned},
};
use doorward_core::{
    Kind, Time,
    ports::{AccountRecord, StoreError, TokenKey, TokenRecord},
};
use rusqlite::{Connection, ErrorCode, OptionalExtension, params};

/// Tokens that are forgotten in one go, so that nobody waits long behind it.
const PORTION: i64 = 500;

/// Remembers a token, if its account still is what it was when it was proved.
pub(super) fn add(connection: &Connection, token: &TokenRecord, version: u64) -> Outcome<()> {
    let account = accounts::by_id(connection, token.kind, token.account)?;
    if !account.is_some_and(|record| record.enabled && record.version == version) {
        return Err(StoreError::Missing(accounts::name(token.kind, token.account)).into());
    }
    let inserted = connection
        .prepare_cached("INSERT INTO token (key, kind, account, created, expires) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![
            token.key.0,
            token.kind.as_str(),
            integer(token.account),
            integer(token.created.0),
            token.expires.map(|time| integer(time.0)),
        ]);
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StoreError::Exists("a token of this key".into()).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// A token and its account.
pub(super) fn find(connection: &Connection, key: &TokenKey) -> Outcome<Option<(TokenRecord, AccountRecord)>> {
    let sql = format!(
        "SELECT {ACCOUNT}, t.key, t.created, t.expires FROM token t JOIN account a ON a.kind = t.kind AND a.id = t.account \
         WHERE t.key = ?1"
    );
    let read = |row: &rusqlite::Row<'_>| {
        let record = values::account(row)?;
        let token = TokenRecord {
            key: TokenKey(row.get(ACCOUNT_COLUMNS)?),
            kind: record.account.kind,
            account: record.account.id,
            created: Time(unsigned(row, ACCOUNT_COLUMNS + 1)?),
            expires: optional_time(row, ACCOUNT_COLUMNS + 2)?,
        };
        Ok((token, record))
    };
    Ok(connection.prepare_cached(&sql)?.query_row([key.0], read).optional()?)
}

/// How many an account has.
pub(super) fn count_of(connection: &Connection, kind: Kind, id: u64) -> Outcome<u64> {
    let sql = "SELECT count(*) FROM token WHERE kind = ?1 AND account = ?2";
    Ok(connection.prepare_cached(sql)?.query_row((kind.as_str(), integer(id)), |row| unsigned(row, 0))?)
}

/// Forgets some that expired; whether there may be more, and how many it were. Nobody needs to hear of it: whoever
/// remembers a token knows when it ends.
pub(super) fn purge(connection: &Connection, now: Time) -> Outcome<(bool, u64)> {
    let sql = "DELETE FROM token WHERE key IN (SELECT key FROM token WHERE expires IS NOT NULL AND expires <= ?1 LIMIT ?2)";
    let gone = connection.prepare_cached(sql)?.execute((integer(now.0), PORTION))?;
    Ok((gone as i64 == PORTION, gone as u64))
}
