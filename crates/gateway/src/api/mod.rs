//! Doorward's own endpoints: one file each. They are judged like every other request (`Endpoint::own` says by what);
//! what comes here has passed.
//!
//! The contract is ibexa-rest 1, 7 and 8. Three deviations, all to the safe side: a wrong session id in DELETE or
//! refresh does not sign the caller out; a deletion cookie is sent only for a session that is dead; 200 for an active
//! session is given only after the password was verified.

pub mod cookie;
mod form;
pub(crate) mod magento;
pub(crate) mod read;
mod recognise;
mod root;
mod session;
#[cfg(test)]
mod tests;
mod token;
mod user;
#[cfg(test)]
pub(crate) mod world;

pub use recognise::recognise;
pub(crate) use {form::Form, read::header};

use crate::{
    Admitted, Body,
    admit::{ClientCertificate, SessionCookie},
    answer::{self, Reader},
    pages,
    pipeline::old_keys,
    record::{AuditEvent, Recorder},
};
use doorward_auth::{Auth, LiveSession, SignInError};
use doorward_core::{
    Account, Carries, Identity, Kind, Policy, Provenance, Reason, Refusal,
    firewall::{Authentication, Firewall},
    policy::{Dialect, Directory, Own},
    ports::StoreError,
};
use doorward_oauth::client::Providers;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header::RETRY_AFTER};
use std::{net::IpAddr, sync::Arc, time::Duration};

/// `POST /user/token/jwt`: a sign-in, so access control does not cover it, and nobody has to be known.
pub(crate) const TOKEN_JWT: Own = Own { name: "token.jwt", access_control: false, csrf: false, provenance: true, apart: false };

/// The resource that lets an admin see other accounts.
pub const USERS: &str = "Doorward_Accounts::users";

/// A session that a request presents and that is alive.
#[derive(Clone)]
pub struct Presented {
    /// Its directory.
    pub directory: Arc<Directory>,
    /// Its id, as the cookie had it. A secret.
    pub id: String,
    /// The session.
    pub live: Arc<LiveSession>,
}

impl Presented {
    /// Whether the request carries the id of an earlier session, which this one took the place of: it is who it was, but
    /// it can neither end nor learn of the new session.
    pub fn is_carried(&self) -> bool {
        doorward_crypto::session_id::key(&self.id) != self.live.key()
    }
}

/// What the endpoints read of a request. (Not [`Admitted`] itself: a body cannot be shared between threads.)
#[derive(Clone, Copy)]
pub struct Asked<'a> {
    /// The effective method.
    pub method: &'a Method,
    /// The canonical host.
    pub host: &'a str,
    /// The canonical path.
    pub path: &'a str,
    /// The query, without `?`.
    pub query: Option<&'a str>,
    /// The prefix that chose the dialect; hrefs carry it.
    pub prefix: &'a str,
    /// The dialect of the path.
    pub dialect: Dialect,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Session cookies of our directories.
    pub cookies: &'a [SessionCookie],
    /// Credentials that are present, sound or not.
    pub carries: Carries,
    /// The client's certificate.
    pub certificate: Option<&'a ClientCertificate>,
    /// The believed client address.
    pub client: IpAddr,
    /// Whether cookies are `Secure`.
    pub secure: bool,
    /// Where a browser says that the request comes from.
    pub provenance: Provenance,
    /// Names the request.
    pub request_id: &'a str,
}

impl<'a> From<&'a Admitted> for Asked<'a> {
    fn from(request: &'a Admitted) -> Self {
        Self {
            method: &request.method,
            host: &request.host,
            path: &request.path,
            query: request.query.as_deref(),
            prefix: &request.prefix,
            dialect: request.dialect,
            headers: &request.headers,
            cookies: &request.cookies,
            carries: request.carries,
            certificate: request.certificate.as_ref(),
            client: request.client,
            secure: request.secure,
            provenance: request.provenance,
            request_id: &request.request_id,
        }
    }
}

/// A request for an endpoint of ours, with everything that it may need.
pub struct Call<'a> {
    /// Who knows who somebody is.
    pub auth: &'a Arc<Auth>,
    /// The policy that judged the request.
    pub policy: &'a Arc<Policy>,
    /// OpenID providers at which people may sign in.
    pub providers: &'a Providers,
    /// Where audit events go.
    pub recorder: &'a dyn Recorder,
    /// The request.
    pub request: Asked<'a>,
    /// Its body.
    pub body: Body,
    /// The firewall that judged it.
    pub firewall: &'a Firewall,
    /// Who passed.
    pub identity: &'a Identity,
    /// The live session that the firewall found; it counts where `identity` is known.
    pub session: Option<&'a Presented>,
    /// Directories whose cookie the request carries without a live session behind it; those cookies are deleted.
    pub dead: &'a [Arc<Directory>],
}

