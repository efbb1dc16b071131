//! Pushed authorization requests (RFC 9126): the client says what it wants before the person's browser comes along.

use super::{Asking, asked, document, provider};
use crate::{Body, api::Call};
use doorward_core::{
    OAuth, OAuthEndpoint,
    ports::{Client, Pushed},
};
use doorward_oauth::{
    ErrorCode, OAuthError,
    rfc6749::{
        Parameters,
        authorize::{PUSHED, Way},
        client::Caller,
    },
    rfc9449,
};
use http::{Response, StatusCode};
use serde::Serialize;
use std::time::Duration;

/// How long a pushed request waits for its browser, and for the person to sign in.
const LIFETIME: Duration = Duration::from_secs(600);

#[derive(Serialize)]
struct Answer {
    request_uri: String,
    expires_in: u64,
}

/// `POST /par`.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let asking = match Asking::read(&mut call).await {
        Ok(asking) => asking,
        Err(response) => return response,
    };
    let client = match asking.client(settings, &call, "request_refused", None).await {
        Ok(client) => client,
        Err(response) => return response,
    };
    match push(settings, &call, &client, asking.caller(&call)).await {
        Ok(answer) => document(StatusCode::CREATED, &answer, &asking.to),
        Err(error) => asking.refuse(&call, "request_refused", Some(&client), None, &error),
    }
}

/// Judges the request as the authorization endpoint would (RFC 9126 2.1), and keeps it.
async fn push(settings: &OAuth, call: &Call<'_>, client: &Client, caller: Caller<'_>) -> Result<Answer, OAuthError> {
    let invalid = |text: String| OAuthError::new(ErrorCode::InvalidRequest, text);
    if caller.params.get("request_uri").is_some() {
        return Err(invalid("request_uri is not pushed".into()));
    }
    let parameters = caller.params.without(&["client_secret", "client_assertion", "client_assertion_type", "client_id"]);
    let parameters = bound(settings, call, caller, parameters).await?;
    let (uris, scopes, default) = asked::known(settings, client);
    let asker = asked::asker(client, &uris, &scopes, &default);
    let way = Way::of(&parameters, &asker).map_err(|bad| invalid(bad.to_string()))?;
    let request = way.read(&parameters, &asker).map_err(|fault| OAuthError::new(ErrorCode::Request(fault.code), fault.text))?;
    let provider = provider(call, settings);
    doorward_oauth::rfc8707::audience(&provider, &request.resources)?;
    let secret = doorward_oauth::secret(&provider);
    let pushed = Pushed {
        key: doorward_oauth::key(&secret),
        client: client.id.clone(),
        parameters: parameters.encode().into(),
        expires: provider.now() + LIFETIME,
    };
    provider.store().grants().push_request(&pushed).await?;
    Ok(Answer { request_uri: format!("{PUSHED}{secret}"), expires_in: LIFETIME.as_secs() })
}

/// RFC 9449 10.1: a proof says for which key the code will be, as `dpop_jkt` does; both together say the same.
async fn bound(settings: &OAuth, call: &Call<'_>, caller: Caller<'_>, parameters: Parameters) -> Result<Parameters, OAuthError> {
    let url = caller.url(settings, OAuthEndpoint::Pushed);
    match (rfc9449::binding(&provider(call, settings), caller.headers, &url).await?, parameters.get("dpop_jkt")) {
        (None, _) => Ok(parameters),
        (Some(key), Some(named)) if *named != *key => {
            Err(OAuthError::new(ErrorCode::InvalidDpopProof, "dpop_jkt names another key than the proof."))
        }
        (Some(key), _) => Ok(parameters.with("dpop_jkt", &key)),
    }
}
