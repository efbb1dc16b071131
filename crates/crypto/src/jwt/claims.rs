//! What a token says (RFC 7519 4.1), in the types that it must have.

use super::{BadToken, Rules};
use doorward_core::Time;
use serde_json::{Map, Value};
use std::time::Duration;

/// Clocks are read in whole seconds by those who write `iat` and `nbf`.
const ROUNDING: Duration = Duration::from_secs(1);
/// The last moment that a date may name, in seconds: the end of the year 9999.
const LAST: u64 = 253_402_300_799;

/// The claims of a token whose signature was found right.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims {
    /// `exp`: it counts before this moment only.
    pub expires: Time,
    /// `iat`.
    pub issued: Option<Time>,
    not_before: Option<Time>,
    all: Map<String, Value>,
}

impl Claims {
    /// # Errors
    /// [`BadToken::Claims`] when `exp` is missing, or one that RFC 7519 registers has another type than it must have.
    pub(super) fn read(all: Map<String, Value>) -> Result<Self, BadToken> {
        for name in ["iss", "sub", "jti"] {
            if all.get(name).is_some_and(|value| !value.is_string()) {
                return Err(BadToken::Claims);
            }
        }
        let sound = match all.get("aud") {
            None | Some(Value::String(_)) => true,
            Some(Value::Array(list)) => !list.is_empty() && list.iter().all(Value::is_string),
            Some(_) => false,
        };
        if !sound {
            return Err(BadToken::Claims);
        }
        let expires = date(&all, "exp")?.ok_or(BadToken::Claims)?;
        Ok(Self { expires, issued: date(&all, "iat")?, not_before: date(&all, "nbf")?, all })
    }

    /// What an authorization server says of a token that it was asked about (RFC 7662 2.2), if that is a token which counts by
    /// these rules at `now`: the same claims, of which `exp` and `iss` may be missing. Signature and type are the server's affair.
    ///
    /// # Errors
    /// As for a token's own claims.
    pub fn answered(mut all: Map<String, Value>, rules: &Rules<'_>, now: Time) -> Result<Self, BadToken> {
        all.entry("exp").or_insert_with(|| LAST.into());
        if let Some(issuer) = rules.issuer {
            all.entry("iss").or_insert_with(|| issuer.into());
        }
        let claims = Self::read(all)?;
        claims.check(rules, now)?;
        Ok(claims)
    }

    /// A claim as it stands.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.all.get(name)
    }

    /// A claim that is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.get(name)?.as_str()
    }

    /// Whether it has ended, `leeway` included.
    pub(super) fn ended(&self, leeway: Duration, now: Time) -> bool {
        self.expires + leeway <= now
    }

    pub(super) fn check(&self, rules: &Rules<'_>, now: Time) -> Result<(), BadToken> {
        if self.text("iss") != rules.issuer {
            return Err(BadToken::Issuer);
        }
        if !self.is_for(rules.audience) {
            return Err(BadToken::Audience);
        }
        let latest = now + rules.leeway + ROUNDING;
        if [self.issued, self.not_before].into_iter().flatten().any(|time| time > latest) {
            return Err(BadToken::Early);
        }
        if self.ended(rules.leeway, now) {
            return Err(BadToken::Expired);
        }
        Ok(())
    }

    /// Whether one of these is in `aud`; of nobody, whether there is none. RFC 7519 4.1.3: a token that names an audience is
    /// refused by everyone who is not of it.
    pub fn is_for(&self, audience: &[impl AsRef<str>]) -> bool {
        let ours = |name: &str| audience.iter().any(|one| one.as_ref() == name);
        match self.get("aud") {
            None => audience.is_empty(),
            Some(Value::String(name)) => ours(name),
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).any(ours),
            Some(_) => false,
        }
    }
}

/// A `NumericDate` (RFC 7519 2): seconds, perhaps with a fraction.
fn date(all: &Map<String, Value>, name: &str) -> Result<Option<Time>, BadToken> {
    let Some(value) = all.get(name) else { return Ok(None) };
    let seconds = match value.as_u64() {
        Some(whole) if whole <= LAST => return Ok(Some(Time(whole * 1000))),
        Some(_) => return Err(BadToken::Claims),
        None => value.as_f64().ok_or(BadToken::Claims)?,
    };
    #[expect(clippy::cast_precision_loss, reason = "the year 9999 in seconds is far below 2^52")]
    if !(0.0..=LAST as f64).contains(&seconds) {
        return Err(BadToken::Claims);
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 0 and the year 9999")]
    Ok(Some(Time((seconds * 1000.0) as u64)))
}
