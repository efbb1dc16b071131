//! What `admit` makes of heads. Framing and what the parser refuses are tested over sockets (`tests/road`).

use super::*;
use doorward_core::{
    Kind, Source,
    policy::{CookieSpec, Directory, SameSite, Serve, Unmatched, Upstream},
    route::RouteTable,
};
use http::Version;
use std::time::Duration;

/// Pages of `https://app.test` may send credentials.
fn app() -> doorward_core::CorsRule {
    doorward_core::CorsRule {
        path: None,
        origins: vec!["https://app.test".into()],
        patterns: Vec::new(),
        any: false,
        credentials: true,
        methods: None,
        headers: Vec::new(),
        expose: Vec::new(),
        max_age: Duration::from_secs(60),
        private_network: false,
        source: Source::new("test.toml", 1),
    }
}

pub(super) fn policy() -> Policy {
    let cookie = CookieSpec {
        name: "SESS".into(),
        domain: None,
        path: "/".into(),
        lifetime: None,
        same_site: SameSite::Lax,
        secure: false,
    };
    let directory = Directory {
        website: None,
        site: None,
        name: "admins".into(),
        kind: Kind::Admin,
        cookie,
        idle_timeout: Duration::from_secs(60),
        lifetime: Duration::from_secs(60),
        max_failures: 6,
        lock: Duration::from_secs(60),
        passwords: doorward_core::PasswordRules::of(Kind::Admin),
    };
    let upstream = |path: &str, keep| {
        Arc::new(Upstream {
            name: path.into(),
            base: "http://127.0.0.1:9".into(),
            path: path.into(),
            pass_credentials: false,
            identity: doorward_core::UpstreamIdentity::Doorward,
            cookies: Vec::new(),
            cart: None,
            exchange: None,
            keep_encoded_slash: keep,
            connect_timeout: Duration::from_secs(1),
            response_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            max_connections: 64,
            source: Source::new("test.toml", 1),
        })
    };
    Policy {
        hash: "0".into(),
        hosts: Some(vec!["shop.test".into(), "[::1]".into()]),
        origins: vec!["http://shop.test".into()],
        cors: doorward_core::Cors { rules: vec![Arc::new(app())] },
        sites: doorward_core::Sites::default(),
        ibexa_prefixes: vec!["/api/ibexa/v2".into()],
        serve: Serve { sessions: true, tokens: false, accounts: false, root: true, users: true, pages: true, jwt: true },
        directories: vec![Arc::new(directory)],
        firewalls: Vec::new(),
        access: Vec::new(),
        routes: RouteTable { magento_prefix: Some("/rest".into()), ..RouteTable::default() },
        resources: doorward_core::acl::Tree::default(),
        unmatched: Unmatched::Allow,
        upstreams: vec![upstream("/keep", true), upstream("/", false)],
        oauth: None,
        issuers: Vec::new(),
        providers: Vec::new(),
    }
}

fn judge_as(method: &str, target: &str, lines: &[(&str, &str)], version: Version) -> Result<Admitted, Box<Rejected>> {
    let mut request = Request::builder().method(method).uri(target).version(version);
    for (name, value) in lines {
        request = request.header(*name, *value);
    }
    let (parts, ()) = request.body(()).unwrap().into_parts();
    let connection = Connection::plain("192.0.2.7:5".parse().unwrap());
    admit_parts(parts, Body::Empty, None, &connection, &policy(), &Network::default(), "id".to_owned())
}

fn judge(method: &str, target: &str, lines: &[(&str, &str)]) -> Result<Admitted, Box<Rejected>> {
    let mut all = vec![("host", "shop.test")];
    all.extend_from_slice(lines);
    judge_as(method, target, &all, Version::HTTP_11)
}

fn code(outcome: Result<Admitted, Box<Rejected>>) -> (u16, &'static str) {
    match outcome {
        Ok(_) => (200, "ok"),
        Err(rejected) => (rejected.status.as_u16(), rejected.code),
    }
}

