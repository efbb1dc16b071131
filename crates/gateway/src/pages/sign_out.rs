//! `/logout`: asks first, then ends every session of ours that the browser presents.

use super::{Place, describe, live_sessions, page, unavailable};
use crate::{
    Body, answer,
    api::{Call, Form, Presented, cookie},
};
use doorward_core::{Provenance, Reason, Refusal, ports::StoreError};
use doorward_crypto::csrf;
use doorward_wire::pages as html;
use http::{Response, StatusCode};

/// The question, or that there is nothing to ask.
pub(super) async fn show(call: &Call<'_>) -> Response<Body> {
    match live_sessions(call, &call.policy.directories).await {
        Ok(sessions) => ask(call, StatusCode::OK, &sessions),
        Err(error) => unavailable(call, &error),
    }
}

/// The answer to it. A token of any of the sessions proves that it was our form.
pub(super) async fn submit(mut call: Call<'_>) -> Response<Body> {
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    let fields = match Form::read(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let sessions = match live_sessions(&call, &call.policy.directories).await {
        Ok(sessions) => sessions,
        Err(error) => return unavailable(&call, &error),
    };
    let token = fields.text("_csrf_token");
    if !sessions.iter().any(|session| csrf::verify(&session.id, token)) {
        let status = if sessions.is_empty() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        let mut response = ask(&call, status, &sessions);
        if !sessions.is_empty() {
            response.extensions_mut().insert(Refusal::new(Reason::Csrf, true));
        }
        return response;
    }
    if let Err(error) = end_all(&call, &sessions).await {
        return unavailable(&call, &error);
    }
    let mut response = page(&call, StatusCode::OK, html::render(&html::SignedOut));
    delete_cookies(&call, &sessions, &mut response);
    response
}

/// Ends these sessions.
pub(crate) async fn end_all(call: &Call<'_>, sessions: &[Presented]) -> Result<(), StoreError> {
    for session in sessions {
        call.sign_out(session).await?;
    }
    Ok(())
}

/// Deletes their cookies.
pub(crate) fn delete_cookies(call: &Call<'_>, sessions: &[Presented], response: &mut Response<Body>) {
    let now = call.auth.clock().now();
    for session in sessions {
        cookie::add(response.headers_mut(), cookie::deletion(&session.directory.cookie, now));
    }
}

/// The question, with a token of the first of these sessions.
pub(crate) fn ask(call: &Call<'_>, status: StatusCode, sessions: &[Presented]) -> Response<Body> {
    let Some(first) = sessions.first() else {
        return page(call, status, html::render(&html::SignedOut));
    };
    let token = csrf::token(&first.id, call.auth.entropy());
    let action = Place::of(call).path("/logout");
    let html = describe(sessions, |sessions| {
        html::render(&html::SignOut { sessions, action: &action, token_name: "_csrf_token", token: &token })
    });
    let mut response = page(call, status, html);
    if status == StatusCode::UNAUTHORIZED {
        answer::challenge(&mut response);
    }
    response
}
