//! `/customer/ajax/login` and `/customer/ajax/logout` (magento-webapi 8.1): for scripts of the storefront, with the header
//! `X-Requested-With` that only they can send. Without it the answer is a bare 400.

use super::{Door, enter, farewell, is_ajax, live_sessions, no_page, sign_out as pages, welcome};
use crate::{
    Body, answer,
    api::{Call, Presented, failure, read, set_retry_after},
};
use doorward_auth::{SignInError, Why};
use doorward_core::{Provenance, Reason, policy::Directory, ports::StoreError};
use doorward_wire::{Document, input::MAX_SIZE, magento};
use http::{Method, Response, StatusCode};
use serde_json::json;
use std::sync::Arc;

/// One answer for an unknown login, a wrong password, and an account that is locked or disabled (magento-webapi 8.4 tells
/// the locked ones apart: whoever asks would learn which accounts there are).
const WRONG: &str = "Invalid login or password.";
const UNCONFIRMED: &str = "This account isn't confirmed. Verify and try again.";
const LATER: &str = "Signing in is not possible at the moment. Please try again later.";

/// `{"username":..., "password":...}`; other members are for parts of the shop that are not here.
pub(super) async fn sign_in(mut call: Call<'_>) -> Response<Body> {
    let directories = Door::Customer.directories(&call);
    if directories.is_empty() {
        return no_page(&call);
    }
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    if call.request.method != Method::POST || !is_ajax(&call) {
        return answer::empty(StatusCode::BAD_REQUEST);
    }
    let bytes = match read::body(std::mem::take(&mut call.body), MAX_SIZE).await {
        Ok(bytes) => bytes,
        Err(unread) => return answer::empty(unread.answer().0),
    };
    // Magento reads JSON here whatever the type says.
    let members = match magento::body(Some("application/json"), &bytes) {
        Ok(members) if !members.is_empty() => members,
        _ => return answer::empty(StatusCode::BAD_REQUEST),
    };
    let text = |name: &str| members.get(name).and_then(|value| value.as_str());
    let (Some(login), Some(password)) = (text("username"), text("password")) else {
        return said(&call, StatusCode::OK, true, WRONG);
    };
    match enter(&call, &directories, login, password).await {
        Ok(signed_in) => {
            let mut response = said(&call, StatusCode::OK, false, "Login successful.");
            welcome(&call, &signed_in, &mut response);
            response
        }
        Err(error) => {
            call.audit_failure(&error, login);
            if let SignInError::Invalid { why, .. } = error {
                // Only whoever knows the password learns this.
                let text = if why == Why::Unconfirmed { UNCONFIRMED } else { WRONG };
                return said(&call, StatusCode::OK, true, text);
            }
            let (status, after) = failure(&error);
            let mut response = said(&call, status, true, LATER);
            set_retry_after(&mut response, after);
            response
        }
    }
}

/// GET as POST: the header says that a script of ours asks, which no link, image or prefetch can say.
pub(super) async fn sign_out(call: Call<'_>) -> Response<Body> {
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    if !matches!(*call.request.method, Method::GET | Method::POST) || !is_ajax(&call) {
        return answer::empty(StatusCode::BAD_REQUEST);
    }
    match end(&call, &Door::Customer.directories(&call)).await {
        Ok(sessions) => {
            let mut response = document(&call, StatusCode::OK, json!({ "message": "Logout Successful" }).to_string());
            farewell(&call, Door::Customer, &sessions, &mut response);
            response
        }
        Err(error) => call.refuse(Reason::Unavailable(error.to_string().into())),
    }
}

/// Ends the sessions of these directories, and old ones that were never exchanged for one.
async fn end(call: &Call<'_>, directories: &[Arc<Directory>]) -> Result<Vec<Presented>, StoreError> {
    let sessions = live_sessions(call, directories).await?;
    call.spend_old_sessions(directories).await?;
    pages::end_all(call, &sessions).await?;
    Ok(sessions)
}

fn said(call: &Call<'_>, status: StatusCode, errors: bool, message: &str) -> Response<Body> {
    document(call, status, json!({ "errors": errors, "message": message }).to_string())
}

fn document(call: &Call<'_>, status: StatusCode, body: String) -> Response<Body> {
    let document = Document { content_type: "application/json".to_owned(), body };
    answer::page(status, document, call.request.method == Method::HEAD)
}
