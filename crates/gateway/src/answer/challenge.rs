//! The challenge of a 401: what the firewall's method wants to see (RFC 9110 11.6.1).

use super::{Reader, empty, refuse, with_body};
use crate::Body;
use doorward_auth::Fault;
use doorward_core::{
    Reason, Refusal,
    firewall::{Authentication, Firewall},
    policy::Dialect,
    refusal::Public,
};
use doorward_wire::ibexa;
use http::{HeaderValue, Response, StatusCode, header::WWW_AUTHENTICATE};
use std::sync::Arc;

/// The answer to a refusal, in the form that the firewall's method has for it. In the Ibexa dialect the 401 of a Basic
/// firewall is a challenge and nothing else (ibexa-rest 4), and that of a JWT firewall is JSON whatever is accepted (3.3);
/// only who expected somebody else is told so. `fault` is what is wrong with a token that came along.
pub fn refuse_under(firewall: Option<&Firewall>, refusal: &Refusal, fault: Option<Fault>, to: &Reader) -> Response<Body> {
    let Some(firewall) = firewall else { return refuse(refusal, to) };
    let own = refusal.public == Public::Unauthenticated && to.dialect == Dialect::Ibexa && refusal.reason != Reason::UserChanged;
    let mut response = match firewall.authentication {
        Authentication::Basic if own => empty(StatusCode::UNAUTHORIZED),
        Authentication::Jwt if own => with_body(StatusCode::UNAUTHORIZED, ibexa::bearer_failure(401, message(fault)), to),
        _ => refuse(refusal, to),
    };
    challenge_under(firewall, refusal, fault, to.dialect, &mut response);
    response
}

/// Puts the challenge of the firewall's method into a 401 of ours, where the refusal asks who is calling. Whoever is known
/// and may not is not asked again: a browser would drop the right password and show its dialog.
pub fn challenge_under(
    firewall: &Firewall,
    refusal: &Refusal,
    fault: Option<Fault>,
    dialect: Dialect,
    response: &mut Response<Body>,
) {
    // RFC 6750 3.1, whatever status the dialect has for it: a client that reads it may ask for more.
    if let Reason::InsufficientScope { required, .. } = &refusal.reason
        && refusal.public == Public::Forbidden
        && firewall.authentication == Authentication::OAuth
    {
        response.headers_mut().insert(WWW_AUTHENTICATE, out_of_scope(required));
        return;
    }
    if refusal.public != Public::Unauthenticated || response.status() != StatusCode::UNAUTHORIZED {
        return;
    }
    let challenge = match firewall.authentication {
        Authentication::Jwt => bearer(fault, dialect),
        // RFC 6750 3, in every dialect.
        Authentication::OAuth => bearer(fault, Dialect::Problem),
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
fn out_of_scope(required: &[Arc<str>]) -> HeaderValue {
    let value = HeaderValue::try_from(format!("Bearer error=\"insufficient_scope\", scope=\"{}\"", required.join(" ")));
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
