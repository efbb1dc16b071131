//! GroupRepositoryTest, GroupManagementTest and CustomerGroupConfigTest of `Customer/Api`, each case by its name, in JSON and XML.

use super::{
    counter::{Counter, OLD_PASSWORD, lacking, not_authorized, nothing_with, only, person, shared},
    formats::{Answer, Format, in_both},
};
use serde_json::{Value, json};
use std::sync::Arc;

const NOTHING: Value = Value::Null;
const GROUPS: &str = "/V1/customerGroups";
const DUPLICATE: &str = "Customer Group already exists.";

fn general(id: i64, code: &str) -> Value {
    json!({"id": id, "code": code, "tax_class_id": 3, "tax_class_name": "Retail Customer"})
}

/// The counter that is shared, held for as long as a test runs.
struct Groups(Arc<Counter>);

impl Groups {
    fn open() -> Self {
        Self(shared())
    }

    fn call(&self, format: Format, method: &str, path: &str, body: &Value) -> Answer {
        self.0.ask(format, self.0.program(), method, &format!("{GROUPS}{path}"), body)
    }

    /// A new group, and its path below [`GROUPS`].
    fn add(&self, format: Format, code: &str) -> (i64, String) {
        let made = self.call(format, "POST", "", &json!({"group": {"code": format.name(code), "tax_class_id": 3}}));
        let id = made.good().number("/id");
        (id, format!("/{id}"))
    }
}

#[test]
fn get_group_by_id() {
    let groups = Groups::open();
    in_both(|format| {
        for (id, code) in [(0, "NOT LOGGED IN"), (1, "General"), (2, "Wholesale"), (3, "Retailer")] {
            groups.call(format, "GET", &format!("/{id}"), &NOTHING).is(200, &general(id, code));
        }
        groups.call(format, "GET", "/9999", &NOTHING).is(404, &nothing_with("id", 9999));
        // Nobody else.
        let counter = &groups.0;
        let manager = counter.shop.caller("manager");
        for who in ["", &manager] {
            let refused = counter.ask(format, who, "GET", "/V1/customerGroups/1", &NOTHING);
            refused.is(401, &not_authorized("Magento_Customer::group"));
        }
    });
}

#[test]
fn create_group() {
    let groups = Groups::open();
    in_both(|format| {
        let made =
            groups.call(format, "POST", "", &json!({"group": {"id": null, "code": format.name("Friends"), "tax_class_id": 3}}));
        let id = made.good().number("/id");
        assert!(id > 3);
        made.is(200, &general(id, &format.name("Friends")));
        groups.call(format, "GET", &format!("/{id}"), &NOTHING).is(200, &general(id, &format.name("Friends")));
    });
    groups.0.shop.server.logged("customer_group");
}

#[test]
fn create_group_duplicate_group() {
    let groups = Groups::open();
    in_both(|format| {
        groups.add(format, "Twice");
        for code in [format.name("Twice"), format.name("tWICE")] {
            groups
                .call(format, "POST", "", &json!({"group": {"id": null, "code": code, "tax_class_id": 3}}))
                .is(400, &only(DUPLICATE));
        }
    });
}

#[test]
fn create_group_default_tax_class_id() {
    let groups = Groups::open();
    in_both(|format| {
        for (at, class) in [NOTHING, 0.into()].into_iter().enumerate() {
            let code = format.name(&format!("Usual {at}"));
            let made = groups.call(format, "POST", "", &json!({"group": {"id": null, "code": code, "tax_class_id": class}}));
            made.good().has("/tax_class_id", &3.into()).has("/tax_class_name", &"Retail Customer".into());
        }
    });
}

#[test]
fn create_group_no_code_expect_exception() {
    let groups = Groups::open();
    in_both(|format| {
        for group in [json!({"id": null, "code": null, "tax_class_id": null}), json!({"code": ""}), json!({"tax_class_id": 3})] {
            groups.call(format, "POST", "", &json!({ "group": group })).is(400, &lacking("code"));
        }
    });
}

/// A tax class that the shop does not have.
#[test]
fn create_group_invalid_tax_class_id() {
    let groups = Groups::open();
    in_both(|format| {
        for class in [9999, 2, -3] {
            let code = format.name("Classless");
            let refused = groups.call(format, "POST", "", &json!({"group": {"id": null, "code": code, "tax_class_id": class}}));
            refused.is(400, &no_class(class));
        }
        // Nor may a group that there is be put into one.
        let (id, at) = groups.add(format, "Classy");
        let code = format.name("Classy");
        groups.call(format, "PUT", &at, &json!({"group": {"code": code, "tax_class_id": 9999}})).is(400, &no_class(9999));
        groups.call(format, "GET", &at, &NOTHING).is(200, &general(id, &code));
    });
}

