//! Metadata of attributes, by the names of Magento's own cases, and what must hold besides: what is described is what is taken.

use super::{
    counter::{Counter, OLD_PASSWORD, address, not_authorized, nothing_with, person, shared},
    formats::{Format, in_both},
};
use serde_json::{Value, json};

const CUSTOMER: &str = "/V1/attributeMetadata/customer";
const ADDRESS: &str = "/V1/attributeMetadata/customerAddress";

/// One attribute as it must be shown; `grid` is used, visible, filterable, searchable.
struct Expected {
    code: &'static str,
    label: &'static str,
    input: &'static str,
    filter: &'static str,
    order: u32,
    /// Visible, required, of the system.
    is: [bool; 3],
    grid: [bool; 4],
    rules: Value,
    options: Value,
    class: &'static str,
    model: &'static str,
}

impl Expected {
    /// In the order of the interface.
    fn value(&self) -> Value {
        json!({
            "frontend_input": self.input, "input_filter": self.filter, "store_label": self.label,
            "validation_rules": self.rules, "multiline_count": 0, "visible": self.is[0], "required": self.is[1],
            "data_model": self.model, "options": self.options, "frontend_class": self.class, "user_defined": false,
            "sort_order": self.order, "frontend_label": self.label, "note": "", "system": self.is[2],
            "backend_type": "static", "is_used_in_grid": self.grid[0], "is_visible_in_grid": self.grid[1],
            "is_filterable_in_grid": self.grid[2], "is_searchable_in_grid": self.grid[3], "attribute_code": self.code,
        })
    }
}

fn first_name() -> Value {
    let rules = json!([{"name": "max_text_length", "value": "255"}, {"name": "min_text_length", "value": "1"}]);
    let (is, grid) = ([true; 3], [false; 4]);
    let (label, options) = ("First Name", json!([]));
    let class = "required-entry";
    Expected { code: "firstname", label, input: "text", filter: "trim", order: 40, is, grid, rules, options, class, model: "" }
        .value()
}

fn gender() -> Value {
    let options = json!([
        {"label": " ", "value": ""}, {"label": "Male", "value": "1"}, {"label": "Female", "value": "2"},
        {"label": "Not Specified", "value": "3"},
    ]);
    let (is, grid, rules) = ([false; 3], [true, true, true, false], json!([]));
    let (label, input) = ("Gender", "select");
    Expected { code: "gender", label, input, filter: "", order: 110, is, grid, rules, options, class: "", model: "" }.value()
}

fn website() -> Value {
    let options = json!([{"label": "base", "value": "1"}, {"label": "second", "value": "2"}]);
    let (is, grid, rules) = ([true; 3], [true, true, true, false], json!([]));
    let (label, input, class) = ("Associate to Website", "select", "required-entry");
    Expected { code: "website_id", label, input, filter: "", order: 10, is, grid, rules, options, class, model: "" }.value()
}

fn postcode() -> Value {
    let (is, grid, rules, options) = ([true, false, true], [true; 4], json!([]), json!([]));
    let (label, model) = ("Zip/Postal Code", "Magento\\Customer\\Model\\Attribute\\Data\\Postcode");
    Expected { code: "postcode", label, input: "text", filter: "", order: 110, is, grid, rules, options, class: "", model }
        .value()
}

/// The codes of a list.
fn codes(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|attribute| attribute["attribute_code"].as_str().unwrap()).collect()
}

#[test]
fn get_attribute_metadata() {
    let counter = shared();
    in_both(|format| {
        for (expected, of) in [(first_name(), CUSTOMER), (gender(), CUSTOMER), (website(), CUSTOMER), (postcode(), ADDRESS)] {
            let path = format!("{of}/attribute/{}", expected["attribute_code"].as_str().unwrap());
            counter.ask(format, counter.program(), "GET", &path, &Value::Null).is(200, &expected);
        }
    });
    // In the order of the interface.
    let reply = counter.call(counter.program(), "GET", &format!("{CUSTOMER}/attribute/firstname"), &Value::Null);
    assert_eq!(reply.body, first_name().to_string().replace('/', "\\/"));
}

