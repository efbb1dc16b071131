//! Firewalls of method `basic`: RFC 7617 on the wire, in the dialects, and beside sessions.

use super::{
    PASSWORD, SignedIn, config,
    raw::read_until,
    revocation::{service, watch},
    to_upstream,
};
use crate::support::{PATIENCE, Server, Site, client::Reply, eventually, upstream::Upstream};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{io::Write, net::TcpStream};

/// The configuration of Ibexa's documentation, as it is written here.
const DOCUMENTED: &str = r#"
[[firewall]]
name = "ibexa_rest"
host = '^api\.example\.com$'
authentication = "basic"
realm = "Ibexa DXP REST API"

[[firewall]]
name = "ibexa_front"
"#;

const ROUTES: &str = "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/*rest\"\nrequire = [\"self\"]\n";
const PREFIX: &str = "/api/ibexa/v2";
const CHALLENGE: &str = r#"Basic realm="Ibexa DXP REST API", charset="UTF-8""#;

/// `Authorization` with a pair.
pub(crate) fn pair(login: &str, password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{login}:{password}")))
}

fn site(rest: &str, routes: &str, upstream: &Upstream) -> Site {
    let site = Site::new(&config("", &format!("{rest}\n{}", to_upstream(upstream.address))));
    site.write("routes.toml", routes);
    site.user("customers/jane", PASSWORD, &[]);
    site
}

/// A request without a body.
fn ask(server: &Server, method: &str, host: &str, path: &str, headers: &str) -> Reply {
    server
        .exchange(&format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: 0\r\n{headers}\r\n"))
}

/// What an answer says, without when.
fn said(reply: &Reply) -> String {
    let head = reply.head.lines().filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
    format!("{}\n{}", head.collect::<Vec<_>>().join("\n"), reply.body)
}

#[test]
fn the_documented_configuration_works_as_written() {
    let upstream = Upstream::start();
    let site = site(DOCUMENTED, ROUTES, &upstream);
    let sound = site.ok(&["check"], "");
    assert!(!sound.err.contains("firewall"), "{sound:?}");
    let server = site.serve();
    let content = format!("{PREFIX}/content/locations/1/2");
    let right = pair("jane", PASSWORD);

    let guest = ask(&server, "GET", "api.example.com", &content, "");
    assert_eq!((guest.status, guest.header("www-authenticate"), &*guest.body), (401, Some(CHALLENGE), ""), "{guest:?}");
    assert_eq!((guest.header("content-length"), guest.header("content-type")), (Some("0"), None), "{guest:?}");
    let wrong = ask(&server, "GET", "api.example.com", &content, &pair("jane", "wrong"));
    assert_eq!(said(&wrong), said(&guest));
    assert!(upstream.received().is_empty());

    for (host, headers) in [("api.example.com", &right), ("API.Example.Com:8443", &right)] {
        let reply = ask(&server, "GET", host, &content, headers);
        assert_eq!((reply.status, reply.header("set-cookie")), (200, None), "{reply:?}");
        let received = upstream.last();
        assert_eq!(received.header("doorward-identity"), Some("customer/1"));
        assert_eq!(received.header("doorward-method"), Some("basic"));
        assert_eq!(received.header("authorization"), None, "a credential goes no further");
    }

    // Sessions stay where they were, and pairs are nothing there.
    let jane = SignedIn::new(&server, "jane");
    assert_eq!(ask(&server, "GET", "www.example.com", &content, &jane.cookie).status, 200);
    assert_eq!(upstream.last().header("doorward-method"), Some("session"));
    let reply = ask(&server, "GET", "www.example.com", &content, &right);
    assert_eq!((reply.status, reply.header("www-authenticate")), (401, None), "{reply:?}");
    let reply = ask(&server, "GET", "api.example.com", &content, &jane.cookie);
    assert_eq!((reply.status, reply.header("www-authenticate"), reply.header("set-cookie")), (401, Some(CHALLENGE), None));
}

#[test]
fn the_development_variant_works_as_written() {
    let upstream = Upstream::start();
    let development = DOCUMENTED.replace(r"^api\.example\.com$", r"^api\.(example\.com|localhost)$");
    let site = site(&development, ROUTES, &upstream);
    let server = site.serve();
    for (host, method) in [
        ("api.example.com", "basic"),
        ("api.localhost:8080", "basic"),
        ("api-example.com", "session"),
        ("api.localhost.evil.test", "session"),
        ("www.api.example.com", "session"),
    ] {
        let reply = ask(&server, "GET", host, "/x", &pair("jane", PASSWORD));
        assert_eq!(reply.status == 200, method == "basic", "{host}: {reply:?}");
    }
}

#[test]
fn the_session_endpoints_are_not_found_under_basic_and_the_others_stay() {
    let upstream = Upstream::start();
    let site = site(DOCUMENTED, ROUTES, &upstream);
    let server = site.serve();
    let headers = format!("{}Accept: application/vnd.ibexa.api.Session+json\r\n", pair("jane", PASSWORD));
    for (method, path) in [
        ("POST", "sessions"),
        ("GET", "sessions/current"),
        ("POST", "sessions/abc/refresh"),
        ("DELETE", "sessions/abc"),
        ("OPTIONS", "sessions"),
        ("PUT", "sessions"),
    ] {
        for credentials in [&headers, "Accept: application/json\r\n"] {
            let reply = ask(&server, method, "api.example.com", &format!("{PREFIX}/user/{path}"), credentials);
            assert_eq!(reply.status, 404, "{method} {path}: {reply:?}");
            assert_eq!(reply.header("content-type"), Some("application/vnd.ibexa.api.ErrorMessage+json"), "{reply:?}");
            assert_eq!(reply.header("set-cookie"), None);
        }
    }
    for (path, status) in [("/", 200), ("/user/current", 307), ("/user/users/1", 200)] {
        let reply = ask(&server, "GET", "api.example.com", &format!("{PREFIX}{path}"), &headers);
        assert_eq!(reply.status, status, "{path}: {reply:?}");
    }
    let stranger = ask(&server, "GET", "api.example.com", &format!("{PREFIX}/user/current"), "Accept: application/json\r\n");
    assert_eq!((stranger.status, stranger.header("www-authenticate")), (401, Some(CHALLENGE)), "{stranger:?}");
    assert_eq!(stranger.json()["ErrorMessage"]["errorDescription"], "Not logged in.");
    // Whoever is known and may not is not asked again.
    let jane = ask(&server, "GET", "api.example.com", &format!("{PREFIX}/user/users/2"), &headers);
    assert_eq!((jane.status, jane.header("www-authenticate")), (401, None), "{jane:?}");
    // No page signs in there.
    assert_eq!(ask(&server, "GET", "api.example.com", "/login", &headers).status, 404);
}

#[test]
fn unknown_disabled_and_wrong_get_one_answer() {
    let upstream = Upstream::start();
    let site = site(DOCUMENTED, ROUTES, &upstream);
    site.user("customers/gone", PASSWORD, &[]);
    site.ok(&["user", "disable", "customers/gone"], "");
    let server = site.serve();
    for path in [format!("{PREFIX}/x"), "/x".to_owned()] {
        let accept = "Accept: application/json\r\n";
        let replies = [("jane", "wrong"), ("gone", PASSWORD), ("nobody", PASSWORD), ("jane", "")].map(|(login, password)| {
            ask(&server, "GET", "api.example.com", &path, &format!("{}{accept}", pair(login, password)))
        });
        for reply in &replies {
            assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some(CHALLENGE)), "{reply:?}");
            let same = |reply: &Reply| {
                let said = said(reply);
                let id = reply.body.split("request_id\":\"").nth(1).and_then(|rest| rest.get(..32)).unwrap_or("-");
                said.replace(id, "ID")
            };
            assert_eq!(same(reply), same(&replies[0]));
        }
    }
    assert!(upstream.received().is_empty());
}

