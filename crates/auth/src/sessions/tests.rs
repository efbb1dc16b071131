use super::*;
use crate::{SignInError, SignedIn, Why, testing::*};
use doorward_core::ports::AccountChange;
use doorward_crypto::{password::hash_password, system::SystemEntropy};
use std::{collections::HashSet, time::Duration};

async fn signed_in(bench: &Bench, login: &str) -> SignedIn {
    bench.auth.sign_in(std::slice::from_ref(&bench.admins), attempt(login, PASSWORD), None).await.unwrap()
}

fn reads(bench: &Bench) -> usize {
    bench.store.reads.load(SeqCst)
}

#[tokio::test]
async fn a_live_session_is_checked_without_the_store() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    bench.store.away.store(true, SeqCst);
    for _ in 0..10 {
        assert!(Arc::ptr_eq(&bench.auth.live(&bench.admins, &id).unwrap(), &live));
        assert!(Arc::ptr_eq(&bench.auth.find(&bench.admins, &id).await.unwrap().unwrap(), &live));
    }
    assert_eq!(reads(&bench), 0);
}

#[tokio::test]
async fn a_session_is_found_by_directory_and_id_together() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, .. } = signed_in(&bench, "admin").await;
    for auth in [Arc::clone(&bench.auth), bench.another().await] {
        assert!(auth.live(&bench.customers, &id).is_none());
        assert!(auth.find(&bench.customers, &id).await.unwrap().is_none());
        // And asking in the wrong one did it no harm.
        assert!(auth.find(&bench.admins, &id).await.unwrap().is_some());
    }
}

#[tokio::test]
async fn a_malformed_id_is_none_and_never_reaches_the_store() {
    let bench = Bench::new().await;
    bench.store.away.store(true, SeqCst);
    for id in ["", "deleted", &"A".repeat(32), &"a".repeat(33), "../../etc/passwd"] {
        assert!(bench.auth.find(&bench.admins, id).await.unwrap().is_none());
        assert!(bench.auth.live(&bench.admins, id).is_none());
    }
    assert_eq!(reads(&bench), 0);
}

