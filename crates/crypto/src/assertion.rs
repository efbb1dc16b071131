//! The assertion: a short-lived JWT (EdDSA, RFC 8037) by which Doorward tells an upstream who is calling.

use crate::jwt::{self, Algorithm, SigningKey, VerifyingKey, compact};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use doorward_core::{Time, ports::Entropy};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use zeroize::Zeroizing;

/// `typ` of the header: such a token is never taken for a credential.
pub const TYPE: &str = "doorward-assertion+jwt";
/// How long an assertion is valid.
pub const LIFETIME: Duration = Duration::from_secs(60);

/// What an assertion says.
#[derive(Clone, Debug)]
pub struct Claims<'a> {
    /// Who says it: the public URL.
    pub iss: &'a str,
    /// To whom: the upstream's name.
    pub aud: &'a str,
    /// About whom: `customer/42`, `admin/1`, `guest`.
    pub sub: &'a str,
    /// The sign-in name; guests have none.
    pub login: Option<&'a str>,
    /// All role names; guests have none.
    pub roles: Vec<&'a str>,
    /// The method that authenticated: `session`.
    pub method: &'a str,
    /// When; it is valid for [`LIFETIME`] from here.
    pub iat: Time,
}

/// A key that cannot be used. It says nothing of the key itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no Ed25519 key in PKCS#8")]
pub struct BadKey;

/// Signs assertions with one Ed25519 key.
pub struct Signer {
    pair: Ed25519KeyPair,
    kid: Arc<str>,
    /// The header is the same for every assertion of a key.
    header: String,
    verifying: VerifyingKey,
}

impl Signer {
    /// A new private key as PKCS#8. It goes to the store and nowhere else.
    pub fn generate(entropy: &dyn Entropy) -> Result<Zeroizing<Vec<u8>>, BadKey> {
        SigningKey::generate(Algorithm::EdDsa, entropy).map_err(|_| BadKey)
    }

    /// A signer with this private key.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Result<Self, BadKey> {
        let pair = Ed25519KeyPair::from_pkcs8(pkcs8).map_err(|_| BadKey)?;
        let verifying = VerifyingKey::ed25519(pair.public_key().as_ref()).map_err(|_| BadKey)?;
        let kid: Arc<str> = verifying.thumbprint().ok_or(BadKey)?.into();
        let header = compact::encode(format!(r#"{{"typ":"{TYPE}","alg":"EdDSA","kid":"{kid}"}}"#));
        Ok(Self { pair, header, verifying: verifying.named(Some(Arc::clone(&kid))), kid })
    }

    /// The key's name: its thumbprint (RFC 7638).
    pub fn kid(&self) -> &Arc<str> {
        &self.kid
    }

    /// A compact JWS (RFC 7515, 3.1) of the claims.
    pub fn sign(&self, claims: &Claims<'_>) -> String {
        let iat = claims.iat.seconds();
        let body = Body {
            iss: claims.iss,
            aud: claims.aud,
            sub: claims.sub,
            login: claims.login,
            roles: &claims.roles,
            method: claims.method,
            iat,
            exp: iat.saturating_add(LIFETIME.as_secs()),
        };
        // Text and numbers alone always serialise; nothing would be an assertion that no upstream accepts.
        let json = serde_json::to_vec(&body).unwrap_or_default();
        compact::join(&self.header, &json, |text| self.pair.sign(text).as_ref().to_vec())
    }
}

/// A JWK set (RFC 7517, 5) of these keys.
pub fn jwks<'a>(keys: impl IntoIterator<Item = &'a Signer>) -> serde_json::Value {
    jwt::set(keys.into_iter().map(|signer| &signer.verifying))
}

#[derive(Serialize)]
struct Body<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    login: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    roles: &'a [&'a str],
    method: &'a str,
    iat: u64,
    exp: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};

    fn claims(iat: Time) -> Claims<'static> {
        Claims {
            iss: "https://shop.example.com",
            aud: "shop",
            sub: "admin/14",
            login: Some("admin \"q\" é"),
            roles: vec!["ROLE_USER", "ROLE_ADMIN"],
            method: "session",
            iat,
        }
    }

    fn verify(token: &str, signer: &Signer) -> Result<serde_json::Value, jsonwebtoken::errors::Error> {
        let mut rules = Validation::new(Algorithm::EdDSA);
        rules.set_audience(&["shop"]);
        rules.set_issuer(&["https://shop.example.com"]);
        rules.validate_exp = false;
        let key = DecodingKey::from_ed_components(jwks([signer])["keys"][0]["x"].as_str().unwrap()).unwrap();
        decode::<serde_json::Value>(token, &key, &rules).map(|data| data.claims)
    }

    #[test]
    fn an_independent_library_accepts_the_assertion() {
        let signer = Signer::from_pkcs8(&Signer::generate(&SystemEntropy).unwrap()).unwrap();
        let token = signer.sign(&claims(Time(1_700_000_000_999)));
        let said = verify(&token, &signer).unwrap();
        assert_eq!(said["iat"], 1_700_000_000);
        assert_eq!(said["exp"], 1_700_000_060);
        assert_eq!(said["sub"], "admin/14");
        assert_eq!(said["login"], "admin \"q\" é");
        assert_eq!(said["roles"], serde_json::json!(["ROLE_USER", "ROLE_ADMIN"]));
        assert_eq!(said["method"], "session");
        let header = decode_header(&token).unwrap();
        assert_eq!(header.typ.as_deref(), Some(TYPE));
        assert_eq!(header.kid.as_deref(), Some(&**signer.kid()));
    }

    #[test]
    fn a_guest_has_neither_login_nor_roles() {
        let signer = Signer::from_pkcs8(&Signer::generate(&SystemEntropy).unwrap()).unwrap();
        let token = signer.sign(&Claims { sub: "guest", login: None, roles: Vec::new(), ..claims(Time(0)) });
        let said = verify(&token, &signer).unwrap();
        assert!(said.get("login").is_none() && said.get("roles").is_none());
    }

    #[test]
    fn devlake_8880_another_key_or_a_changed_text_does_not_verify() {
        let signer = Signer::from_pkcs8(&Signer::generate(&SystemEntropy).unwrap()).unwrap();
        let other = Signer::from_pkcs8(&Signer::generate(&SystemEntropy).unwrap()).unwrap();
        assert_ne!(signer.kid(), other.kid());
        let token = signer.sign(&claims(Time(0)));
        assert!(verify(&token, &other).is_err());
        let (head, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = head.split_once('.').unwrap();
        let forged = compact::encode(r#"{"iss":"https://shop.example.com","aud":"shop","sub":"admin/1"}"#);
        assert!(verify(&format!("{header}.{forged}.{signature}"), &signer).is_err());
    }

    #[test]
    fn the_key_set_holds_public_parts_only() {
        let signer = Signer::from_pkcs8(&Signer::generate(&SystemEntropy).unwrap()).unwrap();
        let set = jwks([&signer]);
        let key = set["keys"][0].as_object().unwrap();
        assert_eq!(key.keys().map(String::as_str).collect::<Vec<_>>(), ["kty", "crv", "x", "use", "alg", "kid"]);
    }

    #[test]
    fn refuses_what_is_no_key() {
        assert!(Signer::from_pkcs8(b"").is_err());
        assert!(Signer::from_pkcs8(&[0x30; 83]).is_err());
    }
}
