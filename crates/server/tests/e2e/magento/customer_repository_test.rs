//! CustomerRepositoryTest and AddressRepositoryTest of `Customer/Api`, each case by its name, in JSON and XML.

use super::{
    counter::{DUPLICATE, OLD_PASSWORD, address, lacking, no_customer, not_authorized, nothing_with, only, path, person, shared},
    formats::{Format, in_both},
};
use serde_json::{Value, json};

const NOTHING: Value = Value::Null;

#[test]
fn revoke_all_access_tokens_for_customer() {
    let counter = shared();
    in_both(|format| {
        let email = format.email("revoked");
        counter.sign_up(format, &email);
        let (first, second) = (counter.bearer(format, &email, OLD_PASSWORD), counter.bearer(format, &email, OLD_PASSWORD));
        let me = |bearer: &str| counter.ask(format, bearer, "GET", "/V1/customers/me", &NOTHING);
        for bearer in [&first, &second] {
            me(bearer).good().has("/email", &email.as_str().into());
        }
        let path = "/V1/integration/customer/revoke-customer-token";
        counter.ask(format, &first, "POST", path, &NOTHING).is(200, &true.into());
        for bearer in [&first, &second] {
            me(bearer).is(401, &not_authorized("self"));
        }
    });
}

#[test]
fn invalid_customer_update() {
    let counter = shared();
    in_both(|format| {
        let (first, second) = (format.email("updates-another"), format.email("is-another"));
        counter.sign_up(format, &first);
        let other = counter.sign_up(format, &second);
        let bearer = counter.bearer(format, &first, OLD_PASSWORD);
        let at = format!("/V1/customers/{}", other.text("/id"));
        let mut changed = person(&second);
        changed["lastname"] = "LeeUpdated".into();
        let body = json!({ "customer": changed });
        counter.ask(format, &bearer, "PUT", &at, &body).is(401, &not_authorized("Magento_Customer::manage"));
        counter.ask(format, counter.program(), "GET", &at, &NOTHING).good().has("/lastname", &"Lee".into());
    });
}

#[test]
fn delete_customer_non_authorized() {
    let counter = shared();
    let manager = counter.integration("crm", "manager");
    in_both(|format| {
        let made = counter.sign_up(format, &format.email("not-deleted"));
        let at = format!("/V1/customers/{}", made.text("/id"));
        counter.ask(format, &manager, "DELETE", &at, &NOTHING).is(401, &not_authorized("Magento_Customer::delete"));
        counter.ask(format, &manager, "GET", &at, &NOTHING).is(200, &made.body);
    });
}

#[test]
fn delete_customer() {
    let counter = shared();
    in_both(|format| {
        let email = format.email("deleted");
        let id = counter.sign_up(format, &email).number("/id");
        let session = counter.signed_in(&email, OLD_PASSWORD);
        let bearer = counter.bearer(format, &email, OLD_PASSWORD);
        let at = format!("/V1/customers/{id}");
        counter.ask(format, counter.program(), "DELETE", &at, &NOTHING).is(200, &true.into());
        counter.ask(format, counter.program(), "GET", &at, &NOTHING).is(404, &no_customer(id).1);
        counter.ask(format, counter.program(), "DELETE", &at, &NOTHING).is(404, &no_customer(id).1);
        // Its session and its tokens end at once, and nobody ever has its id again.
        for who in [&session, &bearer] {
            counter.ask(format, who, "GET", "/V1/customers/me", &NOTHING).is(401, &not_authorized("self"));
        }
        assert_eq!(counter.shop.server.try_sign_in(&email, OLD_PASSWORD).status, 401);
        assert!(counter.sign_up(format, &email).number("/id") > id);
        counter.ask(format, &bearer, "GET", "/V1/customers/me", &NOTHING).is(401, &not_authorized("self"));
    });
    counter.shop.server.logged("customer_deleted");
}

#[test]
fn delete_customer_invalid_customer_id() {
    let counter = shared();
    in_both(|format| {
        counter.ask(format, counter.program(), "DELETE", "/V1/customers/-1", &NOTHING).is(404, &no_customer(-1).1);
    });
}

