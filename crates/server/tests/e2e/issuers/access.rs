//! Access tokens of other authorization servers, under firewalls with `authentication = "oauth"`.

use super::{ISSUER, get, published, site};
use crate::{
    issuers::idp::{Idp, Says, key},
    oauth::dpop::Holder,
    support::upstream::Upstream,
};
use doorward_core::ports::Clock;
use doorward_crypto::{jwt::SigningKey, system::SystemClock};
use serde_json::{Value, json};

/// An access token of the issuer for `jane`, with other claims where they are given.
fn access(key: &SigningKey, changes: Value) -> String {
    let now = SystemClock.now().seconds();
    let mut claims = json!({
        "iss": "https://idp.example.com", "aud": "shop", "iat": now, "exp": now + 3600, "sub": "f:1", "client_id": "app",
        "jti": "1", "preferred_username": "jane",
    });
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
        };
    }
    key.sign_typed("at+jwt", &claims).unwrap()
}

/// Where clients of this server read who gives tokens.
fn metadata(server: &crate::support::Server) -> String {
    format!("resource_metadata=\"http://{}/.well-known/oauth-protected-resource\"", server.public)
}

#[test]
fn an_access_token_counts_for_its_account_and_its_scopes_are_roles() {
    let (upstream, idp_key) = (Upstream::start(), key());
    let idp = Idp::plain(Says::keys(&[&idp_key]));
    let site = site(&upstream, &format!("{ISSUER}jwks_url = \"{}\"\n", idp.url), &[]);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let config = config.replace("authentication = \"jwt\"", "authentication = \"oauth\"");
    site.write("doorward.toml", &config.replace("[\"ROLE_EDITOR\"]", "[\"ROLE_OAUTH2_EDIT\"]"));
    site.ok(&["check", "--config", "doorward.toml"], "");
    let server = site.serve();
    let (plain, editing) = (access(&idp_key, json!({})), access(&idp_key, json!({ "scope": "default edit" })));
    assert_eq!(get(&server, "/thing", &plain).status, 200, "{}", server.log());
    assert_eq!(upstream.last().header("doorward-method"), Some("oauth"));
    assert_eq!(upstream.last().header("authorization"), None);
    assert_eq!(get(&server, "/editors", &plain).status, 403);
    assert_eq!(get(&server, "/editors", &editing).status, 200);
    let received = upstream.last();
    assert_eq!(received.header("doorward-roles"), Some("ROLE_USER,ROLE_ADMIN,ROLE_OAUTH2_DEFAULT,ROLE_OAUTH2_EDIT"));
    // Whatever is no access token of the issuer for us.
    let id_token = super::token(&idp_key, "jane", json!({ "sub": "f:1", "client_id": "app", "jti": "1" }));
    for refused in [
        id_token,
        access(&key(), json!({})),
        access(&idp_key, json!({ "aud": "another" })),
        access(&idp_key, json!({ "iss": "https://evil.example.com" })),
        access(&idp_key, json!({ "client_id": null })),
        access(&idp_key, json!({ "jti": null })),
        access(&idp_key, json!({ "cnf": { "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" } })),
        access(&idp_key, json!({ "scope": 1 })),
        access(&idp_key, json!({ "preferred_username": "nobody" })),
    ] {
        for path in ["/thing", "/api/ibexa/v2/thing"] {
            let reply = get(&server, path, &refused);
            let challenge = reply.header("www-authenticate").unwrap_or_default();
            let expected = format!("Bearer error=\"invalid_token\", {}", metadata(&server));
            assert_eq!((reply.status, challenge), (401, &*expected), "{reply:?}");
        }
    }
    let expired = get(&server, "/thing", &access(&idp_key, json!({ "exp": 1_700_000_000 })));
    assert!(expired.header("www-authenticate").unwrap().contains("The token has expired"), "{expired:?}");
    // RFC 6750 3: who shows none is told of no error; and no other place is looked at.
    let absent = server.get(&format!("/thing?access_token={plain}"), "");
    assert_eq!((absent.status, absent.header("www-authenticate")), (401, Some(&*format!("Bearer {}", metadata(&server)))));
    let twice = server.get("/thing", &format!("Authorization: Bearer {plain}\r\nAuthorization: Bearer {plain}\r\n"));
    assert_eq!(twice.status, 400);
    site.ok(&["user", "disable", "admins/jane"], "");
    assert_eq!(get(&server, "/thing", &plain).status, 401);
}

