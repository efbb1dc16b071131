//! `POST /user/sessions` (ibexa-rest 1.2, 'recommended contract').
//!
//! | presented session          | valid token | answer                              |
//! |----------------------------|-------------|-------------------------------------|
//! | none, or none that lives   |             | 201                                 |
//! | of the same account        | yes         | 200, the same id                    |
//! | of the same account        | no          | 201, a new id; the old session ends |
//! | of another account         | yes         | 409, without a body                 |
//! | of another account         | no          | 201, a new id; the old session ends |
//!
//! All of it only once the password was verified; wrong credentials are 401 and touch nothing.

use super::{
    super::{Call, Presented, cookie, failure, read, read::Unread, set_retry_after},
    represent,
};
use crate::{Body, answer};
use doorward_auth::{Attempt, SignInError, Verified};
use doorward_core::{Provenance, Reason};
use doorward_crypto::csrf;
use doorward_wire::{
    ibexa::session_href,
    input::{InputError, MAX_SIZE, SessionInput},
};
use http::{
    HeaderValue, Response, StatusCode,
    header::{CONTENT_TYPE, LOCATION, USER_AGENT},
};

/// Runs the endpoint.
pub(in crate::api) async fn run(mut call: Call<'_>) -> Response<Body> {
    // Exempt from the token, not from the second line: another site must not sign a browser in either.
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    let input = match input(&mut call).await {
        Ok(input) => input,
        Err((status, text)) => return answer::error(status, &text, &call.reader()),
    };
    match sign_in(&call, &input).await {
        Ok(response) => response,
        Err(error) => {
            call.audit_failure(&error, &input.login);
            let (status, after) = failure(&error);
            let text = match error {
                SignInError::Invalid { .. } => "Invalid credentials.",
                SignInError::TooMany { .. } => "Too many failed sign-ins.",
                SignInError::Busy { .. } => "Too many sign-ins at once.",
                SignInError::Unavailable(_) => "Signing in is not possible at the moment.",
            };
            let mut response = answer::error(status, text, &call.reader());
            set_retry_after(&mut response, after);
            response
        }
    }
}

async fn input(call: &mut Call<'_>) -> Result<SessionInput, (StatusCode, String)> {
    let bytes = read::body(std::mem::take(&mut call.body), MAX_SIZE).await.map_err(|unread| match unread {
        Unread::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, InputError::TooLarge.to_string()),
        other => (other.answer().0, other.answer().1.to_owned()),
    })?;
    SessionInput::read(read::header(call.request.headers, CONTENT_TYPE), &bytes).map_err(|error| {
        let status = StatusCode::from_u16(error.status()).unwrap_or(StatusCode::BAD_REQUEST);
        (status, error.to_string())
    })
}

async fn sign_in(call: &Call<'_>, input: &SessionInput) -> Result<Response<Body>, SignInError> {
    let attempt = Attempt {
        login: &input.login,
        password: &input.password,
        address: call.request.client,
        device_token: cookie::value(call.request.headers, cookie::device_name(call.request.secure)),
        user_agent: read::header(call.request.headers, USER_AGENT),
        site: &call.policy.sites.here,
        website: Some(call.policy.routes.stores.at_host(call.request.host).website_id),
    };
    let verified = call.auth.verify(&call.directories(), attempt).await?;
    let old = call.live_in(&verified.directory).await.map_err(SignInError::Unavailable)?;
    let token = read::csrf_token(call.request.headers);
    match (&old, token) {
        (Some(old), Some(token)) if csrf::verify(&old.id, token) => {
            let account = &verified.record.account;
            if old.live.account().id != account.id {
                call.audit("sign_in_failed", "conflict", Some(account), &input.login);
                return Ok(answer::empty(StatusCode::CONFLICT));
            }
            call.audit("sign_in", "success", Some(account), &account.login);
            Ok(represent(call, StatusCode::OK, old, token))
        }
        _ => start(call, verified, old.as_ref()).await,
    }
}

async fn start(call: &Call<'_>, verified: Verified, old: Option<&Presented>) -> Result<Response<Body>, SignInError> {
    let signed_in = call.auth.start(verified, old.map(|old| old.live.key())).await?;
    let account = signed_in.live.account();
    call.audit("sign_in", "success", Some(&account), &account.login);
    let session = Presented { directory: signed_in.directory, id: signed_in.id, live: signed_in.live };
    let token = csrf::token(&session.id, call.auth.entropy());
    let mut response = represent(call, StatusCode::CREATED, &session, &token);
    let now = call.auth.clock().now();
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(session_href(call.request.prefix, &session.id)) {
        headers.insert(LOCATION, location);
    }
    cookie::add(headers, cookie::session(&session.directory.cookie, &session.id, now));
    cookie::add(headers, cookie::device(&signed_in.device_token, call.request.secure, now));
    Ok(response)
}