#[test]
fn whoever_is_wrong_is_a_guest_where_the_firewall_says_so() {
    let upstream = Upstream::start();
    let rest = "[[firewall]]\nname = \"api\"\nauthentication = \"basic\"\ninvalid = \"guest\"\n";
    let routes = format!("{ROUTES}[[route]]\nmethods = [\"GET\"]\npath = \"/open\"\nrequire = [\"anonymous\"]\n");
    let site = site(rest, &routes, &upstream);
    let server = site.serve();
    for headers in [pair("jane", "wrong"), "Authorization: Basic !!\r\n".to_owned(), "Authorization: Basic\r\n".to_owned()] {
        assert_eq!(server.get("/open", &headers).status, 200);
        assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
        let reply = server.get("/closed", &headers);
        let challenge = r#"Basic realm="Secured Area", charset="UTF-8""#;
        assert_eq!((reply.status, reply.header("www-authenticate")), (401, Some(challenge)), "{reply:?}");
    }
}

#[test]
fn a_browser_of_another_site_changes_nothing() {
    let upstream = Upstream::start();
    let site = site(DOCUMENTED, ROUTES, &upstream);
    let server = site.serve();
    let right = pair("jane", PASSWORD);
    for (more, passes) in [
        ("", true),
        ("Sec-Fetch-Site: same-origin\r\n", true),
        ("Sec-Fetch-Site: none\r\n", true),
        ("Sec-Fetch-Site: cross-site\r\n", false),
        ("Sec-Fetch-Site: same-site\r\nOrigin: http://api.example.com\r\n", false),
        ("Origin: https://evil.example\r\n", false),
        ("Origin: null\r\n", false),
    ] {
        for (path, refused) in [(format!("{PREFIX}/x"), 401), ("/x".to_owned(), 403)] {
            let headers = format!("{right}{more}");
            let reply = ask(&server, "POST", "api.example.com", &path, &headers);
            assert_eq!(reply.status, if passes { 200 } else { refused }, "{more}: {reply:?}");
            assert_eq!(reply.header("www-authenticate"), None, "the pair is right: {reply:?}");
            assert_eq!(ask(&server, "GET", "api.example.com", &path, &headers).status, 200, "reading is free: {more}");
        }
    }
}

