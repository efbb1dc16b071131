//! What needs a link's token, or sends one: another password without the old one, and confirming an address.

use super::{Desk, Failure, Outcome, own, register::WITHOUT_MAIL};
use doorward_auth::{Answered, LinkState, RedeemError, RequestError, Whose};
use doorward_core::{
    policy::Directory,
    ports::{LinkPurpose, StoreError},
};
use doorward_wire::magento::Error;
use serde_json::Value;

const MISMATCHED: &str = "The password token is mismatched. Reset and try again.";
const EXPIRED: &str = "The password token is expired. Reset and try again.";
const WRONG_KEY: &str = "The confirmation token is invalid. Verify the token and try again.";
const ACTIVE: &str = "The account is already active.";

impl Desk<'_> {
    pub(super) async fn forgot_password(&self) -> Outcome {
        self.params.require(&["email", "template"])?;
        let (email, template) = (self.params.text("email")?, self.params.text("template")?);
        if !matches!(&*template, "email_reset" | "email_reminder") {
            let text =
                "Invalid value of \"%value\" provided for the %fieldName field. Possible values: %template1 or %template2.";
            let error = Error::bad_request(text)
                .with("value", template.chars().take(64).collect::<String>())
                .with("fieldName", "email type")
                .with("template1", "email_reminder")
                .with("template2", "email_reset");
            return Err(error.into());
        }
        let answered = self
            .call
            .auth
            .request_reset(&*self.directory()?, Some(self.website()?), &email, (self.call.request.client, ""))
            .await;
        self.call.audit("password_reset_requested", answered.as_ref().map_or_else(word, |_| "success"), None, &email);
        match answered.map_err(request_failure)? {
            Answered::Unknown => Err(self.nobody(&email)?.into()),
            Answered::Alike | Answered::NotNeeded => Ok(true.into()),
        }
    }

    pub(super) async fn reset_password(&self) -> Outcome {
        self.params.require(&["email", "resetToken", "newPassword"])?;
        let (email, token, new) = (self.params.text("email")?, self.params.text("resetToken")?, self.params.text("newPassword")?);
        let whose = if email.is_empty() { Whose::Bearer } else { Whose::Named(&email) };
        let directory = self.directory()?;
        match self.call.auth.redeem_reset(&directory, whose, &token, &new, self.call.request.client).await {
            Ok(record) => {
                self.note("password_reset", "success", Some(&record.account));
                Ok(true.into())
            }
            Err(error) => Err(redeem_failure(error, MISMATCHED, EXPIRED)),
        }
    }

    pub(super) async fn judge_reset_link(&self) -> Outcome {
        let (id, token) = (self.params.int("customerId")?, self.params.text("resetPasswordLinkToken")?);
        // 0 stands for whoever has the token.
        let whose = u64::try_from(id).map_or(Whose::Id(u64::MAX), |id| if id == 0 { Whose::Bearer } else { Whose::Id(id) });
        match self.call.auth.link_state(LinkPurpose::Reset, &*self.directory()?, whose, &token).await? {
            LinkState::Good(_) => Ok(true.into()),
            LinkState::Expired => Err(Error::bad_request(EXPIRED).into()),
            LinkState::Unknown => Err(Error::bad_request(MISMATCHED).into()),
        }
    }

    pub(super) async fn activate(&self) -> Outcome {
        self.params.require(&["email", "confirmationKey"])?;
        let (email, key) = (self.params.text("email")?, self.params.text("confirmationKey")?);
        self.confirm(&*self.directory()?, Whose::Named(&email), &key).await
    }

    /// Confirms an address; the customer then.
    pub(super) async fn confirm(&self, directory: &Directory, whose: Whose<'_>, key: &str) -> Outcome {
        if let Whose::Id(id) = whose
            && self.customers().customer(id).await?.is_some_and(|customer| customer.record.confirmed)
        {
            return Err(Error::bad_request(ACTIVE).into());
        }
        let record = self.call.auth.confirm(directory, whose, key).await;
        let record = record.map_err(|error| redeem_failure(error, WRONG_KEY, WRONG_KEY))?;
        self.note("email_confirmed", "success", Some(&record.account));
        let id = i64::try_from(record.account.id).unwrap_or(i64::MAX);
        self.shown(&self.customer(id).await?).await
    }

    pub(super) async fn confirmation(&self) -> Outcome {
        let customer = self.customer(self.params.int("customerId")?).await?;
        let wanted = self.call.auth.account_rules().confirm_email;
        Ok(match (customer.record.confirmed, wanted) {
            (false, _) => "account_confirmation_required",
            (true, true) => "account_confirmed",
            (true, false) => "account_confirmation_not_required",
        }
        .into())
    }

    /// For those who manage customers, so it says what is so.
    pub(super) async fn send_confirmation(&self) -> Outcome {
        self.params.require(&["email", "websiteId"])?;
        let email = self.params.text("email")?;
        let (directory, website) = (self.directory()?, self.website()?);
        let known = directory.website.map(|_| website);
        let by_login = self.call.auth.store().account_by_login(&directory.name, known, &email).await?;
        let Some(record) = by_login.filter(|record| self.serves(record)) else { return Err(self.nobody(&email)?.into()) };
        if record.confirmed {
            return Err(Error::bad_request("Confirmation isn't needed.").into());
        }
        let sent = self.call.auth.resend_confirmation(&directory, Some(website), &email, self.call.request.client).await;
        sent.map_err(request_failure)?;
        self.note("confirmation_sent", "success", Some(&record.account));
        Ok(true.into())
    }

    /// 404 by e-mail address and website, as they were sent.
    fn nobody(&self, email: &str) -> Outcome<Error> {
        let website = self.params.optional_int("websiteId")?.unwrap_or_else(|| self.view().website_id.into());
        Ok(Error::no_such_entity_with(("email", Value::from(email)), ("websiteId", website.into())))
    }
}

fn word(error: &RequestError) -> &'static str {
    match error {
        RequestError::TooMany { .. } => "too_many",
        RequestError::NoMail => "no_mail",
        RequestError::Unavailable(_) => "unavailable",
    }
}

fn request_failure(error: RequestError) -> Failure {
    match error {
        RequestError::TooMany { contact } => {
            let contact = contact.as_deref().unwrap_or("the people who run this shop");
            Error::bad_request(RequestError::TEMPLATE).with_list(vec![contact.into()]).into()
        }
        RequestError::NoMail => Failure::Later(WITHOUT_MAIL),
        RequestError::Unavailable(error) => Failure::Unavailable(error),
    }
}

fn redeem_failure(error: RedeemError, unknown: &'static str, expired: &'static str) -> Failure {
    match error {
        RedeemError::Unknown => Error::bad_request(unknown).into(),
        RedeemError::Expired => Error::bad_request(expired).into(),
        RedeemError::Flaw(flaw) => own::flawed(flaw).into(),
        RedeemError::Busy { retry_after } => Failure::Later(retry_after),
        RedeemError::Unavailable(error) => unavailable(error),
    }
}

fn unavailable(error: StoreError) -> Failure {
    Failure::Unavailable(error)
}
