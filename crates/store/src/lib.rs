//! Memory: accounts, roles, sessions and keys in SQLite.
//!
//! [`Sqlite`] fulfils [`doorward_core::ports::Store`]. One writer thread takes all jobs that wait, runs each in a
//! savepoint of its own inside one transaction, commits once with `synchronous = FULL`, and only then answers each of
//! them: what is acknowledged survives `kill -9` and power loss, and sixty sign-ins at once cost one write to the
//! disk. Readers stand beside it on connections and threads of their own (WAL), so no caller's thread ever waits for
//! the disk.
//!
//! It fails closed: a queue that is full, a writer that is gone or a commit that fails is
//! [`StoreError::Unavailable`](doorward_core::ports::StoreError::Unavailable), never silence.

mod sqlite;

pub use sqlite::{Options, Sqlite, WriteStats, copy};
