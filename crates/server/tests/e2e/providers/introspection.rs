//! Opaque access tokens of a certified server, which is asked about them.

use super::{Idp, SECRET, eventually};
use crate::support::{Site, upstream::Upstream};

const CONFIG: &str = r#"[server]
listen = "127.0.0.1:0"
[operations]
listen = "127.0.0.1:0"
[passwords]
memory_kib = 1024
iterations = 1
[[directory]]
name = "admins"
kind = "admin"
[[firewall]]
name = "api"
authentication = "oauth"
[[introspection]]
issuer = "{issuer}"
endpoint = "{issuer}/token/introspection"
client_id = "door"
client_secret = "file:client.secret"
audience = "urn:example:shop"
directory = "admins"
login_claim = "client_id"
cache = "1s"
[routes]
files = ["routes.toml"]
[[upstream]]
name = "test"
url = "{upstream}"
"#;

const ROUTES: &str = r#"[[route]]
methods = ["GET"]
path = "/orders"
require = ["anonymous"]
scopes = ["orders:read"]
"#;

#[test]
fn a_certified_server_is_asked_about_its_opaque_tokens() {
    let (upstream, mut idp) = (Upstream::start(), Idp::with_api());
    let site = Site::new(&CONFIG.replace("{issuer}", &idp.issuer).replace("{upstream}", &upstream.url()));
    site.write("routes.toml", ROUTES);
    site.write("client.secret", SECRET);
    site.user("admins/robot", "a quiet brown fox", &[]);
    let server = site.serve();
    idp.serve(&server);
    let client = "client_id=robot&client_secret=tin";
    let token = |scope: &str| {
        let form = format!("grant_type=client_credentials&resource=urn:example:shop&scope={scope}&{client}");
        let reply = idp.ask("POST", "/token", "", &form);
        reply.json()["access_token"].as_str().unwrap_or_else(|| panic!("{reply:?}")).to_owned()
    };
    let get = |token: &str| server.get("/orders", &format!("Authorization: Bearer {token}\r\n"));
    let (good, other) = (token("orders:read"), token("orders:all"));
    assert!(!good.contains('.'), "it is opaque");
    let reply = get(&good);
    assert_eq!(reply.status, 200, "{reply:?}\n{}", server.log());
    assert_eq!(upstream.last().header("doorward-login"), Some("robot"));
    assert_eq!(get(&other).status, 403);
    assert_eq!(get("nobody").status, 401);
    // Ended there, it has ended here as soon as the answer is too old.
    let ended = idp.ask("POST", "/token/revocation", "", &format!("token={good}&{client}"));
    assert_eq!(ended.status, 200, "{ended:?}");
    eventually("its end", || (get(&good).status == 401).then_some(()));
}
