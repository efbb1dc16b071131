//! The token endpoint and the keys by which its tokens are verified.

use super::{add, pair, part, post, refused, site, token};
use crate::support::python::claims;

#[test]
fn a_client_gets_a_token_that_an_independent_library_verifies() {
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let site = super::Site::new(&super::CONFIG.replace("[oauth]", &format!("[oauth]\nalgorithm = \"{algorithm}\"")));
        let secret = add(&site, "report", &["--scope", "orders", "--scope", "default"]);
        let server = site.serve();
        let reply = post(&server, "/token", &pair("report", &secret), "grant_type=client_credentials&scope=orders");
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json"));
        assert_eq!((reply.header("cache-control"), reply.header("pragma")), (Some("no-store"), Some("no-cache")));
        let answer = reply.json();
        assert_eq!(
            (&answer["token_type"], &answer["expires_in"], &answer["scope"]),
            (&"Bearer".into(), &3600.into(), &"orders".into())
        );
        assert_eq!(answer.get("refresh_token"), None);
        let token = answer["access_token"].as_str().unwrap();
        assert_eq!(part(token, 0)["typ"], "at+jwt");
        let issuer = format!("http://{}", server.public);
        let keys = server.get("/authorize/jwks", "");
        assert_eq!((keys.status, keys.header("content-type")), (200, Some("application/jwk-set+json")));
        let file = site.write("jwks.json", &keys.body);
        let said = claims("verify_jwt.py", &["verify".as_ref(), file.as_ref(), issuer.as_ref(), issuer.as_ref()], token).unwrap();
        assert_eq!((&said["sub"], &said["client_id"]), (&"report".into(), &"report".into()));
        // Its keys are not among those of other tokens.
        let others = server.get("/.well-known/jwks.json", "");
        assert!(!others.body.contains(part(token, 0)["kid"].as_str().unwrap()), "{others:?}");
        let log = server.logged("action=token_issued");
        assert!(log.contains("identity=client/report") && !log.contains(token) && !log.contains(&secret), "{log}");
    }
}

#[test]
fn errors_are_those_of_rfc_6749() {
    let site = site("");
    let secret = add(&site, "report", &[]);
    add(&site, "app", &["--public", "--redirect-uri", "http://127.0.0.1/back"]);
    let server = site.serve();
    let good = pair("report", &secret);
    let ask = |headers: &str, body: &str| post(&server, "/token", headers, body);
    refused(&ask(&good, "scope=default"), 400, "invalid_request");
    refused(&ask(&good, "grant_type=client_credentials&grant_type=client_credentials"), 400, "invalid_request");
    refused(&ask(&good, "grant_type=client_credentials&scope=orders"), 400, "invalid_scope");
    refused(&ask(&good, "grant_type=client_credentials&resource=https://elsewhere.example"), 400, "invalid_target");
    refused(&ask(&good, "grant_type=authorization_code&code=x"), 400, "unauthorized_client");
    refused(&ask("", "grant_type=client_credentials&client_id=app"), 400, "unauthorized_client");
    for grant in ["password", "implicit", "token"] {
        let body = format!("grant_type={grant}&username=admin&password=publish");
        refused(&ask(&good, &body), 400, "unsupported_grant_type");
    }
    refused(&ask(&pair("report", "wrong"), "grant_type=client_credentials"), 401, "invalid_client");
    refused(&ask(&pair("nobody", &secret), "grant_type=client_credentials"), 401, "invalid_client");
    refused(&ask("", "grant_type=client_credentials"), 401, "invalid_client");
    let both = format!("grant_type=client_credentials&client_id=report&client_secret={secret}");
    refused(&ask(&good, &both), 400, "invalid_request");
    // The client's method is another one, however right the secret is.
    refused(&ask("", &both), 401, "invalid_client");
    let json = server.send("POST", "/token", &format!("Content-Type: application/json\r\n{good}"), "{}");
    refused(&json, 400, "invalid_request");
    assert_eq!(server.get("/token?grant_type=client_credentials", &good).status, 405);
    assert_eq!(server.send("POST", "/authorize/jwks", "", "").status, 405);
    let log = server.logged("action=token_refused outcome=invalid_client");
    assert!(log.contains("its secret is wrong") && !server.log().contains(&secret), "{log}");
}

#[test]
fn no_firewall_and_no_rule_speaks_about_clients() {
    // A Basic firewall over everything would take the pair of a client for one of a person.
    let more = "[[firewall]]\nname = \"all\"\nauthentication = \"basic\"\n[[access_control]]\npath = '^/'\nroles = [\"ROLE_ADMIN\"]\n[routes]\nunmatched = \"authenticated\"\n";
    let site = site(more);
    let secret = add(&site, "report", &[]);
    let server = site.serve();
    token(&server, "report", &secret);
    assert_eq!(server.get("/authorize/jwks", "").status, 200);
    assert_eq!(server.get("/other", &pair("report", &secret)).status, 401);
}

#[test]
fn without_the_table_there_is_no_such_server() {
    let site = super::Site::new(super::CONFIG.split("[oauth]").next().unwrap());
    let output = site.run(&["client", "add", "report"], "");
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("add [oauth]"), "{output:?}");
    let server = site.serve();
    assert_eq!(post(&server, "/token", "", "grant_type=client_credentials").status, 404);
    assert_eq!(server.get("/authorize/jwks", "").status, 404);
}

#[test]
fn another_key_signs_after_it_was_published() {
    let site = site("");
    let secret = add(&site, "report", &[]);
    let server = site.serve();
    let first = part(&token(&server, "report", &secret), 0)["kid"].clone();
    let made = site.ok(&["key", "rotate", "oauth", "--json"], "").json();
    let second = &made["id"];
    assert_eq!(made["purpose"], "oauth");
    let published = server.get("/authorize/jwks", "").body;
    assert!(published.contains(first.as_str().unwrap()) && published.contains(second.as_str().unwrap()), "{published}");
    assert_eq!(part(&token(&server, "report", &secret), 0)["kid"], first, "verifiers may not know the new one yet");
    site.ok(&["key", "retire", "oauth", first.as_str().unwrap()], "");
    assert!(!server.get("/authorize/jwks", "").body.contains(first.as_str().unwrap()));
    let listed = site.ok(&["key", "list"], "").out;
    assert!(listed.contains("oauth"), "{listed}");
}
