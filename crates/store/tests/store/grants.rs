//! What people allowed clients, told of any store: whatever works once works once, and ends with what it hangs on.

use crate::{admin, key, session};
use doorward_core::{
    Kind, Time,
    ports::{
        AccountChange, AccountRecord, Authorization, Changed, Client, ClientMethod, Code, Consent, Deed, Device, Grant, Once,
        Polled, Pushed, Store, StoreError, TokenKey,
    },
    session::{Replaced, SessionKey},
};
use doorward_store::{Options, Sqlite};
use std::{sync::Arc, time::Duration};

const NOW: Time = Time(1_700_000_000_000);
const SOON: Time = Time(NOW.0 + 60_000);
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const CODE: TokenKey = TokenKey([1; 32]);
const FIRST: TokenKey = TokenKey([2; 32]);
const NEXT: TokenKey = TokenKey([3; 32]);
const DEVICE: TokenKey = TokenKey([4; 32]);
const TYPED: TokenKey = TokenKey([5; 32]);
const PUSHED: TokenKey = TokenKey([6; 32]);

/// Judges a store in a file, and one in memory.
async fn both(case: impl AsyncFn(&dyn Store, &AccountRecord)) {
    let folder = tempfile::tempdir().unwrap();
    let stores: [Box<dyn Store>; 2] = [
        Box::new(Sqlite::open(&folder.path().join("store.db"), Options::default()).unwrap()),
        Box::new(Sqlite::memory().unwrap()),
    ];
    for store in stores {
        let owner = prepared(&*store).await;
        case(&*store, &owner).await;
    }
}

/// An account with a session.
async fn prepared(store: &dyn Store) -> AccountRecord {
    let owner = store.add_account(admin("anna"), NOW).await.unwrap();
    store.create_session(&session(&owner, SESSION, NOW.0), None).await.unwrap();
    owner
}

const SESSION: SessionKey = SessionKey([9; 32]);

fn authorization(owner: &AccountRecord, id: &str, session: Option<SessionKey>) -> Authorization {
    Authorization {
        id: id.into(),
        client: "shop".into(),
        kind: owner.account.kind,
        account: owner.account.id,
        account_version: owner.version,
        session,
        sid: "sid".into(),
        grant: Some(Grant::DeviceCode),
        scopes: vec!["openid".into(), "orders".into()],
        resources: vec!["https://api.example.com/".into()],
        authenticated: NOW,
        factors: vec!["pwd".into()],
        binding: None,
        created: NOW,
        expires: SOON,
    }
}

fn code(key: TokenKey) -> Code {
    Code {
        key,
        redirect_uri: "https://app.example.com/cb".into(),
        named: true,
        challenge: [7; 32],
        nonce: Some("nonce".into()),
        dpop_jkt: None,
        lasts: MONTH,
    }
}

fn device(key: TokenKey, user_code: TokenKey) -> Device {
    Device {
        key,
        user_code,
        client: "tv".into(),
        scopes: vec!["orders".into()],
        resources: Vec::new(),
        binding: Some("jkt:x".into()),
        interval: Duration::from_secs(5),
        expires: Time(NOW.0 + 600_000),
    }
}

