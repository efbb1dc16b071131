//! What the service behind receives, and what of its answers comes back.

use super::{PASSWORD, SignedIn, site};
use crate::support::{
    Server, Site,
    python::claims,
    upstream::{Received, Upstream},
};
use serde_json::Value;

const ROUTES: &str = "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/*rest\"\nrequire = [\"anonymous\"]\n";

/// A login with everything that means something in a header, and more than ASCII.
const ODD: &str = "jo, \"Zo\u{eb}\"; 100%\\\u{6f22}";

fn serve_with(upstream: &Upstream, more: &str) -> (Server, Site) {
    let url = upstream.url();
    let rest = format!(
        "[routes]\nfiles = [\"routes.toml\"]\n[[upstream]]\nname = \"shop\"\nurl = \"{url}\"\n\
         [[upstream]]\nname = \"legacy\"\nurl = \"{url}\"\npath = \"/legacy\"\ncredentials = \"pass\"\n{more}"
    );
    let site = site("", &rest, ROUTES);
    site.ok(&["role", "add", "Sales, north", "--allow", "Magento_Backend::admin"], "");
    site.user("customers/jane", PASSWORD, &[]);
    site.user(&format!("customers/{ODD}"), PASSWORD, &[]);
    site.ok(&["user", "add", "admins/admin", "--id", "14", "--role", "Sales, north", "--password-stdin"], PASSWORD);
    (site.serve(), site)
}

fn serve() -> (Server, Upstream, Site) {
    let upstream = Upstream::start();
    let (server, site) = serve_with(&upstream, "");
    (server, upstream, site)
}

/// Sends a GET and returns what arrived.
fn passed(server: &Server, upstream: &Upstream, path: &str, headers: &str) -> Received {
    let before = upstream.received().len();
    let reply = server.get(path, headers);
    assert_eq!(reply.status, 200, "{path} {headers}: {reply:?}");
    let received = upstream.received();
    assert_eq!(received.len(), before + 1);
    received.last().unwrap().clone()
}

/// The claims as an independent library verifies them.
fn verify(site: &Site, keys: &str, audience: &str, issuer: &str, token: &str) -> Result<Value, String> {
    let keys = site.write("keys.json", keys);
    claims("verify_assertion.py", &[keys.as_os_str(), audience.as_ref(), issuer.as_ref()], token)
}

#[test]
fn agent_os_568_an_independent_library_verifies_the_assertion() {
    let (server, upstream, site) = serve();
    let keys = server.operate("/assertion-keys").body;
    let issuer = format!("http://{}", server.public);
    let admin = SignedIn::new(&server, "admin");
    let token = |received: &Received| received.header("doorward-assertion").unwrap().to_owned();

    let of_admin = token(&passed(&server, &upstream, "/a", &admin.cookie));
    let claims = verify(&site, &keys, "shop", &issuer, &of_admin).unwrap();
    assert_eq!((&claims["sub"], &claims["login"], &claims["method"]), (&"admin/14".into(), &"admin".into(), &"session".into()));
    assert_eq!(claims["roles"], serde_json::json!(["ROLE_USER", "ROLE_ADMIN", "Sales, north"]));
    assert_eq!(claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap(), 60);

    let guest = verify(&site, &keys, "shop", &issuer, &token(&passed(&server, &upstream, "/a", ""))).unwrap();
    assert_eq!((&guest["sub"], guest.get("login"), guest.get("roles")), (&"guest".into(), None, None));
    let odd = SignedIn::new(&server, ODD);
    let odd = verify(&site, &keys, "shop", &issuer, &token(&passed(&server, &upstream, "/a", &odd.cookie))).unwrap();
    assert_eq!(odd["login"], ODD);

    // For one upstream and from one issuer, and nobody can change it.
    let for_legacy = token(&passed(&server, &upstream, "/legacy/a", &admin.cookie));
    assert_eq!(verify(&site, &keys, "legacy", &issuer, &for_legacy).unwrap()["aud"], "legacy");
    assert!(verify(&site, &keys, "legacy", &issuer, &of_admin).unwrap_err().contains("InvalidAudienceError"));
    assert!(verify(&site, &keys, "shop", "http://other.test", &of_admin).unwrap_err().contains("InvalidIssuerError"));
    let (signed, signature) = of_admin.rsplit_once('.').unwrap();
    let other = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{other}{}", &signature[1..]);
    assert!(verify(&site, &keys, "shop", &issuer, &forged).unwrap_err().contains("InvalidSignatureError"));

    // It is no credential.
    for headers in [format!("Doorward-Assertion: {of_admin}\r\n"), format!("Authorization: Bearer {of_admin}\r\n")] {
        assert_eq!(passed(&server, &upstream, "/a", &headers).header("doorward-identity"), Some("guest"));
    }
    // What is published is public.
    assert!(!keys.contains("\"d\""), "{keys}");
}

