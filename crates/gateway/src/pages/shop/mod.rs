//! The doors of a shop, where Magento's clients look for them (magento-webapi 8.1, 8.2): pages for customers and admins,
//! and the two calls by which scripts of the storefront sign in and out.
//!
//! A form sends `form_key`; an AJAX call sends `X-Requested-With` in its place, which no other site can. The cookie
//! `form_key` tells scripts the key and is never read back: the key belongs to the session or, before there is one, to
//! the nonce in a cookie that no script sees.

mod ajax;
mod referer;

use super::{Place, describe, elsewhere, live_sessions, no_page, page, sign_in, sign_out, target, unavailable};
use crate::{
    Body, answer,
    api::{Allowed, Call, Endpoint, Form, Presented, Under, bounded, cookie, failure, header, set_retry_after},
};
use doorward_auth::{SignInError, SignedIn};
use doorward_core::{
    Kind, Provenance, Reason, Refusal,
    policy::{Directory, Own, Policy},
};
use doorward_crypto::{form, form_key, same};
use doorward_wire::pages as html;
use http::{HeaderValue, Method, Response, StatusCode, header::LOCATION};
use std::sync::Arc;

/// The text for every cause: whether there is such an account, and whether it is locked, is nobody's business.
const WRONG: &str = "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later.";
const EXPIRED: &str = "Invalid Form Key. Please refresh the page.";

/// Whose door it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// The storefront's.
    Customer,
    /// The back office's.
    Admin,
}

/// What is behind a path, and what is done with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shop {
    /// The sign-in page.
    SignIn(Door),
    /// Its form: at the page itself or, for customers, at `loginPost`.
    Submit(Door),
    /// The question whether to sign out.
    SignOut(Door),
    /// Its form.
    SubmitSignOut(Door),
    /// `/customer/ajax/login`.
    AjaxSignIn,
    /// `/customer/ajax/logout`.
    AjaxSignOut,
}

/// Paths below which the doors of customers are.
pub(crate) const PLACES: [&str; 5] = [
    "/customer/account/login",
    "/customer/account/loginPost",
    "/customer/account/logout",
    "/customer/ajax/login",
    "/customer/ajax/logout",
];

/// The door at this path, before the method is looked at; a slash at its end does not count.
pub(super) fn recognise(policy: &Policy, path: &str) -> Option<Shop> {
    policy.routes.magento_prefix.as_ref()?;
    let path = path.strip_suffix('/').unwrap_or(path);
    match path {
        "/customer/account/login" => Some(Shop::SignIn(Door::Customer)),
        "/customer/account/loginPost" => Some(Shop::Submit(Door::Customer)),
        "/customer/account/logout" => Some(Shop::SignOut(Door::Customer)),
        "/customer/ajax/login" => Some(Shop::AjaxSignIn),
        "/customer/ajax/logout" => Some(Shop::AjaxSignOut),
        // Links of the storefront say where they come from.
        _ if path.starts_with("/customer/account/login/referer/") => Some(Shop::SignIn(Door::Customer)),
        _ if path.starts_with("/customer/account/loginPost/referer/") => Some(Shop::Submit(Door::Customer)),
        _ => match path.strip_prefix(&*policy.routes.door.admin_path)? {
            "" => Some(Shop::SignIn(Door::Admin)),
            "/auth/logout" => Some(Shop::SignOut(Door::Admin)),
            _ => None,
        },
    }
}

impl Shop {
    /// Whether it stands in each view of the shop.
    pub(super) fn has_views(self) -> bool {
        match self {
            Shop::SignIn(door) | Shop::Submit(door) | Shop::SignOut(door) | Shop::SubmitSignOut(door) => door == Door::Customer,
            Shop::AjaxSignIn | Shop::AjaxSignOut => true,
        }
    }

