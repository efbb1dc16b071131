//! Refusals: a short public reason and a full private one.

use crate::{
    Source,
    route::{Requirement, Unprocessed},
};
use http::Method;
use serde::Serialize;
use std::{fmt, sync::Arc, time::Duration};

/// Why a request was refused, for the operator. What the caller learns is decided by the dialect from [`Public`],
/// never from the details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No firewall matches.
    NoFirewall,
    /// No route rule matches and `unmatched = "deny"`.
    NoRoute,
    /// Under the Magento prefix: no route is looked for.
    Unprocessed(Unprocessed, Method),
    /// A credential is present but wrong; the text says how, without the credential.
    InvalidCredential(&'static str),
    /// Too many sign-ins failed there; the credential was not looked at. To be tried again after so long.
    TooMany(Duration),
    /// The session counts on AJAX calls only.
    NotAjax,
    /// The CSRF token is absent or wrong.
    Csrf,
    /// A browser sent an ambient credential from another origin.
    ForeignOrigin,
    /// `X-Expected-User` names somebody else.
    UserChanged,
    /// The first matching access-control rule demands a role that the caller lacks.
    AccessControl(Source),
    /// A route rule requires what the caller was not granted.
    NotGranted {
        /// The rule.
        rule: Source,
        /// All that it requires.
        required: Vec<Requirement>,
        /// The first that is lacking.
        lacking: Requirement,
    },
    /// The caller's access token is not good for what a rule demands, or there is none.
    InsufficientScope {
        /// The rule.
        rule: Source,
        /// All that the request needs.
        required: Vec<Arc<str>>,
        /// The first that is lacking.
        lacking: Arc<str>,
    },
    /// `unmatched = "authenticated"` and the caller is a guest.
    GuestOnUnmatched,
    /// The route is for HTTPS only.
    Insecure(Source),
    /// A forced parameter has no value for this caller.
    NoParameter(Arc<str>),
    /// A permit demands something that this face cannot carry out.
    Unenforceable(&'static str),
    /// The request may pass, and no upstream covers its path.
    NoUpstream,
    /// What must be known cannot be: the store is away.
    Unavailable(Arc<str>),
}

impl Reason {
    /// One word for logs and metrics; stable.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::NoFirewall => "no_firewall",
            Reason::NoRoute => "no_route",
            Reason::Unprocessed(Unprocessed::Accept, _) => "not_acceptable",
            Reason::Unprocessed(Unprocessed::Method, _) => "method_not_supported",
            Reason::Unprocessed(_, _) => "not_processed",
            Reason::InvalidCredential(_) => "invalid_credential",
            Reason::TooMany(_) => "too_many",
            Reason::NotAjax => "not_ajax",
            Reason::Csrf => "csrf",
            Reason::ForeignOrigin => "foreign_origin",
            Reason::UserChanged => "user_changed",
            Reason::AccessControl(_) => "access_control",
            Reason::NotGranted { .. } => "not_granted",
            Reason::InsufficientScope { .. } => "insufficient_scope",
            Reason::GuestOnUnmatched => "guest_on_unmatched",
            Reason::Insecure(_) => "insecure",
            Reason::NoParameter(_) => "no_parameter",
            Reason::Unenforceable(_) => "unenforceable",
            Reason::NoUpstream => "no_upstream",
            Reason::Unavailable(_) => "unavailable",
        }
    }

    /// All codes, so that a test can show that each occurs.
    pub const CODES: [&'static str; 20] = [
        "no_firewall",
        "no_route",
        "not_acceptable",
        "method_not_supported",
        "not_processed",
        "invalid_credential",
        "too_many",
        "not_ajax",
        "csrf",
        "foreign_origin",
        "user_changed",
        "access_control",
        "not_granted",
        "insufficient_scope",
        "guest_on_unmatched",
        "insecure",
        "no_parameter",
        "unenforceable",
        "no_upstream",
        "unavailable",
    ];
}

