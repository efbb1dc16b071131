//! Other people's accounts and addresses, for those to whom a role grants it.

use super::{Desk, Failure, Outcome, document, input::Given, own};
use doorward_core::{
    Kind, Membership,
    ports::{Customer, CustomerChange, StoreError},
};
use doorward_wire::magento::Error;
use serde_json::json;
use std::sync::Arc;

impl Desk<'_> {
    pub(super) async fn show(&self) -> Outcome {
        let customer = self.customer(self.params.int("customerId")?).await?;
        self.shown(&customer).await
    }

    /// The path names the customer; an id in the body counts for nothing.
    pub(super) async fn save(&self) -> Outcome {
        let given = Given::read(&self.params.object("customer")?)?;
        let before = self.customer(self.params.int("customerId")?).await?;
        given.judge(Some(&before))?;
        let membership = self.membership_of(&before, &given).await?;
        let email: Option<Arc<str>> = given.email.as_deref().filter(|email| *email != document::email(&before)).map(Arc::from);
        let renamed = email.is_some();
        let unconfirmed = match &email {
            // Nobody vouches for an address but whoever reads its mail.
            Some(email) => {
                let account = &before.record.account;
                let website = membership.or(account.membership).map(|membership| membership.website);
                let admitted = self.call.auth.admit_email(&*self.directory_of(account)?, account, website, email).await;
                admitted.map_err(own::failure)?
            }
            None => false,
        };
        let change = CustomerChange { profile: given.profile, email, unconfirmed, membership, addresses: given.addresses };
        let after = self.write_customer(before.record.account.id, change).await?;
        if renamed {
            self.call.auth.tell_of_new_email(&before.record, &after.record);
        }
        self.note(if renamed { "email_changed" } else { "customer_changed" }, "success", Some(&after.record.account));
        self.shown(&after).await
    }

    /// What a customer is to belong to, if that is said.
    async fn membership_of(&self, before: &Customer, given: &Given) -> Outcome<Option<Membership>> {
        if given.group.is_none() && given.website.is_none() && given.store.is_none() {
            return Ok(None);
        }
        let home = self.home().await?;
        let now = before.record.account.membership.unwrap_or(home);
        let group = match given.group {
            Some(group) if i64::from(now.group) != group => self.existing_group(group).await?,
            _ => now.group,
        };
        let stores = &self.call.policy.routes.stores;
        let present = stores.by_id(now.store).unwrap_or_else(|| stores.default_view());
        let view = self.view_of(given.store, given.website, present)?;
        let after = Membership { website: view.website_id, store: view.id, group };
        // Who belonged nowhere keeps that, unless something else was said than is shown.
        Ok(Some(after).filter(|after| *after != now))
    }

    pub(super) async fn delete(&self) -> Outcome {
        let customer = self.customer(self.params.int("customerId")?).await?;
        let (auth, account) = (self.call.auth, customer.record.account);
        match auth.store().delete_account(Kind::Customer, account.id, auth.clock().now()).await {
            Ok(()) => {}
            Err(StoreError::Missing(_)) => return Err(Error::no_such_entity("customerId", account.id).into()),
            Err(error) => return Err(Failure::Unavailable(error)),
        }
        self.forget().await?;
        self.note("customer_deleted", "success", Some(&account));
        Ok(true.into())
    }

    pub(super) fn validate(&self) -> Outcome {
        let given = Given::read(&self.params.object("customer")?)?;
        let flaws = given.flaws();
        Ok(json!({"valid": flaws.is_empty(), "messages": flaws}))
    }

    pub(super) async fn is_readonly(&self) -> Outcome {
        self.customer(self.params.int("customerId")?).await?;
        Ok(false.into())
    }

    pub(super) async fn address_of(&self, which: &str) -> Outcome {
        let customer = self.customer(self.params.int("customerId")?).await?;
        Ok(own::default_address(&customer, which))
    }

    pub(super) async fn show_address(&self) -> Outcome {
        let (id, customer) = self.owner_of_address().await?;
        let found = customer.addresses.iter().find(|address| address.id == id);
        let found = found.ok_or_else(|| Error::no_such_entity("addressId", id))?;
        Ok(document::address(found, &customer.profile))
    }

    pub(super) async fn delete_address(&self) -> Outcome {
        let (id, customer) = self.owner_of_address().await?;
        match self.customers().delete_address(id, self.call.auth.clock().now()).await {
            Ok(()) => {}
            Err(StoreError::Missing(_)) => return Err(Error::no_such_entity("addressId", id).into()),
            Err(error) => return Err(Failure::Unavailable(error)),
        }
        self.forget().await?;
        self.note("customer_changed", "success", Some(&customer.record.account));
        Ok(true.into())
    }

    /// The address that the path names, and its customer.
    async fn owner_of_address(&self) -> Outcome<(u64, Customer)> {
        let given = self.params.int("addressId")?;
        let nobody = || Failure::from(Error::no_such_entity("addressId", given));
        let id = u64::try_from(given).map_err(|_| nobody())?;
        let address = self.customers().address(id).await?.ok_or_else(nobody)?;
        let customer = self.customers().customer(address.customer).await?;
        let customer = customer.filter(|customer| self.serves(&customer.record)).ok_or_else(nobody)?;
        Ok((id, customer))
    }
}
