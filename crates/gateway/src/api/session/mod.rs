//! Sessions over REST (ibexa-rest 1).

pub(super) mod create;
pub(super) mod current;
pub(super) mod delete;
pub(super) mod refresh;

use super::{Call, Presented};
use crate::{Body, answer};
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

/// The session of the path, if it is the one that the request presents. An id is compared in constant time.
fn addressed<'c>(call: &'c Call<'_>, id: &str) -> Option<&'c Presented> {
    call.counting_session().filter(|session| doorward_crypto::same(session.id.as_bytes(), id.as_bytes()))
}
