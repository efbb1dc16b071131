//! Tokens of our own authorization server, under firewalls with `authentication = "oauth"`.

use super::{
    add, pair,
    people::{Play, cookie, encode, field},
    post, refused, token,
};
use crate::{
    gateway::{raw::read_until, revocation::service},
    support::{PATIENCE, Server, Session, client::Reply, eventually, upstream::Upstream},
};
use serde_json::Value;
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::atomic::Ordering::SeqCst,
};

/// An API for access tokens, beside pages.
const TABLES: &str = r#"[[directory]]
name = "programs"
kind = "integration"
[[integration]]
name = "report"
resources = ["Example_Api::orders"]
[[firewall]]
name = "orders"
path = '^/orders'
authentication = "oauth"
audience = ["https://orders.example.com"]
[[firewall]]
name = "api"
path = '^/v1/'
authentication = "oauth"
[[firewall]]
name = "main"
directory = ["customers", "admins"]
[[access_control]]
path = '^/v1/orders'
roles = ["ROLE_OAUTH2_ORDERS"]
[routes]
files = ["routes.toml"]
unmatched = "authenticated"
[[upstream]]
name = "test"
url = "{upstream}"
"#;

pub(super) const ROUTES: &str = r#"[[resource]]
id = "Example_Api::orders"
title = "Orders"
[[route]]
methods = ["GET"]
path = "/v1/report"
require = ["Example_Api::orders"]
"#;

/// A server with such an API, its upstream, and tokens of the application `shop` for `jane`, who is signed in.
struct Scene {
    play: Play,
    upstream: Upstream,
    jane: Session,
    tokens: Value,
}

impl Scene {
    fn new() -> Self {
        Self::asking("orders offline_access")
    }

    fn asking(scope: &str) -> Self {
        let upstream = Upstream::start();
        let play = Play::beside(&TABLES.replace("{upstream}", &upstream.url()), &[("routes.toml", ROUTES)]);
        let jane = play.jane();
        let tokens = play.tokens(&jane, scope);
        let scene = Self { play, upstream, jane, tokens };
        assert_eq!(scene.call("/v1/things").status, 200, "{}", scene.play.server.log());
        scene
    }

    fn access(&self) -> &str {
        self.tokens["access_token"].as_str().unwrap()
    }

    fn call(&self, path: &str) -> Reply {
        get(&self.play.server, path, self.access())
    }

    /// That the token counts no more, at once.
    #[track_caller]
    fn has_ended(&self) {
        let reply = self.call("/v1/things");
        let challenge = reply.header("www-authenticate").unwrap_or_default();
        assert!(reply.status == 401 && challenge.starts_with("Bearer error=\"invalid_token\", "), "{reply:?}");
    }
}

fn get(server: &Server, path: &str, token: &str) -> Reply {
    server.get(path, &format!("Authorization: Bearer {token}\r\n"))
}

#[test]
fn a_token_of_ours_counts_for_the_person_who_allowed_it() {
    let scene = Scene::new();
    scene.play.site.ok(&["check", "--config", "doorward.toml"], "");
    let received = scene.upstream.last();
    assert_eq!(received.header("doorward-identity"), Some("customer/1"));
    assert_eq!(received.header("doorward-login"), Some("jane"));
    let roles = "ROLE_USER,ROLE_CUSTOMER,ROLE_OAUTH2_ORDERS,ROLE_OAUTH2_OFFLINE_ACCESS";
    assert_eq!(received.header("doorward-roles"), Some(roles));
    assert_eq!((received.header("doorward-method"), received.header("authorization")), (Some("oauth"), None));
    // Access control demands a scope like every role.
    let default = scene.play.tokens(&scene.jane, "default");
    let default = default["access_token"].as_str().unwrap();
    assert_eq!(scene.call("/v1/orders").status, 200);
    assert_eq!(get(&scene.play.server, "/v1/orders", default).status, 403);
    assert_eq!(get(&scene.play.server, "/v1/things", default).status, 200);
    // Whatever else was issued is no access token.
    for key in ["refresh_token", "id_token"] {
        let other = scene.play.tokens(&scene.jane, "openid offline_access")[key].as_str().unwrap().to_owned();
        assert_eq!(get(&scene.play.server, "/v1/things", &other).status, 401, "{key}");
    }
    let header = format!("Authorization: Bearer {}", scene.access());
    let said = scene.play.site.run(&["explain", "--config", "doorward.toml", "GET", "/v1/things", "--header", &header], "");
    assert!(!said.out.contains(scene.access()), "{said:?}");
    assert!(!scene.play.server.log().contains(scene.access()), "a token is never logged");
}

