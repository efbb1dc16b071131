//! Where endpoints of ours are: none is forgotten, and a path that a proxy could misread is not printed.

use super::{
    Proxy,
    plan::{CLEARED, Plan, below, pattern},
};
use doorward_assembly::parts::network;
use doorward_config::from_text;
use doorward_gateway::{
    Body,
    admit::admit_parts,
    listen::Connection,
    pipeline::{Place, own_places, recognise},
};
use doorward_tls::Form;
use http::Request;
use std::path::Path;

const EVERYTHING: &str = r#"
[server]
listen = "127.0.0.1:8080"
public_url = "https://shop.test"
[assertion]
jwks_path = "/keys/assertions"
[api]
ibexa_prefix = ["/api/ibexa/v2", "/v3"]
magento_prefix = "/rest"
serve = ["sessions", "tokens", "accounts"]
[oauth]
[[directory]]
name = "customers"
kind = "customer"
[[directory]]
name = "admins"
kind = "admin"
[[provider]]
name = "idp"
issuer = "https://idp.test"
client_id = "shop"
directory = "customers"
[[upstream]]
name = "shop"
url = "http://127.0.0.1:9000"
"#;

#[test]
fn every_endpoint_of_ours_has_a_place() {
    let outcome = from_text(EVERYTHING, Path::new("/"), &|_| None);
    let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    let (policy, keys) = (&config.policy, config.settings.assertion.jwks_path.as_deref());
    let places = own_places(policy, keys);
    let is_ours = |method: &str, path: &str| {
        let (parts, ()) = Request::builder().method(method).uri(path).header("host", "shop.test").body(()).unwrap().into_parts();
        let connection = Connection::plain("127.0.0.1:1".parse().unwrap());
        let admitted = admit_parts(parts, Body::Empty, None, &connection, policy, &network(&config.settings), "1".into());
        let admitted = admitted.unwrap_or_else(|rejected| panic!("{path}: {rejected:?}"));
        let rule = policy.routes.stand(&admitted.method, path, true).ok().flatten();
        recognise(policy, keys, &admitted).is_some() || rule.is_some_and(|rule| rule.own.is_some())
    };
    for (method, path) in [
        ("GET", "/keys/assertions"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/.well-known/oauth-authorization-server"),
        ("GET", "/authorize"),
        ("POST", "/authorize/consent"),
        ("POST", "/token"),
        ("GET", "/login"),
        ("GET", "/login/customers"),
        ("GET", "/login/style.css"),
        ("GET", "/logout"),
        ("GET", "/password/admins"),
        ("GET", "/password/admins/change"),
        ("GET", "/confirm/customers/abc"),
        ("GET", "/default/login/customers"),
        ("GET", "/oauth2/connect/idp"),
        ("GET", "/oauth2/check/idp"),
        ("POST", "/oauth2/backchannel/idp"),
        ("GET", "/customer/account/login/referer/abc/"),
        ("POST", "/default/customer/ajax/login"),
        ("GET", "/admin"),
        ("GET", "/admin/auth/logout/"),
        ("GET", "/v3/"),
        ("POST", "/api/ibexa/v2/user/sessions"),
        ("DELETE", "/api/ibexa/v2/user/sessions/abc"),
        ("POST", "/v3/user/token/jwt"),
        ("GET", "/v3/user/current"),
        ("GET", "/v3/user/users/14"),
        ("POST", "/rest/V1/integration/customer/token"),
        ("GET", "/rest/default/V1/customers/me"),
    ] {
        assert!(is_ours(method, path), "{method} {path} is no endpoint any more");
        assert!(places.iter().any(|place| place.holds(path)), "{path} has no place in {places:?}");
    }
    for (_, endpoint) in policy.oauth.iter().flat_map(|oauth| oauth.paths.iter()).map(|(path, at)| (at, path)) {
        assert!(places.iter().any(|place| place.holds(endpoint)), "{endpoint}");
    }
    for path in ["/", "/orders", "/loginx", "/logout/x", "/administration", "/restaurant", "/v3/content", "/v3/user"] {
        assert!(!places.iter().any(|place| place.holds(path)), "{path}");
    }
}

const SITES: &str = r#"
[server]
listen = "127.0.0.1:8080"
public_url = "https://shop.test"
trusted_proxies = ["127.0.0.1"]
client_address = "x-forwarded-for"
[[forward_auth]]
convention = "traefik"
path = "/_doorward/verdict"
[[directory]]
name = "admins"
kind = "admin"
cookie = "ID{site_hash}"
[sites]
default = "front"
[[sites.match]]
map_uri = { "desk" = "desk" }
[[sites.match]]
uri_element = 1
[[site]]
name = "front"
[[site]]
name = "desk"
[[site]]
name = "office"
[routes]
unmatched = "authenticated"
[[upstream]]
name = "shop"
url = "http://127.0.0.1:9000"
"#;

/// Pages of a site below its path, and the cookies of every site.
#[test]
fn what_is_of_a_site_is_in_the_plan() {
    let outcome = from_text(SITES, Path::new("/"), &|_| None);
    let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    let plan = Plan::new(&config, Proxy::Traefik, Path::new("doorward.toml")).unwrap_or_else(|_| panic!("no plan"));
    let places = &plan.own;
    for (path, ours) in [
        ("/login", true),
        ("/desk/login", true),
        ("/desk/login/admins", true),
        ("/desk/logout", true),
        ("/office/password/admins", true),
        ("/office/confirm/admins/abc", true),
        ("/desk", false),
        ("/desk/orders", false),
        ("/desk/login/style.css", false),
        ("/nobody/login", false),
        ("/office/oauth2/connect/idp", false),
    ] {
        let (parts, ()) = Request::builder().uri(path).header("host", "shop.test").body(()).unwrap().into_parts();
        let connection = Connection::plain("127.0.0.1:1".parse().unwrap());
        let policy = std::sync::Arc::new(config.policy.clone());
        let admitted = admit_parts(parts, Body::Empty, None, &connection, &policy, &network(&config.settings), "1".into());
        let admitted = admitted.unwrap_or_else(|rejected| panic!("{path}: {rejected:?}"));
        assert_eq!(recognise(admitted.policy(&policy), None, &admitted).is_some(), ours, "{path}");
        // A place may hold more than our endpoints, and none is outside.
        assert!(!ours || places.iter().any(|place| place.holds(path)), "{path} has no place in {places:?}");
    }
    let names: std::collections::BTreeSet<_> = plan.cookies.iter().collect();
    assert_eq!((plan.cookies.len(), names.len()), (3, 3), "{:?}", plan.cookies);
    // Caches have to know that answers depend on the site.
    assert!(super::nginx::render(&plan).contains("add_header Vary $answer_vary always;"));
    assert!(super::caddy::render(&plan).contains("include Set-Cookie Vary\n"));
}

#[test]
fn a_pattern_is_for_whole_segments() {
    assert_eq!(pattern(&Place::Is("/.well-known/jwks.json".into())), "^/[.]well-known/jwks[.]json$");
    assert_eq!(pattern(&Place::Under("/login".into())), "^/login(/|$)");
    assert_eq!((below("/"), below("/a.b")), ("^/".to_owned(), "^/a[.]b(/|$)".to_owned()));
}

/// What is printed for a proxy where others ask, too, and no service takes all paths.
fn printed(proxy: Proxy) -> String {
    let config = r#"
[server]
listen = "127.0.0.1:8080"
public_url = "https://shop.test"
trusted_proxies = ["127.0.0.1"]
client_address = "x-forwarded-for"
[[directory]]
name = "customers"
kind = "customer"
[[forward_auth]]
convention = "nginx"
path = "/ask/nginx"
[[forward_auth]]
convention = "caddy"
path = "/ask/caddy"
[[forward_auth]]
convention = "traefik"
path = "/ask/traefik"
[[forward_auth]]
convention = "haproxy"
path = "/ask/haproxy"
[[forward_auth]]
convention = "envoy"
path = "/ask/envoy"
[[upstream]]
name = "shop"
url = "http://127.0.0.1:9000"
path = "/shop"
"#;
    let outcome = from_text(config, Path::new("/"), &|_| None);
    let config = outcome.config.unwrap_or_else(|| panic!("{:?}", outcome.diagnostics));
    let plan = Plan::new(&config, proxy, Path::new("doorward.toml")).unwrap_or_else(|_| panic!("no plan"));
    match proxy {
        Proxy::Nginx => super::nginx::render(&plan),
        Proxy::Caddy => super::caddy::render(&plan),
        Proxy::Traefik => super::traefik::render(&plan),
        Proxy::Haproxy => super::haproxy::render(&plan),
        Proxy::Envoy => super::envoy::render(&plan),
    }
}

#[test]
fn no_client_says_a_certificate_in_the_header_of_any_configuration() {
    let (caddy, traefik) = (printed(Proxy::Caddy), printed(Proxy::Traefik));
    for (name, _) in Form::ALL {
        let lower = name.to_ascii_lowercase();
        assert!(CLEARED.contains(&&*lower.replace('_', "-")), "{name}");
        let by_caddy = caddy.lines().filter_map(|line| line.trim().strip_prefix("request_header -")).any(|gone| {
            let gone = gone.to_ascii_lowercase();
            gone.strip_suffix('*').map_or(gone == lower, |start| lower.starts_with(start))
        });
        assert!(by_caddy, "{name} passes Caddy");
        assert!(traefik.to_ascii_lowercase().contains(&format!("\n          {lower}: \"\"")), "{name} passes Traefik");
    }
    // The others drop all names with underscores.
    assert!(printed(Proxy::Nginx).contains("underscores_in_headers off;"));
    assert!(printed(Proxy::Haproxy).contains("del-header [^-a-zA-Z0-9] -m reg"));
    assert!(printed(Proxy::Envoy).contains("headers_with_underscores_action: DROP_HEADER"));
}

#[test]
fn no_client_asks_questions_through_the_proxy() {
    let nginx = printed(Proxy::Nginx);
    for place in ["^/ask/caddy$", "^/ask/envoy(/|$)", "^/envoy[.]service[.]auth[.]v3[.]Authorization/Check$"] {
        assert!(nginx.contains(&format!("location ~ \"{place}\" {{ return 404; }}")), "{place}: {nginx}");
        assert!(printed(Proxy::Traefik).contains(place), "{place}");
    }
    let nobodys = "`)\"\n      priority: 1\n";
    let traefik = printed(Proxy::Traefik);
    assert!(traefik.contains("&& !PathRegexp(`^/ask/caddy$|") && traefik.contains(nobodys), "{traefik}");
    let envoy = printed(Proxy::Envoy);
    for place in ["path_separated_prefix: \"/ask/envoy\"", "path: \"/envoy.service.auth.v3.Authorization/Check\""] {
        let at = envoy.find(&format!("{{ {place} }}\n                direct_response: {{ status: 404 }}"));
        assert!(at.is_some_and(|at| Some(at) < envoy.find("route: {")), "{place}: {envoy}");
    }
}

#[test]
fn a_proof_of_possession_is_taken_from_the_client_as_other_credentials_are() {
    for (proxy, line) in [
        (Proxy::Nginx, "proxy_set_header Dpop $answer_dpop;"),
        (Proxy::Caddy, "request_header @dpop Dpop {http.reverse_proxy.header.Dpop}"),
        (Proxy::Traefik, "authResponseHeaders: [Authorization, Cookie, Dpop, X-Csrf-Token]"),
    ] {
        assert!(printed(proxy).contains(line), "{line}");
    }
    assert!(super::haproxy::SCRIPT.contains("\"authorization\", \"dpop\", \"x-csrf-token\""));
}
