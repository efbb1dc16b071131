//! Token revocation (RFC 7009).

use super::{audit, form, provider, refuse};
use crate::{Body, answer, api::Call};
use doorward_core::OAuth;
use doorward_oauth::{rfc6749::client::Caller, rfc7009};
use http::{Response, StatusCode};

/// Runs the endpoint.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let to = call.reader();
    let params = match form(&mut call).await {
        Ok(params) => params,
        Err(error) => return refuse(&error, &to),
    };
    let caller = Caller::new(call.request.headers, &params, call.request.client);
    let revocation = rfc7009::revoke(&provider(&call, settings), caller).await;
    let client = revocation.client.as_ref();
    match revocation.result {
        Ok(ended) => {
            if let Some(what) = ended {
                audit(&call, "tokens_revoked", client, None, Ok(what));
            }
            answer::empty(StatusCode::OK)
        }
        Err(error) => {
            audit(&call, "revocation_refused", client, None, Err(&error));
            refuse(&error, &to)
        }
    }
}