#[test]
fn the_service_learns_who_calls() {
    let (server, upstream, _site) = serve();
    let ours = |received: &Received| {
        ["identity", "login", "roles", "method"].map(|name| {
            let mut all = received.all(Box::leak(format!("doorward-{name}").into_boxed_str()));
            let first = all.next().map(str::to_owned);
            assert_eq!(all.next(), None, "{received:?}");
            first
        })
    };
    let expected = |values: [Option<&str>; 4]| values.map(|value| value.map(str::to_owned));
    assert_eq!(ours(&passed(&server, &upstream, "/a", "")), expected([Some("guest"), None, None, Some("session")]));
    for (login, identity, shown, roles) in [
        ("jane", "customer/1", "jane", "ROLE_USER,ROLE_CUSTOMER"),
        ("admin", "admin/14", "admin", "ROLE_USER,ROLE_ADMIN,Sales%2C%20north"),
        (ODD, "customer/2", "jo%2C%20%22Zo%C3%AB%22%3B%20100%25%5C%E6%BC%A2", "ROLE_USER,ROLE_CUSTOMER"),
    ] {
        let session = SignedIn::new(&server, login);
        let received = passed(&server, &upstream, "/a", &session.cookie);
        assert_eq!(ours(&received), expected([Some(identity), Some(shown), Some(roles), Some("session")]));
        let id = received.header("doorward-request-id").unwrap();
        assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{id}");
        assert_eq!(super::event_of(&server, id)["identity"], identity);
    }
}

#[test]
fn what_a_client_says_of_itself_is_dropped_in_every_spelling() {
    let (server, upstream, _site) = serve();
    let mut spoofs = String::new();
    for name in ["Identity", "Login", "Roles", "Method", "Request-Id", "Assertion", "Future"] {
        for spelling in
            [format!("Doorward-{name}"), format!("doorward_{name}"), format!("DOORWARD.{name}"), format!("doorward~{name}")]
        {
            spoofs += &format!("{spelling}: admin/1\r\n");
        }
    }
    for name in
        ["X-Original-URL", "X_Rewrite_URL", "X-HTTP-Method", "X-Method-Override", "X-HTTP-Method-Override", "Proxy", "Cookie_"]
    {
        if name != "Cookie_" {
            spoofs += &format!("{name}: /admin\r\n");
        }
    }
    let jane = SignedIn::new(&server, "jane");
    // A nomination as hop-by-hop takes away what is the client's, never what is ours.
    let nominated = "Connection: close, Doorward-Identity, Doorward-Assertion, X-Forwarded-For, X-Mine\r\nX-Mine: 1\r\n";
    for headers in [spoofs.clone(), format!("{spoofs}{}", jane.cookie), format!("{spoofs}{nominated}")] {
        let received = passed(&server, &upstream, "/a", &headers);
        let known = headers.contains("Cookie");
        assert_eq!(received.header("doorward-identity"), Some(if known { "customer/1" } else { "guest" }));
        let lines: Vec<&str> = received.head.lines().skip(1).filter_map(|line| line.split(':').next()).collect();
        let folded = |name: &&&str| name.to_ascii_lowercase().replace(['_', '.', '~'], "-").starts_with("doorward-");
        assert_eq!(lines.iter().filter(folded).count(), if known { 6 } else { 4 }, "{received:?}");
        assert!(!received.head.contains("/admin") && !received.head.contains("admin/1"), "{received:?}");
        assert_eq!(received.header("x-mine"), None);
        assert!(received.header("x-forwarded-for").is_some());
    }
}

