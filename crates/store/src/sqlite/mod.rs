//! The port [`Store`], fulfilled by SQLite.

mod accounts;
mod changes;
mod clients;
mod customers;
mod exchanges;
mod failure;
mod grants;
mod groups;
mod identities;
mod imports;
mod keys;
mod links;
mod open;
mod queue;
mod readers;
mod registrations;
mod roles;
mod schema;
mod search;
mod sessions;
mod tally;
mod token_store;
mod tokens;
mod values;
mod writer;

pub use open::copy;
pub use writer::WriteStats;

use async_trait::async_trait;
use doorward_core::{
    Kind, Time,
    acl::Holds,
    ports::{
        AccountChange, AccountCount, AccountFilter, AccountRecord, Change, Customers, Identities, ImportBatch, ImportStore,
        Imported, Link, LinkKey, LinkPurpose, Links, NewAccount, OAuthGrants, SessionFilter, Store, StoreError, StoredKey,
    },
    session::{Replaced, Session, SessionKey},
};
use failure::{Failure, Outcome};
use open::{configure, connect, create_private, look_into, nameless_copy, open_writer, patiently, trouble};
use readers::Readers;
use rusqlite::Connection;
use std::{path::Path, sync::Arc, time::Duration};
use writer::{Limits, Writer};

/// Sessions that one job of [`Store::purge_sessions`] ends, and one of [`Store::touch_sessions`] touches, at most, so
/// that nobody waits long behind it.
const PORTION: usize = 500;

/// How a database is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Connections and threads that read.
    pub readers: usize,
    /// Jobs that may wait, for the writer and for the readers; one more is refused.
    pub queue: usize,
    /// Writes that share a transaction at most.
    pub group: usize,
    /// How long to wait for another process that writes.
    pub busy_timeout: Duration,
    /// Changes that [`Store::changes_since`] remembers.
    pub changes: u64,
    /// Names the run of the command that opens it; each change then carries it. `None` for a server.
    pub run: Option<u128>,
}

/// 2 readers, 4096 waiting jobs, groups of 256, 5 s, 10,000 changes, no run.
impl Default for Options {
    fn default() -> Self {
        Self { readers: 2, queue: 4096, group: 256, busy_timeout: Duration::from_secs(5), changes: 10_000, run: None }
    }
}

/// Accounts, roles, sessions and keys in an SQLite database. Dropping it finishes what was queued.
pub struct Sqlite {
    readers: Option<Readers>,
    // Dropped last, so that the last connection to close is the one that may tidy up the log.
    writer: Writer,
    /// Whether a command opened it.
    command: bool,
}

impl Sqlite {
    /// Opens the database at `path`, or makes one that only its owner may read (mode 0600). An older database is
    /// upgraded; a newer one, and one of another application, is refused and left as it was. It blocks for some
    /// milliseconds.
    pub fn open(path: &Path, options: Options) -> Result<Self, StoreError> {
        let blame = |error: StoreError| match error {
            StoreError::Unavailable(why) => StoreError::Unavailable(format!("{}: {why}", path.display())),
            other => other,
        };
        Self::open_file(path, options).map_err(StoreError::from).map_err(blame)
    }

    /// How many accounts the database at `path` holds, of each kind in each directory. Nothing is made or written: the
    /// file must be a database of ours, of this version or an older one.
    pub fn count_accounts(path: &Path) -> Result<Vec<AccountCount>, StoreError> {
        let count = || {
            let connection = look_into(path)?;
            schema::judge_readable(&connection)?;
            tally::counts_of_any(&connection)
        };
        count().map_err(StoreError::from)
    }

    /// The roles of programs that are called like the account that has them, as those of programs that a configuration declares.
    /// As [`Sqlite::count_accounts`], nothing is made or written.
    pub fn programs_with_own_role(path: &Path) -> Result<Vec<Arc<str>>, StoreError> {
        let list = || {
            let connection = look_into(path)?;
            schema::judge_readable(&connection)?;
            roles::own_of_programs(&connection)
        };
        list().map_err(StoreError::from)
    }

