//! The database that a dry run works on.

use crate::cli::{Failure, context::Context};
use doorward_core::ports::{ImportStore, Store};
use doorward_store::Sqlite;
use std::sync::Arc;

/// A copy of the database, gone with this value or with the process, and nothing of it left when that is killed.
pub(super) struct DryCopy {
    store: Arc<Sqlite>,
}

impl DryCopy {
    pub(super) fn of(context: &Context<'_>) -> Result<Self, Failure> {
        let Some(path) = &context.store_path else { return Err(Failure::new("the store is in memory")) };
        Ok(Self { store: Arc::new(Sqlite::scratch(path)?) })
    }

    pub(super) fn imports(&self) -> Arc<dyn ImportStore> {
        Arc::clone(&self.store) as _
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as _
    }
}