#[tokio::test]
async fn an_unknown_id_is_asked_for_each_time_and_a_store_away_is_an_error() {
    let bench = Bench::new().await;
    let id = "a".repeat(32);
    for n in 1..4 {
        assert!(bench.auth.find(&bench.admins, &id).await.unwrap().is_none());
        assert_eq!(reads(&bench), n);
    }
    bench.store.away.store(true, SeqCst);
    assert!(matches!(bench.auth.find(&bench.admins, &id).await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn another_node_finds_what_this_one_began() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    let other = bench.another().await;
    assert!(other.live(&bench.admins, &id).is_none());
    let found = other.find(&bench.admins, &id).await.unwrap().unwrap();
    assert_eq!(found.account(), live.account());
    assert!(other.live(&bench.admins, &id).is_some());
}

/// What ends a session, told to the store by another node.
enum Ends {
    SignOut,
    SignOutEverywhere,
    Disable,
    Password,
    Delete,
    IdleTime,
    Lifetime,
}

#[tokio::test]
async fn whatever_ends_a_session_ends_it_for_requests_and_connections() {
    for how in
        [Ends::SignOut, Ends::SignOutEverywhere, Ends::Disable, Ends::Password, Ends::Delete, Ends::IdleTime, Ends::Lifetime]
    {
        let bench = Bench::new().await;
        let admin = bench.add(Kind::Admin, "admin").await;
        bench.add(Kind::Admin, "other").await;
        let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
        let bystander = signed_in(&bench, "other").await;
        let ended = live.ended();
        bench.clock.advance(MINUTE);
        let (store, account, now) = (&bench.store, admin.account.id, bench.clock.now());
        match how {
            Ends::SignOut => assert!(store.delete_session(&live.key(), now).await.unwrap()),
            Ends::SignOutEverywhere => assert_eq!(store.delete_sessions_of(Kind::Admin, account, now).await.unwrap(), 1),
            Ends::Disable => drop(store.change_account(Kind::Admin, account, AccountChange::Disable, now).await.unwrap()),
            Ends::Password => {
                let hash = hash_password("another password", COST, &SystemEntropy);
                store.change_account(Kind::Admin, account, AccountChange::Password(hash.into()), now).await.unwrap();
            }
            Ends::Delete => store.delete_account(Kind::Admin, account, now).await.unwrap(),
            Ends::IdleTime => {
                bench.clock.advance(28 * MINUTE);
                assert!(bench.auth.live(&bench.admins, &bystander.id).is_some());
                bench.clock.advance(MINUTE - Duration::from_millis(1));
                bench.auth.sessions().sweep(&bench.auth.directories()).await;
                assert!(!ended.is_cancelled());
                bench.clock.advance(Duration::from_millis(1));
            }
            Ends::Lifetime => {
                for _ in 0..47 {
                    bench.clock.advance(15 * MINUTE);
                    assert!(bench.auth.live(&bench.admins, &id).is_some());
                }
                bench.clock.advance(14 * MINUTE);
            }
        }
        if matches!(how, Ends::IdleTime | Ends::Lifetime) {
            assert!(bench.auth.live(&bench.admins, &id).is_none(), "even before it is swept");
            bench.auth.sessions().sweep(&bench.auth.directories()).await;
        } else {
            bench.auth.apply_changes().await.unwrap();
        }
        assert!(ended.is_cancelled() && live.has_ended());
        assert!(bench.auth.live(&bench.admins, &id).is_none());
        assert!(bench.auth.find(&bench.admins, &id).await.unwrap().is_none());
        assert!(bench.store.inner.session(&live.key()).await.unwrap().is_none(), "gone from the store too");
        if !matches!(how, Ends::Lifetime) {
            assert!(bench.auth.find(&bench.admins, &bystander.id).await.unwrap().is_some());
            assert!(!bystander.live.has_ended());
        }
    }
}

#[tokio::test]
async fn signing_out_ends_it_here_at_once_and_elsewhere_when_heard() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    let other = bench.another().await;
    let there = other.find(&bench.admins, &id).await.unwrap().unwrap();
    assert!(bench.auth.sign_out(&live.key()).await.unwrap());
    assert!(live.has_ended() && bench.auth.live(&bench.admins, &id).is_none());
    assert!(!bench.auth.sign_out(&live.key()).await.unwrap());
    assert_eq!(other.apply_changes().await.unwrap(), 1);
    assert!(there.has_ended() && other.live(&bench.admins, &id).is_none());
}

#[tokio::test]
async fn other_roles_count_at_once_and_the_session_stays() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    bench
        .auth
        .store()
        .put_role("SALES", std::collections::BTreeSet::from(["Magento_Sales::sales".into()]).into(), START)
        .await
        .unwrap();
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    let ended = live.ended();
    bench.change(Kind::Admin, admin.account.id, AccountChange::Roles(vec!["SALES".into()])).await;
    assert_eq!(bench.auth.live(&bench.admins, &id).unwrap().account().roles, ["SALES".into()]);
    bench.auth.store().delete_role("SALES", START).await.unwrap();
    bench.auth.apply_changes().await.unwrap();
    let found = bench.auth.find(&bench.admins, &id).await.unwrap().unwrap();
    assert!(found.account().roles.is_empty());
    assert!(Arc::ptr_eq(&found, &live) && !ended.is_cancelled());
}

#[tokio::test]
async fn a_session_deleted_while_it_is_being_loaded_does_not_come_back() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    for elsewhere in [false, true] {
        let node = bench.another().await;
        bench.store.held.store(true, SeqCst);
        let loading = {
            let (node, admins, id) = (Arc::clone(&node), Arc::clone(&bench.admins), id.clone());
            tokio::spawn(async move { node.find(&admins, &id).await })
        };
        // The store has answered 'alive'; the answer is still on its way.
        bench.store.arrived.acquire().await.unwrap().forget();
        bench.store.held.store(false, SeqCst);
        if elsewhere {
            bench.store.delete_session(&live.key(), START).await.unwrap();
            node.apply_changes().await.unwrap();
        } else {
            // Only this node's own doubt; the session is alive and must be found.
            node.sessions().end(&live.key());
        }
        bench.store.release.add_permits(1);
        assert_eq!(loading.await.unwrap().unwrap().is_none(), elsewhere);
        assert_eq!(node.live(&bench.admins, &id).is_none(), elsewhere);
        assert_eq!(node.find(&bench.admins, &id).await.unwrap().is_none(), elsewhere);
    }
}

#[tokio::test]
async fn an_account_disabled_while_its_session_is_being_loaded_is_refused() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, .. } = signed_in(&bench, "admin").await;
    let node = bench.another().await;
    bench.store.held.store(true, SeqCst);
    let loading = {
        let (node, admins) = (Arc::clone(&node), Arc::clone(&bench.admins));
        tokio::spawn(async move { node.find(&admins, &id).await.map(|found| found.is_some()) })
    };
    bench.store.arrived.acquire().await.unwrap().forget();
    bench.store.held.store(false, SeqCst);
    bench.store.change_account(Kind::Admin, admin.account.id, AccountChange::Disable, START).await.unwrap();
    node.apply_changes().await.unwrap();
    bench.store.release.add_permits(1);
    assert_eq!(loading.await.unwrap(), Ok(false));
    assert!(node.sessions().is_empty());
}