#[test]
fn what_the_firewall_does_not_read_is_ignored_stripped_and_named() {
    let upstream = Upstream::start();
    let passing = format!("{}credentials = \"pass\"\n", to_upstream(upstream.address));
    let site = Site::new(&config("", &format!("{DOCUMENTED}{passing}")));
    site.write("routes.toml", ROUTES);
    site.user("customers/jane", PASSWORD, &[]);
    site.user("customers/other", PASSWORD, &[]);
    let server = site.serve();
    let other = SignedIn::new(&server, "other");
    let both = format!("{}{}", pair("jane", PASSWORD), other.cookie);
    for (host, identity) in [("api.example.com", "customer/1"), ("www.example.com", "customer/2")] {
        assert_eq!(ask(&server, "GET", host, "/x", &both).status, 200);
        let received = upstream.last();
        assert_eq!(received.header("doorward-identity"), Some(identity), "{host}");
        assert!(received.header("authorization").is_some() && received.header("cookie").is_some(), "credentials = \"pass\"");
    }
    // A live session does not help a wrong pair, nor a right pair a dead cookie.
    let wrong = format!("{}{}", pair("jane", "wrong"), other.cookie);
    assert_eq!(ask(&server, "GET", "api.example.com", "/x", &wrong).status, 401);
    assert_eq!(ask(&server, "GET", "www.example.com", "/x", &wrong).status, 200);
    drop(server);

    let strict = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap().replace("credentials = \"pass\"", "");
    site.write("doorward.toml", &strict);
    let server = site.serve();
    for host in ["api.example.com", "www.example.com"] {
        assert_eq!(ask(&server, "GET", host, "/x", &both).status, 200);
        assert_eq!((upstream.last().header("authorization"), upstream.last().header("cookie")), (None, None), "{host}");
    }
    let explained = |host: &str| {
        let header = both.lines().flat_map(|line| ["--header", line]).collect::<Vec<_>>();
        let url = format!("http://{host}/x");
        let mut arguments = vec!["explain", "GET", &url];
        arguments.extend(header);
        site.ok(&arguments, "")
    };
    let (api, www) = (explained("api.example.com"), explained("www.example.com"));
    assert!(api.out.contains("a session cookie: the firewall judges by Basic pairs"), "{api:?}");
    assert!(api.out.contains("the login and password of `customers/jane`"), "{api:?}");
    assert!(www.out.contains("a Basic pair: the firewall judges by session cookies"), "{www:?}");
}

#[test]
fn explain_judges_a_pair_and_never_shows_the_password() {
    let upstream = Upstream::start();
    let site = site(DOCUMENTED, ROUTES, &upstream);
    let explain = |headers: &[&str], more: &[&str]| {
        let mut arguments = vec!["explain", "GET", "http://api.example.com/x"];
        headers.iter().for_each(|header| arguments.extend(["--header", *header]));
        arguments.extend(more);
        site.run(&arguments, "")
    };
    let header = |password: &str| pair("jane", password).trim().to_owned();
    let (right, wrong) = (header(PASSWORD), header("wrong secret"));
    for (output, code, text) in [
        (explain(&[&right], &[]), 0, "the login and password of `customers/jane`"),
        (explain(&[&wrong], &[]), 1, "a Basic pair that is wrong: the password is wrong"),
        (explain(&["Authorization: Basic !!"], &[]), 1, "the Basic credentials are not Base64"),
        (explain(&[], &[]), 1, "there is no Basic pair"),
        (explain(&[], &["--as", "customers/jane"]), 0, "customers/jane sends its right password"),
        (explain(&[&wrong], &["--as", "customers/jane"]), 1, "the password is wrong"),
        (explain(&[&right], &["--json"]), 0, "\"outcome\""),
    ] {
        assert_eq!(output.code, code, "{output:?}");
        let said = format!("{}{}", output.out, output.err);
        assert!(said.contains(text), "{text}: {said}");
        for secret in [PASSWORD, "wrong secret", right.split(' ').nth(2).unwrap(), wrong.split(' ').nth(2).unwrap()] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
    }
    site.ok(&["user", "disable", "customers/jane"], "");
    let disabled = explain(&[&right], &[]);
    assert!(disabled.code == 1 && disabled.out.contains("the account is disabled"), "{disabled:?}");
}

