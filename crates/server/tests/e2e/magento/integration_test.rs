//! IntegrationTest of `Integration/Model`, and what CoreRoutingTest says of integrations, by bearer tokens; a signed request is
//! a guest's here.

use super::{
    FIREWALLS, Shop,
    counter::not_authorized,
    formats::{Format, in_both},
};
use crate::support::eventually;
use serde_json::{Value, json};
use std::fs;

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

const SERVE: &str = "serve = [\"sessions\", \"tokens\"]";
const NAME: &str = "programs/Test Integration1";

/// A program that the configuration declares is there from the start, with its address and its resources.
#[test]
fn config_based_integration_creation() {
    let declared = "[[integration]]\nname = \"Test Integration1\"\nemail = \"test-integration@example.com\"\n\
                    resources = [\"Magento_TestModule4::resource1\"]\n";
    let shop = Shop::prepared(SERVE, &format!("{FIREWALLS}{PROGRAMS}{declared}"), |_| {});
    let show = || shop.site.ok(&["user", "show", NAME, "--json"], "").json();
    let made = show();
    assert_eq!(
        (&made["kind"], &made["email"], &made["roles"], &made["enabled"]),
        (&json!("integration"), &json!("test-integration@example.com"), &json!([NAME]), &json!(true))
    );
    let issue = || format!("Authorization: Bearer {}\r\n", shop.site.ok(&["token", "issue", NAME], "").out.trim());
    let token = issue();
    in_both(|format| {
        assert_eq!(get(&shop, format, "/V1/testmodule4/1", &token), Ok(()));
        assert_eq!(shop.named(), format!("integration/{}", made["id"]));
    });
    assert_eq!(shop.server.get("/rest/V1/testmodule1/1", &token).status, 401, "it holds what is declared, and no more");

    // It is kept as it is declared, whatever a command said, at the start of another server too.
    shop.site.ok(&["role", "add", NAME, "--allow", "Magento_Backend::all"], "");
    assert_eq!(shop.server.get("/rest/V1/testmodule1/1", &token).status, 200);
    let again = shop.site.serve();
    assert_eq!(again.get("/rest/V1/testmodule1/1", &token).status, 401);
    assert_eq!(again.get("/rest/V1/testmodule4/1", &token).status, 200);
    assert_eq!(again.stop().0, 0);

    // A reload changes it, and whether it is disabled is for commands to say.
    shop.site.ok(&["user", "disable", NAME], "");
    let file = shop.site.path().join("doorward.toml");
    let text = fs::read_to_string(&file).unwrap();
    let changed = text.replace("TestModule4::resource1", "TestModule1::resource1").replace("test-integration@", "erp@");
    shop.site.write("doorward.toml", &changed);
    shop.server.signal("HUP");
    eventually("the new address", || (show()["email"] == "erp@example.com").then_some(()));
    assert_eq!((&show()["id"], &show()["enabled"]), (&made["id"], &json!(false)));
    shop.site.ok(&["user", "enable", NAME], "");
    let token = issue();
    eventually("the other resource", || (shop.server.get("/rest/V1/testmodule1/1", &token).status == 200).then_some(()));
    in_both(|format| assert!(get(&shop, format, "/V1/testmodule4/1", &token).is_err()));

    // A resource that there is not changes nothing.
    shop.site.write("doorward.toml", &changed.replace("TestModule1::resource1\"]\n", "TestModule1::resource9\"]\n"));
    let check = shop.site.run(&["check"], "");
    assert!(check.code == 1 && check.err.contains("the resource `Magento_TestModule1::resource9` is in none"), "{check:?}");
    shop.server.signal("HUP");
    shop.server.logged("the configuration is unsound");
    assert_eq!(shop.server.get("/rest/V1/testmodule1/1", &token).status, 200);
}

/// What the file no longer says grants nothing; what commands said is not the file's to take.
#[test]
fn a_program_that_is_declared_no_more_may_do_nothing() {
    let declared = "[[integration]]\nname = \"Test Integration1\"\nresources = [\"Magento_TestModule4::resource1\"]\n";
    let shop = Shop::prepared(SERVE, &format!("{FIREWALLS}{PROGRAMS}{declared}"), |site| {
        site.ok(&["user", "add", "programs/erp", "--role", "everything"], "");
    });
    let issue = |name: &str| format!("Authorization: Bearer {}\r\n", shop.site.ok(&["token", "issue", name], "").out.trim());
    let (token, erp) = (issue(NAME), issue("programs/erp"));
    let status = |who: &str| shop.server.get("/rest/V1/testmodule4/1", who).status;
    let warning = format!("no [[integration]] declares the program `{NAME}` any more, so it may do nothing");
    assert_eq!((status(&token), status(&erp)), (200, 200));
    assert!(!shop.site.ok(&["check"], "").err.contains("declares the program"));

    let file = shop.site.path().join("doorward.toml");
    let with = fs::read_to_string(&file).unwrap();
    let without = with.replace(declared, "");
    assert_ne!(with, without);
    shop.site.write("doorward.toml", &without);
    let check = shop.site.ok(&["check"], "");
    assert!(check.err.contains(&warning) && check.err.contains("doorward user delete"), "{check:?}");
    shop.server.signal("HUP");
    eventually("the end of what it was granted", || (status(&token) == 401).then_some(()));
    assert_eq!(status(&erp), 200, "whom a command made, a command ends");
    shop.server.logged("declares the program");
    let role = shop.site.ok(&["role", "show", NAME, "--json"], "").json();
    assert!(!role.to_string().contains("TestModule4"), "{role}");
    // It is so at every start, and said.
    let again = shop.site.serve();
    assert_eq!(again.get("/rest/V1/testmodule4/1", &token).status, 401);
    again.logged("declares the program");
    assert_eq!(again.stop().0, 0);

    // The entry may have been lost by mistake: then it is as it was.
    shop.site.write("doorward.toml", &with);
    shop.server.signal("HUP");
    eventually("what it is granted again", || (status(&token) == 200).then_some(()));
    shop.site.write("doorward.toml", &without);
    shop.site.ok(&["user", "delete", NAME], "");
    assert!(!shop.site.ok(&["check"], "").err.contains("declares the program"));
}