#[test]
fn a_token_counts_only_where_it_is_for() {
    let scene = Scene::new();
    let refused = scene.call("/orders/1");
    assert_eq!(refused.status, 401, "{refused:?}");
    let code = scene.play.code(&scene.jane, "orders");
    let resource = format!("&resource={}", encode("https://orders.example.com"));
    // RFC 8707 2.2: what was allowed was for no one in particular, and that is all that it is for.
    super::refused(&scene.play.ask(&format!("{}{resource}", super::people::exchange(&code))), 400, "invalid_target");
    let query = super::people::request(&[("scope", "orders"), ("resource", "https://orders.example.com")]);
    let code = super::people::parameter(&scene.play.decide(&query, &scene.jane, "allow"), "code").unwrap();
    let tokens = scene.play.redeem(&code).json();
    let access = tokens["access_token"].as_str().unwrap();
    assert_eq!(get(&scene.play.server, "/orders/1", access).status, 200, "{}", scene.play.server.log());
    assert_eq!(get(&scene.play.server, "/v1/things", access).status, 401);
}

#[test]
fn a_client_for_itself_is_a_program_with_the_resources_of_the_configuration() {
    let scene = Scene::new();
    let report = add(&scene.play.site, "report", &[]);
    let nobody = add(&scene.play.site, "nobody", &[]);
    let (mine, other) = (token(&scene.play.server, "report", &report), token(&scene.play.server, "nobody", &nobody));
    assert_eq!(get(&scene.play.server, "/v1/report", &mine).status, 200, "{}", scene.play.server.log());
    let received = scene.upstream.last();
    assert_eq!(received.header("doorward-identity"), Some("integration/1"));
    assert_eq!(received.header("doorward-login"), Some("report"));
    assert_eq!(get(&scene.play.server, "/v1/report", &other).status, 401);
    assert_eq!(scene.call("/v1/report").status, 403, "what the program may is no one else's");
    scene.play.site.ok(&["user", "disable", "programs/report"], "");
    assert_eq!(get(&scene.play.server, "/v1/report", &mine).status, 401);
}

#[test]
fn revoking_a_token_ends_it_and_no_other() {
    let scene = Scene::new();
    let another = scene.play.tokens(&scene.jane, "orders");
    let end = |token: &str| {
        let reply = post(&scene.play.server, "/revoke", &pair("shop", &scene.play.secret), &format!("token={token}"));
        assert_eq!(reply.status, 200, "{reply:?}");
    };
    end(scene.access());
    scene.has_ended();
    let (access, refresh) = (another["access_token"].as_str().unwrap(), another["refresh_token"].as_str().unwrap());
    assert_eq!(get(&scene.play.server, "/v1/things", access).status, 200);
    // RFC 7009 2.1: a refresh token takes along what came of it.
    end(refresh);
    assert_eq!(get(&scene.play.server, "/v1/things", access).status, 401);
}

#[test]
fn taking_back_what_was_allowed_ends_its_tokens() {
    let scene = Scene::new();
    let page = scene.play.open("/account/applications", Some(&scene.jane));
    let body = format!("_csrf_token={}&directory=customers&client=shop", encode(&field(&page, "_csrf_token")));
    assert_eq!(post(&scene.play.server, "/account/applications", &cookie(Some(&scene.jane)), &body).status, 200);
    scene.has_ended();
}

#[test]
fn a_refresh_token_that_comes_twice_ends_the_access_tokens_too() {
    let scene = Scene::new();
    let refresh = scene.tokens["refresh_token"].as_str().unwrap();
    let next = scene.play.refresh(refresh).json();
    let next = next["access_token"].as_str().unwrap();
    assert_eq!((scene.call("/v1/things").status, get(&scene.play.server, "/v1/things", next).status), (200, 200));
    refused(&scene.play.refresh(refresh), 400, "invalid_grant");
    scene.has_ended();
    assert_eq!(get(&scene.play.server, "/v1/things", next).status, 401);
}

#[test]
fn commands_on_the_client_and_on_the_account_end_its_tokens_at_once() {
    for command in [
        &["client", "delete", "shop"][..],
        &["client", "update", "shop", "--disable"],
        &["client", "update", "shop", "--end-tokens"],
        &["user", "disable", "customers/jane"],
        &["user", "password", "customers/jane", "--password-stdin"],
        &["user", "delete", "customers/jane"],
        &["token", "revoke", "customers/jane"],
    ] {
        let scene = Scene::new();
        scene.play.site.ok(command, "Quite another one 8");
        scene.has_ended();
    }
}

