//! The settings of a database that was opened.

use super::*;

/// The settings on which the promise of durability rests.
#[tokio::test]
async fn commits_are_synced_and_references_kept() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("store.db"), Options::default()).unwrap();
    let setting = async |name: &'static str| {
        let read = move |c: &Connection| Ok(c.pragma_query_value(None, name, |row| row.get_ref(0).map(|v| format!("{v:?}")))?);
        store.write(read).await.unwrap()
    };
    assert_eq!(setting("synchronous").await, "Integer(2)", "FULL");
    assert_eq!(setting("journal_mode").await, format!("{:?}", rusqlite::types::ValueRef::from("wal")));
    assert_eq!(setting("foreign_keys").await, "Integer(1)");
}

#[tokio::test]
async fn readers_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = Sqlite::open(&folder.path().join("store.db"), Options::default()).unwrap();
    let refused = store.read(|c| Ok(c.execute("INSERT INTO role (name) VALUES ('clerk')", [])?)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
}
