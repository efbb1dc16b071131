//! Customers of a shop with what is known of them besides the account, their addresses and groups (magento-webapi 9).

use super::{AccountRecord, NewAccount, StoreError};
use crate::{Membership, Time, acl::Exclusions};
use async_trait::async_trait;
use serde_json::{Map, Value};
use std::sync::Arc;

/// A JSON object, in the words of the interface that clients know (magento-webapi 9.1).
pub type Document = Map<String, Value>;

/// A customer, whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Customer {
    /// The account.
    pub record: AccountRecord,
    /// What is known of the person; `default_billing` and `default_shipping` are ids of addresses.
    pub profile: Document,
    /// Addresses by id.
    pub addresses: Vec<Address>,
}

/// An address of a customer.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    /// Unique among all addresses, and never used again.
    pub id: u64,
    /// The customer's id.
    pub customer: u64,
    /// The address itself.
    pub document: Document,
}

/// An address as it is to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AddressDraft {
    /// The one that it replaces; `None` makes one.
    pub id: Option<u64>,
    /// The address itself.
    pub document: Document,
    /// Whether it is where bills go, if that is said.
    pub billing: Option<bool>,
    /// Whether it is where parcels go, if that is said.
    pub shipping: Option<bool>,
}

/// What becomes of a customer; what is not said stays.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CustomerChange {
    /// Put over the profile by [`merge`].
    pub profile: Document,
    /// Another e-mail address.
    pub email: Option<Arc<str>>,
    /// Whether that address is still to be confirmed: nothing else that proved who the customer is counts any longer.
    pub unconfirmed: bool,
    /// What the customer belongs to.
    pub membership: Option<Membership>,
    /// All addresses; those that are not among them go.
    pub addresses: Option<Vec<AddressDraft>>,
}

/// Puts `patch` over a profile: `null` removes a member, anything else takes its place. Of `extension_attributes` and
/// `custom_attributes`, those that are named change, each by itself.
pub fn merge(profile: &mut Document, patch: Document) {
    for (name, value) in patch {
        match (&*name, value) {
            (_, Value::Null) => drop(profile.shift_remove(&name)),
            ("extension_attributes", Value::Object(members)) => match profile.get_mut(&name) {
                Some(Value::Object(known)) => merge(known, members),
                _ => drop(profile.insert(name, Value::Object(without_nulls(members)))),
            },
            ("custom_attributes", Value::Array(items)) => {
                let known = profile.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                merge_attributes(known, items);
            }
            (_, value) => drop(profile.insert(name, value)),
        }
    }
}

fn without_nulls(members: Document) -> Document {
    members.into_iter().filter(|(_, value)| !value.is_null()).collect()
}

/// By `attribute_code`; one whose value is `null` goes.
fn merge_attributes(known: &mut Value, items: Vec<Value>) {
    let mut list = known.as_array().cloned().unwrap_or_default();
    for item in items {
        list.retain(|other| other["attribute_code"] != item["attribute_code"]);
        if !item["value"].is_null() {
            list.push(item);
        }
    }
    *known = Value::Array(list);
}

/// A group of customers.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its number; 0 is everyone who is not signed in.
    pub id: u32,
    /// What people call it; unique whatever its case.
    pub code: Arc<str>,
    /// The number of its tax class.
    pub tax_class: u32,
    /// What else is known: `tax_class_name`, `extension_attributes`.
    pub document: Document,
}

/// A group as it is to be.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupDraft {
    /// What people call it.
    pub code: Arc<str>,
    /// The number of its tax class.
    pub tax_class: u32,
    /// What else is known.
    pub document: Document,
}

/// What customers are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CustomerField {
    /// The id.
    Id,
    /// The e-mail address.
    Email,
    /// The number of the group.
    Group,
    /// The number of the website.
    Website,
    /// The number of the store view.
    Store,
    /// When it was made: `2026-01-31 13:00:00`, UTC.
    Created,
    /// When it last changed, likewise.
    Updated,
    /// A member of the profile, one of [`CustomerField::PROFILE`].
    Profile(&'static str),
}

impl CustomerField {
    /// Members of the profile that customers are found by.
    pub const PROFILE: [&'static str; 12] = [
        "firstname",
        "lastname",
        "middlename",
        "prefix",
        "suffix",
        "dob",
        "gender",
        "taxvat",
        "created_in",
        "default_billing",
        "default_shipping",
        "disable_auto_group_change",
    ];

    /// Reads a name of the interface.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "id" | "entity_id" => Self::Id,
            "email" => Self::Email,
            "group_id" => Self::Group,
            "website_id" => Self::Website,
            "store_id" => Self::Store,
            "created_at" => Self::Created,
            "updated_at" => Self::Updated,
            other => Self::Profile(Self::PROFILE.into_iter().find(|known| *known == other)?),
        })
    }
}

/// What groups are found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GroupField {
    /// The number.
    Id,
    /// What people call it.
    Code,
    /// The number of the tax class.
    TaxClass,
    /// The name of the tax class.
    TaxClassName,
}

impl GroupField {
    /// Reads a name of the interface.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "id" | "customer_group_id" => Self::Id,
            "code" | "customer_group_code" => Self::Code,
            "tax_class_id" => Self::TaxClass,
            "tax_class_name" => Self::TaxClassName,
            _ => return None,
        })
    }
}

