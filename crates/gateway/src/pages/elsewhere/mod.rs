//! Signing in at an OpenID provider: the way there, the way back, and the provider's word that somebody signed out there
//! (ibexa-rest 5.2 names the paths).
//!
//! | path | what |
//! | --- | --- |
//! | `/oauth2/connect/NAME` | sends the browser to the provider, when one of our pages or the person led here; else it asks first |
//! | `/oauth2/check/NAME` | the provider's answer, by the browser |
//! | `/oauth2/backchannel/NAME` | the provider's own call: sessions ended there (OpenID Connect Back-Channel Logout 1.0) |

mod arrive;
mod ended;
mod set_out;
#[cfg(test)]
mod tests;

use super::page;
use crate::{
    Body,
    api::{Allowed, Call, Endpoint, Under, set_retry_after},
};
use doorward_core::{
    Reason, Refusal,
    policy::{Directory, Own, Policy},
};
use doorward_oauth::client::{Failure, Provider};
use doorward_wire::pages as html;
use http::{HeaderMap, Method, Response, StatusCode};
use std::{sync::Arc, time::Duration};

/// When to come back to a provider that is away.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is done with a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// The way there.
    SetOut(Arc<str>),
    /// The way there, by the form of the page that asked.
    SubmitSetOut(Arc<str>),
    /// The way back.
    Arrive(Arc<str>),
    /// Sessions ended there.
    Ended(Arc<str>),
}

/// What is at this path, before the method is looked at.
pub(crate) fn recognise(policy: &Policy, path: &str) -> Option<Elsewhere> {
    let (what, name) = path.strip_prefix("/oauth2/")?.split_once('/')?;
    let name = Arc::clone(&policy.providers.iter().find(|provider| *provider.name == *name)?.name);
    match what {
        "connect" => Some(Elsewhere::SetOut(name)),
        "check" => Some(Elsewhere::Arrive(name)),
        "backchannel" => Some(Elsewhere::Ended(name)),
        _ => None,
    }
}

impl Elsewhere {
    /// The endpoint for a method.
    pub(crate) fn endpoint(self, method: &Method) -> Endpoint {
        let (get, post) = (matches!(*method, Method::GET | Method::HEAD), *method == Method::POST);
        let (methods, found) = match self {
            Elsewhere::SetOut(name) | Elsewhere::SubmitSetOut(name) if post => ("GET,POST", Some(Elsewhere::SubmitSetOut(name))),
            Elsewhere::SetOut(_) | Elsewhere::SubmitSetOut(_) => ("GET,POST", Some(self).filter(|_| get)),
            Elsewhere::Arrive(_) => ("GET", Some(self).filter(|_| *method == Method::GET)),
            Elsewhere::Ended(_) => ("POST", Some(self).filter(|_| post)),
        };
        let allowed = Allowed { methods, under: Under::Any };
        match found {
            Some(elsewhere) => Endpoint::Page(super::Page::Elsewhere(elsewhere)),
            None if *method == Method::OPTIONS => Endpoint::Options(allowed),
            None => Endpoint::NotAllowed(allowed),
        }
    }

    /// What the decision needs to know of it. All of it is signing in, or out: it is covered by no access control, and each
    /// proves by itself whose doing it is.
    pub(super) fn own(&self) -> Own {
        let own = |name, provenance| Own { name, access_control: false, csrf: false, provenance, apart: false };
        match self {
            Elsewhere::SetOut(_) => own("provider.connect", false),
            Elsewhere::SubmitSetOut(_) => own("provider.connect.submit", true),
            Elsewhere::Arrive(_) => own("provider.check", false),
            Elsewhere::Ended(_) => own("provider.backchannel", false),
        }
    }

    /// Answers the call.
    pub(super) async fn run(self, call: Call<'_>) -> Response<Body> {
        match self {
            Elsewhere::SetOut(name) => set_out::ask(&call, &name).await,
            Elsewhere::SubmitSetOut(name) => set_out::submit(call, &name).await,
            Elsewhere::Arrive(name) => arrive::run(&call, &name).await,
            Elsewhere::Ended(name) => ended::run(call, &name).await,
        }
    }
}

