//! Sessions over REST (ibexa-rest 1).

pub(super) mod create;
pub(super) mod current;
pub(super) mod delete;
pub(super) mod refresh;

use super::{Call, Presented};
use crate::{Body, answer};
use doorward_core::ports::StoreError;
use doorward_wire::ibexa;
use http::{Response, StatusCode};

/// The representation of a session. It shows the id, so it is `no-store` like all our answers.
fn represent(call: &Call<'_>, status: StatusCode, session: &Presented, csrf_token: &str) -> Response<Body> {
    let to = call.reader();
    let document = ibexa::Session {
        prefix: call.request.prefix,
        name: &session.directory.cookie.name,
        identifier: &session.id,
        csrf_token,
        user: session.live.account().id,
    }
    .document(to.ibexa_format());
    answer::with_body(status, document, &to)
}

/// The session of the path, if the request presents it and it lives. With live cookies of several directories any of
/// them may be addressed, not only the one that the firewall's order makes the caller. Ids are compared in constant time.
///
/// # Errors
/// When the store cannot be asked.
async fn addressed(call: &Call<'_>, id: &str) -> Result<Option<Presented>, StoreError> {
    if call.counting_session().is_none() {
        return Ok(None);
    }
    for directory in call.directories() {
        let presented = call.live_in(&directory).await?;
        if let Some(session) = presented.filter(|session| doorward_crypto::same(session.id.as_bytes(), id.as_bytes())) {
            return Ok(Some(session));
        }
    }
    Ok(None)
}
