//! Files: how they are made, opened, read beside a server, and copied.

use super::{
    Options,
    failure::{Failure, Outcome},
    schema,
};
use doorward_core::ports::StoreError;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::{
    fs::{File, OpenOptions},
    io,
    path::Path,
    time::Duration,
};

/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS: usize = 128;
/// What does not stand for itself in the path of a URI.
const PATH_ONLY: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'-').remove(b'_');

/// Copies the database at `from`, as it is at this moment, into a new file that only its owner may read. Whoever works on
/// it goes on meanwhile.
///
/// # Errors
/// When `to` is there already, or either cannot be used.
pub fn copy(from: &Path, to: &Path) -> Result<(), StoreError> {
    let copied = || -> Outcome<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(to).map_err(|error| trouble(&error))?;
        let connection = connect(from, Options::default())?;
        connection.execute("VACUUM INTO ?1", [to.to_string_lossy()])?;
        Ok(())
    };
    copied().map_err(|failure| match StoreError::from(failure) {
        StoreError::Unavailable(why) => StoreError::Unavailable(format!("{}: {why}", to.display())),
        other => other,
    })
}

/// A copy of the database at `from`, as it is at this moment, that no name leads to: SQLite keeps it in the system's folder for
/// temporary files (`TMPDIR`), and it is gone with the connection, however the process ends.
pub(super) fn nameless_copy(from: &Path, options: Options) -> Outcome<Connection> {
    let connection = Connection::open("")?;
    configure(&connection, options)?;
    // Rows come before those that they refer to; they did so in the original.
    connection.pragma_update(None, "foreign_keys", false)?;
    connection
        .execute("ATTACH ?1 AS original", [std::path::absolute(from).map_err(|error| trouble(&error))?.to_string_lossy()])?;
    let transaction = connection.unchecked_transaction()?;
    let select = |sql: &str| -> Outcome<Vec<(String, String)>> {
        Ok(transaction.prepare(sql)?.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?)
    };
    let tables = select("SELECT name, sql FROM original.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")?;
    for (name, sql) in tables {
        transaction.execute_batch(&sql)?;
        transaction.execute(&format!("INSERT INTO main.\"{name}\" SELECT * FROM original.\"{name}\""), [])?;
    }
    transaction.execute_batch(
        "DELETE FROM main.sqlite_sequence; INSERT INTO main.sqlite_sequence SELECT * FROM original.sqlite_sequence",
    )?;
    // Made when the rows are there, an index is sorted once.
    for (_, sql) in select("SELECT name, sql FROM original.sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL")? {
        transaction.execute_batch(&sql)?;
    }
    transaction.commit()?;
    connection.execute("DETACH original", [])?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

/// Tries again while the database is locked: for some locks that another process holds while it makes the same
/// database, SQLite itself does not wait.
pub(super) fn patiently<T>(patience: Duration, attempt: impl Fn() -> Outcome<T>) -> Outcome<T> {
    let pause = Duration::from_millis(5);
    for _ in 0..patience.as_millis() / pause.as_millis() {
        match attempt() {
            Err(Failure::Sql(error)) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => std::thread::sleep(pause),
            outcome => return outcome,
        }
    }
    attempt()
}

/// A connection to a database that is ours and of our version.
pub(super) fn open_writer(path: &Path, options: Options) -> Outcome<Connection> {
    let connection = connect(path, options)?;
    schema::prepare(&connection, schema::MIGRATIONS)?;
    // After the database was judged: this writes to the file.
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if mode != "wal" {
        return Err(StoreError::Unavailable(format!("the file system allows journal mode {mode} only, and WAL is needed")).into());
    }
    Ok(connection)
}

/// A connection that leaves nothing behind. Without a log beside it nobody works on the database, and it is read as it
/// stands: reading it in the usual way would make the log.
pub(super) fn look_into(path: &Path) -> Outcome<Connection> {
    let path = std::path::absolute(path).map_err(|error| trouble(&error))?;
    let mut log = path.clone().into_os_string();
    log.push("-wal");
    let unused = if Path::new(&log).exists() { "" } else { "&immutable=1" };
    let escaped = percent_encoding::percent_encode(path.as_os_str().as_encoded_bytes(), PATH_ONLY);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(format!("file:{escaped}?mode=ro{unused}"), flags)?;
    connection.busy_timeout(Duration::from_secs(1))?;
    Ok(connection)
}

pub(super) fn connect(path: &Path, options: Options) -> Outcome<Connection> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    configure(&connection, options)?;
    Ok(connection)
}

pub(super) fn configure(connection: &Connection, options: Options) -> Outcome<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.busy_timeout(options.busy_timeout)?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Definitions in the file are nobody's to trust; ours have no need of them.
    connection.pragma_update(None, "trusted_schema", false)?;
    Ok(())
}

/// Makes the file, unless it is there, before SQLite would make it for all to read; its log takes over the mode.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => {
            file.sync_all()?;
            // The name must survive a loss of power, too.
            path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => warn_of_readers(path),
        Err(error) => Err(error),
    }
}

/// A database that others may read gives them its keys. Whoever made it so may have had a reason; it is said.
#[cfg(unix)]
fn warn_of_readers(path: &Path) -> io::Result<()> {
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata()?.permissions());
    if mode & 0o077 != 0 {
        let mode = format!("{:o}", mode & 0o777);
        tracing::warn!(path = %path.display(), mode, "others than its owner may read the store's file, which holds keys");
    }
    Ok(())
}

#[cfg(not(unix))]
fn warn_of_readers(_: &Path) -> io::Result<()> {
    Ok(())
}

pub(super) fn trouble(error: &io::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
