//! Tokens that are bound to a key, and the proofs that come along with them (RFC 9449).

use super::{
    add, pair,
    people::{PASSWORD, Play},
    post, refused,
    resource::ROUTES,
};
use crate::support::{Server, client::Reply, python::run_by_node, upstream::Upstream};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::ports::Clock;
use doorward_crypto::{
    jwt::{Algorithm, SigningKey},
    sha256,
    system::{SystemClock, SystemEntropy},
};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU64, Ordering::SeqCst},
    thread,
};

/// APIs that ask for more or less.
const TABLES: &str = r#"[[directory]]
name = "programs"
kind = "integration"
[[integration]]
name = "report"
resources = ["Example_Api::orders"]
[[integration]]
name = "shop"
resources = ["Example_Api::orders"]
[[firewall]]
name = "strict"
path = '^/strict/'
authentication = "oauth"
proof = "dpop"
[[firewall]]
name = "fresh"
path = '^/fresh/'
authentication = "oauth"
dpop_nonce = true
[[firewall]]
name = "api"
path = '^/v1/'
when = "bearer"
authentication = "oauth"
[[firewall]]
name = "main"
directory = ["customers", "admins"]
[routes]
files = ["routes.toml"]
unmatched = "authenticated"
[[upstream]]
name = "test"
url = "{upstream}"
"#;

/// Who has a key, and makes proofs with it.
pub(crate) struct Holder(SigningKey);

impl Holder {
    pub(crate) fn new() -> Self {
        let pkcs8 = SigningKey::generate(Algorithm::Es256, &SystemEntropy).unwrap();
        Self(SigningKey::from_pkcs8(&pkcs8).unwrap())
    }

    pub(crate) fn thumbprint(&self) -> String {
        self.0.verifying().thumbprint().unwrap()
    }

    /// A proof with a `jti` of its own, in which these claims are others.
    pub(crate) fn proof(&self, method: &str, url: &str, token: Option<&str>, changes: Value) -> String {
        static MADE: AtomicU64 = AtomicU64::new(0);
        let mut jwk = self.0.verifying().jwk().unwrap();
        ["use", "alg", "kid"].iter().for_each(|name| drop(jwk.as_object_mut().unwrap().remove(*name)));
        let jti = format!("{}-{}", std::process::id(), MADE.fetch_add(1, SeqCst));
        let mut claims = json!({ "jti": jti, "htm": method, "htu": url, "iat": SystemClock.now().seconds() });
        if let Some(token) = token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(sha256(token.as_bytes())).into();
        }
        for (name, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => claims.as_object_mut().unwrap().remove(name),
                value => claims.as_object_mut().unwrap().insert(name.clone(), value.clone()),
            };
        }
        self.0.sign_under(&json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk }), &claims).unwrap()
    }
}

/// A server with these APIs, and these keys in `[oauth]`.
fn play(keys: &str) -> (Play, Upstream) {
    let upstream = Upstream::start();
    let tables = TABLES.replace("{upstream}", &upstream.url());
    (Play::setting(keys, &tables, &[("routes.toml", ROUTES)]), upstream)
}

struct Scene {
    play: Play,
    upstream: Upstream,
    holder: Holder,
    secret: String,
    /// A token of the program `report` that is bound to the holder's key.
    token: String,
}

impl Scene {
    fn new() -> Self {
        let (play, upstream) = play("");
        let secret = add(&play.site, "report", &[]);
        let mut scene = Self { play, upstream, holder: Holder::new(), secret, token: String::new() };
        let proof = scene.holder.proof("POST", &scene.url("/token"), None, json!({}));
        let reply = scene.ask(&format!("DPoP: {proof}\r\n"));
        assert_eq!((reply.status, &reply.json()["token_type"]), (200, &"DPoP".into()), "{reply:?}");
        scene.token = reply.json()["access_token"].as_str().unwrap().to_owned();
        scene
    }

    fn server(&self) -> &Server {
        &self.play.server
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.server().public)
    }

    /// A request for a token of the program.
    fn ask(&self, headers: &str) -> Reply {
        let headers = format!("{}{headers}", pair("report", &self.secret));
        post(self.server(), "/token", &headers, "grant_type=client_credentials")
    }

    fn unbound(&self) -> String {
        self.ask("").json()["access_token"].as_str().unwrap().to_owned()
    }

    /// `GET path` with this proof.
    fn get(&self, path: &str, proof: &str) -> Reply {
        self.server().get(path, &format!("Authorization: DPoP {}\r\nDPoP: {proof}\r\n", self.token))
    }

    fn proof(&self, path: &str, changes: Value) -> String {
        self.holder.proof("GET", &self.url(path), Some(&self.token), changes)
    }
}

/// The challenge by which a reply refuses, without where clients read more.
#[track_caller]
fn challenge(reply: &Reply) -> String {
    assert_eq!(reply.status, 401, "{reply:?}");
    let challenge = reply.header("www-authenticate").unwrap();
    let (before, rest) = challenge.split_once("resource_metadata=\"").unwrap();
    let (_, after) = rest.split_once('"').unwrap();
    let parts = [before.trim_end_matches(", "), after.trim_start_matches(", ")].map(str::trim);
    let scheme_alone = !parts[0].contains(' ');
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(if scheme_alone { " " } else { ", " })
}

