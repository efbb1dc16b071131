//! What callers are told about a refusal: enough to repair the request, nothing about the rule.

use doorward_core::{Reason, Refusal, refusal::Public, route::Unprocessed};
use doorward_wire::magento;
use http::StatusCode;

/// `errorDescription` of the Ibexa dialect. The texts about the token and the user are those of ibexa-rest 2 and 7.
pub(super) fn ibexa(refusal: &Refusal) -> &'static str {
    detail(&refusal.reason).unwrap_or(match refusal.public {
        Public::BadRequest => "The request cannot be carried out.",
        Public::Unauthenticated => "Authentication is required.",
        Public::Forbidden => "This account is not allowed to do this.",
        Public::NotFound => "No such route",
        Public::MethodNotAllowed => "Method Not Allowed",
        Public::NotAcceptable => "Not Acceptable",
        Public::TooMany | Public::Unavailable => "",
    })
}

/// What the caller can do something about, in every dialect.
pub(super) fn detail(reason: &Reason) -> Option<&'static str> {
    match reason {
        Reason::Csrf => Some("Missing or invalid CSRF token"),
        Reason::UserChanged => Some("Expectation failed. User changed."),
        Reason::InvalidCredential(_) => Some("Invalid credentials."),
        Reason::TooMany(_) => Some("Too many failed sign-ins."),
        Reason::ForeignOrigin => Some("The request comes from another site."),
        Reason::NotAjax => Some("The session counts on AJAX calls only."),
        Reason::Insecure(_) => Some("Operation allowed only in HTTPS"),
        Reason::NoParameter(_)
        | Reason::NoFirewall
        | Reason::NoRoute
        | Reason::NoUpstream
        | Reason::AccessControl(_)
        | Reason::NotGranted { .. }
        | Reason::InsufficientScope { .. }
        | Reason::GuestOnUnmatched
        | Reason::Unprocessed(_, _)
        | Reason::Unenforceable(_)
        | Reason::Unavailable(_) => None,
    }
}

/// The error of the Magento dialect (magento-webapi 0, 3.4, 5.1): its contract names all resources of the route.
pub(super) fn magento(refusal: &Refusal, status: StatusCode) -> magento::Error {
    match &refusal.reason {
        Reason::NotGranted { required, .. } => magento::Error::unauthorized(required.iter().map(|r| r.as_str())),
        Reason::NoRoute | Reason::NoUpstream => magento::Error::no_route(),
        Reason::NoParameter(name) => magento::Error::required(name),
        Reason::Unprocessed(what, method) => match what {
            Unprocessed::Method => magento::Error::method_not_supported(method),
            Unprocessed::Schema => {
                magento::Error::bad_request("Incorrect format of request URI or Requested services are missing.")
            }
            // Whoever writes the answer meets the same header, and says what was asked for.
            Unprocessed::Accept => magento::Error::new(status, "Not Acceptable"),
            Unprocessed::Path | Unprocessed::Bulk | Unprocessed::Queue => magento::Error::not_processed(),
        },
        Reason::Unavailable(_) => magento::Error::new(status, "Service Temporarily Unavailable"),
        reason => magento::Error::new(status, detail(reason).unwrap_or("The consumer isn't authorized to access this resource.")),
    }
}