#[test]
fn takes_one_host_and_only_one() {
    let http1 = |target: &str, hosts: &[&str]| {
        let lines: Vec<(&str, &str)> = hosts.iter().map(|host| ("host", *host)).collect();
        code(judge_as("GET", target, &lines, Version::HTTP_11))
    };
    let cases: [(&str, &[&str], (u16, &str)); 17] = [
        ("/", &["shop.test"], (200, "ok")),
        ("/", &["SHOP.test.:8080"], (200, "ok")),
        ("/", &["[::1]:8080"], (200, "ok")),
        ("/", &[], (400, "host")),
        ("/", &[""], (400, "host")),
        ("/", &["shop.test", "shop.test"], (400, "host")),
        ("/", &["shop.test", "other.test"], (400, "host")),
        ("/", &["shop.test, other.test"], (400, "host")),
        ("/", &["user@shop.test"], (400, "host")),
        ("/", &["a@b@shop.test"], (400, "host")),
        ("/", &["shop.test/x"], (400, "host")),
        ("/", &["other.test"], (421, "host_not_served")),
        ("/", &["shop.test.evil"], (421, "host_not_served")),
        ("http://shop.test/a", &["shop.test"], (200, "ok")),
        ("http://shop.test/a", &["other.test"], (400, "host")),
        ("http://shop.test/a", &[], (400, "host")),
        ("ftp://shop.test/a", &["shop.test"], (400, "target")),
    ];
    for (target, hosts, expected) in cases {
        assert_eq!(http1(target, hosts), expected, "{target} {hosts:?}");
    }
    let http2 = |target: &str, lines: &[(&str, &str)]| code(judge_as("GET", target, lines, Version::HTTP_2));
    assert_eq!(http2("http://shop.test/", &[]), (200, "ok"));
    assert_eq!(http2("http://shop.test/", &[("host", "shop.test")]), (200, "ok"));
    assert_eq!(http2("http://shop.test/", &[("host", "other.test")]), (400, "host"));
    assert_eq!(http2("http://u@shop.test/", &[]), (400, "host"));
    assert_eq!(http2("/", &[]), (400, "host"));
}

#[test]
fn the_authority_keeps_its_port_and_the_host_does_not() {
    let admitted = judge_as("GET", "/", &[("host", "Shop.TEST.:8080")], Version::HTTP_11).unwrap();
    assert_eq!((admitted.host.as_str(), admitted.authority.as_str()), ("shop.test", "shop.test:8080"));
}

#[test]
fn oathkeeper_ghsa_p224_dot_segments_are_refused_and_not_resolved() {
    for target in ["/public/../admin", "/public/%2e%2e/admin", "/public/..;/admin", "/a//b", "/a%5cb", "/a%2Fb", "/a%00", "*"] {
        assert_eq!(code(judge("GET", target, &[])), (400, "path"), "{target}");
    }
}

#[test]
fn an_encoded_slash_stays_only_where_its_upstream_keeps_it() {
    assert_eq!(judge("GET", "/keep/a%2fb", &[]).unwrap().path, "/keep/a%2Fb");
    assert_eq!(code(judge("GET", "/keeper/a%2fb", &[])), (400, "path"));
    assert_eq!(code(judge("GET", "/keep/..%2fadmin", &[])), (400, "path"));
}

#[test]
fn oauth2_proxy_ghsa_7rh7_the_query_is_no_part_of_the_path() {
    let admitted = judge("GET", "/a%7Eb?next=/public/../x//y", &[]).unwrap();
    assert_eq!(admitted.path, "/a~b");
    assert_eq!(admitted.query.as_deref(), Some("next=/public/../x//y"));
}

#[test]
fn cve_2026_41059_a_fragment_reaches_nobody() {
    let admitted = judge("GET", "/private#/public", &[]).unwrap();
    assert_eq!((admitted.path.as_str(), admitted.query), ("/private", None));
}

#[test]
fn the_override_is_for_ibexa_posts_only() {
    let over = |method: &str, target: &str, value: &str| {
        judge(method, target, &[("X-HTTP-Method-Override", value)]).map(|admitted| {
            assert!(!admitted.headers.contains_key("x-http-method-override"));
            admitted.method.to_string()
        })
    };
    assert_eq!(over("POST", "/api/ibexa/v2/x", "patch").unwrap(), "PATCH");
    assert_eq!(over("POST", "/api/ibexa/v2/x", "PUBLISH").unwrap(), "PUBLISH");
    assert_eq!(over("GET", "/api/ibexa/v2/x", "DELETE").unwrap(), "GET");
    assert_eq!(over("POST", "/rest/V1/x", "GET").unwrap(), "POST");
    assert_eq!(over("POST", "/x", "GET").unwrap(), "POST");
    for value in ["", "GET POST", "GET,POST", "G-T", "G3T", "CONNECT", "trace"] {
        assert_eq!(over("POST", "/api/ibexa/v2/x", value).unwrap_err().status, 400, "{value}");
    }
    let twice = [("X-HTTP-Method-Override", "PUT"), ("X-HTTP-Method-Override", "PUT")];
    assert_eq!(code(judge("POST", "/api/ibexa/v2/x", &twice)), (400, "method_override"));
    // A spelling that decides nothing reaches nobody.
    let folded = judge("POST", "/api/ibexa/v2/x", &[("X_HTTP_Method_Override", "DELETE")]).unwrap();
    assert_eq!(folded.method, Method::POST);
    assert!(!folded.headers.contains_key("x_http_method_override"));
}