#[test]
fn credentials_are_stripped_or_passed_as_the_upstream_is_configured() {
    let (server, upstream, _site) = serve();
    let jane = SignedIn::new(&server, "jane");
    let pair = jane.cookie["Cookie: ".len()..].trim();
    let cookies = format!("Cookie: theme=dark; {pair}; doorward_admins=nonsense\r\nCookie: cart=7\r\n");
    for (authorization, readable) in [("Basic YTpi", true), ("bearer", true), ("Digest x=y", false)] {
        let headers = format!("{cookies}Authorization: {authorization}\r\n");
        let received = passed(&server, &upstream, "/a", &headers);
        assert_eq!(received.all("cookie").collect::<Vec<_>>(), ["theme=dark; cart=7"]);
        assert_eq!(received.header("authorization"), Some(authorization).filter(|_| !readable), "{received:?}");
        let received = passed(&server, &upstream, "/legacy/a", &headers);
        let all = format!("theme=dark; {pair}; doorward_admins=nonsense; cart=7");
        assert_eq!(received.all("cookie").collect::<Vec<_>>(), [all]);
        assert_eq!(received.header("authorization"), Some(authorization));
        // Its own reading of credentials does not change who we say is calling.
        assert_eq!(received.header("doorward-identity"), Some("customer/1"));
    }
}

#[test]
fn an_answer_comes_back_without_what_only_we_may_say() {
    let upstream = Upstream::answering(|_| {
        "HTTP/1.1 200 OK\r\nSet-Cookie: doorward_customers=stolen; Path=/\r\nSet-Cookie: cart=7\r\n\
         Set-Cookie:  doorward_admins =x\r\nDoorward-Identity: admin/1\r\nDoorward_Login: a\r\nX-Own: yes\r\n\
         Cache-Control: public, max-age=60\r\nConnection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nContent-Length: 2\r\n\r\nok"
            .to_owned()
    });
    let (server, _site) = serve_with(&upstream, "");
    let jane = SignedIn::new(&server, "jane");
    for (headers, cache) in [("", "public, max-age=60"), (&*jane.cookie, "private, max-age=60")] {
        let reply = server.get("/a", headers);
        assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
        assert_eq!(reply.all("set-cookie").collect::<Vec<_>>(), ["cart=7"], "{reply:?}");
        assert!(!reply.head.to_lowercase().contains("\ndoorward"), "{reply:?}");
        assert_eq!((reply.header("x-own"), reply.header("x-hop"), reply.header("keep-alive")), (Some("yes"), None, None));
        assert_eq!(reply.all("cache-control").collect::<Vec<_>>(), [cache], "{reply:?}");
    }
}

#[test]
fn the_longest_prefix_of_whole_segments_names_the_upstream() {
    let (server, upstream, _site) = serve();
    for (path, name) in [("/legacy", "legacy"), ("/legacy/x", "legacy"), ("/legacyx", "shop"), ("/a/legacy", "shop")] {
        let received = passed(&server, &upstream, &format!("{path}?q=%2F&&a=b+c"), "");
        assert_eq!(received.line(), format!("GET {path}?q=%2F&&a=b+c HTTP/1.1"), "neither stripped nor rewritten");
        let id = received.header("doorward-request-id").unwrap();
        assert_eq!(super::event_of(&server, id)["upstream"], name, "{path}");
    }
}
