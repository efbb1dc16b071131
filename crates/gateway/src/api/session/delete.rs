//! `DELETE /user/sessions/{id}` (ibexa-rest 1.5).

use super::{
    super::{Call, cookie, read},
    addressed,
};
use crate::{Body, answer};
use doorward_core::Reason;
use doorward_crypto::csrf;
use http::{Response, StatusCode};

/// 404 for another id, then 401 without the token, then 204: the session is over wherever it is asked for.
pub(in crate::api) async fn run(call: &Call<'_>, id: &str) -> Response<Body> {
    let session = match addressed(call, id).await {
        Ok(Some(session)) => session,
        Ok(None) => return answer::empty(StatusCode::NOT_FOUND),
        Err(error) => return call.refuse(Reason::Unavailable(error.to_string().into())),
    };
    if !read::csrf_token(call.request.headers).is_some_and(|token| csrf::verify(&session.id, token)) {
        return call.refuse(Reason::Csrf);
    }
    if let Err(error) = call.sign_out(&session).await {
        return call.refuse(Reason::Unavailable(error.to_string().into()));
    }
    let mut response = answer::empty(StatusCode::NO_CONTENT);
    cookie::add(response.headers_mut(), cookie::deletion(&session.directory.cookie, call.auth.clock().now()));
    response
}
