//! Authorization requests as they arrive: whose they are, where their answer goes, and what is wrong with them.

use super::{people::fault_page, provider};
use crate::{
    Body, answer,
    api::{Call, header},
    pages,
};
use doorward_core::{
    OAuth,
    ports::{Client, Grant, StoreError, TokenKey},
};
use doorward_crypto::sha256;
use doorward_oauth::{
    rfc6749::{
        Parameters, RedirectUri, Scopes,
        authorize::{Asker, Code, Fault, PUSHED, Request, Way},
    },
    rfc9207,
};
use doorward_wire::pages as html;
use http::{HeaderValue, Response, StatusCode, header::LOCATION};
use std::sync::Arc;

/// The mark of a request whose person was sent to sign in again.
pub(super) const AGAIN: &str = "doorward_again";
/// The longest query that finds its way back from the sign-in page, in bytes.
const LONGEST: usize = 1800;

/// A sound request.
pub(super) struct Asked {
    /// Who asks.
    pub(super) client: Client,
    /// For what.
    pub(super) request: Request,
    /// The pushed request that it is, if it is one.
    pub(super) pushed: Option<TokenKey>,
    /// The parameters as they came, without our mark.
    pub(super) query: String,
}

/// Why a request is not sound.
pub(super) enum Unsound {
    /// Nobody knows whose it is: the person is told, on this page.
    Page(Response<Body>),
    /// The client is told (RFC 6749 4.1.2.1).
    Told(Box<Told>),
}

/// What the client is told, and where.
pub(super) struct Told {
    redirect_uri: Arc<str>,
    state: Option<Arc<str>>,
    fault: Fault,
    /// Whether no page may be shown before.
    pub(super) silent: bool,
    /// The parameters as they came, without our mark.
    pub(super) query: String,
}

impl Told {
    /// Sends the browser there.
    pub(super) fn answer(&self, call: &Call<'_>, settings: &OAuth) -> Response<Body> {
        refusal(call, settings, &self.redirect_uri, self.state.as_deref(), self.fault)
    }
}

/// Reads a request.
///
/// # Errors
/// Who is told what, while nobody knows whose request it is and after that.
pub(super) async fn read(call: &Call<'_>, settings: &OAuth, query: &str) -> Result<Asked, Unsound> {
    let page = |text: &str| Unsound::Page(fault_page(call, StatusCode::BAD_REQUEST, text));
    let sent = Parameters::parse(query).map_err(|bad| page(&format!("The request cannot be read: {bad}.")))?;
    let sent = sent.without(&[AGAIN]);
    let query = sent.encode();
    if query.len() > LONGEST {
        return Err(page("The request is too long. The application has to push it (RFC 9126)."));
    }
    let unavailable = |error: StoreError| Unsound::Page(pages::unavailable(call, &error));
    let id =
        sent.get("client_id").filter(|id| Client::is_id(id)).ok_or_else(|| page("It is not said which application asks."))?;
    let client = call.auth.store().client(id).await.map_err(unavailable)?.filter(|client| client.enabled);
    let client = client.ok_or_else(|| page("The application that asks is not known here."))?;
    let (parameters, pushed) = match sent.get("request_uri").and_then(|uri| uri.strip_prefix(PUSHED)) {
        // RFC 9126 5. Nobody knows who wrote what a browser brings, so the answer goes to no place that it names.
        None if settings.require_pushed => return Err(page("The application has to push its request (RFC 9126).")),
        None => (sent, None),
        Some(reference) => {
            let key = TokenKey(sha256(reference.as_bytes()));
            let pushed = call.auth.store().grants().pushed_request(&key, call.auth.clock().now()).await.map_err(unavailable)?;
            // RFC 9126 4: of this client, and what else was sent does not count.
            let pushed = pushed.filter(|pushed| pushed.client == client.id);
            let pushed =
                pushed.ok_or_else(|| page("The request has expired, or was used already. Begin again in the application."))?;
            (Parameters::parse(&pushed.parameters).map_err(|_| page("The request cannot be read."))?, Some(key))
        }
    };
    let (uris, scopes, default) = known(settings, &client);
    let asker = asker(&client, &uris, &scopes, &default);
    let way = Way::of(&parameters, &asker).map_err(|bad| page(&format!("The request cannot be answered: {bad}.")))?;
    let (redirect_uri, state) = (Arc::clone(&way.redirect_uri), way.state.clone());
    let read = way.read(&parameters, &asker).and_then(|request| {
        match doorward_oauth::rfc8707::audience(&provider(call, settings), &request.resources) {
            Ok(_) => Ok(request),
            Err(_) => Err(Fault::new(Code::InvalidTarget, "resource is not known")),
        }
    });
    let silent = parameters.get("prompt") == Some("none");
    match read {
        Ok(request) => Ok(Asked { client, request, pushed, query }),
        Err(fault) => Err(Unsound::Told(Box::new(Told { redirect_uri, state, fault, silent, query }))),
    }
}