#[test]
fn update_customer() {
    let counter = shared();
    in_both(|format| {
        let (email, new) = (format.email("updated"), format.email("updated-to"));
        let id = counter.sign_up(format, &email).text("/id");
        // The path names the customer, whatever the body says.
        let mut changed = person(&new);
        changed["id"] = 4711.into();
        changed["lastname"] = "Changed".into();
        changed["group_id"] = 2.into();
        changed["website_id"] = 1.into();
        let at = format!("/V1/customers/{id}");
        let saved = counter.ask(format, counter.program(), "PUT", &at, &json!({ "customer": changed }));
        for (pointer, value) in [("/email", json!(new)), ("/lastname", json!("Changed")), ("/group_id", json!(2))] {
            saved.good().has(pointer, &value);
        }
        assert_eq!(saved.text("/id"), id);
        counter.ask(format, counter.program(), "GET", &at, &NOTHING).is(200, &saved.body);
        counter.mailed("email_changed", &email);
        counter.signed_in(&new, OLD_PASSWORD);
    });
}

/// An address is somebody's whose login is another one, too.
#[test]
fn update_customer_to_an_address_that_is_taken() {
    let counter = shared();
    in_both(|format| {
        let (email, taken) = (format.email("wants-another"), format.email("has-a-login"));
        let holder = format!("customers/{}", format.name("login-of-its-own"));
        counter.shop.site.ok(&["user", "add", &holder, "--email", &taken, "--password-stdin"], OLD_PASSWORD);
        let at = format!("/V1/customers/{}", counter.sign_up(format, &email).text("/id"));
        let put = |email: &str| counter.ask(format, counter.program(), "PUT", &at, &json!({"customer": person(email)}));
        put(&taken).is(400, &only(DUPLICATE));
        put(&taken.to_uppercase()).is(400, &only(DUPLICATE));
        put("nobody").is(400, &only("\"Email\" is not a valid email address."));
        counter.ask(format, counter.program(), "GET", &at, &NOTHING).good().has("/email", &json!(email));
    });
}

#[test]
fn update_customer_no_website_id() {
    let counter = shared();
    in_both(|format| {
        let email = format.email("no-website");
        let made = counter.sign_up(format, &email);
        let at = format!("/V1/customers/{}", made.text("/id"));
        let put = |customer: Value| counter.ask(format, counter.program(), "PUT", &at, &json!({ "customer": customer }));
        let mut changed = person(&email);
        changed["lastname"] = "LeeUpdated".into();
        put(changed).good().has("/lastname", &"LeeUpdated".into()).has("/website_id", &1.into());
        // What is not named stays.
        put(json!({"email": email, "taxvat": "7"})).good().has("/lastname", &"LeeUpdated".into()).has("/taxvat", &"7".into());
        put(json!({"website_id": 99})).is(400, &only("The store view is not in the associated website."));
    });
}

#[test]
fn update_customer_exception() {
    let counter = shared();
    in_both(|format| {
        let mut customer = person(&format.email("nobody"));
        customer["id"] = (-1).into();
        let body = json!({ "customer": customer });
        counter.ask(format, counter.program(), "PUT", "/V1/customers/-1", &body).is(404, &no_customer(-1).1);
    });
}

const NO_GROUP: &str = "The specified customer group id does not exist.";

#[test]
fn update_customer_with_invalid_group_id() {
    let counter = shared();
    in_both(|format| {
        let email = format.email("no-group");
        let at = format!("/V1/customers/{}", counter.sign_up(format, &email).text("/id"));
        let mut customer = person(&email);
        customer["group_id"] = 4711.into();
        counter.ask(format, counter.program(), "PUT", &at, &json!({ "customer": customer })).is(400, &only(NO_GROUP));
        counter.ask(format, counter.program(), "GET", &at, &NOTHING).good().has("/group_id", &1.into());
    });
}

#[test]
fn create_customer_with_invalid_group_id() {
    let counter = shared();
    in_both(|format| {
        let email = format.email("never-made");
        let mut customer = person(&email);
        customer["group_id"] = 4711.into();
        let body = json!({"customer": customer, "password": OLD_PASSWORD});
        counter.ask(format, counter.program(), "POST", "/V1/customers", &body).is(400, &only(NO_GROUP));
        assert_eq!(counter.shop.server.try_sign_in(&email, OLD_PASSWORD).status, 401);
    });
}

