//! Access tokens of other authorization servers, as a resource server reads them (RFC 9068 4).

use super::TYPE;
use crate::rfc6749::Scopes;
use doorward_auth::AccessProfile;
use doorward_crypto::jwt::Claims;
use serde_json::Value;
use std::sync::Arc;

/// What a token must be besides signed, in time, of the issuer and for us (RFC 9068 4): "The resource server MUST verify that the
/// \"typ\" header value is \"at+jwt\" or \"application/at+jwt\" and reject tokens carrying any other value". So ID tokens, and JSON
/// Web Tokens that are for something else, never count.
pub const PROFILE: AccessProfile = AccessProfile { typ: TYPE, scopes };

/// Claims that section 2.2 calls REQUIRED, besides `iss`, `aud`, `exp` and `iat`, which were looked at.
const REQUIRED: [&str; 3] = ["sub", "client_id", "jti"];

fn scopes(claims: &Claims) -> Result<Vec<Arc<str>>, &'static str> {
    if REQUIRED.iter().any(|name| claims.text(name).is_none_or(str::is_empty)) {
        return Err("it lacks `sub`, `client_id` or `jti`, which every access token has (RFC 9068 2.2)");
    }
    // RFC 7800 3.1: it counts only together with a proof, and nobody here asked for one.
    if claims.get("cnf").is_some() {
        return Err("it is bound to a key (`cnf`), and tokens that are bound do not count here");
    }
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
    fn an_access_token_has_the_claims_of_one_and_is_bound_to_nothing() {
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
            (PROFILE.scopes)(&verified.claims).map(|scopes| scopes.join(" "))
        };
        assert_eq!(read(json!({})), Ok("a b:c".into()));
        assert_eq!(read(json!({ "scope": null })), Ok(String::new()));
        for wrong in [
            json!({ "sub": null }),
            json!({ "client_id": null }),
            json!({ "client_id": 1 }),
            json!({ "jti": "" }),
            json!({ "cnf": { "jkt": "x" } }),
            json!({ "cnf": { "x5t#S256": "x" } }),
            json!({ "cnf": {} }),
            json!({ "scope": ["a"] }),
            json!({ "scope": "a  b" }),
            json!({ "scope": "\u{e4}" }),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }
}
