//! Group commit, and the queue's end.

use crate::{admin, everyone, key, session};
use doorward_core::{
    Time,
    ports::{Store, StoreError},
};
use doorward_store::{Options, Sqlite};
use std::{sync::Arc, time::Duration};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_at_once_share_commits() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(Sqlite::open(&folder.path().join("store.db"), Options::default()).unwrap());
    let account = Arc::new(store.add_account(admin("a"), Time(1)).await.unwrap());
    let before = store.write_stats();
    let tasks: Vec<_> = (0..64)
        .map(|task| {
            let (store, account) = (Arc::clone(&store), Arc::clone(&account));
            tokio::spawn(async move {
                for step in 0..20 {
                    store.create_session(&session(&account, key(0, task, step), 1), None).await.unwrap();
                    if step % 2 == 0 {
                        assert!(store.delete_session(&key(0, task, step), Time(2)).await.unwrap());
                    }
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let after = store.write_stats();
    let (jobs, commits) = (after.jobs - before.jobs, after.commits - before.commits);
    assert_eq!(jobs, 64 * 30);
    assert!(commits * 4 < jobs, "{commits} commits for {jobs} jobs");
    assert_eq!(store.session_count().await.unwrap(), 64 * 10);
}

#[tokio::test]
async fn one_refused_job_does_not_spoil_its_group() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Arc::new(Sqlite::open(&path, Options::default()).unwrap());
    let before = store.write_stats();
    // While another connection holds the lock, the jobs gather.
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let add = |login: &'static str| {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.add_account(admin(login), Time(1)).await })
    };
    let tasks = [add("a"), add("A"), add("b"), add("c")];
    tokio::task::yield_now().await;
    other.execute_batch("COMMIT").unwrap();
    let mut made = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            Ok(record) => made.push(record.account.id),
            Err(error) => assert_eq!(error, StoreError::Exists("the account admins/A".into())),
        }
    }
    assert_eq!(made, [1, 2, 3]);
    assert!(store.write_stats().commits - before.commits <= 2);
}

#[tokio::test]
async fn a_queue_that_is_full_and_a_lock_that_stays_are_answered() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let options = Options { queue: 3, busy_timeout: Duration::from_millis(200), ..Options::default() };
    let store = Arc::new(Sqlite::open(&path, options).unwrap());
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|number| {
            let store = Arc::clone(&store);
            tokio::spawn(async move { store.add_account(admin(&format!("login-{number}")), Time(1)).await })
        })
        .collect();
    let mut full = 0;
    for task in tasks {
        match task.await.unwrap() {
            Err(StoreError::Unavailable(why)) if why == "too many writes are waiting" => full += 1,
            Err(StoreError::Unavailable(why)) => assert!(!why.is_empty()),
            other => panic!("{other:?}"),
        }
    }
    assert!(full >= 10, "{full}");
    // Readers do not care.
    assert!(everyone(&*store).await.is_empty());
    other.execute_batch("COMMIT").unwrap();
    store.add_account(admin("later"), Time(1)).await.unwrap();
    assert_eq!(everyone(&*store).await.len(), 1);
}

#[tokio::test]
async fn a_write_that_the_database_refuses_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Sqlite::open(&path, Options::default()).unwrap();
    store.add_account(admin("a"), Time(1)).await.unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("ALTER TABLE account_grave RENAME TO elsewhere").unwrap();
    let refused = store.delete_account(doorward_core::Kind::Admin, 1, Time(2)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert!(store.account_by_login("admins", None, "a").await.unwrap().is_some());
    other.execute_batch("ALTER TABLE elsewhere RENAME TO account_grave").unwrap();
    store.delete_account(doorward_core::Kind::Admin, 1, Time(2)).await.unwrap();
}

#[tokio::test]
async fn what_was_queued_is_finished_when_the_store_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let store = Arc::new(Sqlite::open(&path, Options::default()).unwrap());
    for number in 0..20 {
        let store = Arc::clone(&store);
        let write = async move { store.add_account(admin(&format!("login-{number}")), Time(1)).await };
        // Polled once, which queues it, then given up, done or not.
        let _ = tokio::time::timeout(Duration::ZERO, write).await;
    }
    drop(store);
    let store = Sqlite::open(&path, Options::default()).unwrap();
    assert_eq!(everyone(&store).await.len(), 20);
}
