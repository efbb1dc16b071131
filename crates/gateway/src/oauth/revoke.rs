//! Token revocation (RFC 7009).

use super::{Asking, audit, provider};
use crate::{Body, answer, api::Call};
use doorward_core::OAuth;
use doorward_oauth::rfc7009;
use http::{Response, StatusCode};

/// Runs the endpoint.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let asking = match Asking::read(&mut call).await {
        Ok(asking) => asking,
        Err(response) => return response,
    };
    let revocation = rfc7009::revoke(&provider(&call, settings), asking.caller(&call)).await;
    let client = revocation.client.as_ref();
    match revocation.result {
        Ok(ended) => {
            if let Some(what) = ended {
                audit(&call, "tokens_revoked", client, None, Ok(what));
            }
            answer::empty(StatusCode::OK)
        }
        Err(error) => asking.refuse(&call, "revocation_refused", client, None, &error),
    }
}
