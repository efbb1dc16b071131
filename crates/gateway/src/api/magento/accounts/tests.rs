//! What can be shown without a request: reading and showing. The rest is told over HTTP, against the program.

use super::{document, input::Given, search::Asked};
use doorward_core::{
    Account, Kind, Membership, Time,
    ports::{AccountRecord, Address, Condition, Customer, CustomerField, Document},
    stores::Stores,
};
use doorward_wire::magento::{Params, query};
use serde_json::{Value, json};
use std::sync::Arc;

fn object(value: Value) -> Document {
    value.as_object().unwrap().clone()
}

fn customer(profile: Value, membership: Option<Membership>) -> Customer {
    let account = Account {
        directory: "customers".into(),
        kind: Kind::Customer,
        id: 7,
        login: "ann@example.com".into(),
        roles: Vec::new(),
        membership,
    };
    let address = |id: u64, document: Value| Address { id, customer: 7, document: object(document) };
    Customer {
        record: AccountRecord {
            account: Arc::new(account),
            email: None,
            password: Some("a secret".into()),
            enabled: true,
            version: 1,
            not_before: Time(0),
            tokens_not_before: Time(0),
            confirmed: true,
            created: Time(1_700_000_000_000),
            updated: Time(1_709_210_096_789),
        },
        profile: object(profile),
        addresses: vec![
            address(3, json!({"country_id": "DE", "street": ["a"], "city": "x"})),
            address(
                4,
                json!({"city": "y", "region_id": 5, "region": {"region_code": "CA", "region": "California", "region_id": 5}}),
            ),
        ],
    }
}

const HOME: Membership = Membership { website: 1, store: 1, group: 1 };

#[test]
fn a_customer_is_shown_in_the_order_of_the_interface() {
    let profile = json!({
        "custom_attributes": [{"attribute_code": "c", "value": 1}], "extension_attributes": {"x": 1, "is_subscribed": true},
        "lastname": "Lee", "firstname": "Ann", "gender": 2, "default_billing": 4, "default_shipping": 9, "dob": "2000-01-31",
    });
    let shown = document::customer(&customer(profile, None), HOME, &Stores::default());
    let expected = concat!(
        r#"{"id":7,"group_id":1,"default_billing":"4","default_shipping":"9","created_at":"2023-11-14 22:13:20","#,
        r#""updated_at":"2024-02-29 12:34:56","created_in":"Default Store View","dob":"2000-01-31","email":"ann@example.com","#,
        r#""firstname":"Ann","lastname":"Lee","gender":2,"store_id":1,"website_id":1,"addresses":[{"id":3,"customer_id":7,"#,
        r#""region":{"region_code":null,"region":null,"region_id":0},"region_id":0,"country_id":"DE","street":["a"],"city":"x"},"#,
        r#"{"id":4,"customer_id":7,"region":{"region_code":"CA","region":"California","region_id":5},"region_id":5,"city":"y","#,
        r#""default_billing":true}],"disable_auto_group_change":0,"extension_attributes":{"is_subscribed":true,"x":1},"#,
        r#""custom_attributes":[{"attribute_code":"c","value":1}]}"#
    );
    assert_eq!(shown.to_string(), expected);
    let member = Membership { website: 2, store: 3, group: 4 };
    let shown = document::customer(&customer(json!({"custom_attributes": []}), Some(member)), HOME, &Stores::default());
    assert_eq!((&shown["website_id"], &shown["store_id"], &shown["group_id"]), (&json!(2), &json!(3), &json!(4)));
    assert_eq!(shown["custom_attributes"], Value::Null);
    assert!(!shown.to_string().contains("secret"));
}

fn given(customer: Value) -> Result<Given, String> {
    let params = Params::new(object(json!({"customer": customer})));
    Given::read(&params.object("customer").unwrap()).map_err(|error| error.message().to_owned())
}

#[test]
fn what_is_said_of_a_customer_is_judged() {
    let message = |value: Value| given(value).and_then(|given| given.judge(None).map_err(|error| error.message().to_owned()));
    let long = "x".repeat(256);
    for (said, answer) in [
        (json!({"firstname": "Ann", "lastname": "O'Neil-Lee, Jr. & Co`s"}), None),
        (json!({"firstname": "Zoë", "lastname": "李 7"}), None),
        (json!({"firstname": "Ann"}), Some("\"Last Name\" is a required value.")),
        (json!({"firstname": " ", "lastname": "Lee"}), Some("\"First Name\" is a required value.")),
        (json!({}), Some("One or more input exceptions have occurred.")),
        (json!({"firstname": "Ann", "lastname": "<b>"}), Some("Last Name is not valid!")),
        (json!({"firstname": long, "lastname": "Lee"}), Some("First Name is not valid!")),
        (json!({"firstname": "Ann", "lastname": "Lee", "email": "x"}), Some("\"Email\" is not a valid email address.")),
        (
            json!({"firstname": "Ann", "lastname": "Lee", "custom_attributes": [{"attribute_code": "a", "value": "x".repeat(70_000)}]}),
            Some("The customer's data is too large."),
        ),
        (
            json!({"firstname": "Ann", "lastname": "Lee", "gender": "x"}),
            Some(
                "Error occurred during \"gender\" processing. The \"x\" value's type is invalid. The \"int\" type was expected. \
                 Verify and try again.",
            ),
        ),
    ] {
        assert_eq!(message(said.clone()).err().as_deref(), answer, "{said}");
    }
    // Who has no name may change what else there is.
    let nameless = customer(json!({}), None);
    assert!(given(json!({"taxvat": "1"})).unwrap().judge(Some(&nameless)).is_ok());
    assert!(given(json!({"lastname": ""})).unwrap().judge(Some(&nameless)).is_err());
}

