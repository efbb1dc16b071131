//! `GET {prefix}/`: what is here (ibexa-rest 7).

use super::Call;
use crate::{Body, answer};
use doorward_core::firewall::Authentication;
use doorward_wire::ibexa::Root;
use http::{Response, StatusCode};

/// The entries that Doorward serves to whoever is judged by this firewall.
pub(super) fn show(call: &Call<'_>) -> Response<Body> {
    let to = call.reader();
    let sessions = call.policy.serve.sessions && call.firewall.authentication == Authentication::Session;
    let root = Root { prefix: call.request.prefix, sessions };
    answer::with_body(StatusCode::OK, root.document(to.ibexa_format()), &to)
}