/// RFC 9728 2, 3: what is protected is said at its own host, and only where access tokens are read.
#[test]
fn what_is_protected_is_published() {
    let upstream = Upstream::start();
    let site = site(&upstream, &format!("{ISSUER}keys = \"idp.json\"\n"), &[("idp.json", published(&[&key()]))]);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let hosts = "[server]\npublic_url = \"http://localhost:8080\"\nhosts = [\"localhost\", \"api.localhost\"]\n";
    let config = config.replace("[server]\n", hosts);
    let scoped = "[[access_control]]\npath = 'reports'\nscopes = [\"reports\"]\n[[access_control]]\npath = '^/editors'";
    let config = config.replace("[[access_control]]\npath = '^/editors'", scoped);
    let oauth =
        config.replace("authentication = \"jwt\"", "host = '^api'\nauthentication = \"oauth\"\n[[firewall]]\nname = \"main\"");
    site.write("doorward.toml", &oauth);
    let server = site.serve();
    let at = |host: &str, path: &str| {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        server.exchange(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    };
    let reply = at("api.localhost:8080", "");
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/json")), "{reply:?}");
    assert_eq!(
        reply.json(),
        json!({
            "resource": "http://api.localhost:8080", "authorization_servers": ["https://idp.example.com"],
            "scopes_supported": ["reports"], "bearer_methods_supported": ["header"],
            "dpop_signing_alg_values_supported": ["EdDSA", "ES256", "ES384", "RS256"],
        })
    );
    // No firewall there reads access tokens; nothing stands below; nothing else is served.
    for (host, path, status) in
        [("localhost:8080", "", 401), ("api.localhost:8080", "/other", 401), ("evil.example.com", "", 421)]
    {
        assert_eq!(at(host, path).status, status, "{host} {path}");
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn scopes_restrict_access_tokens_and_nothing_of_ones_own() {
    let (upstream, one) = (Upstream::start(), key());
    let site = site(&upstream, &format!("{ISSUER}keys = \"idp.json\"\n"), &[("idp.json", published(&[&one]))]);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let config = config.replace("authentication = \"jwt\"", "path = '^/(api/ibexa/v2/)?(orders|reports)'\nauthentication = \"oauth\"\nwhen = \"bearer\"\n[[firewall]]\nname = \"main\"");
    let scoped = "[[access_control]]\npath = 'reports'\nscopes = [\"reports\"]\n[[access_control]]\npath = '^/editors'";
    site.write("doorward.toml", &config.replace("[[access_control]]\npath = '^/editors'", scoped));
    let routes = std::fs::read_to_string(site.path().join("routes.toml")).unwrap();
    let route = |path: &str, require: &str| {
        format!(
            "[[route]]\nmethods = [\"GET\"]\npath = \"{path}\"\nrequire = [\"{require}\"]\nscopes = [\"orders:read\", \"orders:all\"]\n"
        )
    };
    let all = ["/orders", "/reports", "/api/ibexa/v2/orders"].map(|path| route(path, "anonymous")).concat();
    site.write("routes.toml", &format!("{all}{}{routes}", route("/orders/closed", "Example_Api::edit")));
    let checked = site.ok(&["check", "--config", "doorward.toml"], "");
    assert!(!checked.out.contains("scope") && !checked.err.contains("scope"), "{checked:?}");
    let server = site.serve();
    let with = |scope: &str| access(&one, json!({ "scope": scope }));
    let challenge = |scopes: &str| format!("Bearer error=\"insufficient_scope\", scope=\"{scopes}\", {}", metadata(&server));
    let (demanded, more) = (challenge("orders:read orders:all"), challenge("reports orders:read orders:all"));
    let (demanded, more) = (&*demanded, &*more);
    for (path, scope, status, challenge) in [
        ("/orders", "orders:all orders:read", 200, None),
        ("/orders", "orders:read", 403, Some(demanded)),
        ("/orders", "ORDERS:READ orders:all", 403, Some(demanded)),
        // In the dialect's own status, and the challenge all the same.
        ("/api/ibexa/v2/orders", "orders:read", 401, Some(demanded)),
        ("/reports", "orders:read orders:all", 403, Some(more)),
        ("/reports", "orders:read orders:all reports", 200, None),
        // More scopes would not help.
        ("/orders/closed", "orders:read orders:all", 403, None),
        ("/orders/closed", "default", 403, None),
    ] {
        let reply = get(&server, path, &with(scope));
        assert_eq!((reply.status, reply.header("www-authenticate")), (status, challenge), "{path} {scope}: {reply:?}");
    }
    // A session has what is the account's. Nobody passes by leaving the token away.
    assert_eq!(server.get("/orders", "").status, 401);
    let sign_in = json!({ "SessionInput": { "login": "jane", "password": "a quiet brown fox" } }).to_string();
    let kind = "Content-Type: application/vnd.ibexa.api.SessionInput+json\r\n";
    let session = server.send("POST", "/api/ibexa/v2/user/sessions", kind, &sign_in);
    let cookie = format!("Cookie: {}\r\n", session.cookie("").unwrap());
    assert_eq!(server.get("/orders", &cookie).status, 200);
    assert_eq!(upstream.last().header("doorward-method"), Some("session"));
    let header = format!("Authorization: Bearer {}", with("orders:read"));
    let explained = site.run(&["explain", "--config", "doorward.toml", "GET", "/orders", "--header", &header], "");
    assert_eq!(explained.code, 1);
    for words in [
        "scope       orders:read: granted, the access token has it",
        "scope       orders:all: lacking, the access token has only orders:read",
        "403 (insufficient_scope)",
        "the scope `orders:all` is not in an access token",
    ] {
        assert!(explained.out.contains(words), "{words}: {}", explained.out);
    }
}

#[test]
fn access_tokens_and_plain_ones_each_count_under_their_own_method() {
    let (upstream, one) = (Upstream::start(), key());
    let site = site(&upstream, &format!("{ISSUER}keys = \"idp.json\"\n"), &[("idp.json", published(&[&one]))]);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let oauth = "[[firewall]]\nname = \"oauth\"\npath = '^/oauth'\nauthentication = \"oauth\"\n[[firewall]]\nname = \"api\"";
    site.write("doorward.toml", &config.replace("[[firewall]]\nname = \"api\"", oauth));
    let server = site.serve();
    let (access, plain) = (access(&one, json!({})), super::token(&one, "jane", json!({})));
    // Twice: what is remembered of one path says nothing of the other.
    for _ in 0..2 {
        assert_eq!((get(&server, "/oauth", &access).status, get(&server, "/thing", &access).status), (200, 401));
        assert_eq!((get(&server, "/oauth", &plain).status, get(&server, "/thing", &plain).status), (401, 200));
    }
    let header = format!("Authorization: Bearer {access}");
    let explained = site.ok(&["explain", "--config", "doorward.toml", "GET", "/oauth", "--header", &header], "");
    assert!(explained.out.contains("made by the issuer `https://idp.example.com`"), "{explained:?}");
}

#[test]
fn a_token_of_another_issuer_that_is_bound_to_a_key_counts_with_its_proof_alone() {
    let (upstream, one, holder) = (Upstream::start(), key(), Holder::new());
    let site = site(&upstream, &format!("{ISSUER}keys = \"idp.json\"\n"), &[("idp.json", published(&[&one]))]);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let oauth = "[[firewall]]\nname = \"oauth\"\npath = '^/oauth'\nauthentication = \"oauth\"\n[[firewall]]\nname = \"api\"";
    site.write("doorward.toml", &config.replace("[[firewall]]\nname = \"api\"", oauth));
    let server = site.serve();
    let bound = access(&one, json!({ "cnf": { "jkt": holder.thumbprint() } }));
    let url = format!("http://{}/oauth", server.public);
    let ask = |holder: &Holder, scheme: &str| {
        let proof = holder.proof("GET", &url, Some(&bound), json!({}));
        server.get("/oauth", &format!("Authorization: {scheme} {bound}\r\nDPoP: {proof}\r\n")).status
    };
    // Twice: what is remembered of the token says nothing of who sends it.
    for _ in 0..2 {
        assert_eq!(
            (ask(&holder, "DPoP"), ask(&Holder::new(), "DPoP"), ask(&holder, "Bearer")),
            (200, 401, 401),
            "{}",
            server.log()
        );
        assert_eq!(get(&server, "/oauth", &bound).status, 401);
    }
    // Under a firewall that asks for no proof it never counts, whatever `typ` the issuer uses.
    let plain = super::token(&one, "jane", json!({ "cnf": { "jkt": holder.thumbprint() } }));
    assert_eq!(get(&server, "/thing", &plain).status, 401);
    assert_eq!(get(&server, "/thing", &super::token(&one, "jane", json!({}))).status, 200);
}