#[test]
fn connect_trace_and_lower_case_methods_are_refused() {
    for method in ["CONNECT", "TRACE", "get", "Delete"] {
        let target = if method == "CONNECT" { "http://shop.test/" } else { "/" };
        assert_eq!(code(judge(method, target, &[])), (400, "method"), "{method}");
    }
    assert_eq!(code(judge("M-SEARCH", "/", &[])), (200, "ok"));
}

#[test]
fn cve_2025_64484_spelled_identity_headers_are_dropped() {
    let lines = [
        ("Doorward-Identity", "admin/1"),
        ("Doorward_Identity", "admin/1"),
        ("doorward.login", "admin"),
        ("X_Forwarded_Proto", "https"),
        ("X-Forwarded-Prefix", "/x"),
        ("X-Original-URL", "/admin"),
        ("X_Rewrite_URL", "/admin"),
        ("Connection", "Doorward-Identity"),
        ("Accept", "*/*"),
    ];
    let admitted = judge("GET", "/", &lines).unwrap();
    let names: Vec<&str> = admitted.headers.keys().map(HeaderName::as_str).collect();
    assert_eq!(names, ["host", "accept"]);
}

#[test]
fn oathkeeper_ghsa_vhr5_a_forwarded_proto_makes_nothing_secure() {
    assert!(!judge("GET", "/", &[("X-Forwarded-Proto", "https"), ("Forwarded", "proto=https")]).unwrap().secure);
}

#[test]
fn a_nominated_header_still_counts_for_the_decision() {
    let lines = [("Connection", "cookie, origin"), ("Cookie", "SESS=1"), ("Origin", "https://evil.test")];
    let admitted = judge("GET", "/", &lines).unwrap();
    assert!(admitted.carries.cookie && !admitted.headers.contains_key("cookie"));
    assert_eq!(admitted.provenance, Provenance::Foreign);
}

#[test]
fn a_session_cookie_with_two_values_is_refused() {
    assert_eq!(code(judge("GET", "/", &[("Cookie", "SESS=a; SESS=b")])), (400, "session_cookie"));
    assert_eq!(judge("GET", "/", &[("Cookie", "x=1; SESS=a; SESS=a")]).unwrap().cookies.len(), 1);
}

#[test]
fn authorization_is_what_it_carries() {
    let carried = |value: &str| {
        let carries = judge("GET", "/", &[("Authorization", value)]).unwrap().carries;
        (carries.bearer, carries.basic)
    };
    for value in ["Bearer x", "bearer", "BEARER  ", "Bearer,x", "Bearer\tx"] {
        assert_eq!(carried(value), (true, false), "{value}");
    }
    assert_eq!(carried("Basic !"), (false, true));
    for value in ["Digest x", "Bearerx y", "", "xBearer"] {
        assert_eq!(carried(value), (false, false), "{value}");
    }
    let twice = [("Authorization", "Basic eA=="), ("Authorization", "Bearer x")];
    assert_eq!(code(judge("GET", "/", &twice)), (400, "authorization"));
}

#[test]
fn provenance_is_ours_only_when_the_browser_says_so() {
    use Provenance::*;
    let cases: [(&[(&str, &str)], Provenance); 12] = [
        (&[], Unstated),
        (&[("Sec-Fetch-Site", "same-origin")], Ours),
        (&[("Sec-Fetch-Site", "none")], Ours),
        (&[("Sec-Fetch-Site", "same-site")], Foreign),
        (&[("Sec-Fetch-Site", "cross-site")], Foreign),
        (&[("Sec-Fetch-Site", "cross-site"), ("Origin", "https://app.test")], Ours),
        (&[("Origin", "http://shop.test")], Ours),
        (&[("Origin", "http://shop.test:81")], Foreign),
        (&[("Origin", "http://shop.test.evil")], Foreign),
        (&[("Origin", "null")], Foreign),
        (&[("Origin", "http://shop.test"), ("Origin", "https://evil.test")], Foreign),
        (&[("Sec-Fetch-Site", "none"), ("Sec-Fetch-Site", "cross-site")], Foreign),
    ];
    for (lines, expected) in cases {
        assert_eq!(judge("POST", "/", lines).unwrap().provenance, expected, "{lines:?}");
    }
}