/// One of our endpoints, with the method that was asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `GET {prefix}/`.
    Root,
    /// `POST /user/sessions`.
    CreateSession,
    /// `GET /user/sessions/current`.
    CheckSession,
    /// `POST /user/sessions/{id}/refresh`; the id is a secret if it is right.
    RefreshSession(String),
    /// `DELETE /user/sessions/{id}`.
    DeleteSession(String),
    /// `POST /user/token/jwt`.
    CreateToken,
    /// `GET /user/current`.
    CurrentUser,
    /// `GET /user/users/{id}`.
    User(u64),
    /// OPTIONS on one of these.
    Options(Allowed),
    /// Any other method on one of these.
    NotAllowed(Allowed),
    /// A page.
    Page(pages::Page),
}

/// The methods of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowed {
    /// `Allow`, without spaces.
    pub methods: &'static str,
    /// Under which firewalls it is there.
    pub under: Under,
}

/// Under which firewalls an endpoint is there; elsewhere it is not found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Under {
    /// Under all.
    Any,
    /// Under those of sessions: enabling another method disables session there.
    Session,
    /// Under those of sessions and of JSON Web Tokens.
    SessionOrJwt,
}

impl Under {
    fn admits(self, authentication: Authentication) -> bool {
        match self {
            Under::Any => true,
            Under::Session => authentication == Authentication::Session,
            Under::SessionOrJwt => matches!(authentication, Authentication::Session | Authentication::Jwt),
        }
    }
}

impl Endpoint {
    /// What the decision needs to know of it.
    pub fn own(&self) -> Own {
        let own = |name, access_control, provenance| Own { name, access_control, csrf: false, provenance, apart: false };
        match self {
            Endpoint::Root => own("root", true, false),
            Endpoint::CreateSession => own("session.create", false, true),
            Endpoint::CheckSession => own("session.current", true, false),
            // These ask for the token themselves, after 404.
            Endpoint::RefreshSession(_) => own("session.refresh", true, true),
            Endpoint::DeleteSession(_) => own("session.delete", true, true),
            Endpoint::CreateToken => TOKEN_JWT,
            Endpoint::CurrentUser => own("user.current", true, false),
            Endpoint::User(_) => own("user.show", true, false),
            Endpoint::Options(_) => own("options", false, false),
            Endpoint::NotAllowed(_) => own("method_not_allowed", true, false),
            Endpoint::Page(page) => page.own(),
        }
    }

    /// Answers the call.
    pub async fn run(self, call: Call<'_>) -> Response<Body> {
        let (dead, now) = (call.dead, call.auth.clock().now());
        let mut response = self.answer(call).await;
        cookie::delete_dead(response.headers_mut(), dead, now);
        response
    }

    async fn answer(self, call: Call<'_>) -> Response<Body> {
        if !self.under().admits(call.firewall.authentication) {
            return call.refuse(Reason::NoRoute);
        }
        match self {
            Endpoint::Root => root::show(&call),
            Endpoint::CreateSession => session::create::run(call).await,
            Endpoint::CheckSession => session::current::run(&call),
            Endpoint::RefreshSession(id) => session::refresh::run(&call, &id).await,
            Endpoint::DeleteSession(id) => session::delete::run(&call, &id).await,
            Endpoint::CreateToken => token::create(call).await,
            Endpoint::CurrentUser => user::current(&call),
            Endpoint::User(id) => user::show(&call, id).await,
            Endpoint::Options(allowed) => answer::options(HeaderValue::from_static(allowed.methods)),
            Endpoint::NotAllowed(allowed) => not_allowed(&call, allowed.methods),
            Endpoint::Page(page) => page.run(call).await,
        }
    }

    fn under(&self) -> Under {
        match self {
            Endpoint::CreateSession | Endpoint::CheckSession | Endpoint::RefreshSession(_) | Endpoint::DeleteSession(_) => {
                Under::Session
            }
            Endpoint::CreateToken => Under::SessionOrJwt,
            Endpoint::Options(allowed) | Endpoint::NotAllowed(allowed) => allowed.under,
            Endpoint::Root | Endpoint::CurrentUser | Endpoint::User(_) | Endpoint::Page(_) => Under::Any,
        }
    }
}

