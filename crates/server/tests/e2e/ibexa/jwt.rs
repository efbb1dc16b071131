//! JSON Web Tokens as clients of the dialect ask for them and carry them (ibexa-rest 3).

use super::{Door, Format, PREFIX, Session, both};
use crate::support::{client::Reply, eventually, python::claims, upstream::Upstream};
use doorward_core::ports::Clock;
use doorward_crypto::system::SystemClock;
use serde_json::{Value, json};
use std::process::Command;

const FIREWALLS: &str = "[[firewall]]\nname = \"api\"\nwhen = \"bearer\"\nauthentication = \"jwt\"\n\
                         [[firewall]]\nname = \"main\"\n[routes]\nunmatched = \"authenticated\"\n";
const SECRET: &str = "0123456789abcdef0123456789abcdef";

impl Format {
    fn jwt_headers(self) -> String {
        format!("Content-Type: {}\r\n{}", self.media("JWTInput"), self.accept("JWT"))
    }

    fn jwt_input(self, username: &str, password: &str) -> String {
        match self {
            Format::Json => json!({ "JWTInput": { "username": username, "password": password } }).to_string(),
            // In any order.
            Format::Xml => format!("<JWTInput><password>{password}</password><username>{username}</username></JWTInput>"),
        }
    }
}

fn ask(door: &Door, headers: &str, body: &str) -> Reply {
    door.server.send("POST", &format!("{PREFIX}/user/token/jwt"), headers, body)
}

/// A token, and that its answer is as the contract has it.
#[track_caller]
pub(super) fn token(door: &Door, format: Format, username: &str, password: &str) -> String {
    let reply = ask(door, &format.jwt_headers(), &format.jwt_input(username, password));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.header("set-cookie"), None);
    assert!(reply.header("cache-control").unwrap().contains("no-store"));
    assert_eq!(format.attribute(&reply, "JWT", None, "media-type"), format.media("JWT"));
    let token = format.text(&reply, "JWT", "token");
    assert_eq!(format.attribute(&reply, "JWT", None, "token"), token);
    assert_eq!(format.children(&reply, "JWT"), ["token"]);
    let content_type = if format == Format::Json { "application/json".to_owned() } else { format.media("JWT") };
    assert_eq!(reply.header("content-type"), Some(&*content_type));
    token
}

pub(super) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

