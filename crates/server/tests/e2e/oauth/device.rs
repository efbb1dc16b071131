//! Devices without a browser (RFC 8628).

use super::{
    add,
    people::{PASSWORD, Play, cookie, encode, field},
    post, refused,
};
use crate::support::{Session, client::Reply, eventually};
use serde_json::Value;
use std::thread;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn play() -> Play {
    with_telly(Play::new())
}

fn with_telly(play: Play) -> Play {
    add(
        &play.site,
        "tv",
        &["--public", "--name", "The Telly", "--grant", "device_code", "--grant", "refresh_token", "--scope", "orders"],
    );
    play
}

fn begin(play: &Play) -> Value {
    let reply = post(&play.server, "/device_authorization", "", "client_id=tv&scope=orders");
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{reply:?}");
    reply.json()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name}: {value}"))
}

fn poll(play: &Play, begun: &Value) -> Reply {
    post(
        &play.server,
        "/token",
        "",
        &format!("grant_type={}&client_id=tv&device_code={}", encode(GRANT), text(begun, "device_code")),
    )
}

/// Types the code, and presses the button.
pub(super) fn decide(play: &Play, who: &Session, code: &str, decision: &str) -> Reply {
    let page = play.open("/device", Some(who));
    let form = format!("_csrf_token={}&user_code={}", encode(&field(&page, "_csrf_token")), encode(code));
    let asked = post(&play.server, "/device", &cookie(Some(who)), &form);
    if asked.status != 200 {
        return asked;
    }
    assert!(asked.body.contains("The Telly") && asked.body.contains("See your orders"), "{asked:?}");
    let form = format!(
        "_csrf_token={}&user_code={}&decision={decision}",
        encode(&field(&asked, "_csrf_token")),
        encode(&field(&asked, "user_code"))
    );
    post(&play.server, "/device", &cookie(Some(who)), &form)
}

#[test]
fn a_person_connects_a_device_and_it_gets_tokens_once() {
    let play = play();
    let jane = play.jane();
    let begun = begin(&play);
    let code = text(&begun, "user_code");
    assert_eq!(
        (&begun["interval"], text(&begun, "verification_uri")),
        (&5.into(), &*format!("http://{}/device", play.server.public))
    );
    refused(&poll(&play, &begun), 400, "authorization_pending");
    // However busy the machine is, it asks too soon in the end.
    let slower = eventually("slow_down", || Some(poll(&play, &begun)).filter(|it| it.json()["error"] == "slow_down"));
    refused(&slower, 400, "slow_down");
    let link = text(&begun, "verification_uri_complete").split_once("/device").unwrap().1;
    let page = play.open(&format!("/device{link}"), Some(&jane));
    assert!(page.status == 200 && page.body.contains(code), "the code is typed already, and nothing is decided: {page:?}");
    assert_eq!(decide(&play, &jane, &code.to_lowercase().replace('-', " "), "allow").status, 200);
    let codes: Vec<Reply> = thread::scope(|scope| {
        let all: Vec<_> = (0..50).map(|_| scope.spawn(|| poll(&play, &begun))).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let told: Vec<&Reply> = codes.iter().filter(|reply| reply.status == 200).collect();
    assert_eq!(told.len(), 1, "{codes:?}");
    let tokens = told[0].json();
    assert_eq!(text(&tokens, "scope"), "orders");
    let renewed = post(
        &play.server,
        "/token",
        "",
        &format!("grant_type=refresh_token&client_id=tv&refresh_token={}", text(&tokens, "refresh_token")),
    );
    assert_eq!(renewed.status, 200, "{renewed:?}");
    assert_eq!(decide(&play, &jane, code, "allow").status, 400, "it is decided");
}

#[test]
fn a_device_that_nobody_allows_gets_nothing() {
    let play = play();
    let jane = play.jane();
    let begun = begin(&play);
    assert_eq!(decide(&play, &jane, text(&begun, "user_code"), "deny").status, 200);
    refused(&poll(&play, &begun), 400, "access_denied");
    refused(&poll(&play, &begun), 400, "invalid_grant");
    let body =
        |client: &str| format!("grant_type={}&client_id={client}&device_code={}", encode(GRANT), text(&begun, "device_code"));
    add(&play.site, "other", &["--public", "--grant", "device_code", "--scope", "orders"]);
    refused(&post(&play.server, "/token", "", &body("other")), 400, "invalid_grant");
    refused(&post(&play.server, "/device_authorization", "", "client_id=nobody"), 401, "invalid_client");
    refused(&post(&play.server, "/device_authorization", "", "client_id=tv&scope=default"), 400, "invalid_scope");
}

/// Keycloak checked a lock where the grant begins, and not where it ends.
#[test]
fn cve_2026_88770_an_account_that_was_disabled_meanwhile_gets_no_tokens() {
    let play = play();
    let jane = play.jane();
    let begun = begin(&play);
    assert_eq!(decide(&play, &jane, text(&begun, "user_code"), "allow").status, 200);
    play.site.ok(&["user", "disable", "customers/jane"], "");
    refused(&poll(&play, &begun), 400, "invalid_grant");
}

#[test]
fn a_code_is_typed_by_whoever_is_signed_in_and_in_their_own_form() {
    let play = play();
    let begun = begin(&play);
    let code = text(&begun, "user_code");
    let guest = play.open(&format!("/device?user_code={code}"), None);
    assert!(
        guest.status == 303 && guest.header("location").unwrap().contains(&encode(&format!("/device?user_code={code}"))),
        "{guest:?}"
    );
    play.site.user("customers/eve", PASSWORD, &[]);
    let (jane, eve) = (play.jane(), play.server.sign_in("eve", PASSWORD));
    let token = encode(&field(&play.open("/device", Some(&eve)), "_csrf_token"));
    let forged =
        post(&play.server, "/device", &cookie(Some(&jane)), &format!("_csrf_token={token}&user_code={code}&decision=allow"));
    assert_eq!(forged.status, 400, "{forged:?}");
    refused(&poll(&play, &begun), 400, "authorization_pending");
}

#[test]
fn whoever_guesses_codes_has_to_wait() {
    let play = with_telly(Play::within("[sign_in]\naddress_failures = 5\n"));
    let jane = play.jane();
    let token = encode(&field(&play.open("/device", Some(&jane)), "_csrf_token"));
    let guess =
        |code: &str| post(&play.server, "/device", &cookie(Some(&jane)), &format!("_csrf_token={token}&user_code={code}"));
    let wrong = guess("BBBB-BBBB");
    assert!(wrong.status == 400 && wrong.body.contains("no such code"), "{wrong:?}");
    let stopped = eventually("too many", || Some(guess("BCDF-GHJK")).filter(|reply| reply.status == 429));
    assert!(stopped.header("retry-after").is_some(), "{stopped:?}");
    let begun = begin_elsewhere(&play);
    assert_eq!(begun.status, 429, "clients of that network wait, too");
}

fn begin_elsewhere(play: &Play) -> Reply {
    post(&play.server, "/device_authorization", "", "client_id=tv&scope=orders")
}
