//! What the claims say of a person, as far as anybody here believes it.

use doorward_auth::Mapping;
use doorward_core::{Time, mail::is_address};
use doorward_crypto::jwt::Claims;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Words of RFC 8176 2.
const FACTORS: [&str; 18] = [
    "face", "fpt", "geo", "hwk", "iris", "kba", "mca", "mfa", "otp", "pin", "pop", "pwd", "rba", "retina", "sc", "sms", "swk",
    "tel",
];
/// The longest name that is taken, in bytes.
const LONGEST_NAME: usize = 255;

/// Which roles a provider gives and takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleMap {
    /// The claim: names from the outside in.
    pub claim: Vec<Box<str>>,
    /// Roles by what stands there.
    pub roles: Vec<(Box<str>, Vec<Arc<str>>)>,
}

impl RoleMap {
    /// All that it can give: what it does not give now, it takes.
    pub fn managed(&self) -> impl Iterator<Item = &Arc<str>> {
        self.roles.iter().flat_map(|(_, roles)| roles)
    }

    fn given(&self, said: &Said<'_>) -> Vec<Arc<str>> {
        let words: Vec<&str> = match said.at(&self.claim) {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        };
        let mut given: Vec<Arc<str>> = Vec::new();
        for role in self.roles.iter().filter(|(word, _)| words.contains(&&**word)).flat_map(|(_, roles)| roles) {
            if !given.contains(role) {
                given.push(Arc::clone(role));
            }
        }
        given
    }
}

/// Somebody whom the provider vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `iss`.
    pub issuer: Arc<str>,
    /// Who we are there.
    pub client: Arc<str>,
    /// `sub`.
    pub subject: Arc<str>,
    /// The e-mail address, where the provider says that it was verified. One that was not is nobody's.
    pub email: Option<Arc<str>>,
    /// First and last name.
    pub name: (Option<Box<str>>, Option<Box<str>>),
    /// The provider's session.
    pub sid: Option<Arc<str>>,
    /// When the person last proved it there.
    pub authenticated: Option<Time>,
    /// How (RFC 8176).
    pub factors: Vec<Arc<str>>,
    /// Roles that the map gives; `None` without a map.
    pub roles: Option<Vec<Arc<str>>>,
}

/// An ID token, and what userinfo said besides.
pub(super) struct Said<'a> {
    pub(super) token: &'a Claims,
    pub(super) userinfo: Map<String, Value>,
}

impl Said<'_> {
    /// What the ID token says counts first: it is signed.
    fn get(&self, name: &str) -> Option<&Value> {
        self.token.get(name).or_else(|| self.userinfo.get(name))
    }

    fn at(&self, path: &[Box<str>]) -> Option<&Value> {
        let (first, rest) = path.split_first()?;
        rest.iter().try_fold(self.get(first)?, |value, name| value.as_object()?.get(&**name))
    }

    /// An address counts with `email_verified` beside it in the same place: a true one, no text that says so.
    fn email(&self) -> Option<Arc<str>> {
        let (email, verified) = match self.token.get("email") {
            Some(email) => (email, self.token.get("email_verified")),
            None => (self.userinfo.get("email")?, self.userinfo.get("email_verified")),
        };
        let email = email.as_str().filter(|email| is_address(email))?;
        (verified == Some(&Value::Bool(true))).then(|| email.into())
    }
}

/// Whether the ID token lacks what only userinfo may say.
pub(super) fn lacks(token: &Claims, mapping: &Mapping, roles: Option<&RoleMap>) -> bool {
    let email = *mapping != Mapping::Subject && token.get("email").is_none();
    let claim = roles.and_then(|map| map.claim.first());
    email || claim.is_some_and(|name| token.get(name).is_none())
}

/// The person.
pub(super) fn person(said: &Said<'_>, issuer: &Arc<str>, client: &Arc<str>, roles: Option<&RoleMap>) -> Person {
    let text = |name: &str| said.get(name).and_then(Value::as_str).filter(|text| !text.is_empty() && text.len() <= LONGEST_NAME);
    let number = |name: &str| said.token.get(name).and_then(Value::as_u64);
    let words = said.token.get("amr").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let factors = FACTORS.iter().filter(|word| words.iter().any(|said| said.as_str() == Some(**word)));
    Person {
        issuer: Arc::clone(issuer),
        client: Arc::clone(client),
        subject: said.token.text("sub").unwrap_or_default().into(),
        email: said.email(),
        name: (text("given_name").map(Into::into), text("family_name").map(Into::into)),
        sid: said.token.text("sid").filter(|sid| !sid.is_empty() && sid.len() <= LONGEST_NAME).map(Into::into),
        authenticated: number("auth_time").map(|seconds| Time(seconds.saturating_mul(1000))),
        factors: factors.map(|word| Arc::from(*word)).collect(),
        roles: roles.map(|map| map.given(said)),
    }
}
