//! The token endpoint (RFC 6749 3.2).

use super::{Asking, audit, document, provider};
use crate::{Body, api::Call};
use doorward_core::OAuth;
use doorward_oauth::rfc6749::token;
use http::{Response, StatusCode};

/// Runs the endpoint.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let asking = match Asking::read(&mut call).await {
        Ok(asking) => asking,
        Err(response) => return response,
    };
    let outcome = token::answer(&provider(&call, settings), asking.caller(&call)).await;
    let (client, grant) = (outcome.client.as_ref(), outcome.grant);
    match &outcome.result {
        Ok(issued) => {
            let whose = issued.account.as_ref().map(|account| format!(" for {}/{}", account.kind.as_str(), account.id));
            let detail = format!("{}{}", issued.tokens.scope, whose.unwrap_or_default());
            audit(&call, "token_issued", client, grant, Ok(&detail));
            document(StatusCode::OK, &issued.tokens, &asking.to)
        }
        Err(error) => asking.refuse(&call, "token_refused", client, grant, error),
    }
}
