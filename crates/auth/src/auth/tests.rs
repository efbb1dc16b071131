use super::*;
use crate::testing::*;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{Account, Kind, acl::Tree, ports::AccountChange};
use std::{collections::BTreeSet, sync::atomic::Ordering, time::Duration};

fn claims(assertion: &HeaderValue) -> serde_json::Value {
    let body = assertion.to_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).unwrap()).unwrap()
}

fn resources(ids: &[&str]) -> BTreeSet<Arc<str>> {
    ids.iter().map(|id| Arc::from(*id)).collect()
}

#[tokio::test]
async fn keys_are_made_once_and_shared_by_all_nodes() {
    let bench = Bench::new().await;
    let other = bench.another().await;
    assert_eq!(bench.auth.form_key(), other.form_key());
    assert_eq!(bench.auth.device_key(), other.device_key());
    assert_ne!(bench.auth.form_key(), bench.auth.device_key());
    assert_eq!(bench.auth.assertion_keys(), other.assertion_keys());
    assert_eq!(bench.auth.assertion_keys()["keys"].as_array().unwrap().len(), 1);
    let another_store = Bench::new().await;
    assert_ne!(bench.auth.form_key(), another_store.auth.form_key());
}

#[tokio::test]
async fn a_stored_key_that_is_none_stops_the_start() {
    let bench = Bench::new().await;
    let store = Arc::new(doorward_store::Sqlite::memory().unwrap());
    let key = StoredKey {
        purpose: "assertion".into(),
        id: "x".into(),
        secret: Arc::from(b"none".as_slice()),
        algorithm: None,
        created: START,
        active_from: None,
        retired: None,
    };
    store.key_or_insert(key).await.unwrap();
    let settings = AuthSettings {
        directories: Vec::new(),
        issuer: "x".into(),
        cost: COST,
        pool: PoolLimits::default(),
        crypt_keys: Default::default(),
        throttle: ThrottleLimits::default(),
        tokens: Default::default(),
    };
    let opened = Auth::open(store, bench.clock, Arc::new(doorward_crypto::system::SystemEntropy), settings).await;
    assert!(matches!(opened.map(|_| ()), Err(AuthError::Key(_))));
}

#[tokio::test]
async fn roles_count_from_the_change_that_names_them() {
    let bench = Bench::new().await;
    let (tree, sales) = (Tree::default(), Account { roles: vec!["SALES".into()], ..account(Kind::Admin, 1, "admin") });
    let everything = || bench.auth.roles().granting(&tree, &sales, "x").is_some();
    assert!(!everything());
    let snapshot = bench.auth.roles();
    bench.auth.store().put_role("SALES", resources(&["Magento_Backend::all"]).into(), START).await.unwrap();
    bench.auth.apply_changes().await.unwrap();
    assert!(everything());
    assert!(snapshot.granting(&tree, &sales, "x").is_none(), "a decision keeps what it began with");
    bench.auth.store().delete_role("SALES", START).await.unwrap();
    bench.auth.apply_changes().await.unwrap();
    assert!(!everything());
    assert!(bench.another().await.roles().granting(&tree, &sales, "x").is_none());
}

#[tokio::test]
async fn a_change_that_could_not_be_applied_is_applied_later() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    bench.auth.apply_changes().await.unwrap();
    let live = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap().live;
    bench.auth.store().change_account(Kind::Admin, admin.account.id, AccountChange::Disable, START).await.unwrap();
    bench.store.away.store(true, Ordering::SeqCst);
    assert!(bench.auth.apply_changes().await.is_err());
    assert!(!live.has_ended());
    bench.store.away.store(false, Ordering::SeqCst);
    assert!(bench.auth.apply_changes().await.unwrap() > 0);
    assert!(live.has_ended());
    assert_eq!(bench.auth.apply_changes().await.unwrap(), 0);
}

#[tokio::test]
async fn an_unlock_that_is_heard_forgets_the_failures() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let other = bench.another().await;
    for _ in 0..7 {
        other.sign_in(&bench.both(), attempt("admin", "wrong"), None).await.unwrap_err();
    }
    bench.change(Kind::Admin, admin.account.id, AccountChange::Unlock).await;
    other.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap_err();
    other.apply_changes().await.unwrap();
    other.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap();
}

