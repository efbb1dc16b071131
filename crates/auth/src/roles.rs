//! Roles: one snapshot for everybody, replaced as a whole when the store says that roles changed.

use arc_swap::ArcSwap;
use doorward_core::{
    acl::RoleBook,
    ports::{Store, StoreError},
};
use std::sync::Arc;

/// The current [`RoleBook`].
#[derive(Debug)]
pub struct Roles {
    book: ArcSwap<RoleBook>,
    unknown: Arc<RoleBook>,
}

impl Default for Roles {
    fn default() -> Self {
        let unknown = RoleBook::unknown("changes of the store cannot be heard, so roles may have changed");
        Self { book: ArcSwap::default(), unknown: Arc::new(unknown) }
    }
}

impl Roles {
    /// What roles hold now; a decision keeps the snapshot that it began with.
    pub fn book(&self) -> Arc<RoleBook> {
        self.book.load_full()
    }

    /// The book while nobody knows.
    pub fn unknown(&self) -> Arc<RoleBook> {
        Arc::clone(&self.unknown)
    }

    /// Reads them anew.
    pub async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        self.book.store(Arc::new(RoleBook::new(store.roles().await?)));
        Ok(())
    }
}
