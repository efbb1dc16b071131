//! A shop that keeps its customers here, and what tests of customers share.

use super::{AJAX, FIREWALLS, Shop};
use crate::support::{client::Reply, eventually};
use serde_json::{Value, json};
use std::fs;

pub(super) const NEW_PASSWORD: &str = "Quite another one 7";
pub(super) const OLD_PASSWORD: &str = "Green parrot 42 sings";
pub(super) const MAIL: &str = "[mail]\nurl = \"folder:mail\"\nfrom = \"The Shop <shop@example.com>\"\n";
pub(super) const NOBODY: &str = "No such entity with %fieldName = %fieldValue, %field2Name = %field2Value";

/// A shop that keeps its customers here.
pub(super) struct Counter {
    pub(super) shop: Shop,
}

impl Counter {
    pub(super) fn open() -> Self {
        Self::with("")
    }

    /// `accounts` stands in `[accounts]`.
    pub(super) fn with(accounts: &str) -> Self {
        let more = format!("{FIREWALLS}{MAIL}[accounts]\n{accounts}\n");
        let shop = Shop::prepared("serve = [\"sessions\", \"accounts\"]", &more, |site| {
            let manager =
                ["role", "add", "manager", "--allow", "Magento_Customer::customer", "--allow", "Magento_Customer::manage"];
            site.ok(&manager, "");
            site.user("admins/manager", crate::gateway::PASSWORD, &["manager"]);
        });
        Self { shop }
    }

    /// A call with these header lines; `body` is left out where it is null.
    pub(super) fn call(&self, who: &str, method: &str, path: &str, body: &Value) -> Reply {
        let server = &self.shop.server;
        if body.is_null() {
            return server.send(method, &format!("/rest{path}"), who, "");
        }
        server.send(method, &format!("/rest{path}"), &format!("{who}Content-Type: application/json\r\n"), &body.to_string())
    }

    /// The result of a call that must succeed.
    pub(super) fn result(&self, who: &str, method: &str, path: &str, body: &Value) -> Value {
        let reply = self.call(who, method, path, body);
        assert_eq!(reply.status, 200, "{method} {path}: {reply:?}");
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
        reply.json()
    }

    /// Signs up as a guest.
    pub(super) fn register(&self, email: &str) -> Value {
        self.result("", "POST", "/V1/customers", &json!({"customer": person(email), "password": OLD_PASSWORD}))
    }

    /// Header lines of an AJAX call by a customer.
    pub(super) fn signed_in(&self, email: &str, password: &str) -> String {
        format!("Cookie: {}\r\n{AJAX}", self.shop.server.sign_in(email, password).cookie)
    }

    pub(super) fn admin(&self) -> String {
        self.shop.caller("admin")
    }

    /// The token in the newest mail of a sort.
    pub(super) fn token(&self, sort: &str) -> String {
        let folder = self.shop.site.path().join("mail");
        let text = eventually(&format!("mail: {sort}"), || {
            let mut found: Vec<_> = fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path()).collect();
            found.retain(|path| {
                path.to_string_lossy().contains(&format!("-{sort}-")) && path.extension().is_some_and(|e| e == "eml")
            });
            found.sort();
            fs::read_to_string(found.pop()?).ok()
        });
        let text = text.replace("=\r\n", "").replace("=3D", "=");
        let link = text.split_whitespace().find(|word| word.contains("/customers/")).unwrap_or_else(|| panic!("no link: {text}"));
        link.rsplit('/').next().unwrap().to_owned()
    }

    pub(super) fn mailed(&self, sort: &str, to: &str) {
        let folder = self.shop.site.path().join("mail");
        eventually(&format!("mail to {to}: {sort}"), || {
            let mut found = fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path());
            found.find(|path| {
                path.to_string_lossy().contains(&format!("-{sort}-"))
                    && fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("To: {to}")))
            })
        });
    }
}

pub(super) fn person(email: &str) -> Value {
    json!({"email": email, "firstname": "Ann", "lastname": "Lee"})
}

pub(super) fn address(city: &str) -> Value {
    json!({
        "firstname": "Ann", "lastname": "Lee", "street": ["Green str, 67", "2nd floor"], "city": city, "telephone": "3468676",
        "postcode": "75477", "country_id": "US", "region": {"region_code": "AL", "region": "Alabama", "region_id": 1},
    })
}

pub(super) fn path(id: &Value) -> String {
    format!("/V1/customers/{id}")
}

pub(super) fn no_customer(id: i64) -> (u16, Value) {
    let text = "No such entity with %fieldName = %fieldValue";
    (404, json!({"message": text, "parameters": {"fieldName": "customerId", "fieldValue": id}}))
}

pub(super) fn told(reply: &Reply) -> (u16, Value) {
    (reply.status, reply.json())
}

pub(super) const WRONG: &str = "The password doesn't match this account. Verify the password and try again.";
pub(super) const DUPLICATE: &str = "A customer with the same email address already exists in an associated website.";
