//! `/login` and `/login/DIRECTORY`.

use super::{
    Place, describe, elsewhere,
    form_token::{self, FormToken},
    live_sessions, no_page, page, target, unavailable,
};
use crate::{
    Body, answer,
    api::{Call, Form, cookie, failure, header, set_retry_after},
};
use doorward_auth::{Attempt, SignInError, SignedIn, Verified};
use doorward_core::{Provenance, Reason, policy::Directory, session::SessionKey};
use doorward_wire::pages as html;
use http::{
    HeaderValue, Response, StatusCode,
    header::{LOCATION, USER_AGENT},
};
use std::sync::Arc;

/// The text for every cause: whether there is such an account is nobody's business.
const WRONG: &str = "The username or the password is wrong.";
pub(crate) const EXPIRED: &str = "This form is too old or was opened without cookies. Please try again.";
pub(super) const BUSY: &str = "Too many people are signing in at the moment. Please try again in a few seconds.";

/// The form, or who one is.
pub(super) async fn show(call: &Call<'_>, directory: Option<&str>) -> Response<Body> {
    let Some(directories) = chosen(call, directory) else { return no_page(call) };
    let query = call.request.query.unwrap_or_default();
    let asked = |name: &str| url::form_urlencoded::parse(query.as_bytes()).find(|(own, _)| own == name).map(|(_, value)| value);
    let (wanted, typed) = (asked("return"), asked("login").unwrap_or_default());
    // Whoever is signed in may have to do so again, for an application that wants to be sure.
    let again = asked("again").is_some();
    let target = target::safe(wanted.as_deref().unwrap_or("/"));
    match live_sessions(call, &directories).await {
        Ok(sessions) if sessions.is_empty() || again => {
            form_page(call, StatusCode::OK, &View { directory, target, login: &typed, error: None })
        }
        Ok(sessions) => describe(&sessions, |sessions| {
            let sign_out = Place::of(call).path("/logout");
            page(call, StatusCode::OK, html::render(&html::SignedIn { sessions, target, sign_out: &sign_out }))
        }),
        Err(error) => unavailable(call, &error),
    }
}

/// What was typed.
pub(super) async fn submit(mut call: Call<'_>, directory: Option<&str>) -> Response<Body> {
    let Some(directories) = chosen(&call, directory) else { return no_page(&call) };
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    let fields = match Form::read(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let (login, target) = (fields.text("_username"), target::safe(fields.text("_target_path")));
    let view = |error| View { directory, target, login, error: Some(error) };
    if !form_token::is_ours(&call, &fields) {
        return form_page(&call, StatusCode::BAD_REQUEST, &view(EXPIRED));
    }
    match sign_in(&call, &directories, login, fields.text("_password")).await {
        Ok(signed_in) => welcome(&call, &signed_in, target),
        Err(error) => {
            call.audit_failure(&error, login);
            let (status, after) = failure(&error);
            let mut response = form_page(&call, status, &view(told(&error, WRONG)));
            set_retry_after(&mut response, after);
            response
        }
    }
}

/// What people are told of a sign-in that failed; each door has words of its own for what is `wrong`.
pub(super) fn told<'t>(error: &SignInError, wrong: &'t str) -> &'t str {
    match error {
        SignInError::Invalid { .. } => wrong,
        SignInError::TooMany { .. } => "There were too many failed attempts. Please try again later.",
        SignInError::Busy { .. } | SignInError::Unavailable(_) => BUSY,
    }
}

/// The directories that are asked: the firewall's, or the one of the path if it is among them.
fn chosen(call: &Call<'_>, directory: Option<&str>) -> Option<Vec<Arc<Directory>>> {
    let mut directories = call.directories();
    directories.retain(|each| directory.is_none_or(|name| *each.name == *name));
    (!directories.is_empty()).then_some(directories)
}

/// Signs in under a new id; a session of the same directory that the browser already has ends with that.
async fn sign_in(call: &Call<'_>, directories: &[Arc<Directory>], login: &str, password: &str) -> Result<SignedIn, SignInError> {
    let (verified, old) = verify(call, directories, login, password).await?;
    call.auth.start(verified, old).await
}

/// Whoever knows the password, and the session of that directory that the browser already has.
pub(super) async fn verify(
    call: &Call<'_>,
    directories: &[Arc<Directory>],
    login: &str,
    password: &str,
) -> Result<(Verified, Option<SessionKey>), SignInError> {
    let attempt = Attempt {
        login,
        password,
        address: call.request.client,
        device_token: cookie::value(call.request.headers, cookie::device_name(call.request.secure)),
        user_agent: header(call.request.headers, USER_AGENT),
        site: &call.policy.sites.here,
        website: Some(Place::of(call).view.website_id),
    };
    let verified = call.auth.verify(directories, attempt).await?;
    let old = call.live_in(&verified.directory).await.map_err(SignInError::Unavailable)?;
    Ok((verified, old.map(|old| old.live.key())))
}

/// 303 to where the person wanted to go. The session's cookie comes first: clients take the first one.
fn welcome(call: &Call<'_>, signed_in: &SignedIn, target: &str) -> Response<Body> {
    let account = signed_in.live.account();
    call.audit("sign_in", "success", Some(&account), &account.login);
    let now = call.auth.clock().now();
    let mut response = answer::empty(StatusCode::SEE_OTHER);
    let headers = response.headers_mut();
    headers.insert(LOCATION, HeaderValue::try_from(target).unwrap_or(HeaderValue::from_static("/")));
    cookie::add(headers, cookie::session(&signed_in.directory.cookie, &signed_in.id, now));
    cookie::add(headers, cookie::device(&signed_in.device_token, call.request.secure, now));
    response
}

/// What the form shows.
struct View<'a> {
    directory: Option<&'a str>,
    target: &'a str,
    login: &'a str,
    error: Option<&'a str>,
}

/// The form with a token of its own for this browser, which gets a nonce if it has none.
fn form_page(call: &Call<'_>, status: StatusCode, view: &View<'_>) -> Response<Body> {
    let place = Place::of(call);
    let own = FormToken::of(call, &place.path("/login"));
    let forgot = forgot(call, view.directory);
    let providers = elsewhere::buttons(call, &chosen(call, view.directory).unwrap_or_default(), view.target);
    let action = place.path(&view.directory.map_or_else(|| "/login".to_owned(), |name| format!("/login/{name}")));
    let login = crate::api::bounded(view.login, 255);
    let html = html::SignIn {
        action: &action,
        fields: html::FieldNames::OURS,
        token: &own.token,
        target: view.target,
        login,
        error: view.error,
        forgot: forgot.as_deref(),
        providers: &providers,
    };
    let mut response = page(call, status, html::render(&html));
    if status == StatusCode::UNAUTHORIZED {
        answer::challenge(&mut response);
    }
    own.remember(&mut response);
    response
}

/// The page for a forgotten password, where mail can be sent and it is clear of which directory.
pub(super) fn forgot(call: &Call<'_>, directory: Option<&str>) -> Option<String> {
    let directories = call.directories();
    let only = || <[Arc<Directory>; 1]>::try_from(directories).ok().map(|[directory]| directory.name.to_string());
    let name = directory.map(str::to_owned).or_else(only).filter(|_| call.auth.can_mail())?;
    Some(Place::of(call).path(&format!("/password/{name}")))
}
