//! Where endpoints of ours are: none is forgotten, and a path that a proxy could misread is not printed.

use super::plan::{below, pattern};
use doorward_assembly::parts::network;
use doorward_config::from_text;
use doorward_gateway::{
    Body,
    admit::admit_parts,
    listen::Connection,
    pipeline::{Place, own_places, recognise},
};
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

#[test]
fn a_pattern_is_for_whole_segments() {
    assert_eq!(pattern(&Place::Is("/.well-known/jwks.json".into())), "^/[.]well-known/jwks[.]json$");
    assert_eq!(pattern(&Place::Under("/login".into())), "^/login(/|$)");
    assert_eq!((below("/"), below("/a.b")), ("^/".to_owned(), "^/a[.]b(/|$)".to_owned()));
}
