//! Devices that wait for a person.

use super::{
    super::{
        failure::Outcome,
        values::{integer, optional_time, unsigned},
    },
    authorizations::{self, list, texts},
    codes::{add_refresh, milliseconds},
};
use doorward_core::{
    Time,
    ports::{Authorization, Device, Polled, StoreError, TokenKey},
};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, params};
use std::{sync::Arc, time::Duration};

/// By how much the interval grows when a device asks too soon (RFC 8628 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// Stores what a device asks for.
pub(super) fn add(connection: &Connection, device: &Device, now: Time) -> Outcome<()> {
    // A user code may be given out again once nobody can type it any more.
    connection
        .prepare_cached("DELETE FROM oauth_device WHERE user_code = ?1 AND expires <= ?2")?
        .execute(params![device.user_code.0, integer(now.0)])?;
    let sql = "INSERT INTO oauth_device (key, user_code, client, scopes, resources, binding, interval, expires) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let inserted = connection.prepare_cached(sql)?.execute(params![
        device.key.0,
        device.user_code.0,
        device.client,
        list(&device.scopes),
        list(&device.resources),
        device.binding,
        milliseconds(device.interval),
        integer(device.expires.0),
    ]);
    match inserted {
        Ok(_) => Ok(()),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            Err(StoreError::Exists("a device with this code".into()).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// The device that waits with this user code.
pub(super) fn find(connection: &Connection, user_code: &TokenKey, now: Time) -> Outcome<Option<Device>> {
    let sql = "SELECT key, user_code, client, scopes, resources, binding, interval, expires FROM oauth_device \
               WHERE user_code = ?1 AND decided = 0 AND expires > ?2";
    Ok(connection.prepare_cached(sql)?.query_row(params![user_code.0, integer(now.0)], read).optional()?)
}

/// Decides about a device, once.
pub(super) fn decide(connection: &Connection, user_code: &TokenKey, it: Option<&Authorization>, now: Time) -> Outcome<bool> {
    let Some(device) = find(connection, user_code, now)? else { return Ok(false) };
    let sql = "UPDATE oauth_device SET decided = 1, authorization = ?2 WHERE key = ?1 AND decided = 0";
    if let Some(it) = it {
        authorizations::add(connection, it)?;
    }
    Ok(connection.prepare_cached(sql)?.execute(params![device.key.0, it.map(|it| &it.id)])? > 0)
}

/// What became of a device.
pub(super) fn poll(
    connection: &Connection,
    key: &TokenKey,
    client: &str,
    binding: Option<&str>,
    refresh: Option<&TokenKey>,
    now: Time,
) -> Outcome<Polled> {
    let sql =
        "SELECT interval, polled, decided, authorization, expires, binding FROM oauth_device WHERE key = ?1 AND client = ?2";
    let waiting = connection.prepare_cached(sql)?.query_row(params![key.0, client], Waiting::read).optional()?;
    let Some(waiting) = waiting else { return Ok(Polled::Never) };
    if waiting.expires <= now {
        return Ok(Polled::Expired);
    }
    if !waiting.decided {
        return waiting.pending(connection, key, now);
    }
    connection.prepare_cached("DELETE FROM oauth_device WHERE key = ?1")?.execute([key.0])?;
    let Some(id) = waiting.authorization else { return Ok(Polled::Denied) };
    let Some(mut standing) = authorizations::standing_or_end(connection, &id, now)? else { return Ok(Polled::Never) };
    let expires = standing.expires;
    authorizations::begin(connection, &mut standing, waiting.binding.as_deref().or(binding), expires)?;
    if let Some(refresh) = refresh {
        add_refresh(connection, refresh, &id)?;
    }
    Ok(Polled::Allowed(Box::new(standing)))
}

/// What is known of a device that asks.
struct Waiting {
    interval: Duration,
    polled: Option<Time>,
    decided: bool,
    authorization: Option<Arc<str>>,
    expires: Time,
    binding: Option<Arc<str>>,
}

impl Waiting {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            interval: Duration::from_millis(unsigned(row, 0)?),
            polled: optional_time(row, 1)?,
            decided: row.get(2)?,
            authorization: row.get(3)?,
            expires: Time(unsigned(row, 4)?),
            binding: row.get(5)?,
        })
    }

    /// Nobody decided yet. Whoever asks too soon has to wait longer from now on.
    fn pending(&self, connection: &Connection, key: &TokenKey, now: Time) -> Outcome<Polled> {
        let soon = self.polled.is_some_and(|polled| now < polled + self.interval);
        let interval = if soon { self.interval + SLOWER } else { self.interval };
        let sql = "UPDATE oauth_device SET polled = ?2, interval = ?3 WHERE key = ?1";
        connection.prepare_cached(sql)?.execute(params![key.0, integer(now.0), milliseconds(interval)])?;
        Ok(if soon { Polled::SlowDown } else { Polled::Pending })
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Device> {
    Ok(Device {
        key: TokenKey(row.get(0)?),
        user_code: TokenKey(row.get(1)?),
        client: row.get(2)?,
        scopes: texts(row, 3)?,
        resources: texts(row, 4)?,
        binding: row.get(5)?,
        interval: Duration::from_millis(unsigned(row, 6)?),
        expires: Time(unsigned(row, 7)?),
    })
}
