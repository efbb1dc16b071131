//! Signing up: `POST /V1/customers`, and whether an e-mail address is free.

use super::{Desk, Failure, Outcome, input::Given, own};
use doorward_auth::{RegisterError, Registration};
use doorward_core::{
    Membership,
    ports::{Document, merge},
    stores::{StoreScope, StoreView},
};
use doorward_wire::magento::Error;
use serde_json::Value;
use std::time::Duration;

/// When mail cannot be sent, nobody can say when it can.
pub(super) const WITHOUT_MAIL: Duration = Duration::from_secs(60);

impl Desk<'_> {
    pub(super) async fn register(&self) -> Outcome {
        let given = Given::read(&self.params.object("customer")?)?;
        let password = self.params.optional_text("password")?.filter(|password| !password.is_empty());
        let email =
            given.email.clone().ok_or_else(|| Error::bad_request("The customer email is missing. Enter and try again."))?;
        given.judge(None)?;
        if given.addresses.iter().flatten().any(|address| address.id.is_some()) {
            return Err(Error::bad_request("A new customer's addresses have no id.").into());
        }
        let (membership, made_in) = self.membership_of_new(&given).await?;
        let mut profile = Document::new();
        merge(&mut profile, given.profile);
        profile.insert("created_in".to_owned(), made_in.into());
        let directory = self.directory()?;
        let text = Value::Object(profile).to_string();
        let registration = Registration {
            email: &email,
            password: password.as_deref(),
            membership: Some(membership),
            profile: &text,
            addresses: given.addresses.as_deref().unwrap_or_default(),
            address: self.call.request.client,
        };
        let record = match self.call.auth.register(&directory, registration).await {
            Ok(record) => record,
            Err(error) => {
                self.call.audit("customer_created", word(&error), None, &email);
                return Err(failure(error));
            }
        };
        self.note("customer_created", "success", Some(&record.account));
        let id = record.account.id;
        let made = self.customers().customer(id).await?;
        self.shown(&made.ok_or_else(|| Error::no_such_entity("customerId", id))?).await
    }

    pub(super) async fn is_email_available(&self) -> Outcome {
        let email = self.params.text("customerEmail")?;
        let website = self.website()?;
        Ok(self.call.auth.email_available(&*self.directory()?, Some(website), &email).await?.into())
    }

    /// The website that a request names, or that of its store view.
    pub(super) fn website(&self) -> Outcome<u32> {
        let named = self.params.optional_int("websiteId")?.filter(|id| *id != 0);
        Ok(named.map_or(self.view().website_id, |id| u32::try_from(id).unwrap_or(u32::MAX)))
    }

    /// What a new customer belongs to, and the name of the store view that says so.
    async fn membership_of_new(&self, given: &Given) -> Outcome<(Membership, String)> {
        let view = self.view_of(given.store, given.website, self.view())?;
        // A group is for those to give who manage customers (magento-webapi 4.7).
        let group = match given.group.filter(|_| self.may_manage()) {
            Some(group) => self.existing_group(group).await?,
            None => self.customers().default_group(view.id).await?.id,
        };
        let made_in = if self.store == StoreScope::All { "Admin" } else { &*view.name };
        Ok((Membership { website: view.website_id, store: view.id, group }, made_in.to_owned()))
    }

    /// The store view of these numbers, or else `usual`; of a website alone its first view.
    pub(super) fn view_of<'v>(
        &'v self,
        store: Option<i64>,
        website: Option<i64>,
        usual: &'v StoreView,
    ) -> Outcome<&'v StoreView> {
        let wrong = || Failure::from(Error::bad_request("The store view is not in the associated website."));
        let is = |number: u32, said: Option<i64>| said.is_none_or(|said| said == 0 || i64::from(number) == said);
        let fits = |view: &StoreView| is(view.id, store) && is(view.website_id, website);
        if fits(usual) {
            return Ok(usual);
        }
        self.call.policy.routes.stores.iter().find(|view| fits(view)).ok_or_else(wrong)
    }

    /// The number of a group that customers can be in.
    pub(super) async fn existing_group(&self, id: i64) -> Outcome<u32> {
        let found = match u32::try_from(id) {
            Ok(id) if id > 0 => self.customers().group(id).await?,
            _ => None,
        };
        found.map(|group| group.id).ok_or_else(|| Error::bad_request("The specified customer group id does not exist.").into())
    }
}

fn word(error: &RegisterError) -> &'static str {
    match error {
        RegisterError::Flaw(flaw) => flaw.code(),
        RegisterError::Email | RegisterError::Exists => "refused",
        RegisterError::NoMail => "no_mail",
        RegisterError::Busy { .. } => "busy",
        RegisterError::Unavailable(_) => "unavailable",
    }
}

fn failure(error: RegisterError) -> Failure {
    match error {
        RegisterError::Email => Error::bad_request("\"Email\" is not a valid email address.").into(),
        RegisterError::Flaw(flaw) => own::flawed(flaw).into(),
        RegisterError::Exists => own::duplicate().into(),
        RegisterError::NoMail => Failure::Later(WITHOUT_MAIL),
        RegisterError::Busy { retry_after } => Failure::Later(retry_after),
        RegisterError::Unavailable(error) => Failure::Unavailable(error),
    }
}
