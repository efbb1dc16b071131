//! Roles: one snapshot for everybody, replaced as a whole when the store says that roles changed.

use arc_swap::ArcSwap;
use doorward_core::{
    acl::RoleBook,
    ports::{Store, StoreError},
};
use std::sync::Arc;

/// The current [`RoleBook`].
#[derive(Debug, Default)]
pub struct Roles {
    book: ArcSwap<RoleBook>,
}

impl Roles {
    /// What roles hold now; a decision keeps the snapshot that it began with.
    pub fn book(&self) -> Arc<RoleBook> {
        self.book.load_full()
    }

    /// Reads them anew.
    pub async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        self.book.store(Arc::new(RoleBook::new(store.roles().await?)));
        Ok(())
    }
}
