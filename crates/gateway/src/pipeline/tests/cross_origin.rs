//! What pages of other origins are told, whatever becomes of their requests.

use super::{ANSWER, PATIENCE, Place, exchange};
use crate::{
    api::{USERS, world::PREFIX},
    listen::{Limits, Listener},
    pipeline::PlainDoor,
    record::Recorder,
};
use doorward_core::{
    CorsRule, OAuth, OAuthEndpoint, Policy, Site, Sites, Source,
    policy::{Dialect, Unmatched},
    route::{self, Requirement, RouteRule},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

const APP: &str = "https://app.test";
const HEADERS: &str = "authorization, accept, content-type, x-csrf-token, destination, x-siteaccess";

/// Pages of [`APP`] may send credentials, everywhere.
fn let_app(policy: &mut Policy) {
    policy.cors.rules = vec![Arc::new(CorsRule {
        path: None,
        origins: vec![APP.into()],
        patterns: Vec::new(),
        any: false,
        credentials: true,
        methods: None,
        headers: HEADERS.split(", ").map(Arc::from).collect(),
        expose: vec!["retry-after".into()],
        max_age: Duration::from_secs(60),
        private_network: false,
        source: Source::new("doorward.toml", 3),
    })];
}

/// A route rule for everyone.
fn route(methods: &str, template: &str, require: &str) -> RouteRule {
    RouteRule {
        own: None,
        methods: methods.split(',').map(|method| method.parse().unwrap()).collect(),
        template: template.into(),
        require: vec![Requirement::parse(require)],
        scopes: Vec::new(),
        parameters: Vec::new(),
        secure: false,
        source: Source::new("routes.toml", 1),
    }
}

/// An authorization server whose people say yes at `/authorize`.
fn oauth(policy: &Policy) -> OAuth {
    OAuth {
        issuer: "http://a.test".into(),
        audience: None,
        resources: Vec::new(),
        scopes: Vec::new(),
        default_scopes: Vec::new(),
        access_token_lifetime: PATIENCE,
        code_lifetime: PATIENCE,
        refresh_token_lifetime: PATIENCE,
        dpop_nonce: false,
        require_pushed: false,
        mtls: None,
        registration: None,
        paths: vec![("/authorize".into(), OAuthEndpoint::Authorize), ("/token".into(), OAuthEndpoint::Token)],
        firewall: Arc::clone(&policy.firewalls[0]),
    }
}

/// An answer's head.
struct Told {
    status: u16,
    lines: Vec<(String, String)>,
    body: String,
}

impl Told {
    fn of(answer: &str) -> Self {
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer:?}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.get(9..12)).and_then(|status| status.parse().ok());
        let lines = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_lowercase(), value.to_owned()));
        Self { status: status.unwrap_or_else(|| panic!("{answer:?}")), lines: lines.collect(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.lines.iter().find(|(own, _)| own == name).map(|(_, value)| &**value)
    }

    /// Whom the answer lets read it.
    fn readers(&self) -> Option<&str> {
        self.header("access-control-allow-origin")
    }

    fn varies_by(&self, name: &str) -> bool {
        self.lines.iter().any(|(own, value)| own == "vary" && value == name)
    }
}

async fn told(place: &Place, line: &str, headers: &str) -> Told {
    Told::of(&place.send(line, headers, "").await)
}

/// What `admit` refuses is refused for a page of ours as well: no script of another origin reads that either.
#[tokio::test]
async fn a_refusal_of_a_page_of_ours_is_read_by_no_other_origin() {
    let place = Place::new(Some(ANSWER), |policy| {
        let_app(policy);
        policy.oauth = Some(Arc::new(oauth(policy)));
    })
    .await;
    let (origin, broken) = (format!("Origin: {APP}\r\n"), "Authorization: Basic a\r\nAuthorization: Basic b\r\n");
    for (path, page) in [
        ("/login", true),
        ("/login/admins", true),
        ("/logout", true),
        ("/authorize", true),
        ("/authorize?client_id=x", true),
        ("/password/admins", true),
        ("/token", false),
        ("/user/sessions", false),
        ("/loginx", false),
        ("/orders", false),
    ] {
        for (method, more, status) in [("GET", "", None), ("GET", broken, Some(400)), ("POST", broken, Some(400))] {
            let told = told(&place, &format!("{method} {path}"), &format!("{origin}{more}")).await;
            assert!(status.is_none_or(|status| told.status == status), "{method} {path}: {}", told.status);
            assert_eq!(told.readers(), (!page).then_some(APP), "{method} {path} {more}");
            assert!(told.varies_by("Origin"), "{method} {path} {more}");
        }
    }
    // Nobody knows where this one was headed, so nothing is told to anybody.
    let lost = told(&place, "GET /x/../login", &origin).await;
    assert_eq!((lost.status, lost.readers(), lost.header("cache-control")), (400, None, Some("no-store")));
}

