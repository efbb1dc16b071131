//! `/password/DIRECTORY` (a link to set another password), `/password/DIRECTORY/TOKEN` (the link's page) and
//! `/password/DIRECTORY/change` (for whoever is signed in).
//!
//! Opening a page changes nothing: programs that look at mail open links. The token stands in the path, which is never logged,
//! and pages are sent without a referrer.

use super::{
    LinkToken, Place, bad_link, directory_of,
    form_token::{self, FormToken},
    no_page, page,
    sign_in::{self, BUSY},
    unavailable,
};
use crate::{
    Body, answer,
    api::{Call, Form, Presented, bounded, cookie, failure, header, set_retry_after},
};
use doorward_auth::{Caller, ChangeError, LinkState, PasswordChanged, RedeemError, RequestError, SignInError, Whose};
use doorward_core::{
    PasswordRules, Provenance, Reason,
    policy::Directory,
    ports::{AccountRecord, LinkPurpose, StoreError},
};
use doorward_crypto::csrf;
use doorward_wire::pages as html;
use http::{
    HeaderValue, Response, StatusCode,
    header::{LOCATION, USER_AGENT},
};
use std::{sync::Arc, time::Duration};

const SENT: &str = "If there is such an account, a link is on its way to its e-mail address. It works for a while, and once.";
const UNKNOWN_PERSON: &str = "There is no such account.";
const NO_MAIL: &str = "Mail cannot be sent at the moment. Please try again later.";
const USED: &str = "It was used already, or another one took its place.";
const TOO_OLD: &str = "It is too old.";
const DIFFER: &str = "The two new passwords are not the same.";
const WRONG: &str = "The current password is wrong.";

/// The form that asks whose password is forgotten. Where no mail can be sent there is no such page.
pub(super) fn ask(call: &Call<'_>, directory: &str) -> Response<Body> {
    match directory_of(call, directory).filter(|_| call.auth.can_mail()) {
        Some(directory) => ask_page(call, StatusCode::OK, &directory, "", None),
        None => no_page(call),
    }
}

