//! Pages of other origins: preflights, what answers say, and what guards make of it.

use crate::{
    support::{
        Server, Site,
        client::Reply,
        python::browse_at,
        upstream::{Received, Upstream},
    },
    tls::Authority,
};
use std::process::Command;

const PREFIX: &str = "/api/ibexa/v2";
const APP: &str = "https://app.example.com";
const PASSWORD: &str = "correct horse battery";

const ROUTES: &str = r#"
[[route]]
methods = ["GET", "POST"]
path = "/api/ibexa/v2/content"
require = ["anonymous"]
[[route]]
methods = ["PATCH", "COPY"]
path = "/api/ibexa/v2/content"
require = ["self"]
[[route]]
methods = ["OPTIONS", "GET"]
path = "/api/ibexa/v2/own-options"
require = ["anonymous"]
[[route]]
methods = ["GET", "PUT"]
path = "/things"
require = ["self"]
[[route]]
methods = ["GET", "POST", "OPTIONS"]
path = "/open/*rest"
require = ["anonymous"]
"#;

fn place(upstream: &Upstream, rest: &str) -> Site {
    let site = Site::quick(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[routes]\nfiles = [\"routes.toml\"]\n[[upstream]]\nname = \"all\"\nurl = \"{}\"\n\
         [[directory]]\nname = \"admins\"\nkind = \"admin\"\n{rest}",
        upstream.url()
    ));
    site.write("routes.toml", ROUTES);
    site.user("admins/admin", PASSWORD, &[]);
    site
}

fn preflight(server: &Server, path: &str, origin: &str, method: &str, more: &str) -> Reply {
    let headers = format!("Origin: {origin}\r\nAccess-Control-Request-Method: {method}\r\n{more}");
    server.send("OPTIONS", path, &headers, "")
}

/// The lines of an answer that are about other origins, in their order.
fn said(reply: &Reply) -> Vec<String> {
    let about = |name: &str| name == "vary" || name.starts_with("access-control-");
    reply.headers.iter().filter(|(name, _)| about(name)).map(|(name, value)| format!("{name}: {value}")).collect()
}

const GENERAL: &str =
    "[cors]\nallow_origins = [\"https://app.example.com\"]\nallow_origin_patterns = ['https://[a-z]+\\.apps\\.example']\n";

/// The forms of ibexa-rest 7, to the line.
#[test]
fn a_preflight_in_the_ibexa_dialect_has_ibexas_form() {
    let upstream = Upstream::start();
    let place = place(&upstream, GENERAL);
    let server = place.serve();
    let headers = "authorization, accept, content-type, x-csrf-token, destination, x-siteaccess";
    let told = |methods: &str, origin: Option<&str>| {
        let mut lines = vec!["vary: Origin".to_owned(), "access-control-allow-credentials: true".to_owned()];
        if !methods.is_empty() {
            lines.push(format!("access-control-allow-methods: {methods}"));
        }
        lines.push(format!("access-control-allow-headers: {headers}"));
        lines.push("access-control-max-age: 60".to_owned());
        lines.extend(origin.map(|origin| format!("access-control-allow-origin: {origin}")));
        lines
    };
    let content = format!("{PREFIX}/content");
    let all = "GET, POST, PATCH, COPY";
    let asks = |names: &str| format!("Access-Control-Request-Headers: {names}\r\n");
    let cases = [
        (&*content, APP, "PATCH", asks("content-type, X-CSRF-Token,accept"), 200, all, "", true),
        (&content, "https://x.apps.example", "GET", String::new(), 200, all, "", true),
        (&content, APP, "HEAD", String::new(), 200, all, "", true),
        (&content, APP, "DELETE", String::new(), 405, all, "", true),
        (&content, APP, "GET", asks("x-foo"), 400, all, "Unauthorized header x-foo", true),
        (&content, APP, "GET", asks("x-http-method-override"), 400, all, "Unauthorized header x-http-method-override", true),
        (&content, APP, "GET", asks("x-expected-user, x-foo"), 400, all, "Unauthorized header x-expected-user", true),
        (&content, APP, "GET", asks("<b>x</b>"), 400, all, "Unauthorized header", true),
        // Whoever may not ask hears the same, but for the origin.
        (&content, "https://evil.example", "DELETE", asks("x-foo"), 200, all, "", false),
        (&content, "https://app.example.com.evil.example", "GET", String::new(), 200, all, "", false),
        (&content, "https://xapps.example", "GET", String::new(), 200, all, "", false),
        (&content, "https://a.apps.example.evil.example", "GET", String::new(), 200, all, "", false),
        (&content, "null", "GET", String::new(), 200, all, "", false),
        (&content, "https://user@x.apps.example", "GET", String::new(), 200, all, "", false),
        // Endpoints of ours, and a path that nothing answers.
        (&format!("{PREFIX}/user/sessions"), APP, "POST", asks("content-type"), 200, "POST", "", true),
        (&format!("{PREFIX}/user/sessions/abc"), APP, "DELETE", String::new(), 200, "DELETE", "", true),
        (&format!("{PREFIX}/nothing"), APP, "GET", String::new(), 405, "", "", true),
    ];
    for (path, origin, method, more, status, methods, body, allowed) in &cases {
        let reply = preflight(&server, path, origin, method, more);
        assert_eq!((reply.status, &*reply.body), (*status, *body), "{path} {origin} {method} {more}: {reply:?}");
        assert_eq!(said(&reply), told(methods, allowed.then_some(*origin)), "{path} {origin} {method} {more}");
    }
    assert!(upstream.received().is_empty(), "no preflight goes further");
    assert!(server.logged("preflight").contains("permit"));
    let origin = format!("Origin: {APP}");
    let asked = ["--header", &*origin, "--header", "Access-Control-Request-Method: GET"];
    let explained = place.run(&[&["explain", "--config", "doorward.toml", "OPTIONS", "/things"][..], &asked[..]].concat(), "");
    assert_eq!((explained.code, explained.out.contains("preflight, answered by Doorward")), (0, true), "{explained:?}");
}