#[tokio::test]
async fn a_stampede_for_one_session_reads_the_store_once() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, .. } = signed_in(&bench, "admin").await;
    let node = bench.another().await;
    bench.store.held.store(true, SeqCst);
    let all: Vec<_> = (0..64)
        .map(|_| {
            let (node, admins, id) = (Arc::clone(&node), Arc::clone(&bench.admins), id.clone());
            tokio::spawn(async move { node.find(&admins, &id).await.unwrap().unwrap() })
        })
        .collect();
    bench.store.arrived.acquire().await.unwrap().forget();
    bench.store.release.add_permits(1);
    let mut distinct = HashSet::new();
    for one in all {
        distinct.insert(Arc::as_ptr(&one.await.unwrap()) as usize);
    }
    assert_eq!((distinct.len(), reads(&bench)), (1, 1));
}

#[tokio::test]
async fn reading_writes_nothing_but_now_and_then_a_touch() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    let sessions = bench.auth.sessions();
    let changes = bench.store.inner.last_change().await.unwrap();
    for _ in 0..90 {
        bench.clock.advance(Duration::from_secs(1));
        bench.auth.live(&bench.admins, &id).unwrap();
    }
    assert_eq!(sessions.flush().await.unwrap(), 0, "a twentieth of the idle time has not passed");
    bench.clock.advance(Duration::from_secs(1));
    for _ in 0..10 {
        bench.auth.live(&bench.admins, &id).unwrap();
    }
    assert_eq!(sessions.flush().await.unwrap(), 1);
    assert_eq!(sessions.flush().await.unwrap(), 0);
    let stored = bench.store.inner.session(&live.key()).await.unwrap().unwrap().0;
    assert_eq!(stored.last_seen, bench.clock.now());
    assert_eq!(bench.store.inner.last_change().await.unwrap(), changes, "a touch is no change");
    // What could not be written is written after the next use.
    bench.store.away.store(true, SeqCst);
    bench.clock.advance(5 * MINUTE);
    bench.auth.live(&bench.admins, &id).unwrap();
    assert!(sessions.flush().await.is_err());
    bench.store.away.store(false, SeqCst);
    assert_eq!(sessions.flush().await.unwrap(), 0);
    bench.clock.advance(Duration::from_secs(1));
    bench.auth.live(&bench.admins, &id).unwrap();
    assert_eq!(sessions.flush().await.unwrap(), 1);
}

#[tokio::test]
async fn a_use_elsewhere_keeps_a_session_alive_here() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    let other = bench.another().await;
    bench.clock.advance(20 * MINUTE);
    other.find(&bench.admins, &id).await.unwrap().unwrap();
    assert_eq!(other.sessions().flush().await.unwrap(), 1);
    bench.clock.advance(15 * MINUTE);
    bench.auth.sessions().sweep(&bench.auth.directories()).await;
    assert!(!live.has_ended());
    assert!(bench.auth.find(&bench.admins, &id).await.unwrap().is_some());
}

#[tokio::test]
async fn a_node_that_cannot_hear_trusts_nothing_without_the_store() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, .. } = signed_in(&bench, "admin").await;
    bench.auth.sessions().set_deaf(true);
    assert!(bench.auth.live(&bench.admins, &id).is_none());
    assert!(bench.auth.find(&bench.admins, &id).await.unwrap().is_some());
    bench.store.away.store(true, SeqCst);
    assert!(bench.auth.find(&bench.admins, &id).await.is_err());
    bench.store.away.store(false, SeqCst);
    bench.auth.sessions().set_deaf(false);
    assert!(bench.auth.live(&bench.admins, &id).is_some());
}

#[tokio::test]
async fn connections_end_when_their_session_cannot_be_checked() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    let ended = live.ended();
    bench.store.away.store(true, SeqCst);
    bench.auth.sessions().account_changed(Kind::Admin, admin.account.id, &bench.auth.directories()).await;
    assert!(ended.is_cancelled());
    assert!(bench.auth.live(&bench.admins, &id).is_none());
    bench.store.away.store(false, SeqCst);
    // The session itself was never revoked.
    assert!(!bench.auth.find(&bench.admins, &id).await.unwrap().unwrap().has_ended());
}

