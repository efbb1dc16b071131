//! Links that work once.

use super::{
    accounts,
    failure::Outcome,
    values::{self, ACCOUNT, integer, kind, unsigned},
};
use doorward_core::{
    Time,
    ports::{AccountChange, AccountRecord, Link, LinkKey, LinkPurpose, StoreError},
};
use rusqlite::{Connection, OptionalExtension, params};

/// Stores a link in place of earlier ones, unless the account's address is another one than this.
pub(super) fn put(connection: &Connection, link: &Link, email: Option<&str>) -> Outcome<()> {
    let Link { purpose, key, kind, account, created, expires } = link;
    let Some(owner) = accounts::by_id(connection, *kind, *account)? else {
        return Err(StoreError::Missing(accounts::name(*kind, *account)).into());
    };
    if owner.email.as_deref() != email {
        return Err(StoreError::Missing(format!("the e-mail address of {}", accounts::name(*kind, *account))).into());
    }
    connection.prepare_cached("DELETE FROM link WHERE kind = ?1 AND account = ?2 AND purpose = ?3")?.execute(params![
        kind.as_str(),
        integer(*account),
        purpose.as_str()
    ])?;
    connection
        .prepare_cached("INSERT INTO link (purpose, key, kind, account, created, expires) VALUES (?1, ?2, ?3, ?4, ?5, ?6)")?
        .execute(params![purpose.as_str(), key.0, kind.as_str(), integer(*account), integer(created.0), integer(expires.0)])?;
    Ok(())
}

/// A link, expired or not.
pub(super) fn find(connection: &Connection, purpose: LinkPurpose, key: &LinkKey) -> Outcome<Option<Link>> {
    Ok(connection
        .prepare_cached("SELECT kind, account, created, expires FROM link WHERE purpose = ?1 AND key = ?2")?
        .query_row(params![purpose.as_str(), key.0], |row| {
            Ok(Link {
                purpose,
                key: *key,
                kind: kind(row, 0)?,
                account: unsigned(row, 1)?,
                created: Time(unsigned(row, 2)?),
                expires: Time(unsigned(row, 3)?),
            })
        })
        .optional()?)
}

/// Takes a link and changes its account.
pub(super) fn redeem(
    connection: &Connection,
    purpose: LinkPurpose,
    key: &LinkKey,
    changes: &[AccountChange],
    now: Time,
) -> Outcome<Option<AccountRecord>> {
    let Some(link) = find(connection, purpose, key)?.filter(|link| now < link.expires) else { return Ok(None) };
    let Some(mut record) = accounts::by_id(connection, link.kind, link.account)?.filter(|record| record.enabled) else {
        return Ok(None);
    };
    let taken = connection
        .prepare_cached("DELETE FROM link WHERE purpose = ?1 AND key = ?2")?
        .execute(params![purpose.as_str(), key.0])?;
    if taken == 0 {
        return Ok(None);
    }
    for change in changes {
        record = accounts::change(connection, link.kind, link.account, change, now)?;
    }
    Ok(Some(record))
}

/// Ends all links of an account.
pub(super) fn end_all_of(connection: &Connection, kind: doorward_core::Kind, id: u64) -> Outcome<()> {
    connection
        .prepare_cached("DELETE FROM link WHERE kind = ?1 AND account = ?2")?
        .execute(params![kind.as_str(), integer(id)])?;
    Ok(())
}

/// Forgets links that expired before `time`.
pub(super) fn purge(connection: &Connection, time: Time) -> Outcome<u64> {
    Ok(connection.prepare_cached("DELETE FROM link WHERE expires < ?1")?.execute([integer(time.0)])? as u64)
}

/// The one account with this e-mail address.
pub(super) fn account_by_email(
    connection: &Connection,
    directory: &str,
    website: Option<u32>,
    email: &str,
) -> Outcome<Option<AccountRecord>> {
    let sql = format!(
        "SELECT {ACCOUNT} FROM account a WHERE a.directory = ?1 AND lower(a.email) = lower(?2) AND (?3 IS NULL OR a.website IN (0, ?3)) LIMIT 2"
    );
    let mut found: Vec<AccountRecord> = connection
        .prepare_cached(&sql)?
        .query_map(params![directory, email, website], values::account)?
        .collect::<Result<_, _>>()?;
    Ok(found.pop().filter(|_| found.is_empty()))
}