#[test]
fn get_all_attributes_metadata() {
    let counter = shared();
    in_both(|format| {
        let all = counter.ask(format, counter.program(), "GET", CUSTOMER, &Value::Null);
        assert_eq!(
            codes(&all.good().body).join(" "),
            "website_id store_id created_in prefix firstname middlename lastname suffix email group_id dob default_billing \
             default_shipping taxvat created_at gender disable_auto_group_change updated_at"
        );
        all.has("/4", &first_name()).has("/0", &website());
        let all = counter.ask(format, counter.program(), "GET", ADDRESS, &Value::Null);
        assert_eq!(
            codes(&all.good().body).join(" "),
            "prefix firstname middlename lastname suffix company street city country_id region region_id postcode telephone fax \
             vat_id"
        );
        all.has("/11", &postcode());
    });
}

#[test]
fn get_custom_attributes_metadata() {
    let counter = shared();
    in_both(|format| {
        for of in [CUSTOMER, ADDRESS] {
            let path = format!("{of}/custom");
            counter.ask(format, counter.program(), "GET", &path, &Value::Null).is(200, &json!([]));
        }
    });
}

#[test]
fn get_attributes() {
    let counter = shared();
    let form =
        |format, of: &str, code: &str| counter.ask(format, counter.program(), "GET", &format!("{of}/form/{code}"), &Value::Null);
    in_both(|format| {
        let edit = form(format, CUSTOMER, "customer_account_edit");
        assert_eq!(codes(&edit.good().body).join(" "), "prefix firstname middlename lastname suffix email dob taxvat gender");
        let office = form(format, CUSTOMER, "adminhtml_customer");
        let found = codes(&office.good().body);
        assert_eq!(&found[..4], ["website_id", "created_in", "group_id", "disable_auto_group_change"]);
        let office = office.body.as_array().unwrap();
        for expected in [first_name(), gender()] {
            let at = found.iter().position(|code| *code == expected["attribute_code"]).unwrap();
            assert_eq!(codes(&json!([office[at]])), codes(&json!([expected])));
        }
        let edit = form(format, ADDRESS, "customer_address_edit");
        assert_eq!(
            codes(&edit.good().body).join(" "),
            "prefix firstname middlename lastname suffix company street country_id region region_id city postcode telephone fax \
             vat_id"
        );
        edit.has("/11", &postcode());
    });
}

#[test]
fn what_is_not_known_is_404() {
    let counter = shared();
    in_both(|format| {
        let get = |path: &str| counter.ask(format, counter.program(), "GET", path, &Value::Null);
        for (of, entity) in [(CUSTOMER, "customer"), (ADDRESS, "customer_address")] {
            for unknown in ["id", "password_hash", "FIRSTNAME", "nothing"] {
                let text = "No such entity with %fieldName = %fieldValue, %field2Name = %field2Value";
                let parameters = json!({
                    "fieldName": "entityType", "fieldValue": entity, "field2Name": "attributeCode", "field2Value": unknown,
                });
                let expected = json!({"message": text, "parameters": parameters});
                get(&format!("{of}/attribute/{unknown}")).is(404, &expected);
            }
            get(&format!("{of}/form/nothing")).is(404, &nothing_with("formCode", "nothing"));
        }
        get(&format!("{CUSTOMER}/form/customer_address_edit")).is(404, &nothing_with("formCode", "customer_address_edit"));
    });
}

#[test]
fn whoever_may_not_see_customers_learns_nothing_of_their_attributes() {
    let counter = Counter::open();
    counter.register("ann@example.com");
    let me = counter.signed_in("ann@example.com", OLD_PASSWORD);
    let clerk = counter.shop.caller("clerk");
    let manager = counter.shop.caller("manager");
    in_both(|format| {
        for (of, form) in [(CUSTOMER, "/form/customer_account_edit"), (ADDRESS, "/form/customer_address_edit")] {
            for path in ["", "/custom", "/attribute/firstname", "/attribute/nothing", form] {
                let path = format!("{of}{path}");
                for who in ["", &me, &clerk] {
                    let answer = counter.ask(format, who, "GET", &path, &Value::Null);
                    answer.is(401, &not_authorized("Magento_Customer::customer"));
                }
                let answer = counter.ask(format, &manager, "GET", &path, &Value::Null);
                assert_eq!(answer.reply.status, if path.ends_with("nothing") { 404 } else { 200 }, "{path}");
            }
        }
    });
    assert!(counter.shop.upstream.received().is_empty(), "nothing of this goes upstream");
}