/// A page may read why it got nothing: an upstream that is away, one that may not be asked now, and a store nobody hears of.
#[tokio::test]
async fn what_cannot_be_done_now_is_told_to_the_page_as_well() {
    let origin = format!("Origin: {APP}\r\n");
    let readable = |told: &Told, status: u16| {
        assert_eq!((told.status, told.readers()), (status, Some(APP)), "{}", told.body);
        assert_eq!(told.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(told.header("access-control-expose-headers"), Some("retry-after"));
        assert!(told.varies_by("Origin"));
    };
    let away = Place::new(Some(ANSWER), |policy| {
        let_app(policy);
        // Nobody listens at the discard port of loopback.
        let mut upstream = (*policy.upstreams[0]).clone();
        upstream.base = "http://127.0.0.1:9".into();
        policy.upstreams = vec![Arc::new(upstream)];
    })
    .await;
    readable(&told(&away, "GET /orders", &origin).await, 502);
    let full = Place::new(Some(ANSWER), |policy| {
        let_app(policy);
        let mut upstream = (*policy.upstreams[0]).clone();
        upstream.max_connections = 0;
        policy.upstreams = vec![Arc::new(upstream)];
    })
    .await;
    readable(&told(&full, "GET /orders", &origin).await, 503);
    let deaf = Place::new(Some(ANSWER), |policy| {
        let_app(policy);
        let rules = vec![route("GET", "/users", USERS)];
        policy.routes.native = route::template::Table::build(rules).unwrap();
    })
    .await;
    let session = deaf.login().await;
    deaf.world.deafen().await;
    let refused = told(&deaf, "GET /users", &format!("{origin}Cookie: {}\r\n", session.cookie())).await;
    readable(&refused, 503);
    assert!(refused.header("retry-after").is_some());
    // And to nobody else.
    let foreign = format!("Origin: https://evil.test\r\nCookie: {}\r\n", session.cookie());
    let refused = told(&deaf, "GET /users", &foreign).await;
    assert_eq!((refused.status, refused.readers()), (503, None));
}

/// What is said at the plain door differs by page and by site as it does behind it.
#[tokio::test]
async fn the_plain_door_says_the_same_to_caches_and_to_other_origins() {
    let place = Place::new(Some(ANSWER), |policy| {
        let_app(policy);
        policy.origins = vec!["https://a.test".into()];
        let own = Site {
            name: "site".into(),
            hosts: Vec::new(),
            by_path: false,
            policy: Arc::new(policy.clone()),
            source: Source::new("doorward.toml", 4),
        };
        policy.sites = Sites { all: vec![Arc::new(own)], ..Sites::default() };
    })
    .await;
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Limits::default()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let door = Arc::new(PlainDoor(Arc::clone(&place.gateway)));
    tokio::spawn(listener.serve(door, Arc::clone(&place.notes) as Arc<dyn Recorder>, stop.clone()));
    let _stop = stop.drop_guard();
    let html = "Accept: text/html\r\n";
    for (path, headers, status, readers) in [
        ("/login", html.to_owned(), 308, None),
        ("/orders", format!("{html}Origin: {APP}\r\n"), 308, Some(APP)),
        ("/orders", "Origin: https://evil.test\r\n".to_owned(), 403, None),
        ("/login", format!("Origin: {APP}\r\n"), 403, None),
        ("/orders", format!("Origin: {APP}\r\nX-SiteAccess: nobody\r\n"), 400, Some(APP)),
        ("/login", format!("Origin: {APP}\r\nX-SiteAccess: nobody\r\n"), 400, None),
    ] {
        let told = Told::of(&exchange(address, &format!("GET {path}"), &headers, "").await);
        assert_eq!((told.status, told.readers()), (status, readers), "{path} {headers}: {}", told.body);
        assert!(told.varies_by("Origin") && told.varies_by("X-SiteAccess"), "{path} {headers}: {:?}", told.lines);
    }
}

/// The functional `HttpOptionsTest` of ibexa-cases, a row for each of its cases: the path and its methods. Whoever has a rule for
/// them is told the same by OPTIONS and by a preflight.
const OPTIONS: &[(&str, &str)] = &[
    ("/", "GET"),
    ("/user/policies", "GET"),
    ("/user/roles", "GET,POST"),
    ("/user/roles/1", "POST,GET,PATCH,DELETE"),
    ("/user/roles/1/draft", "GET,PATCH,PUBLISH,DELETE"),
    ("/user/roles/1/policies", "GET,POST,DELETE"),
    ("/user/roles/1/policies/328", "GET,PATCH,DELETE"),
    ("/user/current", "GET"),
    ("/user/users", "HEAD,GET"),
    ("/user/users/10", "GET,PATCH,DELETE"),
    ("/user/users/10/groups", "GET,POST"),
    ("/user/users/10/groups/4", "DELETE"),
    ("/user/users/10/drafts", "GET"),
    ("/user/users/10/roles", "GET,POST"),
    ("/user/users/10/roles/1", "GET,DELETE"),
    ("/user/groups", "GET"),
    ("/user/groups/root", "GET"),
    ("/user/groups/subgroups", "POST"),
    ("/user/groups/4", "GET,PATCH,DELETE,MOVE"),
    ("/user/groups/4/subgroups", "GET,POST"),
    ("/user/groups/4/users", "GET,POST"),
    ("/user/groups/4/roles", "GET,POST"),
    ("/user/groups/13/roles/1", "GET,DELETE"),
    ("/user/sessions", "POST"),
    ("/user/sessions/sess_123", "DELETE"),
    ("/user/sessions/sess_123/refresh", "POST"),
    ("/user/sessions/current", "GET"),
    ("/user/token/jwt", "POST"),
    ("/content/sections", "GET,POST"),
    ("/content/sections/1", "GET,PATCH,DELETE"),
    ("/content/objects", "GET,POST"),
    ("/content/objects/1", "PATCH,GET,DELETE,COPY"),
    ("/content/objects/1/versions/1", "GET,PATCH,DELETE,COPY,PUBLISH"),
    ("/content/locations/1/2", "GET,PATCH,DELETE,COPY,MOVE,SWAP"),
    ("/views", "POST,GET"),
    ("/content/types/1", "COPY,GET,POST,DELETE"),
    ("/content/trash", "GET,DELETE"),
    ("/services/countries", "GET"),
];

/// What of the table is served here; the monolith behind keeps `users` for itself, as it changes them, too.
fn is_ours(path: &str) -> bool {
    path == "/" || path.starts_with("/user/sessions") || path == "/user/token/jwt"
}

fn sorted(methods: &str) -> Vec<&str> {
    let mut methods: Vec<&str> = methods.split(',').map(str::trim).collect();
    methods.sort_unstable();
    methods
}

#[tokio::test]
async fn options_and_preflights_tell_the_methods_of_every_listed_path() {
    let place = Place::new(Some(ANSWER), |policy| {
        let_app(policy);
        policy.unmatched = Unmatched::Deny;
        policy.serve.users = false;
        let foreign = OPTIONS.iter().filter(|(path, _)| !is_ours(path));
        let rules: Vec<_> = foreign.map(|(path, methods)| route(methods, &format!("{PREFIX}{path}"), USERS)).collect();
        policy.routes.native = route::template::Table::build(rules).unwrap();
    })
    .await;
    assert_eq!(place.world.policy.dialect(&format!("{PREFIX}/x")).0, Dialect::Ibexa);
    for (path, methods) in OPTIONS {
        let line = format!("OPTIONS {PREFIX}{path}");
        let shown = told(&place, &line, "").await;
        assert_eq!((shown.status, shown.header("content-length"), &*shown.body), (200, Some("0"), ""), "{path}");
        let allow = shown.header("allow").unwrap_or_else(|| panic!("{path}"));
        assert!(!allow.contains(' ') && sorted(allow) == sorted(methods), "{path}: {allow}");
        assert_eq!((shown.readers(), shown.varies_by("Origin")), (None, true), "{path}");
        let ask = async |origin: &str, method: &str, more: &str| {
            let headers = format!("Origin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n{more}");
            told(&place, &line, &headers).await
        };
        for method in methods.split(',') {
            let answer = ask(APP, method, "Access-Control-Request-Headers: x-csrf-token, Accept\r\n").await;
            assert_eq!((answer.status, &*answer.body, answer.readers()), (200, "", Some(APP)), "{path} {method}");
            let listed = answer.header("access-control-allow-methods").unwrap_or_default();
            assert_eq!(sorted(listed), sorted(methods), "{path} {method}");
            assert_eq!(answer.header("access-control-allow-headers"), Some(HEADERS), "{path} {method}");
            assert_eq!(answer.header("access-control-max-age"), Some("60"), "{path} {method}");
            assert_eq!(answer.header("access-control-allow-credentials"), Some("true"), "{path} {method}");
            assert!(answer.varies_by("Origin"), "{path} {method}");
        }
        assert_eq!(ask(APP, "TRASH", "").await.status, 405, "{path}");
        let method = methods.split(',').next().unwrap_or_default();
        let header = ask(APP, method, "Access-Control-Request-Headers: x-foo\r\n").await;
        assert_eq!((header.status, &*header.body), (400, "Unauthorized header x-foo"), "{path}");
        // Whoever may not ask is told the same, but for the origin.
        let foreign = ask("https://evil.test", "TRASH", "Access-Control-Request-Headers: x-foo\r\n").await;
        let listed = foreign.header("access-control-allow-methods").unwrap_or_default();
        assert_eq!((foreign.status, foreign.readers(), sorted(listed)), (200, None, sorted(methods)), "{path}");
    }
    assert!(place.received().is_empty(), "none of it goes further");
    // The `RestProvider`: no rule for the path, no methods; and outside of the dialect no such form at all.
    let nothing =
        told(&place, &format!("OPTIONS {PREFIX}/nothing"), &format!("Origin: {APP}\r\nAccess-Control-Request-Method: GET\r\n"))
            .await;
    assert_eq!((nothing.status, nothing.header("access-control-allow-methods")), (405, None));
}
