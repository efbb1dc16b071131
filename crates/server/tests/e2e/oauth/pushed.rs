//! Pushed authorization requests (RFC 9126).

use super::{
    add, pair,
    people::{Play, REDIRECT, encode, parameter, request},
    post, refused,
};
use crate::support::client::Reply;

fn push(play: &Play, other: &[(&str, &str)]) -> Reply {
    post(&play.server, "/par", &pair("shop", &play.secret), &request(other))
}

fn reference(reply: &Reply) -> String {
    assert_eq!((reply.status, reply.header("cache-control")), (201, Some("no-store")), "{reply:?}");
    assert!(reply.json()["expires_in"].is_u64());
    reply.json()["request_uri"].as_str().unwrap().to_owned()
}

#[test]
fn a_pushed_request_is_answered_once_as_it_was_pushed() {
    let play = Play::new();
    let jane = play.jane();
    let uri = reference(&push(&play, &[("scope", "orders")]));
    // What the browser brings besides does not count.
    let query = format!("client_id=shop&request_uri={}&scope=default&redirect_uri=https://evil.example/", encode(&uri));
    let page = play.open(&format!("/authorize?{query}"), Some(&jane));
    assert!(page.status == 200 && page.body.contains("See your orders") && !page.body.contains("Use this service"), "{page:?}");
    let reply = play.decide(&query, &jane, "allow");
    assert!(reply.header("location").unwrap().starts_with(REDIRECT), "{reply:?}");
    let code = parameter(&reply, "code").unwrap();
    assert_eq!(play.redeem(&code).status, 200);
    let again = play.open(&format!("/authorize?{query}"), Some(&jane));
    assert_eq!((again.status, again.header("location")), (400, None), "{again:?}");
    // A no uses it up, too.
    let uri = reference(&push(&play, &[("scope", "default")]));
    let query = format!("client_id=shop&request_uri={}", encode(&uri));
    assert_eq!(parameter(&play.decide(&query, &jane, "deny"), "error").as_deref(), Some("access_denied"));
    assert_eq!(play.open(&format!("/authorize?{query}"), Some(&jane)).status, 400);
    assert!(!play.server.log().contains(uri.rsplit(':').next().unwrap()), "a reference is a secret until it is used");
}

#[test]
fn a_pushed_request_is_for_its_client_alone_and_judged_at_once() {
    let play = Play::new();
    let jane = play.jane();
    add(&play.site, "other", &["--redirect-uri", REDIRECT]);
    let uri = reference(&push(&play, &[]));
    let stolen = play.open(&format!("/authorize?client_id=other&request_uri={}", encode(&uri)), Some(&jane));
    assert_eq!((stolen.status, stolen.header("location")), (400, None), "{stolen:?}");
    refused(&push(&play, &[("redirect_uri", "https://evil.example/")]), 400, "invalid_request");
    refused(&push(&play, &[("code_challenge_method", "plain")]), 400, "invalid_request");
    refused(&push(&play, &[("scope", "admin")]), 400, "invalid_scope");
    refused(&push(&play, &[("response_type", "token")]), 400, "unsupported_response_type");
    refused(&push(&play, &[("resource", "https://elsewhere.example/")]), 400, "invalid_target");
    refused(&push(&play, &[("request_uri", &uri)]), 400, "invalid_request");
    refused(&push(&play, &[("request", "x.y.z")]), 400, "request_not_supported");
    refused(&post(&play.server, "/par", &pair("shop", "wrong"), &request(&[])), 401, "invalid_client");
    assert_eq!(play.server.get("/par", "").status, 405);
}

#[test]
fn a_request_that_was_not_pushed_is_refused_where_that_is_demanded() {
    let play = Play::set("require_pushed_requests = true\n");
    let jane = play.jane();
    let said = play.open("/.well-known/oauth-authorization-server", None).json();
    assert_eq!(said["require_pushed_authorization_requests"], true, "{said}");
    // Neither what the browser brings itself, nor a reference to somewhere else, whether somebody is signed in or not.
    for query in [request(&[]), request(&[("request_uri", "https://app.example.com/request")]), request(&[("prompt", "none")])] {
        for who in [Some(&jane), None] {
            let reply = play.open(&format!("/authorize?{query}"), who);
            assert_eq!((reply.status, reply.header("location")), (400, None), "{query}: {reply:?}");
        }
    }
    let uri = reference(&push(&play, &[]));
    let reply = play.decide(&format!("client_id=shop&request_uri={}", encode(&uri)), &jane, "allow");
    assert_eq!(play.redeem(&parameter(&reply, "code").unwrap()).status, 200);
}