/// An authorization with a redeemed code and a first refresh token.
async fn begun(store: &dyn Store, owner: &AccountRecord, session: Option<SessionKey>) -> Authorization {
    let wanted = authorization(owner, "z", session);
    assert_eq!(store.grants().add_code(&wanted, &code(CODE), None).await, Ok(true));
    match store.grants().redeem_code(&CODE, None, Some(&FIRST), NOW).await.unwrap() {
        Once::First(begun) => begun,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_code_is_redeemed_once_and_a_second_use_ends_what_it_gave() {
    both(async |store, owner| {
        let wanted = authorization(owner, "z", Some(SESSION));
        assert_eq!(store.grants().add_code(&wanted, &code(CODE), None).await, Ok(true));
        assert_eq!(store.grants().code(&CODE).await, Ok(Some((code(CODE), wanted.clone()))));
        assert_eq!(store.grants().code(&NEXT).await, Ok(None));
        assert_eq!(store.grants().redeem_code(&NEXT, None, None, NOW).await, Ok(Once::Never));
        let lasting = Authorization { expires: NOW + MONTH, binding: Some("jkt:x".into()), ..wanted };
        let first = store.grants().redeem_code(&CODE, Some("jkt:x".into()), Some(&FIRST), NOW).await;
        assert_eq!(first, Ok(Once::First(lasting.clone())));
        assert_eq!(store.grants().authorization("z", NOW).await, Ok(Some(lasting)));
        let before = store.last_change().await.unwrap();
        assert_eq!(store.grants().redeem_code(&CODE, None, Some(&NEXT), NOW).await, Ok(Once::Again));
        assert_eq!(store.grants().authorization("z", NOW).await, Ok(None));
        assert_eq!(store.grants().refresh_token(&FIRST).await, Ok(None));
        let news = store.changes_since(before).await.unwrap();
        assert_eq!(news[0].what, Changed::Account(Kind::Admin, owner.account.id, Deed::Tokens), "whoever caches tokens hears");
        assert_eq!(store.grants().redeem_code(&CODE, None, None, NOW).await, Ok(Once::Never));
    })
    .await;
}

#[tokio::test]
async fn a_code_ends_with_its_time() {
    both(async |store, owner| {
        store.grants().add_code(&authorization(owner, "z", None), &code(CODE), None).await.unwrap();
        assert_eq!(store.grants().redeem_code(&CODE, None, None, SOON).await, Ok(Once::Never));
        assert_eq!(store.grants().redeem_code(&CODE, None, None, NOW).await, Ok(Once::Never), "it was spent");
    })
    .await;
}

#[tokio::test]
async fn a_refresh_token_is_replaced_once_and_a_second_use_ends_the_family() {
    both(async |store, owner| {
        let begun = begun(store, owner, Some(SESSION)).await;
        let refresh = store.grants().refresh_token(&FIRST).await.unwrap().unwrap();
        assert_eq!((refresh.authorization, refresh.used), (begun.clone(), false));
        assert_eq!(store.grants().rotate_refresh(&FIRST, &NEXT, NOW).await, Ok(Once::First(begun)));
        assert!(store.grants().refresh_token(&FIRST).await.unwrap().unwrap().used);
        assert_eq!(store.grants().rotate_refresh(&FIRST, &TokenKey([8; 32]), NOW).await, Ok(Once::Again));
        assert_eq!(
            store.grants().rotate_refresh(&NEXT, &TokenKey([8; 32]), NOW).await,
            Ok(Once::Never),
            "the successor ended, too"
        );
        assert_eq!(store.grants().authorization("z", NOW).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn no_refresh_token_outlives_the_absolute_end() {
    both(async |store, owner| {
        let begun = begun(store, owner, None).await;
        assert_eq!(begun.expires, NOW + MONTH);
        assert_eq!(store.grants().authorization("z", begun.expires).await, Ok(None));
        assert_eq!(store.grants().rotate_refresh(&FIRST, &NEXT, begun.expires).await, Ok(Once::Never));
    })
    .await;
}

#[tokio::test]
async fn what_is_bound_to_a_session_ends_with_it_and_what_is_not_stays() {
    both(async |store, owner| {
        begun(store, owner, Some(SESSION)).await;
        let other = Authorization { id: "offline".into(), ..authorization(owner, "z", None) };
        store.grants().add_code(&other, &code(TokenKey([11; 32])), None).await.unwrap();
        store.delete_session(&SESSION, NOW).await.unwrap();
        assert_eq!(store.grants().authorization("z", NOW).await, Ok(None));
        assert_eq!(store.grants().rotate_refresh(&FIRST, &NEXT, NOW).await, Ok(Once::Never));
        assert!(store.grants().authorization("offline", NOW).await.unwrap().is_some());
        let late = store.grants().add_code(&authorization(owner, "late", Some(SESSION)), &code(TokenKey([12; 32])), None).await;
        assert!(matches!(late, Err(StoreError::Missing(_))), "{late:?}");
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_renewed_takes_along_what_is_bound_to_it() {
    both(async |store, owner| {
        begun(store, owner, Some(SESSION)).await;
        let replaced = Replaced { key: SESSION, carried_until: None };
        store.create_session(&session(owner, key(1, 0, 0), NOW.0), Some(replaced)).await.unwrap();
        let moved = store.grants().authorization("z", NOW).await.unwrap().unwrap();
        assert_eq!(moved.session, Some(key(1, 0, 0)));
        // Somebody else signs in in the same browser.
        let other = store.add_account(admin("berta"), NOW).await.unwrap();
        let replaced = Replaced { key: key(1, 0, 0), carried_until: None };
        store.create_session(&session(&other, key(1, 0, 1), NOW.0), Some(replaced)).await.unwrap();
        assert_eq!(store.grants().authorization("z", NOW).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn a_changed_password_a_disabled_account_and_an_ended_session_end_every_grant() {
    let ends: [(&str, AccountChange); 4] = [
        ("password", AccountChange::Password("$argon2id$new".into())),
        ("disabled", AccountChange::Disable),
        ("unconfirmed", AccountChange::UnconfirmedEmail("new@example.com".into())),
        ("tokens", AccountChange::EndTokens(NOW)),
    ];
    for (how, change) in ends {
        both(async |store, owner| {
            begun(store, owner, None).await;
            let waiting = authorization(owner, "waiting", None);
            store.grants().add_code(&waiting, &code(TokenKey([11; 32])), None).await.unwrap();
            store.grants().add_device(&device(DEVICE, TYPED), NOW).await.unwrap();
            assert_eq!(store.grants().decide_device(&TYPED, Some(&authorization(owner, "tv", None)), NOW).await, Ok(true));
            store.change_account(Kind::Admin, owner.account.id, change.clone(), NOW).await.unwrap();
            let _ = store.change_account(Kind::Admin, owner.account.id, AccountChange::Enable, NOW).await.unwrap();
            assert_eq!(store.grants().rotate_refresh(&FIRST, &NEXT, NOW).await, Ok(Once::Never), "{how}: refresh");
            assert_eq!(store.grants().redeem_code(&TokenKey([11; 32]), None, None, NOW).await, Ok(Once::Never), "{how}: code");
            assert_eq!(store.grants().poll_device(&DEVICE, "tv", None, None, NOW).await, Ok(Polled::Never), "{how}: device");
            if how != "tokens" {
                let stale = store.grants().add_code(&waiting, &code(TokenKey([12; 32])), None).await;
                assert!(matches!(stale, Err(StoreError::Missing(_))), "{how}: {stale:?}");
            }
        })
        .await;
    }
    both(async |store, owner| {
        begun(store, owner, None).await;
        store.delete_account(Kind::Admin, owner.account.id, NOW).await.unwrap();
        assert_eq!(store.grants().authorization("z", NOW).await, Ok(None));
        assert_eq!(store.grants().refresh_token(&FIRST).await, Ok(None));
    })
    .await;
    both(async |store, owner| {
        begun(store, owner, Some(SESSION)).await;
        store.delete_sessions_of(Kind::Admin, owner.account.id, NOW).await.unwrap();
        assert_eq!(store.grants().rotate_refresh(&FIRST, &NEXT, NOW).await, Ok(Once::Never));
    })
    .await;
}

#[tokio::test]
async fn a_consent_is_remembered_and_ends_with_all_that_came_of_it() {
    both(async |store, owner| {
        let (kind, id) = (owner.account.kind, owner.account.id);
        let consent = |client: &str, scope: &str, granted: u64| Consent {
            kind,
            account: id,
            client: client.into(),
            scopes: vec![scope.into()],
            resources: Vec::new(),
            granted: Time(granted),
        };
        store.grants().put_consent(&consent("shop", "a", 1)).await.unwrap();
        store.grants().put_consent(&consent("tv", "b", 2)).await.unwrap();
        store.grants().put_consent(&consent("shop", "c", 3)).await.unwrap();
        assert_eq!(store.grants().consents_of(kind, id).await, Ok(vec![consent("shop", "c", 3), consent("tv", "b", 2)]));
        begun(store, owner, None).await;
        assert_eq!(store.grants().end_consent(kind, id, "shop").await, Ok(true));
        assert_eq!(store.grants().consent(kind, id, "shop").await, Ok(None));
        assert_eq!(store.grants().authorization("z", NOW).await, Ok(None));
        assert_eq!(store.grants().end_consent(kind, id, "shop").await, Ok(false));
        assert_eq!(store.grants().consent(kind, id, "tv").await, Ok(Some(consent("tv", "b", 2))));
        assert_eq!(store.grants().consents_of(Kind::Customer, id).await, Ok(Vec::new()));
        let nobody = Consent { account: 99, ..consent("tv", "b", 2) };
        assert!(matches!(store.grants().put_consent(&nobody).await, Err(StoreError::Missing(_))));
    })
    .await;
}

#[tokio::test]
async fn a_client_that_is_deleted_takes_along_what_it_was_allowed() {
    both(async |store, owner| {
        let client = Client {
            id: "shop".into(),
            name: "Shop".into(),
            method: ClientMethod::None,
            secret: None,
            jwks: None,
            certificate: None,
            certificate_bound: false,
            registered: None,
            redirect_uris: Vec::new(),
            post_logout_redirect_uris: Vec::new(),
            grants: Vec::new(),
            scopes: Vec::new(),
            resources: Vec::new(),
            enabled: true,
            tokens_not_before: NOW,
            created: NOW,
            updated: NOW,
        };
        store.add_client(&client).await.unwrap();
        begun(store, owner, None).await;
        let (kind, account) = (owner.account.kind, owner.account.id);
        let (scopes, resources) = (vec!["a".into()], Vec::new());
        let consent = Consent { kind, account, client: "shop".into(), scopes, resources, granted: NOW };
        store.grants().put_consent(&consent).await.unwrap();
        store.delete_client("shop").await.unwrap();
        store.add_client(&client).await.unwrap();
        assert_eq!(store.grants().authorization("z", NOW).await, Ok(None));
        assert_eq!(store.grants().rotate_refresh(&FIRST, &NEXT, NOW).await, Ok(Once::Never));
        assert_eq!(store.grants().consents_of(kind, account).await, Ok(Vec::new()));
    })
    .await;
}

#[tokio::test]
async fn a_pushed_request_is_used_once() {
    both(async |store, owner| {
        let pushed = Pushed { key: PUSHED, client: "shop".into(), parameters: "scope=a".into(), expires: SOON };
        store.grants().push_request(&pushed).await.unwrap();
        assert_eq!(store.grants().pushed_request(&PUSHED, NOW).await, Ok(Some(pushed.clone())));
        assert_eq!(store.grants().pushed_request(&PUSHED, SOON).await, Ok(None));
        assert_eq!(store.grants().take_pushed(&PUSHED, SOON).await, Ok(false));
        assert_eq!(store.grants().add_code(&authorization(owner, "z", None), &code(CODE), Some(&PUSHED)).await, Ok(true));
        assert_eq!(store.grants().add_code(&authorization(owner, "y", None), &code(NEXT), Some(&PUSHED)).await, Ok(false));
        assert_eq!(store.grants().code(&NEXT).await, Ok(None), "no code without the request");
        store.grants().push_request(&pushed).await.unwrap();
        assert_eq!(store.grants().take_pushed(&PUSHED, NOW).await, Ok(true));
        assert_eq!(store.grants().take_pushed(&PUSHED, NOW).await, Ok(false));
    })
    .await;
}

#[tokio::test]
async fn a_device_waits_for_one_decision_and_is_told_of_it_once() {
    both(async |store, owner| {
        store.grants().add_device(&device(DEVICE, TYPED), NOW).await.unwrap();
        let same = store.grants().add_device(&device(NEXT, TYPED), NOW).await;
        assert!(matches!(same, Err(StoreError::Exists(_))), "{same:?}");
        assert_eq!(store.grants().device(&TYPED, NOW).await, Ok(Some(device(DEVICE, TYPED))));
        assert_eq!(store.grants().poll_device(&DEVICE, "other", None, None, NOW).await, Ok(Polled::Never));
        assert_eq!(store.grants().poll_device(&DEVICE, "tv", None, None, NOW).await, Ok(Polled::Pending));
        let allowed = authorization(owner, "tv", None);
        assert_eq!(store.grants().decide_device(&TYPED, Some(&allowed), NOW).await, Ok(true));
        assert_eq!(store.grants().decide_device(&TYPED, None, NOW).await, Ok(false));
        assert_eq!(store.grants().device(&TYPED, NOW).await, Ok(None));
        let told = Authorization { binding: Some("jkt:x".into()), ..allowed };
        assert_eq!(
            store.grants().poll_device(&DEVICE, "tv", Some("key".into()), Some(&FIRST), NOW).await,
            Ok(Polled::Allowed(Box::new(told)))
        );
        assert_eq!(store.grants().poll_device(&DEVICE, "tv", None, Some(&NEXT), NOW).await, Ok(Polled::Never));
        assert!(store.grants().refresh_token(&FIRST).await.unwrap().is_some());
        // One that began with nothing is bound to what it shows when it asks.
        let typed = TokenKey([7; 32]);
        store.grants().add_device(&Device { binding: None, ..device(NEXT, typed) }, NOW).await.unwrap();
        let allowed = authorization(owner, "another", None);
        assert_eq!(store.grants().decide_device(&typed, Some(&allowed), NOW).await, Ok(true));
        let told = Authorization { binding: Some("key".into()), ..allowed };
        assert_eq!(
            store.grants().poll_device(&NEXT, "tv", Some("key".into()), None, NOW).await,
            Ok(Polled::Allowed(Box::new(told)))
        );
    })
    .await;
}

#[tokio::test]
async fn a_device_that_asks_too_soon_has_to_wait_longer() {
    both(async |store, _| {
        store.grants().add_device(&device(DEVICE, TYPED), NOW).await.unwrap();
        let poll = async |after: u64| store.grants().poll_device(&DEVICE, "tv", None, None, Time(NOW.0 + after)).await.unwrap();
        assert_eq!(poll(0).await, Polled::Pending);
        assert_eq!(poll(4_999).await, Polled::SlowDown);
        assert_eq!(poll(10_000).await, Polled::SlowDown, "ten seconds have to pass now");
        assert_eq!(poll(25_000).await, Polled::Pending);
        assert_eq!(store.grants().decide_device(&TYPED, None, NOW).await, Ok(true));
        assert_eq!(poll(26_000).await, Polled::Denied);
        assert_eq!(poll(60_000).await, Polled::Never);
        store.grants().add_device(&device(NEXT, TYPED), NOW).await.unwrap();
        assert_eq!(store.grants().poll_device(&NEXT, "tv", None, None, Time(NOW.0 + 600_000)).await, Ok(Polled::Expired));
        assert_eq!(store.grants().device(&TYPED, Time(NOW.0 + 600_000)).await, Ok(None));
    })
    .await;
}

#[tokio::test]
async fn what_is_over_is_forgotten() {
    both(async |store, owner| {
        store.grants().add_code(&authorization(owner, "z", None), &code(CODE), None).await.unwrap();
        store.grants().add_device(&device(DEVICE, TYPED), NOW).await.unwrap();
        let pushed = Pushed { key: PUSHED, client: "shop".into(), parameters: "scope=a".into(), expires: SOON };
        store.grants().push_request(&pushed).await.unwrap();
        assert_eq!(store.grants().purge_grants(NOW).await, Ok(0));
        assert_eq!(store.grants().purge_grants(SOON).await, Ok(2));
        assert_eq!(store.grants().code(&CODE).await, Ok(None));
        assert_eq!(store.grants().purge_grants(Time(NOW.0 + 600_000)).await, Ok(1));
    })
    .await;
}

/// What comes of fifty at once on two nodes.
macro_rules! race {
    ($stores:ident, $with:ident, |$store:ident, $n:ident| $job:expr) => {{
        let tasks: Vec<_> = (0..50_u8)
            .map(|$n| {
                let ($store, $with) = (Arc::clone(&$stores[usize::from($n) % 2]), $with.clone());
                tokio::spawn(async move { $job })
            })
            .collect();
        let mut all = Vec::new();
        for task in tasks {
            all.push(task.await.unwrap().unwrap());
        }
        all
    }};
}

fn fresh(n: u8) -> TokenKey {
    TokenKey([100 + n; 32])
}

#[tokio::test]
async fn of_fifty_at_once_exactly_one_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let stores = [1, 2].map(|_| Arc::new(Sqlite::open(&path, Options::default()).unwrap()));
    let owner = prepared(&*stores[0]).await;
    let (once, first, waiting, reference) = (CODE, FIRST, DEVICE, PUSHED);

    stores[0].grants().add_code(&authorization(&owner, "z", None), &code(CODE), None).await.unwrap();
    let codes = race!(stores, once, |store, n| store.grants().redeem_code(&once, None, Some(&fresh(n)), NOW).await);
    assert_eq!(codes.iter().filter(|it| matches!(it, Once::First(_))).count(), 1, "codes");
    assert_eq!(stores[0].grants().authorization("z", NOW).await, Ok(None), "the others ended it");

    begun(&*stores[0], &owner, None).await;
    let refreshed = race!(stores, first, |store, n| store.grants().rotate_refresh(&first, &fresh(n), NOW).await);
    assert_eq!(refreshed.iter().filter(|it| matches!(it, Once::First(_))).count(), 1, "refresh tokens");
    assert_eq!(stores[1].grants().authorization("z", NOW).await, Ok(None), "the others ended the family");

    stores[0].grants().add_device(&device(DEVICE, TYPED), NOW).await.unwrap();
    let allowed = authorization(&owner, "tv", None);
    let decided = race!(stores, allowed, |store, n| {
        let mine = Authorization { id: format!("tv{n}").into(), ..allowed };
        store.grants().decide_device(&TYPED, Some(&mine), NOW).await
    });
    assert_eq!(decided.iter().filter(|it| **it).count(), 1, "decisions");
    let told = race!(stores, waiting, |store, n| store.grants().poll_device(&waiting, "tv", None, Some(&fresh(n)), NOW).await);
    assert_eq!(told.iter().filter(|it| matches!(it, Polled::Allowed(_))).count(), 1, "device codes");

    let pushed = Pushed { key: PUSHED, client: "shop".into(), parameters: "scope=a".into(), expires: SOON };
    stores[0].grants().push_request(&pushed).await.unwrap();
    let taken = race!(stores, reference, |store, _n| store.grants().take_pushed(&reference, NOW).await);
    assert_eq!(taken.iter().filter(|it| **it).count(), 1, "pushed requests");
}