impl Call<'_> {
    /// Who reads the answer.
    pub(crate) fn reader(&self) -> Reader {
        Reader {
            dialect: self.request.dialect,
            accept: answer::accept(self.request.headers),
            request_id: self.request.request_id.to_owned(),
            head: self.request.method == Method::HEAD,
        }
    }

    /// The live session, where it counts and the request knows its present id.
    pub(crate) fn counting_session(&self) -> Option<&Presented> {
        self.session.filter(|session| self.identity.account().is_some() && !session.is_carried())
    }

    /// The firewall's directories of people, in its order. Programs sign in nowhere.
    pub(crate) fn directories(&self) -> Vec<Arc<Directory>> {
        let named = self.firewall.directories.iter().filter_map(|name| self.policy.directory(name));
        named.filter(|directory| directory.kind != Kind::Integration).cloned().collect()
    }

    /// The live session that the request presents in this directory.
    pub(crate) async fn live_in(&self, directory: &Directory) -> Result<Option<Presented>, StoreError> {
        let Some(cookie) = self.request.cookies.iter().find(|cookie| cookie.directory.name == directory.name) else {
            return Ok(None);
        };
        let live = self.auth.find(directory, &cookie.value).await?;
        Ok(live.map(|live| Presented { directory: Arc::clone(&cookie.directory), id: cookie.value.clone(), live }))
    }

    /// Ends a session at its owner's wish, and with it the old session of the same directory that the browser may still
    /// have: it must not sign in again.
    pub(crate) async fn sign_out(&self, session: &Presented) -> Result<(), StoreError> {
        self.spend_old_sessions(std::slice::from_ref(&session.directory)).await?;
        let account = session.live.account();
        self.auth.sign_out(&session.live.key()).await?;
        self.audit("sign_out", "success", Some(&account), &account.login);
        Ok(())
    }

    /// The old sessions that the browser has of these directories can no longer be exchanged.
    pub(crate) async fn spend_old_sessions(&self, directories: &[Arc<Directory>]) -> Result<(), StoreError> {
        let old = |directory: &Arc<Directory>| old_keys(self.policy, self.request.headers, &directory.name);
        self.auth.spend(&directories.iter().flat_map(old).collect::<Vec<_>>()).await
    }

    /// A refusal in the caller's dialect. It goes along with the answer, so that it is recorded as what it is.
    pub(crate) fn refuse(&self, reason: Reason) -> Response<Body> {
        let refusal = Refusal::new(reason, self.identity.account().is_some());
        let mut response = answer::refuse(&refusal, &self.reader());
        response.extensions_mut().insert(refusal);
        response
    }

    /// Writes an audit event. The login is cut: it is whatever somebody typed.
    pub(crate) fn audit(&self, event: &str, outcome: &str, account: Option<&Account>, login: &str) {
        self.audit_with(event, outcome, account, login, ("session pwd", ""));
    }

    /// Writes an audit event about a sign-in at a provider.
    pub(crate) fn audit_provider(&self, event: &str, outcome: &str, account: Option<&Account>, detail: &str) {
        self.audit_with(event, outcome, account, account.map_or("", |account| &account.login), ("session provider", detail));
    }

    /// Writes an audit event with more for the operator.
    pub(crate) fn audit_detail(&self, event: &str, outcome: &str, account: Option<&Account>, detail: &str) {
        self.audit_with(event, outcome, account, account.map_or("", |account| &account.login), ("session pwd", detail));
    }

    /// `how`: the method, and more for the operator.
    fn audit_with(&self, event: &str, outcome: &str, account: Option<&Account>, login: &str, how: (&str, &str)) {
        let (method, detail) = how;
        let identity = account.map(|account| format!("{}/{}", account.kind.as_str(), account.id));
        self.recorder.audit(&AuditEvent {
            event,
            outcome,
            request_id: self.request.request_id,
            directory: account.map_or("-", |account| &account.directory),
            identity: identity.as_deref().unwrap_or("-"),
            login: bounded(login, 128),
            client: Some(self.request.client),
            method,
            detail,
        });
    }

    /// Audits a sign-in that failed.
    pub(crate) fn audit_failure(&self, error: &SignInError, login: &str) {
        let account = match error {
            SignInError::Invalid { account, .. } => account.as_deref(),
            SignInError::TooMany { .. } | SignInError::Busy { .. } | SignInError::Unavailable(_) => None,
        };
        self.audit("sign_in_failed", error.code(), account, login);
    }
}

/// The first `bytes` of a text, or less where a character would be cut.
pub(crate) fn bounded(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// The status of a failed sign-in and when to come back.
pub(crate) fn failure(error: &SignInError) -> (StatusCode, Option<Duration>) {
    match error {
        SignInError::Invalid { .. } => (StatusCode::UNAUTHORIZED, None),
        SignInError::TooMany { retry_after } => (StatusCode::TOO_MANY_REQUESTS, Some(*retry_after)),
        SignInError::Busy { retry_after } => (StatusCode::SERVICE_UNAVAILABLE, Some(*retry_after)),
        SignInError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, None),
    }
}

/// Sets `Retry-After` in whole seconds, at least one.
pub(crate) fn set_retry_after(response: &mut Response<Body>, after: Option<Duration>) {
    if let Some(after) = after {
        let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
        response.headers_mut().insert(RETRY_AFTER, seconds.max(1).into());
    }
}

/// 405; `Allow` is sent as RFC 9110 15.5.6 demands, though the contract's code loses it.
fn not_allowed(call: &Call<'_>, allow: &'static str) -> Response<Body> {
    let text = format!("Method Not Allowed (Allow: {})", allow.replace(',', ", "));
    let mut response = answer::error(StatusCode::METHOD_NOT_ALLOWED, &text, &call.reader());
    response.headers_mut().insert(http::header::ALLOW, HeaderValue::from_static(allow));
    response
}
