//! Who people are at OpenID providers, and the sessions that came of theirs.

use super::{
    Sqlite, accounts, changes, clients,
    failure::Outcome,
    sessions,
    values::{self, ACCOUNT, integer, kind, unsigned},
};
use async_trait::async_trait;
use doorward_core::{
    Kind, Time,
    ports::{
        AccountRecord, Deed, EndedThere, Identities, IdentityFilter, LinkedIdentity, NewAccount, ProviderSession, SpentUse,
        StoreError, Subject,
    },
    session::{Replaced, Session, SessionKey},
};
use rusqlite::{Connection, OptionalExtension, params};

#[async_trait]
impl Identities for Sqlite {
    async fn account_of(&self, directory: &str, who: &Subject) -> Result<Option<AccountRecord>, StoreError> {
        let (directory, who) = (directory.to_owned(), who.clone());
        self.read(move |c| account_of(c, &directory, &who)).await
    }

    async fn link_identity(&self, who: &Subject, kind: Kind, account: u64, now: Time) -> Result<(), StoreError> {
        let who = who.clone();
        self.write(move |c| link(c, &who, kind, account, now)).await
    }

    async fn add_account_of(&self, who: &Subject, new: NewAccount, now: Time) -> Result<AccountRecord, StoreError> {
        let who = who.clone();
        let add = move |c: &Connection| {
            let record = accounts::add(c, &new, now)?;
            link(c, &who, record.account.kind, record.account.id, now)?;
            Ok(record)
        };
        self.write(add).await
    }

    async fn unlink_identity(&self, directory: &str, who: &Subject) -> Result<bool, StoreError> {
        let (directory, who) = (directory.to_owned(), who.clone());
        self.write(move |c| unlink(c, &directory, &who)).await
    }

    async fn linked_identities(&self, filter: IdentityFilter) -> Result<Vec<LinkedIdentity>, StoreError> {
        self.read(move |c| list(c, &filter)).await
    }

    async fn create_provider_session(
        &self,
        session: &Session,
        replaces: Option<Replaced>,
        of: &ProviderSession,
    ) -> Result<(), StoreError> {
        let (session, of) = (session.clone(), of.clone());
        self.write(move |c| begin(c, &session, replaces, &of)).await
    }

    async fn end_provider_sessions(
        &self,
        ended: &EndedThere,
        token: &[u8; 32],
        until: Time,
        now: Time,
    ) -> Result<Option<u64>, StoreError> {
        let (ended, token) = (ended.clone(), *token);
        let end = move |c: &Connection| match clients::spend(c, SpentUse::LogoutToken, &token, until, now)? {
            true => end(c, &ended).map(Some),
            false => Ok(None),
        };
        self.write(end).await
    }
}

fn account_of(connection: &Connection, directory: &str, who: &Subject) -> Outcome<Option<AccountRecord>> {
    let sql = format!(
        "SELECT {ACCOUNT} FROM linked_identity i JOIN account a ON a.kind = i.kind AND a.id = i.account \
         WHERE i.directory = ?1 AND i.issuer = ?2 AND i.subject = ?3 AND a.directory = ?1"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    Ok(statement.query_row(params![directory, who.issuer, who.subject], values::account).optional()?)
}

fn link(connection: &Connection, who: &Subject, kind: Kind, account: u64, now: Time) -> Outcome<()> {
    let Some(record) = accounts::by_id(connection, kind, account)? else {
        return Err(StoreError::Missing(accounts::name(kind, account)).into());
    };
    let directory = &record.account.directory;
    if let Some(other) = account_of(connection, directory, who)? {
        let same = other.account.id == account;
        return if same { Ok(()) } else { Err(StoreError::Exists("an account with this identity".into()).into()) };
    }
    let sql = "SELECT 1 FROM linked_identity WHERE kind = ?1 AND account = ?2 AND issuer = ?3";
    if connection.prepare_cached(sql)?.exists(params![kind.as_str(), integer(account), who.issuer])? {
        let what = format!("another identity of this issuer for {}", accounts::name(kind, account));
        return Err(StoreError::Exists(what).into());
    }
    let sql = "INSERT INTO linked_identity (directory, issuer, subject, kind, account, linked) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        directory,
        who.issuer,
        who.subject,
        kind.as_str(),
        integer(account),
        integer(now.0)
    ])?;
    changes::log_account(connection, kind, account, Deed::Changed)
}

