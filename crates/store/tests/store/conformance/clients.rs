//! Clients of the authorization server, and what may be used once.

use super::*;
use doorward_core::ports::{Client, ClientChange, ClientMethod, Grant, Registering, RegistrationToken, SpentUse};

judge!(
    keeps_clients_as_they_are,
    a_client_that_may_do_nothing_has_no_tokens,
    spends_once_for_each_use,
    an_access_token_ends_before_its_time,
    a_registration_token_is_good_for_so_many_clients_and_so_long,
);

fn client(id: &str) -> Client {
    Client {
        id: id.into(),
        name: "Shop \"front\"".into(),
        method: ClientMethod::SecretBasic,
        secret: Some("sha256:00".into()),
        jwks: None,
        certificate: None,
        certificate_bound: false,
        registered: None,
        redirect_uris: vec!["https://shop.example.com/back".into(), "http://127.0.0.1/back".into()],
        post_logout_redirect_uris: vec!["https://shop.example.com/".into()],
        grants: vec![Grant::ClientCredentials, Grant::AuthorizationCode],
        scopes: vec!["default".into(), "orders".into()],
        resources: vec!["https://orders.example.com".into()],
        enabled: true,
        tokens_not_before: NOW,
        created: NOW,
        updated: NOW,
    }
}

async fn keeps_clients_as_they_are(store: &dyn Store) {
    let before = store.last_change().await.unwrap();
    store.add_client(&client("shop")).await.unwrap();
    store.add_client(&client("app")).await.unwrap();
    assert_eq!(store.client("shop").await.unwrap(), Some(client("shop")));
    assert_eq!(store.client("Shop").await.unwrap(), None, "ids are compared letter for letter");
    assert_eq!(store.clients().await.unwrap(), [client("app"), client("shop")]);
    assert!(matches!(store.add_client(&client("shop")).await, Err(StoreError::Exists(_))));
    assert!(matches!(store.add_client(&client("customer/42")).await, Err(StoreError::Unfit(_))));
    let later = Time(NOW.0 + 5000);
    let change =
        ClientChange { secret: Some("sha256:11".into()), scopes: Some(vec!["orders".into()]), ..ClientChange::default() };
    let changed = store.change_client("shop", change, later).await.unwrap();
    let expected = Client { secret: Some("sha256:11".into()), scopes: vec!["orders".into()], updated: later, ..client("shop") };
    assert_eq!(changed, expected);
    assert_eq!(store.client("shop").await.unwrap(), Some(expected));
    let bound = ClientChange {
        certificate: Some("san_dns:shop.example.com".into()),
        certificate_bound: Some(true),
        ..ClientChange::default()
    };
    let changed = store.change_client("shop", bound, later).await.unwrap();
    assert_eq!((changed.certificate.as_deref(), changed.certificate_bound), (Some("san_dns:shop.example.com"), true));
    assert_eq!(store.client("shop").await.unwrap(), Some(changed));
    store.delete_client("app").await.unwrap();
    assert_eq!(store.client("app").await.unwrap(), None);
    assert!(matches!(store.delete_client("app").await, Err(StoreError::Missing(_))));
    assert!(matches!(store.change_client("app", ClientChange::default(), NOW).await, Err(StoreError::Missing(_))));
    let said = |id: &str, deed| Changed::Client(id.into(), deed);
    let expected = [
        said("shop", Deed::Added),
        said("app", Deed::Added),
        said("shop", Deed::Password),
        said("shop", Deed::Changed),
        said("app", Deed::Deleted),
    ];
    assert_eq!(news(store, before).await, expected);
    assert!(!format!("{:?}", client("x")).contains("sha256"), "no hash is shown");
}

async fn a_client_that_may_do_nothing_has_no_tokens(store: &dyn Store) {
    store.add_client(&client("shop")).await.unwrap();
    let set = |enabled| ClientChange { enabled: Some(enabled), ..ClientChange::default() };
    let later = Time(NOW.0 + 5000);
    let off = store.change_client("shop", set(false), later).await.unwrap();
    assert!(!off.enabled && !off.upholds(Time(later.0 + 1)));
    let on = store.change_client("shop", set(true), Time(later.0 + 5)).await.unwrap();
    assert!(!on.upholds(Time(NOW.0 + 1)), "what it had does not come back");
    assert!(on.upholds(Time(later.0 + 1)));
    let end = ClientChange { end_tokens: true, ..ClientChange::default() };
    assert!(!store.change_client("shop", end, Time(later.0 + 9)).await.unwrap().upholds(Time(later.0 + 9)));
    let said: Vec<Changed> = news(store, 0).await;
    let deeds = [Deed::Added, Deed::Disabled, Deed::Enabled, Deed::Tokens];
    assert_eq!(said, deeds.map(|deed| Changed::Client("shop".into(), deed)));
}