#[test]
fn elsewhere_a_preflight_tells_others_nothing() {
    let upstream = Upstream::start();
    let server = place(&upstream, &format!("{GENERAL}allow_private_network = true\nmax_age = \"2m\"\n")).serve();
    let reply = preflight(&server, "/things", APP, "PUT", "Access-Control-Request-Private-Network: true\r\n");
    assert_eq!(reply.status, 204, "{reply:?}");
    assert_eq!(
        said(&reply),
        [
            "vary: Origin",
            "access-control-allow-credentials: true",
            "access-control-allow-methods: GET, PUT",
            "access-control-allow-headers: authorization, accept, content-type, x-csrf-token, destination, x-siteaccess",
            "access-control-max-age: 120",
            "access-control-allow-origin: https://app.example.com",
            "access-control-allow-private-network: true",
        ]
    );
    for origin in ["null", "https://evil.example", "https://app.example.com/", "*"] {
        let reply = preflight(&server, "/things", origin, "GET", "");
        assert_eq!((reply.status, said(&reply)), (204, vec!["vary: Origin".to_owned()]), "{origin}");
    }
    assert!(upstream.received().is_empty());
    // It is exempt from access control and from every firewall; another OPTIONS is not.
    let closed = "[[access_control]]\npath = '^/'\nroles = [\"ROLE_ADMIN\"]\n[[firewall]]\nname = \"machines\"\nauthentication = \"basic\"\n";
    let server = place(&upstream, &format!("{GENERAL}{closed}")).serve();
    assert_eq!(preflight(&server, "/things", APP, "GET", "").status, 204);
    assert_eq!(server.send("OPTIONS", "/open/x", &format!("Origin: {APP}\r\n"), "").status, 401);
}

#[test]
fn without_cors_and_without_its_headers_options_stays_what_it_is() {
    let upstream = Upstream::start();
    let server = place(&upstream, "").serve();
    let reply = preflight(&server, "/open/x", APP, "POST", "");
    assert_eq!((reply.status, upstream.last().line()), (200, "OPTIONS /open/x HTTP/1.1"), "a service behind may answer itself");
    let server = place(&upstream, GENERAL).serve();
    let before = upstream.received().len();
    for headers in ["", "Origin: https://app.example.com\r\n", "Access-Control-Request-Method: GET\r\n"] {
        assert_eq!(server.send("OPTIONS", "/open/x", headers, "").status, 200);
    }
    let own = format!("Origin: http://{}\r\nAccess-Control-Request-Method: GET\r\n", server.public);
    assert_eq!(server.send("OPTIONS", "/open/x", &own, "").status, 200, "a page of ours asks for nothing");
    assert_eq!(upstream.received().len(), before + 4);
}

