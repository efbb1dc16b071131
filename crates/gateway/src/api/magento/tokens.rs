//! The token endpoints (magento-webapi 6.1, 6.2): a password for a token, and the end of all tokens of a customer.

use super::RouteCall;
use crate::{
    Body, answer,
    api::{failure, read, set_retry_after},
};
use doorward_auth::{Attempt, Limit, SignInError, Why};
use doorward_core::{
    Account, Kind, Reason,
    ports::{AccountChange, StoreError},
    stores::StoreScope,
};
use doorward_wire::{
    input::MAX_SIZE,
    magento::{self, Error, Params, Values},
};
use http::{
    Method, Response, StatusCode,
    header::{CONTENT_TYPE, USER_AGENT},
};
use std::mem;

/// `POST /V1/integration/customer/token` and `POST /V1/integration/admin/token`; the latter as without the module
/// TwoFactorAuth.
pub(super) async fn issue(mut route: RouteCall<'_>, kind: Kind) -> Response<Body> {
    match try_issue(&mut route, kind).await {
        Ok(token) => answer::magento_success(&token.into(), None, &route.call.reader()),
        Err(Failure::Said(error)) => answer::magento(&error, &route.call.reader()),
        Err(Failure::Answered(response)) => *response,
    }
}

/// `POST /V1/integration/customer/revoke-customer-token`: every token of the customer, whoever holds it.
pub(super) async fn revoke(route: RouteCall<'_>) -> Response<Body> {
    let call = &route.call;
    // An admin who may do everything passes `self` and has no customer's id (magento-webapi 4.6).
    let account = match call.identity.account() {
        Some(account) if account.kind == Kind::Customer => account,
        Some(_) => return answer::magento(&Error::required("customerId"), &call.reader()),
        None => return answer::magento(&Error::unauthorized(["self"]), &call.reader()),
    };
    match end_tokens(&route, account).await {
        Ok(()) => {
            call.audit("tokens_revoked", "success", Some(account), &account.login);
            answer::magento_success(&true.into(), None, &call.reader())
        }
        Err(error) => call.refuse(Reason::Unavailable(error.to_string().into())),
    }
}

async fn end_tokens(route: &RouteCall<'_>, account: &Account) -> Result<(), StoreError> {
    let auth = route.call.auth;
    let now = auth.clock().now();
    auth.store().change_account(account.kind, account.id, AccountChange::EndTokens(now), now).await?;
    auth.apply_changes().await.map(drop)
}

enum Failure {
    Said(Error),
    Answered(Box<Response<Body>>),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Failure::Said(error)
    }
}

async fn try_issue(route: &mut RouteCall<'_>, kind: Kind) -> Result<String, Failure> {
    let (username, password) = credentials(route).await?;
    let call = &route.call;
    let mut directories = call.directories();
    directories.retain(|directory| directory.kind == kind);
    let attempt = Attempt {
        login: &username,
        password: &password,
        address: call.request.client,
        device_token: None,
        user_agent: read::header(call.request.headers, USER_AGENT),
        site: &call.policy.sites.here,
        website: match route.store {
            StoreScope::View(view) => Some(view.website_id),
            StoreScope::All => None,
        },
    };
    let settings = call.auth.tokens().settings();
    let limit = Limit { max_failures: settings.max_failures, lock: settings.lock };
    let verified = match call.auth.verify_within(&directories, attempt, Some(limit)).await {
        Ok(verified) => verified,
        Err(error) => {
            call.audit_failure(&error, &username);
            return Err(refused(route, &error));
        }
    };
    let account = &verified.record.account;
    if kind == Kind::Admin && account.roles.is_empty() {
        call.audit("sign_in_failed", "no_role", Some(account), &account.login);
        return Err(Error::new(StatusCode::UNAUTHORIZED, "More permissions are needed to access this.").into());
    }
    match call.auth.tokens().issue(&verified.record, verified.began).await {
        Ok(issued) => {
            call.audit("token_issued", "success", Some(account), &account.login);
            Ok(issued.token)
        }
        // It changed since: what was proved is no longer so.
        Err(StoreError::Missing(_)) => {
            call.audit("sign_in_failed", Why::Changed.code(), Some(account), &account.login);
            Err(Error::sign_in().into())
        }
        Err(error) => Err(Failure::Answered(Box::new(call.refuse(Reason::Unavailable(error.to_string().into()))))),
    }
}

/// User name and password of the body. Not of the query, which logs and histories keep.
async fn credentials(route: &mut RouteCall<'_>) -> Result<(String, String), Failure> {
    let call = &mut route.call;
    let bytes = read::body(mem::take(&mut call.body), MAX_SIZE).await.map_err(|unread| {
        let (status, text) = unread.answer();
        Error::new(status, text)
    })?;
    let body = magento::body(read::header(call.request.headers, CONTENT_TYPE), &bytes)?;
    let params = magento::assemble(&Method::POST, &[], &Values::new(), body, &[]);
    let (username, password) = (present(&params, "username")?, present(&params, "password")?);
    let missing = [("username", &username), ("password", &password)].into_iter().filter(|(_, given)| given.is_none());
    match (Error::aggregate(missing.map(|(name, _)| Error::required(name)).collect()), username, password) {
        (None, Some(username), Some(password)) => Ok((username, password)),
        (Some(error), _, _) => Err(error.into()),
        (None, _, _) => Err(Error::sign_in().into()),
    }
}

/// A text that is not empty.
fn present(params: &Params, name: &str) -> Result<Option<String>, Error> {
    Ok(params.optional_text(name)?.filter(|text| !text.is_empty()))
}

/// Whatever the cause the words are the same, but for a customer whose password is right and whose address is yet to be
/// confirmed (magento-webapi 6.2 [dev]).
fn refused(route: &RouteCall<'_>, error: &SignInError) -> Failure {
    match error {
        SignInError::Invalid { why: Why::Unconfirmed, .. } => {
            Error::new(StatusCode::UNAUTHORIZED, "This account isn't confirmed. Verify and try again.").into()
        }
        SignInError::Invalid { .. } => Error::sign_in().into(),
        SignInError::TooMany { .. } | SignInError::Busy { .. } => {
            let (status, after) = failure(error);
            let mut response = answer::magento(&Error::new(status, "Too Many Requests"), &route.call.reader());
            set_retry_after(&mut response, after);
            Failure::Answered(Box::new(response))
        }
        SignInError::Unavailable(error) => {
            Failure::Answered(Box::new(route.call.refuse(Reason::Unavailable(error.to_string().into()))))
        }
    }
}