    /// The endpoint for a method.
    pub(super) fn endpoint(self, method: &Method) -> Endpoint {
        let (get, post) = (matches!(*method, Method::GET | Method::HEAD), *method == Method::POST);
        let (methods, found) = match self {
            Shop::SignIn(Door::Customer) => ("GET", get.then_some(self)),
            Shop::SignIn(Door::Admin) if post => ("GET,POST", Some(Shop::Submit(Door::Admin))),
            Shop::SignIn(Door::Admin) => ("GET,POST", get.then_some(self)),
            Shop::Submit(_) => ("POST", post.then_some(self)),
            Shop::SignOut(door) if post => ("GET,POST", Some(Shop::SubmitSignOut(door))),
            Shop::SignOut(_) | Shop::SubmitSignOut(_) => ("GET,POST", get.then_some(self)),
            // Everything but an AJAX call of these methods is a bare 400 there.
            Shop::AjaxSignIn => ("POST", (*method != Method::OPTIONS).then_some(self)),
            Shop::AjaxSignOut => ("GET,POST", (*method != Method::OPTIONS).then_some(self)),
        };
        let allowed = Allowed { methods, under: Under::Any };
        match found {
            Some(shop) => Endpoint::Page(super::Page::Shop(shop)),
            None if *method == Method::OPTIONS => Endpoint::Options(allowed),
            None => Endpoint::NotAllowed(allowed),
        }
    }

    /// What the decision needs to know of it. Whoever signs in or out proves here that it is no other site's doing.
    pub(super) fn own(self) -> Own {
        let own = |name, access_control, provenance| Own { name, access_control, csrf: false, provenance, apart: false };
        match self {
            Shop::SignIn(_) => own("shop.sign_in", false, false),
            Shop::Submit(_) => own("shop.sign_in.submit", false, true),
            Shop::SignOut(_) => own("shop.sign_out", true, false),
            Shop::SubmitSignOut(_) => own("shop.sign_out.submit", true, true),
            Shop::AjaxSignIn => own("shop.ajax.sign_in", false, true),
            Shop::AjaxSignOut => own("shop.ajax.sign_out", true, true),
        }
    }

    pub(super) async fn run(self, call: Call<'_>) -> Response<Body> {
        match self {
            Shop::SignIn(door) => show(&call, door).await,
            Shop::Submit(door) => submit(call, door).await,
            Shop::SignOut(door) => ask_to_sign_out(&call, door).await,
            Shop::SubmitSignOut(door) => submit_sign_out(call, door).await,
            Shop::AjaxSignIn => ajax::sign_in(call).await,
            Shop::AjaxSignOut => ajax::sign_out(call).await,
        }
    }
}

impl Door {
    fn kind(self) -> Kind {
        match self {
            Door::Customer => Kind::Customer,
            Door::Admin => Kind::Admin,
        }
    }

    /// Its directories among those that the firewall asks.
    fn directories(self, call: &Call<'_>) -> Vec<Arc<Directory>> {
        let mut directories = call.directories();
        directories.retain(|directory| directory.kind == self.kind());
        directories
    }

    /// Where its form goes.
    fn action(self, call: &Call<'_>) -> String {
        match self {
            Door::Customer => Place::of(call).path("/customer/account/loginPost"),
            Door::Admin => call.policy.routes.door.admin_path.to_string(),
        }
    }

    /// Where one signs out.
    fn sign_out(self, call: &Call<'_>) -> String {
        match self {
            Door::Customer => Place::of(call).path("/customer/account/logout"),
            Door::Admin => format!("{}/auth/logout", call.policy.routes.door.admin_path),
        }
    }

    /// Below which path the nonce of its form is sent.
    fn form_path(self, call: &Call<'_>) -> String {
        match self {
            Door::Customer => Place::of(call).path("/customer"),
            Door::Admin => call.policy.routes.door.admin_path.to_string(),
        }
    }

    /// Where somebody goes who wanted to go nowhere else.
    fn home(self, call: &Call<'_>) -> String {
        match self {
            Door::Customer => Place::of(call).path("/customer/account"),
            Door::Admin => call.policy.routes.door.admin_path.to_string(),
        }
    }

    /// `wanted` or, where nothing is, the page that somebody comes from, if that leads to a path of this origin; else home.
    /// Nobody is led to one of these pages again.
    fn target(self, call: &Call<'_>, wanted: &str) -> String {
        let from = if wanted.is_empty() { referer::of(call) } else { None };
        let wanted = from.as_deref().unwrap_or(wanted);
        let path = wanted.split(['?', '#']).next().unwrap_or_default();
        match target::safe(wanted) {
            "/" if wanted != "/" => self.home(call),
            _ if super::recognise(call.policy, path).is_some() => self.home(call),
            safe => safe.to_owned(),
        }
    }
}

