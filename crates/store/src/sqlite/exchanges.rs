//! Sessions of an old application that were exchanged, each at most once.

use super::{
    Sqlite,
    failure::Outcome,
    sessions,
    values::{integer, kind, unsigned},
};
use async_trait::async_trait;
use doorward_core::{
    Kind, Time,
    ports::{ExchangeKey, Exchanged, Exchanges, StoreError},
    session::{Session, SessionKey},
};
use rusqlite::{Connection, OptionalExtension, params};

/// Rows that one job of [`Exchanges::purge_exchanges`] forgets at most, so that nobody waits long behind it.
const PORTION: u64 = 500;

#[async_trait]
impl Exchanges for Sqlite {
    async fn exchanged(&self, key: &ExchangeKey, now: Time) -> Result<Exchanged, StoreError> {
        let key = *key;
        self.read(move |c| exchanged(c, &key, now)).await
    }

    async fn exchange(&self, key: &ExchangeKey, session: &Session, carried_until: Option<Time>) -> Result<bool, StoreError> {
        let (key, session) = (*key, session.clone());
        self.write(move |c| exchange(c, &key, &session, carried_until)).await
    }

    async fn spend_exchanges(&self, keys: &[ExchangeKey], now: Time) -> Result<(), StoreError> {
        let keys = keys.to_vec();
        self.write(move |c| keys.iter().try_for_each(|key| spend(c, &key.0, now).map(drop))).await
    }

    async fn purge_exchanges(&self, time: Time) -> Result<u64, StoreError> {
        let mut all = 0;
        loop {
            let gone = self.write(move |c| purge(c, time)).await?;
            all += gone;
            if gone < PORTION {
                return Ok(all);
            }
        }
    }
}

/// Everything that this account proved to an old application up to now is spent: somebody ended its sessions.
pub(super) fn spend_all_of(connection: &Connection, kind: Kind, id: u64, now: Time) -> Outcome<()> {
    spend(connection, &all_of(kind, id), now).map(drop)
}

fn exchanged(connection: &Connection, key: &ExchangeKey, now: Time) -> Outcome<Exchanged> {
    // A session that ended takes its carried ids along.
    if let Some(successor) = sessions::successor(connection, &SessionKey(key.0), now)? {
        return Ok(Exchanged::Carried(successor));
    }
    Ok(if is_spent(connection, &key.0)? { Exchanged::Spent } else { Exchanged::No })
}

fn exchange(connection: &Connection, key: &ExchangeKey, session: &Session, carried_until: Option<Time>) -> Outcome<bool> {
    if !spend(connection, &key.0, session.created)? {
        return Ok(false);
    }
    let owner: Option<(Kind, u64)> = connection
        .prepare_cached("SELECT kind, tokens_not_before FROM account WHERE directory = ?1 AND id = ?2")?
        .query_row(params![session.directory, integer(session.account)], |row| Ok((kind(row, 0)?, unsigned(row, 1)?)))
        .optional()?;
    let ended = match owner {
        Some((kind, 0)) => is_spent(connection, &all_of(kind, session.account))?,
        _ => true,
    };
    if ended {
        let gone = format!("what {}/{} proved elsewhere", session.directory, session.account);
        return Err(StoreError::Missing(gone).into());
    }
    sessions::create(connection, session, None)?;
    if let Some(until) = carried_until {
        sessions::carry(connection, session, &[(SessionKey(key.0), integer(until.0))])?;
    }
    Ok(true)
}

/// Whether it was not spent before.
fn spend(connection: &Connection, key: &[u8; 32], now: Time) -> Outcome<bool> {
    let sql = "INSERT OR IGNORE INTO exchanged_session (key, exchanged) VALUES (?1, ?2)";
    Ok(connection.prepare_cached(sql)?.execute(params![key, integer(now.0)])? > 0)
}

fn is_spent(connection: &Connection, key: &[u8; 32]) -> Outcome<bool> {
    Ok(connection.prepare_cached("SELECT 1 FROM exchanged_session WHERE key = ?1")?.exists([key])?)
}

fn purge(connection: &Connection, time: Time) -> Outcome<u64> {
    let sql = "DELETE FROM exchanged_session WHERE key IN \
               (SELECT key FROM exchanged_session WHERE exchanged < ?1 ORDER BY exchanged LIMIT ?2)";
    Ok(connection.prepare_cached(sql)?.execute([integer(time.0), integer(PORTION)])? as u64)
}

/// The key that stands for all old sessions of an account. No hash looks like it.
fn all_of(kind: Kind, id: u64) -> [u8; 32] {
    let mut key = [0; 32];
    let (name, number) = key.split_at_mut(24);
    for (place, byte) in name.iter_mut().zip(b"all of ".iter().chain(kind.as_str().as_bytes())) {
        *place = *byte;
    }
    number.copy_from_slice(&id.to_be_bytes());
    key
}
