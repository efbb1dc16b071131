//! AccountManagementTest and AccountManagementActivateTest of `Customer/Api`, each case by its name, in JSON and XML.

use super::{
    counter::{Counter, DUPLICATE, NEW_PASSWORD, NOBODY, OLD_PASSWORD, lacking, only, path, person, shared},
    formats::{Format, in_both},
};
use crate::support::eventually;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError, Weak};

const NOTHING: Value = Value::Null;
const SEND: &str = "/V1/customers/confirm";

/// A counter where e-mail addresses are confirmed, and which says who has an account; shared like the other one.
fn strict() -> Arc<Counter> {
    static COUNTER: Mutex<Weak<Counter>> = Mutex::new(Weak::new());
    let mut strict = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    strict.upgrade().unwrap_or_else(|| {
        let accounts = "confirm_email = true\nreveal_accounts = true\nreset_requests = 1000\nreset_interval = \"1s\"";
        let counter = Arc::new(Counter::with(accounts));
        *strict = Arc::downgrade(&counter);
        counter
    })
}

fn new(customer: &Value) -> Value {
    json!({"customer": customer, "password": OLD_PASSWORD})
}

#[test]
fn create_customer() {
    let counter = shared();
    in_both(|format| {
        let email = format.email("created");
        let mut customer = person(&email);
        // A group is not for guests to choose, nor a hash or a key for anyone.
        customer["group_id"] = 3.into();
        customer["confirmation"] = "x".into();
        let mut body = new(&customer);
        body["passwordHash"] = "of somebody else".into();
        let made = counter.ask(format, "", "POST", "/V1/customers", &body);
        assert!(made.good().number("/id") > 0);
        made.has("/group_id", &1.into()).has("/email", &email.as_str().into()).lacks("/confirmation");
        assert!(made.reply.header("set-cookie").is_none());
        counter.ask(format, "", "POST", "/V1/customers", &new(&person(&email.to_uppercase()))).is(400, &only(DUPLICATE));
        customer["email"] = format.email("created-by-program").into();
        counter.ask(format, counter.program(), "POST", "/V1/customers", &new(&customer)).good().has("/group_id", &3.into());
    });
}

