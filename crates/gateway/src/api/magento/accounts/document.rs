//! What clients are shown: fields in the order of the interface, those without a value left out (magento-webapi 9.1).

use doorward_core::{
    Membership, Time,
    ports::{Address, Customer, Document, Group},
    stores::Stores,
};
use serde_json::{Value, json};

/// A customer. `home` is what those belong to of whom nothing was said.
pub(super) fn customer(customer: &Customer, home: Membership, stores: &Stores) -> Value {
    let (record, profile) = (&customer.record, &customer.profile);
    let member = record.account.membership.unwrap_or(home);
    let known = |name: &str| profile.get(name).cloned().unwrap_or_default();
    let id_of = |name: &str| profile.get(name).and_then(Value::as_u64).map(|id| id.to_string());
    let made_in = stores.by_id(member.store).unwrap_or_else(|| stores.default_view());
    let addresses: Vec<Value> = customer.addresses.iter().map(|one| address(one, profile)).collect();
    let mut out = Document::new();
    for (name, value) in [
        ("id", record.account.id.into()),
        ("group_id", member.group.into()),
        ("default_billing", id_of("default_billing").into()),
        ("default_shipping", id_of("default_shipping").into()),
        ("created_at", date(record.created).into()),
        ("updated_at", date(record.updated).into()),
        ("created_in", profile.get("created_in").cloned().unwrap_or_else(|| (*made_in.name).into())),
        ("dob", known("dob")),
        ("email", email(customer).into()),
        ("firstname", profile.get("firstname").cloned().unwrap_or_else(|| "".into())),
        ("lastname", profile.get("lastname").cloned().unwrap_or_else(|| "".into())),
        ("middlename", known("middlename")),
        ("prefix", known("prefix")),
        ("suffix", known("suffix")),
        ("gender", known("gender")),
        ("store_id", member.store.into()),
        ("taxvat", known("taxvat")),
        ("website_id", member.website.into()),
        ("addresses", addresses.into()),
        ("disable_auto_group_change", profile.get("disable_auto_group_change").cloned().unwrap_or_else(|| 0.into())),
        ("extension_attributes", Value::Object(extension_attributes(profile))),
        ("custom_attributes", filled(known("custom_attributes"))),
    ] {
        put(&mut out, name, value);
    }
    Value::Object(out)
}

/// The address that clients know a customer by: the login, where there is no other.
pub(super) fn email(customer: &Customer) -> &str {
    customer.record.email.as_deref().unwrap_or(&customer.record.account.login)
}

/// An address; whether it is a default is known to the customer's `profile`.
pub(super) fn address(address: &Address, profile: &Document) -> Value {
    const PLAIN: [&str; 12] = [
        "street",
        "company",
        "telephone",
        "fax",
        "postcode",
        "city",
        "firstname",
        "lastname",
        "middlename",
        "prefix",
        "suffix",
        "vat_id",
    ];
    let known = |name: &str| address.document.get(name).cloned().unwrap_or_default();
    let is = |name: &str| profile.get(name).and_then(Value::as_u64) == Some(address.id);
    let flag = |name: &str| if is(name) { Value::Bool(true) } else { Value::Null };
    let no_region = || json!({"region_code": null, "region": null, "region_id": 0});
    let mut out = Document::new();
    out.insert("id".to_owned(), address.id.into());
    out.insert("customer_id".to_owned(), address.customer.into());
    out.insert("region".to_owned(), address.document.get("region").cloned().unwrap_or_else(no_region));
    out.insert("region_id".to_owned(), address.document.get("region_id").cloned().unwrap_or_else(|| 0.into()));
    put(&mut out, "country_id", known("country_id"));
    for name in PLAIN {
        put(&mut out, name, known(name));
    }
    put(&mut out, "default_shipping", flag("default_shipping"));
    put(&mut out, "default_billing", flag("default_billing"));
    put(&mut out, "extension_attributes", known("extension_attributes"));
    put(&mut out, "custom_attributes", filled(known("custom_attributes")));
    Value::Object(out)
}

/// A group.
pub(super) fn group(group: &Group) -> Value {
    let tax_class = group.document.get("tax_class_name").cloned();
    let mut out = Document::new();
    out.insert("id".to_owned(), group.id.into());
    out.insert("code".to_owned(), (*group.code).into());
    out.insert("tax_class_id".to_owned(), group.tax_class.into());
    let usual = if group.tax_class == USUAL_TAX_CLASS { "Retail Customer".into() } else { Value::Null };
    put(&mut out, "tax_class_name", tax_class.unwrap_or(usual));
    put(&mut out, "extension_attributes", group.document.get("extension_attributes").cloned().unwrap_or_default());
    Value::Object(out)
}

/// The tax class of customers in a new shop.
pub(super) const USUAL_TAX_CLASS: u32 = 3;

/// `Y-m-d H:i:s`, UTC.
pub(super) fn date(time: Time) -> String {
    let seconds = i64::try_from(time.seconds()).unwrap_or(i64::MAX);
    let moment = time::OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second()
    )
}

/// Whether somebody gets the newsletter comes first and always.
fn extension_attributes(profile: &Document) -> Document {
    let known = profile.get("extension_attributes").and_then(Value::as_object);
    let mut out = Document::new();
    let subscribed = known.and_then(|known| known.get("is_subscribed")).and_then(Value::as_bool).unwrap_or_default();
    out.insert("is_subscribed".to_owned(), subscribed.into());
    for (name, value) in known.into_iter().flatten().filter(|(name, _)| *name != "is_subscribed") {
        out.insert(name.clone(), value.clone());
    }
    out
}

/// A list that is empty is left out.
fn filled(list: Value) -> Value {
    if list.as_array().is_some_and(Vec::is_empty) { Value::Null } else { list }
}

fn put(out: &mut Document, name: &str, value: Value) {
    if !value.is_null() {
        out.insert(name.to_owned(), value);
    }
}