const PROOF: &str = "DPoP error=\"invalid_dpop_proof\", algs=\"EdDSA ES256 ES384 RS256\"";
const TOKEN: &str = "DPoP error=\"invalid_token\", algs=\"EdDSA ES256 ES384 RS256\"";

#[test]
fn a_bound_token_counts_with_a_proof_of_its_key_for_this_request() {
    let scene = Scene::new();
    scene.play.site.ok(&["check", "--config", "doorward.toml"], "");
    for path in ["/v1/report", "/v1/report?page=2", "/strict/things"] {
        let reply = scene.get(path, &scene.proof(path, json!({})));
        assert_eq!(reply.status, 200, "{reply:?}\n{}", scene.server().log());
        let received = scene.upstream.last();
        assert_eq!((received.header("doorward-login"), received.header("doorward-method")), (Some("report"), Some("oauth")));
        // Neither goes further: a proof is as good as used.
        assert_eq!((received.header("authorization"), received.header("dpop")), (None, None));
    }
    let body = "{}";
    let proof = scene.holder.proof("POST", &scene.url("/v1/things"), Some(&scene.token), json!({}));
    let headers = format!("Authorization: dpop {}\r\nDPoP: {proof}\r\n", scene.token);
    assert_eq!(scene.server().send("POST", "/v1/things", &headers, body).status, 200);
    for secret in [&scene.token, &proof] {
        assert!(!scene.server().log().contains(&**secret));
    }
}

#[test]
fn a_proof_that_is_replayed_is_refused() {
    let scene = Scene::new();
    let proof = scene.proof("/v1/report", json!({}));
    assert_eq!(scene.get("/v1/report", &proof).status, 200);
    let again = scene.get("/v1/report", &proof);
    assert_eq!(challenge(&again), PROOF);
    assert!(scene.server().logged("the proof was used before").contains("invalid_credential"));
}

#[test]
fn of_fifty_requests_with_the_same_proof_one_passes() {
    let scene = Scene::new();
    let proof = scene.proof("/v1/report", json!({}));
    let passed = thread::scope(|scope| {
        let all: Vec<_> = (0..50).map(|_| scope.spawn(|| scene.get("/v1/report", &proof).status)).collect();
        all.into_iter().map(|one| one.join().unwrap()).filter(|status| *status == 200).count()
    });
    assert_eq!(passed, 1);
}

#[test]
fn a_proof_for_another_method_url_key_token_or_time_is_refused() {
    let scene = Scene::new();
    let (url, thief) = (scene.url("/v1/report"), Holder::new());
    let now = SystemClock.now().seconds();
    for (what, proof) in [
        ("another method", scene.proof("/v1/report", json!({ "htm": "POST" }))),
        ("another path", scene.proof("/v1/reports", json!({}))),
        ("another host", scene.proof("/v1/report", json!({ "htu": "https://evil.example.com/v1/report" }))),
        ("another scheme", scene.proof("/v1/report", json!({ "htu": url.replace("http:", "https:") }))),
        ("another key", thief.proof("GET", &url, Some(&scene.token), json!({}))),
        ("another token", scene.holder.proof("GET", &url, Some("other"), json!({}))),
        ("no token", scene.holder.proof("GET", &url, None, json!({}))),
        ("an old one", scene.proof("/v1/report", json!({ "iat": now - 600 }))),
        ("one of tomorrow", scene.proof("/v1/report", json!({ "iat": now + 86_400 }))),
        ("no jti", scene.proof("/v1/report", json!({ "jti": null }))),
        ("no proof at all", "x.y.z".to_owned()),
    ] {
        let reply = scene.get("/v1/report", &proof);
        assert_eq!(challenge(&reply), PROOF, "{what}");
    }
    let good = scene.proof("/v1/report", json!({}));
    let two = format!("{good}\r\nDPoP: {}", scene.proof("/v1/report", json!({})));
    assert_eq!(challenge(&scene.get("/v1/report", &two)), PROOF);
    assert_eq!(scene.get("/v1/report", &good).status, 200, "nothing of that used it up");
    // The same place in other letters.
    let spelt = url.replace("report", "%72eport").replace("http:", "HTTP:");
    assert_eq!(scene.get("/v1/report", &scene.proof("/v1/report", json!({ "htu": spelt }))).status, 200);
}

