//! Who somebody is, for a client (OpenID Connect Core 5.3). The token stands in the header, never in the URL (RFC 9700 4.3.2).

use super::{challenge, document, provider};
use crate::{
    Body,
    api::{Call, header},
};
use doorward_core::{OAuth, OAuthEndpoint};
use doorward_oauth::{
    oidc::userinfo::{self, Refused},
    rfc9449::{self, Scheme, Sent},
};
use http::{HeaderValue, Response, StatusCode, header::AUTHORIZATION};
use serde_json::json;

/// `GET` and `POST /userinfo`.
pub(super) async fn run(settings: &OAuth, call: Call<'_>) -> Response<Body> {
    let to = call.reader();
    let Some((scheme, token)) = header(call.request.headers, AUTHORIZATION).and_then(Scheme::split) else {
        // RFC 6750 3: whoever showed nothing is told nothing.
        return challenge(document(StatusCode::UNAUTHORIZED, &json!({}), &to), HeaderValue::from_static("Bearer"));
    };
    let url = settings.url_at(OAuthEndpoint::UserInfo, call.request.host);
    let shown = call.request.certificate.map(|certificate| certificate.thumbprint(call.auth.clock().now()));
    let sent = Sent {
        scheme,
        token,
        headers: call.request.headers,
        method: call.request.method.as_str(),
        url: url.as_deref(),
        certificate: shown.as_ref(),
    };
    let refused = match userinfo::claims(&provider(&call, settings), &sent).await {
        Ok(claims) => return document(StatusCode::OK, &claims, &to),
        Err(refused) => refused,
    };
    call.audit_detail("userinfo_refused", "refused", None, &refused.to_string());
    let (status, error) = match refused {
        Refused::Token(_) => (StatusCode::UNAUTHORIZED, "invalid_token"),
        Refused::Proof(_) => (StatusCode::UNAUTHORIZED, "invalid_dpop_proof"),
        Refused::Nonce => (StatusCode::UNAUTHORIZED, "use_dpop_nonce"),
        Refused::Scope => (StatusCode::FORBIDDEN, "insufficient_scope"),
        Refused::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
    };
    let response = document(status, &json!({ "error": error }), &to);
    if status == StatusCode::SERVICE_UNAVAILABLE {
        return response;
    }
    let scope = if status == StatusCode::FORBIDDEN { ", scope=\"openid\"" } else { "" };
    let text = format!("Bearer error=\"{error}\"{scope}");
    match scheme {
        Scheme::Dpop => challenge(response, rfc9449::challenge(Some(error))),
        Scheme::Bearer => challenge(response, HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))),
    }
}
