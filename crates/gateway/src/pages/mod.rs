//! Pages for people in browsers: signing in, signing out, and where a refused navigation goes.
//!
//! Every page works without scripts and is sent with a strict policy. Redirects stay on this origin (`target`). The path of a
//! page may begin with what names the site and, in a shop, with the code of a store view (`place`).

mod confirm;
pub(crate) mod elsewhere;
mod entry;
mod form_token;
mod password;
mod place;
mod shop;
mod sign_in;
mod sign_out;
mod target;
#[cfg(test)]
mod tests;

pub use elsewhere::Elsewhere;
pub use entry::{entry_redirect, forbidden};
pub(crate) use place::Place;
pub(crate) use shop::PLACES as SHOP;
pub use shop::{Door, Shop};
pub(crate) use sign_in::EXPIRED;
pub(crate) use sign_out::{ask as ask_to_sign_out, delete_cookies, end_all};

use crate::{
    Body, answer,
    api::{Allowed, Call, Endpoint, Presented, Under},
};
use doorward_core::{
    Kind, Reason, Refusal,
    firewall::Authentication,
    policy::{Directory, Own, Policy},
    ports::StoreError,
};
use doorward_wire::{Document, pages as html};
use http::{
    HeaderValue, Method, Response, StatusCode,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
};
use std::sync::Arc;

/// A page, and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// The sign-in page, for all of the firewall's directories or for one.
    SignIn(Option<Arc<str>>),
    /// Its form.
    SubmitSignIn(Option<Arc<str>>),
    /// The question whether to sign out.
    SignOut,
    /// Its form.
    SubmitSignOut,
    /// Asks for a link to set another password of this directory.
    Reset(Arc<str>),
    /// Its form.
    SubmitReset(Arc<str>),
    /// The page of such a link: directory and token, a secret.
    NewPassword(Arc<str>, LinkToken),
    /// Its form.
    SubmitNewPassword(Arc<str>, LinkToken),
    /// Another password for whoever is signed in.
    ChangePassword(Arc<str>),
    /// Its form.
    SubmitChangePassword(Arc<str>),
    /// The page of a link that confirms an e-mail address: directory and token, a secret.
    Confirm(Arc<str>, LinkToken),
    /// Its form.
    SubmitConfirm(Arc<str>, LinkToken),
    /// The stylesheet.
    Style,
    /// A door of the shop.
    Shop(shop::Shop),
    /// The way to an OpenID provider and back.
    Elsewhere(Elsewhere),
}

/// The token of a link. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct LinkToken(String);

impl std::fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkToken")
    }
}

/// The page at this path, before the method is looked at.
pub(crate) fn recognise(policy: &Policy, path: &str) -> Option<Page> {
    at(policy, path).or_else(|| {
        let split = place::split(policy, path);
        let below =
            |page: &Page| !split.base.is_empty() && if split.view.is_some() { page.has_views() } else { page.has_sites() };
        at(policy, split.rest).filter(below)
    })
}

fn at(policy: &Policy, path: &str) -> Option<Page> {
    match path {
        "/login" => Some(Page::SignIn(None)),
        "/logout" => Some(Page::SignOut),
        html::STYLE_PATH => Some(Page::Style),
        _ => own(policy, path).or_else(|| shop::recognise(policy, path).map(Page::Shop)),
    }
}

/// The page of a directory at this path.
fn own(policy: &Policy, path: &str) -> Option<Page> {
    let mut segments = path.strip_prefix('/')?.split('/');
    let (page, name, token, end) = (segments.next()?, segments.next()?, segments.next(), segments.next());
    let name = Arc::clone(&policy.directory(name).filter(|it| end.is_none() && it.kind != Kind::Integration)?.name);
    match (page, token) {
        ("login", None) => Some(Page::SignIn(Some(name))),
        ("password", None) => Some(Page::Reset(name)),
        ("password", Some("change")) => Some(Page::ChangePassword(name)),
        ("password", Some(token)) => Some(Page::NewPassword(name, LinkToken(token.to_owned()))),
        ("confirm", Some(token)) => Some(Page::Confirm(name, LinkToken(token.to_owned()))),
        _ => None,
    }
}

