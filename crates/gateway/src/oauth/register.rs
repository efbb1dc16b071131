//! Where clients register themselves (RFC 7591).

use super::{MAX_SIZE, challenge, document, provider, write_down};
use crate::{
    Body,
    api::{Call, header, read, set_retry_after},
};
use doorward_core::OAuth;
use doorward_oauth::rfc7591::{self, Refused};
use http::{
    HeaderValue, Response, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::json;

/// `POST /register`.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let to = call.reader();
    match register(settings, &mut call).await {
        Ok(registered) => {
            let client = &registered.client;
            let detail = format!("token {}: {}", client.registered.as_deref().unwrap_or_default(), client.method.as_str());
            write_down(&call, "client_registered", Some(&client.id), None, ("success", &detail));
            document(StatusCode::CREATED, &registered.answer, &to)
        }
        Err(refused) => {
            let (status, error) = said(&refused);
            write_down(&call, "registration_refused", None, None, (error, &refused.to_string()));
            // What went wrong in here is for the operator.
            let description = match &refused {
                Refused::Unavailable(_) => "This cannot be answered now.".to_owned(),
                other => other.to_string(),
            };
            let mut response = document(status, &json!({ "error": error, "error_description": description }), &to);
            if let Refused::TooMany(after) = refused {
                set_retry_after(&mut response, Some(after));
            }
            match refused {
                Refused::NoToken => challenge(response, HeaderValue::from_static("Bearer")),
                Refused::Token => challenge(response, HeaderValue::from_static("Bearer error=\"invalid_token\"")),
                _ => response,
            }
        }
    }
}

async fn register(settings: &OAuth, call: &mut Call<'_>) -> Result<rfc7591::Registered, Refused> {
    // Without `registration` the endpoint has no path.
    let rules = settings.registration.as_ref().ok_or(Refused::Full)?;
    let kind = header(call.request.headers, CONTENT_TYPE).unwrap_or_default();
    let json = kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"));
    let body = match read::body(std::mem::take(&mut call.body), MAX_SIZE).await {
        _ if !json => Err("The body must be application/json."),
        Ok(body) => Ok(body),
        Err(unread) => Err(unread.answer().1),
    };
    let line = header(call.request.headers, AUTHORIZATION).and_then(|line| line.split_once(' '));
    let bearer = line.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let body = body.map_err(|why| Refused::Metadata(why.into()));
    // An unreadable body is spoken of only to whoever has a token.
    let provider = provider(call, settings);
    match body {
        Ok(body) => rfc7591::register(&provider, rules, bearer, &body, call.request.client).await,
        Err(refused) => match rfc7591::register(&provider, rules, bearer, b"", call.request.client).await {
            Err(Refused::Metadata(_)) | Ok(_) => Err(refused),
            Err(other) => Err(other),
        },
    }
}

/// RFC 7591 3.2.2, RFC 6750 3.1.
fn said(refused: &Refused) -> (StatusCode, &'static str) {
    match refused {
        Refused::NoToken | Refused::Token => (StatusCode::UNAUTHORIZED, "invalid_token"),
        Refused::Redirect(_) => (StatusCode::BAD_REQUEST, "invalid_redirect_uri"),
        Refused::Metadata(_) => (StatusCode::BAD_REQUEST, "invalid_client_metadata"),
        Refused::Full | Refused::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable"),
        Refused::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "temporarily_unavailable"),
    }
}
