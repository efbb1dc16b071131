//! `GET /user/sessions/current` (ibexa-rest 1.3).

use super::{super::Call, represent};
use crate::{Body, answer};
use doorward_crypto::csrf;
use http::{Response, StatusCode};

/// The session with a fresh token, or 404 without a body.
pub(in crate::api) fn run(call: &Call<'_>) -> Response<Body> {
    match call.counting_session() {
        Some(session) => represent(call, StatusCode::OK, session, &csrf::token(&session.id, call.auth.entropy())),
        None => answer::empty(StatusCode::NOT_FOUND),
    }
}
