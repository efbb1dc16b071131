//! OpenID Connect: who signed in, and signing out at an application's wish.

use super::{
    part,
    people::{Play, cookie, encode, parameter},
};
use crate::support::client::Reply;

fn userinfo(play: &Play, token: &str) -> Reply {
    play.server.get("/userinfo", &format!("Authorization: Bearer {token}\r\n"))
}

#[test]
fn an_application_learns_what_was_allowed_and_no_more() {
    let play = Play::new();
    play.site.ok(
        &["user", "add", "customers/anna@example.com", "--email", "anna@example.com", "--password-stdin"],
        super::people::PASSWORD,
    );
    let anna = play.server.sign_in("anna@example.com", super::people::PASSWORD);
    let tokens = play.tokens(&anna, "openid profile email");
    let access = tokens["access_token"].as_str().unwrap();
    let reply = userinfo(&play, access);
    assert_eq!((reply.status, reply.header("cache-control")), (200, Some("no-store")), "{reply:?}");
    let said = reply.json();
    assert_eq!(said["sub"], part(tokens["id_token"].as_str().unwrap(), 1)["sub"]);
    assert_eq!(
        (said["preferred_username"].as_str(), said["email"].as_str()),
        (Some("anna@example.com"), Some("anna@example.com"))
    );
    let jane = play.jane();
    let less = play.tokens(&jane, "openid");
    let said = userinfo(&play, less["access_token"].as_str().unwrap()).json();
    assert_eq!(said.as_object().unwrap().keys().collect::<Vec<_>>(), ["sub"], "{said}");
    let none = userinfo(&play, play.tokens(&jane, "orders")["access_token"].as_str().unwrap());
    assert_eq!(none.status, 403, "{none:?}");
    assert!(none.header("www-authenticate").unwrap().contains("insufficient_scope"), "{none:?}");
}

#[test]
fn other_tokens_and_what_has_ended_say_nothing() {
    let play = Play::new();
    let jane = play.jane();
    let tokens = play.tokens(&jane, "openid");
    let (access, id) = (tokens["access_token"].as_str().unwrap(), tokens["id_token"].as_str().unwrap());
    let refused = |reply: &Reply| {
        assert_eq!(reply.status, 401, "{reply:?}");
        assert!(reply.header("www-authenticate").unwrap().starts_with("Bearer"), "{reply:?}");
    };
    let (head, rest) = access.split_once('.').unwrap();
    for wrong in
        [id, tokens["refresh_token"].as_str().unwrap(), "x", &format!("eyJhbGciOiJub25lIn0.{rest}"), &format!("{head}.{rest}x")]
    {
        refused(&userinfo(&play, wrong));
    }
    refused(&play.server.get("/userinfo", ""));
    refused(&play.server.get(&format!("/userinfo?access_token={access}"), ""));
    assert_eq!(userinfo(&play, access).status, 200);
    let end = format!("{}X-CSRF-Token: {}\r\n", cookie(Some(&jane)), jane.token);
    assert_eq!(play.server.send("DELETE", &format!("/api/ibexa/v2/user/sessions/{}", jane.id), &end, "").status, 204);
    refused(&userinfo(&play, access));
}

#[test]
fn an_application_signs_a_person_out_by_its_id_token_and_goes_where_it_registered() {
    let play = Play::new();
    let jane = play.jane();
    let id = play.tokens(&jane, "openid")["id_token"].as_str().unwrap().to_owned();
    let bye = encode("https://app.example.com/bye");
    let live = || play.open("/account/applications", Some(&jane)).status == 200;
    // Somewhere else, or by a token that anybody could write, is nowhere (ASVS 10.6.2).
    for query in [
        format!("id_token_hint={id}&post_logout_redirect_uri={}", encode("https://evil.example/bye")),
        format!("id_token_hint={id}&post_logout_redirect_uri={}", encode("https://app.example.com/bye/")),
        format!("id_token_hint={id}x&post_logout_redirect_uri={bye}"),
        format!("id_token_hint={id}&client_id=other&post_logout_redirect_uri={bye}"),
        format!("post_logout_redirect_uri={bye}"),
    ] {
        let reply = play.open(&format!("/end-session?{query}"), Some(&jane));
        assert_eq!((reply.status, reply.header("location")), (400, None), "{query}: {reply:?}");
        assert!(live(), "{query}");
    }
    // Whoever does not say whose session it is gets a page that asks.
    let asked = play.open(&format!("/end-session?client_id=shop&post_logout_redirect_uri={bye}"), Some(&jane));
    assert!(asked.status == 200 && asked.body.contains("Sign out?") && live(), "{asked:?}");
    let another = play.jane();
    assert!(play.open(&format!("/end-session?id_token_hint={id}"), Some(&another)).body.contains("Sign out?"));
    let reply = play.open(&format!("/end-session?id_token_hint={id}&post_logout_redirect_uri={bye}&state=s"), Some(&jane));
    assert_eq!(reply.status, 303, "{reply:?}");
    assert_eq!(reply.header("location"), Some("https://app.example.com/bye?state=s"));
    assert!(!live());
}

#[test]
fn a_hint_of_another_person_asks_for_that_person() {
    let play = Play::new();
    play.site.user("customers/eve", super::people::PASSWORD, &[]);
    let (jane, eve) = (play.jane(), play.server.sign_in("eve", super::people::PASSWORD));
    let id = play.tokens(&jane, "openid")["id_token"].as_str().unwrap().to_owned();
    play.code(&eve, "openid");
    let query = super::people::request(&[("scope", "openid"), ("prompt", "none"), ("id_token_hint", &id)]);
    let reply = play.open(&format!("/authorize?{query}"), Some(&eve));
    assert_eq!(parameter(&reply, "error").as_deref(), Some("login_required"), "{reply:?}");
    let reply = play.open(&format!("/authorize?{query}"), Some(&jane));
    assert!(parameter(&reply, "code").is_some(), "{reply:?}");
}
