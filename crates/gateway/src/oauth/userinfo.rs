//! Who somebody is, for a client (OpenID Connect Core 5.3). The token stands in the header, never in the URL (RFC 9700 4.3.2).

use super::{document, provider};
use crate::{
    Body,
    api::{Call, header},
};
use doorward_core::OAuth;
use doorward_oauth::oidc::userinfo::{self, Refused};
use http::{
    HeaderValue, Response, StatusCode,
    header::{AUTHORIZATION, WWW_AUTHENTICATE},
};
use serde_json::json;

/// `GET` and `POST /userinfo`.
pub(super) async fn run(settings: &OAuth, call: Call<'_>) -> Response<Body> {
    let to = call.reader();
    let line = header(call.request.headers, AUTHORIZATION).and_then(|line| line.split_once(' '));
    let Some((_, token)) = line.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")) else {
        // RFC 6750 3: whoever showed nothing is told nothing.
        return challenge(document(StatusCode::UNAUTHORIZED, &json!({}), &to), "Bearer");
    };
    let refused = match userinfo::claims(&provider(&call, settings), token.trim()).await {
        Ok(claims) => return document(StatusCode::OK, &claims, &to),
        Err(refused) => refused,
    };
    call.audit_detail("userinfo_refused", "refused", None, &refused.to_string());
    let (status, error) = match refused {
        Refused::Token(_) => (StatusCode::UNAUTHORIZED, "invalid_token"),
        Refused::Scope => (StatusCode::FORBIDDEN, "insufficient_scope"),
        Refused::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
    };
    let response = document(status, &json!({ "error": error }), &to);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return response;
    }
    let scope = if status == StatusCode::FORBIDDEN { ", scope=\"openid\"" } else { "" };
    challenge(response, &format!("Bearer error=\"{error}\"{scope}"))
}

fn challenge(mut response: Response<Body>, text: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::try_from(text) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    response
}
