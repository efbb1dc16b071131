//! What a server says of a token (RFC 7662 2.2): nothing of it is believed that has another type than it must have.

use super::{IntrospectionSettings, Said, claims_of};
use crate::tokens::web::{Fault, WebError, refused};
use doorward_core::{
    Time,
    json::{self, Names},
    ports::Answer,
};
use doorward_crypto::jwt::{BadToken, Claims, Rules};
use serde_json::Value;
use std::sync::Arc;

/// Media types under which answers come.
const TYPES: [&str; 1] = ["application/json"];

/// What an answer says of a token: everything, or that it is not active.
///
/// # Errors
/// It says neither; the text is for the operator, and holds nothing of it.
pub(super) fn understand(answer: &Answer) -> Result<Option<Said>, String> {
    let content = answer.content(&TYPES).map_err(|error| error.to_string())?;
    let all = json::object(content, Names::Exact).ok_or("its answer is no JSON object, or has a member twice")?;
    // "REQUIRED. Boolean indicator": whatever looks like one says nothing.
    match all.get("active") {
        Some(Value::Bool(true)) => Ok(Some(Arc::new(all))),
        Some(Value::Bool(false)) => Ok(None),
        _ => Err("its answer says neither that the token is active nor that it is not (`active`)".to_owned()),
    }
}

/// The claims, if they make it a token for us that counts now. `iss` and `exp` may be missing; `aud` never.
pub(super) fn read(said: Option<Said>, settings: &IntrospectionSettings, now: Time) -> Result<Claims, WebError> {
    let invalid = |why| refused(why, Fault::Invalid);
    let said = said.ok_or(invalid("its server says that it is not active"))?;
    match said.get("token_type") {
        None => {}
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") || kind.eq_ignore_ascii_case("access_token") => {}
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("dpop") && has_key(&said) => {}
        Some(_) => return Err(invalid("it is no bearer token (`token_type`)")),
    }
    if let Some(name) = another_kind(&said) {
        return Err(invalid(name));
    }
    let rules =
        Rules { issuer: Some(&settings.issuer), audience: &settings.audience, leeway: settings.leeway, ..Rules::default() };
    claims_of(&said, &rules, now).map_err(|bad| match bad {
        BadToken::Expired => refused(bad.text(), Fault::Expired),
        BadToken::Audience | BadToken::Issuer | BadToken::Early => invalid(bad.text()),
        _ => invalid("what its server says of it has a wrong type"),
    })
}

/// Whether it is bound to a key: what its server calls `DPoP` is none of those who bring it without a proof (RFC 9449 6.2).
fn has_key(said: &Said) -> bool {
    said.get("cnf").is_some_and(|cnf| cnf.get("jkt").is_some_and(Value::is_string))
}

/// Servers that are asked about a JSON Web Token say `active` of ID tokens and of refresh tokens, too, and add which kind it is:
/// none but those for access count, as `typ` says it of those that are verified here (RFC 9068 4, RFC 8725 3.12).
fn another_kind(said: &Said) -> Option<&'static str> {
    const KINDS: [(&str, &[&str], &str); 2] = [
        ("typ", &["bearer", "dpop", "jwt", "at+jwt", "application/at+jwt"], "its server says that it is no access token (`typ`)"),
        ("token_use", &["access", "access_token"], "its server says that it is no access token (`token_use`)"),
    ];
    let is_another = |name: &str, known: &[&str]| match said.get(name) {
        None => false,
        Some(Value::String(kind)) => !known.iter().any(|known| kind.eq_ignore_ascii_case(known)),
        Some(_) => true,
    };
    KINDS.into_iter().find(|(name, known, _)| is_another(name, known)).map(|(_, _, why)| why)
}