/// What a failure of a token looks like, whatever is accepted.
#[track_caller]
fn failed(reply: &Reply, message: &str) {
    assert_eq!(reply.status, 401, "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    assert_eq!(reply.json(), json!({ "code": 401, "message": message }));
    assert_eq!(reply.header("set-cookie"), None);
}

fn issued_by_another(claims_of: &Value) -> String {
    match claims("verify_jwt.py", &["sign".as_ref(), SECRET.as_ref(), claims_of.to_string().as_ref()], "") {
        Ok(Value::String(token)) => token,
        other => panic!("{other:?}"),
    }
}

fn now() -> u64 {
    SystemClock.now().seconds()
}

both!(a_password_for_a_token_that_counts);
fn a_password_for_a_token_that_counts(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", FIREWALLS);
    let token = token(&door, format, "admin", "publish");
    let reply = door.get("/thing", &bearer(&token));
    assert_eq!(reply.status, 200, "{reply:?}");
    let received = upstream.last();
    assert_eq!(received.header("doorward-identity"), Some("admin/1"));
    assert_eq!(received.header("doorward-login"), Some("admin"));
    assert_eq!(received.header("doorward-method"), Some("jwt"));
    assert_eq!(received.header("authorization"), None);
    // An unsafe method needs no CSRF token: no browser sends it by itself.
    assert_eq!(door.server.send("POST", &format!("{PREFIX}/thing"), &bearer(&token), "").status, 200);
    assert_eq!(door.get("/user/current", &bearer(&token)).status, 307);
    // Case of the scheme does not matter.
    assert_eq!(door.get("/thing", &format!("Authorization: bEARER {token}\r\n")).status, 200);
    assert_eq!(door.get("/thing", "").status, 401);
}

both!(wrong_credentials_are_401_without_a_token);
fn wrong_credentials_are_401_without_a_token(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", FIREWALLS);
    for (username, password) in [("admin", "wrong"), ("nobody", "publish"), ("admin", "publish ")] {
        let reply = ask(&door, &format.jwt_headers(), &format.jwt_input(username, password));
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"), "{reply:?}");
        match format {
            Format::Json => failed(&reply, "Invalid credentials."),
            Format::Xml => assert_eq!(
                format.error(&reply, 401, "Unauthorized"),
                format!("The User does not have the '{PREFIX}/user/token/jwt' 'Invalid login or password' permission")
            ),
        }
    }
    // Failures here lock the sign-in elsewhere, and the other way round: what is counted is the same.
    for _ in 0..10 {
        ask(&door, &format.jwt_headers(), &format.jwt_input("editor", "wrong"));
    }
    assert_eq!(door.try_sign_in(format, "editor", "publish", "").status, 401);
    assert_eq!(ask(&door, &format.jwt_headers(), &format.jwt_input("editor", "publish")).status, 401);
}

#[test]
fn malformed_requests_are_400_with_the_contracts_words() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", FIREWALLS);
    let json = Format::Json;
    for (body, words) in [
        ("", "Invalid JSON."),
        ("{", "Invalid JSON."),
        ("{}", "The key \"JWTInput.username\" must be provided."),
        (r#"{"JWTInput":{}}"#, "The key \"JWTInput.username\" must be provided."),
        (r#"{"SessionInput":{"username":"admin","password":"publish"}}"#, "The key \"JWTInput.username\" must be provided."),
        (r#"{"jwtinput":{"username":"admin","password":"publish"}}"#, "The key \"JWTInput.username\" must be provided."),
        (r#"{"username":"admin","password":"publish"}"#, "The key \"JWTInput.username\" must be provided."),
        (r#"{"JWTInput":"admin"}"#, "The key \"JWTInput.username\" must be provided."),
        (r#"{"JWTInput":{"password":"p"}}"#, "The key \"JWTInput.username\" must be provided."),
        (r#"{"JWTInput":{"username":"admin"}}"#, "The key \"JWTInput.password\" must be provided."),
        (r#"{"JWTInput":{"username":"","password":"p"}}"#, "The key \"JWTInput.username\" must be a non-empty string."),
        (r#"{"JWTInput":{"username":1,"password":"p"}}"#, "The key \"JWTInput.username\" must be a non-empty string."),
        (r#"{"JWTInput":{"username":"a","password":null}}"#, "The key \"JWTInput.password\" must be a non-empty string."),
        (r#"{"JWTInput":{"username":"a","password":["p"]}}"#, "The key \"JWTInput.password\" must be a non-empty string."),
    ] {
        let reply = ask(&door, &json.jwt_headers(), body);
        assert_eq!(json.error(&reply, 400, "Bad Request"), words, "{body}");
    }
    let xml = Format::Xml;
    for (body, words) in [
        ("<JWTInput><password>p</password></JWTInput>", "Missing 'username' attribute for JWTInput."),
        ("<JWTInput><username>a</username></JWTInput>", "Missing 'password' attribute for JWTInput."),
        ("<JWTInput/>", "Missing 'username' attribute for JWTInput."),
    ] {
        let reply = ask(&door, &xml.jwt_headers(), body);
        assert_eq!(xml.error(&reply, 400, "Bad Request"), words, "{body}");
    }
    let reply = ask(&door, &xml.accept("JWT"), &xml.jwt_input("admin", "publish"));
    assert_eq!(xml.error(&reply, 400, "Bad Request"), "Missing Content-Type header in message.");
    let other = format!("Content-Type: {}\r\n{}", xml.media("SessionInput"), xml.accept("JWT"));
    assert_eq!(ask(&door, &other, &xml.jwt_input("admin", "publish")).status, 400);
}

#[test]
fn what_is_accepted_chooses_the_format_or_what_is_sent_does() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", FIREWALLS);
    for (format, accept, expected) in [
        (Format::Json, "", Format::Json),
        (Format::Json, "Accept: */*\r\n", Format::Json),
        (Format::Json, "Accept: application/json\r\n", Format::Json),
        (Format::Json, "Accept: application/xml\r\n", Format::Xml),
        (Format::Xml, "", Format::Xml),
        (Format::Xml, "Accept: */*\r\n", Format::Xml),
        (Format::Xml, "Accept: application/vnd.ibexa.api.JWT+json\r\n", Format::Json),
    ] {
        let headers = format!("Content-Type: {}\r\n{accept}", format.media("JWTInput"));
        let reply = ask(&door, &headers, &format.jwt_input("admin", "publish"));
        assert_eq!(reply.status, 200, "{format:?} {accept}: {reply:?}");
        assert_eq!(reply.body.starts_with('{'), expected == Format::Json, "{format:?} {accept}: {reply:?}");
    }
    let plain = "Content-Type: application/json; charset=utf-8\r\n";
    assert_eq!(ask(&door, plain, &Format::Json.jwt_input("admin", "publish")).status, 200);
    // Only POST.
    let reply = door.get("/user/token/jwt", "");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("POST")));
}

#[test]
fn the_failures_of_a_token_are_json_whatever_is_accepted() {
    let upstream = Upstream::start();
    let config = format!("{FIREWALLS}[jwt]\nalgorithm = \"HS256\"\nsecret = \"{SECRET}\"\n");
    let door = Door::serving(
        &upstream,
        "[[directory]]\nname = \"admins\"\nkind = \"admin\"\n[[directory]]\nname = \"customers\"\nkind = \"customer\"\n",
        &config.replace("authentication = \"jwt\"", "authentication = \"jwt\"\ndirectory = \"admins\""),
    );
    let time = now();
    let good = json!({ "iat": time, "exp": time + 600, "roles": ["ROLE_USER"], "username": "admin" });
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        match value {
            Value::Null => claims.as_object_mut().unwrap().remove(name),
            value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
        };
        issued_by_another(&claims)
    };
    assert_eq!(door.get("/thing", &bearer(&issued_by_another(&good))).status, 200, "a token of the other application counts");
    assert_eq!(upstream.last().header("doorward-identity"), Some("admin/1"));
    for (token, message) in [
        ("x".to_owned(), "Invalid JWT Token"),
        ("a.b.c".to_owned(), "Invalid JWT Token"),
        (with("exp", Value::Null), "Invalid JWT Token"),
        (with("iat", json!(time + 3600)), "Invalid JWT Token"),
        (with("exp", json!(time - 1)), "Expired JWT Token"),
        (with("username", Value::Null), "Unable to find key \"username\" in the token payload."),
        (with("username", json!("nobody")), "Invalid credentials."),
        (with("iss", json!("somebody")), "Invalid JWT Token"),
    ] {
        for accept in ["", "Accept: application/vnd.ibexa.api.X+xml\r\n", "Accept: application/json\r\n"] {
            failed(&door.get("/thing", &format!("{accept}{}", bearer(&token))), message);
        }
    }
    // Expired and forged: it says Expired, and is refused all the same.
    let (head, _) = with("exp", json!(time - 1)).rsplit_once('.').map(|(h, s)| (h.to_owned(), s.to_owned())).unwrap();
    failed(&door.get("/thing", &bearer(&format!("{head}.AAAA"))), "Expired JWT Token");
    // Nothing that can be read as a token is none (3.3); the firewall is the JWT one all the same.
    for header in ["Bearer a b", "Bearer"] {
        failed(&door.get("/thing", &format!("Authorization: {header}\r\n")), "JWT Token not found");
    }
    // Who asks for a token with an expired one gets one.
    let headers = format!("{}{}", bearer(&with("exp", json!(time - 1))), Format::Json.jwt_headers());
    assert_eq!(ask(&door, &headers, &Format::Json.jwt_input("admin", "publish")).status, 200);
    assert!(door.server.log().contains("invalid_credential"));
    assert!(!door.server.log().contains(&head), "no token is logged");
}

#[test]
fn other_dialects_challenge_as_rfc_6750_has_it() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", FIREWALLS);
    for (header, challenge) in [("Bearer x", "Bearer error=\"invalid_token\""), ("Bearer a b", "Bearer error=\"invalid_token\"")]
    {
        let reply = door.server.get("/orders", &format!("Authorization: {header}\r\n"));
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some(challenge)), "{reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/problem+json"));
    }
    let token = token(&door, Format::Json, "carla", "customer");
    assert_eq!(door.server.get("/orders", &bearer(&token)).status, 200);
    assert_eq!(upstream.last().header("doorward-identity"), Some("customer/1"));
}

#[test]
fn the_endpoint_is_there_under_session_and_jwt_firewalls_alone() {
    let upstream = Upstream::start();
    for (method, status) in [("session", 200), ("jwt", 200), ("basic", 404), ("none", 404)] {
        let config = format!("[[firewall]]\nname = \"main\"\nauthentication = \"{method}\"\n");
        let door = Door::serving(&upstream, "", &config);
        let reply = ask(&door, &Format::Json.jwt_headers(), &Format::Json.jwt_input("admin", "publish"));
        assert_eq!(reply.status, status, "{method}: {reply:?}");
        let session = door.try_sign_in(Format::Json, "admin", "publish", "").status;
        assert_eq!(session, if method == "session" { 201 } else { 404 }, "{method}");
    }
}

#[test]
fn a_session_neither_helps_nor_hinders_asking_for_a_token() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", FIREWALLS);
    let session: Session = door.sign_in(Format::Json, "admin", "publish");
    let headers = format!("{}{}", Format::Json.jwt_headers(), session.cookie());
    assert_eq!(ask(&door, &headers, &Format::Json.jwt_input("admin", "wrong")).status, 401);
    assert_eq!(ask(&door, &headers, &Format::Json.jwt_input("admin", "publish")).status, 200);
    assert!(door.lives(&session));
    let foreign = format!("{}Sec-Fetch-Site: cross-site\r\n", Format::Json.jwt_headers());
    assert_eq!(ask(&door, &foreign, &Format::Json.jwt_input("admin", "publish")).status, 401);
}

#[test]
fn others_verify_our_tokens_by_the_published_keys() {
    let upstream = Upstream::start();
    for algorithm in ["EdDSA", "ES256", "RS256"] {
        let jwt = format!(
            "{FIREWALLS}[jwt]\nalgorithm = \"{algorithm}\"\nissuer = \"https://shop.example.com\"\naudience = \"partners\"\n\
             lifetime = \"10m\"\n"
        );
        let door = Door::serving(&upstream, "", &jwt);
        let token = token(&door, Format::Json, "admin", "publish");
        let keys = door.server.get("/.well-known/jwks.json", "");
        assert_eq!((keys.status, keys.header("content-type")), (200, Some("application/jwk-set+json")));
        assert_eq!(keys.header("cache-control"), Some("public, max-age=300"));
        assert_eq!(keys.json()["keys"][0]["alg"], algorithm);
        let etag = keys.header("etag").unwrap();
        let again = door.server.get("/.well-known/jwks.json", &format!("If-None-Match: \"x\", {etag}\r\n"));
        assert_eq!((again.status, &*again.body), (304, ""));
        assert_eq!(again.header("etag"), Some(etag));
        let file = door.site().write("keys.json", &keys.body);
        let said = claims(
            "verify_jwt.py",
            &["verify".as_ref(), file.as_os_str(), "partners".as_ref(), "https://shop.example.com".as_ref()],
            &token,
        );
        let said = said.unwrap();
        assert_eq!((&said["sub"], &said["username"]), (&json!("admins/1"), &json!("admin")));
        assert_eq!(said["exp"].as_u64().unwrap() - said["iat"].as_u64().unwrap(), 600);
        let (head, _) = token.rsplit_once('.').unwrap();
        let forged = format!("{head}.{}", "A".repeat(86));
        assert!(
            claims(
                "verify_jwt.py",
                &["verify".as_ref(), file.as_os_str(), "partners".as_ref(), "https://shop.example.com".as_ref()],
                &forged
            )
            .is_err()
        );
        // The assertion's key is not among them.
        assert!(!keys.body.contains(door.server.operate("/assertion-keys").json()["keys"][0]["kid"].as_str().unwrap()));
    }
}

#[test]
fn a_secret_is_shared_with_another_application_and_published_nowhere() {
    let upstream = Upstream::start();
    let door = Door::serving(
        &upstream,
        "",
        &format!("{FIREWALLS}[jwt]\nalgorithm = \"HS256\"\nsecret = \"file:app-secret\"\n")
            .replace("\"file:app-secret\"", &format!("\"{SECRET}\"")),
    );
    let token = token(&door, Format::Json, "admin", "publish");
    assert!(token.starts_with("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9."), "{token}");
    let said = claims("verify_jwt.py", &["secret".as_ref(), SECRET.as_ref()], &token).unwrap();
    assert_eq!((&said["roles"], &said["username"]), (&json!(["ROLE_USER"]), &json!("admin")));
    assert_eq!(door.server.get("/.well-known/jwks.json", "").json(), json!({ "keys": [] }));
    assert_eq!(door.get("/thing", &bearer(&token)).status, 200);
}

#[test]
fn a_disabled_account_and_a_retired_key_end_tokens_at_once() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", FIREWALLS);
    let (admin, editor) = (token(&door, Format::Json, "admin", "publish"), token(&door, Format::Json, "editor", "publish"));
    assert_eq!(door.get("/thing", &bearer(&admin)).status, 200);
    assert_eq!(door.get("/thing", &bearer(&editor)).status, 200);
    door.site().ok(&["user", "disable", "admins/admin"], "");
    failed(&door.get("/thing", &bearer(&admin)), "Invalid credentials.");
    door.site().ok(&["token", "revoke", "admins/editor"], "");
    failed(&door.get("/thing", &bearer(&editor)), "Invalid JWT Token");
    let carla = token(&door, Format::Json, "carla", "customer");
    assert_eq!(door.get("/thing", &bearer(&carla)).status, 200);
    let keys = door.server.get("/.well-known/jwks.json", "").json();
    door.site().ok(&["key", "retire", "jwt", keys["keys"][0]["kid"].as_str().unwrap()], "");
    failed(&door.get("/thing", &bearer(&carla)), "Invalid JWT Token");
    assert_ne!(door.server.get("/.well-known/jwks.json", "").json(), keys);
    let carla = token(&door, Format::Json, "carla", "customer");
    assert_eq!(door.get("/thing", &bearer(&carla)).status, 200);
}

#[test]
fn a_new_key_is_published_before_it_signs() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", FIREWALLS);
    let first = token(&door, Format::Json, "admin", "publish");
    let published = || door.server.get("/.well-known/jwks.json", "").json()["keys"].as_array().unwrap().len();
    assert_eq!(published(), 1);
    let made = door.site().ok(&["key", "rotate", "jwt"], "").out;
    assert!(made.contains("it signs from") && made.contains("the old one verifies until"), "{made}");
    assert_eq!(published(), 2);
    let head = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_eq!(head(&token(&door, Format::Json, "admin", "publish")), head(&first), "the old one signs meanwhile");
    door.site().ok(&["key", "rotate", "jwt", "--now"], "");
    assert_eq!(published(), 3);
    let newer = eventually("the new key signs", || {
        Some(token(&door, Format::Json, "admin", "publish")).filter(|newer| head(newer) != head(&first))
    });
    for token in [first, newer] {
        assert_eq!(door.get("/thing", &bearer(&token)).status, 200);
    }
    let list = door.site().ok(&["key", "list"], "").out;
    assert!(list.contains("jwt") && list.contains("EdDSA") && list.contains("signs"), "{list}");
}