fn no_class(id: i64) -> Value {
    let text = "Invalid value of \"%value\" provided for the %fieldName field.";
    json!({"message": text, "parameters": {"fieldName": "taxClassId", "value": id}})
}

#[test]
fn tax_classes_are_those_of_the_configuration() {
    let counter = Counter::with("tax_classes = [5, 7]");
    let put = |class: Value| {
        let body = json!({"group": {"code": "Wholesale", "tax_class_id": class}});
        counter.ask(Format::Json, counter.program(), "PUT", "/V1/customerGroups/2", &body)
    };
    put(7.into()).good().has("/tax_class_id", &7.into()).lacks("/tax_class_name");
    put(9.into()).is(400, &no_class(9));
    // What is there stays, and a new group has the first.
    put(NOTHING).good().has("/tax_class_id", &7.into());
    let retailer = json!({"group": {"code": "Retailers", "tax_class_id": 3}});
    counter
        .ask(Format::Json, counter.program(), "PUT", "/V1/customerGroups/3", &retailer)
        .good()
        .has("/code", &"Retailers".into());
    let body = json!({"group": {"code": "New"}});
    let made = counter.ask(Format::Json, counter.program(), "POST", GROUPS, &body);
    made.good().has("/tax_class_id", &5.into());
}

#[test]
fn create_group_with_id() {
    let groups = Groups::open();
    in_both(|format| {
        let body = json!({"group": {"id": 8888, "code": format.name("With id"), "tax_class_id": 3}});
        groups.call(format, "POST", "", &body).is(404, &nothing_with("id", 8888));
    });
}

#[test]
fn update_group() {
    let groups = Groups::open();
    in_both(|format| {
        let (id, at) = groups.add(format, "Before");
        // The path names the group, whatever the body says.
        let body = json!({"group": {"id": 4711, "code": format.name("After"), "tax_class_id": 3}});
        groups.call(format, "PUT", &at, &body).is(200, &general(id, &format.name("After")));
        groups.call(format, "GET", &at, &NOTHING).is(200, &general(id, &format.name("After")));
        groups.call(format, "PUT", &at, &json!({"group": {"code": "General"}})).is(400, &only(DUPLICATE));
        let websites = json!({"exclude_website_ids": [2]});
        let changed = json!({"group": {"code": format.name("Apart"), "extension_attributes": websites}});
        groups.call(format, "PUT", &at, &changed).good().has("/extension_attributes", &websites);
    });
}

#[test]
fn update_group_not_existing_group() {
    let groups = Groups::open();
    in_both(|format| {
        let body = json!({"group": {"id": "9999", "code": format.name("Nobody"), "tax_class_id": 3}});
        groups.call(format, "PUT", "/9999", &body).is(404, &nothing_with("id", 9999));
    });
}

/// Those who were in it are in the default group then.
#[test]
fn delete_group_exists() {
    let groups = Groups::open();
    let counter = &groups.0;
    in_both(|format| {
        let (id, at) = groups.add(format, "Gone");
        let mut member = person(&format.email("member"));
        member["group_id"] = id.into();
        let body = json!({"customer": member, "password": OLD_PASSWORD});
        let member = counter.ask(format, counter.program(), "POST", "/V1/customers", &body);
        member.good().has("/group_id", &id.into());
        groups.call(format, "DELETE", &at, &NOTHING).is(200, &true.into());
        groups.call(format, "GET", &at, &NOTHING).is(404, &nothing_with("id", id));
        let at = format!("/V1/customers/{}", member.text("/id"));
        counter.ask(format, counter.program(), "GET", &at, &NOTHING).good().has("/group_id", &1.into());
    });
}

#[test]
fn delete_group_not_exists() {
    let groups = Groups::open();
    in_both(|format| {
        groups.call(format, "DELETE", "/9999", &NOTHING).is(404, &nothing_with("id", 9999));
    });
}

#[test]
fn delete_group_cannot_delete() {
    let groups = Groups::open();
    in_both(|format| {
        for (id, code) in [(0, "NOT LOGGED IN"), (1, "General")] {
            groups.call(format, "DELETE", &format!("/{id}"), &NOTHING).is(400, &only("Cannot delete group."));
            groups.call(format, "GET", &format!("/{id}"), &NOTHING).is(200, &general(id, code));
        }
    });
}

fn filter(group: usize, at: usize, field: &str, word: &str, value: &str) -> String {
    let base = format!("searchCriteria[filterGroups][{group}][filters][{at}]");
    format!("{base}[field]={field}&{base}[conditionType]={word}&{base}[value]={}", value.replace(' ', "%20"))
}

