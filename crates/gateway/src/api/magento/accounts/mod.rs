//! Accounts over REST (magento-webapi 9): one file for each kind of thing. The route rule has judged the request; what a
//! rule cannot say is judged here: whose data `me` is, which group a new customer may have.

mod attributes;
mod countries;
mod document;
mod groups;
mod input;
mod links;
mod manage;
mod metadata;
mod own;
mod register;
mod search;
#[cfg(test)]
mod tests;

use super::RouteCall;
use crate::{
    Body, answer,
    api::{Call, cookie, read, set_retry_after},
};
use doorward_auth::{Caller, SignedIn};
use doorward_core::{
    Account, Kind, Membership, Reason,
    policy::Directory,
    ports::{AccountRecord, Customer, Customers, StoreError},
    stores::{StoreScope, StoreView},
};
use doorward_wire::{
    input::MAX_SIZE,
    magento::{self, Error, Fields, Params},
};
use http::{
    Response, StatusCode,
    header::{CONTENT_TYPE, USER_AGENT},
};
use metadata::Entity;
use serde_json::Value;
use std::{sync::Arc, time::Duration};

/// What lets a caller manage other customers.
const MANAGE: &str = "Magento_Customer::manage";

/// Answers a permitted request.
pub(super) async fn run(mut route: RouteCall<'_>) -> Response<Body> {
    let reader = route.call.reader();
    let (params, fields) = match input(&mut route).await {
        Ok(input) => input,
        Err(error) => return answer::magento(&error, &reader),
    };
    let mut desk = Desk { call: route.call, store: route.store, params, session: None };
    match desk.serve(route.served.name).await {
        Ok(value) => {
            let mut response = answer::magento_success(&value, fields.as_ref(), &reader);
            desk.hand_out_session(&mut response);
            response
        }
        Err(Failure::Said(error)) => answer::magento(&error, &reader),
        Err(Failure::Later(after)) => {
            let error = Error::new(StatusCode::SERVICE_UNAVAILABLE, "Service Temporarily Unavailable");
            let mut response = answer::magento(&error, &reader);
            set_retry_after(&mut response, Some(after));
            response
        }
        Err(Failure::Unavailable(error)) => desk.call.refuse(Reason::Unavailable(error.to_string().into())),
        Err(Failure::Refused(reason)) => desk.call.refuse(reason),
    }
}

/// The parameters of the service, and which part of the answer is wanted.
async fn input(route: &mut RouteCall<'_>) -> Result<(Params, Option<Fields>), Error> {
    let call = &mut route.call;
    let query = magento::query(call.request.query)?;
    let fields = Fields::read(query.get("fields"));
    let body = std::mem::take(&mut call.body);
    let bytes = read::body(body, MAX_SIZE).await.map_err(|unread| {
        let (status, text) = unread.answer();
        Error::new(status, text)
    })?;
    let body = magento::body(read::header(call.request.headers, CONTENT_TYPE), &bytes)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let path: Vec<(String, String)> = route.variables.iter().map(|(name, value)| ((*name).to_owned(), text(value))).collect();
    Ok((magento::assemble(call.request.method, &path, &query, body, &[("group", "id")]), fields))
}

/// Why there is no result.
enum Failure {
    /// What the caller is told.
    Said(Error),
    /// 503: to be tried again after this.
    Later(Duration),
    /// 503: the store cannot be asked.
    Unavailable(StoreError),
    /// A refusal like those of a rule.
    Refused(Reason),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Said(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::Unavailable(error)
    }
}

/// What an endpoint answers.
type Outcome<T = Value> = Result<T, Failure>;

/// One request at work.
struct Desk<'a> {
    call: Call<'a>,
    store: StoreScope<'a>,
    params: Params,
    /// A session that takes the place of the caller's.
    session: Option<SignedIn>,
}