#[test]
fn whoever_signed_up_signs_in_at_once_by_token_session_and_page() {
    let counter = shared();
    let server = &counter.shop.server;
    in_both(|format| {
        let email = format.email("signs-in");
        let id = counter.sign_up(format, &email).text("/id");
        for who in [counter.bearer(format, &email, OLD_PASSWORD), counter.signed_in(&email, OLD_PASSWORD)] {
            assert_eq!(counter.ask(format, &who, "GET", "/V1/customers/me", &NOTHING).good().text("/id"), id);
        }
        let shown = server.get("/customer/account/login", "");
        let (_, rest) = shown.body.split_once("name=\"form_key\" value=\"").unwrap_or_else(|| panic!("{shown:?}"));
        let (key, cookie) = (rest.split('"').next().unwrap(), shown.cookie("").unwrap());
        let fields = [("login[username]", &*email), ("login[password]", OLD_PASSWORD), ("form_key", key)];
        let escape = |text: &str| text.bytes().map(|b| format!("%{b:02X}")).collect::<String>();
        let form = fields.map(|(name, value)| format!("{}={}", escape(name), escape(value))).join("&");
        let headers = format!("Cookie: {cookie}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
        let reply = server.send("POST", "/customer/account/loginPost", &headers, &form);
        assert_eq!(reply.status, 302, "{reply:?}");
        let session = format!("Cookie: {}\r\n{}", reply.cookie("doorward_customers=").unwrap(), super::AJAX);
        assert_eq!(counter.ask(format, &session, "GET", "/V1/customers/me", &NOTHING).good().text("/id"), id);
    });
}

#[test]
fn create_customer_with_errors() {
    let counter = shared();
    in_both(|format| {
        let post = |email: &str, password: &str| {
            counter.ask(format, "", "POST", "/V1/customers", &json!({"customer": person(email), "password": password}))
        };
        post("invalid", OLD_PASSWORD).is(400, &only("\"Email\" is not a valid email address."));
        let text = "Minimum of different classes of characters in password is %1. Classes of characters: Lower Case, Upper Case, \
                    Digits, Special Characters.";
        post(&format.email("weak"), "aaaaaaaa").is(400, &json!({"message": text, "parameters": [3]}));
        let text = "The password needs at least %1 characters. Create a new password and try again.";
        post(&format.email("weak"), "Ab1").is(400, &json!({"message": text, "parameters": [8]}));
        let text = "The password can't be the same as the email address. Create a new password and try again.";
        let same = format.email("Same-As-1");
        post(&same, &same).is(400, &only(text));
        let text = "The password can't begin or end with a space. Verify the password and try again.";
        post(&format.email("weak"), &format!("{OLD_PASSWORD} ")).is(400, &only(text));
    });
}

#[test]
fn create_customer_without_optional_fields() {
    let counter = shared();
    in_both(|format| {
        let made = counter.ask(format, "", "POST", "/all/V1/customers", &new(&person(&format.email("sparse"))));
        made.good().has("/store_id", &1.into()).has("/website_id", &1.into()).has("/created_in", &"Admin".into());
        assert!(made.number("/id") > 0);
    });
}

/// By whoever manages customers. AccountManagementTest::testGetCustomerActivateCustomer asks for the same.
#[test]
fn activate_customer() {
    let counter = strict();
    in_both(|format| {
        let email = format.email("activated");
        let made = counter.sign_up(format, &email);
        let key = counter.token_of("confirm", &email);
        let put = |key: &str| {
            let at = format!("/V1/customers/{email}/activate");
            counter.ask(format, counter.program(), "PUT", &at, &json!({"confirmationKey": key}))
        };
        assert_eq!(put("wrong").reply.status, 400);
        let active = put(&key);
        assert_eq!((active.good().text("/id"), active.text("/email")), (made.text("/id"), email.clone()));
        assert_eq!(put(&key).reply.status, 400, "once");
        counter.bearer(format, &email, OLD_PASSWORD);
    });
}

#[test]
fn get_customer_activate_customer() {
    let counter = strict();
    in_both(|format| {
        let email = format.email("activated-too");
        let id = counter.sign_up(format, &email).text("/id");
        let body = json!({"confirmationKey": counter.token_of("confirm", &email)});
        let at = format!("/V1/customers/{email}/activate");
        assert_eq!(counter.ask(format, counter.program(), "PUT", &at, &body).good().text("/id"), id);
        let shown = counter.ask(format, counter.program(), "GET", &format!("/V1/customers/{id}"), &NOTHING);
        shown.good().lacks("/confirmation");
    });
}

/// AccountManagementActivateTest.
#[test]
fn activate_by_key() {
    let counter = strict();
    in_both(|format| {
        let email = format.email("activates");
        let id = counter.sign_up(format, &email).text("/id");
        let key = counter.token_of("confirm", &email);
        let post = |body: &Value| counter.ask(format, "", "POST", "/V1/customers/activate", body);
        let text = "The confirmation token is invalid. Verify the token and try again.";
        post(&json!({"email": email, "confirmationKey": "wrong"})).is(400, &only(text));
        post(&json!({"email": format.email("another"), "confirmationKey": key})).is(400, &only(text));
        post(&json!({"email": email})).is(400, &lacking("confirmationKey"));
        let several = "One or more input exceptions have occurred.";
        post(&NOTHING).is(400, &json!({"message": several, "errors": [lacking("email"), lacking("confirmationKey")]}));
        let active = post(&json!({"email": email, "confirmationKey": key}));
        assert_eq!(active.good().text("/id"), id);
        post(&json!({"email": email, "confirmationKey": key})).is(400, &only(text));
        counter.bearer(format, &email, OLD_PASSWORD);
    });
}

#[test]
fn validate_reset_password_link_token() {
    let counter = shared();
    in_both(|format| {
        let (id, token) = forgetful(format, "link");
        let link = |id: &str, token: &str| {
            let at = format!("/V1/customers/{id}/password/resetLinkToken/{token}");
            counter.ask(format, "", "GET", &at, &NOTHING)
        };
        link(&id, &token).is(200, &true.into());
        link("0", &token).is(200, &true.into());
        // ...InvalidToken
        for (id, token) in [(&*id, "invalid"), ("4711000", &*token), ("-1", &*token)] {
            link(id, token).is(400, &only(MISMATCHED));
        }
    });
}

const MISMATCHED: &str = "The password token is mismatched. Reset and try again.";

/// Somebody who asked for a link: the id, and the link's token.
fn forgetful(format: Format, word: &str) -> (String, String) {
    let (counter, email) = (shared(), format.email(word));
    let id = counter.sign_up(format, &email).text("/id");
    let body = json!({"email": email, "template": "email_reset", "websiteId": 1});
    counter.ask(format, "", "PUT", "/V1/customers/password", &body).is(200, &true.into());
    (id, counter.token_of("reset", &email))
}

#[test]
fn initiate_password_missing_required_fields() {
    let counter = shared();
    in_both(|format| {
        let several = "One or more input exceptions have occurred.";
        let ask = |body: &Value| counter.ask(format, "", "PUT", "/V1/customers/password", body);
        ask(&json!({})).is(400, &json!({"message": several, "errors": [lacking("email"), lacking("template")]}));
        ask(&json!({"template": "email_reset"})).is(400, &lacking("email"));
        let other = ask(&json!({"email": format.email("any"), "template": "x"}));
        assert_eq!((other.reply.status, other.text("/parameters/fieldName")), (400, "email type".to_owned()));
    });
}

#[test]
fn initiate_password_reset() {
    let counter = shared();
    in_both(|format| {
        let (_, token) = forgetful(format, "reset");
        let email = format.email("reset");
        let (session, bearer) = (counter.signed_in(&email, OLD_PASSWORD), counter.bearer(format, &email, OLD_PASSWORD));
        // Strangers are answered alike.
        let body = json!({"email": format.email("dummy"), "template": "email_reset", "websiteId": 1});
        counter.ask(format, "", "PUT", "/V1/customers/password", &body).is(200, &true.into());
        let reset = |token: &str, new: &str| {
            let body = json!({"email": email, "resetToken": token, "newPassword": new});
            counter.ask(format, "", "POST", "/V1/customers/resetPassword", &body)
        };
        assert_eq!(reset(&token, "short").reply.status, 400);
        reset("wrong", NEW_PASSWORD).is(400, &only(MISMATCHED));
        reset(&token, NEW_PASSWORD).is(200, &true.into());
        reset(&token, OLD_PASSWORD).is(400, &only(MISMATCHED));
        for who in [&session, &bearer] {
            assert_eq!(counter.ask(format, who, "GET", "/V1/customers/me", &NOTHING).reply.status, 401);
        }
        counter.bearer(format, &email, NEW_PASSWORD);
        assert!(!counter.shop.server.log().contains(&token));
    });
}

/// What `email`, `websiteId` is told of.
fn nobody(email: &str, website: u32) -> Value {
    let parameters = json!({"fieldName": "email", "fieldValue": email, "field2Name": "websiteId", "field2Value": website});
    json!({"message": NOBODY, "parameters": parameters})
}

/// Where `reveal_accounts` is set; elsewhere the answer is that of [`initiate_password_reset`].
#[test]
fn send_password_reset_link_bad_email_or_website() {
    let counter = strict();
    in_both(|format| {
        let email = format.email("dummy");
        let body = json!({"email": email, "template": "email_reset", "websiteId": 0});
        counter.ask(format, "", "PUT", "/V1/customers/password", &body).is(404, &nobody(&email, 0));
    });
}

#[test]
fn get_confirmation_status() {
    let (counter, strict) = (shared(), strict());
    in_both(|format| {
        let email = format.email("status");
        let at = format!("/V1/customers/{}/confirm", counter.sign_up(format, &email).text("/id"));
        counter.ask(format, counter.program(), "GET", &at, &NOTHING).is(200, &"account_confirmation_not_required".into());
        // Where addresses are confirmed.
        let at = format!("/V1/customers/{}/confirm", strict.sign_up(format, &email).text("/id"));
        let status = || strict.ask(format, strict.program(), "GET", &at, &NOTHING);
        status().is(200, &"account_confirmation_required".into());
        let body = json!({"email": email, "confirmationKey": strict.token_of("confirm", &email)});
        strict.ask(format, "", "POST", "/V1/customers/activate", &body).good();
        status().is(200, &"account_confirmed".into());
    });
}

#[test]
fn resend_confirmation() {
    let counter = strict();
    in_both(|format| {
        let email = format.email("resent");
        counter.sign_up(format, &email);
        let first = counter.token_of("confirm", &email);
        let send = || counter.ask(format, counter.program(), "POST", SEND, &json!({"email": email, "websiteId": 1}));
        send().is(200, &true.into());
        let second = eventually("another key", || Some(counter.token_of("confirm", &email)).filter(|token| *token != first));
        let activate = |key: &str| {
            counter.ask(format, "", "POST", "/V1/customers/activate", &json!({"email": email, "confirmationKey": key}))
        };
        assert_eq!(activate(&first).reply.status, 400, "the newest counts");
        activate(&second).good();
        send().is(400, &only("Confirmation isn't needed."));
    });
}

#[test]
fn resend_confirmation_bad_email_or_website() {
    let counter = strict();
    in_both(|format| {
        let body = json!({"email": "dummy@example.com", "websiteId": 0});
        counter.ask(format, counter.program(), "POST", SEND, &body).is(404, &nobody("dummy@example.com", 0));
    });
}

#[test]
fn validate_customer_data() {
    let counter = shared();
    in_both(|format| {
        let put = |customer: &Value| {
            counter.ask(format, counter.program(), "PUT", "/V1/customers/validate", &json!({ "customer": customer }))
        };
        let empty = |name: &str| format!("The \"{name}\" attribute value is empty. Set the attribute and try again.");
        let messages = json!([empty("First Name"), empty("Last Name")]);
        let customer = json!({"email": "ann@example.com", "firstname": "", "lastname": null});
        put(&customer).is(200, &json!({"valid": false, "messages": messages}));
        put(&person("ann@example.com")).is(200, &json!({"valid": true, "messages": []}));
    });
}

#[test]
fn is_readonly() {
    let counter = shared();
    in_both(|format| {
        let id = counter.sign_up(format, &format.email("readonly")).number("/id");
        let ask = |id: i64| {
            let at = format!("{}/permissions/readonly", path(&id.into()));
            counter.ask(format, counter.program(), "GET", &at, &NOTHING)
        };
        ask(id).is(200, &false.into());
        ask(4_711_000).is(404, &super::counter::no_customer(4_711_000).1);
    });
}

#[test]
fn email_available() {
    let (counter, strict) = (shared(), strict());
    in_both(|format| {
        let email = format.email("taken");
        for (counter, answer) in [(&counter, true), (&strict, false)] {
            counter.sign_up(format, &email);
            let ask = |body: &Value| counter.ask(format, "", "POST", "/V1/customers/isEmailAvailable", body);
            ask(&json!({"customerEmail": email, "websiteId": 1})).is(200, &answer.into());
            ask(&json!({"customer_email": email})).is(200, &answer.into());
            ask(&json!({"customerEmail": format.email("free")})).is(200, &true.into());
            ask(&json!({})).is(400, &lacking("customerEmail"));
        }
    });
}

#[test]
fn email_available_invalid_email() {
    let (counter, strict) = (shared(), strict());
    in_both(|format| {
        for counter in [&counter, &strict] {
            let body = json!({"customerEmail": "invalid", "websiteId": 1});
            counter.ask(format, "", "POST", "/V1/customers/isEmailAvailable", &body).is(200, &true.into());
        }
    });
}

fn subscribed(counter: &Counter, format: Format, word: &str) -> (String, Value) {
    let mut customer = person(&format.email(word));
    customer["extension_attributes"] = json!({"is_subscribed": "1"});
    let made = counter.ask(format, "", "POST", "/V1/customers", &new(&customer));
    made.good().has("/extension_attributes", &json!({"is_subscribed": true}));
    (format!("/V1/customers/{}", made.text("/id")), customer)
}

#[test]
fn create_customer_with_subscription() {
    let counter = shared();
    in_both(|format| {
        let (at, _) = subscribed(&counter, format, "subscribed");
        let shown = counter.ask(format, counter.program(), "GET", &at, &NOTHING);
        shown.good().has("/extension_attributes/is_subscribed", &true.into());
    });
}

#[test]
fn unsubscribe_customer() {
    let counter = shared();
    in_both(|format| {
        let (at, mut customer) = subscribed(&counter, format, "unsubscribed");
        customer["extension_attributes"] = json!({"is_subscribed": false});
        let saved = counter.ask(format, counter.program(), "PUT", &at, &json!({ "customer": customer }));
        saved.good().has("/extension_attributes/is_subscribed", &false.into());
        counter.ask(format, counter.program(), "GET", &at, &NOTHING).is(200, &saved.body);
    });
}

/// 6.2, as newer versions say it: whoever knows the password is told what is missing, and nobody else.
#[test]
fn an_unconfirmed_customer_gets_no_token() {
    let counter = strict();
    in_both(|format| {
        let email = format.email("unconfirmed");
        counter.sign_up(format, &email);
        let ask = |password: &str| {
            let body = json!({"username": email, "password": password});
            counter.ask(format, "", "POST", "/V1/integration/customer/token", &body)
        };
        ask(OLD_PASSWORD).is(401, &only("This account isn't confirmed. Verify and try again."));
        let text = "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later.";
        ask("wrong").is(401, &only(text));
        assert_eq!(counter.shop.server.try_sign_in(&email, OLD_PASSWORD).status, 401);
        let body = json!({"email": email, "confirmationKey": counter.token_of("confirm", &email)});
        counter.ask(format, "", "POST", "/V1/customers/activate", &body).good();
        counter.bearer(format, &email, OLD_PASSWORD);
    });
}
