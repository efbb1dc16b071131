//! Magento's own rule files decide, over HTTP.

use super::{
    PASSWORD, SignedIn, ask, config, event_of, magento_data,
    magento_oracle::{self as oracle, Caller},
};
use crate::support::{
    Server, Site,
    client::{Connection, Reply},
    upstream::Upstream,
};
use doorward_core::{
    Time,
    acl::{Holds, RoleRow},
    ports::Store,
};
use doorward_store::{Options, Sqlite};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError, Weak},
};

const AJAX: &str = "X-Requested-With: XMLHttpRequest\r\n";

struct Shop {
    server: Server,
    upstream: Upstream,
    customer: SignedIn,
    admin: SignedIn,
    clerk: SignedIn,
    /// Two admins, each with a half of all resources.
    halves: [(SignedIn, BTreeSet<String>); 2],
    /// An admin whose role came as rows, and the rows.
    rows: (SignedIn, Vec<(String, bool)>),
    _site: Site,
}

/// One shop for all tests that run now; none of them changes it, and the last one ends it.
fn shop() -> Arc<Shop> {
    static SHOP: Mutex<Weak<Shop>> = Mutex::new(Weak::new());
    let mut shared = SHOP.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let shop = Arc::new(Shop::open());
        *shared = Arc::downgrade(&shop);
        shop
    })
}

impl Shop {
    fn open() -> Self {
        let upstream = Upstream::start();
        let rules = format!(
            "[api]\nmagento_prefix = \"/rest\"\n[[firewall]]\nname = \"shop\"\npath = '^/rest/'\nguard = [\"ajax\"]\n\
             invalid = \"guest\"\n[[firewall]]\nname = \"main\"\n[routes]\nfiles = [{:?}]\n\
             [[upstream]]\nname = \"shop\"\nurl = \"{}\"\n",
            magento_data(),
            upstream.url()
        );
        let site = Site::new(&config("", &rules));
        // What nobody declares, and what stands below the one disabled resource, cannot be given to a role.
        let given = oracle::resources(&magento_data()).into_iter().filter(|id| !id.starts_with("Magento_Config::advanced"));
        let (mut even, mut odd) = (BTreeSet::new(), BTreeSet::new());
        for (at, id) in given.filter(|id| id != "Magento_Backend::all").enumerate() {
            if at % 2 == 0 {
                even.insert(id)
            } else {
                odd.insert(id)
            };
        }
        let role = |name: &str, resources: &BTreeSet<String>| {
            let mut arguments = vec!["role", "add", name, "--allow"];
            arguments.extend(resources.iter().map(String::as_str));
            site.ok(&arguments, "");
        };
        role("even", &even);
        role("odd", &odd);
        role("everything", &BTreeSet::from(["Magento_Backend::all".to_owned()]));
        role("groups", &BTreeSet::from(["Magento_Customer::group".to_owned()]));
        let rows = rows();
        put_rows(&site, "rows", &rows);
        site.user("customers/jane@example.com", PASSWORD, &[]);
        for (login, own) in [("admin", "everything"), ("clerk", "groups"), ("eve", "even"), ("otto", "odd"), ("ron", "rows")] {
            site.user(&format!("admins/{login}"), PASSWORD, &[own]);
        }
        let server = site.serve();
        let session = |login| SignedIn::new(&server, login);
        Shop {
            customer: session("jane@example.com"),
            admin: session("admin"),
            clerk: session("clerk"),
            halves: [(session("eve"), even), (session("otto"), odd)],
            rows: (session("ron"), rows),
            server,
            upstream,
            _site: site,
        }
    }

    fn get(&self, path: &str, session: Option<&SignedIn>, headers: &str) -> Reply {
        let cookie = session.map_or("", |session| &session.cookie);
        self.server.get(path, &format!("{cookie}{headers}"))
    }
}

