//! The challenge of a 401: what the firewall's method wants to see (RFC 9110 11.6.1).

use super::{Reader, empty, refuse, with_body};
use crate::Body;
use doorward_auth::Fault;
use doorward_core::{
    Found, Policy, Reason, Refusal,
    firewall::{Authentication, Firewall},
    policy::Dialect,
    possession::Demand,
    refusal::Public,
};
use doorward_oauth::rfc9449;
use doorward_wire::ibexa;
use http::{HeaderValue, Response, StatusCode, header::WWW_AUTHENTICATE};

/// What is wrong with a token that came along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// What; `None`: there was none, or nothing is wrong with it.
    pub fault: Option<Fault>,
    /// It was sent with a proof (RFC 9449 7.1).
    pub by_proof: bool,
}

/// What a challenge is made of.
#[derive(Clone, Copy, Debug)]
pub struct Challenged<'a> {
    /// What judges.
    pub policy: &'a Policy,
    /// What spoke about the request.
    pub found: &'a Found<'a>,
    /// The host that it was for.
    pub host: &'a str,
    /// What is wrong with a token that came along.
    pub wrong: Wrong,
}

/// The answer to a refusal, in the form that the firewall's method has for it. In the Ibexa dialect the 401 of a Basic
/// firewall is a challenge and nothing else (ibexa-rest 4), and that of a JWT firewall is JSON whatever is accepted (3.3);
/// only who expected somebody else is told so.
pub fn refuse_under(challenged: &Challenged<'_>, refusal: &Refusal, to: &Reader) -> Response<Body> {
    let Some(firewall) = challenged.found.firewall else { return refuse(refusal, to) };
    let own = refusal.public == Public::Unauthenticated && to.dialect == Dialect::Ibexa && refusal.reason != Reason::UserChanged;
    let mut response = match firewall.authentication {
        Authentication::Basic if own => empty(StatusCode::UNAUTHORIZED),
        Authentication::Jwt if own => {
            with_body(StatusCode::UNAUTHORIZED, ibexa::bearer_failure(401, message(challenged.wrong.fault)), to)
        }
        _ => refuse(refusal, to),
    };
    challenge_under(challenged, refusal, to.dialect, &mut response);
    response
}

/// Puts the challenge of the firewall's method into a 401 of ours, where the refusal asks who is calling. Whoever is known
/// and may not is not asked again: a browser would drop the right password and show its dialog. Who lacks a scope alone is told
/// which, whatever status the dialect has for it (RFC 6750 3.1): a client that reads it may ask for more.
pub fn challenge_under(challenged: &Challenged<'_>, refusal: &Refusal, dialect: Dialect, response: &mut Response<Body>) {
    let Some(firewall) = challenged.found.firewall else { return };
    let out_of_scope = refusal.public == Public::Forbidden && matches!(refusal.reason, Reason::InsufficientScope { .. });
    if out_of_scope && firewall.authentication == Authentication::OAuth {
        let scheme = if challenged.wrong.by_proof { DPOP } else { BEARER };
        let value = access_token(challenged, firewall, scheme, Some(("insufficient_scope", None)));
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
        return;
    }
    if refusal.public != Public::Unauthenticated || response.status() != StatusCode::UNAUTHORIZED {
        return;
    }
    let challenge = match firewall.authentication {
        Authentication::Jwt => bearer(challenged.wrong.fault, dialect),
        Authentication::OAuth => return access(challenged, firewall, response),
        Authentication::Basic => basic(&firewall.realm),
        // Nothing that a caller could send in a header would help; where the answer names a scheme, a session is none of it.
        Authentication::Certificate if response.headers().contains_key(WWW_AUTHENTICATE) => HeaderValue::from_static(CERTIFICATE),
        // Those of sessions are the dialect's affair.
        Authentication::Session | Authentication::Certificate | Authentication::None => return,
    };
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
}

/// No client acts on it (docs/decisions/0021).
const CERTIFICATE: &str = "Certificate realm=\"Doorward\"";

