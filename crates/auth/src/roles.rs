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
    unknown: ArcSwap<RoleBook>,
}

impl Default for Roles {
    fn default() -> Self {
        Self { book: ArcSwap::default(), unknown: ArcSwap::from_pointee(unknown()) }
    }
}

fn unknown() -> RoleBook {
    RoleBook::unknown("changes of the store cannot be heard, so roles may have changed")
}

impl Roles {
    /// What roles hold now; a decision keeps the snapshot that it began with.
    pub fn book(&self) -> Arc<RoleBook> {
        self.book.load_full()
    }

    /// The book while nobody knows what roles hold. Whom groups keep out stands as it was last heard: what customers are let
    /// in to does not grow by that, and their sessions are asked about anyway.
    pub fn unknown(&self) -> Arc<RoleBook> {
        self.unknown.load_full()
    }

    /// Reads them anew.
    pub async fn reload(&self, store: &dyn Store) -> Result<(), StoreError> {
        let (roles, exclusions) = (store.roles().await?, store.customers().exclusions().await?);
        self.unknown.store(Arc::new(unknown().with_exclusions(exclusions.clone())));
        self.book.store(Arc::new(RoleBook::new(roles).with_exclusions(exclusions)));
        Ok(())
    }
}
