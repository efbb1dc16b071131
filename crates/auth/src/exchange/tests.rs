//! Whom an old application's word names, and that one old session is good for one of ours.

use super::{Before, Claim, NotExchanged};
use crate::testing::{Bench, MINUTE, PASSWORD, attempt};
use doorward_core::{
    Kind,
    ports::{AccountChange, AccountRecord, Clock, ExchangeKey, NewAccount, Store},
};
use std::{
    sync::{Arc, atomic::Ordering::SeqCst},
    time::Duration,
};

const KEY: ExchangeKey = ExchangeKey([1; 32]);

fn claim(id: Option<u64>, login: &str) -> Claim {
    Claim { id, login: login.into() }
}

/// A customer `ann`, with an address.
async fn ann(bench: &Bench) -> AccountRecord {
    let ann = bench.add(Kind::Customer, "ann").await;
    let change = AccountChange::Email(Some("ann@shop.test".into()));
    bench.store.change_account(Kind::Customer, ann.account.id, change, bench.clock.now()).await.unwrap()
}

#[tokio::test]
async fn an_id_counts_only_with_the_login_or_the_address_that_belongs_to_it() {
    let bench = Bench::new().await;
    let (ann, admin) = (ann(&bench).await.account.id, bench.add(Kind::Admin, "root").await.account.id);
    let cases = [
        (claim(Some(ann), "ANN@shop.test"), "begun"),
        (claim(Some(ann), "Ann"), "begun"),
        (claim(None, "ann"), "begun"),
        (claim(Some(ann), "bob@shop.test"), "other_account"),
        (claim(Some(ann), "root"), "other_account"),
        (claim(Some(ann), ""), "no_account"),
        (claim(None, ""), "no_account"),
        (claim(None, "bob"), "no_account"),
        // An address is no login, and without the id it could be anybody's.
        (claim(None, "ann@shop.test"), "no_account"),
        (claim(Some(ann + 1), "ann@shop.test"), "no_account"),
        (claim(Some(u64::MAX), "ann"), "no_account"),
        (claim(None, &"a".repeat(2000)), "no_account"),
        // Of another directory, whatever its id.
        (claim(None, "root"), "no_account"),
    ];
    for (n, (claim, expected)) in (0_u8..).zip(cases) {
        let outcome = bench.auth.exchange(&bench.customers, &ExchangeKey([n; 32]), &claim, "x").await;
        assert_eq!(outcome.as_ref().map_or_else(NotExchanged::code, |_| "begun"), expected, "{claim:?}");
        if let Ok(begun) = outcome {
            assert_eq!((begun.live.account().id, begun.live.account().kind), (ann, Kind::Customer));
        }
    }
    let outcome = bench.auth.exchange(&bench.customers, &KEY, &claim(Some(admin), "root"), "x").await;
    assert!(matches!(outcome, Err(NotExchanged::NoAccount | NotExchanged::OtherAccount(_))), "{outcome:?}");
}

#[tokio::test]
async fn letters_that_only_look_alike_name_nobody() {
    let bench = Bench::new().await;
    bench.add(Kind::Customer, "kim").await;
    // The Kelvin sign, whose lower case is `k`.
    let outcome = bench.auth.exchange(&bench.customers, &KEY, &claim(None, "\u{212a}im"), "x").await;
    assert_eq!(outcome.unwrap_err().code(), "other_account");
}

#[tokio::test]
async fn one_old_session_is_good_for_one_of_ours() {
    let bench = Bench::new().await;
    let ann = ann(&bench).await;
    let claim = claim(Some(ann.account.id), "ann@shop.test");
    assert!(matches!(bench.auth.exchanged(&bench.customers, &KEY).await, Ok(Before::Nothing)));
    let begun = bench.auth.exchange(&bench.customers, &KEY, &claim, "Firefox on Linux").await.unwrap();
    let found = bench.auth.find(&bench.customers, &begun.id).await.unwrap().unwrap();
    assert_eq!((&*found.session().device, found.session().factors.join(" ")), ("Firefox on Linux", "exchange".into()));
    assert_eq!(bench.auth.exchange(&bench.customers, &KEY, &claim, "x").await.unwrap_err(), NotExchanged::Spent);
    assert!(matches!(bench.auth.exchanged(&bench.customers, &KEY).await, Ok(Before::Spent)), "there is no grace");
    bench.auth.sign_out(&begun.live.key()).await.unwrap();
    for auth in [&bench.auth, &bench.another().await] {
        assert_eq!(auth.exchange(&bench.customers, &KEY, &claim, "x").await.unwrap_err(), NotExchanged::Spent);
        assert!(matches!(auth.exchanged(&bench.customers, &KEY).await, Ok(Before::Spent)));
    }
}