/// The texts of ibexa-rest 3.3.
fn message(fault: Option<Fault>) -> &'static str {
    match fault {
        None => "JWT Token not found",
        Some(Fault::Invalid) => "Invalid JWT Token",
        Some(Fault::Expired) => "Expired JWT Token",
        Some(Fault::NoUsername) => "Unable to find key \"username\" in the token payload.",
        Some(Fault::Account) => "Invalid credentials.",
        // Of proofs, for which nobody asks here.
        Some(Fault::Proof | Fault::Nonce) => "Invalid JWT Token",
    }
}

/// RFC 6750 3: who sent no token is told of no error. Ibexa's is the scheme alone.
fn bearer(fault: Option<Fault>, dialect: Dialect) -> HeaderValue {
    HeaderValue::from_static(match fault {
        Some(Fault::Expired) if dialect != Dialect::Ibexa => {
            "Bearer error=\"invalid_token\", error_description=\"The token has expired\""
        }
        Some(_) if dialect != Dialect::Ibexa => "Bearer error=\"invalid_token\"",
        _ => "Bearer",
    })
}

/// The schemes by which access tokens are sent.
const BEARER: &str = "Bearer";
const DPOP: &str = "DPoP";

/// RFC 6750 3 and RFC 9449 7.1, in every dialect: the scheme that was used first, with what is wrong; then the other one, where
/// a token may come by it.
fn access(challenged: &Challenged<'_>, firewall: &Firewall, response: &mut Response<Body>) {
    let Wrong { fault, by_proof } = challenged.wrong;
    let proofs = by_proof || firewall.access.proof == Some(Demand::Dpop);
    let first = access_token(challenged, firewall, if proofs { DPOP } else { BEARER }, fault.map(error));
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, first);
    if !proofs && firewall.access.proof != Some(Demand::Certificate) {
        headers.append(WWW_AUTHENTICATE, rfc9449::challenge(None));
    }
}

/// RFC 6750 3.1, RFC 9449 7.1, 9. What else is wrong with a token than its age helps nobody but who guesses.
fn error(fault: Fault) -> (&'static str, Option<&'static str>) {
    match fault {
        Fault::Proof => ("invalid_dpop_proof", None),
        Fault::Nonce => ("use_dpop_nonce", None),
        Fault::Expired => ("invalid_token", Some("The token has expired")),
        Fault::Invalid | Fault::NoUsername | Fault::Account => ("invalid_token", None),
    }
}

/// RFC 6750 3 and RFC 9728 5.1, in every dialect: which scopes the request needs, and where clients read who gives them.
fn access_token(
    challenged: &Challenged<'_>,
    firewall: &Firewall,
    scheme: &'static str,
    error: Option<(&'static str, Option<&'static str>)>,
) -> HeaderValue {
    let mut parameters: Vec<String> = Vec::new();
    let mut say = |name: &str, value: &str| parameters.push(format!("{name}={}", quoted(value)));
    if !firewall.realm.is_empty() {
        say("realm", &firewall.realm);
    }
    if let Some((error, description)) = error {
        say("error", error);
        description.into_iter().for_each(|text| say("error_description", text));
    }
    let scopes = challenged.found.scopes();
    if !scopes.is_empty() {
        say("scope", &scopes.join(" "));
    }
    if let Some(url) = challenged.policy.metadata_url(firewall, challenged.host) {
        say("resource_metadata", &url);
    }
    if scheme == DPOP {
        say("algs", &rfc9449::ALGORITHMS.join(" "));
    }
    let text = if parameters.is_empty() { scheme.to_owned() } else { format!("{scheme} {}", parameters.join(", ")) };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(scheme))
}

/// RFC 7617 2 and 2.1. The configuration admits no realm that is no header's text.
fn basic(realm: &str) -> HeaderValue {
    let value = HeaderValue::try_from(format!("Basic realm={}, charset=\"UTF-8\"", quoted(realm)));
    value.unwrap_or_else(|_| HeaderValue::from_static("Basic realm=\"\", charset=\"UTF-8\""))
}

/// RFC 9110 5.6.4: nothing in the text ends it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
