//! Signing out at a client's wish (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Nobody is signed out without saying so, unless the client shows an ID token of this very session: else any page could sign
//! people out (ASVS 10.6.2). A browser goes only to where the client registered, letter for letter.

use super::{asked::redirect, people, provider};
use crate::{
    Body,
    api::{Call, Presented},
    pages,
};
use doorward_core::{
    Identity, OAuth,
    ports::{Client, StoreError},
};
use doorward_oauth::{oidc::id_token, rfc6749::Parameters, sid};
use doorward_wire::pages as html;
use http::{Method, Response, StatusCode};

/// `GET` and `POST /end-session`.
pub(super) async fn run(settings: &OAuth, mut call: Call<'_>) -> Response<Body> {
    let text = if *call.request.method == Method::POST {
        people::form_text(&mut call).await
    } else {
        Ok(call.request.query.unwrap_or_default().to_owned())
    };
    let parameters = text.and_then(|text| Parameters::parse(&text).map_err(|_| "The request cannot be read."));
    let parameters = match parameters {
        Ok(parameters) => parameters,
        Err(text) => return people::fault_page(&call, StatusCode::BAD_REQUEST, text),
    };
    let wish = match Wish::read(settings, &call, &parameters).await {
        Ok(wish) => wish,
        Err(response) => return response,
    };
    let sessions = match pages::live_sessions(&call, &call.directories()).await {
        Ok(sessions) => sessions,
        Err(error) => return pages::unavailable(&call, &error),
    };
    let meant: Vec<Presented> = sessions.iter().filter(|session| wish.means(session)).cloned().collect();
    if !sessions.is_empty() && meant.is_empty() {
        // It may be another person now, or another session: they are asked.
        return pages::ask_to_sign_out(&call, StatusCode::OK, &sessions);
    }
    if let Err(error) = pages::end_all(&call, &meant).await {
        return pages::unavailable(&call, &error);
    }
    let mut response = match &wish.to {
        Some(to) => redirect(to),
        None => pages::page(&call, StatusCode::OK, html::render(&html::SignedOut)),
    };
    pages::delete_cookies(&call, &meant, &mut response);
    response
}

/// What a client wants.
struct Wish {
    hint: Option<id_token::Hint>,
    to: Option<String>,
}

impl Wish {
    async fn read(settings: &OAuth, call: &Call<'_>, parameters: &Parameters) -> Result<Self, Response<Body>> {
        let fault = |text: &str| people::fault_page(call, StatusCode::BAD_REQUEST, text);
        let hint = match parameters.get("id_token_hint") {
            None => None,
            Some(text) => {
                let hint = id_token::hint(&provider(call, settings), text);
                Some(hint.ok_or_else(|| fault("The ID token of the request is none of ours."))?)
            }
        };
        let named = parameters.get("client_id");
        // Section 2: they must be of the same client.
        if hint.as_ref().zip(named).is_some_and(|(hint, named)| *hint.client != *named) {
            return Err(fault("The ID token of the request is of another application."));
        }
        let id = hint.as_ref().map(|hint| &*hint.client).or(named);
        let client = match id {
            Some(id) => known(call, id).await.map_err(|error| pages::unavailable(call, &error))?,
            None => None,
        };
        let to = match parameters.get("post_logout_redirect_uri") {
            None => None,
            Some(uri) => {
                let registered = client.is_some_and(|client| client.post_logout_redirect_uris.iter().any(|own| **own == *uri));
                if !registered {
                    return Err(fault("The application did not register where it wants to go."));
                }
                Some(with_state(uri, parameters.get("state")))
            }
        };
        Ok(Self { hint, to })
    }

    /// Whether the ID token is of this very session.
    fn means(&self, session: &Presented) -> bool {
        let name = Identity::Known(session.live.account()).to_string();
        let of = |hint: &id_token::Hint| *hint.subject == *name && hint.sid.as_deref() == Some(&*sid(session.live.session()));
        self.hint.as_ref().is_some_and(of)
    }
}

async fn known(call: &Call<'_>, id: &str) -> Result<Option<Client>, StoreError> {
    Ok(call.auth.store().client(id).await?.filter(|client| client.enabled))
}

fn with_state(uri: &str, state: Option<&str>) -> String {
    let Some(state) = state else { return uri.to_owned() };
    let state: String = url::form_urlencoded::Serializer::new(String::new()).append_pair("state", state).finish();
    format!("{uri}{}{state}", if uri.contains('?') { '&' } else { '?' })
}
