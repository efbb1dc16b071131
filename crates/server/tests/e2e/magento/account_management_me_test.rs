//! AccountManagementMeTest and AccountManagementRevokeCustomerTokenTest of `Customer/Api`, each case by its name, in JSON and XML.
//! Whoever calls holds a token, as in Magento's suite; [`super::me`] has what sessions do besides.

use super::{
    counter::{Counter, NEW_PASSWORD, OLD_PASSWORD, WRONG, address, lacking, not_authorized, only, person, shared},
    formats::{Answer, Format, in_both},
};
use doorward_core::ports::Clock;
use doorward_crypto::user_token::{Algorithm, TokenSigner, UserClaims};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;
const ME: &str = "/V1/customers/me";
const REVOKE: &str = "/V1/integration/customer/revoke-customer-token";

/// A customer with two addresses: what was answered, and the header line of a token.
fn customer(format: Format, word: &str) -> (Answer, String) {
    let (counter, email) = (shared(), format.email(word));
    let mut customer = person(&email);
    let (mut billing, mut shipping) = (address("CityM"), address("CityX"));
    billing["default_billing"] = true.into();
    shipping["default_shipping"] = true.into();
    customer["addresses"] = json!([billing, shipping]);
    customer["custom_attributes"] = json!([{"attribute_code": "shoe", "value": "42"}]);
    let body = json!({"customer": customer, "password": OLD_PASSWORD});
    let made = counter.ask(format, "", "POST", "/V1/customers", &body);
    made.good();
    (made, counter.bearer(format, &email, OLD_PASSWORD))
}

#[test]
fn get_customer_data() {
    let counter = shared();
    in_both(|format| {
        let (made, me) = customer(format, "own-data");
        let shown = counter.ask(format, &me, "GET", ME, &NOTHING);
        shown.is(200, &made.body);
        let names: Vec<&str> = shown.body.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = "id group_id default_billing default_shipping created_at updated_at created_in email firstname lastname \
                        store_id website_id addresses disable_auto_group_change extension_attributes custom_attributes";
        assert_eq!(names.join(" "), expected);
        for (at, which) in [(0, "billing"), (1, "shipping")] {
            shown.has(&format!("/addresses/{at}/default_{which}"), &true.into());
            assert_eq!(shown.text(&format!("/default_{which}")), shown.text(&format!("/addresses/{at}/id")));
        }
        assert!(format == Format::Xml || shown.body["addresses"][0]["id"].is_u64());
        // A guest, a session that does not count, and whoever is no customer.
        counter.ask(format, "", "GET", ME, &NOTHING).is(401, &not_authorized("self"));
        counter.ask(format, counter.program(), "GET", ME, &NOTHING).is(400, &lacking("customerId"));
    });
}

#[test]
fn update_customer() {
    let counter = shared();
    in_both(|format| {
        let other = counter.sign_up(format, &format.email("somebody-else"));
        let (own, me) = customer(format, "updates-own");
        let id = other.number("/id");
        let mut changed = person(&format.email("updates-own"));
        changed["lastname"] = "LeeUpdated".into();
        changed["group_id"] = 3.into();
        changed["website_id"] = 2.into();
        changed["store_id"] = 3.into();
        for spelling in ["id", "Id"] {
            let mut body = json!({"customer": changed, "customerId": id, "passwordHash": "of somebody else"});
            body["customer"][spelling] = 25.into();
            let saved = counter.ask(format, &me, "PUT", &format!("{ME}?customerId={id}&customer_id={id}"), &body);
            saved.good().has("/lastname", &"LeeUpdated".into());
            for name in ["/id", "/group_id", "/website_id", "/store_id"] {
                assert_eq!(saved.text(name), own.text(name), "{name}");
            }
        }
        counter.ask(format, counter.program(), "GET", &format!("/V1/customers/{id}"), &NOTHING).is(200, &other.body);
        // The password is what it was.
        counter.bearer(format, &format.email("updates-own"), OLD_PASSWORD);
    });
}

#[test]
fn get_other_customer_info() {
    let counter = shared();
    in_both(|format| {
        let other = counter.sign_up(format, &format.email("not-shown"));
        let (_, me) = customer(format, "curious");
        let missing = only("The customer email is missing. Enter and try again.");
        for (id, second) in [("-1".to_owned(), "1".to_owned()), (other.text("/id"), other.text("/id"))] {
            let body = json!({"customer": {"id": id, "Id": second}});
            let path = format!("{ME}?customerId={}", other.text("/id"));
            counter.ask(format, &me, "PUT", &path, &body).is(400, &missing);
        }
    });
}

