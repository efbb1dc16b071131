//! The way to a provider. It begins at a link of our own pages, or by the person at the address bar; wherever else it begins,
//! the person is asked first, so that no other site signs anybody in (security 4.3).

use super::{Chosen, chosen, failed, note, slowed};
use crate::{
    Body, answer,
    api::{Call, Form, cookie},
    pages::{
        form_token::{self, FormToken},
        no_page, page, sign_in, target,
    },
};
use doorward_core::{Provenance, Reason};
use doorward_oauth::client::{Journey, LIFETIME};
use doorward_wire::pages as html;
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CONTENT_SECURITY_POLICY, LOCATION},
};

/// Where the forms of these pages are.
const FORMS: &str = "/oauth2/connect";

/// Sets out, or asks.
pub(super) async fn ask(call: &Call<'_>, name: &str) -> Response<Body> {
    let Some(chosen) = chosen(call, name) else { return no_page(call) };
    let query = call.request.query.unwrap_or_default();
    let wanted = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "return").map(|(_, value)| value);
    let target = target::safe(wanted.as_deref().unwrap_or("/"));
    if call.request.provenance == Provenance::Ours && call.request.method == Method::GET {
        return set_out(call, &chosen, target).await;
    }
    question(call, &chosen, StatusCode::OK, target).await
}

/// The answer of whoever was asked.
pub(super) async fn submit(mut call: Call<'_>, name: &str) -> Response<Body> {
    let Some(chosen) = chosen(&call, name) else { return no_page(&call) };
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    let fields = match Form::read(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let target = target::safe(fields.text("_target_path"));
    if form_token::is_ours(&call, &fields) {
        set_out(&call, &chosen, target).await
    } else {
        question(&call, &chosen, StatusCode::BAD_REQUEST, target).await
    }
}

async fn set_out(call: &Call<'_>, chosen: &Chosen, target: &str) -> Response<Body> {
    if let Some(response) = slowed(call) {
        return response;
    }
    let (key, clock) = (call.auth.form_key(), call.auth.clock());
    let provider = &chosen.provider;
    let journey = Journey::begin(&provider.settings().name, target, call.auth.entropy(), clock.now());
    let url = match provider.begin(&journey, &chosen.redirect_uri, key, clock).await {
        Ok(url) => url,
        Err(failure) => return failed(call, chosen, &failure),
    };
    let Ok(location) = HeaderValue::try_from(url) else { return no_page(call) };
    note(call, chosen, "begun");
    let mut response = answer::empty(StatusCode::SEE_OTHER);
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    cookie::add(headers, cookie::journey(&journey.seal(key), call.request.secure, LIFETIME));
    response
}

/// The page that asks. Its form leads to the provider in the end, which browsers must be allowed to follow.
async fn question(call: &Call<'_>, chosen: &Chosen, status: StatusCode, target: &str) -> Response<Body> {
    if let Some(response) = slowed(call) {
        return response;
    }
    let origin = match chosen.provider.origin(call.auth.clock()).await {
        Ok(origin) => origin,
        Err(failure) => return failed(call, chosen, &failure),
    };
    let own = FormToken::of(call, FORMS);
    let action = format!("{FORMS}/{}", chosen.provider.settings().name);
    let error = (status != StatusCode::OK).then_some(sign_in::EXPIRED);
    let html = html::Connect { title: &chosen.title, action: &action, token: &own.token, target, error };
    let mut response = page(call, status, html::render(&html));
    let policy = html::CONTENT_SECURITY_POLICY.replace("form-action 'self'", &format!("form-action 'self' {origin}"));
    if let Ok(policy) = HeaderValue::try_from(policy) {
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
    }
    own.remember(&mut response);
    response
}