/// 'OPTIONS on any route: 200, `Allow: GET,POST`' (ibexa-rest 7).
#[test]
fn options_on_a_route_of_the_ibexa_dialect_tells_its_methods() {
    let upstream = Upstream::start();
    let closed = "[[access_control]]\npath = '^/'\nroles = [\"ROLE_ADMIN\"]\n";
    let server = place(&upstream, closed).serve();
    for (path, allow) in [("content", "GET,POST,PATCH,COPY"), ("user/sessions", "POST"), ("user/current", "GET"), ("", "GET")] {
        let reply = server.send("OPTIONS", &format!("{PREFIX}/{path}"), "", "");
        let shown = (reply.status, reply.header("allow"), reply.header("content-length"));
        assert_eq!(shown, (200, Some(allow), Some("0")), "{path}: {reply:?}");
    }
    assert!(upstream.received().is_empty());
    let server = place(&upstream, "").serve();
    assert_eq!(server.send("OPTIONS", &format!("{PREFIX}/nothing"), "", "").status, 404);
    assert_eq!(server.send("OPTIONS", &format!("{PREFIX}/own-options"), "", "").status, 200);
    assert_eq!(upstream.last().line(), "OPTIONS /api/ibexa/v2/own-options HTTP/1.1", "a rule for the method goes first");
}

/// What an upstream says about other origins, and `Vary` in several spellings.
fn talkative(request: &Received) -> String {
    let vary = match request.line().split(' ').nth(1).unwrap_or_default() {
        "/open/origin" => "Vary: Accept, origin\r\n",
        "/open/lines" => "Vary: Accept\r\nVary: ORIGIN\r\n",
        "/open/any" => "Vary: *\r\n",
        "/open/accept" => "Vary: Accept-Encoding\r\n",
        _ => "",
    };
    format!(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nAccess-Control-Allow-Origin: *\r\naccess-control-allow-credentials: true\r\n\
         Access-Control-Max-Age: 9\r\nAccess-Control-Allow-Methods: TRACE\r\n{vary}\r\n"
    )
}

#[test]
fn every_answer_says_who_may_read_it_and_no_upstream_has_a_word() {
    let upstream = Upstream::answering(talkative);
    let more = "[[access_control]]\npath = '^/open/forbidden'\nroles = [\"ROLE_NOBODY\"]\n[sign_in]\naddress_failures = 1\n";
    let server = place(&upstream, &format!("{GENERAL}{more}")).serve();
    let session = server.sign_in("admin", PASSWORD);
    let cookie = format!("Cookie: {}\r\n", session.cookie);
    let wrong = "{\"SessionInput\":{\"login\":\"admin\",\"password\":\"wrong\"}}";
    let kind = "Content-Type: application/vnd.ibexa.api.SessionInput+json\r\nAccept: application/json\r\n";
    let sessions = format!("{PREFIX}/user/sessions");
    let cases = [
        ("GET", "/open/x".to_owned(), String::new(), "", 200),
        ("GET", "/things".to_owned(), String::new(), "", 401),
        ("GET", "/open/forbidden".to_owned(), cookie.clone(), "", 403),
        ("GET", "/nothing".to_owned(), String::new(), "", 404),
        ("GET", format!("{PREFIX}/nothing"), "Accept: application/xml\r\n".to_owned(), "", 404),
        ("GET", format!("{sessions}/current"), format!("Accept: application/json\r\n{cookie}"), "", 200),
        ("PUT", "/things".to_owned(), cookie.clone(), "", 401),
        ("GET", "/open/x".to_owned(), "Authorization: Basic a\r\nAuthorization: Basic b\r\n".to_owned(), "", 400),
        ("POST", sessions.clone(), kind.to_owned(), wrong, 401),
        ("POST", sessions, kind.to_owned(), wrong, 429),
    ];
    let expose = "access-control-expose-headers: location, retry-after, www-authenticate";
    let allowed = |origin: &str| {
        vec![
            "vary: Origin".to_owned(),
            format!("access-control-allow-origin: {origin}"),
            "access-control-allow-credentials: true".to_owned(),
            expose.to_owned(),
        ]
    };
    for (method, path, headers, body, status) in &cases {
        let reply = server.send(method, path, &format!("Origin: {APP}\r\n{headers}"), body);
        assert_eq!(reply.status, *status, "{method} {path}: {reply:?}");
        assert_eq!(said(&reply), allowed(APP), "{method} {path}");
    }
    let same = format!("http://{}", server.public);
    for origin in ["null", "https://evil.example", "https://app.example.com\r\nOrigin: https://app.example.com", &same, ""] {
        let line = if origin.is_empty() { String::new() } else { format!("Origin: {origin}\r\n") };
        for path in ["/open/x", "/things", "/nothing"] {
            assert_eq!(said(&server.get(path, &line)), ["vary: Origin"], "{origin} {path}");
        }
    }
    for (path, vary) in [
        ("/open/origin", vec!["Accept, origin"]),
        ("/open/lines", vec!["Accept", "ORIGIN"]),
        ("/open/any", vec!["*"]),
        ("/open/accept", vec!["Accept-Encoding", "Origin"]),
    ] {
        assert_eq!(server.get(path, &format!("Origin: {APP}\r\n")).all("vary").collect::<Vec<_>>(), vary);
    }
    // Where no rule is about the path the service behind speaks for itself.
    let paths = "[[cors.path]]\npath = '^/things'\nallow_origins = \"https://app.example.com\"\n";
    let server = place(&upstream, paths).serve();
    let reply = server.get("/open/x", &format!("Origin: {APP}\r\n"));
    assert_eq!((reply.header("access-control-allow-origin"), reply.header("vary")), (Some("*"), None));
}

