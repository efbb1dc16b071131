//! What the endpoints share that people's browsers come to.

use crate::{
    Body, answer,
    api::{Call, Form, Presented, read},
    pages::{self, Place},
};
use doorward_core::{
    OAuth, OAuthEndpoint,
    firewall::Authentication,
    ports::{Client, StoreError},
};
use doorward_oauth::{Provider, rfc6749::Scopes};
use doorward_wire::pages as html;
use http::{HeaderValue, Response, StatusCode, header::LOCATION};

/// The largest form of a client's page, in bytes.
const LARGEST: usize = 16 << 10;

/// The person's session: the first live one in the order of the firewall's directories. There is none where the firewall names
/// another method.
pub(super) async fn signed_in(call: &Call<'_>) -> Result<Option<Presented>, StoreError> {
    if call.firewall.authentication != Authentication::Session {
        return Ok(None);
    }
    Ok(pages::live_sessions(call, &call.directories()).await?.into_iter().next())
}

/// Scopes as people read them.
pub(super) fn in_words<'a>(settings: &'a OAuth, scopes: &'a Scopes) -> Vec<&'a str> {
    scopes.iter().map(|name| settings.scope(name).map_or(name, |scope| &*scope.description)).collect()
}

/// The path of an endpoint.
pub(super) fn path_of(settings: &OAuth, endpoint: OAuthEndpoint) -> &str {
    settings.paths.iter().find(|(_, at)| *at == endpoint).map_or("/", |(path, _)| path)
}

/// A page that says what is wrong.
pub(super) fn fault_page(call: &Call<'_>, status: StatusCode, text: &str) -> Response<Body> {
    let html = html::Message { title: "This does not work", text, request_id: call.request.request_id };
    pages::page(call, status, html::render(&html))
}

/// To the sign-in page and back to `path`.
pub(super) fn sign_in_first(call: &Call<'_>, path: &str) -> Response<Body> {
    let back: String = url::form_urlencoded::byte_serialize(path.as_bytes()).collect();
    let mut response = answer::empty(StatusCode::SEE_OTHER);
    let to = format!("{}?return={back}", Place::of(call).path("/login"));
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/login")));
    response
}

/// The form that a client's page sent, as a query.
///
/// # Errors
/// What is wrong, for people.
pub(super) async fn form_text(call: &mut Call<'_>) -> Result<String, &'static str> {
    let body = read::body(std::mem::take(&mut call.body), LARGEST).await.map_err(|_| "The request cannot be read.")?;
    let text = std::str::from_utf8(&body).map_err(|_| "The request cannot be read.")?;
    let plain = text.bytes().all(|b| matches!(b, 0x21..=0x7e) && b != b'#');
    if plain { Ok(text.to_owned()) } else { Err("The request cannot be read.") }
}

/// Reads a form of ours.
pub(super) async fn own_form(call: &mut Call<'_>) -> Result<Form, Response<Body>> {
    if call.request.provenance == doorward_core::Provenance::Foreign {
        return Err(call.refuse(doorward_core::Reason::ForeignOrigin));
    }
    Form::read(call).await
}

/// How long what is allowed lasts, in words.
pub(super) fn duration(settings: &OAuth, client: &Client, scopes: &Scopes) -> String {
    let days = settings.refresh_token_lifetime.as_secs() / 86_400;
    if Provider::is_offline(client, scopes) {
        format!("Until you take it back, for at most {days} days, even while you are signed out.")
    } else {
        "Until you sign out here, or your session ends.".to_owned()
    }
}