/// What was typed there. The answer is the same whoever it is.
pub(super) async fn send(mut call: Call<'_>, directory: &str) -> Response<Body> {
    let Some(directory) = directory_of(&call, directory).filter(|_| call.auth.can_mail()) else { return no_page(&call) };
    let fields = match own_form(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let login = fields.text("_username");
    let problem = |status, text: &str| ask_page(&call, status, &directory, login, Some(text));
    if !form_token::is_ours(&call, &fields) {
        return problem(StatusCode::BAD_REQUEST, sign_in::EXPIRED);
    }
    let place = Place::of(&call);
    let from = (call.request.client, place.site_base(call.policy));
    match call.auth.request_reset(&directory, Some(place.view.website_id), login, from).await {
        Ok(answered) => {
            call.audit("password_reset_requested", "success", None, login);
            if answered == doorward_auth::Answered::Unknown {
                return problem(StatusCode::NOT_FOUND, UNKNOWN_PERSON);
            }
            let to = sign_in_page(&call, &directory, None);
            let html = html::Done { title: "Look at your mail", text: SENT, link: Some((&to, "Back to sign-in")) };
            page(&call, StatusCode::OK, html::render(&html))
        }
        Err(RequestError::TooMany { contact }) => {
            call.audit("password_reset_requested", "too_many", None, login);
            let contact = contact.as_deref().unwrap_or("the people who run this site");
            problem(StatusCode::TOO_MANY_REQUESTS, &RequestError::TEMPLATE.replace("%1", contact))
        }
        Err(RequestError::NoMail) => problem(StatusCode::SERVICE_UNAVAILABLE, NO_MAIL),
        Err(RequestError::Unavailable(error)) => unavailable(&call, &error),
    }
}

/// The page of a link.
pub(super) async fn open(call: &Call<'_>, directory: &str, token: &LinkToken) -> Response<Body> {
    let Some(directory) = directory_of(call, directory) else { return no_page(call) };
    new_password_page(call, StatusCode::OK, &directory, token, None).await
}

/// What was typed there.
pub(super) async fn set(mut call: Call<'_>, directory: &str, token: &LinkToken) -> Response<Body> {
    let Some(directory) = directory_of(&call, directory) else { return no_page(&call) };
    let fields = match own_form(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let new = fields.text("_password");
    let bad = StatusCode::BAD_REQUEST;
    if !form_token::is_ours(&call, &fields) {
        return new_password_page(&call, bad, &directory, token, Some(sign_in::EXPIRED)).await;
    }
    if new != fields.text("_password_again") {
        return new_password_page(&call, bad, &directory, token, Some(DIFFER)).await;
    }
    match call.auth.redeem_reset(&directory, Whose::Bearer, &token.0, new, call.request.client).await {
        Ok(record) => {
            call.audit("password_reset", "success", Some(&record.account), &record.account.login);
            let to = sign_in_page(&call, &directory, Some(&record));
            let text = "All sessions of the account have ended. Sign in with the new password.";
            let html = html::Done { title: "Your password is set", text, link: Some((&to, "Sign in")) };
            let mut response = page(&call, StatusCode::OK, html::render(&html));
            cookie::add(response.headers_mut(), cookie::deletion(&directory.cookie, call.auth.clock().now()));
            response
        }
        Err(RedeemError::Flaw(flaw)) => new_password_page(&call, bad, &directory, token, Some(&flaw.to_string())).await,
        Err(RedeemError::Busy { retry_after }) => {
            let mut response = new_password_page(&call, StatusCode::SERVICE_UNAVAILABLE, &directory, token, Some(BUSY)).await;
            set_retry_after(&mut response, Some(retry_after));
            response
        }
        Err(RedeemError::Unknown) => bad_link(&call, USED, again(&call, &directory).as_deref()),
        Err(RedeemError::Expired) => bad_link(&call, TOO_OLD, again(&call, &directory).as_deref()),
        Err(RedeemError::Unavailable(error)) => unavailable(&call, &error),
    }
}

/// The form for whoever is signed in; others sign in first.
pub(super) async fn show_change(call: &Call<'_>, directory: &str) -> Response<Body> {
    let Some(directory) = directory_of(call, directory) else { return no_page(call) };
    match call.live_in(&directory).await {
        Ok(Some(session)) => change_page(call, StatusCode::OK, &session, None),
        Ok(None) => sign_in_first(call, &directory),
        Err(error) => unavailable(call, &error),
    }
}

/// What was typed there.
pub(super) async fn change(mut call: Call<'_>, directory: &str) -> Response<Body> {
    let Some(directory) = directory_of(&call, directory) else { return no_page(&call) };
    let fields = match own_form(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let session = match call.live_in(&directory).await {
        Ok(Some(session)) => session,
        Ok(None) => return sign_in_first(&call, &directory),
        Err(error) => return unavailable(&call, &error),
    };
    let problem = |status, text: &str| change_page(&call, status, &session, Some(text));
    if !csrf::verify(&session.id, fields.text("_csrf_token")) {
        return problem(StatusCode::BAD_REQUEST, sign_in::EXPIRED);
    }
    let new = fields.text("_password");
    if new != fields.text("_password_again") {
        return problem(StatusCode::BAD_REQUEST, DIFFER);
    }
    let account = session.live.account();
    let caller = Caller {
        account: &account,
        address: call.request.client,
        device_token: cookie::value(call.request.headers, cookie::device_name(call.request.secure)),
        user_agent: header(call.request.headers, USER_AGENT),
    };
    match call.auth.change_password(&directory, caller, fields.text("_current_password"), new, true).await {
        Ok(changed) => {
            call.audit("password_changed", "success", Some(&account), &account.login);
            changed_page(&call, &directory, &changed)
        }
        Err(error) => {
            call.audit("password_changed", error.code(), Some(&account), &account.login);
            match refusal(&error) {
                Ok((status, text, after)) => {
                    let mut response = problem(status, &text);
                    set_retry_after(&mut response, after);
                    response
                }
                Err(error) => unavailable(&call, error),
            }
        }
    }
}

/// Reads the form, unless another site sent it.
async fn own_form(call: &mut Call<'_>) -> Result<Form, Response<Body>> {
    if call.request.provenance == Provenance::Foreign {
        return Err(call.refuse(Reason::ForeignOrigin));
    }
    Form::read(call).await
}

fn ask_page(call: &Call<'_>, status: StatusCode, directory: &Directory, login: &str, error: Option<&str>) -> Response<Body> {
    let place = Place::of(call);
    let own = FormToken::of(call, &place.path("/password"));
    let (action, back) = (place.path(&format!("/password/{}", directory.name)), sign_in_page(call, directory, None));
    let html = html::ResetRequest { action: &action, token: &own.token, login: bounded(login, 255), error, back: &back };
    let mut response = page(call, status, html::render(&html));
    own.remember(&mut response);
    response
}

async fn new_password_page(
    call: &Call<'_>,
    status: StatusCode,
    directory: &Directory,
    token: &LinkToken,
    error: Option<&str>,
) -> Response<Body> {
    let again = again(call, directory);
    let record = match call.auth.link_state(LinkPurpose::Reset, directory, Whose::Bearer, &token.0).await {
        Ok(LinkState::Good(record)) => record,
        Ok(LinkState::Expired) => return bad_link(call, TOO_OLD, again.as_deref()),
        Ok(LinkState::Unknown) => return bad_link(call, USED, again.as_deref()),
        Err(error) => return unavailable(call, &error),
    };
    let place = Place::of(call);
    let own = FormToken::of(call, &place.path("/password"));
    let (action, rules) = (place.path(&format!("/password/{}/{}", directory.name, token.0)), in_words(&directory.passwords));
    let login = &record.account.login;
    let html = html::NewPassword { action: &action, token: &own.token, login, rules: &rules, current: false, error };
    let mut response = page(call, status, html::render(&html));
    own.remember(&mut response);
    response
}

fn change_page(call: &Call<'_>, status: StatusCode, session: &Presented, error: Option<&str>) -> Response<Body> {
    let (account, directory) = (session.live.account(), &session.directory);
    let action = Place::of(call).path(&format!("/password/{}/change", directory.name));
    let rules = in_words(&directory.passwords);
    let token = csrf::token(&session.id, call.auth.entropy());
    let html = html::NewPassword { action: &action, token: &token, login: &account.login, rules: &rules, current: true, error };
    page(call, status, html::render(&html))
}

/// The present session goes on under a new id.
fn changed_page(call: &Call<'_>, directory: &Directory, changed: &PasswordChanged) -> Response<Body> {
    let html = html::Done {
        title: "Your password is changed",
        text: "All other sessions of the account have ended.",
        link: Some(("/", "Continue")),
    };
    let mut response = page(call, StatusCode::OK, html::render(&html));
    let (headers, now) = (response.headers_mut(), call.auth.clock().now());
    match &changed.session {
        Some(session) => {
            cookie::add(headers, cookie::session(&directory.cookie, &session.id, now));
            cookie::add(headers, cookie::device(&session.device_token, call.request.secure, now));
        }
        None => cookie::add(headers, cookie::deletion(&directory.cookie, now)),
    }
    response
}

/// Status, text and when to come back; or what cannot be known now.
fn refusal(error: &ChangeError) -> Result<(StatusCode, String, Option<Duration>), &StoreError> {
    let bad = StatusCode::BAD_REQUEST;
    Ok(match error {
        ChangeError::NotVerified(SignInError::Unavailable(error)) | ChangeError::Unavailable(error) => return Err(error),
        ChangeError::NotVerified(error) => {
            let (status, after) = failure(error);
            // The person is signed in: 401 would say otherwise.
            (if status == StatusCode::UNAUTHORIZED { bad } else { status }, sign_in::told(error, WRONG).to_owned(), after)
        }
        ChangeError::Flaw(flaw) => (bad, flaw.to_string(), None),
        ChangeError::Busy { retry_after } => (StatusCode::SERVICE_UNAVAILABLE, BUSY.to_owned(), Some(*retry_after)),
        ChangeError::Email | ChangeError::Exists | ChangeError::Missing => (bad, error.to_string(), None),
        ChangeError::NoMail => (StatusCode::SERVICE_UNAVAILABLE, NO_MAIL.to_owned(), None),
    })
}

/// Where to ask for another link, if one can be sent.
fn again(call: &Call<'_>, directory: &Directory) -> Option<String> {
    call.auth.can_mail().then(|| Place::of(call).path(&format!("/password/{}", directory.name)))
}

fn sign_in_page(call: &Call<'_>, directory: &Directory, record: Option<&AccountRecord>) -> String {
    Place::of(call).sign_in(call.policy, directory, record)
}

fn sign_in_first(call: &Call<'_>, directory: &Arc<Directory>) -> Response<Body> {
    let mut response = answer::empty(StatusCode::SEE_OTHER);
    let back = Place::of(call).path(&format!("/password/{}/change", directory.name));
    let back: String = url::form_urlencoded::byte_serialize(back.as_bytes()).collect();
    let to = format!("{}?return={back}", sign_in_page(call, directory, None));
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(to).unwrap_or(HeaderValue::from_static("/login")));
    response
}

/// What a password must be like, before somebody types one that is not.
fn in_words(rules: &PasswordRules) -> String {
    let length = format!("At least {} characters", rules.min_length);
    match rules.classes {
        0 | 1 => format!("{length}. A few words that are easy to remember do well."),
        classes => format!("{length}, with {classes} of these: lower case, upper case, digits, other characters."),
    }
}
