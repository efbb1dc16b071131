//! Token introspection (RFC 7662).

use super::{audit, document, form, provider, refuse};
use crate::{Body, api::Call};
use doorward_core::OAuth;
use doorward_oauth::{rfc6749::client::Caller, rfc7662};
use http::{Response, StatusCode};

/// Runs the endpoint.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let to = call.reader();
    let params = match form(&mut call).await {
        Ok(params) => params,
        Err(error) => return refuse(&error, &to),
    };
    let caller = Caller::new(call.request.headers, &params, call.request.client);
    match rfc7662::introspect(&provider(&call, settings), caller).await {
        Ok(said) => document(StatusCode::OK, &said, &to),
        Err(error) => {
            audit(&call, "introspection_refused", None, None, Err(&error));
            refuse(&error, &to)
        }
    }
}
