//! From a 401 to a token, by what the server says of itself (RFC 9728, RFC 8414).

use super::{add, people::Play};
use crate::support::{python::run_by_node, upstream::Upstream};

const TABLES: &str = r#"[[directory]]
name = "programs"
kind = "integration"
[[integration]]
name = "report"
resources = ["Example_Api::orders"]
[[firewall]]
name = "api"
path = '^/v1/'
authentication = "oauth"
[[firewall]]
name = "main"
directory = ["customers", "admins"]
[routes]
files = ["routes.toml"]
[[upstream]]
name = "test"
url = "{upstream}"
"#;

const ROUTES: &str = r#"[[resource]]
id = "Example_Api::orders"
title = "Orders"
[[route]]
methods = ["GET"]
path = "/v1/report"
require = ["Example_Api::orders"]
scopes = ["orders"]
"#;

#[test]
fn oauth4webapi_finds_the_way_from_a_refusal_to_a_token() {
    let upstream = Upstream::start();
    let play = Play::beside(&TABLES.replace("{upstream}", &upstream.url()), &[("routes.toml", ROUTES)]);
    let grant = ["--grant", "client_credentials", "--scope", "orders", "--scope", "default"];
    let secret = add(&play.site, "report", &grant);
    run_by_node("oauth_resource.mjs", &play.server, &[secret], 9);
    assert_eq!(upstream.last().header("doorward-method"), Some("oauth"));
}
