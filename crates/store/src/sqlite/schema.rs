//! Whose database it is, and of which version.
//!
//! A database of ours carries [`APPLICATION`] as `application_id` and the number of its last migration as
//! `user_version`. An older one is brought up to date in one transaction; a newer one and anybody else's are refused
//! before anything is written.

use super::failure::Outcome;
use doorward_core::ports::StoreError;
use rusqlite::Connection;

/// `Door` in ASCII.
pub(super) const APPLICATION: i64 = 0x446f_6f72;

/// All migrations; the first makes version 1 of an empty database.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/0001_accounts_and_sessions.sql"),
    include_str!("../../migrations/0002_deeds.sql"),
    include_str!("../../migrations/0003_runs.sql"),
    include_str!("../../migrations/0004_shop.sql"),
    include_str!("../../migrations/0005_email.sql"),
    include_str!("../../migrations/0006_grace.sql"),
    include_str!("../../migrations/0007_keys.sql"),
    include_str!("../../migrations/0008_tally.sql"),
    include_str!("../../migrations/0009_groups.sql"),
    include_str!("../../migrations/0010_oauth_clients.sql"),
    include_str!("../../migrations/0011_oauth_grants.sql"),
    include_str!("../../migrations/0012_identities.sql"),
    include_str!("../../migrations/0013_one_place_for_what_is_spent.sql"),
    include_str!("../../migrations/0014_oauth_clients_by_certificate.sql"),
    include_str!("../../migrations/0015_oauth_registration.sql"),
    include_str!("../../migrations/0016_oauth_way.sql"),
];

/// Brings the database to the version of the last of `migrations`.
pub(super) fn prepare(connection: &Connection, migrations: &[&str]) -> Outcome<()> {
    let known = migrations.len() as i64;
    if judge(connection, known)? == known {
        return Ok(());
    }
    // A table is changed by making it anew, which references to it must outlive; they are checked before the commit.
    let kept: bool = connection.pragma_query_value(None, "foreign_keys", |row| row.get(0))?;
    connection.pragma_update(None, "foreign_keys", false)?;
    let upgraded = upgrade(connection, migrations, known);
    connection.pragma_update(None, "foreign_keys", kept)?;
    upgraded
}

fn upgrade(connection: &Connection, migrations: &[&str], known: i64) -> Outcome<()> {
    let transaction = rusqlite::Transaction::new_unchecked(connection, rusqlite::TransactionBehavior::Immediate)?;
    // Asked again under the lock: another process may have been quicker.
    let version = judge(&transaction, known)?;
    for sql in migrations.iter().skip(usize::try_from(version).unwrap_or(0)) {
        transaction.execute_batch(sql)?;
    }
    if transaction.prepare("PRAGMA foreign_key_check")?.exists([])? {
        return refuse("the upgrade of the database would break references between its tables; nothing was changed".into());
    }
    transaction.pragma_update(None, "application_id", APPLICATION)?;
    transaction.pragma_update(None, "user_version", known)?;
    transaction.commit()?;
    Ok(())
}

/// Refuses what holds no accounts of ours that we could count.
pub(super) fn judge_readable(connection: &Connection) -> Outcome<()> {
    match judge(connection, MIGRATIONS.len() as i64)? {
        0 => refuse("the database is empty".into()),
        _ => Ok(()),
    }
}

/// The version of a database that may be used; 0 is an empty one.
fn judge(connection: &Connection, known: i64) -> Outcome<i64> {
    let number = |sql| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let objects = number("SELECT count(*) FROM sqlite_schema")?;
    match application {
        APPLICATION if version > known => refuse(format!(
            "the database has schema version {version}, and this doorward knows versions up to {known}; a newer doorward is needed"
        )),
        APPLICATION => Ok(version),
        0 if objects == 0 && version == 0 => Ok(0),
        _ => refuse("the file is an SQLite database of another application".into()),
    }
}

fn refuse<T>(why: String) -> Outcome<T> {
    Err(StoreError::Unavailable(why).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_database_is_upgraded_with_what_it_holds() {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection, MIGRATIONS).unwrap();
        connection.execute("INSERT INTO role (name) VALUES ('clerk')", []).unwrap();
        let more: Vec<&str> = MIGRATIONS.iter().copied().chain(["ALTER TABLE role ADD COLUMN title TEXT"]).collect();
        prepare(&connection, &more).unwrap();
        let title: Option<String> =
            connection.query_row("SELECT title FROM role WHERE name = 'clerk'", [], |r| r.get(0)).unwrap();
        assert_eq!(title, None);
        assert_eq!(judge(&connection, more.len() as i64).unwrap(), more.len() as i64);
    }

    #[test]
    fn what_was_there_before_it_was_counted_is_counted() {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection, &MIGRATIONS[..7]).unwrap();
        let insert = "INSERT INTO account (kind, id, directory, login, login_key, password, enabled, version, not_before, created, updated) \
                      VALUES ('admin', ?1, 'staff', ?1, ?1, ?2, 1, 1, 0, 0, 0)";
        let hash = "c29tZXNhbHQrLzAx$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi+4";
        let cost = "$argon2id$v=19$m=64,t=1,p=1$";
        for (id, password) in
            [(1, Some(format!("{cost}{hash}"))), (2, Some(format!("{cost}{hash}"))), (3, Some("$2y$10$ab".into())), (4, None)]
        {
            connection.execute(insert, (id, password)).unwrap();
        }
        prepare(&connection, MIGRATIONS).unwrap();
        let counted: (String, String, i64) = connection
            .query_row("SELECT directory, kind, accounts FROM account_count", [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
            .unwrap();
        assert_eq!(counted, ("staff".into(), "admin".into(), 4));
        let costs: Vec<(String, i64)> = connection
            .prepare("SELECT cost, accounts FROM password_cost")
            .unwrap()
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(costs, [(cost.to_owned(), 2)]);
    }

    #[test]
    fn what_was_used_before_stays_used() {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection, &MIGRATIONS[..12]).unwrap();
        connection.execute("INSERT INTO used_once (key, until) VALUES (zeroblob(32), 7)", []).unwrap();
        prepare(&connection, MIGRATIONS).unwrap();
        let spent: Vec<(String, i64)> = connection
            .prepare("SELECT usage, until FROM oauth_spent WHERE key = zeroblob(32) ORDER BY usage")
            .unwrap()
            .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        assert_eq!(spent, [("journey".to_owned(), 7), ("logout_token".to_owned(), 7)]);
    }

    #[test]
    fn a_migration_that_fails_leaves_the_database_as_it_was() {
        let connection = Connection::open_in_memory().unwrap();
        prepare(&connection, MIGRATIONS).unwrap();
        let more: Vec<&str> = MIGRATIONS.iter().copied().chain(["CREATE TABLE half (a); CREATE TABLE role (b)"]).collect();
        assert!(prepare(&connection, &more).is_err());
        assert_eq!(judge(&connection, more.len() as i64).unwrap(), MIGRATIONS.len() as i64);
        let half: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema WHERE name = 'half'", [], |r| r.get(0)).unwrap();
        assert_eq!(half, 0);
    }
}