#[test]
fn search_groups() {
    let groups = Groups::open();
    in_both(|format| {
        for (field, value, found) in [
            ("tax_class_id", "9999", None),
            ("tax_class_id", "0", None),
            ("code", "there is none of it", None),
            ("id", "0", Some((0, "NOT LOGGED IN"))),
            ("code", "General", Some((1, "General"))),
            ("code", "general", Some((1, "General"))),
            ("id", "2", Some((2, "Wholesale"))),
            ("code", "Retailer", Some((3, "Retailer"))),
        ] {
            let answer = groups.call(format, "GET", &format!("/search?{}", filter(0, 0, field, "eq", value)), &NOTHING);
            answer.good().has("/total_count", &i64::from(found.is_some()).into());
            if let Some((id, code)) = found {
                answer.has("/items", &json!([general(id, code)]));
            }
        }
        let all = groups.call(format, "GET", &format!("/search?{}", filter(0, 0, "tax_class_id", "eq", "3")), &NOTHING);
        assert!(all.good().number("/total_count") >= 4);
        groups.call(format, "GET", "/search", &NOTHING).is(400, &lacking("searchCriteria"));
    });
}

#[test]
fn search_groups_with_multiple_filter_groups_and_sorting() {
    let groups = Groups::open();
    in_both(|format| {
        let names = ["General", "Retailer", "Wholesale"];
        let any: Vec<String> = names.iter().enumerate().map(|(at, name)| filter(0, at, "code", "eq", name)).collect();
        let order = "searchCriteria[sortOrders][0][field]=code&searchCriteria[sortOrders][0][direction]=ASC";
        let query = format!("/search?{}&{}&{order}", any.join("&"), filter(1, 0, "id", "gt", "1"));
        let found = groups.call(format, "GET", &query, &NOTHING);
        found.good().has("/total_count", &2.into()).has("/items", &json!([general(3, "Retailer"), general(2, "Wholesale")]));
        let paged = groups.call(format, "GET", &format!("{query}&searchCriteria[pageSize]=1"), &NOTHING);
        paged.good().has("/total_count", &2.into()).has("/items", &json!([general(3, "Retailer")]));
        let other = filter(0, 0, "code", "neq", "General");
        let several = format!("/search?{other}&{}", filter(1, 0, "customer_group_id", "lteq", "2"));
        groups.call(format, "GET", &several, &NOTHING).good().has("/total_count", &2.into());
    });
}

#[test]
fn get_default_group() {
    let groups = Groups::open();
    in_both(|format| {
        for path in ["/default", "/default/0", "/default/1", "/default/2"] {
            groups.call(format, "GET", path, &NOTHING).is(200, &general(1, "General"));
        }
    });
}

#[test]
fn get_default_group_non_existent_store() {
    let groups = Groups::open();
    in_both(|format| {
        groups.call(format, "GET", "/default/9876", &NOTHING).is(404, &nothing_with("storeId", 9876));
    });
}

#[test]
fn is_readonly() {
    let groups = Groups::open();
    in_both(|format| {
        for (id, readonly) in [(0, true), (1, true), (2, false), (3, false)] {
            groups.call(format, "GET", &format!("/{id}/permissions"), &NOTHING).is(200, &readonly.into());
        }
    });
}

#[test]
fn is_readonly_no_such_group() {
    let groups = Groups::open();
    in_both(|format| {
        groups.call(format, "GET", "/9999/permissions", &NOTHING).is(404, &nothing_with("groupId", 9999));
    });
}

/// CustomerGroupConfigTest; one store view may have a group of its own.
#[test]
fn set_default_group() {
    let counter = Counter::open();
    in_both(|format| {
        let put = |store: &str, id: i64| {
            counter.ask(format, counter.program(), "PUT", &format!("{store}/V1/customerGroups/default/{id}"), &NOTHING)
        };
        let default = |store: &str| {
            let path = format!("{store}/V1/customerGroups/default");
            counter.ask(format, counter.program(), "GET", &path, &NOTHING).good().number("/id")
        };
        let (all, french) = if format == Format::Json { (3, 2) } else { (2, 3) };
        put("", all).is(200, &all.into());
        put("/fr", french).is(200, &french.into());
        assert_eq!((default(""), default("/fr")), (all, french));
        put("", 9999).is(404, &nothing_with("id", 9999));
        let body = json!({"customer": person(&format.email("ann")), "password": OLD_PASSWORD});
        counter.ask(format, "", "POST", "/fr/V1/customers", &body).good().has("/group_id", &french.into());
        let kept = counter.ask(format, counter.program(), "DELETE", &format!("/V1/customerGroups/{french}"), &NOTHING);
        kept.is(400, &only("Cannot delete group."));
    });
}
