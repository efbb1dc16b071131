//! From a row to an account.

use crate::{
    Flaw,
    mapping::{Field, Mapping},
    moment,
    record::{Record, text_of},
    roles::RoleBook,
    row::Settings,
};
use doorward_core::{Kind, Time};
use doorward_crypto::password::StoredHash;
use serde_json::{Map, Value};
use std::fmt;
use zeroize::Zeroizing;

/// The longest profile, in bytes of JSON.
const LONGEST_PROFILE: usize = 16 << 10;

/// An account as it was exported.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The id that it had, which it keeps.
    pub id: Option<u64>,
    /// The sign-in name.
    pub login: String,
    /// E-mail address, if any.
    pub email: Option<String>,
    /// How its password is known.
    pub password: Password,
    /// Names of roles.
    pub roles: Vec<String>,
    /// The number of the website that it is a customer of; 0 for none.
    pub website: u32,
    /// The number of the store view in which it was made.
    pub store: u32,
    /// The number of the customer group.
    pub group: u32,
    /// Whether it may sign in.
    pub enabled: bool,
    /// Whether its e-mail address was confirmed, or need not be.
    pub confirmed: bool,
    /// When it was made.
    pub created: Option<Time>,
    /// What is known of the person besides.
    pub profile: Map<String, Value>,
}

/// How a password is known.
#[derive(Clone, PartialEq)]
pub enum Password {
    /// Not at all: it cannot sign in by password.
    None,
    /// By a hash that [`StoredHash`] takes.
    Stored(String),
    /// As it is; it must be hashed before it is stored.
    Plain(Zeroizing<String>),
}

/// Without anything secret.
impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Password::None => "None",
            Password::Stored(_) => "Stored(..)",
            Password::Plain(_) => "Plain(..)",
        })
    }
}

/// The account of a row.
pub(crate) fn draft(mapping: &Mapping, record: &Record, settings: &Settings) -> Result<Draft, Flaw> {
    let text = |field: Field| match mapping.fields.get(&field) {
        Some(expression) => expression.text(record, &settings.variables),
        None => Ok(None),
    };
    let number = |field: Field, name: &str| -> Result<u32, Flaw> {
        text(field)?.map_or(Ok(0), |text| text.parse().map_err(|_| format!("the {name} is no number")))
    };
    let id = match text(Field::Id)? {
        None if mapping.source_ids => return Err("the id is missing".into()),
        None => None,
        Some(text) => Some(text.parse().ok().filter(|id| *id > 0).ok_or("the id is no whole number above 0")?),
    };
    let login = name("login", text(Field::Login)?.ok_or("the login is missing")?)?;
    let email = text(Field::Email)?.map(|email| name("mail address", email)).transpose()?;
    if email.as_ref().is_some_and(|email| !email.contains('@')) {
        return Err("the e-mail address has no @".into());
    }
    let confirmed = text(Field::Confirmed)?;
    Ok(Draft {
        id,
        login,
        email,
        password: password(mapping, record, settings)?,
        roles: roles(mapping, record, settings, id)?,
        website: number(Field::Website, "website")?,
        store: number(Field::Store, "store")?,
        group: number(Field::Group, "group")?,
        enabled: text(Field::Enabled)?.map_or(Ok(true), |text| truth("enabled", &text))?,
        // Magento writes the key that would confirm it; anything that is no word for yes is such a key.
        confirmed: confirmed.is_none_or(|text| truth("confirmed", &text).unwrap_or(false)),
        created: moment_of("created", text(Field::Created)?)?,
        profile: profile(mapping, record, settings)?,
    })
}

/// A moment; nothing where MySQL wrote its zero.
pub(crate) fn moment_of(what: &str, text: Option<String>) -> Result<Option<Time>, Flaw> {
    let text = text.filter(|text| !text.starts_with("0000-00-00"));
    text.map(|text| moment::parse(&text).ok_or_else(|| format!("{what} is no date and time"))).transpose()
}

fn roles(mapping: &Mapping, record: &Record, settings: &Settings, id: Option<u64>) -> Result<Vec<String>, Flaw> {
    let listed = mapping.fields.get(&Field::Roles).map(|expression| expression.list(record, &settings.variables)).transpose()?;
    let mut roles = Vec::new();
    let of_book = settings.roles.as_ref().zip(id).and_then(|(book, id)| RoleBook::role_of(book, Kind::Admin, id));
    for role in listed.into_iter().flatten().chain(of_book.map(str::to_owned)) {
        let role = name("role name", role)?;
        if !roles.contains(&role) {
            roles.push(role);
        }
    }
    Ok(roles)
}