#[tokio::test]
async fn an_assertion_says_who_calls_and_serves_for_half_its_life() {
    let bench = Bench::new().await;
    let admin = bench.add(Kind::Admin, "admin").await;
    let live = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap().live;
    let shop: Arc<str> = "shop".into();
    let make = || bench.auth.assertion(Some(&live), &Identity::Known(live.account()), &shop, "session").unwrap();
    let first = make();
    assert!(first.is_sensitive());
    let said = claims(&first);
    assert_eq!(
        said,
        serde_json::json!({
            "iss": "https://shop.example.com", "aud": "shop", "sub": format!("admin/{}", admin.account.id), "login": "admin",
            "roles": ["ROLE_USER", "ROLE_ADMIN"], "method": "session", "iat": START.seconds(), "exp": START.seconds() + 60,
        })
    );
    bench.clock.advance(Duration::from_secs(29));
    assert_eq!(make(), first);
    bench.clock.advance(Duration::from_secs(1));
    let second = make();
    assert_eq!(claims(&second)["iat"], START.seconds() + 30);
    // Other roles are said at once, to each upstream its own.
    bench.auth.store().put_role("SALES", resources(&[]).into(), START).await.unwrap();
    bench.change(Kind::Admin, admin.account.id, AccountChange::Roles(vec!["SALES".into()])).await;
    assert_eq!(claims(&make())["roles"], serde_json::json!(["ROLE_USER", "ROLE_ADMIN", "SALES"]));
    let other = bench.auth.assertion(Some(&live), &Identity::Known(live.account()), &"other".into(), "session").unwrap();
    assert_eq!(claims(&other)["aud"], "other");
}

#[tokio::test]
async fn an_assertion_never_speaks_of_somebody_else() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "admin").await;
    let live = bench.auth.sign_in(&bench.both(), attempt("admin", PASSWORD), None).await.unwrap().live;
    let shop: Arc<str> = "shop".into();
    let of = |live, identity: &Identity| claims(&bench.auth.assertion(live, identity, &shop, "session").unwrap());
    let known = Identity::Known(live.account());
    assert_eq!(of(Some(&live), &known)["login"], "admin");
    // A session that does not count (no AJAX call): the caller is a guest, and the session's slot is left alone.
    let guest = of(Some(&live), &Identity::Guest);
    assert_eq!((&guest["sub"], guest.get("login"), guest.get("roles")), (&"guest".into(), None, None));
    assert_eq!(of(None, &Identity::Guest)["sub"], "guest");
    assert_eq!(of(None, &known)["login"], "admin");
    assert_eq!(of(None, &Identity::Guest)["sub"], "guest");
    assert_eq!(of(Some(&live), &known)["login"], "admin");
    let other = Identity::Known(Arc::new(account(Kind::Admin, 99, "other")));
    assert_eq!(of(Some(&live), &other)["login"], "other");
    assert_eq!(of(Some(&live), &known)["login"], "admin");
}

#[tokio::test]
async fn a_flood_of_sign_ins_never_delays_the_check_of_a_session() {
    let bench = Bench::with_pool(PoolLimits { workers: 1, queue: 8, per_address: 4 }).await;
    bench.add(Kind::Admin, "admin").await;
    let both = bench.both();
    let id = bench.auth.sign_in(&both, attempt("admin", PASSWORD), None).await.unwrap().id;
    let addresses: Vec<_> = (0..50).map(|n| format!("198.51.100.{n}")).collect();
    let mut flood: Vec<_> = addresses
        .iter()
        .map(|address| Box::pin(bench.auth.sign_in(&both, attempt_from(address, "nobody", "guess"), None)))
        .collect();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let pending = flood.iter_mut().filter_map(|one| one.as_mut().poll(&mut context).is_pending().then_some(())).count();
    // The store answers on another thread, so most are still before the queue; none is in the way.
    assert!(pending > 0);
    assert!(bench.auth.live(&bench.admins, &id).is_some());
    let stats = bench.auth.stats();
    assert!(stats.pool.queued <= 8 && stats.pool.peak <= 1 && stats.pool.buffers_kib == 64, "{stats:?}");
    drop(flood);
    assert_eq!(bench.auth.stats().pool.queued, 0);
}

#[tokio::test]
async fn a_start_after_a_change_of_the_cost_knows_how_long_a_refusal_takes() {
    let bench = Bench::new().await;
    bench.add(Kind::Admin, "same").await;
    assert_eq!(bench.another().await.pool().stats().typical, Duration::ZERO, "nothing to know");
    let dear = doorward_crypto::password::Cost { memory_kib: 1024, iterations: 2, parallelism: 1 };
    let hash = doorward_crypto::password::hash_password(PASSWORD, dear, &doorward_crypto::system::SystemEntropy);
    let old = bench.add(Kind::Admin, "old").await;
    bench.change(Kind::Admin, old.account.id, AccountChange::Password(hash.into())).await;
    let stats = bench.another().await.pool().stats();
    assert!(stats.typical > Duration::ZERO && stats.done == 2, "{stats:?}");
}