#[test]
fn narrowing_a_client_or_the_configuration_narrows_tokens_and_another_secret_leaves_them() {
    let scene = Scene::new();
    let (site, server) = (&scene.play.site, &scene.play.server);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    for (text, orders) in [(config.replace("orders = \"See your orders\"\n", ""), 403), (config, 200)] {
        site.write("doorward.toml", &text);
        server.signal("HUP");
        eventually("what the token is good for now", || (scene.call("/v1/orders").status == orders).then_some(()));
        assert_eq!(scene.call("/v1/things").status, 200);
    }
    scene.play.site.ok(&["client", "rotate-secret", "shop"], "");
    assert_eq!(scene.call("/v1/orders").status, 200);
    scene.play.site.ok(&["client", "update", "shop", "--scope", "default"], "");
    assert_eq!((scene.call("/v1/orders").status, scene.call("/v1/things").status), (403, 200));
}

#[test]
fn what_is_bound_to_a_session_ends_with_it() {
    let scene = Scene::asking("orders");
    let end = format!("{}X-CSRF-Token: {}\r\n", cookie(Some(&scene.jane)), scene.jane.token);
    let reply = scene.play.server.send("DELETE", &format!("/api/ibexa/v2/user/sessions/{}", scene.jane.id), &end, "");
    assert_eq!(reply.status, 204, "{reply:?}");
    scene.has_ended();
}

#[test]
fn two_servers_on_one_store_agree_on_tokens_and_on_their_end() {
    let scene = Scene::new();
    let other = scene.play.site.serve();
    // Its issuer is the other one's: without `public_url` each server is its own.
    assert_eq!(get(&other, "/v1/things", scene.access()).status, 401);
    drop(other);
    let config = std::fs::read_to_string(scene.play.site.path().join("doorward.toml")).unwrap();
    scene.play.site.write("doorward.toml", &config.replace("[oauth]\n", "[oauth]\nissuer = \"https://shop.example.com\"\n"));
    let servers = [scene.play.site.serve(), scene.play.site.serve()];
    let [one, two] = &servers;
    let report = add(&scene.play.site, "report", &[]);
    for (maker, verifier) in [(one, two), (two, one)] {
        let access = token(maker, "report", &report);
        let counts = |server: &Server| get(server, "/v1/report", &access).status;
        assert_eq!(counts(maker), 200, "{}", maker.log());
        // A key that the other one made just now is looked for once a second at most.
        eventually("the key of the other node", || (counts(verifier) == 200).then_some(()));
        let reply = post(maker, "/revoke", &pair("report", &report), &format!("token={access}"));
        assert_eq!((reply.status, counts(maker)), (200, 401));
        eventually("the end of a token on the other node", || (counts(verifier) == 401).then_some(()));
    }
}

#[test]
fn streams_and_sockets_end_with_the_token_that_opened_them() {
    let (address, open) = service();
    let tables = TABLES.replace("{upstream}", &format!("http://{address}")).replace("'^/v1/'", "'^/(v1/|events|socket)'");
    let play = Play::beside(&tables, &[("routes.toml", ROUTES)]);
    let jane = play.jane();
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AA==\r\n";
    let both = || {
        let token = play.tokens(&jane, "orders")["access_token"].as_str().unwrap().to_owned();
        let connect = |path: &str, more: &str| {
            let mut stream = TcpStream::connect(play.server.public).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            write!(stream, "GET {path} HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer {token}\r\n{more}\r\n").unwrap();
            stream
        };
        let mut events = connect("/events", "");
        read_until(&mut events, "data: 1\n\n");
        let mut socket = connect("/socket", upgrade);
        assert!(read_until(&mut socket, "\r\n\r\n").starts_with("HTTP/1.1 101"));
        (token.clone(), [events, socket])
    };
    let ((revoked, ends), (_, mut stays)) = (both(), both());
    assert_eq!(open.load(SeqCst), 4);
    let reply = post(&play.server, "/revoke", &pair("shop", &play.secret), &format!("token={revoked}"));
    assert_eq!(reply.status, 200, "{reply:?}");
    eventually("the end of two", || (open.load(SeqCst) == 2).then_some(()));
    for mut stream in ends {
        let _ = stream.read_to_end(&mut Vec::new());
    }
    read_until(&mut stays[0], "data: 1\n\n");
    stays[1].write_all(b"still here").unwrap();
    read_until(&mut stays[1], "still here");
    // What was allowed in a session ends with it, and so does what it opened.
    let end = format!("{}X-CSRF-Token: {}\r\n", cookie(Some(&jane)), jane.token);
    assert_eq!(play.server.send("DELETE", &format!("/api/ibexa/v2/user/sessions/{}", jane.id), &end, "").status, 204);
    eventually("the end of all", || (open.load(SeqCst) == 0).then_some(()));
}
