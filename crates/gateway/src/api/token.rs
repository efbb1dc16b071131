//! `POST /user/token/jwt` (ibexa-rest 3.1): a password for a token. No session begins, and no cookie is set.
//!
//! The newer version answers in JSON alone, whatever is accepted; XML is answered to whoever asks for it, or sent XML and
//! asks for nothing, as the older version has it.

use super::{Call, failure, read, read::Unread, set_retry_after};
use crate::{Body, answer, answer::Reader};
use doorward_auth::{Attempt, SignInError, Why};
use doorward_core::{Provenance, Reason, ports::StoreError};
use doorward_wire::{
    Format, ibexa,
    input::{InputError, JwtInput, MAX_SIZE},
    negotiate,
};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, USER_AGENT, WWW_AUTHENTICATE},
};

/// Runs the endpoint.
pub(super) async fn create(mut call: Call<'_>) -> Response<Body> {
    // Exempt from the token, not from the second line: another site must not try passwords through a browser either.
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    let input = match input(&mut call).await {
        Ok(input) => input,
        Err((status, text)) => return answer::error(status, &text, &call.reader()),
    };
    let to = call.reader();
    let format = negotiate::ibexa_named(to.accept.as_deref()).unwrap_or(input.format);
    match issue(&call, &input).await {
        Ok(token) => answer::with_body(StatusCode::OK, ibexa::Jwt { token: &token }.document(format), &to),
        Err(SignInError::Invalid { .. }) => wrong(&call, format, &to),
        Err(error) => {
            let (status, after) = failure(&error);
            let mut response = answer::error(status, "Too many sign-ins.", &to);
            set_retry_after(&mut response, after);
            response
        }
    }
}

async fn input(call: &mut Call<'_>) -> Result<JwtInput, (StatusCode, String)> {
    let bytes = read::body(std::mem::take(&mut call.body), MAX_SIZE).await.map_err(|unread| match unread {
        Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, InputError::TooLarge.to_string()),
        other => (other.answer().0, other.answer().1.to_owned()),
    })?;
    JwtInput::read(read::header(call.request.headers, CONTENT_TYPE), &bytes).map_err(|error| {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        (status, error.to_string())
    })
}

/// A session of the same user proves nothing here: the password is verified each time.
async fn issue(call: &Call<'_>, input: &JwtInput) -> Result<String, SignInError> {
    let attempt = Attempt {
        login: &input.username,
        password: &input.password,
        address: call.request.client,
        device_token: None,
        user_agent: read::header(call.request.headers, USER_AGENT),
        site: &call.policy.sites.here,
        website: Some(call.policy.routes.stores.at_host(call.request.host).website_id),
    };
    let verified = match call.auth.verify(&call.directories(), attempt).await {
        Ok(verified) => verified,
        Err(error) => {
            call.audit_failure(&error, &input.username);
            return Err(error);
        }
    };
    let account = &verified.record.account;
    match call.auth.tokens().issue_web(&verified.record, verified.began).await {
        Ok(issued) => {
            call.audit("token_issued", "success", Some(account), &account.login);
            Ok(issued.token)
        }
        // It changed since: what was proved is no longer so.
        Err(StoreError::Missing(_)) => {
            let error = SignInError::Invalid { why: Why::Changed, account: Some(std::sync::Arc::clone(account)) };
            call.audit_failure(&error, &input.username);
            Err(error)
        }
        Err(error) => Err(SignInError::Unavailable(error)),
    }
}

/// The same for every cause. Who reads XML reads what the older version says of it.
fn wrong(call: &Call<'_>, format: Format, to: &Reader) -> Response<Body> {
    let status = StatusCode::UNAUTHORIZED;
    let document = match format {
        Format::Json => ibexa::bearer_failure(status.as_u16(), "Invalid credentials."),
        Format::Xml => {
            let path = call.request.path;
            let description = format!("The User does not have the '{path}' 'Invalid login or password' permission");
            ibexa::ErrorMessage { code: status.as_u16(), description: &description, routing: false }.document(format)
        }
    };
    let mut response = answer::with_body(status, document, to);
    response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    response
}
