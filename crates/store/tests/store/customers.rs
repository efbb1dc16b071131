//! What the port of customers promises.

use doorward_core::{
    Kind, Membership, Time,
    ports::{
        AddressDraft, Changed, Condition, Customer, CustomerChange, CustomerField, Customers, Deed, Document, Filter, GroupDraft,
        GroupField, NewAccount, Search, Store, StoreError,
    },
};
use doorward_store::Sqlite;
use serde_json::{Value, json};
use std::sync::Arc;

const HOME: Membership = Membership { website: 1, store: 1, group: 1 };

fn object(value: Value) -> Document {
    value.as_object().unwrap().clone()
}

fn person(login: &str, membership: Option<Membership>, profile: &Value) -> NewAccount {
    NewAccount {
        directory: "customers".into(),
        kind: Kind::Customer,
        id: None,
        login: login.into(),
        email: Some(login.into()),
        password: None,
        roles: Vec::new(),
        per_website: membership.is_some(),
        membership,
        confirmed: true,
        profile: profile.to_string().into(),
    }
}

async fn add(store: &Sqlite, login: &str, membership: Option<Membership>, profile: Value) -> Customer {
    let new = person(login, membership, &profile);
    let record = store.add_account(new, Time(1_700_000_000_000)).await.unwrap();
    store.customer(record.account.id).await.unwrap().unwrap()
}

fn draft(id: Option<u64>, city: &str, billing: Option<bool>) -> AddressDraft {
    AddressDraft { id, document: object(json!({"city": city})), billing, shipping: None }
}

fn addresses(drafts: Vec<AddressDraft>) -> CustomerChange {
    CustomerChange { addresses: Some(drafts), ..CustomerChange::default() }
}

#[tokio::test]
async fn a_customer_comes_with_its_addresses_or_not_at_all() {
    let store = Sqlite::memory().unwrap();
    let drafts = || vec![draft(None, "Bonn", Some(true)), draft(None, "Ulm", None)];
    let new = || person("ann@x.test", Some(HOME), &json!({"firstname": "Ann", "default_shipping": 99}));
    let ann = store.add_customer(new(), drafts(), Time(1_700_000_000_000)).await.unwrap();
    let cities: Vec<_> = ann.addresses.iter().map(|address| address.document["city"].clone()).collect();
    assert_eq!(cities, ["Bonn", "Ulm"]);
    assert_eq!(Value::Object(ann.profile.clone()), json!({"firstname": "Ann", "default_billing": ann.addresses[0].id}));
    assert_eq!(store.customer(ann.record.account.id).await.unwrap().unwrap(), ann);
    let only = [Changed::Account(Kind::Customer, ann.record.account.id, Deed::Added)];
    let changes =
        async |since| store.changes_since(since).await.unwrap().into_iter().map(|change| change.what).collect::<Vec<_>>();
    assert_eq!(changes(0).await, only, "one change, since it is one");
    // Nothing comes of what cannot come whole.
    let taken = store.add_customer(new(), drafts(), Time(2)).await;
    assert!(matches!(taken, Err(StoreError::Exists(_))), "{taken:?}");
    let bob = |group| person("bob@x.test", Some(Membership { group, ..HOME }), &json!({}));
    let foreign = vec![draft(None, "Own", None), draft(Some(ann.addresses[0].id), "Stolen", None)];
    for (new, drafts) in [(bob(1), foreign), (bob(99), Vec::new())] {
        assert!(matches!(store.add_customer(new, drafts, Time(2)).await, Err(StoreError::Missing(_))));
    }
    assert_eq!(store.account_by_login("customers", None, "bob@x.test").await, Ok(None));
    assert_eq!(store.customer(ann.record.account.id).await.unwrap().unwrap(), ann);
    assert_eq!(changes(0).await, only);
}

#[tokio::test]
async fn an_address_to_be_confirmed_ends_what_was_proved() {
    let store = Sqlite::memory().unwrap();
    let ann = add(&store, "ann@x.test", None, json!({})).await.record;
    let change = CustomerChange { email: Some("new@x.test".into()), unconfirmed: true, ..CustomerChange::default() };
    let after = store.change_customer(ann.account.id, change, Time(1_700_000_005_000)).await.unwrap().record;
    assert_eq!((&*after.account.login, after.email.as_deref(), after.confirmed), ("new@x.test", Some("new@x.test"), false));
    assert_eq!((after.version, after.not_before), (ann.version + 1, Time(1_700_000_005_000)));
    assert_eq!(after.tokens_not_before, Time(1_700_000_005_000));
    // The same address is no other one.
    let change = CustomerChange { email: Some("new@x.test".into()), unconfirmed: true, ..CustomerChange::default() };
    let same = store.change_customer(ann.account.id, change, Time(1_700_000_006_000)).await.unwrap().record;
    assert_eq!(same.version, after.version);
}