#[test]
fn an_upstream_that_is_away_is_told_to_the_page_as_well() {
    let nobody = Upstream::start();
    let place = place(&nobody, GENERAL);
    let text = std::fs::read_to_string(place.path().join("doorward.toml")).unwrap();
    let refused = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = refused.local_addr().unwrap();
    drop(refused);
    place.write("doorward.toml", &text.replace(&nobody.url(), &format!("http://{address}")));
    let server = place.serve();
    let reply = server.get("/open/x", &format!("Origin: {APP}\r\n"));
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (502, Some(APP)), "{reply:?}");
}

#[test]
fn rules_differ_by_path_and_a_star_never_goes_with_credentials() {
    let upstream = Upstream::start();
    let rest = "[cors]\nallow_origins = \"https://app.example.com\"\n\
                [[cors.path]]\npath = '^/open'\nallow_origins = \"*\"\nallow_credentials = false\nallow_methods = [\"GET\"]\n\
                allow_headers = [\"X-Page\"]\nexpose_headers = []\n\
                [[cors.path]]\npath = '^/things'\nallow_origins = \"https://other.example.com\"\n";
    let server = place(&upstream, rest).serve();
    let session = server.sign_in("admin", PASSWORD);
    let reply = server.get("/open/x", "Origin: https://anybody.example\r\n");
    assert_eq!(said(&reply), ["vary: Origin", "access-control-allow-origin: *"]);
    let asked = preflight(&server, "/open/x", "https://anybody.example", "GET", "Access-Control-Request-Headers: x-page\r\n");
    assert_eq!(
        said(&asked),
        [
            "vary: Origin",
            "access-control-allow-methods: GET",
            "access-control-allow-headers: x-page",
            "access-control-max-age: 60",
            "access-control-allow-origin: *",
        ]
    );
    assert_eq!(said(&server.get("/open/x", "Origin: null\r\n")), ["vary: Origin"]);
    assert_eq!(said(&server.get("/things", &format!("Origin: {APP}\r\n"))), ["vary: Origin"]);
    assert!(said(&server.get("/things", "Origin: https://other.example.com\r\n")).len() > 2);
    // The guard asks the same rules: who may read without credentials may not act with them.
    let lines = |origin: &str| format!("Origin: {origin}\r\nCookie: {}\r\nX-CSRF-Token: {}\r\n", session.cookie, session.token);
    for (path, origin, status) in [
        ("/open/x", "https://anybody.example", 403),
        ("/open/x", APP, 403),
        ("/api/ibexa/v2/content", APP, 200),
        ("/api/ibexa/v2/content", "https://other.example.com", 401),
        ("/api/ibexa/v2/content", "null", 401),
    ] {
        assert_eq!(server.send("POST", path, &lines(origin), "").status, status, "{path} {origin}");
    }
}

