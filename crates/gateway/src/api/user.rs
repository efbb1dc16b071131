//! Users (ibexa-rest 8): the current one, and one by id.

use super::{Call, USERS};
use crate::{Body, answer};
use doorward_core::{
    Account, Kind, Reason, Refusal, Source,
    ports::{AccountRecord, StoreError},
    route::Requirement,
};
use doorward_wire::ibexa::{User, user_href};
use http::{HeaderValue, Response, StatusCode, header::LOCATION};
use std::sync::Arc;

/// `GET /user/current`: 307 to oneself.
pub(super) fn current(call: &Call<'_>) -> Response<Body> {
    let Some(account) = call.identity.account() else {
        return refused(call, Requirement::OwnAccount, "Not logged in.");
    };
    let mut response = answer::empty(StatusCode::TEMPORARY_REDIRECT);
    if let Ok(location) = HeaderValue::try_from(user_href(call.request.prefix, account.id)) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

/// `GET /user/users/{id}`: oneself, or anybody for admins to whom a role grants it. In this dialect 401 is 'not
/// permitted'; what does not exist is 404 only for those who may know.
pub(super) async fn show(call: &Call<'_>, id: u64) -> Response<Body> {
    let to = call.reader();
    let Some(caller) = call.identity.account() else {
        return refused(call, Requirement::OwnAccount, "Not logged in.");
    };
    let roles = call.auth.roles();
    let may = caller.kind == Kind::Admin && roles.granting(&call.policy.resources, caller, USERS).is_some();
    if caller.id != id && !may {
        if let Some(why) = roles.why_unknown(caller).filter(|_| caller.kind == Kind::Admin) {
            return call.refuse(Reason::Unavailable(Arc::clone(why)));
        }
        return refused(call, Requirement::Resource(USERS.into()), "This account is not allowed to do this.");
    }
    match find(call, caller, id).await {
        Ok(Some(record)) => {
            let user = User {
                prefix: call.request.prefix,
                id,
                login: &record.account.login,
                email: record.email.as_deref().unwrap_or_default(),
                enabled: record.enabled,
            };
            answer::with_body(StatusCode::OK, user.document(to.ibexa_format()), &to)
        }
        Ok(None) => answer::error(StatusCode::NOT_FOUND, "No such user.", &to),
        Err(error) => call.refuse(Reason::Unavailable(error.to_string().into())),
    }
}

/// 401 with the contract's words; it goes along as the refusal that it is, so that it is recorded as one.
fn refused(call: &Call<'_>, lacking: Requirement, description: &str) -> Response<Body> {
    let reason = Reason::NotGranted { rule: Source::new("built-in", 1), required: vec![lacking.clone()], lacking };
    let mut response = answer::error(StatusCode::UNAUTHORIZED, description, &call.reader());
    response.extensions_mut().insert(Refusal::new(reason, call.identity.account().is_some()));
    response
}

/// The account of the caller's own kind first: ids are unique within a kind. Only admins see the other kind.
async fn find(call: &Call<'_>, caller: &Arc<Account>, id: u64) -> Result<Option<AccountRecord>, StoreError> {
    let own = call.auth.store().account(caller.kind, id).await?;
    if own.is_some() || caller.kind == Kind::Customer || caller.id == id {
        return Ok(own);
    }
    call.auth.store().account(Kind::Customer, id).await
}