#[tokio::test]
async fn groups_say_from_which_websites_they_are_excluded() {
    let store = Sqlite::memory().unwrap();
    let nothing = store.exclusions().await.unwrap();
    assert_eq!((nothing.websites.len(), nothing.usual_group), (0, 1));
    let put = async |id, code: &str, websites: Value| {
        let document = object(json!({"extension_attributes": {"exclude_website_ids": websites}}));
        store.put_group(id, GroupDraft { code: code.into(), tax_class: 3, document }).await.unwrap().id
    };
    let (two, three) = (put(Some(2), "Wholesale", json!([1, 3])).await, put(None, "Odd", json!(["x", -1, 2, null])).await);
    let known = store.exclusions().await.unwrap();
    assert_eq!(known.websites, [(two, [1, 3].into()), (three, [2].into())].into());
    assert!(known.exclude(Some(&Membership { group: two, ..HOME }), 3) && !known.exclude(Some(&HOME), 3));
    assert!(!known.exclude(None, 1));
    store.set_default_group(0, two).await.unwrap();
    assert!(store.exclusions().await.unwrap().exclude(None, 1), "customers of whom nothing was said are of the usual group");
    store.delete_group(three, Time(1)).await.unwrap();
    let changes = store.changes_since(0).await.unwrap();
    assert_eq!(changes.iter().filter(|change| change.what == Changed::Groups).count(), 4);
}

#[tokio::test]
async fn a_customer_changes_whole_or_not_at_all() {
    let store = Sqlite::memory().unwrap();
    let (ann, bob) =
        (add(&store, "ann@x.test", None, json!({"firstname": "Ann"})).await, add(&store, "bob@x.test", None, json!({})).await);
    let id = ann.record.account.id;
    let last = store.last_change().await.unwrap();
    let change = CustomerChange {
        profile: object(json!({"lastname": "Lee", "firstname": null})),
        email: Some("new@x.test".into()),
        unconfirmed: false,
        membership: Some(Membership { website: 2, store: 3, group: 2 }),
        addresses: Some(vec![draft(None, "Bonn", Some(true))]),
    };
    let after = store.change_customer(id, change, Time(1_700_000_005_000)).await.unwrap();
    assert_eq!(Value::Object(after.profile.clone()), json!({"lastname": "Lee", "default_billing": after.addresses[0].id}));
    assert_eq!((&*after.record.account.login, after.record.updated), ("new@x.test", Time(1_700_000_005_000)));
    assert_eq!(after.record.account.membership, Some(Membership { website: 2, store: 3, group: 2 }));
    assert_eq!(store.customer(id).await.unwrap().unwrap(), after);
    let changes = store.changes_since(last).await.unwrap();
    assert!(changes.iter().any(|change| change.what == Changed::Account(Kind::Customer, id, Deed::Changed)));
    // Nothing of a change stays that cannot be made whole.
    let taken = CustomerChange { email: Some("BOB@x.test".into()), ..CustomerChange::default() };
    assert!(matches!(store.change_customer(id, taken, Time(2)).await, Err(StoreError::Exists(_))));
    let foreign = draft(Some(after.addresses[0].id), "Stolen", None);
    let stolen = CustomerChange { profile: object(json!({"x": 1})), ..addresses(vec![draft(None, "Own", None), foreign]) };
    let refused = store.change_customer(bob.record.account.id, stolen, Time(2)).await;
    assert!(matches!(refused, Err(StoreError::Missing(_))), "{refused:?}");
    assert_eq!(store.customer(bob.record.account.id).await.unwrap().unwrap(), bob);
    let group = CustomerChange { membership: Some(Membership { group: 99, ..HOME }), ..CustomerChange::default() };
    assert!(matches!(store.change_customer(id, group, Time(2)).await, Err(StoreError::Missing(_))));
    assert!(matches!(store.change_customer(99, CustomerChange::default(), Time(2)).await, Err(StoreError::Missing(_))));
    assert_eq!(store.customer(id).await.unwrap().unwrap(), after);
}

