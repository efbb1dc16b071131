//! Whom the claims of another issuer mean here: nothing counts that the configuration does not map.

use doorward_core::name::LONGEST;
use doorward_crypto::jwt::Claims;
use serde_json::Value;
use std::sync::Arc;

/// The longest subject, in bytes.
const LONGEST_SUBJECT: usize = 255;

/// Where a claim stands: its name, or the names of nested members on the way to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimPath(Vec<Box<str>>);

impl ClaimPath {
    /// These names, outermost first. `None` when there is none, or one is empty.
    pub fn new(names: impl IntoIterator<Item = impl Into<Box<str>>>) -> Option<Self> {
        let names: Vec<Box<str>> = names.into_iter().map(Into::into).collect();
        (!names.is_empty() && names.iter().all(|name| !name.is_empty())).then_some(Self(names))
    }

    /// What stands there.
    fn of<'c>(&self, claims: &'c Claims) -> Option<&'c Value> {
        let (first, rest) = self.0.split_first()?;
        rest.iter().try_fold(claims.get(first)?, |value, name| value.as_object()?.get(&**name))
    }

    /// Whether it is the claim of this name.
    fn is(&self, name: &str) -> bool {
        matches!(&*self.0, [only] if **only == *name)
    }
}

/// Which roles an issuer may give to whoever has them there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleClaims {
    /// A claim that is a text or a list of texts.
    pub path: ClaimPath,
    /// Roles by what stands there; what is not listed gives none.
    pub roles: Vec<(Box<str>, Vec<Arc<str>>)>,
}

/// The login that the claims name. An address counts only when the issuer says that it was verified: everybody could claim to
/// have one.
pub(in crate::tokens) fn login<'c>(claims: &'c Claims, path: &ClaimPath) -> Result<&'c str, &'static str> {
    let text = path.of(claims).ok_or("the claim that `login_claim` names is missing")?;
    let login = text.as_str().ok_or("the claim that `login_claim` names is no text")?;
    if login.is_empty() || login.len() > LONGEST {
        return Err("the claim that `login_claim` names is no login");
    }
    if path.is("email") && claims.get("email_verified") != Some(&Value::Bool(true)) {
        return Err("its issuer does not say that the e-mail address was verified (`email_verified`)");
    }
    Ok(login)
}

/// Who it is at the issuer: ASCII of 255 characters at most (OpenID Connect Core 2), and nobody else's there, ever.
pub(in crate::tokens) fn subject(claims: &Claims) -> Result<&str, &'static str> {
    let subject = claims.text("sub").ok_or("it does not say who it is about (`sub`)")?;
    let sound = !subject.is_empty() && subject.len() <= LONGEST_SUBJECT && subject.bytes().all(|b| matches!(b, b' '..=b'~'));
    if sound { Ok(subject) } else { Err("its `sub` is none") }
}

/// The roles that the claims give, each once. Without the claim there are none; one of another form makes the token wrong.
pub(in crate::tokens) fn roles(claims: &Claims, wanted: Option<&RoleClaims>) -> Result<Vec<Arc<str>>, &'static str> {
    const WRONG: &str = "the claim that `roles_claim` names is neither a text nor a list of texts";
    let Some(wanted) = wanted else { return Ok(Vec::new()) };
    let said: Vec<&str> = match wanted.path.of(claims) {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(list)) => list.iter().map(Value::as_str).collect::<Option<_>>().ok_or(WRONG)?,
        Some(_) => return Err(WRONG),
    };
    let mut roles: Vec<Arc<str>> = Vec::new();
    for (_, given) in wanted.roles.iter().filter(|(value, _)| said.contains(&&**value)) {
        for role in given {
            if !roles.contains(role) {
                roles.push(Arc::clone(role));
            }
        }
    }
    Ok(roles)
}
