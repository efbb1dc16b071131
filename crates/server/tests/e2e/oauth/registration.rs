//! Clients that register themselves (RFC 7591).

use super::{
    people::{PASSWORD, Play},
    post,
};
use crate::support::{Server, Site, client::Reply, python::run_by_node};
use serde_json::{Value, json};

const ON: &str = "registration = [\"authorization_code\", \"refresh_token\"]\n";

/// A token for so many clients.
fn token(site: &Site, uses: &str, more: &[&str]) -> String {
    let arguments = [&["client", "registration-token", "add", "--uses", uses, "--json"], more].concat();
    site.ok(&arguments, "").json()["token"].as_str().unwrap().to_owned()
}

fn register(server: &Server, token: Option<&str>, body: &Value) -> Reply {
    let bearer = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
    server.send("POST", "/register", &format!("Content-Type: application/json\r\n{bearer}"), &body.to_string())
}

#[test]
fn openid_client_registers_an_application_and_gets_tokens_for_a_person() {
    let play = Play::set(ON);
    let scopes = ["--scope", "openid", "--scope", "orders", "--scope", "offline_access"];
    let token = token(&play.site, "1", &scopes);
    run_by_node("oauth_register.mjs", &play.server, &[&*token, "jane", PASSWORD], 7);
    assert!(play.server.logged("action=client_registered").contains("identity=client/reg-"));
    assert!(!play.server.log().contains(&token), "no token is logged");
}

#[test]
fn nobody_registers_where_it_is_not_turned_on() {
    let play = Play::new();
    assert_eq!(register(&play.server, Some("x"), &json!({})).status, 404);
    assert_eq!(play.server.get("/.well-known/oauth-authorization-server", "").json().get("registration_endpoint"), None);
    let output = play.site.run(&["client", "registration-token", "add"], "");
    assert!(output.code == 1 && output.err.contains("`registration`"), "{output:?}");
}

#[test]
fn security_10_4_7_a_client_registers_with_a_token_and_within_bounds() {
    let play = Play::set(&format!("{ON}registration_limit = 2\n"));
    let (site, server) = (&play.site, &play.server);
    let body = json!({ "redirect_uris": ["https://new.example.com/back"] });
    // RFC 6750 3: whoever showed nothing is told nothing.
    for (token, challenge) in [(None, "Bearer"), (Some("guess"), "Bearer error=\"invalid_token\"")] {
        let reply = register(server, token, &body);
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some(challenge)), "{reply:?}");
    }
    let token = token(site, "3", &[]);
    for (body, error) in [
        (json!({ "redirect_uris": ["javascript:alert(1)"] }), "invalid_redirect_uri"),
        (json!({}), "invalid_redirect_uri"),
        (json!({ "redirect_uris": ["https://a.example/"], "grant_types": ["client_credentials"] }), "invalid_client_metadata"),
        (json!({ "redirect_uris": ["https://a.example/"], "scope": "orders" }), "invalid_client_metadata"),
        (json!({ "redirect_uris": ["https://a.example/"], "logo_uri": "data:image/png,x" }), "invalid_client_metadata"),
        (json!({ "redirect_uris": ["https://a.example/"], "jwks_uri": "http://127.0.0.1:1/" }), "invalid_client_metadata"),
        (json!([]), "invalid_client_metadata"),
    ] {
        let reply = register(server, Some(&token), &body);
        assert_eq!((reply.status, &reply.json()["error"]), (400, &error.into()), "{body}: {reply:?}");
    }
    let form = post(server, "/register", &format!("Authorization: Bearer {token}\r\n"), "a=b");
    assert_eq!((form.status, &form.json()["error"]), (400, &"invalid_client_metadata".into()), "{form:?}");
    assert_eq!(server.get("/register", "").status, 405);

    let reply = register(server, Some(&token), &body);
    assert_eq!((reply.status, reply.header("cache-control")), (201, Some("no-store")), "{reply:?}");
    let said = reply.json();
    let id = said["client_id"].as_str().unwrap();
    let shown = site.ok(&["client", "show", id, "--json"], "");
    assert_eq!(shown.json()["scopes"], json!(["default"]));
    assert!(shown.json()["registered"].is_string(), "{shown:?}");
    let listed = site.ok(&["client", "registration-token", "list", "--json"], "");
    assert_eq!(listed.json()[0]["left"], 2);
    assert!(!listed.out.contains(&token));
    let body_of_store = std::fs::read(site.path().join("doorward.db")).unwrap();
    assert!(!body_of_store.windows(token.len()).any(|window| window == token.as_bytes()), "it stands in the store");

    assert_eq!(register(server, Some(&token), &body).status, 201);
    let full = register(server, Some(&token), &body);
    assert_eq!((full.status, &full.json()["error"]), (503, &"temporarily_unavailable".into()), "{full:?}");
    let token_id = listed.json()[0]["id"].as_str().unwrap().to_owned();
    site.ok(&["client", "delete", id], "");
    site.ok(&["client", "registration-token", "delete", &token_id], "");
    assert_eq!(register(server, Some(&token), &body).status, 401);
    let metadata = server.get("/.well-known/openid-configuration", "").json();
    assert!(metadata["registration_endpoint"].as_str().unwrap().ends_with("/register"), "{metadata}");
}
