//! Tokens that an Ibexa behind us accepts (ibexa-rest 3.2).

use crate::{hmac_sha256, jwt::compact};
use serde::Serialize;

/// What such a token says. Ibexa loads the user by its name; the roles inform.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IbexaClaims<'a> {
    /// The login.
    pub username: &'a str,
    /// When it was issued, in seconds.
    pub iat: u64,
    /// When it ends, in seconds.
    pub exp: u64,
}

#[derive(Serialize)]
struct Body<'a> {
    iat: u64,
    exp: u64,
    roles: [&'static str; 1],
    username: &'a str,
}

/// A compact JWS with HS256 under `APP_SECRET`, taken as it is written.
pub fn sign(secret: &[u8], claims: &IbexaClaims<'_>) -> String {
    let IbexaClaims { username, iat, exp } = *claims;
    // Text and numbers alone always serialise; nothing would be a token that nobody accepts.
    let body = serde_json::to_vec(&Body { iat, exp, roles: ["ROLE_USER"], username }).unwrap_or_default();
    let header = compact::encode(r#"{"typ":"JWT","alg":"HS256"}"#);
    compact::join(&header, &body, |text| hmac_sha256(secret, text).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};

    #[test]
    fn an_independent_library_reads_what_ibexa_reads() {
        let secret = b"0123456789abcdef0123456789abcdef";
        let token = sign(secret, &IbexaClaims { username: "jo \"é\"", iat: 1_602_840_780, exp: 1_602_840_840 });
        // Header and the beginning of the payload as ibexa-rest 3.2 shows them.
        assert!(token.starts_with("eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE2MDI4NDA3ODAs"), "{token}");
        let mut rules = Validation::new(Algorithm::HS256);
        rules.validate_exp = false;
        let said = decode::<serde_json::Value>(&token, &DecodingKey::from_secret(secret), &rules).unwrap().claims;
        let expected = serde_json::json!({
            "iat": 1_602_840_780, "exp": 1_602_840_840, "roles": ["ROLE_USER"], "username": "jo \"é\"",
        });
        assert_eq!(said, expected);
        let other = DecodingKey::from_secret(b"0123456789abcdef0123456789abcdeF");
        assert!(decode::<serde_json::Value>(&token, &other, &rules).is_err());
    }
}