/// Pages are for people: a script that could read one could say yes in somebody's name. Public documents are for everybody.
#[test]
fn no_script_of_another_origin_reads_a_page_and_every_one_reads_public_documents() {
    let upstream = Upstream::start();
    let oauth = "[oauth]\n[oauth.scopes]\norders = \"See your orders\"\n";
    for cors in [GENERAL, ""] {
        let server = place(&upstream, &format!("{cors}{oauth}")).serve();
        for path in ["/login", "/logout", "/authorize?client_id=x", "/account/applications"] {
            let reply = server.get(path, &format!("Origin: {APP}\r\n"));
            assert_eq!(reply.header("access-control-allow-origin"), None, "{path}: {reply:?}");
            let asked = preflight(&server, path, APP, "POST", "");
            assert_eq!(asked.header("access-control-allow-origin"), None, "{path}: {asked:?}");
        }
        for path in ["/.well-known/oauth-authorization-server", "/authorize/jwks", "/.well-known/jwks.json"] {
            let reply = server.get(path, "Origin: https://anybody.example\r\n");
            let shown =
                (reply.status, reply.header("access-control-allow-origin"), reply.header("access-control-allow-credentials"));
            assert_eq!(shown, (200, Some("*"), None), "{path}: {reply:?}");
        }
    }
    let server = place(&upstream, &format!("{GENERAL}allow_headers = [\"authorization\", \"dpop\"]\n{oauth}")).serve();
    let asked = preflight(&server, "/token", APP, "POST", "Access-Control-Request-Headers: authorization, dpop\r\n");
    assert_eq!((asked.status, asked.header("access-control-allow-methods")), (204, Some("POST")), "{asked:?}");
    let token = server.send("POST", "/token", &format!("Origin: {APP}\r\n"), "");
    assert_eq!(token.header("access-control-allow-origin"), Some(APP), "{token:?}");
    let who = preflight(&server, "/userinfo", APP, "GET", "Access-Control-Request-Headers: authorization\r\n");
    assert_eq!((who.status, who.header("access-control-allow-origin")), (204, Some(APP)), "{who:?}");
}

const PAGE: &str = "<!doctype html><title>App</title><h1>App</h1>";

/// Other registrable domains over TLS, since ports alone would be the same site.
#[test]
fn a_cross_origin_app_signs_in_and_writes_and_a_third_origin_cannot() {
    let upstream = Upstream::answering(|request| {
        let page = request.line().contains(" /page ");
        let (kind, body) = match page {
            true => ("text/html", PAGE.to_owned()),
            false => ("application/json", format!("{{\"who\":\"{}\"}}", request.header("doorward-identity").unwrap_or("-"))),
        };
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let site = Site::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://api.test\"\n\
         hosts = [\"api.test\", \"second.test\", \"app.test\", \"evil.test\"]\n\
         [server.tls]\ncertificate = \"server.pem\"\nprivate_key = \"server.key\"\n[operations]\nlisten = \"127.0.0.1:0\"\n\
         [passwords]\nmemory_kib = 19456\n[routes]\nfiles = [\"routes.toml\"]\n[[upstream]]\nname = \"all\"\nurl = \"{}\"\n\
         [[directory]]\nname = \"admins\"\nkind = \"admin\"\nsame_site = \"none\"\n\
         [cors]\nallow_origin_patterns = ['https://app\\.test(:[0-9]+)?']\n",
        upstream.url()
    ));
    site.write(
        "routes.toml",
        "[[route]]\nmethods = [\"GET\"]\npath = \"/page\"\nrequire = [\"anonymous\"]\n\
         [[route]]\nmethods = [\"GET\", \"DELETE\"]\npath = \"/api/ibexa/v2/content/:id\"\nrequire = [\"self\"]\n",
    );
    let root = Authority::root(site.path(), "root");
    root.server("server", &["api.test", "second.test", "app.test", "evil.test"]);
    // Whoever may do everything passes `self`.
    site.ok(&["role", "add", "all", "--allow", "Magento_Backend::all"], "");
    site.user("admins/admin", PASSWORD, &["all"]);
    let home = site.path().join("home");
    std::fs::create_dir_all(home.join(".pki/nssdb")).unwrap();
    for arguments in [&["-N", "--empty-password"][..], &["-A", "-n", "root", "-t", "C,,", "-i", "root.pem"]] {
        let status =
            Command::new("certutil").args(["-d", "sql:home/.pki/nssdb"]).args(arguments).current_dir(site.path()).status();
        assert!(status.expect("these tests need certutil").success());
    }
    let server = site.serve();
    let port = server.public.port();
    let at = |host: &str| format!("https://{host}:{port}");
    let arguments = [&*home.to_string_lossy(), &at("second.test"), &at("app.test"), &at("evil.test"), "admin", PASSWORD];
    browse_at("browser_cors.py", &at("api.test"), &server, &arguments, 12);
    let deletes: Vec<_> = upstream.received().into_iter().filter(|request| request.line().starts_with("DELETE ")).collect();
    assert_eq!(deletes.len(), 1, "{deletes:?}");
    assert_eq!(deletes[0].header("doorward-identity"), Some("admin/1"));
}