#[test]
fn create_customer_without_address_requires_exception() {
    let counter = shared();
    in_both(|format| {
        let email = format.email("no-address");
        let mut customer = person(&email);
        let mut without = address("CityM");
        without["firstname"] = NOTHING;
        customer["addresses"] = json!([without, without]);
        let body = json!({"customer": customer, "password": OLD_PASSWORD});
        counter.ask(format, "", "POST", "/V1/customers", &body).is(400, &lacking("firstname"));
        let search = format!("/V1/customers/search?{}", filter(0, 0, "email", &email));
        counter.ask(format, counter.program(), "GET", &search, &NOTHING).good().has("/total_count", &0.into());
    });
}

/// The cases of names that nobody can have.
#[test]
fn create_customer_with_names_that_are_not_valid() {
    let counter = shared();
    in_both(|format| {
        for (name, value, text) in [
            ("firstname", "", "\"First Name\" is a required value."),
            ("lastname", "", "\"Last Name\" is a required value."),
            ("firstname", "<b>", "First Name is not valid!"),
            ("middlename", "{{a}}", "Middle Name is not valid!"),
            ("lastname", "http://x", "Last Name is not valid!"),
        ] {
            let mut customer = person(&format.email("no-name"));
            customer[name] = value.into();
            let body = json!({"customer": customer, "password": OLD_PASSWORD});
            counter.ask(format, "", "POST", "/V1/customers", &body).is(400, &only(text));
        }
    });
}

/// One filter of a search, as `http_build_query` writes it.
fn filter(group: usize, at: usize, field: &str, value: &str) -> String {
    let base = format!("searchCriteria%5BfilterGroups%5D%5B{group}%5D%5Bfilters%5D%5B{at}%5D");
    format!("{base}%5Bfield%5D={field}&{base}%5Bvalue%5D={}&{base}%5BconditionType%5D=eq", value.replace('@', "%40"))
}

/// Two customers of one family, and what a search by these filters finds of them.
fn search(word: &str, query: impl Fn([&str; 2], &str) -> String, found: &[usize]) {
    let counter = shared();
    in_both(|format| {
        let family = format.name(word);
        let emails = ["a", "b"].map(|first| format.email(&format!("{first}-{word}")));
        let ids = emails.clone().map(|email| {
            let customer = json!({"email": email, "firstname": "Ann", "middlename": "Maria", "lastname": family});
            let body = json!({"customer": customer, "password": OLD_PASSWORD});
            counter.ask(format, "", "POST", "/V1/customers", &body).good().text("/id")
        });
        let query = query([&emails[0], &emails[1]], &family);
        let answer = counter.ask(format, counter.program(), "GET", &format!("/V1/customers/search?{query}"), &NOTHING);
        answer.good().has("/total_count", &found.len().into());
        for (at, which) in found.iter().enumerate() {
            assert_eq!(answer.text(&format!("/items/{at}/id")), ids[*which], "{answer:?}");
        }
        let empty = found.is_empty() && answer.body["items"].as_array().is_none_or(Vec::is_empty);
        assert!(empty || answer.body["items"].as_array().map(Vec::len) == Some(found.len()), "{answer:?}");
    });
}

const BY_EMAIL: &str = "searchCriteria[sortOrders][0][field]=email&searchCriteria[sortOrders][0][direction]=ASC";

#[test]
fn search_customers() {
    search("search", |[first, _], _| filter(0, 0, "email", first), &[0]);
}

#[test]
fn search_customers_using_get() {
    let plain = |[first, _]: [&str; 2], _: &str| {
        format!(
            "searchCriteria[filterGroups][0][filters][0][field]=email&searchCriteria[filterGroups][0][filters][0][value]={first}"
        )
    };
    search("search-get", plain, &[0]);
    let snake = |[_, second]: [&str; 2], _: &str| {
        let base = "searchCriteria[filter_groups][0][filters][0]";
        format!("{base}[field]=email&{base}[value]={second}&{base}[condition_type]=eq")
    };
    search("search-snake", snake, &[1]);
}

