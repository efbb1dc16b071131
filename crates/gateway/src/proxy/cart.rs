//! The active cart of the customer who calls, asked of the upstream that keeps it (magento-webapi 3.4, `%cart_id%`).

use super::{Outgoing, UpstreamError, outgoing};
use crate::{Admitted, Body, api::read};
use doorward_core::{Permit, Policy, policy::Upstream};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::Value;
use std::mem;

/// The most that is read of the answer, in bytes.
const LONGEST: usize = 256 * 1024;

/// The head of the question: as the caller, by the permit that the caller has.
pub(super) fn asking(
    permit: &Permit,
    admitted: &mut Admitted,
    policy: &Policy,
    upstream: &Upstream,
    outgoing: &Outgoing,
    path: &str,
) -> Option<Vec<u8>> {
    let mut headers = HeaderMap::new();
    for name in [header::COOKIE, header::AUTHORIZATION] {
        for value in admitted.headers.get_all(&name) {
            headers.append(name.clone(), value.clone());
        }
    }
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    let asked = (mem::replace(&mut admitted.method, Method::GET), mem::replace(&mut admitted.path, path.to_owned()));
    let (query, theirs) = (admitted.query.take(), mem::replace(&mut admitted.headers, headers));
    let head = outgoing::text(admitted, permit, policy, upstream, outgoing);
    (admitted.method, admitted.path) = asked;
    (admitted.query, admitted.headers) = (query, theirs);
    head
}

/// The cart that the answer names.
///
/// # Errors
/// 404 in Magento's words when there is none; anything else that is no cart is the upstream's fault.
pub(super) async fn read(answer: Response<Body>, field: &str) -> Result<Value, UpstreamError> {
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => {
            let text = "Current customer does not have an active cart.";
            return Err(UpstreamError::Request(StatusCode::NOT_FOUND, "no_active_cart", text.into()));
        }
        other => return Err(UpstreamError::Broken(format!("asked for the active cart it answered {}", other.as_u16()))),
    }
    let nonsense = || UpstreamError::Broken("what it says of the active cart cannot be read".to_owned());
    let body = read::body(answer.into_body(), LONGEST).await.map_err(|_| nonsense())?;
    let told: Value = serde_json::from_slice(&body).map_err(|_| nonsense())?;
    match told.get(field) {
        Some(Value::Number(number)) => Ok(Value::Number(number.clone())),
        Some(Value::String(text)) if !text.is_empty() => Ok(Value::String(text.clone())),
        _ => Err(nonsense()),
    }
}
