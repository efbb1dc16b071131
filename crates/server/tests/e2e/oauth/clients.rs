//! `doorward client`, while a server runs.

use super::{add, pair, post, refused, site, token};

const GIVEN: &str = "a secret of forty characters, or of more!";

#[test]
fn a_running_server_honours_every_change_before_the_command_returns() {
    let site = site("");
    let server = site.serve();
    let secret = add(&site, "report", &[]);
    let ask = |secret: &str| post(&server, "/token", &pair("report", secret), "grant_type=client_credentials");
    assert_eq!(ask(&secret).status, 200);
    let second = site.ok(&["client", "rotate-secret", "report", "--json"], "").json()["secret"].as_str().unwrap().to_owned();
    refused(&ask(&secret), 401, "invalid_client");
    assert_eq!(ask(&second).status, 200);
    site.ok(&["client", "update", "report", "--disable"], "");
    refused(&ask(&second), 401, "invalid_client");
    site.ok(&["client", "update", "report", "--enable"], "");
    assert_eq!(ask(&second).status, 200);
    site.ok(&["client", "update", "report", "--scope", "orders"], "");
    refused(&ask(&second), 400, "invalid_scope");
    site.ok(&["client", "delete", "report"], "");
    refused(&ask(&second), 401, "invalid_client");
    assert!(server.logged("action=client").contains("identity=client/report"));
    let log = server.log();
    for detail in
        ["command: added", "command: password", "command: disabled", "command: enabled", "command: changed", "command: deleted"]
    {
        assert!(log.contains(detail), "{detail}: {log}");
    }
}

#[test]
fn a_given_secret_counts_as_it_was_given_and_is_never_shown() {
    let site = site("");
    let output = site.ok(&["client", "add", "report", "--secret-stdin", "--json"], &format!("{GIVEN}\n"));
    assert_eq!(output.json().get("secret"), None);
    let shown = site.ok(&["client", "show", "report", "--json"], "");
    assert_eq!(shown.json()["auth_method"], "client_secret_basic");
    assert!(![&shown.out, &output.out, &output.err].iter().any(|text| text.contains(GIVEN) || text.contains("sha256")));
    let server = site.serve();
    // RFC 6749 2.3.1: encoded as in a form, then joined.
    token(&server, "report", "a+secret+of+forty+characters%2C+or+of+more%21");
    for weak in ["", "short", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "ü0123456789012345678901234567890123"] {
        let output = site.run(&["client", "rotate-secret", "report", "--secret-stdin"], weak);
        assert_eq!(output.code, 1, "{weak}: {output:?}");
        assert!(weak.is_empty() || !output.err.contains(weak), "{output:?}");
    }
    let body = std::fs::read(site.path().join("doorward.db")).unwrap();
    assert!(!body.windows(GIVEN.len()).any(|window| window == GIVEN.as_bytes()), "it stands in the store");
}

#[test]
fn clients_are_made_listed_shown_and_deleted() {
    let site = site("");
    let said = site.ok(&["client", "add", "report", "--name", "Nightly report"], "").out;
    assert!(said.starts_with("added the client report\nsecret: "), "{said}");
    add(&site, "app", &["--public", "--redirect-uri", "http://127.0.0.1/back", "--redirect-uri", "com.example.app:/back"]);
    add(&site, "post", &["--auth-method", "client_secret_post"]);
    let all = site.ok(&["client", "list", "--json"], "").json();
    let ids: Vec<&str> = all.as_array().unwrap().iter().map(|client| client["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["app", "post", "report"]);
    assert_eq!((&all[0]["kind"], &all[0]["auth_method"]), (&"public".into(), &"none".into()));
    assert_eq!(all[0]["grants"], serde_json::json!(["authorization_code", "refresh_token"]));
    assert_eq!(all[0]["redirect_uris"], serde_json::json!(["http://127.0.0.1/back", "com.example.app:/back"]));
    assert_eq!((&all[2]["name"], &all[2]["scopes"]), (&"Nightly report".into(), &serde_json::json!(["default"])));
    assert_eq!(all[2]["grants"], serde_json::json!(["client_credentials"]));
    let table = site.ok(&["client", "list"], "").out;
    assert!(table.starts_with("CLIENT  NAME") && table.contains("client_secret_post"), "{table}");
    assert!(site.ok(&["client", "show", "app"], "").out.contains("redirect  com.example.app:/back"));
    site.ok(&["client", "delete", "app"], "");
    for (arguments, code, said) in [
        (vec!["show", "app"], 1, "there is no client \"app\""),
        (vec!["show", "repor"], 1, "did you mean \"report\""),
        (vec!["add", "report"], 1, "exists already"),
        (vec!["add", "a/b"], 2, "letters, digits"),
        (vec!["add", "x", "--scope", "ordes"], 1, "did you mean \"orders\""),
        (vec!["add", "x", "--redirect-uri", "/back"], 2, "no absolute URI"),
        (vec!["add", "x", "--redirect-uri", "https://a.example/#x"], 2, "it has a fragment"),
        (vec!["add", "x", "--redirect-uri", "https://*.example/cb"], 2, "letter for letter"),
        (vec!["add", "x", "--grant", "authorization_code"], 2, "needs a --redirect-uri"),
        (vec!["add", "x", "--public"], 2, "no way to a token"),
        (vec!["add", "x", "--public", "--grant", "client_credentials"], 2, "proves nothing"),
        (vec!["add", "x", "--grant", "password"], 2, "invalid value"),
        (vec!["add", "x", "--public", "--secret-stdin"], 2, "cannot be used with"),
        (vec!["delete", "app"], 1, "there is no client"),
        (vec!["rotate-secret", "app"], 1, "there is no client"),
    ] {
        let arguments: Vec<&str> = ["client"].into_iter().chain(arguments).collect();
        let output = site.run(&arguments, "");
        assert_eq!(output.code, code, "{arguments:?}: {output:?}");
        assert!(output.err.contains(said), "{arguments:?}: {output:?}");
    }
}