async fn spends_once_for_each_use(store: &dyn Store) {
    let (until, over) = (Time(NOW.0 + 60), Time(NOW.0 + 61));
    assert_eq!(store.spend(SpentUse::ClientAssertion, &[1; 32], until, NOW).await, Ok(true));
    assert_eq!(store.spend(SpentUse::ClientAssertion, &[1; 32], until, NOW).await, Ok(false));
    assert_eq!(store.spend(SpentUse::ClientAssertion, &[1; 32], until, until).await, Ok(false), "up to its last moment");
    // CVE-2026-4325: what may be used once is apart for each use.
    assert_eq!(store.spend(SpentUse::DpopProof, &[1; 32], until, NOW).await, Ok(true));
    assert_eq!(store.spend(SpentUse::ClientAssertion, &[2; 32], until, NOW).await, Ok(true));
    assert_eq!(store.spend(SpentUse::ClientAssertion, &[1; 32], Time(over.0 + 60), over).await, Ok(true), "it was over");
    assert_eq!(store.purge_spent(over).await, Ok(2));
    assert_eq!(store.spend(SpentUse::ClientAssertion, &[1; 32], until, over).await, Ok(false), "it was not forgotten");
}

async fn an_access_token_ends_before_its_time(store: &dyn Store) {
    let before = store.last_change().await.unwrap();
    let (one, other) = (TokenKey([1; 32]), TokenKey([2; 32]));
    store.revoke_access_token(&one, Time(NOW.0 + 60)).await.unwrap();
    store.revoke_access_token(&one, Time(NOW.0 + 60)).await.unwrap();
    assert_eq!(store.access_token_is_revoked(&one).await, Ok(true));
    assert_eq!(store.access_token_is_revoked(&other).await, Ok(false));
    assert_eq!(news(store, before).await, [Changed::AccessToken(one)], "said once");
    assert_eq!(store.purge_spent(Time(NOW.0 + 60)).await, Ok(0), "it would still live");
    assert_eq!(store.purge_spent(Time(NOW.0 + 61)).await, Ok(1));
}

#[tokio::test]
async fn of_fifty_that_spend_the_same_at_once_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    let open = || Arc::new(doorward_store::Sqlite::open(&path, doorward_store::Options::default()).unwrap());
    // Two nodes on one database.
    let nodes: [Arc<dyn Store>; 2] = [open(), open()];
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..50 {
        let node = Arc::clone(&nodes[n % 2]);
        tasks.spawn(async move { node.spend(SpentUse::ClientAssertion, &[3; 32], Time(NOW.0 + 60), NOW).await.unwrap() });
    }
    let spent = tasks.join_all().await.into_iter().filter(|spent| *spent).count();
    assert_eq!(spent, 1);
}

async fn a_registration_token_is_good_for_so_many_clients_and_so_long(store: &dyn Store) {
    let (key, until) = (TokenKey([7; 32]), Time(NOW.0 + 1000));
    let token = RegistrationToken {
        id: "t".into(),
        key,
        name: "Partners".into(),
        scopes: vec!["orders".into()],
        left: 2,
        created: NOW,
        expires: until,
    };
    store.add_registration_token(&token).await.unwrap();
    assert_eq!(store.registration_token(&key, NOW).await.unwrap(), Some(token.clone()));
    assert_eq!(store.registration_token(&key, until).await.unwrap(), None);
    assert_eq!(store.registration_token(&TokenKey([8; 32]), NOW).await.unwrap(), None);
    let registered = |id: &str| Client { registered: Some("t".into()), ..client(id) };
    let register = async |id: &str, most, now| store.register_client(&registered(id), &key, most, now).await;
    store.add_client(&client("made")).await.unwrap();
    assert_eq!(register("one", 1, NOW).await.unwrap(), Registering::Done);
    assert_eq!(register("two", 1, NOW).await.unwrap(), Registering::Full);
    assert!(matches!(register("one", 9, NOW).await, Err(StoreError::Exists(_))));
    assert_eq!(
        store.registration_tokens().await.unwrap(),
        [RegistrationToken { left: 1, ..token.clone() }],
        "nothing was used up"
    );
    assert_eq!(register("two", 9, until).await.unwrap(), Registering::Never);
    assert_eq!(register("two", 9, NOW).await.unwrap(), Registering::Done);
    assert_eq!(register("three", 9, NOW).await.unwrap(), Registering::Never);
    assert_eq!(store.client("two").await.unwrap(), Some(registered("two")));
    assert_eq!(store.registration_token(&key, NOW).await.unwrap(), None);
    store.delete_registration_token("t").await.unwrap();
    assert!(matches!(store.delete_registration_token("t").await, Err(StoreError::Missing(_))));
}
