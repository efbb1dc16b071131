//! Several servers on one store agree on the keys of our own tokens.

use super::get;
use crate::support::{Server, Site, eventually, upstream::Upstream};
use serde_json::Value;
use std::collections::BTreeSet;

fn site(upstream: &Upstream) -> Site {
    let site = Site::quick(&super::CONFIG.replace("{upstream}", &upstream.url()));
    site.write("routes.toml", "");
    site.user("admins/jane", "a quiet brown fox", &[]);
    site
}

fn issued_by(server: &Server) -> String {
    let headers = "Content-Type: application/vnd.ibexa.api.JWTInput+json\r\nAccept: application/json\r\n";
    let body = r#"{"JWTInput":{"username":"jane","password":"a quiet brown fox"}}"#;
    let reply = server.send("POST", "/api/ibexa/v2/user/token/jwt", headers, body);
    assert_eq!(reply.status, 200, "{reply:?}");
    reply.json()["JWT"]["token"].as_str().unwrap().to_owned()
}

fn published_by(server: &Server) -> BTreeSet<String> {
    let keys = server.get("/.well-known/jwks.json", "").json()["keys"].clone();
    keys.as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid_of(token: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    let header: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

#[test]
fn several_servers_agree_on_the_keys_of_our_tokens() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    let servers = [site.serve(), site.serve()];
    let [one, two] = &servers;
    let all_count = |tokens: &[&str]| {
        for (server, token) in servers.iter().flat_map(|server| tokens.iter().map(move |token| (server, token))) {
            assert_eq!(get(server, "/thing", token).status, 200, "{}", server.log());
        }
    };
    // The first key is made by whoever needs it first; both may.
    let (first, second) = (issued_by(one), issued_by(two));
    all_count(&[&first, &second]);
    assert_eq!(published_by(one), published_by(two));
    // Another key: published and used by both, while the old one still counts.
    site.ok(&["key", "rotate", "jwt", "--now"], "");
    let fresh = eventually("a token of the new key", || {
        Some(issued_by(two)).filter(|token| ![kid_of(&first), kid_of(&second)].contains(&kid_of(token)))
    });
    all_count(&[&first, &second, &fresh]);
    eventually("the same keys", || (published_by(one) == published_by(two)).then_some(()));
    assert!(published_by(one).contains(&kid_of(&fresh)));
    assert_eq!(kid_of(&issued_by(one)), kid_of(&fresh), "both sign with the same key");
    // A key that is retired ends its tokens on both.
    site.ok(&["key", "retire", "jwt", &kid_of(&first)], "");
    for server in &servers {
        eventually("the end of the old key", || (get(server, "/thing", &first).status == 401).then_some(()));
        assert_eq!(get(server, "/thing", &fresh).status, 200);
    }
}
