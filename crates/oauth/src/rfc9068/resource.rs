//! Access tokens of other authorization servers, as a resource server reads them (RFC 9068 4).

use super::TYPE;
use crate::rfc6749::Scopes;
use doorward_auth::AccessProfile;
use doorward_core::possession::Bound;
use doorward_crypto::jwt::Claims;
use serde_json::Value;
use std::sync::Arc;

/// What a token must be besides signed, in time, of the issuer and for us (RFC 9068 4): "The resource server MUST verify that the
/// \"typ\" header value is \"at+jwt\" or \"application/at+jwt\" and reject tokens carrying any other value". So ID tokens, and JSON
/// Web Tokens that are for something else, never count.
pub const PROFILE: AccessProfile = AccessProfile { typ: TYPE, scopes, bound, introspected };

/// Claims that section 2.2 calls REQUIRED, besides `iss`, `aud`, `exp` and `iat`, which were looked at.
const REQUIRED: [&str; 3] = ["sub", "client_id", "jti"];

fn scopes(claims: &Claims) -> Result<Vec<Arc<str>>, &'static str> {
    if REQUIRED.iter().any(|name| claims.text(name).is_none_or(str::is_empty)) {
        return Err("it lacks `sub`, `client_id` or `jti`, which every access token has (RFC 9068 2.2)");
    }
    scopes_of(claims)
}

/// What a server says of an opaque token is no token: it need not have all that section 2.2 demands (RFC 7662 2.2).
fn introspected(claims: &Claims) -> Result<Vec<Arc<str>>, &'static str> {
    scopes_of(claims)
}

fn scopes_of(claims: &Claims) -> Result<Vec<Arc<str>>, &'static str> {
    // Section 2.2.3; RFC 6749 3.3.
    match claims.get("scope") {
        None => Ok(Vec::new()),
        Some(Value::String(text)) => {
            let scopes = Scopes::parse(text).map_err(|_| "its `scope` is none")?;
            Ok(scopes.names().to_vec())
        }
        Some(_) => Err("its `scope` is no text"),
    }
}

/// What a token is bound to. RFC 7800 3.1: what cannot be asked for is nothing that could be left out.
///
/// # Errors
/// When it is bound to something else than a key (RFC 9449 6.1) or a certificate (RFC 8705 3.1).
pub fn bound(claims: &Claims) -> Result<Bound, &'static str> {
    const OTHER: &str = "it is bound (`cnf`) to something that nobody here can ask for";
    let mut bound = Bound::default();
    let Some(cnf) = claims.get("cnf") else { return Ok(bound) };
    let members = cnf.as_object().filter(|members| !members.is_empty()).ok_or(OTHER)?;
    for (name, value) in members {
        let slot = match name.as_str() {
            "jkt" => &mut bound.key,
            "x5t#S256" => &mut bound.certificate,
            _ => return Err(OTHER),
        };
        *slot = Some(value.as_str().filter(|text| !text.is_empty()).ok_or(OTHER)?.into());
    }
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::Time;
    use doorward_crypto::{
        jwt::{Algorithm, Rules, SigningKey, Unverified},
        system::SystemEntropy,
    };
    use serde_json::json;

    #[test]
    fn an_access_token_has_the_claims_of_one() {
        let pkcs8 = SigningKey::generate(Algorithm::EdDsa, &SystemEntropy).unwrap();
        let key = SigningKey::from_pkcs8(&pkcs8).unwrap();
        let read = |changes: Value| {
            let mut said = json!({ "exp": 2_000_000_000, "sub": "1", "client_id": "c", "jti": "1", "scope": "a b:c a" });
            for (name, value) in changes.as_object().unwrap() {
                match value {
                    Value::Null => said.as_object_mut().unwrap().remove(name),
                    value => said.as_object_mut().unwrap().insert(name.clone(), value.clone()),
                };
            }
            let token = key.sign_typed(TYPE, &said).unwrap();
            let rules = Rules { types: &[TYPE], typed: true, ..Rules::default() };
            let verified = Unverified::parse(&token).unwrap().verify([key.verifying()], &rules, Time(1_000)).unwrap();
            let bound = (PROFILE.bound)(&verified.claims)?;
            let proof = bound.key.iter().chain(&bound.certificate).map(|own| format!(" by {own}")).collect::<String>();
            (PROFILE.scopes)(&verified.claims).map(|scopes| scopes.join(" ") + &proof)
        };
        assert_eq!(read(json!({})), Ok("a b:c".into()));
        assert_eq!(read(json!({ "scope": null })), Ok(String::new()));
        for (cnf, proof) in [
            (json!({ "jkt": "k" }), " by k"),
            (json!({ "x5t#S256": "c" }), " by c"),
            (json!({ "jkt": "k", "x5t#S256": "c" }), " by k by c"),
        ] {
            assert_eq!(read(json!({ "cnf": cnf, "scope": null })), Ok(proof.into()));
        }
        for wrong in [
            json!({ "sub": null }),
            json!({ "client_id": null }),
            json!({ "client_id": 1 }),
            json!({ "jti": "" }),
            json!({ "cnf": { "jkt": "" } }),
            json!({ "cnf": { "jkt": 1 } }),
            json!({ "cnf": { "jkt": "x", "jwk": {} } }),
            json!({ "cnf": { "kid": "x" } }),
            json!({ "cnf": {} }),
            json!({ "cnf": "x" }),
            json!({ "scope": ["a"] }),
            json!({ "scope": "a  b" }),
            json!({ "scope": "\u{e4}" }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
