//! IntegrationTest of `Integration/Model`, and what CoreRoutingTest says of integrations, by bearer tokens; a signed request is
//! a guest's here.

use super::{
    FIREWALLS, Shop,
    counter::not_authorized,
    formats::{Format, in_both},
};
use serde_json::Value;

const PROGRAMS: &str = "[[directory]]\nname = \"programs\"\nkind = \"integration\"\n[tokens]\nintegration_bearer = true\n";

/// A shop with a program `erp` of this role, and the header line of its token.
fn shop(role: &str) -> (Shop, String) {
    let shop = Shop::prepared("serve = [\"sessions\", \"tokens\"]", &format!("{FIREWALLS}{PROGRAMS}"), |site| {
        site.ok(&["user", "add", "programs/erp", "--role", role], "");
    });
    let token = shop.site.ok(&["token", "issue", "programs/erp"], "").out;
    (shop, format!("Authorization: Bearer {}\r\n", token.trim()))
}

/// The upstream's `true`, or our refusal.
fn get(shop: &Shop, format: Format, path: &str, who: &str) -> Result<(), Value> {
    let reply = shop.server.get(&format!("/rest{path}"), &format!("{who}{}", format.headers(false)));
    if (reply.status, &*reply.body) == (200, "true") {
        return Ok(());
    }
    let answer = format.read(reply);
    answer.is(401, &not_authorized("Magento_TestModule4::resource1"));
    Err(answer.body)
}

#[test]
fn get_service_call() {
    let (shop, erp) = shop("everything");
    in_both(|format| {
        assert_eq!(get(&shop, format, "/V1/testmodule4/1", &erp), Ok(()));
        assert_eq!(shop.named(), "integration/1");
        for who in ["", "Authorization: OAuth oauth_consumer_key=\"x\", oauth_token=\"y\"\r\n"] {
            assert!(get(&shop, format, "/V1/testmodule4/1", who).is_err());
        }
    });
}

#[test]
fn disabled_integration_authorization_exception() {
    let (shop, erp) = shop("everything");
    in_both(|format| assert_eq!(get(&shop, format, "/V1/testmodule4/1", &erp), Ok(())));
    shop.site.ok(&["user", "disable", "programs/erp"], "");
    in_both(|format| assert!(get(&shop, format, "/V1/testmodule4/1", &erp).is_err()));
}

/// A program holds what its role grants, like everybody else.
#[test]
fn an_integration_without_the_resource_is_refused() {
    let (shop, erp) = shop("tester");
    in_both(|format| {
        assert!(get(&shop, format, "/V1/testmodule4/1", &erp).is_err());
        assert_eq!(get(&shop, format, "/V1/testmodule1/1", &erp), Ok(()));
    });
}
