//! What people remember to have allowed.

use super::{
    super::{
        accounts, changes,
        failure::Outcome,
        values::{integer, kind, unsigned},
    },
    authorizations::{list as texts_column, texts},
};
use doorward_core::{
    Kind, Time,
    ports::{Consent, Deed, StoreError},
};
use rusqlite::{Connection, OptionalExtension, Row, params};

const CONSENT: &str = "kind, account, client, scopes, resources, granted";

/// Remembers one in place of an earlier one.
pub(super) fn put(connection: &Connection, consent: &Consent) -> Outcome<()> {
    if accounts::by_id(connection, consent.kind, consent.account)?.is_none() {
        return Err(StoreError::Missing(accounts::name(consent.kind, consent.account)).into());
    }
    let sql = "INSERT OR REPLACE INTO oauth_consent (kind, account, client, scopes, resources, granted) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        consent.kind.as_str(),
        integer(consent.account),
        consent.client,
        texts_column(&consent.scopes),
        texts_column(&consent.resources),
        integer(consent.granted.0),
    ])?;
    Ok(())
}

/// What an account allows a client.
pub(super) fn find(connection: &Connection, kind: Kind, account: u64, client: &str) -> Outcome<Option<Consent>> {
    let sql = format!("SELECT {CONSENT} FROM oauth_consent WHERE kind = ?1 AND account = ?2 AND client = ?3");
    Ok(connection.prepare_cached(&sql)?.query_row(params![kind.as_str(), integer(account), client], read).optional()?)
}

/// What an account allows, newest first.
pub(super) fn list(connection: &Connection, kind: Kind, account: u64) -> Outcome<Vec<Consent>> {
    let sql = format!("SELECT {CONSENT} FROM oauth_consent WHERE kind = ?1 AND account = ?2 ORDER BY granted DESC, client");
    Ok(connection.prepare_cached(&sql)?.query_map(params![kind.as_str(), integer(account)], read)?.collect::<Result<_, _>>()?)
}

/// Ends one, with all that came of it.
pub(super) fn end(connection: &Connection, kind: Kind, account: u64, client: &str) -> Outcome<bool> {
    let whose = params![kind.as_str(), integer(account), client];
    let forget = "DELETE FROM oauth_consent WHERE kind = ?1 AND account = ?2 AND client = ?3";
    let revoke = "DELETE FROM oauth_authorization WHERE kind = ?1 AND account = ?2 AND client = ?3";
    let forgotten = connection.prepare_cached(forget)?.execute(whose)?;
    let revoked = connection.prepare_cached(revoke)?.execute(whose)?;
    if revoked > 0 {
        changes::log_account(connection, kind, account, Deed::Tokens)?;
    }
    Ok(forgotten + revoked > 0)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Consent> {
    Ok(Consent {
        kind: kind(row, 0)?,
        account: unsigned(row, 1)?,
        client: row.get(2)?,
        scopes: texts(row, 3)?,
        resources: texts(row, 4)?,
        granted: Time(unsigned(row, 5)?),
    })
}
