use super::*;
use crate::testing::*;
use doorward_core::{
    Kind,
    ports::{AccountChange, Store as _},
};
use std::sync::atomic::Ordering::SeqCst;
use tokio_util::sync::CancellationToken;

/// Far more than the second that is promised, so that a busy machine fails nothing.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs the background beside a test until the token is cancelled.
fn run(bench: &Bench) -> (CancellationToken, tokio::task::JoinHandle<()>) {
    let token = CancellationToken::new();
    let background = Arc::clone(&bench.auth).background(token.clone().cancelled_owned());
    (token, tokio::spawn(background))
}

async fn until(what: impl Fn() -> bool) {
    let wait = async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap();
}

#[test]
fn the_beat_leaves_room_within_the_second_that_is_promised() {
    assert!(2 * BEAT <= Duration::from_secs(1) && DEAF <= Duration::from_secs(1));
}

#[tokio::test]
async fn whatever_ends_elsewhere_ends_here_without_being_asked() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let (stop, task) = run(&bench);
    let both = bench.both();
    let live = bench.auth.sign_in(&both, attempt("admin", PASSWORD), None).await.unwrap().live;
    let ended = live.ended();
    bench.store.change_account(Kind::Admin, admin.account.id, AccountChange::Disable, START).await.unwrap();
    tokio::time::timeout(PATIENCE, ended.cancelled()).await.unwrap();

    bench.store.change_account(Kind::Admin, admin.account.id, AccountChange::Enable, START).await.unwrap();
    let live = bench.auth.sign_in(&both, attempt("admin", PASSWORD), None).await.unwrap().live;
    bench.clock.advance(30 * MINUTE);
    tokio::time::timeout(PATIENCE, live.ended().cancelled()).await.unwrap();
    until(|| bench.auth.sessions().is_empty()).await;
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn uses_are_written_before_the_end() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let (stop, task) = run(&bench);
    let signed_in = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap();
    bench.clock.advance(5 * MINUTE);
    // A busy machine may be deaf for a moment.
    until(|| bench.auth.live(&bench.admins, &signed_in.id).is_some()).await;
    stop.cancel();
    task.await.unwrap();
    let stored = bench.store.session(&signed_in.live.key()).await.unwrap().unwrap().0;
    assert_eq!(stored.last_seen, START + 5 * MINUTE);
}

#[tokio::test]
async fn a_store_that_falls_silent_is_noticed_and_so_is_its_return() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let (stop, task) = run(&bench);
    // What was heard of while the store goes away could not be asked about, and would end the session.
    bench.auth.apply_changes().await.unwrap();
    let id = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap().id;
    let clerk = doorward_core::Account { roles: vec!["clerk".into()], ..account(Kind::Admin, 1, "admin") };
    until(|| bench.auth.roles().why_unknown(&clerk).is_none()).await;
    bench.store.away.store(true, SeqCst);
    until(|| bench.auth.live(&bench.admins, &id).is_none()).await;
    assert!(bench.auth.find(&bench.admins, &id).await.is_err());
    // What roles hold may have changed, too.
    until(|| bench.auth.roles().why_unknown(&clerk).is_some()).await;
    bench.store.away.store(false, SeqCst);
    until(|| bench.auth.live(&bench.admins, &id).is_some()).await;
    until(|| bench.auth.roles().why_unknown(&clerk).is_none()).await;
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn who_has_not_listened_yet_stays_deaf_until_the_store_is_heard() {
    let bench = Bench::new().await;
    bench.auth.set_deaf(true);
    bench.store.away.store(true, SeqCst);
    let mut heard = Instant::now();
    bench.auth.hear(&mut heard).await;
    assert!(bench.auth.is_deaf(), "what happened before was not heard of");
    bench.store.away.store(false, SeqCst);
    bench.auth.hear(&mut heard).await;
    assert!(!bench.auth.is_deaf());
}

#[tokio::test]
async fn sessions_that_nobody_asks_for_any_more_are_purged() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    // Begun by a node that is gone.
    bench.another().await.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap();
    for (later, left) in [(0, 1), (33, 1), (2, 0)] {
        bench.clock.advance(later * MINUTE);
        bench.auth.purge().await;
        assert_eq!(bench.store.session_count().await.unwrap(), left, "the store hears of uses late");
    }
}

#[tokio::test]
async fn sessions_of_a_directory_that_was_removed_or_changed_its_kind_are_ended() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    bench.add(Kind::Customer, "jane").await;
    for login in ["admin", "jane"] {
        bench.another().await.sign_in(&bench.both(), attempt(login, PASSWORD), None).await.unwrap();
    }
    let changed = Arc::new(doorward_core::policy::Directory { kind: Kind::Customer, ..directory(Kind::Admin) });
    for (directories, left) in
        [(bench.both().to_vec(), 2), (vec![Arc::clone(&bench.admins)], 1), (vec![Arc::clone(&bench.customers), changed], 0)]
    {
        bench.auth.set_directories(directories);
        bench.auth.purge().await;
        assert_eq!(bench.store.session_count().await.unwrap(), left);
    }
}

#[tokio::test]
async fn once_nobody_listens_the_store_is_asked_each_time() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let (_stop, task) = run(&bench);
    let id = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap().id;
    until(|| bench.auth.live(&bench.admins, &id).is_some()).await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(bench.auth.live(&bench.admins, &id).is_none());
    assert!(bench.auth.find(&bench.admins, &id).await.unwrap().is_some());
    bench.store.change_account(Kind::Admin, admin.account.id, AccountChange::Disable, START).await.unwrap();
    assert!(bench.auth.find(&bench.admins, &id).await.unwrap().is_none(), "it is heard of all the same");
}