/// Whatever the metadata says is required is asked for, and what they call an option is taken.
#[test]
fn what_is_described_is_what_is_taken() {
    let counter = shared();
    let list = |of: &str| counter.result(counter.program(), "GET", of, &Value::Null);
    let sign_up =
        |customer: &Value| counter.call("", "POST", "/V1/customers", &json!({"customer": customer, "password": OLD_PASSWORD}));
    let filled_in = ["website_id", "store_id", "group_id"];
    for attribute in list(CUSTOMER).as_array().unwrap() {
        let code = attribute["attribute_code"].as_str().unwrap();
        let mut customer = person(&format!("without-{code}@example.com"));
        customer.as_object_mut().unwrap().remove(code);
        let must = attribute["required"] == true && !filled_in.contains(&code);
        assert_eq!(sign_up(&customer).status, if must { 400 } else { 200 }, "{code}");
    }
    for attribute in list(ADDRESS).as_array().unwrap() {
        let code = attribute["attribute_code"].as_str().unwrap();
        let mut one = address("CityM");
        one["country_id"] = "IE".into();
        one.as_object_mut().unwrap().remove(code);
        let mut customer = person(&format!("address-without-{code}@example.com"));
        customer["addresses"] = json!([one]);
        let status = sign_up(&customer).status;
        assert_eq!(status, if attribute["required"] == true { 400 } else { 200 }, "{code}");
        if attribute["validation_rules"][0]["name"] == "max_text_length" {
            let mut one = address("CityM");
            one[code] = if code == "street" { json!(["x".repeat(256)]) } else { "x".repeat(256).into() };
            customer["addresses"] = json!([one]);
            let label = attribute["frontend_label"].as_str().unwrap();
            let told = format!("\"{label}\" length must be equal or less than 255 characters.");
            assert_eq!(sign_up(&customer).json(), json!({"message": told}), "{code}");
        }
    }
}

#[test]
fn a_country_is_one_that_there_is() {
    let counter = shared();
    let options = counter.result(counter.program(), "GET", &format!("{ADDRESS}/attribute/country_id"), &Value::Null);
    let options = options["options"].as_array().unwrap();
    assert_eq!(options.len(), 250, "all of ISO 3166-1, and none");
    assert_eq!(options[..2], [json!({"label": " ", "value": ""}), json!({"label": "Afghanistan", "value": "AF"})]);
    in_both(|format| {
        let email = format.email("far-away");
        let with = |country: &str| {
            let mut customer = person(&email);
            let mut one = address("CityM");
            one["country_id"] = country.into();
            customer["addresses"] = json!([one]);
            json!({"customer": customer, "password": OLD_PASSWORD})
        };
        for unknown in ["XX", "us", "USA", "United States"] {
            let text = "Invalid value of \"%value\" provided for the %fieldName field.";
            let expected = json!({"message": text, "parameters": {"fieldName": "countryId", "value": unknown}});
            counter.ask(format, "", "POST", "/V1/customers", &with(unknown)).is(400, &expected);
        }
        // Its region is kept as it was sent, whatever the country.
        let made = counter.ask(format, "", "POST", "/V1/customers", &with("NZ"));
        made.good().has("/addresses/0/country_id", &json!("NZ"));
        made.has("/addresses/0/region", &json!({"region_code": "AL", "region": "Alabama", "region_id": 1}));
        let me = counter.bearer(format, &email, OLD_PASSWORD);
        let mut changed = with("XX");
        changed["customer"]["addresses"][0]["id"] = made.number("/addresses/0/id").into();
        assert_eq!(counter.ask(Format::Json, &me, "PUT", "/V1/customers/me", &changed).reply.status, 400);
    });
}
