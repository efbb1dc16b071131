//! Pages for people in browsers: signing in, signing out, and where a refused navigation goes.
//!
//! Every page works without scripts and is sent with a strict policy. Redirects stay on this origin (`target`).

mod entry;
mod sign_in;
mod sign_out;
mod target;
#[cfg(test)]
mod tests;

pub use entry::{entry_redirect, forbidden};

use crate::{
    Body, answer,
    api::{Allowed, Call, Endpoint, Presented},
};
use doorward_core::{
    Reason, Refusal,
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
    /// The stylesheet.
    Style,
}

/// The page at this path, before the method is looked at.
pub(crate) fn recognise(policy: &Policy, path: &str) -> Option<Page> {
    match path {
        "/login" => Some(Page::SignIn(None)),
        "/logout" => Some(Page::SignOut),
        html::STYLE_PATH => Some(Page::Style),
        _ => {
            let name = path.strip_prefix("/login/")?;
            policy.directory(name).map(|directory| Page::SignIn(Some(Arc::clone(&directory.name))))
        }
    }
}

impl Page {
    /// The endpoint for a method.
    pub(crate) fn endpoint(self, method: &Method) -> Endpoint {
        let post = *method == Method::POST;
        let methods = if self == Page::Style { "GET" } else { "GET,POST" };
        match self {
            page if matches!(*method, Method::GET | Method::HEAD) => Endpoint::Page(page),
            Page::SignIn(directory) if post => Endpoint::Page(Page::SubmitSignIn(directory)),
            Page::SignOut if post => Endpoint::Page(Page::SubmitSignOut),
            _ if *method == Method::OPTIONS => Endpoint::Options(Allowed { methods, session: false }),
            _ => Endpoint::NotAllowed(Allowed { methods, session: false }),
        }
    }

    /// What the decision needs to know of it. Signing out checks its token itself: it stands in the form.
    pub(crate) fn own(&self) -> Own {
        let own = |name, access_control, provenance| Own { name, access_control, csrf: false, provenance };
        match self {
            Page::SignIn(_) => own("page.sign_in", false, false),
            Page::SubmitSignIn(_) => own("page.sign_in.submit", false, true),
            Page::SignOut => own("page.sign_out", true, false),
            Page::SubmitSignOut => own("page.sign_out.submit", true, true),
            Page::Style => own("page.style", false, false),
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
            Page::Style => style(&call),
        }
    }
}

fn no_page(call: &Call<'_>) -> Response<Body> {
    call.refuse(Reason::NoRoute)
}

/// A page as an answer.
fn page(call: &Call<'_>, status: StatusCode, html: Option<String>) -> Response<Body> {
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
fn unavailable(call: &Call<'_>, error: &StoreError) -> Response<Body> {
    let message = html::Message {
        title: "Not available",
        text: "This cannot be done at the moment. Please try again in a few seconds.",
        request_id: call.request.request_id,
    };
    let mut response = page(call, StatusCode::SERVICE_UNAVAILABLE, html::render(&message));
    response.extensions_mut().insert(Refusal::new(Reason::Unavailable(error.to_string().into()), false));
    response
}

/// The live sessions that the request presents in these directories.
async fn live_sessions(call: &Call<'_>, directories: &[Arc<Directory>]) -> Result<Vec<Presented>, StoreError> {
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
