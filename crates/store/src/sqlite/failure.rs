//! What can go wrong inside a job, before the caller hears of it.

use doorward_core::ports::StoreError;

/// A refusal of ours, or trouble of SQLite's.
#[derive(Debug)]
pub(super) enum Failure {
    /// What the caller asked cannot be done.
    Store(StoreError),
    /// The database said no.
    Sql(rusqlite::Error),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Store(error)
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Failure::Sql(error)
    }
}

/// SQLite's messages name tables and columns, never values, so nothing secret passes here.
impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Store(error) => error,
            Failure::Sql(error) => StoreError::Unavailable(error.to_string()),
        }
    }
}

/// What jobs answer.
pub(super) type Outcome<T> = Result<T, Failure>;