/// The form, or who one is.
async fn show(call: &Call<'_>, door: Door) -> Response<Body> {
    let directories = door.directories(call);
    if directories.is_empty() {
        return no_page(call);
    }
    let query = call.request.query.unwrap_or_default();
    let wanted = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "return").map(|(_, value)| value);
    let target = door.target(call, wanted.as_deref().unwrap_or_default());
    match live_sessions(call, &directories).await {
        Ok(sessions) if sessions.is_empty() => {
            let view = View { door, directories: &directories, target: &target, login: "", error: None };
            form_page(call, StatusCode::OK, &view)
        }
        Ok(sessions) => describe(&sessions, |sessions| {
            let html = html::SignedIn { sessions, target: &target, sign_out: &door.sign_out(call) };
            page(call, StatusCode::OK, html::render(&html))
        }),
        Err(error) => unavailable(call, &error),
    }
}

/// What was typed.
async fn submit(mut call: Call<'_>, door: Door) -> Response<Body> {
    let directories = door.directories(&call);
    if directories.is_empty() {
        return no_page(&call);
    }
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    let fields = match Form::read(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let login = fields.text(html::FieldNames::SHOP.login);
    let target = door.target(&call, fields.text("_target_path"));
    let view = |error| View { door, directories: &directories, target: &target, login, error: Some(error) };
    let sessions = match live_sessions(&call, &directories).await {
        Ok(sessions) => sessions,
        Err(error) => return unavailable(&call, &error),
    };
    if !is_ajax(&call) && !holds_form_key(&call, &sessions, fields.text(html::FieldNames::SHOP.token)) {
        return form_page(&call, StatusCode::BAD_REQUEST, &view(EXPIRED));
    }
    match enter(&call, &directories, login, fields.text(html::FieldNames::SHOP.password)).await {
        Ok(signed_in) => {
            let mut response = answer::empty(StatusCode::FOUND);
            let location = HeaderValue::try_from(target).unwrap_or(HeaderValue::from_static("/"));
            response.headers_mut().insert(LOCATION, location);
            welcome(&call, &signed_in, &mut response);
            response
        }
        Err(error) => {
            call.audit_failure(&error, login);
            let (status, after) = failure(&error);
            let mut response = form_page(&call, status, &view(sign_in::told(&error, WRONG)));
            set_retry_after(&mut response, after);
            response
        }
    }
}

/// Signs in under a new id. Calls of the browser that are on their way with the old one are carried over.
async fn enter(call: &Call<'_>, directories: &[Arc<Directory>], login: &str, password: &str) -> Result<SignedIn, SignInError> {
    let (verified, old) = sign_in::verify(call, directories, login, password).await?;
    call.auth.start_and_carry_over(verified, old).await
}

/// The cookies of a session that has begun, its own first.
fn welcome(call: &Call<'_>, signed_in: &SignedIn, response: &mut Response<Body>) {
    let account = signed_in.live.account();
    call.audit("sign_in", "success", Some(&account), &account.login);
    let (now, headers, spec) = (call.auth.clock().now(), response.headers_mut(), &signed_in.directory.cookie);
    cookie::add(headers, cookie::session(spec, &signed_in.id, now));
    cookie::add(headers, cookie::device(&signed_in.device_token, call.request.secure, now));
    if account.kind == Kind::Customer {
        cookie::add(headers, cookie::form_key(spec, &form_key::of_session(&signed_in.id), now));
    }
}

/// Whether the caller is a script of ours: exactly the header that no other site can send (magento-webapi 2.1).
fn is_ajax(call: &Call<'_>) -> bool {
    header(call.request.headers, "x-requested-with") == Some("XMLHttpRequest")
        && header(call.request.headers, "sec-fetch-mode") != Some("navigate")
}

/// Whether `sent` is the key of one of these sessions or, where there is none, of the nonce in the form's cookie.
fn holds_form_key(call: &Call<'_>, sessions: &[Presented], sent: &str) -> bool {
    let is = |key: &str| same(key.as_bytes(), sent.as_bytes());
    let nonce = cookie::value(call.request.headers, cookie::form_name(call.request.secure)).unwrap_or_default();
    sessions.iter().any(|session| is(&form_key::of_session(&session.id)))
        || form_key::of_nonce(call.auth.form_key(), nonce).is_some_and(|key| is(&key))
}

async fn ask_to_sign_out(call: &Call<'_>, door: Door) -> Response<Body> {
    match live_sessions(call, &door.directories(call)).await {
        Ok(sessions) => question(call, door, StatusCode::OK, &sessions),
        Err(error) => unavailable(call, &error),
    }
}

/// The answer to it. The key of any of the sessions proves that it was our form.
async fn submit_sign_out(mut call: Call<'_>, door: Door) -> Response<Body> {
    if call.request.provenance == Provenance::Foreign {
        return call.refuse(Reason::ForeignOrigin);
    }
    let fields = match Form::read(&mut call).await {
        Ok(fields) => fields,
        Err(response) => return response,
    };
    let sessions = match live_sessions(&call, &door.directories(&call)).await {
        Ok(sessions) => sessions,
        Err(error) => return unavailable(&call, &error),
    };
    let sent = fields.text(html::FieldNames::SHOP.token);
    if sessions.is_empty() {
        return question(&call, door, StatusCode::OK, &sessions);
    }
    if !sessions.iter().any(|session| same(form_key::of_session(&session.id).as_bytes(), sent.as_bytes())) {
        let mut response = question(&call, door, StatusCode::UNAUTHORIZED, &sessions);
        response.extensions_mut().insert(Refusal::new(Reason::Csrf, true));
        return response;
    }
    if let Err(error) = sign_out::end_all(&call, &sessions).await {
        return unavailable(&call, &error);
    }
    let mut response = page(&call, StatusCode::OK, html::render(&html::SignedOut));
    farewell(&call, door, &sessions, &mut response);
    response
}

/// Deletes the cookies of sessions that have ended.
fn farewell(call: &Call<'_>, door: Door, sessions: &[Presented], response: &mut Response<Body>) {
    sign_out::delete_cookies(call, sessions, response);
    if let (Door::Customer, Some(session)) = (door, sessions.first()) {
        let deletion = cookie::form_key_deletion(&session.directory.cookie, call.auth.clock().now());
        cookie::add(response.headers_mut(), deletion);
    }
}

fn question(call: &Call<'_>, door: Door, status: StatusCode, sessions: &[Presented]) -> Response<Body> {
    let Some(first) = sessions.first() else {
        return page(call, status, html::render(&html::SignedOut));
    };
    let (action, token) = (door.sign_out(call), form_key::of_session(&first.id));
    let token_name = html::FieldNames::SHOP.token;
    let html =
        describe(sessions, |sessions| html::render(&html::SignOut { sessions, action: &action, token_name, token: &token }));
    let mut response = page(call, status, html);
    if status == StatusCode::UNAUTHORIZED {
        answer::challenge(&mut response);
    }
    response
}

/// What the form shows.
struct View<'a> {
    door: Door,
    directories: &'a [Arc<Directory>],
    target: &'a str,
    login: &'a str,
    error: Option<&'a str>,
}