/// Rows as no form saves them: in the order of the tree, a few resources without any, then some that change what stands
/// there, with all below.
fn rows() -> Vec<(String, bool)> {
    let tree = oracle::tree(&magento_data());
    let ids = tree.into_iter().map(|(id, _)| id).filter(|id| id != "Magento_Backend::all").enumerate();
    let mut rows: Vec<_> = ids.filter(|(at, _)| at % 29 != 28).map(|(at, id)| (id, at % 5 != 4)).collect();
    let later = [
        ("Magento_Customer::customer", true),
        ("Magento_Customer::group", false),
        ("Magento_Sales::sales", false),
        ("Magento_Gone::gone", true),
        ("Magento_Catalog::catalog", true),
        ("Magento_Catalog::products", false),
    ];
    rows.extend(later.map(|(id, allow)| (id.to_owned(), allow)));
    rows
}

/// Only an import makes such a role, so it is written into the store.
fn put_rows(site: &Site, name: &str, rows: &[(String, bool)]) {
    let store = Sqlite::open(&site.path().join("doorward.db"), Options::default()).unwrap();
    let rows = rows.iter().map(|(id, allow)| RoleRow { resource: id.as_str().into(), allow: *allow }).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(store.put_role(name, Holds::Rows(rows), Time(1_700_000_000_000))).unwrap();
}