    /// The names of roles. As [`Sqlite::count_accounts`], nothing is made or written.
    pub fn role_names(path: &Path) -> Result<Vec<Arc<str>>, StoreError> {
        let list = || {
            let connection = look_into(path)?;
            schema::judge_readable(&connection)?;
            roles::names(&connection)
        };
        list().map_err(StoreError::from)
    }

    /// A copy of the database at `from` that ends with this value, or with the process, whichever is first: for what is to
    /// be tried out. It lies in the system's folder for temporary files, not in memory.
    pub fn scratch(from: &Path) -> Result<Self, StoreError> {
        let options = Options::default();
        let copied = || Ok(Self { readers: None, writer: start_writer(nameless_copy(from, options)?, options)?, command: false });
        copied().map_err(|failure: Failure| failure.into())
    }

    /// A database that ends with this value.
    pub fn memory() -> Result<Self, StoreError> {
        Self::memory_with(Options::default())
    }

    /// The same with other options.
    pub fn memory_with(options: Options) -> Result<Self, StoreError> {
        let in_memory = || {
            let connection = Connection::open_in_memory()?;
            configure(&connection, options)?;
            schema::prepare(&connection, schema::MIGRATIONS)?;
            Ok(Self { readers: None, writer: start_writer(connection, options)?, command: options.run.is_some() })
        };
        in_memory().map_err(|failure: Failure| failure.into())
    }

    /// What the writer has done so far.
    pub fn write_stats(&self) -> WriteStats {
        self.writer.stats()
    }

    fn open_file(path: &Path, options: Options) -> Outcome<Self> {
        // An absolute path is never one of SQLite's special names.
        let path = std::path::absolute(path).map_err(|error| trouble(&error))?;
        create_private(&path).map_err(|error| trouble(&error))?;
        let writer = patiently(options.busy_timeout, || open_writer(&path, Options { busy_timeout: Duration::ZERO, ..options }))?;
        writer.busy_timeout(options.busy_timeout)?;
        let reader = || -> Outcome<Connection> {
            let connection = connect(&path, options)?;
            connection.pragma_update(None, "query_only", true)?;
            Ok(connection)
        };
        let connections = (0..options.readers.max(1)).map(|_| reader()).collect::<Result<_, _>>()?;
        let readers = Readers::start(connections, options.queue).map_err(|error| trouble(&error))?;
        Ok(Self { readers: Some(readers), writer: start_writer(writer, options)?, command: options.run.is_some() })
    }

    async fn write<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    {
        self.writer.run(job).await
    }

    /// A database in memory has one connection, so there the writer reads.
    async fn read<T, F>(&self, job: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Outcome<T> + Send + 'static,
    {
        match &self.readers {
            Some(readers) => readers.run(job).await,
            None => self.writer.run(job).await,
        }
    }
}

#[async_trait]
impl Store for Sqlite {
    fn customers(&self) -> &dyn Customers {
        self
    }

    fn grants(&self) -> &dyn OAuthGrants {
        self
    }

    fn identities(&self) -> &dyn Identities {
        self
    }

    async fn add_account(&self, new: NewAccount, now: Time) -> Result<AccountRecord, StoreError> {
        self.write(move |c| accounts::add(c, &new, now)).await
    }

    async fn account_by_login(
        &self,
        directory: &str,
        website: Option<u32>,
        login: &str,
    ) -> Result<Option<AccountRecord>, StoreError> {
        let (directory, login) = (directory.to_owned(), login.to_owned());
        self.read(move |c| accounts::by_login(c, &directory, website, &login)).await
    }

    async fn account(&self, kind: Kind, id: u64) -> Result<Option<AccountRecord>, StoreError> {
        self.read(move |c| accounts::by_id(c, kind, id)).await
    }