#[test]
fn an_address_is_whole_or_says_what_it_lacks() {
    let whole = json!({
        "firstname": "Ann", "lastname": "Lee", "street": {"item": "one"}, "city": "Bonn", "telephone": "1", "postcode": "1",
        "countryId": "DE", "region": {"regionCode": "NW", "region_id": "7"}, "default_billing": "true", "default_shipping": 0,
    });
    let with = |name: &str, value: Value| {
        let mut address = object(whole.clone());
        address.insert(name.to_owned(), value);
        given(json!({"addresses": [address]})).map(|given| given.addresses.unwrap().remove(0))
    };
    let draft = with("id", json!("0")).unwrap();
    assert_eq!((draft.id, draft.billing, draft.shipping), (None, Some(true), Some(false)));
    assert_eq!(draft.document["street"], json!(["one"]));
    assert_eq!(draft.document["region"], json!({"region_code": "NW", "region": null, "region_id": 7}));
    assert_eq!(draft.document["region_id"], 7);
    assert_eq!(with("id", json!(5)).unwrap().id, Some(5));
    assert_eq!(with("region", json!("Bayern")).unwrap().document["region"]["region"], "Bayern");
    for (name, empty) in [("firstname", json!(null)), ("city", json!(" ")), ("street", json!([""])), ("countryId", json!(""))] {
        assert_eq!(with(name, empty).unwrap_err(), "\"%fieldName\" is required. Enter and try again.", "{name}");
    }
    assert!(with("id", json!(-1)).is_err() && with("street", json!([["x"]])).is_err());
    let british = json!({"firstname": "A", "lastname": "B", "street": ["x"], "city": "Y", "telephone": "1", "country_id": "GB"});
    assert!(given(json!({"addresses": [british]})).is_ok());
    assert!(given(json!({"addresses": vec![whole; 201]})).is_err());
}

fn asked(text: &str) -> Result<Asked<CustomerField>, String> {
    let params = Params::new(query(Some(text)).unwrap());
    Asked::read(&params, CustomerField::parse).map_err(|error| error.message().to_owned())
}

#[test]
fn criteria_are_read_and_repeated() {
    let found = asked(
        "searchCriteria[filterGroups][0][filters][0][field]=email&searchCriteria[filterGroups][0][filters][0][value]=a%25\
         &searchCriteria[filterGroups][0][filters][0][conditionType]=like&searchCriteria[filter_groups][0]=x\
         &searchCriteria[sortOrders][0][field]=lastname&searchCriteria[sortOrders][0][direction]=asc\
         &searchCriteria[pageSize]=2&searchCriteria[currentPage]=3",
    )
    .unwrap();
    assert_eq!(found.search.filters[0][0].condition, Condition::Like("a%".into()));
    assert_eq!(
        (&*found.search.order, found.search.page, found.search.size),
        (&[(CustomerField::Profile("lastname"), false)][..], 3, 2)
    );
    assert_eq!(
        found.criteria,
        json!({
            "filter_groups": [{"filters": [{"field": "email", "value": "a%", "condition_type": "like"}]}],
            "sort_orders": [{"field": "lastname", "direction": "ASC"}], "page_size": 2, "current_page": 3,
        })
    );
    let all = asked("searchCriteria=").unwrap();
    assert_eq!((all.criteria, all.search.size, all.search.page), (json!({"filter_groups": []}), 1000, 1));
}

#[test]
fn criteria_are_bounded() {
    let filter = |rest: &str| asked(&format!("searchCriteria[filterGroups][0][filters][0]{rest}")).unwrap_err();
    assert_eq!(filter("[field]=1"), "Invalid attribute name: %1");
    assert_eq!(filter("[field]=password"), "Invalid attribute name: %1");
    assert_eq!(filter("[value]=1"), "\"%fieldName\" is required. Enter and try again.");
    let filter = |word: &str, value: &str| {
        let field = "searchCriteria[filterGroups][0][filters][0]";
        asked(&format!("{field}[field]=email&{field}[conditionType]={word}&{field}[value]={value}"))
    };
    assert!(filter("sounds_like", "x").unwrap_err().starts_with("Invalid condition"));
    assert!(filter("like", &"%25".repeat(17)).is_err() && filter("like", &"%25".repeat(16)).is_ok());
    assert!(filter("eq", &"x".repeat(1025)).is_err() && filter("in", &"1,".repeat(1001)).is_err());
    for refused in
        ["[pageSize]=1001", "[pageSize]=-1", "[currentPage]=x", "[sortOrders][0][field]=1", "[sortOrders][0][direction]=up"]
    {
        assert!(asked(&format!("searchCriteria{refused}")).is_err(), "{refused}");
    }
    let many: Vec<String> = (0..65).map(|n| format!("searchCriteria[filterGroups][{n}][filters][0][field]=id")).collect();
    assert!(asked(&many.join("&")).is_err());
    assert!(asked("").is_err());
}