#[test]
fn ajax_is_exactly_one_header_with_exactly_one_value() {
    let ajax = |lines: &[(&str, &str)]| judge("GET", "/", lines).unwrap().ajax;
    assert!(ajax(&[("X-Requested-With", "XMLHttpRequest")]));
    assert!(!ajax(&[("X-Requested-With", "xmlhttprequest")]));
    assert!(!ajax(&[("X-Requested-With", "XMLHttpRequest, x")]));
    assert!(!ajax(&[("X-Requested-With", "XMLHttpRequest"), ("X-Requested-With", "XMLHttpRequest")]));
    assert!(!ajax(&[("X_Requested_With", "XMLHttpRequest")]));
}

#[test]
fn the_expected_user_is_ibexas() {
    let expected = |target: &str, value: &str| judge("GET", target, &[("X-Expected-User", value)]).unwrap().expected_user;
    assert_eq!(expected("/api/ibexa/v2/", "admin").as_deref(), Some("admin"));
    assert_eq!(expected("/api/ibexa/v2/", "0"), None);
    assert_eq!(expected("/api/ibexa/v2/", ""), None);
    assert_eq!(expected("/rest/V1/x", "admin"), None);
    let twice = [("X-Expected-User", "a"), ("X-Expected-User", "b")];
    assert_eq!(code(judge("GET", "/api/ibexa/v2/", &twice)), (400, "expected_user"));
}

#[test]
fn a_rejection_knows_the_dialect_and_what_the_caller_accepts() {
    let rejected = judge("GET", "/api/ibexa/v2/a//b", &[("Accept", "application/xml")]).err().unwrap();
    assert_eq!((rejected.dialect, rejected.prefix.as_str()), (Dialect::Ibexa, "/api/ibexa/v2"));
    assert_eq!(rejected.accept.unwrap(), "application/xml");
    assert_eq!(rejected.request_id, "id");
}

#[test]
fn codings_other_than_chunked_are_refused() {
    for value in ["gzip, chunked", "chunked, chunked", "chunked;q=1", "identity", ""] {
        assert_eq!(code(judge("POST", "/", &[("Transfer-Encoding", value)])), (400, "transfer_encoding"), "{value}");
    }
    let twice = [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")];
    assert_eq!(code(judge("POST", "/", &twice)), (400, "transfer_encoding"));
    let lengths = [("Content-Length", "5"), ("Content-Length", "6")];
    assert_eq!(code(judge("POST", "/", &lengths)), (400, "content_length"));
}

#[test]
fn only_announced_trailers_stay_announced() {
    let lines = [("Trailer", "X-Sum, Doorward-Login, Content-Length"), ("TE", "gzip, Trailers"), ("Connection", "te")];
    let admitted = judge("POST", "/", &lines).unwrap();
    assert_eq!(admitted.headers.get("trailer").unwrap(), "x-sum");
    assert_eq!(admitted.headers.get("te").unwrap(), "trailers");
    assert!(!admitted.headers.contains_key("connection"));
}

/// A cache must not give one page what another was told, whoever asked first and whatever was wrong.
#[test]
fn what_is_refused_varies_by_origin_even_if_none_was_said() {
    for lines in [&[][..], &[("origin", "https://app.test")]] {
        let all = [&[("authorization", "Basic a"), ("authorization", "Basic b")][..], lines].concat();
        let rejected = judge("GET", "/x", &all).err().unwrap();
        assert_eq!(rejected.headed.map(|headed| headed.crossing.is_allowed()), Some(!lines.is_empty()), "{lines:?}");
    }
}

/// The proxy in front says whether its client speaks TLS, and with it which port is the usual one.
#[test]
fn the_usual_port_of_a_site_is_that_of_the_scheme_of_the_client() {
    let named = |name: &str| {
        let (name, source) = (name.into(), Source::new("test.toml", 1));
        Arc::new(Site { name, hosts: Vec::new(), by_path: false, policy: Arc::new(policy()), source })
    };
    let rule = doorward_core::site::MatchRule::One(doorward_core::site::Condition::MapPort(vec![(443, "tls".into())]));
    let matcher = doorward_core::site::Matcher { rule, source: Source::new("test.toml", 1) };
    let sites = doorward_core::Sites { all: vec![named("plain"), named("tls")], matchers: vec![matcher], ..Default::default() };
    let policy = Policy { sites, ..policy() };
    for (secure, expected) in [(true, "tls"), (false, "plain")] {
        let (parts, ()) = Request::builder().uri("/x").header("host", "shop.test").body(()).unwrap().into_parts();
        let connection = Connection::plain("192.0.2.7:5".parse().unwrap());
        let came = Came { connection: &connection, secure };
        let admitted = admit_as(parts, Body::Empty, None, came, &policy, &Network::default(), "id".to_owned()).ok().unwrap();
        assert_eq!((admitted.site.map(|(site, _)| site.name.to_string()), admitted.secure), (Some(expected.to_owned()), secure));
    }
}