impl Desk<'_> {
    async fn serve(&mut self, route: &str) -> Outcome {
        match route {
            "customer.me" => self.show_own().await,
            "customer.me.save" => self.save_own().await,
            "customer.me.password" => self.change_own_password().await,
            "customer.me.activate" => self.activate_own().await,
            "customer.me.billing" => self.own_address("default_billing").await,
            "customer.me.shipping" => self.own_address("default_shipping").await,
            "customer.create" => self.register().await,
            "customer.email_available" => self.is_email_available().await,
            "customer.password.forgot" => self.forgot_password().await,
            "customer.password.reset" => self.reset_password().await,
            "customer.password.link" => self.judge_reset_link().await,
            "customer.activate" | "customer.activate_email" => self.activate().await,
            "customer.confirmation" => self.confirmation().await,
            "customer.confirmation.send" => self.send_confirmation().await,
            "customer.validate" => self.validate(),
            "customer.readonly" => self.is_readonly().await,
            "customer.show" => self.show().await,
            "customer.search" => self.search_customers().await,
            "customer.save" => self.save().await,
            "customer.delete" => self.delete().await,
            "customer.billing" => self.address_of("default_billing").await,
            "customer.shipping" => self.address_of("default_shipping").await,
            "address.show" => self.show_address().await,
            "address.delete" => self.delete_address().await,
            "metadata.customer" => self.attributes(Entity::Customer).await,
            "metadata.customer.attribute" => self.attribute(Entity::Customer).await,
            "metadata.customer.form" => self.form(Entity::Customer).await,
            "metadata.address" => self.attributes(Entity::Address).await,
            "metadata.address.attribute" => self.attribute(Entity::Address).await,
            "metadata.address.form" => self.form(Entity::Address).await,
            "metadata.customer.custom" | "metadata.address.custom" => Ok(Self::custom_attributes()),
            "group.show" => self.show_group().await,
            "group.search" => self.search_groups().await,
            "group.default" | "group.default.store" => self.default_group().await,
            "group.default.save" => self.set_default_group().await,
            "group.readonly" => self.is_group_readonly().await,
            "group.create" | "group.save" => self.save_group().await,
            "group.delete" => self.delete_group().await,
            other => {
                tracing::error!(route = other, "a route of ours has no answer");
                Err(Failure::Refused(Reason::Unenforceable("this route has no answer here")))
            }
        }
    }

    fn customers(&self) -> &dyn Customers {
        self.call.auth.store().customers()
    }

    /// The caller, who is a customer; for anyone else the forced id has no value (magento-webapi 3.4).
    fn own(&self) -> Outcome<Arc<Account>> {
        let account = self.call.identity.account().filter(|account| account.kind == Kind::Customer);
        account.cloned().ok_or_else(|| Error::required("customerId").into())
    }

    /// The directory of new customers, and of those that are named by e-mail address: the firewall's first of the kind.
    fn directory(&self) -> Outcome<Arc<Directory>> {
        let found = self.call.directories().into_iter().find(|directory| directory.kind == Kind::Customer);
        found.ok_or(Failure::Refused(Reason::Unenforceable("the firewall names no directory of customers")))
    }

    fn directory_of(&self, account: &Account) -> Outcome<Arc<Directory>> {
        self.call.policy.directory(&account.directory).cloned().map_or_else(|| self.directory(), Ok)
    }

    /// The store view that counts: for all of them the one that paths mean which name none.
    fn view(&self) -> &StoreView {
        match self.store {
            StoreScope::View(view) => view,
            StoreScope::All => self.call.policy.routes.stores.default_view(),
        }
    }

    /// What customers belong to of whom nothing was said.
    async fn home(&self) -> Outcome<Membership> {
        let view = self.call.policy.routes.stores.default_view();
        let group = self.customers().default_group(0).await?.id;
        Ok(Membership { website: view.website_id, store: view.id, group })
    }

    /// A customer of the directories that are served here.
    async fn customer(&self, id: i64) -> Outcome<Customer> {
        let found = match u64::try_from(id) {
            Ok(id) => self.customers().customer(id).await?,
            Err(_) => None,
        };
        found.filter(|customer| self.serves(&customer.record)).ok_or_else(|| Error::no_such_entity("customerId", id).into())
    }

    fn serves(&self, record: &AccountRecord) -> bool {
        let mut directories = self.call.directories().into_iter();
        directories.any(|directory| directory.kind == Kind::Customer && directory.name == record.account.directory)
    }

    /// Whether the caller may manage customers.
    fn may_manage(&self) -> bool {
        let roles = self.call.auth.roles();
        self.call.identity.account().is_some_and(|account| roles.granting(&self.call.policy.resources, account, MANAGE).is_some())
    }

    /// The document of a customer.
    async fn shown(&self, customer: &Customer) -> Outcome {
        let home = self.home().await?;
        Ok(document::customer(customer, home, &self.call.policy.routes.stores))
    }

    /// Who asks, for what needs the current password.
    fn caller<'c>(&'c self, account: &'c Account) -> Caller<'c> {
        let request = &self.call.request;
        Caller {
            account,
            address: request.client,
            device_token: cookie::value(request.headers, cookie::device_name(request.secure)),
            user_agent: read::header(request.headers, USER_AGENT),
        }
    }

    /// Writes down who did what to whose account.
    fn note(&self, event: &str, outcome: &str, account: Option<&Account>) {
        let login = account.map_or("", |account| &account.login);
        self.call.audit(event, outcome, account, login);
    }

    /// After a change of the store: nobody may remember what was.
    async fn forget(&self) -> Outcome<()> {
        self.call.auth.apply_changes().await?;
        Ok(())
    }

    fn hand_out_session(&self, response: &mut Response<Body>) {
        let Some(session) = &self.session else { return };
        let now = self.call.auth.clock().now();
        let headers = response.headers_mut();
        cookie::add(headers, cookie::session(&session.directory.cookie, &session.id, now));
        cookie::add(headers, cookie::device(&session.device_token, self.call.request.secure, now));
    }
}