impl Page {
    /// Whether it stands in each view of a shop. The back office stands in none.
    fn has_views(&self) -> bool {
        match self {
            Page::Style | Page::Elsewhere(_) => false,
            Page::Shop(shop) => shop.has_views(),
            _ => true,
        }
    }

    /// Whether it stands below the path of each site. Doors of a shop, and what providers know of us, stand at one place each.
    fn has_sites(&self) -> bool {
        !matches!(self, Page::Style | Page::Elsewhere(_) | Page::Shop(_))
    }

    /// Whether browsers show it to people. A shop's widgets fetch the others.
    pub(crate) fn is_shown(&self) -> bool {
        !matches!(self, Page::Style | Page::Shop(shop::Shop::AjaxSignIn | shop::Shop::AjaxSignOut))
    }

    /// The endpoint for a method.
    pub(crate) fn endpoint(self, method: &Method) -> Endpoint {
        if let Page::Shop(shop) = self {
            return shop.endpoint(method);
        }
        if let Page::Elsewhere(elsewhere) = self {
            return elsewhere.endpoint(method);
        }
        let post = *method == Method::POST;
        let methods = if self == Page::Style { "GET" } else { "GET,POST" };
        match self {
            page if matches!(*method, Method::GET | Method::HEAD) => Endpoint::Page(page),
            Page::SignIn(directory) if post => Endpoint::Page(Page::SubmitSignIn(directory)),
            Page::SignOut if post => Endpoint::Page(Page::SubmitSignOut),
            Page::Reset(directory) if post => Endpoint::Page(Page::SubmitReset(directory)),
            Page::NewPassword(directory, token) if post => Endpoint::Page(Page::SubmitNewPassword(directory, token)),
            Page::ChangePassword(directory) if post => Endpoint::Page(Page::SubmitChangePassword(directory)),
            Page::Confirm(directory, token) if post => Endpoint::Page(Page::SubmitConfirm(directory, token)),
            _ if *method == Method::OPTIONS => Endpoint::Options(Allowed { methods, under: Under::Any }),
            _ => Endpoint::NotAllowed(Allowed { methods, under: Under::Any }),
        }
    }

    /// What the decision needs to know of it. Signing out checks its token itself: it stands in the form.
    pub(crate) fn own(&self) -> Own {
        let own = |name, access_control, provenance| Own { name, access_control, csrf: false, provenance, apart: false };
        match self {
            Page::SignIn(_) => own("page.sign_in", false, false),
            Page::SubmitSignIn(_) => own("page.sign_in.submit", false, true),
            Page::SignOut => own("page.sign_out", true, false),
            Page::SubmitSignOut => own("page.sign_out.submit", true, true),
            // As signing in: whoever comes here cannot prove yet who they are.
            Page::Reset(_) => own("page.password_reset", false, false),
            Page::SubmitReset(_) => own("page.password_reset.submit", false, true),
            Page::NewPassword(..) => own("page.new_password", false, false),
            Page::SubmitNewPassword(..) => own("page.new_password.submit", false, true),
            Page::Confirm(..) => own("page.confirm", false, false),
            Page::SubmitConfirm(..) => own("page.confirm.submit", false, true),
            Page::ChangePassword(_) => own("page.change_password", true, false),
            Page::SubmitChangePassword(_) => own("page.change_password.submit", true, true),
            Page::Style => own("page.style", false, false),
            Page::Shop(shop) => shop.own(),
            Page::Elsewhere(elsewhere) => elsewhere.own(),
        }
    }

