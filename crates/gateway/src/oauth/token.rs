//! The token endpoint (RFC 6749 3.2).

use super::{audit, document, form, provider, refuse};
use crate::{Body, api::Call};
use doorward_core::OAuth;
use doorward_oauth::rfc6749::{client::Caller, token};
use http::{Response, StatusCode};

/// Runs the endpoint.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let to = call.reader();
    let params = match form(&mut call).await {
        Ok(params) => params,
        Err(error) => return refuse(&error, &to),
    };
    let caller = Caller::new(call.request.headers, &params, call.request.client);
    let outcome = token::answer(&provider(&call, settings), caller).await;
    let (client, grant) = (outcome.client.as_ref(), outcome.grant);
    match &outcome.result {
        Ok(issued) => {
            let whose = issued.account.as_ref().map(|account| format!(" for {}/{}", account.kind.as_str(), account.id));
            let detail = format!("{}{}", issued.tokens.scope, whose.unwrap_or_default());
            audit(&call, "token_issued", client, grant, Ok(&detail));
            document(StatusCode::OK, &issued.tokens, &to)
        }
        Err(error) => {
            audit(&call, "token_refused", client, grant, Err(error));
            refuse(error, &to)
        }
    }
}
