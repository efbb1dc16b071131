//! A shop that keeps its customers here, and what tests of customers share.

use super::{
    AJAX, FIREWALLS, Shop,
    formats::{Answer, Format},
};
use crate::support::{client::Reply, eventually};
use serde_json::{Value, json};
use std::{
    fs,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

pub(super) const NEW_PASSWORD: &str = "Quite another one 7";
pub(super) const OLD_PASSWORD: &str = "Green parrot 42 sings";
pub(super) const MAIL: &str = "[mail]\nurl = \"folder:mail\"\nfrom = \"The Shop <shop@example.com>\"\n";
pub(super) const NOBODY: &str = "No such entity with %fieldName = %fieldValue, %field2Name = %field2Value";

/// A shop that keeps its customers here.
pub(super) struct Counter {
    pub(super) shop: Shop,
    everything: OnceLock<String>,
}

/// One counter for all tests that run now and change nothing but what is their own; the last of them ends it.
pub(super) fn shared() -> Arc<Counter> {
    static COUNTER: Mutex<Weak<Counter>> = Mutex::new(Weak::new());
    let mut shared = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let counter = Arc::new(Counter::with("reset_requests = 1000\nreset_interval = \"1s\""));
        *shared = Arc::downgrade(&counter);
        counter
    })
}

impl Counter {
    pub(super) fn open() -> Self {
        Self::with("")
    }

    /// `accounts` stands in `[accounts]`.
    pub(super) fn with(accounts: &str) -> Self {
        Self::open_with("", accounts)
    }

    /// `api` stands in `[api]`, `accounts` in `[accounts]`.
    pub(super) fn open_with(api: &str, accounts: &str) -> Self {
        let more = format!(
            "{FIREWALLS}{MAIL}[[directory]]\nname = \"programs\"\nkind = \"integration\"\n\
             [tokens]\nintegration_bearer = true\n[accounts]\n{accounts}\n"
        );
        let api = format!("serve = [\"sessions\", \"tokens\", \"accounts\"]\n{api}");
        let shop = Shop::prepared(&api, &more, |site| {
            let manager =
                ["role", "add", "manager", "--allow", "Magento_Customer::customer", "--allow", "Magento_Customer::manage"];
            site.ok(&manager, "");
            site.user("admins/manager", crate::gateway::PASSWORD, &["manager"]);
        });
        Self { shop, everything: OnceLock::new() }
    }

    /// A call in one of the formats, with these header lines.
    pub(super) fn ask(&self, format: Format, who: &str, method: &str, path: &str, body: &Value) -> Answer {
        let headers = format!("{who}{}", format.headers(!body.is_null()));
        format.read(self.shop.server.send(method, &format!("/rest{path}"), &headers, &format.write(body)))
    }

    /// Signs somebody up as a guest.
    pub(super) fn sign_up(&self, format: Format, email: &str) -> Answer {
        let answer = self.ask(format, "", "POST", "/V1/customers", &json!({"customer": person(email), "password": OLD_PASSWORD}));
        answer.good();
        answer
    }

    /// The header line of a customer with a new token.
    pub(super) fn bearer(&self, format: Format, email: &str, password: &str) -> String {
        let body = json!({"username": email, "password": password});
        let answer = self.ask(format, "", "POST", "/V1/integration/customer/token", &body);
        format!("Authorization: Bearer {}\r\n", answer.good().text(""))
    }

    /// The header line of a program that may do everything.
    pub(super) fn program(&self) -> &str {
        self.everything.get_or_init(|| self.integration("erp", "everything"))
    }

    /// The header line of a new program with this role.
    pub(super) fn integration(&self, name: &str, role: &str) -> String {
        let account = format!("programs/{name}");
        self.shop.site.ok(&["user", "add", &account, "--role", role], "");
        let issued = self.shop.site.ok(&["token", "issue", &account], "").out;
        format!("Authorization: Bearer {}\r\n", issued.trim())
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

    /// The token in the newest mail of a sort to this address.
    pub(super) fn token_of(&self, sort: &str, to: &str) -> String {
        let folder = self.shop.site.path().join("mail");
        let text = eventually(&format!("mail: {sort}"), || {
            let mut found: Vec<_> = fs::read_dir(&folder).ok()?.flatten().map(|entry| entry.path()).collect();
            found.retain(|path| {
                path.to_string_lossy().contains(&format!("-{sort}-")) && path.extension().is_some_and(|e| e == "eml")
            });
            found.sort();
            let mut texts = found.iter().rev().filter_map(|path| fs::read_to_string(path).ok());
            texts.find(|text| text.contains(&format!("To: {to}")))
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

/// `"%fieldName" is required...`
pub(super) fn lacking(name: &str) -> Value {
    json!({"message": "\"%fieldName\" is required. Enter and try again.", "parameters": {"fieldName": name}})
}

/// What a caller without these resources is told.
pub(super) fn not_authorized(resources: &str) -> Value {
    json!({"message": "The consumer isn't authorized to access %resources.", "parameters": {"resources": resources}})
}

/// A message alone.
pub(super) fn only(text: &str) -> Value {
    json!({"message": text})
}

/// `No such entity...`
pub(super) fn nothing_with(field: &str, value: impl Into<Value>) -> Value {
    let text = "No such entity with %fieldName = %fieldValue";
    json!({"message": text, "parameters": {"fieldName": field, "fieldValue": value.into()}})
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
