//! A provider's own word that sessions ended there (OpenID Connect Back-Channel Logout 1.0): those that came of them end at once.

use super::{Chosen, chosen, note};
use crate::{
    Body, answer,
    api::{Call, Form},
    pages::no_page,
};
use doorward_core::{Reason, Refusal};
use doorward_oauth::client::{Ended, Failure};
use doorward_wire::Document;
use http::{Response, StatusCode};
use serde_json::json;

/// 200 once they have ended (2.8); 400 for a token that does not count; 503 where nobody can know.
pub(super) async fn run(mut call: Call<'_>, name: &str) -> Response<Body> {
    let Some(chosen) = chosen(&call, name) else { return no_page(&call) };
    let fields = match Form::read(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let ended = match chosen.provider.logout(fields.text("logout_token"), call.auth.clock()).await {
        Ok(ended) => ended,
        Err(Failure::Unavailable(why)) => return unavailable(&call, &chosen, &why),
        Err(failure) => return refused(&call, &chosen, failure.text()),
    };
    let Ended { there, key, until } = ended;
    match call.auth.end_elsewhere(&there, &key, until).await {
        Ok(Some(count)) => {
            let detail = format!("{}: {count} sessions ended", chosen.provider.settings().name);
            call.audit_provider("provider_sign_out", "success", None, &detail);
            note(&call, &chosen, "signed_out");
            answer::empty(StatusCode::OK)
        }
        Ok(None) => refused(&call, &chosen, "its logout token was used before"),
        Err(error) => unavailable(&call, &chosen, &error.to_string()),
    }
}

fn refused(call: &Call<'_>, chosen: &Chosen, why: &str) -> Response<Body> {
    let detail = format!("{}: {why}", chosen.provider.settings().name);
    call.audit_provider("provider_sign_out", "refused", None, &detail);
    note(call, chosen, "refused");
    error(StatusCode::BAD_REQUEST, "invalid_request", "The logout token does not count.")
}

fn unavailable(call: &Call<'_>, chosen: &Chosen, why: &str) -> Response<Body> {
    let why = format!("provider {}: {why}", chosen.provider.settings().name);
    call.audit_provider("provider_sign_out", "unavailable", None, &why);
    note(call, chosen, "unavailable");
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable", "Please try again.");
    response.extensions_mut().insert(Refusal::new(Reason::Unavailable(why.into()), false));
    response
}

fn error(status: StatusCode, code: &str, text: &str) -> Response<Body> {
    let body = json!({ "error": code, "error_description": text }).to_string();
    answer::page(status, Document { content_type: "application/json".to_owned(), body }, false)
}
