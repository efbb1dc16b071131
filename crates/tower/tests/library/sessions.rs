//! Sessions over the layer, in both stores.

use crate::support::{House, SESSIONS, ask, ask_once, builder};
use doorward_tower::{AccountError, Directory, Doorward, NewUser, NotReady, Route};
use http::{StatusCode, header::SET_COOKIE};
use std::time::Duration;

#[tokio::test]
async fn a_session_is_made_used_and_deleted_in_memory_and_in_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    for builder in [builder().memory(), builder().sqlite(folder.path().join("doorward.db"))] {
        let house = House::of(&builder).await;
        let anna = house.sign_in("anna").await;
        let cookie = ("cookie", &*anna.cookie);
        assert_eq!(ask(house.echo(), "GET /orders", &[cookie], "").await.status, StatusCode::OK);
        let bare = ask(house.echo(), &format!("DELETE {}", anna.href), &[cookie], "").await;
        assert_eq!(bare.status, StatusCode::UNAUTHORIZED, "the token is missing");
        let token = ("x-csrf-token", &*anna.token);
        let deleted = ask(house.echo(), &format!("DELETE {}", anna.href), &[cookie, token], "").await;
        assert_eq!(deleted.status, StatusCode::NO_CONTENT);
        let after = ask(house.echo(), "GET /orders", &[cookie], "").await;
        assert_eq!(after.status, StatusCode::UNAUTHORIZED);
        assert!(after.headers[SET_COOKIE].to_str().unwrap().starts_with("doorward_admins=deleted;"), "a dead cookie is deleted");
        house.background.stop().await;
    }
}

#[tokio::test]
async fn a_session_in_a_file_outlives_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let builder = builder().sqlite(folder.path().join("doorward.db"));
    let house = House::of(&builder).await;
    let anna = house.sign_in("anna").await;
    house.background.stop().await;
    drop(house.door);
    let again = builder.open().await.unwrap();
    let background = again.start();
    assert!(again.accounts().exists("admins", "anna").await.unwrap());
    let service = tower::Layer::layer(&again.layer(), crate::support::Echo);
    let answer = ask(service, "GET /orders", &[("cookie", &anna.cookie)], "").await;
    assert_eq!(answer.json()["identity"], "admin/1");
    background.stop().await;
}

#[tokio::test]
async fn a_dead_cookie_is_deleted_on_the_answer_of_the_service() {
    let house = House::new().await;
    let answer = ask(house.echo(), "GET /open", &[("cookie", "doorward_admins=gone")], "").await;
    assert_eq!((answer.status, &*answer.json()["identity"].to_string()), (StatusCode::OK, "\"guest\""));
    assert!(answer.headers[SET_COOKIE].to_str().unwrap().starts_with("doorward_admins=deleted;"), "{:?}", answer.headers);
}