#[test]
fn search_customers_using_get_empty_filter() {
    let counter = shared();
    in_both(|format| {
        counter.ask(format, counter.program(), "GET", "/V1/customers/search", &NOTHING).is(400, &lacking("searchCriteria"));
        let all = counter.ask(format, counter.program(), "GET", "/V1/customers/search?searchCriteria=", &NOTHING);
        assert!(all.good().number("/total_count") > 0);
    });
}

#[test]
fn search_customers_multiple_filters_with_sort() {
    let query = |[first, second]: [&str; 2], family: &str| {
        let (either, both) = (filter(0, 0, "email", first), filter(0, 1, "email", second));
        format!("{either}&{both}&{}&{BY_EMAIL}", filter(1, 0, "lastname", family))
    };
    search("sorted", query, &[0, 1]);
    search("sorted-down", |emails, family| query(emails, family).replace("=ASC", "=DESC"), &[1, 0]);
}

#[test]
fn search_customers_multiple_filters_with_sort_using_get() {
    // The order may stand under the field's name.
    let query = |[first, second]: [&str; 2], family: &str| {
        let (either, both) = (filter(0, 0, "email", first), filter(0, 1, "email", second));
        format!("{either}&{both}&{}&{BY_EMAIL}", filter(1, 0, "lastname", family)).replace("[sortOrders][0]", "[sort_orders][0]")
    };
    search("sorted-get", query, &[0, 1]);
}

#[test]
fn search_customers_non_existent_multiple_filters() {
    let query = |[first, second]: [&str; 2], _: &str| {
        let (either, both) = (filter(0, 0, "email", first), filter(0, 1, "email", second));
        format!("{either}&{both}&{}", filter(1, 0, "lastname", "INVALID"))
    };
    search("none", query, &[]);
}

#[test]
fn search_customers_multiple_filter_groups() {
    let query = |last: &str, [first, _]: [&str; 2], family: &str| {
        let middle = format!("{}&{}", filter(1, 0, "middlename", "Maria"), filter(1, 1, "middlename", "invalid"));
        let last = filter(2, 0, "lastname", if last.is_empty() { family } else { last });
        let page = "searchCriteria[pageSize]=10&searchCriteria[currentPage]=1";
        format!("{}&{middle}&{last}&{page}", filter(0, 0, "email", first))
    };
    search("groups", |emails, family| query("", emails, family), &[0]);
    search("no-groups", |emails, family| query("invalid", emails, family), &[]);
}

#[test]
fn get_address() {
    let counter = shared();
    in_both(|format| {
        let (owner, id) = with_address(format, "address");
        let shown = counter.ask(format, counter.program(), "GET", &format!("/V1/customers/addresses/{id}"), &NOTHING);
        shown.good().has("/id", &id.into()).has("/customer_id", &owner.into()).has("/city", &"CityM".into());
        shown.has("/street", &json!(["Green str, 67", "2nd floor"])).has("/region/region_code", &"AL".into());
        let absent = counter.ask(format, counter.program(), "GET", "/V1/customers/addresses/4711000", &NOTHING);
        absent.is(404, &nothing_with("addressId", 4_711_000));
    });
}

#[test]
fn delete_address() {
    let counter = shared();
    in_both(|format| {
        let (owner, id) = with_address(format, "no-longer-address");
        let at = format!("/V1/addresses/{id}");
        let me = counter.bearer(format, &format.email("no-longer-address"), OLD_PASSWORD);
        counter.ask(format, &me, "DELETE", &at, &NOTHING).is(401, &not_authorized("Magento_Customer::manage"));
        counter.ask(format, counter.program(), "DELETE", &at, &NOTHING).is(200, &true.into());
        counter.ask(format, counter.program(), "DELETE", &at, &NOTHING).is(404, &nothing_with("addressId", id));
        let shown = counter.ask(format, counter.program(), "GET", &path(&owner.into()), &NOTHING);
        shown.good().has("/addresses", &json!([]));
    });
}

/// A new customer with an address: the ids of both.
fn with_address(format: Format, word: &str) -> (i64, i64) {
    let mut customer = person(&format.email(word));
    customer["addresses"] = json!([address("CityM")]);
    let body = json!({"customer": customer, "password": OLD_PASSWORD});
    let made = shared().ask(format, "", "POST", "/V1/customers", &body);
    (made.good().number("/id"), made.number("/addresses/0/id"))
}