#[tokio::test]
async fn a_website_has_each_login_once() {
    let store = Sqlite::memory().unwrap();
    let second = Membership { website: 2, store: 3, group: 1 };
    let first = add(&store, "ann@x.test", Some(HOME), json!({})).await;
    add(&store, "ann@x.test", Some(second), json!({})).await;
    let moved = CustomerChange { membership: Some(second), ..CustomerChange::default() };
    let refused = store.change_customer(first.record.account.id, moved, Time(2)).await;
    assert!(matches!(refused, Err(StoreError::Exists(_))), "{refused:?}");
}

#[tokio::test]
async fn addresses_are_replaced_and_never_get_an_id_again() {
    let store = Sqlite::memory().unwrap();
    let id = add(&store, "ann@x.test", None, json!({})).await.record.account.id;
    let save = |change| store.change_customer(id, change, Time(2));
    let both = save(addresses(vec![draft(None, "A", Some(true)), draft(None, "B", None)])).await.unwrap();
    let (a, b) = (both.addresses[0].id, both.addresses[1].id);
    assert_eq!(both.profile["default_billing"], a);
    // The kept one keeps its id; another one is the default; none is.
    let changed = save(addresses(vec![draft(Some(b), "C", Some(true)), draft(Some(a), "A", None)])).await.unwrap();
    assert_eq!((changed.addresses.len(), changed.profile["default_billing"].as_u64()), (2, Some(b)));
    assert_eq!(changed.addresses[1].document["city"], "C");
    let none = save(addresses(vec![draft(Some(b), "C", Some(false))])).await.unwrap();
    assert_eq!((none.addresses.len(), none.profile.get("default_billing")), (1, None));
    // A default that is nobody's address is none; neither is one that is deleted.
    let said =
        CustomerChange { profile: object(json!({"default_shipping": b, "default_billing": a})), ..CustomerChange::default() };
    assert_eq!(Value::Object(save(said).await.unwrap().profile), json!({"default_shipping": b}));
    store.delete_address(b, Time(3)).await.unwrap();
    assert_eq!(Value::Object(store.customer(id).await.unwrap().unwrap().profile), json!({}));
    assert!(matches!(store.delete_address(b, Time(3)).await, Err(StoreError::Missing(_))));
    let next = save(addresses(vec![draft(None, "D", None)])).await.unwrap();
    assert!(next.addresses[0].id > b);
    store.delete_account(Kind::Customer, id, Time(4)).await.unwrap();
    assert_eq!(store.address(next.addresses[0].id).await.unwrap(), None);
}

fn group(code: &str) -> GroupDraft {
    GroupDraft { code: code.into(), tax_class: 3, document: Document::new() }
}

#[tokio::test]
async fn groups_have_names_of_their_own_and_leave_nobody_behind() {
    let store = Sqlite::memory().unwrap();
    let made = store.put_group(None, group("Friends")).await.unwrap();
    assert!(made.id > 3);
    for (id, code) in [(None, "FRIENDS"), (Some(made.id), "general")] {
        assert!(matches!(store.put_group(id, group(code)).await, Err(StoreError::Exists(_))));
    }
    assert!(matches!(store.put_group(Some(99), group("X")).await, Err(StoreError::Missing(_))));
    assert_eq!(&*store.put_group(Some(made.id), group("FRIENDS")).await.unwrap().code, "FRIENDS");
    let member = Membership { group: made.id, ..HOME };
    let ann = add(&store, "ann@x.test", Some(member), json!({})).await.record.account.id;
    store.set_default_group(7, made.id).await.unwrap();
    assert_eq!((store.default_group(7).await.unwrap().id, store.default_group(8).await.unwrap().id), (made.id, 1));
    assert!(store.is_default_group(made.id).await.unwrap());
    assert_eq!(store.delete_group(made.id, Time(2)).await, Ok(false));
    store.set_default_group(7, 2).await.unwrap();
    let last = store.last_change().await.unwrap();
    assert_eq!(store.delete_group(made.id, Time(2)).await, Ok(true));
    assert_eq!(store.customer(ann).await.unwrap().unwrap().record.account.membership.unwrap().group, 1);
    let changed = Changed::Account(Kind::Customer, ann, Deed::Changed);
    assert_eq!(store.changes_since(last).await.unwrap()[0].what, changed);
    assert_eq!(store.delete_group(0, Time(2)).await, Ok(false));
    assert!(matches!(store.delete_group(made.id, Time(2)).await, Err(StoreError::Missing(_))));
    assert!(matches!(store.set_default_group(0, 99).await, Err(StoreError::Missing(_))));
    assert!(store.put_group(None, group("Others")).await.unwrap().id > made.id);
}

fn filter<F>(field: F, condition: Condition) -> Filter<F> {
    Filter { field, condition }
}

