//! What happens to the id of a session that a sign-in of the same browser replaced.

use super::*;
use crate::{SignedIn, testing::*};
use doorward_core::ports::AccountChange;
use doorward_crypto::{password::hash_password, system::SystemEntropy};
use std::time::Duration;

async fn signed_in(bench: &Bench, login: &str) -> SignedIn {
    bench.auth.sign_in(std::slice::from_ref(&bench.admins), attempt(login, PASSWORD), None).await.unwrap()
}

/// Signs in at a shop's door, with the session that the browser has.
async fn again(bench: &Bench, login: &str, old: SessionKey) -> SignedIn {
    let verified = bench.auth.verify(std::slice::from_ref(&bench.admins), attempt(login, PASSWORD)).await.unwrap();
    bench.auth.start_and_carry_over(verified, Some(old)).await.unwrap()
}

const GRACE: Duration = Duration::from_secs(30);

/// A bench with a grace, an account, a session of it, and the one that a second sign-in of the same browser began.
async fn replaced(login: &str) -> (Bench, SignedIn, SignedIn) {
    let bench = Bench::new().await;
    bench.auth.set_grace(GRACE);
    bench.add(Kind::Admin, "admin").await;
    bench.add(Kind::Admin, "other").await;
    let old = signed_in(&bench, "admin").await;
    bench.clock.advance(MINUTE);
    let new = again(&bench, login, old.live.key()).await;
    (bench, old, new)
}

#[tokio::test]
async fn requests_with_the_old_id_are_carried_over_for_the_grace_and_no_longer() {
    let (bench, old, new) = replaced("admin").await;
    let used = new.live.last_seen();
    bench.clock.advance(GRACE - Duration::from_millis(1));
    for auth in [Arc::clone(&bench.auth), bench.another().await] {
        assert!(auth.find(&bench.admins, &old.id).await.unwrap().is_none(), "it is no session any more");
        let carried = auth.sessions().find_carried(&bench.admins, &old.id).await.unwrap().unwrap();
        assert_eq!(carried.key(), new.live.key());
        assert_eq!(carried.last_seen(), used, "it is no use of the new one");
        assert!(auth.sessions().find_carried(&bench.customers, &old.id).await.unwrap().is_none());
        assert!(auth.sessions().find_carried(&bench.admins, &new.id).await.unwrap().is_none());
    }
    bench.clock.advance(Duration::from_millis(1));
    assert!(bench.auth.sessions().find_carried(&bench.admins, &old.id).await.unwrap().is_none());
}

#[tokio::test]
async fn an_id_is_never_carried_over_to_somebody_else() {
    let (bench, old, new) = replaced("other").await;
    assert!(old.live.has_ended() && !new.live.has_ended());
    assert!(bench.auth.sessions().find_carried(&bench.admins, &old.id).await.unwrap().is_none());
}

#[tokio::test]
async fn an_id_that_was_never_a_sessions_is_not_carried_over() {
    let bench = Bench::new().await;
    bench.auth.set_grace(GRACE);
    bench.add(Kind::Admin, "admin").await;
    let planted = "a".repeat(32);
    again(&bench, "admin", session_id::key(&planted)).await;
    for id in [&*planted, "", "deleted"] {
        assert!(bench.auth.sessions().find_carried(&bench.admins, id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn what_the_old_session_has_open_goes_on_and_ends_with_the_new_one() {
    let (bench, old, new) = replaced("admin").await;
    let open = old.live.ended().clone();
    assert!(!open.is_cancelled());
    bench.auth.sign_out(&new.live.key()).await.unwrap();
    assert!(open.is_cancelled());
    assert!(bench.auth.sessions().find_carried(&bench.admins, &old.id).await.unwrap().is_none());
}

#[tokio::test]
async fn disabling_and_another_password_end_what_was_carried_over() {
    for change in [AccountChange::Disable, AccountChange::Password(hash_password("another", COST, &SystemEntropy).into())] {
        let (bench, old, new) = replaced("admin").await;
        let account = new.live.account().id;
        bench.store.change_account(Kind::Admin, account, change, bench.clock.now()).await.unwrap();
        bench.auth.apply_changes().await.unwrap();
        assert!(old.live.has_ended() && new.live.has_ended());
        assert!(bench.auth.sessions().find_carried(&bench.admins, &old.id).await.unwrap().is_none());
    }
}

#[tokio::test]
async fn no_more_than_a_few_predecessors_stay_open() {
    let (bench, first, mut last) = replaced("admin").await;
    for _ in 0..7 {
        assert!(!first.live.has_ended());
        last = again(&bench, "admin", last.live.key()).await;
    }
    last = again(&bench, "admin", last.live.key()).await;
    assert!(first.live.has_ended() && !last.live.has_ended());
}

#[tokio::test]
async fn without_a_grace_nobody_is_carried_over() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let old = signed_in(&bench, "admin").await;
    again(&bench, "admin", old.live.key()).await;
    assert!(old.live.has_ended());
    assert!(bench.auth.sessions().find_carried(&bench.admins, &old.id).await.unwrap().is_none());
}

#[tokio::test]
async fn a_cookie_is_due_once_in_a_while() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let SignedIn { live, .. } = signed_in(&bench, "admin").await;
    let due = || live.cookie_is_due(bench.clock.now(), MINUTE);
    assert!(!due(), "it was just sent");
    bench.clock.advance(MINUTE);
    assert_eq!([due(), due()], [true, false]);
}