/// What a client may name.
pub(super) fn known(settings: &OAuth, client: &Client) -> (Vec<RedirectUri>, Scopes, Scopes) {
    let uris = client.redirect_uris.iter().filter_map(|uri| RedirectUri::parse(uri).ok()).collect();
    let scopes: Scopes = client.scopes.iter().filter(|name| settings.grants(client, name)).cloned().collect();
    let default = settings.default_scopes.iter().filter(|name| scopes.has(name)).cloned().collect();
    (uris, scopes, default)
}

/// The same as the request is judged by.
pub(super) fn asker<'a>(client: &Client, uris: &'a [RedirectUri], scopes: &'a Scopes, default: &'a Scopes) -> Asker<'a> {
    // Only what runs on the person's own machine cannot keep a secret and listens on loopback (RFC 8252 7.3).
    let (native, may) = (client.is_public(), client.may(Grant::AuthorizationCode));
    Asker { redirect_uris: uris, native, may, scopes, default }
}

impl Asked {
    /// Sends the browser to the client with an error.
    pub(super) fn refuse(&self, call: &Call<'_>, settings: &OAuth, fault: Fault) -> Response<Body> {
        refusal(call, settings, &self.request.way.redirect_uri, self.request.way.state.as_deref(), fault)
    }

    /// Sends the browser to the client with a code.
    pub(super) fn answer(&self, call: &Call<'_>, settings: &OAuth, code: &str) -> Response<Body> {
        let way = &self.request.way;
        let url = rfc9207::answer(&way.redirect_uri, &[("code", code)], way.state.as_deref(), &settings.issuer);
        // Chromium lets a form of ours lead to us alone, redirects included, and signing in is one.
        if call.request.method == http::Method::GET && header(call.request.headers, "sec-fetch-site") == Some("same-origin") {
            let html = html::Continue { url: &url, client: &self.client.name };
            return pages::page(call, StatusCode::OK, html::render(&html));
        }
        redirect(&url)
    }
}

fn refusal(call: &Call<'_>, settings: &OAuth, to: &str, state: Option<&str>, fault: Fault) -> Response<Body> {
    call.audit_detail(
        "authorization_refused",
        fault.code.as_str(),
        call.identity.account().map(|account| &**account),
        fault.text,
    );
    let said = [("error", fault.code.as_str()), ("error_description", fault.text)];
    redirect(&rfc9207::answer(to, &said, state, &settings.issuer))
}

/// RFC 9700 4.12: 303, so that no form is sent along.
pub(super) fn redirect(url: &str) -> Response<Body> {
    let mut response = answer::empty(StatusCode::SEE_OTHER);
    match HeaderValue::try_from(url) {
        Ok(mut to) => {
            to.set_sensitive(true);
            response.headers_mut().insert(LOCATION, to);
        }
        // Nothing that was parsed gets here; and nobody is sent anywhere.
        Err(_) => *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR,
    }
    response
}
