//! The database that a dry run works on.

use crate::cli::{Failure, context::Context};
use doorward_core::ports::{ImportStore, Store};
use doorward_store::{Options, Sqlite};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// A copy of the database beside it, gone with this value.
pub(super) struct DryCopy {
    store: Arc<Sqlite>,
    _file: Removed,
}

/// A file that is removed in the end, with what SQLite makes beside it.
struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut name = self.0.clone().into_os_string();
            name.push(end);
            // What is not there need not be removed.
            let _ = std::fs::remove_file(Path::new(&name));
        }
    }
}

impl DryCopy {
    pub(super) fn of(context: &Context<'_>) -> Result<Self, Failure> {
        let Some(path) = &context.store_path else { return Err(Failure::new("the store is in memory")) };
        let mut name = path.clone().into_os_string();
        name.push(format!(".dry-run-{:032x}", context.run));
        let file = Removed(PathBuf::from(name));
        doorward_store::copy(path, &file.0)?;
        Ok(Self { store: Arc::new(Sqlite::open(&file.0, Options::default())?), _file: file })
    }

    pub(super) fn imports(&self) -> Arc<dyn ImportStore> {
        Arc::clone(&self.store) as _
    }

    pub(super) fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.store) as _
    }
}
