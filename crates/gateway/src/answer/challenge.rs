//! The challenge of a 401: what the firewall's method wants to see (RFC 9110 11.6.1).

use super::{Reader, empty, refuse, with_body};
use crate::Body;
use doorward_auth::Fault;
use doorward_core::{
    Reason, Refusal,
    firewall::{Authentication, Firewall},
    policy::Dialect,
    possession::Demand,
    refusal::Public,
};
use doorward_oauth::rfc9449;
use doorward_wire::ibexa;
use http::{HeaderValue, Response, StatusCode, header::WWW_AUTHENTICATE};
use std::sync::Arc;

/// What is wrong with a token that came along.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wrong {
    /// What; `None`: there was none, or nothing is wrong with it.
    pub fault: Option<Fault>,
    /// It was sent with a proof (RFC 9449 7.1).
    pub by_proof: bool,
}

/// The answer to a refusal, in the form that the firewall's method has for it. In the Ibexa dialect the 401 of a Basic
/// firewall is a challenge and nothing else (ibexa-rest 4), and that of a JWT firewall is JSON whatever is accepted (3.3);
/// only who expected somebody else is told so. `fault` is what is wrong with a token that came along.
pub fn refuse_under(firewall: Option<&Firewall>, refusal: &Refusal, wrong: Wrong, to: &Reader) -> Response<Body> {
    let Some(firewall) = firewall else { return refuse(refusal, to) };
    let own = refusal.public == Public::Unauthenticated && to.dialect == Dialect::Ibexa && refusal.reason != Reason::UserChanged;
    let mut response = match firewall.authentication {
        Authentication::Basic if own => empty(StatusCode::UNAUTHORIZED),
        Authentication::Jwt if own => with_body(StatusCode::UNAUTHORIZED, ibexa::bearer_failure(401, message(wrong.fault)), to),
        _ => refuse(refusal, to),
    };
    challenge_under(firewall, refusal, wrong, to.dialect, &mut response);
    response
}

/// Puts the challenge of the firewall's method into a 401 of ours, where the refusal asks who is calling. Whoever is known
/// and may not is not asked again: a browser would drop the right password and show its dialog.
pub fn challenge_under(firewall: &Firewall, refusal: &Refusal, wrong: Wrong, dialect: Dialect, response: &mut Response<Body>) {
    // RFC 6750 3.1, whatever status the dialect has for it: a client that reads it may ask for more.
    if let Reason::InsufficientScope { required, .. } = &refusal.reason
        && refusal.public == Public::Forbidden
        && firewall.authentication == Authentication::OAuth
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, out_of_scope(required, wrong.by_proof));
        return;
    }
    if refusal.public != Public::Unauthenticated || response.status() != StatusCode::UNAUTHORIZED {
        return;
    }
    let challenge = match firewall.authentication {
        Authentication::Jwt => bearer(wrong.fault, dialect),
        Authentication::OAuth => return access(firewall, wrong, response),
        Authentication::Basic => basic(&firewall.realm),
        // Nothing that a caller could send in a header would help; where the answer names a scheme, a session is none of it.
        Authentication::Certificate if response.headers().contains_key(WWW_AUTHENTICATE) => HeaderValue::from_static(CERTIFICATE),
        // Those of sessions are the dialect's affair.
        Authentication::Session | Authentication::Certificate | Authentication::None => return,
    };
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
}

/// RFC 6750 3 and RFC 9449 7.1, in every dialect: the scheme that was used first, with what is wrong; then the other one, where
/// a token may come by it.
fn access(firewall: &Firewall, Wrong { fault, by_proof }: Wrong, response: &mut Response<Body>) {
    let error = fault.map(|fault| match fault {
        Fault::Proof => "invalid_dpop_proof",
        Fault::Nonce => "use_dpop_nonce",
        Fault::Invalid | Fault::Expired | Fault::NoUsername | Fault::Account => "invalid_token",
    });
    let only_proofs = firewall.access.proof == Some(Demand::Dpop);
    let (first, second) = match (by_proof, only_proofs) {
        (true, _) | (_, true) => (rfc9449::challenge(error), None),
        (false, false) => (bearer(fault, Dialect::Problem), Some(rfc9449::challenge(None))),
    };
    let headers = response.headers_mut();
    headers.insert(WWW_AUTHENTICATE, first);
    if let Some(second) = second.filter(|_| firewall.access.proof != Some(Demand::Certificate)) {
        headers.append(WWW_AUTHENTICATE, second);
    }
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

/// RFC 6750 3: all scopes that the request needs. The configuration admits none with a quote or a space in it.
fn out_of_scope(required: &[Arc<str>], by_proof: bool) -> HeaderValue {
    let scheme = if by_proof { "DPoP" } else { "Bearer" };
    let value = HeaderValue::try_from(format!("{scheme} error=\"insufficient_scope\", scope=\"{}\"", required.join(" ")));
    value.unwrap_or_else(|_| HeaderValue::from_static("Bearer error=\"insufficient_scope\""))
}

/// RFC 7617 2 and 2.1. The configuration admits no realm that is no header's text.
fn basic(realm: &str) -> HeaderValue {
    let realm = realm.replace('\\', "\\\\").replace('"', "\\\"");
    let value = HeaderValue::try_from(format!("Basic realm=\"{realm}\", charset=\"UTF-8\""));
    value.unwrap_or_else(|_| HeaderValue::from_static("Basic realm=\"\", charset=\"UTF-8\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_is_a_quoted_string() {
        for (realm, header) in [
            ("Secured Area", r#"Basic realm="Secured Area", charset="UTF-8""#),
            (r#"a "b" \c"#, r#"Basic realm="a \"b\" \\c", charset="UTF-8""#),
            ("\n", r#"Basic realm="", charset="UTF-8""#),
        ] {
            assert_eq!(basic(realm), header);
        }
    }
}