fn unlink(connection: &Connection, directory: &str, who: &Subject) -> Outcome<bool> {
    let whose = (directory, &who.issuer, &who.subject);
    let owner: Option<(Kind, u64)> = connection
        .prepare_cached("SELECT kind, account FROM linked_identity WHERE directory = ?1 AND issuer = ?2 AND subject = ?3")?
        .query_row(whose, |row| Ok((kind(row, 0)?, unsigned(row, 1)?)))
        .optional()?;
    let Some((kind, account)) = owner else { return Ok(false) };
    connection
        .prepare_cached("DELETE FROM linked_identity WHERE directory = ?1 AND issuer = ?2 AND subject = ?3")?
        .execute(whose)?;
    let came: Vec<SessionKey> = connection
        .prepare_cached(
            "SELECT s.key FROM provider_session p JOIN session s ON s.key = p.session \
             WHERE s.directory = ?1 AND p.issuer = ?2 AND p.subject = ?3",
        )?
        .query_map(whose, |row| row.get(0).map(SessionKey))?
        .collect::<Result<_, _>>()?;
    for key in &came {
        sessions::end(connection, key)?;
    }
    changes::log_account(connection, kind, account, Deed::Changed)?;
    Ok(true)
}

fn list(connection: &Connection, filter: &IdentityFilter) -> Outcome<Vec<LinkedIdentity>> {
    let (directory, login) = match &filter.account {
        Some((directory, login)) => (Some(directory), Some(accounts::fold(login))),
        None => (None, None),
    };
    let sql = "SELECT i.issuer, i.subject, i.directory, i.kind, i.account, a.login, i.linked \
               FROM linked_identity i JOIN account a ON a.kind = i.kind AND a.id = i.account \
               WHERE (?1 IS NULL OR (a.directory = ?1 AND a.login_key = ?2)) \
               ORDER BY i.directory, i.account, i.issuer LIMIT ?3";
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_map(params![directory, login, limit], |row| {
        Ok(LinkedIdentity {
            who: Subject { issuer: row.get(0)?, subject: row.get(1)? },
            directory: row.get(2)?,
            kind: kind(row, 3)?,
            account: unsigned(row, 4)?,
            login: row.get(5)?,
            linked: Time(unsigned(row, 6)?),
        })
    })?;
    Ok(found.collect::<Result<_, _>>()?)
}

fn begin(connection: &Connection, session: &Session, replaces: Option<Replaced>, of: &ProviderSession) -> Outcome<()> {
    let owner = account_of(connection, &session.directory, &of.who)?;
    if owner.is_none_or(|record| record.account.id != session.account) {
        let gone = format!("the identity of {}/{}", session.directory, session.account);
        return Err(StoreError::Missing(gone).into());
    }
    sessions::create(connection, session, replaces)?;
    connection
        .prepare_cached("INSERT INTO provider_session (session, issuer, client, subject, sid) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute(params![session.key.0, of.who.issuer, of.client, of.who.subject, of.sid])?;
    Ok(())
}

/// Those whose subject and session both fit; what is not said fits all, but not both.
fn end(connection: &Connection, ended: &EndedThere) -> Outcome<u64> {
    let sql = match (&ended.subject, &ended.sid) {
        (None, None) => return Ok(0),
        (Some(_), None) => "subject = ?3 AND ?4 IS NULL",
        (None, Some(_)) => "sid = ?4 AND ?3 IS NULL",
        (Some(_), Some(_)) => "subject = ?3 AND sid = ?4",
    };
    let sql = format!("SELECT session FROM provider_session WHERE issuer = ?1 AND client = ?2 AND {sql}");
    let keys: Vec<SessionKey> = connection
        .prepare_cached(&sql)?
        .query_map(params![ended.issuer, ended.client, ended.subject, ended.sid], |row| row.get(0).map(SessionKey))?
        .collect::<Result<_, _>>()?;
    keys.iter().try_fold(0, |count, key| Ok(count + u64::from(sessions::end(connection, key)?)))
}
