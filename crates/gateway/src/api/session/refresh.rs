//! `POST /user/sessions/{id}/refresh` (ibexa-rest 1.4). Every use keeps a session alive, so nothing else happens.

use super::{
    super::{Call, read},
    addressed, represent,
};
use crate::{Body, answer};
use doorward_core::Reason;
use doorward_crypto::csrf;
use http::{Response, StatusCode};

/// 404 for another id, then 401 without the token, then the session with the token as it was sent.
pub(in crate::api) async fn run(call: &Call<'_>, id: &str) -> Response<Body> {
    let session = match addressed(call, id).await {
        Ok(Some(session)) => session,
        Ok(None) => return answer::empty(StatusCode::NOT_FOUND),
        Err(error) => return call.refuse(Reason::Unavailable(error.to_string().into())),
    };
    match read::csrf_token(call.request.headers).filter(|token| csrf::verify(&session.id, token)) {
        Some(token) => represent(call, StatusCode::OK, &session, token),
        None => call.refuse(Reason::Csrf),
    }
}
