//! The cases that Magento's suite does not have, by their numbers, as one shop with Magento's cookies sees them, in JSON and XML.
//! Case 11 (every route, every kind of caller) is [`crate::gateway::magento_rules`].

use super::{
    AJAX, NO_ROUTE, NOT_PROCESSED,
    counter::{Counter, OLD_PASSWORD, lacking, not_authorized, only, shared},
    formats::{Answer, Format, in_both},
};
use crate::gateway::{PASSWORD, SignedIn};
use serde_json::Value;
use std::sync::Arc;

const NOTHING: Value = Value::Null;
const ME: &str = "/V1/customers/me";
const OPEN: &str = "/V1/directory/countries";
const BAD: &str = "Authorization: Bearer nonsense\r\n";

/// A customer with a session.
struct Somebody {
    counter: Arc<Counter>,
    format: Format,
    email: String,
    /// The cookie's header line alone.
    cookie: String,
}

impl Somebody {
    fn new(format: Format, word: &str) -> Self {
        let (counter, email) = (shared(), format.email(word));
        counter.sign_up(format, &email);
        let cookie = counter.signed_in(&email, OLD_PASSWORD).replace(AJAX, "");
        Self { counter, format, email, cookie }
    }

    fn bearer(&self) -> String {
        self.counter.bearer(self.format, &self.email, OLD_PASSWORD)
    }

    fn get(&self, path: &str, who: &str) -> Answer {
        self.counter.ask(self.format, who, "GET", path, &NOTHING)
    }

    /// What an open route of the old shop answers, and whom that takes the caller for.
    fn open(&self, who: &str) -> (u16, String) {
        let reply = self.counter.shop.server.get(&format!("/rest{OPEN}?of={}", self.email), who);
        let received = self.counter.shop.upstream.received();
        let own = received.iter().rev().find(|request| request.line().contains(&self.email)).unwrap();
        (reply.status, own.header("doorward-identity").unwrap().to_owned())
    }
}

#[test]
fn case_1_a_customers_cookie_needs_the_header_of_ajax() {
    in_both(|format| {
        let ann = Somebody::new(format, "case-1");
        let own = format!("{}{AJAX}", ann.cookie);
        ann.get(ME, &own).good().has("/email", &ann.email.as_str().into());
        for (path, header) in [
            (ME.to_owned(), ""),
            (ME.to_owned(), "X-Requested-With: xmlhttprequest\r\n"),
            (format!("{ME}?isAjax=1"), ""),
            (format!("{ME}?ajax=1"), ""),
        ] {
            ann.get(&path, &format!("{}{header}", ann.cookie)).is(401, &not_authorized("self"));
        }
        ann.get(ME, &own).good();
    });
}

#[test]
fn case_2_without_the_header_an_open_route_is_open() {
    in_both(|format| {
        let ann = Somebody::new(format, "case-2");
        assert_eq!(ann.open(&ann.cookie), (200, "guest".to_owned()));
    });
}

#[test]
fn case_3_a_good_bearer_comes_before_the_cookie_and_a_bad_one_counts_for_nothing() {
    in_both(|format| {
        let (ann, bob) = (Somebody::new(format, "case-3"), Somebody::new(format, "case-3-bob"));
        for ajax in [AJAX, ""] {
            // The cookie of A and the bearer of B: B, whether it is an AJAX call or not.
            let both = format!("{}{ajax}{}", ann.cookie, bob.bearer());
            ann.get(ME, &both).good().has("/email", &bob.email.as_str().into());
        }
        ann.get(ME, &format!("{}{AJAX}{BAD}", ann.cookie)).good().has("/email", &ann.email.as_str().into());
        ann.get(ME, &format!("{}{BAD}", ann.cookie)).is(401, &not_authorized("self"));
        // A bearer that was good counts for nothing either.
        let ended = bob.bearer();
        ann.counter.ask(format, &ended, "POST", "/V1/integration/customer/revoke-customer-token", &NOTHING).good();
        ann.get(ME, &format!("{}{AJAX}{ended}", ann.cookie)).good().has("/email", &ann.email.as_str().into());
    });
}

/// As documented; [`super::sessions`] has it as shipped too, with `magento_admin_session = false`.
#[test]
fn case_4_an_admins_session_counts_on_ajax_calls() {
    let counter = shared();
    let cookie = SignedIn::new(&counter.shop.server, "admin").cookie;
    in_both(|format| {
        let search = |who: &str| counter.ask(format, who, "GET", "/V1/customerGroups/search?searchCriteria=", &NOTHING);
        assert!(search(&format!("{cookie}{AJAX}")).good().number("/total_count") >= 4);
        search(&cookie).is(401, &not_authorized("Magento_Customer::group"));
    });
}

