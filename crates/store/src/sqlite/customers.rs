//! The port [`Customers`], fulfilled by SQLite: customers and their addresses; groups are in `groups`.

use super::{
    Sqlite, accounts, changes,
    failure::Outcome,
    groups, search,
    values::{integer, malformed, unsigned},
};
use async_trait::async_trait;
use doorward_core::{
    Kind, Membership, Time,
    acl::Exclusions,
    ports::{
        AccountChange, Address, AddressDraft, Customer, CustomerChange, CustomerField, Customers, Deed, Document, Group,
        GroupDraft, GroupField, NewAccount, Page, Search, StoreError, merge,
    },
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde_json::Value;
use std::sync::Arc;

#[async_trait]
impl Customers for Sqlite {
    async fn customer(&self, id: u64) -> Result<Option<Customer>, StoreError> {
        self.read(move |c| find(c, id)).await
    }

    async fn add_customer(&self, new: NewAccount, addresses: Vec<AddressDraft>, now: Time) -> Result<Customer, StoreError> {
        self.write(move |c| add(c, &new, addresses, now)).await
    }

    async fn change_customer(&self, id: u64, change: CustomerChange, now: Time) -> Result<Customer, StoreError> {
        self.write(move |c| save(c, id, change, now)).await
    }

    async fn address(&self, id: u64) -> Result<Option<Address>, StoreError> {
        self.read(move |c| address_by_id(c, id)).await
    }

    async fn delete_address(&self, id: u64, now: Time) -> Result<(), StoreError> {
        self.write(move |c| delete_address(c, id, now)).await
    }

    async fn search_customers(
        &self,
        directories: Vec<Arc<str>>,
        home: Membership,
        search: Search<CustomerField>,
    ) -> Result<Page<Customer>, StoreError> {
        self.read(move |c| search::customers(c, &directories, home, &search)).await
    }

    async fn group(&self, id: u32) -> Result<Option<Group>, StoreError> {
        self.read(move |c| groups::find(c, id)).await
    }

    async fn put_group(&self, id: Option<u32>, draft: GroupDraft) -> Result<Group, StoreError> {
        self.write(move |c| groups::put(c, id, &draft)).await
    }

    async fn delete_group(&self, id: u32, now: Time) -> Result<bool, StoreError> {
        self.write(move |c| groups::delete(c, id, now)).await
    }

    async fn exclusions(&self) -> Result<Exclusions, StoreError> {
        self.read(groups::exclusions).await
    }

    async fn search_groups(&self, search: Search<GroupField>) -> Result<Page<Group>, StoreError> {
        self.read(move |c| search::groups(c, &search)).await
    }

    async fn default_group(&self, store: u32) -> Result<Group, StoreError> {
        self.read(move |c| groups::default_of(c, store)).await
    }

    async fn is_default_group(&self, id: u32) -> Result<bool, StoreError> {
        self.read(move |c| groups::is_default(c, id)).await
    }

    async fn set_default_group(&self, store: u32, group: u32) -> Result<(), StoreError> {
        self.write(move |c| groups::set_default(c, store, group)).await
    }
}

/// The customer with this id.
pub(super) fn find(connection: &Connection, id: u64) -> Outcome<Option<Customer>> {
    let Some(record) = accounts::by_id(connection, Kind::Customer, id)? else { return Ok(None) };
    let profile = connection
        .prepare_cached("SELECT profile FROM account WHERE kind = 'customer' AND id = ?1")?
        .query_row([integer(id)], |row| document(row, 0))?;
    let addresses = connection
        .prepare_cached("SELECT id, account, document FROM address WHERE kind = 'customer' AND account = ?1 ORDER BY id")?
        .query_map([integer(id)], address)?
        .collect::<Result<_, _>>()?;
    Ok(Some(Customer { record, profile, addresses }))
}

/// A JSON object in a column.
pub(super) fn document(row: &Row<'_>, column: usize) -> rusqlite::Result<Document> {
    serde_json::from_str(row.get_ref(column)?.as_str()?).map_err(|error| malformed(column, error))
}

/// A JSON object for a column.
pub(super) fn text(document: &Document) -> String {
    // What is JSON already is written without failure.
    serde_json::to_string(document).unwrap_or_else(|_| "{}".to_owned())
}

/// Makes a customer with all that is said of it.
fn add(connection: &Connection, new: &NewAccount, addresses: Vec<AddressDraft>, now: Time) -> Outcome<Customer> {
    if let Some(membership) = new.membership.filter(|membership| membership.website != 0)
        && groups::find(connection, membership.group)?.is_none()
    {
        return Err(StoreError::Missing(groups::name(membership.group)).into());
    }
    let id = accounts::add(connection, new, now)?.account.id;
    let mut customer = present(connection, id)?;
    replace_addresses(connection, &mut customer, addresses)?;
    forget_defaults_without_address(connection, &mut customer)?;
    // It was logged already that the account came.
    store_profile(connection, id, &customer.profile, now)?;
    present(connection, id)
}

fn save(connection: &Connection, id: u64, change: CustomerChange, now: Time) -> Outcome<Customer> {
    let mut customer = present(connection, id)?;
    let unconfirmed = change.unconfirmed;
    if let Some(email) = change.email.filter(|email| customer.record.email.as_ref() != Some(email)) {
        let change = if unconfirmed { AccountChange::UnconfirmedEmail(email) } else { AccountChange::Email(Some(email)) };
        accounts::change(connection, Kind::Customer, id, &change, now)?;
    }
    if let Some(membership) = change.membership.filter(|membership| customer.record.account.membership != Some(*membership)) {
        move_to(connection, &customer, membership)?;
    }
    merge(&mut customer.profile, change.profile);
    if let Some(drafts) = change.addresses {
        replace_addresses(connection, &mut customer, drafts)?;
    }
    forget_defaults_without_address(connection, &mut customer)?;
    write_profile(connection, id, &customer.profile, now)?;
    present(connection, id)
}

fn present(connection: &Connection, id: u64) -> Outcome<Customer> {
    find(connection, id)?.ok_or_else(|| StoreError::Missing(accounts::name(Kind::Customer, id)).into())
}

/// Another group, website or store view.
fn move_to(connection: &Connection, customer: &Customer, to: Membership) -> Outcome<()> {
    let (id, account) = (integer(customer.record.account.id), &customer.record.account);
    if groups::find(connection, to.group)?.is_none() {
        return Err(StoreError::Missing(groups::name(to.group)).into());
    }
    let taken = "SELECT 1 FROM account o JOIN account a ON o.directory = a.directory AND o.login_key = a.login_key AND o.id <> a.id \
                 WHERE a.kind = 'customer' AND a.id = ?1 AND o.kind = 'customer' AND o.website IN (0, ?2)";
    if connection.prepare_cached(taken)?.exists(params![id, to.website])? {
        return Err(StoreError::Exists(format!("the account {}/{}", account.directory, account.login)).into());
    }
    connection
        .prepare_cached("UPDATE account SET website = ?2, store = ?3, customer_group = ?4 WHERE kind = 'customer' AND id = ?1")?
        .execute(params![id, to.website, to.store, to.group])?;
    Ok(())
}

/// Writes the addresses that there are to be, and which of them are defaults: the last of those that say so.
fn replace_addresses(connection: &Connection, customer: &mut Customer, drafts: Vec<AddressDraft>) -> Outcome<()> {
    let owner = integer(customer.record.account.id);
    let mut kept: Vec<u64> = Vec::with_capacity(drafts.len());
    for AddressDraft { id, document, billing, shipping } in drafts {
        let id = match id {
            Some(id) => {
                let sql = "UPDATE address SET document = ?3 WHERE id = ?1 AND kind = 'customer' AND account = ?2";
                let there = connection.prepare_cached(sql)?.execute(params![integer(id), owner, text(&document)])?;
                if there == 0 {
                    return Err(StoreError::Missing(address_name(id)).into());
                }
                id
            }
            None => {
                let sql = "INSERT INTO address (kind, account, document) VALUES ('customer', ?1, ?2) RETURNING id";
                connection.prepare_cached(sql)?.query_row(params![owner, text(&document)], |row| unsigned(row, 0))?
            }
        };
        kept.push(id);
        for (name, said) in [("default_billing", billing), ("default_shipping", shipping)] {
            match said {
                Some(true) => drop(customer.profile.insert(name.to_owned(), id.into())),
                Some(false) if customer.profile.get(name).and_then(Value::as_u64) == Some(id) => {
                    drop(customer.profile.shift_remove(name));
                }
                Some(false) | None => {}
            }
        }
    }
    for gone in customer.addresses.iter().filter(|address| !kept.contains(&address.id)) {
        connection.prepare_cached("DELETE FROM address WHERE id = ?1")?.execute([integer(gone.id)])?;
    }
    Ok(())
}

/// A default is an address of the customer, or none.
fn forget_defaults_without_address(connection: &Connection, customer: &mut Customer) -> Outcome<()> {
    let owner = customer.record.account.id;
    for name in ["default_billing", "default_shipping"] {
        let Some(id) = customer.profile.get(name).map(Value::as_u64) else { continue };
        let own = match id {
            Some(id) => address_by_id(connection, id)?.is_some_and(|address| address.customer == owner),
            None => false,
        };
        if !own {
            customer.profile.shift_remove(name);
        }
    }
    Ok(())
}

fn write_profile(connection: &Connection, id: u64, profile: &Document, now: Time) -> Outcome<()> {
    store_profile(connection, id, profile, now)?;
    changes::log_account(connection, Kind::Customer, id, Deed::Changed)
}

fn store_profile(connection: &Connection, id: u64, profile: &Document, now: Time) -> Outcome<()> {
    connection
        .prepare_cached("UPDATE account SET profile = ?2, updated = ?3 WHERE kind = 'customer' AND id = ?1")?
        .execute(params![integer(id), text(profile), integer(now.0)])?;
    Ok(())
}

fn address_by_id(connection: &Connection, id: u64) -> Outcome<Option<Address>> {
    let sql = "SELECT id, account, document FROM address WHERE id = ?1 AND kind = 'customer'";
    Ok(connection.prepare_cached(sql)?.query_row([integer(id)], address).optional()?)
}

fn delete_address(connection: &Connection, id: u64, now: Time) -> Outcome<()> {
    let found = address_by_id(connection, id)?.ok_or_else(|| StoreError::Missing(address_name(id)))?;
    connection.prepare_cached("DELETE FROM address WHERE id = ?1")?.execute([integer(id)])?;
    let mut customer = present(connection, found.customer)?;
    forget_defaults_without_address(connection, &mut customer)?;
    write_profile(connection, found.customer, &customer.profile, now)
}

fn address(row: &Row<'_>) -> rusqlite::Result<Address> {
    Ok(Address { id: unsigned(row, 0)?, customer: unsigned(row, 1)?, document: document(row, 2)? })
}

fn address_name(id: u64) -> String {
    format!("the address {id}")
}