    /// Answers the call. Where the firewall names another method there is no sign-in, so there are no pages.
    pub(crate) async fn run(self, call: Call<'_>) -> Response<Body> {
        if call.firewall.authentication != Authentication::Session && self != Page::Style {
            return no_page(&call);
        }
        match self {
            Page::SignIn(directory) => sign_in::show(&call, directory.as_deref()).await,
            Page::SubmitSignIn(directory) => sign_in::submit(call, directory.as_deref()).await,
            Page::SignOut => sign_out::show(&call).await,
            Page::SubmitSignOut => sign_out::submit(call).await,
            Page::Reset(directory) => password::ask(&call, &directory),
            Page::SubmitReset(directory) => password::send(call, &directory).await,
            Page::NewPassword(directory, token) => password::open(&call, &directory, &token).await,
            Page::SubmitNewPassword(directory, token) => password::set(call, &directory, &token).await,
            Page::ChangePassword(directory) => password::show_change(&call, &directory).await,
            Page::SubmitChangePassword(directory) => password::change(call, &directory).await,
            Page::Confirm(directory, token) => confirm::ask(&call, &directory, &token).await,
            Page::SubmitConfirm(directory, token) => confirm::submit(call, &directory, &token).await,
            Page::Style => style(&call),
            Page::Shop(shop) => shop.run(call).await,
            Page::Elsewhere(elsewhere) => elsewhere.run(call).await,
        }
    }
}

fn no_page(call: &Call<'_>) -> Response<Body> {
    call.refuse(Reason::NoRoute)
}

/// A page as an answer.
pub(crate) fn page(call: &Call<'_>, status: StatusCode, html: Option<String>) -> Response<Body> {
    html_answer(status, html, call.request.method == Method::HEAD)
}

/// HTML as an answer; a template that failed is a server error.
fn html_answer(status: StatusCode, body: Option<String>, head: bool) -> Response<Body> {
    let (status, body) = match body {
        Some(body) => (status, body),
        None => (StatusCode::INTERNAL_SERVER_ERROR, String::new()),
    };
    let document = Document { content_type: html::CONTENT_TYPE.to_owned(), body };
    let mut response = answer::page(status, document, head);
    response.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(html::CONTENT_SECURITY_POLICY));
    response
}

/// The stylesheet is the same for everyone, so browsers may keep it for a while.
fn style(call: &Call<'_>) -> Response<Body> {
    let document = Document { content_type: "text/css; charset=utf-8".to_owned(), body: html::STYLE.to_owned() };
    let mut response = answer::page(StatusCode::OK, document, call.request.method == Method::HEAD);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

/// A page for what cannot be known now.
pub(crate) fn unavailable(call: &Call<'_>, error: &StoreError) -> Response<Body> {
    let message = html::Message {
        title: "Not available",
        text: "This cannot be done at the moment. Please try again in a few seconds.",
        request_id: call.request.request_id,
    };
    let mut response = page(call, StatusCode::SERVICE_UNAVAILABLE, html::render(&message));
    response.extensions_mut().insert(Refusal::new(Reason::Unavailable(error.to_string().into()), false));
    response
}

/// The directory of a page, if it is one of the firewall's.
fn directory_of(call: &Call<'_>, name: &str) -> Option<Arc<Directory>> {
    call.directories().into_iter().find(|directory| *directory.name == *name)
}

/// The page for a link that is no good, with the way to another one.
fn bad_link(call: &Call<'_>, text: &str, again: Option<&str>) -> Response<Body> {
    let link = again.map(|path| (path, "Ask for another link"));
    page(call, StatusCode::BAD_REQUEST, html::render(&html::Done { title: "This link does not work", text, link }))
}

/// The live sessions that the request presents in these directories.
pub(crate) async fn live_sessions(call: &Call<'_>, directories: &[Arc<Directory>]) -> Result<Vec<Presented>, StoreError> {
    let mut sessions = Vec::new();
    for directory in directories {
        sessions.extend(call.live_in(directory).await?);
    }
    Ok(sessions)
}

/// Runs `with` on what a page shows of these sessions.
fn describe<T>(sessions: &[Presented], with: impl FnOnce(&[html::OpenSession<'_>]) -> T) -> T {
    let accounts: Vec<_> = sessions.iter().map(|session| session.live.account()).collect();
    let open: Vec<_> =
        accounts.iter().map(|account| html::OpenSession { directory: &account.directory, login: &account.login }).collect();
    with(&open)
}