#[test]
fn case_5_a_full_admin_has_no_customers_id_and_a_partial_one_no_self() {
    let counter = shared();
    let server = &counter.shop.server;
    in_both(|format| {
        let bearer = |login: &str| {
            let body = serde_json::json!({"username": login, "password": PASSWORD});
            let token = counter.ask(format, "", "POST", "/V1/integration/admin/token", &body).good().text("");
            format!("Authorization: Bearer {token}\r\n")
        };
        let session = |login: &str| format!("{}{AJAX}", SignedIn::new(server, login).cookie);
        for admin in [bearer("admin"), session("admin")] {
            counter.ask(format, &admin, "GET", ME, &NOTHING).is(400, &lacking("customerId"));
        }
        for clerk in [bearer("clerk"), session("clerk")] {
            counter.ask(format, &clerk, "GET", ME, &NOTHING).is(401, &not_authorized("self"));
        }
    });
}

#[test]
fn case_6_no_customer_is_shared_with_all_stores() {
    in_both(|format| {
        let ann = Somebody::new(format, "case-6");
        for who in [ann.bearer(), format!("{}{AJAX}", ann.cookie)] {
            ann.get(&format!("/all{ME}"), &who).is(401, &not_authorized("self"));
            ann.get(ME, &who).good();
        }
    });
}

/// OAuth 1.0a is not read here, so whoever sends it is a guest to us.
#[test]
fn case_7_a_malformed_oauth_header_leaves_open_routes_open() {
    in_both(|format| {
        let ann = Somebody::new(format, "case-7");
        for header in ["OAuth", "OAuth oauth_token", "OAuth oauth_token=\"invalid\"", "OAuth =,,="] {
            let header = format!("Authorization: {header}\r\n");
            assert_eq!(ann.open(&header).0, 200, "{header}");
            ann.get(ME, &header).is(401, &not_authorized("self"));
            ann.get("/V1/customerGroups/1", &header).is(401, &not_authorized("Magento_Customer::group"));
        }
    });
}

#[test]
fn case_8_a_bearer_is_two_words_with_one_space() {
    in_both(|format| {
        let ann = Somebody::new(format, "case-8");
        let bearer = ann.bearer();
        let token = bearer.trim_end().rsplit(' ').next().unwrap();
        for value in [format!("Bearer  {token}"), "bearer".to_owned(), "Bearer a b".to_owned(), format!("Bearer {token} b")] {
            let header = format!("Authorization: {value}\r\n");
            ann.get(ME, &header).is(401, &not_authorized("self"));
            assert_eq!(ann.open(&header), (200, "guest".to_owned()), "{value}");
        }
        ann.get(ME, &format!("Authorization: bEARER {token}\r\n")).good();
    });
}

#[test]
fn case_9_stores_routes_and_methods_that_there_are_not() {
    in_both(|format| {
        let ann = Somebody::new(format, "case-9");
        let own = ann.bearer();
        for who in ["", &own] {
            ann.get("/nosuchstore/V1/customers/me", who).is(400, &only(NOT_PROCESSED));
            ann.get("/V1/nosuch", who).is(404, &only(NO_ROUTE));
            let ask = |method: &str, path: &str| ann.counter.ask(format, who, method, path, &NOTHING);
            ask("POST", OPEN).is(404, &only(NO_ROUTE));
            let patched = ask("PATCH", ME);
            patched.is(405, &only("The PATCH HTTP method is not supported."));
            assert_eq!(patched.reply.header("allow"), None);
        }
    });
}

/// The other half is [`super::webapi_test::what_cannot_be_read_is_said_to_whoever_may_call`].
#[test]
fn case_10_bad_json_on_a_forbidden_route_is_401() {
    let counter = shared();
    in_both(|format| {
        for (method, path, resource) in [
            ("PUT", ME, "self"),
            ("POST", "/V1/customerGroups", "Magento_Customer::group"),
            ("PUT", "/V1/customers/1", "Magento_Customer::manage"),
        ] {
            let headers = format!("Content-Type: application/json\r\n{}", format.headers(false));
            let reply = counter.shop.server.send(method, &format!("/rest{path}"), &headers, "{bad");
            format.read(reply).is(401, &not_authorized(resource));
        }
    });
}
