//! Which path a request is for: what is matched is what is sent, and nothing that services read otherwise.

use super::{House, Sent};
use crate::{api::USERS, forward_auth::tests::rule};
use doorward_core::{
    Policy, Source,
    access::AccessRule,
    policy::Unmatched,
    route::{Requirement, RouteRule, magento, template},
};
use http::Method;
use regex::Regex;
use std::sync::Arc;

/// A rule for `GET`s of whoever manages users.
fn route(template: &str) -> RouteRule {
    RouteRule {
        own: None,
        methods: vec![Method::GET],
        template: template.into(),
        require: vec![Requirement::parse(USERS)],
        scopes: Vec::new(),
        parameters: Vec::new(),
        secure: false,
        source: Source::new("routes.toml", 1),
    }
}

/// None of these paths is for guests, at any face.
async fn closed(house: &House, paths: &[&str]) {
    for path in paths {
        for came in house.everywhere(&Sent::get(path)).await {
            came.is_refused();
        }
    }
}

#[tokio::test]
async fn cve_2026_40575_a_path_that_a_client_says_decides_nothing() {
    let house = House::new(|policy| policy.access.push(rule("^/closed"))).await;
    for name in ["x-forwarded-uri", "x-forwarded-path", "x-original-url", "x-original-uri", "x-rewrite-url", "x-replaced-path"] {
        for value in ["/open", "https://shop.test/open"] {
            for came in house.everywhere(&Sent::get("/closed").with(name, value)).await {
                came.is_refused();
            }
        }
    }
}

#[tokio::test]
async fn cve_2026_35051_a_prefix_that_a_client_says_is_no_part_of_a_path() {
    let house = House::new(|policy| policy.access.push(rule("^/closed"))).await;
    for name in ["x-forwarded-prefix", "x-script-name", "x-forwarded-context", "x-envoy-original-path"] {
        for prefix in ["/open", "/", "/open/..", "/open?"] {
            for came in house.everywhere(&Sent::get("/closed").with(name, prefix)).await {
                came.is_denied();
            }
        }
        for came in house.everywhere(&Sent::get("/open").with(name, "/closed")).await {
            assert_eq!(came.told("doorward-identity"), ["guest"], "{came:?}");
        }
    }
}

#[tokio::test]
async fn oathkeeper_ghsa_p224_no_detour_leads_past_a_rule() {
    let house = House::new(|policy| policy.access.push(rule("^/admin"))).await;
    let detours = [
        "/public/../admin",
        "/public/%2e%2e/admin",
        "/public/.%2E/admin",
        "/public/..;/admin",
        "/public/..;a=b/admin",
        "/public%2f..%2fadmin",
        "/public/..%2fadmin",
        "/public/..%5cadmin",
        "/./admin",
        "//admin",
        "/%61dmin",
        "/%61%64%6d%69%6e/",
    ];
    closed(&house, &detours).await;
}

/// Envoy's rules by prefix, as Pomerium writes them.
#[tokio::test]
async fn cve_2021_39206_a_prefix_covers_all_that_is_below_it() {
    let house = House::new(|policy| policy.access.push(rule("^/admin"))).await;
    let below =
        ["/admin", "/admin/", "/admin?x", "/admin/x/y", "/admin;x=1", "/admin;/x", "/admin%3bx", "/admin.json", "/%61dmin/x"];
    closed(&house, &below).await;
}

/// What a service cuts off at `#` was part of the path for rules.
#[tokio::test]
async fn cve_2021_32779_a_fragment_widens_and_narrows_nothing() {
    let house = House::new(|policy| {
        policy.access = vec![Arc::new(AccessRule { roles: Vec::new(), ..(*rule("/open$")).clone() }), rule("^/")]
    })
    .await;
    closed(&house, &["/closed#/open", "/closed#", "/closed%23/../open", "/closed?x#/open", "/closed#?/open"]).await;
}

/// A header that is there twice was merged where the decision looked, and not where the service did.
#[tokio::test]
async fn cve_2021_32777_no_line_of_a_repeated_header_is_overlooked() {
    let house = House::new(|policy| policy.access.push(rule("^/closed"))).await;
    let session = house.place.login().await;
    let (good, bad) = (session.cookie(), format!("{}=0123456789abcdef0123456789abcdef", crate::api::world::COOKIE));
    for (name, lines) in [
        ("cookie", [&*good, &*bad]),
        ("cookie", [&*bad, &*good]),
        ("authorization", ["Basic YWRtaW46cHVibGlzaA==", "Bearer x"]),
        ("authorization", ["Bearer x", "Basic YWRtaW46cHVibGlzaA=="]),
    ] {
        for path in ["/closed", "/open"] {
            for came in house.everywhere(&Sent::get(path).with(name, lines[0]).with(name, lines[1])).await {
                came.is_refused();
            }
        }
    }
    // Two cookies in two lines are two cookies.
    for came in house.everywhere(&Sent::get("/closed").with("cookie", "a=1").with("cookie", &good)).await {
        assert_eq!(came.told("doorward-identity"), ["admin/14"], "{came:?}");
    }
}