fn password(mapping: &Mapping, record: &Record, settings: &Settings) -> Result<Password, Flaw> {
    let Some(expression) = mapping.fields.get(&Field::PasswordHash) else { return Ok(Password::None) };
    let keycloak = matches!(expression, crate::mapping::Expression::Table(steps) if steps.keycloak);
    let text = if keycloak {
        expression.value(record).map(keycloak_hash).transpose()?.flatten()
    } else {
        expression.text(record, &settings.variables)?
    };
    // What programs write for 'no password'.
    let Some(text) = text.filter(|text| !(matches!(&**text, "" | "*" | "x") || text.starts_with('!'))) else {
        return Ok(Password::None);
    };
    if let Some(plain) = text.strip_prefix("{plain}") {
        return Ok(if plain.is_empty() { Password::None } else { Password::Plain(Zeroizing::new(plain.to_owned())) });
    }
    StoredHash::parse(&text).map_err(|unusable| unusable.to_string())?;
    Ok(Password::Stored(text))
}

/// The password among Keycloak's credentials, in a form of our own.
fn keycloak_hash(credentials: &Value) -> Result<Option<String>, Flaw> {
    let is_password = |one: &&Value| one.get("type").and_then(Value::as_str) == Some("password");
    let Some(one) = credentials.as_array().and_then(|all| all.iter().find(is_password)) else { return Ok(None) };
    // Since version 8 these are JSON in a text; before, members of the credential itself.
    let inner = |name: &str| one.get(name).and_then(Value::as_str).and_then(|text| serde_json::from_str::<Value>(text).ok());
    let (data, secret) = (inner("credentialData"), inner("secretData"));
    let find = |place: &Option<Value>, names: &[&str]| {
        let places = [place.as_ref(), Some(one)];
        places.into_iter().flatten().find_map(|place| names.iter().find_map(|name| place.get(*name).and_then(text_of)))
    };
    let hash = find(&secret, &["value", "hashedSaltedValue"]);
    let salt = find(&secret, &["salt"]);
    let iterations = find(&data, &["hashIterations"]);
    let algorithm = find(&data, &["algorithm"]).unwrap_or_else(|| "pbkdf2".into());
    let (Some(hash), Some(salt), Some(iterations)) = (hash, salt, iterations) else {
        return Err("the credential has no value, salt and number of iterations".into());
    };
    let (hash, salt) = (hash.trim_end_matches('='), salt.trim_end_matches('='));
    if algorithm != "argon2" {
        return Ok(Some(format!("${algorithm}$i={iterations}${salt}${hash}")));
    }
    let more = data.as_ref().and_then(|data| data.get("additionalParameters"));
    let parameter = |name: &str| more.and_then(|more| more.get(name)).and_then(text_of);
    let (Some(kind), Some(memory), Some(lanes)) = (parameter("type"), parameter("memory"), parameter("parallelism")) else {
        return Err("the credential has no parameters of argon2".into());
    };
    let version = if parameter("version").as_deref() == Some("1.0") { 16 } else { 19 };
    Ok(Some(format!("$argon2{kind}$v={version}$m={memory},t={iterations},p={lanes}${salt}${hash}")))
}

fn profile(mapping: &Mapping, record: &Record, settings: &Settings) -> Result<Map<String, Value>, Flaw> {
    let mut profile = Map::new();
    for (name, expression) in &mapping.profile {
        if let Some(value) = expression.profile_value(record, &settings.variables)? {
            profile.insert(name.clone(), value);
        }
    }
    let length: usize = profile.iter().map(|(name, value)| name.len() + value.as_str().map_or(20, str::len)).sum();
    if length > LONGEST_PROFILE { Err("what is known of the person is longer than 16 KiB".into()) } else { Ok(profile) }
}

/// What people and roles may be called by.
fn name(what: &str, text: String) -> Result<String, Flaw> {
    match doorward_core::name::flaw(&text) {
        Some(flaw) => Err(format!("a {what} {flaw}")),
        None => Ok(text),
    }
}

fn truth(what: &str, text: &str) -> Result<bool, Flaw> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "t" | "yes" | "y" | "on" => Ok(true),
        "0" | "false" | "f" | "no" | "n" | "off" => Ok(false),
        _ => Err(format!("{what} is neither yes nor no")),
    }
}