/// Buttons of a sign-in page: what stands on them, and where they lead. Providers know one place of each host, so below the path of
/// a site they sign in where the session counts on every site.
pub(super) fn buttons(call: &Call<'_>, directories: &[Arc<Directory>], target: &str) -> Vec<(Arc<str>, String)> {
    let below = !super::Place::of(call).site_base(call.policy).is_empty();
    let leads = |directory: &Directory| directory.site.is_none() || !below;
    let offered = call
        .policy
        .providers
        .iter()
        .filter(|provider| directories.iter().any(|directory| directory.name == provider.directory && leads(directory)));
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("return", target).finish();
    offered.map(|provider| (Arc::clone(&provider.title), format!("/oauth2/connect/{}?{query}", provider.name))).collect()
}

/// A provider that may be used by this call.
struct Chosen {
    provider: Arc<Provider>,
    title: Arc<str>,
    directory: Arc<Directory>,
    /// Where its answers come to, at the host of this call.
    redirect_uri: String,
}

/// The provider of this name, where the firewall asks its directory.
fn chosen(call: &Call<'_>, name: &str) -> Option<Chosen> {
    let known = call.policy.providers.iter().find(|provider| *provider.name == *name)?;
    let directory = super::directory_of(call, &known.directory)?;
    let origin = call.policy.origin_at(call.request.host)?;
    Some(Chosen {
        provider: call.providers.get(name)?,
        title: Arc::clone(&known.title),
        directory,
        redirect_uri: format!("{origin}/oauth2/check/{name}"),
    })
}

/// What became of somebody who wanted to sign in there, for the operator.
fn note(call: &Call<'_>, chosen: &Chosen, outcome: &'static str) {
    call.recorder.provider(&chosen.provider.settings().name, outcome);
}

/// The page for a sign-in that failed, and what is written down of it.
fn failed(call: &Call<'_>, chosen: &Chosen, failure: &Failure) -> Response<Body> {
    let detail = format!("{}: {}", chosen.provider.settings().name, failure.text());
    call.audit_provider("sign_in_failed", failure.code(), None, &detail);
    note(call, chosen, failure.code());
    match failure {
        Failure::Stray(_) => told(
            call,
            StatusCode::BAD_REQUEST,
            "Not signed in",
            "This sign-in was not begun in this browser, was used already, or took too long. Please begin again.",
        ),
        Failure::Denied(_) => {
            let text = format!("You did not sign in at {}.", chosen.title);
            told(call, StatusCode::FORBIDDEN, "Not signed in", &text)
        }
        Failure::Refused(_) => {
            let text = format!("What {} says of you cannot be relied on. Please begin again.", chosen.title);
            told(call, StatusCode::FORBIDDEN, "Not signed in", &text)
        }
        Failure::Unavailable(why) => {
            let title = &chosen.title;
            let text =
                format!("{title} cannot be reached at the moment. Please try again in a minute, or sign in in another way.");
            let mut response = told(call, StatusCode::SERVICE_UNAVAILABLE, "Not available", &text);
            set_retry_after(&mut response, Some(PATIENCE));
            let why = format!("provider {}: {why}", chosen.provider.settings().name);
            response.extensions_mut().insert(Refusal::new(Reason::Unavailable(why.into()), false));
            response
        }
    }
}

fn told(call: &Call<'_>, status: StatusCode, title: &str, text: &str) -> Response<Body> {
    page(call, status, html::render(&html::Message { title, text, request_id: call.request.request_id }))
}

/// Whether this network failed so often that nobody is asked for its sake; the page for it.
fn slowed(call: &Call<'_>) -> Option<Response<Body>> {
    let after = call.auth.throttle().begin(call.request.client, call.auth.clock().now()).err()?;
    let text = "There were too many failed attempts. Please try again later.";
    let mut response = told(call, StatusCode::TOO_MANY_REQUESTS, "Not signed in", text);
    set_retry_after(&mut response, Some(after));
    Some(response)
}

/// The sealed journey that this browser keeps.
fn sealed(headers: &HeaderMap, secure: bool) -> Option<&str> {
    crate::api::cookie::value(headers, crate::api::cookie::journey_name(secure))
}