#[tokio::test]
async fn a_session_in_use_keeps_its_cookie_beside_those_of_the_service() {
    let people = Directory::customers("people").cookie_lifetime(Duration::from_secs(4));
    let rules =
        Doorward::builder().directory(Directory::admins("admins")).directory(people).resource("Example_Sales::orders", "Orders");
    let rules =
        rules.further("[passwords]\nmemory_kib = 19456\n").route(Route::get("/own").own()).route(Route::get("/open").anonymous());
    let house = House::of(&rules).await;
    let service = house.door.protect(tower::service_fn(|_: http::Request<doorward_tower::Body>| async {
        let answer = http::Response::builder().header("set-cookie", "own=1; Path=/a").header("set-cookie", "other=2");
        answer.body(String::new())
    }));
    let jane = house.sign_in("jane").await;
    // A dead one of another directory comes along, and goes.
    let cookies = format!("{}; doorward_admins=gone", jane.cookie);
    let answer = loop {
        let answer = ask(service.clone(), "GET /own", &[("cookie", &cookies)], "").await;
        assert_eq!(answer.status, StatusCode::OK);
        // A quarter of its life has to pass.
        if answer.headers.get_all(SET_COOKIE).iter().count() > 3 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let set: Vec<&str> = answer.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(set[..2], ["own=1; Path=/a", "other=2"]);
    let of = |name: &str| set.iter().filter(|cookie| cookie.starts_with(name)).copied().collect::<Vec<_>>();
    assert!(matches!(*of(&jane.cookie), [renewed] if renewed.contains("; Max-Age=4")), "{set:?}");
    assert!(matches!(*of("doorward_admins=deleted;"), [_]), "{set:?}");
    let open = ask(service, "GET /open", &[("cookie", &jane.cookie)], "").await;
    assert_eq!(open.headers.get_all(SET_COOKIE).iter().count(), 2, "what is open to everyone renews nothing");
}

#[tokio::test]
async fn a_service_sets_no_session_cookie_and_says_nothing_in_our_name() {
    let house = House::new().await;
    let service = tower::Layer::layer(
        &house.door.layer(),
        tower::service_fn(|_: http::Request<doorward_tower::Body>| async {
            http::Response::builder()
                .header("set-cookie", "doorward_admins=made-up")
                .header("set-cookie", "own=1")
                .header("doorward-identity", "admin/1")
                .body(String::new())
        }),
    );
    let answer = ask(service, "GET /open", &[], "").await;
    assert_eq!(answer.headers.get_all(SET_COOKIE).iter().collect::<Vec<_>>(), ["own=1"]);
    assert!(!answer.headers.contains_key("doorward-identity"));
}

#[tokio::test]
async fn until_it_runs_whoever_needs_a_role_waits() {
    let door = builder().open().await.unwrap();
    let accounts = door.accounts();
    accounts.put_role("clerks", &["Example_Sales::orders"]).await.unwrap();
    accounts.add(NewUser::new("admins", "anna").password("long enough for anna").role("clerks")).await.unwrap();
    let service = tower::Layer::layer(&door.layer(), crate::support::Echo);
    let anna = crate::support::sign_in(service.clone(), "anna").await;
    let cookie = [("cookie", &*anna.cookie)];
    assert_eq!(ask_once(service.clone(), "GET /orders", &cookie, "").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(matches!(door.readiness().await, Err(NotReady::Deaf)));
    let background = door.start();
    door.ready().await.unwrap();
    // A busy machine may make it deaf again for a moment.
    assert_eq!(ask(service.clone(), "GET /orders", &cookie, "").await.status, StatusCode::OK);
    background.stop().await;
    assert!(matches!((door.ready().await, door.readiness().await), (Err(NotReady::Ended), Err(NotReady::Ended))));
    let after = ask_once(service, "GET /orders", &cookie, "").await;
    assert_eq!(after.status, StatusCode::SERVICE_UNAVAILABLE, "nobody hears any more that a role was taken away");
}

#[tokio::test]
async fn accounts_and_roles_count_at_once() {
    let house = House::new().await;
    let accounts = house.door.accounts();
    let jane = house.sign_in("jane").await;
    let cookie = [("cookie", &*jane.cookie)];
    accounts.set_roles("people", "jane", &["clerks"]).await.unwrap();
    assert_eq!(ask(house.echo(), "GET /orders", &cookie, "").await.status, StatusCode::OK);
    accounts.put_role("clerks", &[]).await.unwrap();
    assert_eq!(ask(house.echo(), "GET /orders", &cookie, "").await.status, StatusCode::FORBIDDEN);
    accounts.set_enabled("people", "jane", false).await.unwrap();
    assert_eq!(ask(house.echo(), "GET /own", &cookie, "").await.status, StatusCode::UNAUTHORIZED);
    accounts.set_enabled("people", "jane", true).await.unwrap();
    accounts.set_password("people", "jane", "another one for jane").await.unwrap();
    accounts.delete("people", "jane").await.unwrap();
    assert!(!accounts.exists("people", "jane").await.unwrap());
}

#[tokio::test]
async fn what_is_wrong_with_a_new_account_is_said() {
    let house = House::new().await;
    let accounts = house.door.accounts();
    let add = async |user: NewUser| accounts.add(user).await.map(|added| added.weak);
    let error = |outcome: Result<_, AccountError>| outcome.unwrap_err().to_string();
    assert_eq!(error(add(NewUser::new("nobody", "x").password("y")).await), "the configuration has no directory nobody");
    assert_eq!(error(add(NewUser::new("admins", "x")).await), "the password is missing");
    assert_eq!(error(add(NewUser::new("admins", "x").password("")).await), "the password is empty");
    assert_eq!(error(add(NewUser::new("admins", "x").password("y").role("z")).await), "the role z does not exist");
    let implied = error(add(NewUser::new("admins", "x").password("y").role("ROLE_ADMIN")).await);
    assert!(implied.starts_with("ROLE_ADMIN is not given"), "{implied}");
    for name in ["ROLE_OAUTH2_ORDERS", "ROLE_OAUTH2_"] {
        let of_scopes = accounts.put_role(name, &["Example_Sales::orders"]).await.unwrap_err().to_string();
        assert!(of_scopes.contains("follows from the scopes of an access token"), "{of_scopes}");
    }
    assert!(error(add(NewUser::new("admins", "anna").password("long enough")).await).contains("exists already"));
    let unknown = accounts.put_role("x", &["Example_Sales::order"]).await.unwrap_err().to_string();
    assert_eq!(unknown, "the resource Example_Sales::order is in none of the configuration's files");
    assert!(add(NewUser::new("admins", "weak").password("password").email("w@shop.test")).await.unwrap().is_some());
    let new = format!("{:?}", NewUser::new("admins", "x").password("secret"));
    assert!(!new.contains("secret"), "{new}");
    let session = ask(house.echo(), &format!("GET {SESSIONS}/current"), &[], "").await;
    assert_ne!(session.status, StatusCode::OK);
}
