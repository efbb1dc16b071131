//! Refusals: a short public reason and a full private one.

use crate::{Source, route::Requirement};
use serde::Serialize;
use std::sync::Arc;

/// Why a request was refused, for the operator. What the caller learns is decided by the dialect from
/// [`Reason::is_unauthenticated`] and its kin, never from the details.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// No firewall matches.
    NoFirewall,
    /// No route rule matches and `unmatched = "deny"`.
    NoRoute,
    /// A credential is present but wrong; the text says how, without the credential.
    InvalidCredential(&'static str),
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
            Reason::InvalidCredential(_) => "invalid_credential",
            Reason::NotAjax => "not_ajax",
            Reason::Csrf => "csrf",
            Reason::ForeignOrigin => "foreign_origin",
            Reason::UserChanged => "user_changed",
            Reason::AccessControl(_) => "access_control",
            Reason::NotGranted { .. } => "not_granted",
            Reason::GuestOnUnmatched => "guest_on_unmatched",
            Reason::Insecure(_) => "insecure",
            Reason::NoParameter(_) => "no_parameter",
            Reason::Unenforceable(_) => "unenforceable",
            Reason::NoUpstream => "no_upstream",
            Reason::Unavailable(_) => "unavailable",
        }
    }

    /// All codes, so that a test can show that each occurs.
    pub const CODES: [&'static str; 15] = [
        "no_firewall",
        "no_route",
        "invalid_credential",
        "not_ajax",
        "csrf",
        "foreign_origin",
        "user_changed",
        "access_control",
        "not_granted",
        "guest_on_unmatched",
        "insecure",
        "no_parameter",
        "unenforceable",
        "no_upstream",
        "unavailable",
    ];
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
            Reason::Insecure(_) | Reason::NoParameter(_) => Public::BadRequest,
            Reason::Unavailable(_) => Public::Unavailable,
            Reason::InvalidCredential(_) | Reason::Csrf | Reason::UserChanged | Reason::NotAjax => Public::Unauthenticated,
            Reason::ForeignOrigin | Reason::Unenforceable(_) => Public::Forbidden,
            Reason::NoFirewall | Reason::AccessControl(_) | Reason::NotGranted { .. } | Reason::GuestOnUnmatched => {
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