/// The reason in full, for the operator: with file and line of the rule that decided, never with a secret.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::NoFirewall => f.write_str("no firewall matches"),
            Reason::NoRoute => f.write_str("no route rule matches, and unmatched = \"deny\""),
            Reason::Unprocessed(what, method) => match what {
                Unprocessed::Accept => f.write_str("Accept names no format that the Magento dialect can write"),
                Unprocessed::Method => write!(f, "{method} is no method of the Magento REST API"),
                Unprocessed::Path => {
                    f.write_str("the path names neither a store view and a version nor anything else of the API")
                }
                Unprocessed::Schema => f.write_str("no rule lets the schema through to an upstream"),
                Unprocessed::Bulk => f.write_str("a bulk call of a route that sets parameters"),
                Unprocessed::Queue => f.write_str("an asynchronous call of a route that Doorward answers itself"),
            },
            Reason::InvalidCredential(how) => write!(f, "the credential is wrong: {how}"),
            Reason::TooMany(after) => {
                write!(f, "too many sign-ins failed from this address; again in {} s", after.as_secs().max(1))
            }
            Reason::NotAjax => f.write_str("the session counts on AJAX calls only"),
            Reason::Csrf => f.write_str("X-CSRF-Token is absent or not of this session"),
            Reason::ForeignOrigin => f.write_str("a browser sent the credential from another origin"),
            Reason::UserChanged => f.write_str("X-Expected-User names somebody else"),
            Reason::AccessControl(source) => write!(f, "{source}: the caller has none of the rule's roles"),
            Reason::NotGranted { rule, lacking, .. } => write!(f, "{rule}: {lacking} is not granted"),
            Reason::InsufficientScope { rule, lacking, .. } => {
                write!(f, "{rule}: the scope `{lacking}` is not in an access token")
            }
            Reason::GuestOnUnmatched => f.write_str("no route rule matches, and unmatched = \"authenticated\""),
            Reason::Insecure(source) => write!(f, "{source}: the route is for HTTPS only"),
            Reason::NoParameter(name) => write!(f, "the forced parameter {name} has no value for this caller"),
            Reason::Unenforceable(what) => write!(f, "the permit demands what cannot be done here: {what}"),
            Reason::NoUpstream => f.write_str("no upstream covers the path"),
            Reason::Unavailable(why) => write!(f, "it cannot be known: {why}"),
        }
    }
}

/// What the caller learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Public {
    /// 400: the request itself.
    BadRequest,
    /// 401: who are you?
    Unauthenticated,
    /// 403: we know, and no. (The Ibexa and Magento dialects say 401.)
    Forbidden,
    /// 404: nothing here.
    NotFound,
    /// 405: not this method.
    MethodNotAllowed,
    /// 406: not in a format that was asked for.
    NotAcceptable,
    /// 429: too many tries.
    TooMany,
    /// 503: cannot be known now.
    Unavailable,
}

/// The outcome that is not a permit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// For the caller.
    pub public: Public,
    /// For the operator.
    pub reason: Reason,
}

impl Refusal {
    /// Folds a reason into what the caller may learn. `known` says whether the caller is signed in.
    pub fn new(reason: Reason, known: bool) -> Self {
        let public = match &reason {
            Reason::NoRoute | Reason::NoUpstream => Public::NotFound,
            Reason::Unprocessed(Unprocessed::Accept, _) => Public::NotAcceptable,
            Reason::Unprocessed(Unprocessed::Method, _) => Public::MethodNotAllowed,
            Reason::Unprocessed(_, _) | Reason::Insecure(_) | Reason::NoParameter(_) => Public::BadRequest,
            Reason::TooMany(_) => Public::TooMany,
            Reason::Unavailable(_) => Public::Unavailable,
            Reason::InvalidCredential(_) | Reason::Csrf | Reason::UserChanged | Reason::NotAjax => Public::Unauthenticated,
            Reason::ForeignOrigin | Reason::Unenforceable(_) => Public::Forbidden,
            Reason::NoFirewall
            | Reason::AccessControl(_)
            | Reason::NotGranted { .. }
            | Reason::InsufficientScope { .. }
            | Reason::GuestOnUnmatched => {
                if known {
                    Public::Forbidden
                } else {
                    Public::Unauthenticated
                }
            }
        };
        Self { public, reason }
    }
}