#[test]
fn a_stolen_bound_token_is_worth_nothing() {
    let scene = Scene::new();
    let bearer = scene.server().get("/v1/report", &format!("Authorization: Bearer {}\r\n", scene.token));
    assert_eq!(challenge(&bearer), "Bearer error=\"invalid_token\"");
    assert_eq!(bearer.all("www-authenticate").nth(1), Some("DPoP algs=\"EdDSA ES256 ES384 RS256\""));
    let proof = scene.proof("/v1/report", json!({}));
    let headers = format!("Authorization: Bearer {}\r\nDPoP: {proof}\r\n", scene.token);
    assert_eq!(challenge(&scene.server().get("/v1/report", &headers)), "Bearer error=\"invalid_token\"");
    let alone = scene.server().get("/v1/report", &format!("Authorization: DPoP {}\r\n", scene.token));
    assert_eq!(challenge(&alone), PROOF);
    // A session firewall reads no token, and `when` has taken it for one.
    let main = scene.server().get("/elsewhere", &format!("Authorization: DPoP {}\r\nDPoP: {proof}\r\n", scene.token));
    assert_eq!(main.status, 401, "{main:?}");
}

#[test]
fn a_proof_with_a_token_that_is_bound_to_nothing_is_refused() {
    let mut scene = Scene::new();
    let unbound = scene.unbound();
    assert_eq!(scene.server().get("/v1/report", &format!("Authorization: Bearer {unbound}\r\n")).status, 200);
    scene.token = unbound.clone();
    let proof = scene.proof("/v1/report", json!({}));
    assert_eq!(challenge(&scene.get("/v1/report", &proof)), TOKEN);
    let headers = format!("Authorization: Bearer {unbound}\r\nDPoP: {proof}\r\n");
    assert_eq!(challenge(&scene.server().get("/v1/report", &headers)), "Bearer error=\"invalid_token\"");
}

#[test]
fn a_firewall_that_demands_proofs_takes_no_other_token() {
    let scene = Scene::new();
    let unbound = scene.unbound();
    let reply = scene.server().get("/strict/things", &format!("Authorization: Bearer {unbound}\r\n"));
    assert_eq!(challenge(&reply), TOKEN);
    assert_eq!(reply.all("www-authenticate").count(), 1);
    assert_eq!(challenge(&scene.server().get("/strict/things", "")), "DPoP algs=\"EdDSA ES256 ES384 RS256\"");
}

#[test]
fn where_nonces_are_asked_for_a_proof_needs_one_of_ours() {
    let scene = Scene::new();
    let asked = scene.get("/fresh/things", &scene.proof("/fresh/things", json!({})));
    assert_eq!(challenge(&asked), "DPoP error=\"use_dpop_nonce\", algs=\"EdDSA ES256 ES384 RS256\"");
    let nonce = asked.header("dpop-nonce").unwrap().to_owned();
    let with = |nonce: &str| scene.get("/fresh/things", &scene.proof("/fresh/things", json!({ "nonce": nonce })));
    let reply = with(&nonce);
    assert_eq!(reply.status, 200, "{reply:?}");
    for forged in ["", "forged", &nonce[1..]] {
        let reply = with(forged);
        assert!(challenge(&reply).contains("use_dpop_nonce") && reply.header("dpop-nonce").is_some(), "{forged}");
    }
    // Elsewhere nobody asks, and none is given.
    let reply = scene.get("/v1/report", &scene.proof("/v1/report", json!({})));
    assert_eq!((reply.status, reply.header("dpop-nonce")), (200, None));
}

#[test]
fn the_authorization_server_asks_for_nonces_where_the_configuration_says_so() {
    let play = Play::set("dpop_nonce = true\n");
    let (holder, url) = (Holder::new(), format!("http://{}/token", play.server.public));
    let secret = add(&play.site, "report", &[]);
    let ask = |changes: Value| {
        let headers = format!("{}DPoP: {}\r\n", pair("report", &secret), holder.proof("POST", &url, None, changes));
        post(&play.server, "/token", &headers, "grant_type=client_credentials")
    };
    let asked = ask(json!({}));
    refused(&asked, 400, "use_dpop_nonce");
    let nonce = asked.header("dpop-nonce").unwrap().to_owned();
    refused(&ask(json!({ "nonce": "forged" })), 400, "use_dpop_nonce");
    let reply = ask(json!({ "nonce": nonce }));
    assert_eq!((reply.status, &reply.json()["token_type"]), (200, &"DPoP".into()), "{reply:?}");
    assert!(reply.header("dpop-nonce").is_some());
    // Whoever shows no proof needs none.
    let plain = post(&play.server, "/token", &pair("report", &secret), "grant_type=client_credentials");
    assert_eq!((plain.status, plain.header("dpop-nonce")), (200, None));
}

#[test]
fn openid_client_and_oauth4webapi_prove_possession_of_their_keys() {
    let (play, _upstream) = play("dpop_nonce = true\n");
    let grants = ["authorization_code", "refresh_token", "client_credentials", "device_code"];
    let grants: Vec<&str> = grants.iter().flat_map(|grant| ["--grant", grant]).collect();
    play.site.ok(&[&["client", "update", "shop"], &grants[..]].concat(), "");
    let tv = ["--public", "--grant", "device_code", "--grant", "refresh_token", "--scope", "orders"];
    add(&play.site, "tv", &tv);
    run_by_node("dpop_client.mjs", &play.server, &[&*play.secret, "jane", PASSWORD], 19);
}