    async fn accounts(&self, filter: &AccountFilter) -> Result<Vec<AccountRecord>, StoreError> {
        let filter = filter.clone();
        self.read(move |c| accounts::page(c, &filter)).await
    }

    async fn account_counts(&self) -> Result<Vec<AccountCount>, StoreError> {
        self.read(tally::counts).await
    }

    async fn password_costs(&self) -> Result<Vec<Arc<str>>, StoreError> {
        self.read(tally::password_costs).await
    }

    async fn change_account(&self, kind: Kind, id: u64, change: AccountChange, now: Time) -> Result<AccountRecord, StoreError> {
        self.write(move |c| accounts::change(c, kind, id, &change, now)).await
    }

    async fn delete_account(&self, kind: Kind, id: u64, _now: Time) -> Result<(), StoreError> {
        self.write(move |c| accounts::delete(c, kind, id)).await
    }

    async fn put_role(&self, name: &str, holds: Holds, _now: Time) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |c| roles::put(c, &name, &holds)).await
    }

    async fn roles(&self) -> Result<Vec<(Arc<str>, Holds)>, StoreError> {
        self.read(roles::list).await
    }

    async fn role_counts(&self) -> Result<Vec<(Arc<str>, u64)>, StoreError> {
        self.read(roles::counts).await
    }

    async fn delete_role(&self, name: &str, _now: Time) -> Result<(), StoreError> {
        let name = name.to_owned();
        self.write(move |c| roles::delete(c, &name)).await
    }

    async fn create_session(&self, session: &Session, replaces: Option<Replaced>) -> Result<(), StoreError> {
        let session = session.clone();
        self.write(move |c| sessions::create(c, &session, replaces)).await
    }

    async fn successor(&self, key: &SessionKey, now: Time) -> Result<Option<SessionKey>, StoreError> {
        let key = *key;
        self.read(move |c| sessions::successor(c, &key, now)).await
    }

    async fn session(&self, key: &SessionKey) -> Result<Option<(Session, AccountRecord)>, StoreError> {
        let key = *key;
        self.read(move |c| sessions::find(c, &key)).await
    }

    async fn delete_session(&self, key: &SessionKey, _now: Time) -> Result<bool, StoreError> {
        let (key, command) = (*key, self.command);
        self.write(move |c| if command { sessions::end_from_outside(c, &key) } else { sessions::end(c, &key) }).await
    }

    async fn delete_sessions_of(&self, kind: Kind, id: u64, now: Time) -> Result<u64, StoreError> {
        let command = self.command;
        self.write(move |c| sessions::end_all_of_present(c, kind, id, command, now)).await
    }

    async fn touch_sessions(&self, seen: &[(SessionKey, Time)]) -> Result<(), StoreError> {
        for portion in seen.chunks(PORTION) {
            let portion = portion.to_vec();
            self.write(move |c| sessions::touch(c, &portion)).await?;
        }
        Ok(())
    }

    async fn sessions(&self, filter: SessionFilter) -> Result<Vec<Session>, StoreError> {
        self.read(move |c| sessions::list(c, &filter)).await
    }

    /// Readers look for old sessions and the writer ends them in portions, so a sign-in never waits behind the search.
    async fn purge_sessions(&self, directory: &str, idle_before: Time, created_before: Time) -> Result<u64, StoreError> {
        let stale = sessions::Stale { directory: directory.to_owned(), idle_before, created_before };
        let (mut after, mut ended) = (None, 0);
        loop {
            let search = stale.clone();
            let keys = self.read(move |c| sessions::stale(c, &search, after, PORTION)).await?;
            let Some(last) = keys.last().copied() else { return Ok(ended) };
            after = Some(last);
            let search = stale.clone();
            ended += self.write(move |c| sessions::end_stale(c, &search, &keys)).await?;
        }
    }

    async fn purge_foreign_sessions(&self, directories: &[(Arc<str>, Kind)]) -> Result<u64, StoreError> {
        let known: serde_json::Value = directories.iter().map(|(name, kind)| format!("{name}/{}", kind.as_str())).collect();
        let known: Arc<str> = known.to_string().into();
        let (mut after, mut ended) = (None, 0);
        loop {
            let search = Arc::clone(&known);
            let keys = self.read(move |c| sessions::foreign(c, &search, after, PORTION)).await?;
            let Some(last) = keys.last().copied() else { return Ok(ended) };
            after = Some(last);
            // Neither ever changes in a session, so they need no second look.
            let end = move |c: &Connection| keys.iter().try_fold(0, |n, key| Ok(n + u64::from(sessions::end(c, key)?)));
            ended += self.write(end).await?;
        }
    }

    async fn session_count(&self) -> Result<u64, StoreError> {
        self.read(sessions::count).await
    }

    async fn keys(&self, purpose: &str) -> Result<Vec<StoredKey>, StoreError> {
        let purpose = purpose.to_owned();
        self.read(move |c| keys::list(c, &purpose)).await
    }

    async fn key_or_insert(&self, key: StoredKey) -> Result<StoredKey, StoreError> {
        self.write(move |c| keys::get_or_insert(c, key)).await
    }

    async fn changes_since(&self, sequence: u64) -> Result<Vec<Change>, StoreError> {
        self.read(move |c| changes::since(c, sequence)).await
    }

    async fn claim_change(&self, sequence: u64) -> Result<bool, StoreError> {
        self.write(move |c| changes::claim(c, sequence)).await
    }

    async fn last_change(&self) -> Result<u64, StoreError> {
        self.read(changes::last).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.writer.alive()?;
        self.read(|c| Ok(c.prepare_cached("SELECT 1 FROM account_sequence LIMIT 1")?.query_row([], |_| Ok(()))?)).await
    }
}

