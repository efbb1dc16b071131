//! The port [`ClientStore`], fulfilled by SQLite.

use super::{
    Sqlite, changes,
    failure::Outcome,
    grants, registrations,
    values::{integer, malformed, unsigned},
};
use async_trait::async_trait;
use doorward_core::{
    Time,
    ports::{
        Client, ClientChange, ClientMethod, ClientStore, Deed, Grant, Registering, RegistrationToken, SpentUse, StoreError,
        TokenKey,
    },
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::sync::Arc;

/// Rows that one job of [`ClientStore::purge_spent`] forgets at most, so that nobody waits long behind it.
const PORTION: u64 = 500;

const CLIENT: &str = "id, name, method, secret, jwks, certificate, redirect_uris, post_logout_redirect_uris, grants, scopes, \
     resources, enabled, tokens_not_before, created, updated, certificate_bound, registered";

#[async_trait]
impl ClientStore for Sqlite {
    async fn add_client(&self, client: &Client) -> Result<(), StoreError> {
        let client = client.clone();
        self.write(move |c| add(c, &client)).await
    }

    async fn client(&self, id: &str) -> Result<Option<Client>, StoreError> {
        let id = id.to_owned();
        self.read(move |c| find(c, &id)).await
    }

    async fn clients(&self) -> Result<Vec<Client>, StoreError> {
        self.read(|c| {
            let sql = format!("SELECT {CLIENT} FROM oauth_client ORDER BY id");
            Ok(c.prepare_cached(&sql)?.query_map([], client)?.collect::<Result<_, _>>()?)
        })
        .await
    }

    async fn change_client(&self, id: &str, change: ClientChange, now: Time) -> Result<Client, StoreError> {
        let id = id.to_owned();
        self.write(move |c| alter(c, &id, change, now)).await
    }

    async fn delete_client(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |c| {
            if c.prepare_cached("DELETE FROM oauth_client WHERE id = ?1")?.execute([&id])? == 0 {
                return Err(missing(&id).into());
            }
            grants::end_those_of_client(c, &id)?;
            changes::log_client(c, &id, Deed::Deleted)
        })
        .await
    }

    async fn add_registration_token(&self, token: &RegistrationToken) -> Result<(), StoreError> {
        let token = token.clone();
        self.write(move |c| registrations::add(c, &token)).await
    }

    async fn registration_tokens(&self) -> Result<Vec<RegistrationToken>, StoreError> {
        self.read(registrations::all).await
    }

    async fn registration_token(&self, key: &TokenKey, now: Time) -> Result<Option<RegistrationToken>, StoreError> {
        let key = *key;
        self.read(move |c| registrations::find(c, &key, now)).await
    }

    async fn delete_registration_token(&self, id: &str) -> Result<(), StoreError> {
        let id = id.to_owned();
        self.write(move |c| registrations::delete(c, &id)).await
    }

    async fn register_client(&self, client: &Client, token: &TokenKey, most: u64, now: Time) -> Result<Registering, StoreError> {
        let (client, token) = (client.clone(), *token);
        self.write(move |c| registrations::register(c, &client, &token, most, now)).await
    }

    async fn spend(&self, usage: SpentUse, key: &[u8; 32], until: Time, now: Time) -> Result<bool, StoreError> {
        let key = *key;
        self.write(move |c| spend(c, usage, &key, until, now)).await
    }

    async fn revoke_access_token(&self, key: &TokenKey, until: Time) -> Result<(), StoreError> {
        let key = *key;
        self.write(move |c| {
            let sql = "INSERT INTO oauth_revoked (key, until) VALUES (?1, ?2) ON CONFLICT (key) DO NOTHING";
            match c.prepare_cached(sql)?.execute(params![key.0, integer(until.0)])? {
                0 => Ok(()),
                _ => changes::log_access_token(c, &key),
            }
        })
        .await
    }

    async fn access_token_is_revoked(&self, key: &TokenKey) -> Result<bool, StoreError> {
        let key = *key;
        self.read(move |c| Ok(c.prepare_cached("SELECT 1 FROM oauth_revoked WHERE key = ?1")?.exists([key.0])?)).await
    }

    async fn purge_spent(&self, now: Time) -> Result<u64, StoreError> {
        let mut all = 0;
        for sql in [
            "DELETE FROM oauth_spent WHERE (usage, key) IN (SELECT usage, key FROM oauth_spent WHERE until < ?1 LIMIT ?2)",
            "DELETE FROM oauth_registration WHERE id IN (SELECT id FROM oauth_registration WHERE expires < ?1 LIMIT ?2)",
            "DELETE FROM oauth_revoked WHERE key IN (SELECT key FROM oauth_revoked WHERE until < ?1 LIMIT ?2)",
        ] {
            loop {
                let forget = move |c: &Connection| Ok(c.prepare_cached(sql)?.execute([integer(now.0), integer(PORTION)])? as u64);
                let gone = self.write(forget).await?;
                all += gone;
                if gone < PORTION {
                    break;
                }
            }
        }
        Ok(all)
    }
}