/// The form with the key of this browser, which gets a nonce if it has none, and for scripts the key in a cookie.
fn form_page(call: &Call<'_>, status: StatusCode, view: &View<'_>) -> Response<Body> {
    let held = cookie::value(call.request.headers, cookie::form_name(call.request.secure)).filter(|nonce| form::is_nonce(nonce));
    let nonce = held.map_or_else(|| form::nonce(call.auth.entropy()), str::to_owned);
    let token = form_key::of_nonce(call.auth.form_key(), &nonce).unwrap_or_default();
    let action = view.door.action(call);
    // Where several directories are asked, nobody can say whose password it is.
    let only = Some(view.directories).filter(|all| all.len() == 1).and_then(|all| all.first());
    let forgot = only.and_then(|directory| sign_in::forgot(call, Some(&directory.name)));
    let html = html::SignIn {
        action: &action,
        fields: html::FieldNames::SHOP,
        token: &token,
        target: view.target,
        login: bounded(view.login, 255),
        error: view.error,
        forgot: forgot.as_deref(),
        providers: &elsewhere::buttons(call, view.directories, view.target),
    };
    let mut response = page(call, status, html::render(&html));
    if status == StatusCode::UNAUTHORIZED {
        answer::challenge(&mut response);
    }
    let headers = response.headers_mut();
    if held.is_none() {
        cookie::add(headers, cookie::form(&nonce, &view.door.form_path(call), call.request.secure));
    }
    if let (Door::Customer, Some(directory)) = (view.door, view.directories.first()) {
        cookie::add(headers, cookie::form_key(&directory.cookie, &token, call.auth.clock().now()));
    }
    response
}

#[cfg(test)]
mod tests;