#[async_trait]
impl ImportStore for Sqlite {
    async fn import(&self, batch: ImportBatch, now: Time) -> Result<Vec<Result<Imported, StoreError>>, StoreError> {
        self.write(move |c| imports::take(c, &batch, now)).await
    }

    async fn expect_many(&self) -> Result<(), StoreError> {
        self.write(imports::expect_many).await
    }

    async fn imported_rows(&self, source: &str) -> Result<u64, StoreError> {
        let source = source.to_owned();
        self.read(move |c| imports::rows(c, &source)).await
    }
}

#[async_trait]
impl Links for Sqlite {
    async fn put_link(&self, link: Link, email: Option<Arc<str>>) -> Result<(), StoreError> {
        self.write(move |c| links::put(c, &link, email.as_deref())).await
    }

    async fn link(&self, purpose: LinkPurpose, key: &LinkKey) -> Result<Option<Link>, StoreError> {
        let key = *key;
        self.read(move |c| links::find(c, purpose, &key)).await
    }

    async fn redeem_link(
        &self,
        purpose: LinkPurpose,
        key: &LinkKey,
        changes: Vec<AccountChange>,
        now: Time,
    ) -> Result<Option<AccountRecord>, StoreError> {
        let key = *key;
        self.write(move |c| links::redeem(c, purpose, &key, &changes, now)).await
    }

    async fn purge_links(&self, time: Time) -> Result<u64, StoreError> {
        self.write(move |c| links::purge(c, time)).await
    }

    async fn account_by_email(
        &self,
        directory: &str,
        website: Option<u32>,
        email: &str,
    ) -> Result<Option<AccountRecord>, StoreError> {
        let (directory, email) = (directory.to_owned(), email.to_owned());
        self.read(move |c| links::account_by_email(c, &directory, website, &email)).await
    }
}

fn start_writer(connection: Connection, options: Options) -> Outcome<Writer> {
    let run = options.run.map(|run| format!("{run:032x}").into());
    let limits = Limits { queue: options.queue, group: options.group.max(1), changes: options.changes, run };
    Ok(Writer::start(connection, limits).map_err(|error| trouble(&error))?)
}

#[cfg(test)]
mod tests;
