//! CustomerSharingOptionsTest of `Customer/Api` with accounts that are kept here, in JSON and XML; [`super::stores`] has the
//! rest of store views.

use super::{
    counter::{Counter, DUPLICATE, NEW_PASSWORD, OLD_PASSWORD, not_authorized, only, person},
    formats::{Format, in_both},
};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;

fn me(counter: &Counter, format: Format, store: &str, who: &str) -> super::formats::Answer {
    counter.ask(format, who, "GET", &format!("{store}/V1/customers/me"), &NOTHING)
}

fn sign_up(counter: &Counter, format: Format, store: &str, email: &str, password: &str) -> super::formats::Answer {
    let body = json!({"customer": person(email), "password": password});
    counter.ask(format, "", "POST", &format!("{store}/V1/customers"), &body)
}

/// One address has an account on each website; a token of one is nothing on the other.
#[test]
fn get_customer_data_website_scope() {
    let counter = Counter::open();
    in_both(|format| {
        let email = format.email("ann");
        let first = sign_up(&counter, format, "", &email, OLD_PASSWORD);
        first.good().has("/website_id", &1.into()).has("/store_id", &1.into());
        let second = sign_up(&counter, format, "/fixture_second_store", &email, NEW_PASSWORD);
        second.good().has("/website_id", &2.into()).has("/store_id", &3.into());
        assert_ne!(first.text("/id"), second.text("/id"));
        sign_up(&counter, format, "/fr", &email, OLD_PASSWORD).is(400, &only(DUPLICATE));
        let token = |store: &str, password: &str| {
            let body = json!({"username": email, "password": password});
            let path = format!("{store}/V1/integration/customer/token");
            let answer = counter.ask(format, "", "POST", &path, &body);
            (answer.reply.status == 200).then(|| format!("Authorization: Bearer {}\r\n", answer.text("")))
        };
        let (one, two) = (token("/default", OLD_PASSWORD).unwrap(), token("/fixture_second_store", NEW_PASSWORD).unwrap());
        assert_eq!((token("", NEW_PASSWORD), token("/fixture_second_store", OLD_PASSWORD)), (None, None));
        for store in ["", "/default", "/fr"] {
            assert_eq!(me(&counter, format, store, &one).good().text("/id"), first.text("/id"));
            me(&counter, format, store, &two).is(401, &not_authorized("self"));
        }
        assert_eq!(me(&counter, format, "/fixture_second_store", &two).good().text("/id"), second.text("/id"));
        me(&counter, format, "/fixture_second_store", &one).is(401, &not_authorized("self"));
        for who in [&one, &two] {
            me(&counter, format, "/all", who).is(401, &not_authorized("self"));
        }
    });
}

/// One account everywhere, whichever website it was made on.
#[test]
fn get_customer_data_global_scope() {
    let counter = Counter::open_with("customer_sharing = \"global\"", "");
    in_both(|format| {
        for (word, made_on) in [("ann", ""), ("bob", "/fixture_second_store")] {
            let email = format.email(word);
            let id = sign_up(&counter, format, made_on, &email, OLD_PASSWORD).good().text("/id");
            for store in ["", "/default", "/fr", "/fixture_second_store"] {
                sign_up(&counter, format, store, &email, OLD_PASSWORD).is(400, &only(DUPLICATE));
                let body = json!({"username": email, "password": OLD_PASSWORD});
                let path = format!("{store}/V1/integration/customer/token");
                let token = counter.ask(format, "", "POST", &path, &body).good().text("");
                let bearer = format!("Authorization: Bearer {token}\r\n");
                for store in ["", "/default", "/fr", "/fixture_second_store"] {
                    assert_eq!(me(&counter, format, store, &bearer).good().text("/id"), id, "{word} {store}");
                }
                me(&counter, format, "/all", &bearer).is(401, &not_authorized("self"));
            }
            let session = counter.signed_in(&email, OLD_PASSWORD);
            assert_eq!(me(&counter, format, "/fixture_second_store", &session).good().text("/id"), id);
        }
    });
}
