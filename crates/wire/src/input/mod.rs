//! What clients send (ibexa-rest 0.3), read with the same bounds in both formats and never repeated in an error.

pub(crate) mod json;
#[cfg(test)]
mod tests;
pub(crate) mod xml;

use crate::Format;
use std::fmt;

/// The most that a body may hold, in bytes.
pub const MAX_SIZE: usize = 64 * 1024;
/// The deepest nesting.
pub const MAX_DEPTH: usize = 32;
/// The most attributes that one XML element may have.
pub const MAX_ATTRIBUTES: usize = 16;

/// What XML holds, and as much of JSON as is needed to read a few members by name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value {
    /// `null` in JSON; an element without text and children in XML.
    Null,
    /// Text.
    Text(String),
    /// Members in their order.
    Members(Vec<(String, Value)>),
    /// Numbers, truths and lists, which nobody asks for here.
    Other,
}

/// Why a body was refused. The texts are those of the contract without the input that it would repeat: a body may
/// hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// No `Content-Type`.
    #[error("Missing Content-Type header in message.")]
    NoContentType,
    /// A suffix that is neither `json` nor `xml`.
    #[error("Unknown format specification{}", quoted(.0))]
    UnknownFormat(String),
    /// A type that is not the expected one.
    #[error("Unknown content type specification{}", quoted(.0))]
    UnknownType(String),
    /// The body is larger than [`MAX_SIZE`].
    #[error("The request body is too large.")]
    TooLarge,
    /// JSON that cannot be read; the text is of our own making.
    #[error("An error occured while decoding the JSON input:\n{0}")]
    Json(&'static str),
    /// XML that cannot be read.
    #[error("Detected errors in input XML:\n - In line {line} character {column}: {what}")]
    Xml {
        /// Line, from 1.
        line: usize,
        /// Character in the line, from 1.
        column: usize,
        /// Text of our own making.
        what: &'static str,
    },
    /// A member of an input is missing.
    #[error("Missing '{1}' attribute for {0}.")]
    Missing(&'static str, &'static str),
    /// A member of an input is something else than text.
    #[error("The '{1}' attribute of {0} must be a string.")]
    NotText(&'static str, &'static str),
    /// The JSON of a `JWTInput` cannot be read, or is no object (ibexa-rest 3.1).
    #[error("Invalid JSON.")]
    InvalidJson,
    /// A member of a `JWTInput` in JSON is missing.
    #[error("The key \"JWTInput.{0}\" must be provided.")]
    NotProvided(&'static str),
    /// A member of a `JWTInput` in JSON is something else than text, or empty.
    #[error("The key \"JWTInput.{0}\" must be a non-empty string.")]
    Empty(&'static str),
}

impl InputError {
    /// The status that goes with it.
    pub fn status(&self) -> u16 {
        if matches!(self, InputError::TooLarge) { 413 } else { 400 }
    }
}

/// `: 'text'.`, or only a full stop where the text is not one that a media type may hold: then it is left out.
fn quoted(text: &str) -> String {
    let plain = text.len() <= 128 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$^_.+-/ ():".contains(&b));
    if plain { format!(": '{text}'.") } else { ".".to_owned() }
}

/// Login and password of a `SessionInput` (ibexa-rest 1.2). `Debug` leaves the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionInput {
    /// The sign-in name.
    pub login: String,
    /// The password.
    pub password: String,
}

impl fmt::Debug for SessionInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionInput").field("login", &self.login).finish_non_exhaustive()
    }
}

impl SessionInput {
    /// Reads a body by its `Content-Type`.
    ///
    /// `application/json` and `application/xml` are read as what they say, which the contract's code does not. The
    /// root's name is not checked and unknown members are ignored. `null` is the empty string (no account has an
    /// empty password); anything else that is no string is refused.
    ///
    /// # Errors
    /// [`InputError`], whose texts are those of ibexa-rest 0.3.
    pub fn read(content_type: Option<&str>, body: &[u8]) -> Result<Self, InputError> {
        let (_, members) = members(SESSION, None, content_type, body)?;
        let login = member(SESSION, &members, "login")?;
        Ok(Self { login, password: member(SESSION, &members, "password")? })
    }
}