/// Whether this is the first use.
pub(super) fn spend(connection: &Connection, usage: SpentUse, key: &[u8; 32], until: Time, now: Time) -> Outcome<bool> {
    // What was spent until a moment that is over may come again: whoever signed it says so.
    let sql = "INSERT INTO oauth_spent (usage, key, until) VALUES (?1, ?2, ?3) \
               ON CONFLICT (usage, key) DO UPDATE SET until = excluded.until WHERE until < ?4";
    let spent = connection.prepare_cached(sql)?.execute(params![usage.as_str(), key, integer(until.0), integer(now.0)])?;
    Ok(spent > 0)
}

fn missing(id: &str) -> StoreError {
    StoreError::Missing(format!("the client {id}"))
}

fn find(connection: &Connection, id: &str) -> Outcome<Option<Client>> {
    let sql = format!("SELECT {CLIENT} FROM oauth_client WHERE id = ?1");
    Ok(connection.prepare_cached(&sql)?.query_row([id], client).optional()?)
}

pub(super) fn add(connection: &Connection, client: &Client) -> Outcome<()> {
    if !Client::is_id(&client.id) {
        let rule = "a client's id has 1 to 128 letters, digits, `-`, `_` and `.`, and begins with a letter or a digit";
        return Err(StoreError::Unfit(rule.into()).into());
    }
    if find(connection, &client.id)?.is_some() {
        return Err(StoreError::Exists(format!("the client {}", client.id)).into());
    }
    write(connection, client)?;
    changes::log_client(connection, &client.id, Deed::Added)
}

fn alter(connection: &Connection, id: &str, change: ClientChange, now: Time) -> Outcome<Client> {
    let Some(mut client) = find(connection, id)? else { return Err(missing(id).into()) };
    let deed = match (change.enabled, &change.secret) {
        (Some(true), _) if !client.enabled => Deed::Enabled,
        (Some(false), _) if client.enabled => Deed::Disabled,
        (_, Some(_)) => Deed::Password,
        _ if change.end_tokens => Deed::Tokens,
        _ => Deed::Changed,
    };
    let ClientChange { name, secret, jwks, certificate, redirect_uris, post_logout_redirect_uris, .. } = change;
    client.name = name.unwrap_or(client.name);
    client.secret = secret.or(client.secret);
    client.jwks = jwks.or(client.jwks);
    client.certificate = certificate.or(client.certificate);
    client.redirect_uris = redirect_uris.unwrap_or(client.redirect_uris);
    client.post_logout_redirect_uris = post_logout_redirect_uris.unwrap_or(client.post_logout_redirect_uris);
    client.grants = change.grants.unwrap_or(client.grants);
    client.scopes = change.scopes.unwrap_or(client.scopes);
    client.resources = change.resources.unwrap_or(client.resources);
    client.enabled = change.enabled.unwrap_or(client.enabled);
    client.certificate_bound = change.certificate_bound.unwrap_or(client.certificate_bound);
    if change.end_tokens || !client.enabled {
        client.tokens_not_before = client.tokens_not_before.max(now);
    }
    client.updated = now;
    write(connection, &client)?;
    changes::log_client(connection, id, deed)?;
    Ok(client)
}

fn write(connection: &Connection, client: &Client) -> Outcome<()> {
    let grants: Vec<&str> = client.grants.iter().map(|grant| grant.as_str()).collect();
    let sql = format!(
        "INSERT OR REPLACE INTO oauth_client ({CLIENT}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
         ?16, ?17)"
    );
    connection.prepare_cached(&sql)?.execute(params![
        client.id,
        client.name,
        client.method.as_str(),
        client.secret,
        client.jwks,
        client.certificate,
        list(&client.redirect_uris),
        list(&client.post_logout_redirect_uris),
        list(&grants),
        list(&client.scopes),
        list(&client.resources),
        client.enabled,
        integer(client.tokens_not_before.0),
        integer(client.created.0),
        integer(client.updated.0),
        client.certificate_bound,
        client.registered,
    ])?;
    Ok(())
}

pub(super) fn list<T: AsRef<str>>(texts: &[T]) -> String {
    texts.iter().map(AsRef::as_ref).map(serde_json::Value::from).collect::<serde_json::Value>().to_string()
}

fn client(row: &Row<'_>) -> rusqlite::Result<Client> {
    let texts = |column: usize| -> rusqlite::Result<Vec<Arc<str>>> {
        let text: String = row.get(column)?;
        serde_json::from_str(&text).map_err(|error| malformed(column, error))
    };
    let method: String = row.get(2)?;
    let unknown = |column, what: &str| malformed(column, StoreError::Missing(format!("{what} of this name")));
    Ok(Client {
        id: row.get(0)?,
        name: row.get(1)?,
        method: ClientMethod::parse(&method).ok_or_else(|| unknown(2, "a method of clients"))?,
        secret: row.get(3)?,
        jwks: row.get(4)?,
        certificate: row.get(5)?,
        redirect_uris: texts(6)?,
        post_logout_redirect_uris: texts(7)?,
        // One that a later doorward knows is none here.
        grants: texts(8)?.iter().filter_map(|word| Grant::parse(word)).collect(),
        scopes: texts(9)?,
        resources: texts(10)?,
        enabled: row.get(11)?,
        tokens_not_before: Time(unsigned(row, 12)?),
        created: Time(unsigned(row, 13)?),
        updated: Time(unsigned(row, 14)?),
        certificate_bound: row.get(15)?,
        registered: row.get(16)?,
    })
}