/// What a field must be like. Text is compared whatever the case of its ASCII letters, numbers as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The same.
    Equal(Arc<str>),
    /// Another value; what has none is no other value.
    NotEqual(Arc<str>),
    /// A pattern with `%` and `_`; `\` takes their meaning.
    Like(Arc<str>),
    /// Not such a pattern.
    NotLike(Arc<str>),
    /// One of these.
    In(Vec<Arc<str>>),
    /// None of these.
    NotIn(Vec<Arc<str>>),
    /// More.
    Greater(Arc<str>),
    /// Less.
    Less(Arc<str>),
    /// More or the same.
    AtLeast(Arc<str>),
    /// Less or the same.
    AtMost(Arc<str>),
    /// No value.
    Null,
    /// Any value.
    NotNull,
    /// The field is a list with commas, and this is in it.
    InSet(Arc<str>),
}

/// A condition on a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter<F> {
    /// The field.
    pub field: F,
    /// What it must be like.
    pub condition: Condition,
}

/// What to look for. The caller bounds how many filters there are and how large a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search<F> {
    /// Of each of these groups one filter must fit.
    pub filters: Vec<Vec<Filter<F>>>,
    /// Fields to sort by, each with whether it descends; what is equal then goes by id.
    pub order: Vec<(F, bool)>,
    /// Which page, from 1.
    pub page: u32,
    /// How many on a page.
    pub size: u32,
}

/// A page of what was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
}

/// The part of the store that keeps customers and their groups.
#[async_trait]
pub trait Customers: Send + Sync {
    /// The customer with this id.
    async fn customer(&self, id: u64) -> Result<Option<Customer>, StoreError>;
    /// Makes a customer with addresses, all of it or nothing. Addresses have no ids yet. It fails as
    /// [`super::Store::add_account`] does, and with [`StoreError::Missing`] when the group is not there.
    async fn add_customer(&self, new: NewAccount, addresses: Vec<AddressDraft>, now: Time) -> Result<Customer, StoreError>;
    /// Changes a customer, all of it or nothing. It fails with [`StoreError::Missing`] when the customer, the group or an
    /// address of the customer is not there, and with [`StoreError::Exists`] when somebody has the e-mail address.
    async fn change_customer(&self, id: u64, change: CustomerChange, now: Time) -> Result<Customer, StoreError>;
    /// An address, whosever it is.
    async fn address(&self, id: u64) -> Result<Option<Address>, StoreError>;
    /// Deletes an address; it is nobody's default any more. Its id is never used again.
    async fn delete_address(&self, id: u64, now: Time) -> Result<(), StoreError>;
    /// Customers of these directories. `home` is what those belong to of whom nothing was said.
    async fn search_customers(
        &self,
        directories: Vec<Arc<str>>,
        home: Membership,
        search: Search<CustomerField>,
    ) -> Result<Page<Customer>, StoreError>;

    /// The group with this number.
    async fn group(&self, id: u32) -> Result<Option<Group>, StoreError>;
    /// Changes a group, or makes one where no number is given. It fails with [`StoreError::Exists`] when another group has
    /// this code.
    async fn put_group(&self, id: Option<u32>, draft: GroupDraft) -> Result<Group, StoreError>;
    /// Deletes a group whose customers then are in the default group; whether it could be: not the one of everyone who
    /// is not signed in, and not one that is a default. Its number is never used again.
    async fn delete_group(&self, id: u32, now: Time) -> Result<bool, StoreError>;
    /// From which websites groups are excluded: `exclude_website_ids` of their `extension_attributes`.
    async fn exclusions(&self) -> Result<Exclusions, StoreError>;
    /// Groups.
    async fn search_groups(&self, search: Search<GroupField>) -> Result<Page<Group>, StoreError>;
    /// The group that new customers of a store view belong to; 0 stands for views that have none of their own.
    async fn default_group(&self, store: u32) -> Result<Group, StoreError>;
    /// Whether new customers of some store view belong to it.
    async fn is_default_group(&self, id: u32) -> Result<bool, StoreError>;
    /// Sets that group.
    async fn set_default_group(&self, store: u32, group: u32) -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(value: Value) -> Document {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_patch_changes_what_it_names() {
        let mut profile = object(json!({
            "firstname": "Ann", "prefix": "Dr", "dob": "2000-01-01",
            "extension_attributes": {"is_subscribed": true, "of_others": {"kept": 1}},
            "custom_attributes": [{"attribute_code": "colour", "value": "red"}, {"attribute_code": "size", "value": "7"}],
        }));
        let patch = json!({
            "firstname": "Anna", "prefix": null, "suffix": "jr", "nothing": null,
            "extension_attributes": {"is_subscribed": false, "new": [1]},
            "custom_attributes": [{"attribute_code": "size", "value": null}, {"attribute_code": "colour", "value": "blue"}],
        });
        merge(&mut profile, object(patch));
        let expected = json!({
            "firstname": "Anna", "dob": "2000-01-01", "suffix": "jr",
            "extension_attributes": {"is_subscribed": false, "of_others": {"kept": 1}, "new": [1]},
            "custom_attributes": [{"attribute_code": "colour", "value": "blue"}],
        });
        assert_eq!(Value::Object(profile), expected);
        let mut empty = Document::new();
        merge(&mut empty, object(json!({"extension_attributes": {"a": null, "b": 1}, "custom_attributes": []})));
        assert_eq!(Value::Object(empty), json!({"extension_attributes": {"b": 1}, "custom_attributes": []}));
    }

    #[test]
    fn only_known_names_are_fields() {
        assert_eq!(CustomerField::parse("entity_id"), Some(CustomerField::Id));
        assert_eq!(CustomerField::parse("lastname"), Some(CustomerField::Profile("lastname")));
        for unknown in ["1", "", "password", "password_hash", "profile", "firstname'", "EMAIL"] {
            assert_eq!(CustomerField::parse(unknown), None, "{unknown}");
        }
        assert_eq!(GroupField::parse("customer_group_code"), Some(GroupField::Code));
        assert_eq!(GroupField::parse("document"), None);
    }
}