const SESSION: &str = "SessionInput";
const JWT: &str = "JWTInput";

/// User name and password of a `JWTInput` (ibexa-rest 3.1). `Debug` leaves the password out.
#[derive(Clone, PartialEq, Eq)]
pub struct JwtInput {
    /// The sign-in name.
    pub username: String,
    /// The password.
    pub password: String,
    /// The format that it came in.
    pub format: Format,
}

impl fmt::Debug for JwtInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtInput").field("username", &self.username).field("format", &self.format).finish_non_exhaustive()
    }
}

impl JwtInput {
    /// Reads a body by its `Content-Type`, as [`SessionInput::read`] does. In JSON the members are those of `JWTInput`, wherever
    /// in the object it stands: the newer version finds them by that path. In XML the root's name is not checked.
    ///
    /// # Errors
    /// [`InputError`]: for JSON with the texts of the newer version, for XML, which that has no more, with those of the older
    /// one.
    pub fn read(content_type: Option<&str>, body: &[u8]) -> Result<Self, InputError> {
        let (format, members) = members(JWT, Some(JWT), content_type, body).map_err(|error| match error {
            InputError::Json(_) => InputError::InvalidJson,
            other => other,
        })?;
        if format == Format::Json && !body.trim_ascii_start().starts_with(b"{") {
            return Err(InputError::InvalidJson);
        }
        let read = |name| match (member(JWT, &members, name), format) {
            (Err(InputError::Missing(..)), Format::Json) => Err(InputError::NotProvided(name)),
            (Err(InputError::NotText(..)), Format::Json) => Err(InputError::Empty(name)),
            (Ok(text), Format::Json) if text.is_empty() => Err(InputError::Empty(name)),
            (read, _) => read,
        };
        let username = read("username")?;
        Ok(Self { username, password: read("password")?, format })
    }
}

/// The members of an input of this type, and the format that it came in; `root` is the name that JSON must have for it.
fn members(
    input: &'static str,
    root: Option<&str>,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<(Format, Vec<(String, Value)>), InputError> {
    let kind = content_type.map(str::trim).filter(|kind| !kind.is_empty()).ok_or(InputError::NoContentType)?;
    let (kind, parameters) = kind.split_once(';').unwrap_or((kind, ""));
    let kind = kind.trim();
    let (base, format) = match kind.split('+').collect::<Vec<_>>()[..] {
        [base, format] => (base, format.to_ascii_lowercase()),
        _ if kind.eq_ignore_ascii_case("application/json") => (kind, "json".to_owned()),
        _ => (kind, "xml".to_owned()),
    };
    let format = match format.as_str() {
        "json" => Format::Json,
        "xml" => Format::Xml,
        _ => return Err(InputError::UnknownFormat(format)),
    };
    if body.len() > MAX_SIZE {
        return Err(InputError::TooLarge);
    }
    let read = match format {
        Format::Json => json::read(body, root)?,
        Format::Xml => xml::read(body)?,
    };
    let members = match read {
        Value::Members(members) => members,
        Value::Null | Value::Text(_) | Value::Other => Vec::new(),
    };
    let known = [&format!("application/vnd.ibexa.api.{input}"), "application/json", "application/xml"];
    if !known.iter().any(|known| base.eq_ignore_ascii_case(known)) {
        return Err(InputError::UnknownType(format!("{base} (version: {})", version(parameters))));
    }
    Ok((format, members))
}

/// The `version` parameter of a media type; it selects a parser, of which there is one.
fn version(parameters: &str) -> &str {
    parameters
        .split(';')
        .find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("version").then(|| value.trim())
        })
        .unwrap_or("1.0")
}

fn member(input: &'static str, members: &[(String, Value)], name: &'static str) -> Result<String, InputError> {
    let mut found = members.iter().filter(|(key, _)| key == name).map(|(_, value)| value);
    match (found.next(), found.next()) {
        (None, _) => Err(InputError::Missing(input, name)),
        (Some(Value::Text(text)), None) => Ok(text.clone()),
        (Some(Value::Null), None) => Ok(String::new()),
        // Two elements of one name are a list.
        _ => Err(InputError::NotText(input, name)),
    }
}