#[tokio::test]
async fn requests_on_their_way_are_carried_over_on_every_node_until_the_grace_or_the_session_ends() {
    let bench = Bench::new().await;
    let other = bench.another().await;
    let ann = ann(&bench).await;
    let claim = claim(Some(ann.account.id), "ann");
    bench.auth.set_grace(Duration::from_secs(30));
    let begun = bench.auth.exchange(&bench.customers, &KEY, &claim, "x").await.unwrap();
    for auth in [&bench.auth, &other] {
        let Ok(Before::Carried(live)) = auth.exchanged(&bench.customers, &KEY).await else { panic!("it is carried") };
        assert_eq!(live.key(), begun.live.key());
        assert!(matches!(auth.exchanged(&bench.admins, &KEY).await, Ok(Before::Spent)), "it is of another directory");
    }
    bench.clock.advance(MINUTE);
    assert!(matches!(bench.auth.exchanged(&bench.customers, &KEY).await, Ok(Before::Spent)));

    let second = ExchangeKey([2; 32]);
    let begun = bench.auth.exchange(&bench.customers, &second, &claim, "x").await.unwrap();
    bench.auth.sign_out(&begun.live.key()).await.unwrap();
    assert!(matches!(bench.auth.exchanged(&bench.customers, &second).await, Ok(Before::Spent)), "it ended with its session");
}

#[tokio::test]
async fn what_was_ended_here_is_over_there_too() {
    for ends in ["disabled", "enabled again", "password", "sessions", "tokens", "deleted"] {
        let bench = Bench::new().await;
        let ann = ann(&bench).await;
        let id = ann.account.id;
        match ends {
            "disabled" => bench.change(Kind::Customer, id, AccountChange::Disable).await,
            "enabled again" => {
                bench.change(Kind::Customer, id, AccountChange::Disable).await;
                bench.change(Kind::Customer, id, AccountChange::Enable).await;
            }
            "password" => bench.change(Kind::Customer, id, AccountChange::Password("$argon2id$x".into())).await,
            "sessions" => drop(bench.store.delete_sessions_of(Kind::Customer, id, bench.clock.now()).await.unwrap()),
            "tokens" => bench.change(Kind::Customer, id, AccountChange::EndTokens(bench.clock.now())).await,
            _ => bench.store.delete_account(Kind::Customer, id, bench.clock.now()).await.unwrap(),
        }
        let outcome = bench.auth.exchange(&bench.customers, &KEY, &claim(Some(id), "ann"), "x").await.unwrap_err();
        let expected = match ends {
            "disabled" => "disabled",
            "deleted" => "no_account",
            _ => "ended_here",
        };
        assert_eq!(outcome.code(), expected, "{ends}");
        assert_eq!(bench.store.session_count().await.unwrap(), 0, "{ends}");
    }
}

#[tokio::test]
async fn signing_in_and_out_elsewhere_ends_nothing_but_what_is_spent() {
    let bench = Bench::new().await;
    let ann = ann(&bench).await;
    let claim = claim(Some(ann.account.id), "ann");
    let signed_in = bench.auth.sign_in(&[Arc::clone(&bench.customers)], attempt("ann", PASSWORD), None).await.unwrap();
    bench.auth.spend(&[KEY]).await.unwrap();
    bench.auth.sign_out(&signed_in.live.key()).await.unwrap();
    assert_eq!(bench.auth.exchange(&bench.customers, &KEY, &claim, "x").await.unwrap_err(), NotExchanged::Spent);
    assert!(bench.auth.exchange(&bench.customers, &ExchangeKey([2; 32]), &claim, "x").await.is_ok(), "of another browser");
}

#[tokio::test]
async fn whoever_may_not_sign_in_by_password_does_not_by_an_old_session() {
    let bench = Bench::new().await;
    let new = NewAccount {
        directory: Arc::clone(&bench.customers.name),
        kind: Kind::Customer,
        id: None,
        login: "new".into(),
        email: None,
        password: None,
        roles: Vec::new(),
        per_website: false,
        membership: None,
        confirmed: false,
        profile: "{}".into(),
    };
    bench.store.add_account(new, bench.clock.now()).await.unwrap();
    let outcome = bench.auth.exchange(&bench.customers, &KEY, &claim(None, "new"), "x").await;
    assert_eq!(outcome.unwrap_err().code(), "disabled");
}

#[tokio::test]
async fn a_store_that_is_away_is_an_error_and_spends_nothing() {
    let bench = Bench::new().await;
    ann(&bench).await;
    bench.store.away.store(true, SeqCst);
    assert!(bench.auth.exchanged(&bench.customers, &KEY).await.is_err());
    assert!(bench.auth.spend(&[KEY]).await.is_err());
    assert_eq!(bench.auth.exchange(&bench.customers, &KEY, &claim(None, "ann"), "x").await.unwrap_err().code(), "unavailable");
    bench.store.away.store(false, SeqCst);
    assert!(bench.auth.exchange(&bench.customers, &KEY, &claim(None, "ann"), "x").await.is_ok());
}

#[tokio::test]
async fn what_is_spent_is_remembered_for_longer_than_a_cookie_lasts() {
    let bench = Bench::new().await;
    bench.auth.spend(&[KEY]).await.unwrap();
    bench.clock.advance(Duration::from_secs(399 * 86_400));
    bench.auth.purge().await;
    assert!(matches!(bench.auth.exchanged(&bench.customers, &KEY).await, Ok(Before::Spent)));
    bench.clock.advance(Duration::from_secs(2 * 86_400));
    bench.auth.purge().await;
    assert!(matches!(bench.auth.exchanged(&bench.customers, &KEY).await, Ok(Before::Nothing)));
}