#[test]
fn change_password() {
    let counter = shared();
    in_both(|format| {
        let (_, me) = customer(format, "changes-password");
        let email = format.email("changes-password");
        let session = counter.signed_in(&email, OLD_PASSWORD);
        let put = |current: &str, new: &str| {
            let body = json!({"currentPassword": current, "newPassword": new});
            counter.ask(format, &me, "PUT", "/V1/customers/me/password", &body)
        };
        put("wrong", NEW_PASSWORD).is(401, &only(WRONG));
        put(OLD_PASSWORD, NEW_PASSWORD).is(200, &true.into());
        // All tokens and sessions from before have ended; the new password is the one.
        for who in [&me, &session] {
            counter.ask(format, who, "GET", ME, &NOTHING).is(401, &not_authorized("self"));
        }
        let renewed = counter.bearer(format, &email, NEW_PASSWORD);
        counter.ask(format, &renewed, "GET", ME, &NOTHING).good().has("/email", &email.as_str().into());
        let body = json!({"username": email, "password": OLD_PASSWORD});
        assert_eq!(counter.ask(format, "", "POST", "/V1/integration/customer/token", &body).reply.status, 401);
        counter.mailed("password_changed", &email);
    });
}

/// Whoever has yet to confirm the address cannot sign in here, but may still hold a token of the old shop.
#[test]
fn get_customer_activate_customer() {
    let counter = Counter::with("confirm_email = true");
    let key = "0123456789abcdef0123456789abcdef";
    counter.shop.site.ok(&["key", "import", "token", "--magento-crypt-key-stdin"], key);
    let signer = TokenSigner::padded("1", key.as_bytes(), Algorithm::Hs256);
    let now = doorward_crypto::system::SystemClock.now().seconds();
    in_both(|format| {
        let email = format.email("holds-a-token");
        let id = counter.sign_up(format, &email).number("/id");
        let claims = UserClaims { kind: doorward_core::Kind::Customer, uid: id.unsigned_abs(), iat: now + 1, exp: now + 600 };
        let me = format!("Authorization: Bearer {}\r\n", signer.sign(&claims).unwrap());
        let put = |key: &str| counter.ask(format, &me, "PUT", "/V1/customers/me/activate", &json!({"confirmationKey": key}));
        put("wrong").is(400, &only("The confirmation token is invalid. Verify the token and try again."));
        counter.ask(format, &me, "PUT", "/V1/customers/me/activate", &NOTHING).is(400, &lacking("confirmationKey"));
        let key = counter.token_of("confirm", &email);
        put(&key).good().has("/id", &id.into()).has("/email", &email.as_str().into());
        put(&key).is(400, &only("The account is already active."));
        counter.bearer(format, &email, OLD_PASSWORD);
    });
}

/// Both addresses; a customer that the query names counts for nothing.
fn default_address(which: &str, word: &str, city: &str) {
    let counter = shared();
    in_both(|format| {
        let (made, me) = customer(format, word);
        let other = counter.sign_up(format, &format.email(&format!("{word}-other")));
        let at = if which == "billingAddress" { "/addresses/0" } else { "/addresses/1" };
        for query in [String::new(), format!("?customerId={}", other.text("/id"))] {
            let shown = counter.ask(format, &me, "GET", &format!("{ME}/{which}{query}"), &NOTHING);
            shown.is(200, made.body.pointer(at).unwrap()).has("/city", &city.into());
        }
        let none = counter.bearer(format, &format.email(&format!("{word}-other")), OLD_PASSWORD);
        counter.ask(format, &none, "GET", &format!("{ME}/{which}"), &NOTHING).is(200, &NOTHING);
        let of = format!("/V1/customers/{}/{which}", made.text("/id"));
        counter.ask(format, counter.program(), "GET", &of, &NOTHING).is(200, made.body.pointer(at).unwrap());
    });
}

#[test]
fn get_default_billing_address() {
    default_address("billingAddress", "billed", "CityM");
}

#[test]
fn get_default_shipping_address() {
    default_address("shippingAddress", "shipped", "CityX");
}

#[test]
fn revoke_customer_token() {
    let counter = shared();
    in_both(|format| {
        let (_, me) = customer(format, "revokes");
        let session = counter.signed_in(&format.email("revokes"), OLD_PASSWORD);
        counter.ask(format, &me, "POST", REVOKE, &NOTHING).is(200, &true.into());
        counter.ask(format, &me, "POST", REVOKE, &NOTHING).is(401, &not_authorized("self"));
        // A session may ask for it too, and goes on.
        counter.ask(format, &session, "POST", REVOKE, &NOTHING).is(200, &true.into());
        counter.ask(format, &session, "GET", ME, &NOTHING).good();
    });
}

#[test]
fn revoke_customer_token_for_guest_customer() {
    let counter = shared();
    in_both(|format| {
        for who in ["", "Authorization: Bearer invalid\r\n"] {
            counter.ask(format, who, "POST", REVOKE, &NOTHING).is(401, &not_authorized("self"));
        }
        counter.ask(format, counter.program(), "POST", REVOKE, &NOTHING).is(400, &lacking("customerId"));
    });
}
