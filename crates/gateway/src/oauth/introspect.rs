//! Token introspection (RFC 7662).

use super::{Asking, document, provider};
use crate::{Body, api::Call};
use doorward_core::OAuth;
use doorward_oauth::rfc7662;
use http::{Response, StatusCode};

/// Runs the endpoint.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let asking = match Asking::read(&mut call).await {
        Ok(asking) => asking,
        Err(response) => return response,
    };
    match rfc7662::introspect(&provider(&call, settings), asking.caller(&call)).await {
        Ok(said) => document(StatusCode::OK, &said, &asking.to),
        Err(error) => asking.refuse(&call, "introspection_refused", None, None, &error),
    }
}