#[tokio::test]
async fn a_search_finds_what_fits_and_nothing_else() {
    let store = Sqlite::memory().unwrap();
    let member = Membership { website: 2, store: 3, group: 2 };
    add(&store, "ann@x.test", None, json!({"firstname": "Ann", "lastname": "Lee", "gender": 2, "taxvat": "a,b"})).await;
    add(&store, "bob@x.test", Some(member), json!({"firstname": "Bob", "lastname": "Lee", "gender": 10})).await;
    add(&store, "cid@x.test", None, json!({"firstname": "100%", "lastname": "O'Hara"})).await;
    let text = |text: &str| -> Arc<str> { text.into() };
    let find = async |filters: Vec<Vec<Filter<CustomerField>>>| {
        let search = Search { filters, order: vec![(CustomerField::Email, true)], page: 1, size: 10 };
        let found = store.search_customers(vec!["customers".into()], HOME, search).await.unwrap();
        assert_eq!(found.items.len() as u64, found.total);
        found.items.iter().map(|one| one.record.account.login.split('@').next().unwrap().to_owned()).collect::<Vec<_>>().join(" ")
    };
    use CustomerField::{Created, Email, Group, Id, Profile, Website};
    for (field, condition, expected) in [
        (Email, Condition::Equal(text("ANN@x.test")), "ann"),
        (Email, Condition::NotEqual(text("ann@x.test")), "cid bob"),
        (Email, Condition::Like(text("_o%")), "bob"),
        (Email, Condition::NotLike(text("_o%")), "cid ann"),
        (Profile("firstname"), Condition::Like(text("100\\%")), "cid"),
        (Profile("lastname"), Condition::In(vec![text("lee"), text("x")]), "bob ann"),
        (Profile("lastname"), Condition::NotIn(vec![text("Lee")]), "cid"),
        (Profile("lastname"), Condition::In(Vec::new()), ""),
        (Profile("lastname"), Condition::Equal(text("O'Hara")), "cid"),
        (Profile("gender"), Condition::Greater(text("2")), "bob"),
        (Profile("gender"), Condition::AtLeast(text("2")), "bob ann"),
        (Profile("gender"), Condition::Less(text("10")), "ann"),
        (Profile("gender"), Condition::AtMost(text("10")), "bob ann"),
        (Profile("gender"), Condition::Null, "cid"),
        (Profile("gender"), Condition::NotNull, "bob ann"),
        (Profile("gender"), Condition::Equal(text("2 OR 1=1")), ""),
        (Profile("taxvat"), Condition::InSet(text("B")), "ann"),
        (Profile("taxvat"), Condition::InSet(text("a,b")), "ann"),
        (Group, Condition::Equal(text("1")), "cid ann"),
        (Website, Condition::In(vec![text("2"), text("3")]), "bob"),
        (Id, Condition::Equal(text("1")), "ann"),
        (Created, Condition::Equal(text("2023-11-14 22:13:20")), "cid bob ann"),
        (Created, Condition::Greater(text("2023-11-14 22:13:20")), ""),
    ] {
        assert_eq!(find(vec![vec![filter(field, condition.clone())]]).await, expected, "{field:?} {condition:?}");
    }
    let (ann, bob) = (filter(Email, Condition::Like(text("a%"))), filter(Email, Condition::Like(text("b%"))));
    assert_eq!(find(vec![vec![ann.clone(), bob.clone()]]).await, "bob ann");
    assert_eq!(find(vec![vec![ann], vec![bob], Vec::new()]).await, "");
    let page = |page| Search { filters: Vec::new(), order: vec![(Profile("lastname"), false)], page, size: 2 };
    let second = store.search_customers(vec!["customers".into()], HOME, page(2)).await.unwrap();
    assert_eq!((second.total, second.items.len(), &*second.items[0].record.account.login), (3, 1, "cid@x.test"));
    assert_eq!(store.search_customers(vec!["customers".into()], HOME, page(9)).await.unwrap().items, []);
    assert_eq!(store.search_customers(vec!["others".into()], HOME, page(1)).await.unwrap().total, 0);
    let groups = Search {
        filters: vec![vec![filter(GroupField::Code, Condition::Like(text("%e%")))]],
        order: vec![(GroupField::Id, true)],
        page: 1,
        size: 2,
    };
    let found = store.search_groups(groups).await.unwrap();
    assert_eq!((found.total, found.items.iter().map(|group| group.id).collect::<Vec<_>>()), (4, vec![3, 2]));
}