fn unauthorized(resources: &str) -> String {
    format!(r#"{{"message":"The consumer isn't authorized to access %resources.","parameters":{{"resources":"{resources}"}}}}"#)
}

#[test]
fn a_customers_ajax_call_reaches_the_service_with_the_customers_own_id() {
    let shop = shop();
    let spoofed = "/rest/V1/customers/me?customerId=1&customer_id=2&fields=email";
    assert_eq!(shop.get(spoofed, Some(&shop.customer), AJAX).status, 200);
    let ours = |r: &crate::support::upstream::Received| r.line().contains("fields=email");
    let received = shop.upstream.received().into_iter().rfind(ours).unwrap();
    let identity = received.header("doorward-identity").unwrap().to_owned();
    let id = identity.strip_prefix("customer/").unwrap();
    assert_eq!(received.line(), format!("GET /rest/V1/customers/me?fields=email&customerId={id} HTTP/1.1"));
    assert_eq!(received.header("doorward-login"), Some("jane@example.com"));
    assert_eq!(received.header("doorward-roles"), Some("ROLE_USER,ROLE_CUSTOMER"));
    assert_eq!(received.header("cookie"), None);
    let event = event_of(&shop.server, received.header("doorward-request-id").unwrap());
    assert_eq!((&event["route"], &event["firewall"]), (&"/V1/customers/me".into(), &"shop".into()));
}

#[test]
fn what_is_no_ajax_call_of_ours_is_a_guests() {
    let shop = shop();
    let calls = [
        "",
        "X-Requested-With: xmlhttprequest\r\n",
        "X-Requested-With: XMLHttpRequest \tx\r\n",
        "X-Requested-With: XMLHttpRequest\r\nX-Requested-With: XMLHttpRequest\r\n",
        "X_Requested_With: XMLHttpRequest\r\n",
        "X-Requested-With: XMLHttpRequest\r\nSec-Fetch-Mode: navigate\r\n",
        "X-Requested-With: XMLHttpRequest\r\nSec-Fetch-Site: cross-site\r\n",
        "X-Requested-With: XMLHttpRequest\r\nSec-Fetch-Site: same-site\r\n",
        "X-Requested-With: XMLHttpRequest\r\nOrigin: https://evil.example\r\n",
        "X-Requested-With: XMLHttpRequest\r\nOrigin: null\r\n",
    ];
    for headers in calls {
        let (with, without) =
            (shop.get("/rest/V1/customers/me", Some(&shop.customer), headers), shop.get("/rest/V1/customers/me", None, ""));
        for reply in [&with, &without] {
            assert_eq!((reply.status, reply.body.as_str()), (401, unauthorized("self").as_str()), "{headers:?}");
            assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
            assert_eq!(reply.header("www-authenticate"), None, "the dialect has no challenge");
        }
        // Neither is it no route: what everyone may stays open.
        assert_eq!(shop.get("/rest/V1/directory/countries", Some(&shop.customer), headers).status, 200, "{headers:?}");
    }
}

#[test]
fn the_refusal_is_xml_where_xml_is_accepted() {
    let shop = shop();
    let reply = shop.get("/rest/V1/customers/me", None, "Accept: application/xml\r\n");
    assert_eq!(reply.header("content-type"), Some("application/xml; charset=utf-8"));
    let expected = "<?xml version=\"1.0\"?>\n<response>\n  <message>The consumer isn't authorized to access %resources.</message>\n  \
                    <parameters>\n    <resources>self</resources>\n  </parameters>\n</response>\n";
    assert_eq!((reply.status, reply.body.as_str()), (401, expected));
}

#[test]
fn a_role_opens_what_it_grants_and_no_more() {
    let shop = shop();
    for (session, status) in [(Some(&shop.clerk), 200), (Some(&shop.admin), 200), (Some(&shop.customer), 401), (None, 401)] {
        let reply = shop.get("/rest/V1/customerGroups/1", session, AJAX);
        assert_eq!(reply.status, status, "{reply:?}");
        if status == 401 {
            assert_eq!(reply.body, unauthorized("Magento_Customer::group"));
        }
    }
    // A parent does not grant its children, nor a child its parent.
    let reply = shop.get("/rest/V1/customers/1", Some(&shop.clerk), AJAX);
    assert_eq!((reply.status, reply.body.as_str()), (401, unauthorized("Magento_Customer::customer").as_str()));
    // An admin's session counts on AJAX calls only, too.
    assert_eq!(shop.get("/rest/V1/customerGroups/1", Some(&shop.admin), "").status, 401);
}

#[test]
fn whoever_may_do_everything_is_still_no_customer() {
    let shop = shop();
    let reply = shop.get("/rest/V1/customers/me", Some(&shop.admin), AJAX);
    let expected = r#"{"message":"\"%fieldName\" is required. Enter and try again.","parameters":{"fieldName":"customerId"}}"#;
    assert_eq!((reply.status, reply.body.as_str()), (400, expected));
}

#[test]
fn anonymous_routes_are_open_to_everyone_and_set_no_cookie() {
    let shop = shop();
    for cookie in ["", &shop.customer.cookie, &shop.admin.cookie, "Authorization: Bearer nonsense\r\n"] {
        for ajax in ["", AJAX] {
            let reply = shop.server.get("/rest/V1/directory/currency", &format!("{cookie}{ajax}"));
            assert_eq!((reply.status, reply.header("set-cookie")), (200, None), "{reply:?}");
        }
    }
}

#[test]
fn what_no_rule_matches_is_404_whoever_asks() {
    let shop = shop();
    for session in [None, Some(&shop.customer), Some(&shop.admin)] {
        for path in ["/rest/V1/nothing/here", "/rest/V1", "/rest/V1/customers/me/x"] {
            let reply = shop.get(path, session, AJAX);
            assert_eq!(
                (reply.status, reply.body.as_str()),
                (404, r#"{"message":"Request does not match any route."}"#),
                "{path}"
            );
        }
    }
    // Another method is no 405.
    let reply = shop.server.send("POST", "/rest/V1/customerGroups/1", AJAX, "");
    assert_eq!((reply.status, reply.body.as_str()), (404, r#"{"message":"Request does not match any route."}"#));
}

#[test]
fn ambiguous_paths_go_the_way_that_magento_sends_them() {
    let shop = shop();
    for (path, resource) in [
        // Exactly this url.
        ("/rest/V1/customers/me", "self"),
        // `m` sorts after `:`, and slashes at the end do not count.
        ("/rest/V1/customers/me/", "self"),
        ("/rest/V1/customers/mine", "Magento_Customer::customer"),
        // Two rules match: `a` sorts after `:`, so the second is the last one.
        ("/rest/V1/products/attributes/media", "Magento_Catalog::attributes_attributes"),
        ("/rest/V1/products/24-MB01/media", "Magento_Catalog::catalog"),
    ] {
        let reply = shop.get(path, None, "");
        assert_eq!((reply.status, reply.body.as_str()), (401, unauthorized(resource).as_str()), "{path}");
    }
}

/// A refusal's whole body in both formats.
fn refusals(message: &str, parameter: Option<(&str, &str)>) -> [String; 2] {
    let (json, xml) = match parameter {
        Some((name, value)) => (
            format!(r#","parameters":{{"{name}":"{value}"}}"#),
            format!("  <parameters>\n    <{name}>{value}</{name}>\n  </parameters>\n"),
        ),
        None => Default::default(),
    };
    let escaped = message.replace('"', "\\\"");
    [
        format!(r#"{{"message":"{escaped}"{json}}}"#),
        format!("<?xml version=\"1.0\"?>\n<response>\n  <message>{message}</message>\n{xml}</response>\n"),
    ]
}

/// What a caller is told whom this rule refuses with this status; `None` where the service answers.
fn told(status: u16, rule: Option<&oracle::Rule>) -> Option<[String; 2]> {
    match (status, rule) {
        (401, Some(rule)) => {
            let resources = rule.resources.join(", ");
            Some(refusals("The consumer isn't authorized to access %resources.", Some(("resources", &resources))))
        }
        (400, Some(rule)) if rule.secure => Some(refusals("Operation allowed only in HTTPS", None)),
        (400, Some(_)) => Some(refusals("\"%fieldName\" is required. Enter and try again.", Some(("fieldName", "FIELD")))),
        (404, _) => Some(refusals("Request does not match any route.", None)),
        _ => None,
    }
}

/// The name of the field that is missing stands in the JSON; the XML must name the same.
fn with_field(told: [String; 2], json: &str) -> [String; 2] {
    let field = json.split("\"fieldName\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    told.map(|text| text.replace("FIELD", field))
}

/// Every merged route x kind of caller, against an expectation that is read from the same files by another way.
#[test]
fn every_route_decides_for_every_caller_as_its_files_say() {
    let shop = shop();
    let rules = oracle::rules(&magento_data());
    assert_eq!(rules.len(), 414);
    let of = |half: &(SignedIn, BTreeSet<String>)| (half.0.cookie.clone(), Caller::Partial(half.1.clone()));
    let callers = [
        (String::new(), Caller::Guest),
        (shop.customer.cookie.clone(), Caller::Customer),
        (shop.admin.cookie.clone(), Caller::FullAdmin),
        of(&shop.halves[0]),
        of(&shop.halves[1]),
        (shop.clerk.cookie.clone(), Caller::Partial(BTreeSet::from(["Magento_Customer::group".to_owned()]))),
        (shop.rows.0.cookie.clone(), Caller::Rows(oracle::Acl::of(&oracle::tree(&magento_data()), &shop.rows.1))),
    ];
    let mut connection = Connection::open(shop.server.public);
    let mut seen = [0_u32; 4];
    let mut by_rows = [0_u32; 2];
    for (method, url) in rules.keys() {
        let path: String = url.split('/').map(|s| if s.starts_with(':') { "7" } else { s }).collect::<Vec<_>>().join("/");
        let rule = oracle::find(&rules, method, &path).map(|(_, rule)| rule);
        for (at, (cookie, caller)) in callers.iter().enumerate() {
            let expected = oracle::status(rule, caller);
            let reply = ask(&mut connection, method, &format!("/rest{path}"), &format!("{cookie}{AJAX}"));
            assert_eq!(reply.status, expected, "caller {at}: {method} {path} {rule:?}\n{reply:?}");
            if let Some(told) = told(expected, rule) {
                let [json, xml] = with_field(told, &reply.body);
                assert_eq!(reply.body, json.replace('/', "\\/"), "caller {at}: {method} {path}");
                let headers = format!("{cookie}{AJAX}Accept: application/xml\r\n");
                let reply = ask(&mut connection, method, &format!("/rest{path}"), &headers);
                assert_eq!((reply.status, &reply.body), (expected, &xml), "caller {at}: {method} {path}");
                assert_eq!(reply.header("content-type"), Some("application/xml; charset=utf-8"));
            }
            if matches!(caller, Caller::Rows(_)) {
                by_rows[usize::from(expected == 401)] += 1;
            }
            seen[[200, 400, 401, 404].iter().position(|status| *status == expected).unwrap()] += 1;
        }
    }
    assert!(by_rows.iter().all(|count| *count > 50), "rows allow and deny: {by_rows:?}");
    assert!(seen[0] > 500 && seen[1] > 20 && seen[2] > 500, "each outcome is frequent: {seen:?}");
}