/// Routers that trim segments, before or after decoding.
#[tokio::test]
async fn cve_2016_5007_no_blank_at_an_edge_hides_a_segment_from_its_rule() {
    let house = House::new(|policy| policy.access = vec![rule("^/closed$"), rule("^/admin/users$")]).await;
    let blanks = ["%20", "%0d", "%0D", "%0a", "%09", "%00", "%7f", "%20%20"];
    for blank in blanks {
        let paths = [
            format!("/closed{blank}"),
            format!("/{blank}closed"),
            format!("/admin{blank}/users"),
            format!("/{blank}admin/users"),
            format!("/admin/{blank}users"),
        ];
        closed(&house, &paths.each_ref().map(String::as_str)).await;
    }
    // Within a name a blank is a letter like others.
    for came in house.everywhere(&Sent::get("/files/a%20b")).await {
        assert_eq!(came.told("doorward-identity"), ["guest"], "{came:?}");
    }
}

/// A pattern that begins with no slash and no anchor matched nothing, so what it closed stood open.
#[tokio::test]
async fn cve_2023_20860_a_pattern_without_an_anchor_still_closes() {
    for pattern in ["closed", "closed/.*|closed", "(closed)", ".*closed.*", "/closed"] {
        let house = House::new(|policy| policy.access.push(rule(pattern))).await;
        closed(&house, &["/closed", "/closed/x", "/x/closed"]).await;
    }
}

/// Rules under a prefix lost the prefix, and with it all that they were for.
#[tokio::test]
async fn cve_2026_22754_rules_under_a_prefix_stand_under_that_prefix() {
    let house = House::new(|policy| {
        policy.unmatched = Unmatched::Allow;
        policy.routes.magento_prefix = Some("/rest".into());
        policy.routes.magento = magento::Table::build(vec![route("/V1/users"), route("/V1/users/:id")]).unwrap();
    })
    .await;
    let session = house.place.login().await;
    for path in ["/rest/V1/users", "/rest/V1/users/5", "/index.php/rest/V1/users", "/index.php/rest/V1/users/5"] {
        for came in house.everywhere(&Sent::get(path)).await {
            came.is_denied();
            assert_eq!(came.status, 401, "{came:?}");
        }
        for came in house.everywhere(&Sent::get(path).of(&session)).await {
            assert_eq!(came.told("doorward-identity"), ["admin/14"], "{came:?}");
        }
    }
    // Elsewhere that rule says nothing.
    for came in house.everywhere(&Sent::get("/V1/users")).await {
        assert_eq!(came.told("doorward-identity"), ["guest"], "{came:?}");
    }
}

/// Whether a service takes `/users/` for `/users` is not known here, so no rule is about both.
#[tokio::test]
async fn cve_2022_31692_a_slash_more_or_less_opens_nothing() {
    let house = House::new(|policy: &mut Policy| {
        policy.unmatched = Unmatched::Deny;
        policy.routes.native = template::Table::build(vec![route("/users"), route("/shops/")]).unwrap();
    })
    .await;
    let variants =
        ["/users", "/users/", "/users//", "/users;", "/users/;", "/users.", "/users.json", "/shops", "/shops/", "/shops/."];
    closed(&house, &variants).await;
    let session = house.place.login().await;
    for (path, known) in [("/users", true), ("/users/", false), ("/shops/", true), ("/shops", false)] {
        for came in house.everywhere(&Sent::get(path).of(&session)).await {
            assert_eq!(came.seen.is_some(), known, "{path}: {came:?}");
        }
    }
}

/// `.` does not match the end of a line, and a path that has one was past the rule.
#[tokio::test]
async fn cve_2022_22978_no_end_of_a_line_leads_past_a_pattern() {
    let house = House::new(|policy| {
        policy.access = vec![rule("^/admin/.*$"), rule("^/users/[^/]+/edit$")];
    })
    .await;
    for end in ["%0a", "%0d", "%0d%0a", "%0A", "%0b", "%0c", "%c2%85", "%e2%80%a8", "%e2%80%a9"] {
        let paths =
            [format!("/admin/{end}"), format!("/admin/a{end}b"), format!("/users/{end}/edit"), format!("/users/a{end}b/edit")];
        closed(&house, &paths.each_ref().map(String::as_str)).await;
    }
    assert!(Regex::new("^/admin/.*$").is_ok_and(|pattern| !pattern.is_match("/admin/\n")), "that is what it was about");
}