#[test]
fn curl_gets_and_uses_a_token() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", FIREWALLS);
    let base = format!("http://{}{PREFIX}", door.server.public);
    let run = |arguments: &[&str]| {
        let output = Command::new("curl").args(["-sS", "--fail"]).args(arguments).output().unwrap();
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let body = Format::Json.jwt_input("admin", "publish");
    let (_, answer) = run(&[
        "-H",
        "Content-Type: application/vnd.ibexa.api.JWTInput+json",
        "-H",
        "Accept: application/vnd.ibexa.api.JWT+json",
        "-d",
        &body,
        &format!("{base}/user/token/jwt"),
    ]);
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let token = answer["JWT"]["token"].as_str().unwrap();
    assert_eq!(answer["JWT"]["_token"], token);
    assert!(run(&["-H", &format!("Authorization: Bearer {token}"), &format!("{base}/thing")]).0);
    assert!(!run(&["-H", &format!("Authorization: Bearer {token}x"), &format!("{base}/thing")]).0);
}

#[test]
fn explain_says_what_is_found_of_a_token() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", &FIREWALLS.replace("when = \"bearer\"", "path = '^/api/'"));
    let path = format!("{PREFIX}/thing");
    let carrying = |token: &str| {
        let said = door.site().run(&["explain", "GET", &path, "--header", &format!("Authorization: Bearer {token}")], "");
        (said.code, said.out)
    };
    let token = token(&door, Format::Json, "admin", "publish");
    let (code, said) = carrying(&token);
    assert!(code == 0 && said.contains("a JSON Web Token of `admins/admin`"), "{said}");
    assert!(!said.contains(&token));
    let (code, said) = carrying("x");
    assert!(code == 1 && said.contains("a JSON Web Token that does not count: it is no token of ours"), "{said}");
    let presumed = door.site().ok(&["explain", "GET", &path, "--as", "admins/editor"], "").out;
    assert!(presumed.contains("a JSON Web Token of `admins/editor`"), "{presumed}");
    assert!(presumed.contains("sends a token that was issued just now"), "{presumed}");
    // The account is somebody's, and no key was made for its sake.
    assert_eq!(door.server.get("/.well-known/jwks.json", "").json()["keys"].as_array().unwrap().len(), 1);
}