#[test]
fn one_sign_in_is_written_down_however_many_requests_follow() {
    let upstream = Upstream::start();
    let site = site(DOCUMENTED, ROUTES, &upstream);
    let server = site.serve();
    let right = pair("jane", PASSWORD);
    for _ in 0..20 {
        assert_eq!(ask(&server, "GET", "api.example.com", "/x", &right).status, 200);
    }
    assert_eq!(ask(&server, "GET", "api.example.com", "/x", &pair("jane", "wrong secret")).status, 401);
    let count = |what: &str| {
        let log = server.log();
        let audits = log.lines().filter(|line| line.contains("\"event\":\"audit\""));
        audits.filter(|line| line.contains(what)).map(str::to_owned).collect::<Vec<_>>()
    };
    eventually("the refusal in the log", || (!count("\"refusal\"").is_empty()).then_some(()));
    let (signed_in, failed) = (count("\"action\":\"sign_in\""), count("\"action\":\"sign_in_failed\""));
    assert_eq!((signed_in.len(), failed.len(), count("\"refusal\"").len()), (1, 1, 1), "{}", server.log());
    assert!(signed_in[0].contains("\"method\":\"basic pwd\"") && signed_in[0].contains("\"identity\":\"customer/1\""));
    assert!(failed[0].contains("\"outcome\":\"wrong_password\""), "{failed:?}");
    let metric =
        |outcome: &str| server.metric(&format!("doorward_sign_ins_total{{directory=\"customers\",outcome=\"{outcome}\"}}"));
    assert_eq!((metric("success"), metric("wrong_password")), (Some(1.0), Some(1.0)));
    assert_eq!(server.metric("doorward_basic_pairs"), Some(1.0));
    for secret in [PASSWORD, "wrong secret", right.split(' ').nth(2).unwrap().trim()] {
        assert!(!server.log().contains(secret), "{secret}");
    }
}

#[test]
fn what_a_pair_opened_ends_with_its_account() {
    let (address, open) = service();
    let site = Site::new(&config("", &format!("{DOCUMENTED}{}", to_upstream(address))));
    site.write("routes.toml", ROUTES);
    for login in ["jane", "stays", "disabled", "changed"] {
        site.user(&format!("customers/{login}"), PASSWORD, &[]);
    }
    let server = site.serve();
    let connect = |login: &str, path: &str, more: &str, until: &str| {
        let mut stream = TcpStream::connect(server.public).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let pair = pair(login, PASSWORD);
        write!(stream, "GET {path} HTTP/1.1\r\nHost: api.example.com\r\n{pair}{more}\r\n").unwrap();
        read_until(&mut stream, until);
        stream
    };
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AA==\r\n";
    let _stays = connect("stays", "/events", "", "data: 1\n\n");
    for (login, command) in [
        ("disabled", &["user", "disable", "customers/disabled"][..]),
        ("changed", &["user", "password", "customers/changed", "--password-stdin"]),
    ] {
        let ends = [watch(connect(login, "/events", "", "data: 1\n\n")), watch(connect(login, "/socket", upgrade, "\r\n\r\n"))];
        site.ok(command, "another fine password");
        assert_eq!(ask(&server, "GET", "api.example.com", "/x", &pair(login, PASSWORD)).status, 401, "{login}: at once");
        for end in ends {
            end.join().unwrap();
        }
    }
    eventually("the service's end of it", || (open.load(std::sync::atomic::Ordering::SeqCst) == 1).then_some(()));
}

#[test]
fn check_warns_of_pages_that_lose_their_session_api() {
    let upstream = Upstream::start();
    let trap =
        "[[firewall]]\nname = \"rest\"\npath = '^/api/ibexa/v2'\nauthentication = \"basic\"\n[[firewall]]\nname = \"main\"\n";
    let site = site(trap, ROUTES, &upstream);
    let output = site.ok(&["check"], "");
    let said = format!("{}{}", output.out, output.err);
    assert!(said.contains("firewall `rest` takes the session API from the pages of its host"), "{said}");
    // It is as the warning says.
    let server = site.serve();
    assert_eq!(server.get("/login", "").status, 200);
    assert_eq!(server.try_sign_in("jane", PASSWORD).status, 404);
}
