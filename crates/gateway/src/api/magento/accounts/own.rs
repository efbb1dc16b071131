//! `/V1/customers/me`: whoever calls, and nobody else. Whatever names another customer (id, group, website, store view, in
//! query or body, in any spelling) is not read.

use super::{Desk, Failure, Outcome, document, input::Given, register::WITHOUT_MAIL};
use doorward_auth::{ChangeError, SignInError, Whose};
use doorward_core::{
    Account,
    password::Flaw,
    ports::{Customer, CustomerChange, StoreError},
};
use doorward_wire::magento::Error;
use http::StatusCode;
use serde_json::Value;

const NO_EMAIL: &str = "The customer email is missing. Enter and try again.";
const WRONG_PASSWORD: &str = "The password doesn't match this account. Verify the password and try again.";
const LOCKED: &str = "The account is locked.";

impl Desk<'_> {
    pub(super) async fn show_own(&self) -> Outcome {
        let customer = self.customer(number(&*self.own()?)).await?;
        self.shown(&customer).await
    }

    pub(super) async fn save_own(&self) -> Outcome {
        let account = self.own()?;
        let given = Given::read(&self.params.object("customer")?)?;
        let before = self.customer(number(&account)).await?;
        let email = given.email.as_deref().ok_or_else(|| Error::bad_request(NO_EMAIL))?;
        given.judge(Some(&before))?;
        let change = CustomerChange { profile: given.profile, addresses: given.addresses, ..CustomerChange::default() };
        let after = if email == document::email(&before) {
            let after = self.write_customer(account.id, change).await?;
            self.note("customer_changed", "success", Some(&after.record.account));
            after
        } else {
            self.change_own_email(&account, email, change).await?
        };
        self.shown(&after).await
    }

    /// Another address is another way into the account, so it takes the password. What else changes, changes with it.
    async fn change_own_email(&self, account: &Account, email: &str, change: CustomerChange) -> Outcome<Customer> {
        let password = match self.params.optional_text("password")? {
            Some(password) => Some(password),
            None => self.params.optional_text("currentPassword")?,
        };
        let password = password.ok_or_else(|| Error::bad_request("Provide the current \"password\" to change \"email\"."))?;
        let directory = self.directory_of(account)?;
        let changed = self.call.auth.change_email(&directory, self.caller(account), &password, email, change).await;
        let word = changed.as_ref().map_or_else(ChangeError::code, |_| "success");
        self.note("email_changed", word, Some(account));
        changed.map_err(failure)
    }

    pub(super) async fn change_own_password(&mut self) -> Outcome {
        let account = self.own()?;
        self.params.require(&["currentPassword", "newPassword"])?;
        let (current, new) = (self.params.text("currentPassword")?, self.params.text("newPassword")?);
        let directory = self.directory_of(&account)?;
        let keep = self.call.counting_session().is_some();
        let changed = self.call.auth.change_password(&directory, self.caller(&account), &current, &new, keep).await;
        let word = changed.as_ref().map_or_else(ChangeError::code, |_| "success");
        self.note("password_changed", word, Some(&account));
        self.session = changed.map_err(failure)?.session;
        Ok(true.into())
    }

    pub(super) async fn activate_own(&self) -> Outcome {
        let account = self.own()?;
        let key = self.params.text("confirmationKey")?;
        self.confirm(&*self.directory_of(&account)?, Whose::Id(account.id), &key).await
    }

    pub(super) async fn own_address(&self, which: &str) -> Outcome {
        let customer = self.customer(number(&*self.own()?)).await?;
        Ok(default_address(&customer, which))
    }

    /// Changes what is stored of a customer.
    pub(super) async fn write_customer(&self, id: u64, change: CustomerChange) -> Outcome<Customer> {
        let now = self.call.auth.clock().now();
        let changed = self.customers().change_customer(id, change, now).await;
        let customer = changed.map_err(|error| match error {
            StoreError::Exists(_) => duplicate().into(),
            StoreError::Missing(_) => gone().into(),
            other => Failure::Unavailable(other),
        })?;
        self.forget().await?;
        Ok(customer)
    }
}

/// The default address, or nothing.
pub(super) fn default_address(customer: &Customer, which: &str) -> Value {
    let id = customer.profile.get(which).and_then(Value::as_u64);
    let found = customer.addresses.iter().find(|address| Some(address.id) == id);
    found.map_or(Value::Null, |address| document::address(address, &customer.profile))
}

/// What somebody is told whose address is another's already.
pub(super) fn duplicate() -> Error {
    Error::bad_request("A customer with the same email address already exists in an associated website.")
}

/// An address of somebody else, or a customer who is gone by now.
fn gone() -> Error {
    Error::new(StatusCode::NOT_FOUND, "No such entity.")
}

/// What somebody is told whose password breaks a rule.
pub(super) fn flawed(flaw: Flaw) -> Error {
    Error::bad_request(flaw.template()).with_list(flaw.parameter().into_iter().map(Value::from).collect())
}

fn number(account: &Account) -> i64 {
    i64::try_from(account.id).unwrap_or(i64::MAX)
}

/// What somebody is told whose change was not made.
pub(super) fn failure(error: ChangeError) -> Failure {
    match error {
        ChangeError::NotVerified(SignInError::Invalid { .. }) => Error::new(StatusCode::UNAUTHORIZED, WRONG_PASSWORD).into(),
        ChangeError::NotVerified(SignInError::TooMany { .. }) => Error::new(StatusCode::UNAUTHORIZED, LOCKED).into(),
        ChangeError::NotVerified(SignInError::Busy { retry_after }) | ChangeError::Busy { retry_after } => {
            Failure::Later(retry_after)
        }
        ChangeError::NotVerified(SignInError::Unavailable(error)) | ChangeError::Unavailable(error) => {
            Failure::Unavailable(error)
        }
        ChangeError::Flaw(flaw) => flawed(flaw).into(),
        ChangeError::Email => Error::bad_request("\"Email\" is not a valid email address.").into(),
        ChangeError::Exists => duplicate().into(),
        ChangeError::Missing => gone().into(),
        ChangeError::NoMail => Failure::Later(WITHOUT_MAIL),
    }
}