#[tokio::test]
async fn a_shorter_idle_time_ends_sessions_that_are_older_already() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { live, .. } = signed_in(&bench, "admin").await;
    bench.clock.advance(10 * MINUTE);
    bench.auth.sessions().sweep(&bench.auth.directories()).await;
    assert!(!live.has_ended());
    let shorter = Directory { idle_timeout: 5 * MINUTE, ..directory(Kind::Admin) };
    bench.auth.set_directories(vec![Arc::new(shorter)]);
    bench.auth.sessions().sweep(&bench.auth.directories()).await;
    assert!(live.has_ended());
    // A directory that is gone takes its sessions along.
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { live, .. } = signed_in(&bench, "admin").await;
    bench.auth.set_directories(Vec::new());
    bench.auth.sessions().sweep(&bench.auth.directories()).await;
    assert!(live.has_ended());
}

#[tokio::test]
async fn the_index_holds_nothing_of_the_dead() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let mut last = None;
    for _ in 0..50 {
        last = Some(bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), last).await.unwrap().live.key());
    }
    assert_eq!(bench.auth.sessions().len(), 1);
    for _ in 0..48 {
        signed_in(&bench, "admin").await;
    }
    assert_eq!(bench.auth.sessions().index.of_account(Kind::Admin, 1).len(), 49);
    bench.clock.advance(31 * MINUTE);
    bench.auth.sessions().sweep(&bench.auth.directories()).await;
    assert!(bench.auth.sessions().is_empty());
    assert!(bench.auth.sessions().index.of_account(Kind::Admin, 1).is_empty());
    assert_eq!(bench.auth.store().session_count().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whatever_was_revoked_is_never_seen_again_however_many_ask() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let other = bench.another().await;
    for round in 0..60 {
        let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
        let revoked = Arc::new(AtomicBool::new(false));
        let askers: Vec<_> = (0..4)
            .map(|_| {
                let (other, admins, id, revoked) =
                    (Arc::clone(&other), Arc::clone(&bench.admins), id.clone(), Arc::clone(&revoked));
                tokio::spawn(async move {
                    let mut seen = 0;
                    for _ in 0..100_000 {
                        let known_to_be_over = revoked.load(SeqCst);
                        let found = other.find(&admins, &id).await.unwrap();
                        assert!(!(known_to_be_over && found.is_some()), "it came back");
                        seen += usize::from(found.is_some());
                        if known_to_be_over {
                            break;
                        }
                        if seen % 7 == 0 {
                            // Out of the index, so that the next one loads it anew.
                            other.sessions().index.remove(&session_id::key(&id));
                        }
                    }
                    seen
                })
            })
            .collect();
        tokio::task::yield_now().await;
        if round % 2 == 0 {
            bench.auth.sign_out(&live.key()).await.unwrap();
        } else {
            let now = bench.clock.now();
            bench.store.change_account(Kind::Admin, admin.account.id, AccountChange::Disable, now).await.unwrap();
            bench.store.change_account(Kind::Admin, admin.account.id, AccountChange::Enable, now).await.unwrap();
        }
        other.apply_changes().await.unwrap();
        revoked.store(true, SeqCst);
        for asker in askers {
            asker.await.unwrap();
        }
        assert!(other.live(&bench.admins, &id).is_none());
    }
}

#[tokio::test]
async fn a_request_with_an_old_session_writes_nothing() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    bench.clock.advance(31 * MINUTE);
    for auth in [&bench.auth, &bench.another().await] {
        assert!(auth.find(&bench.admins, &id).await.unwrap().is_none());
    }
    assert!(bench.store.inner.session(&live.key()).await.unwrap().is_some(), "reading does not delete");
    bench.clock.advance(5 * MINUTE);
    bench.auth.purge().await;
    assert!(bench.store.inner.session(&live.key()).await.unwrap().is_none());
}

#[tokio::test]
async fn accounts_of_another_kind_are_nobodys_in_their_directory() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { id, live, .. } = signed_in(&bench, "admin").await;
    // The configuration calls the directory one of customers now.
    let changed = Arc::new(Directory { kind: Kind::Customer, ..(*bench.admins).clone() });
    assert!(bench.auth.live(&changed, &id).is_none());
    assert!(bench.auth.find(&changed, &id).await.unwrap().is_none());
    assert!(live.has_ended());
    let refused = bench.auth.sign_in(std::slice::from_ref(&changed), attempt("admin", PASSWORD), None).await;
    assert!(matches!(refused, Err(SignInError::Invalid { why: Why::UnknownLogin, .. })), "{refused:?}");
}
