//! Bodies (magento-webapi 5.3): JSON and XML, read with the bounds of [`crate::input`]; no error repeats them.

use super::{Error, Values};
use crate::input::{MAX_SIZE, Value as Tree, json, xml};
use http::StatusCode;
use serde_json::Value;

/// The longest media type that an error repeats.
const MAX_TYPE: usize = 128;

/// The parameters in a body. An empty body has none and needs no `Content-Type`; a JSON document that is no object has
/// none either.
///
/// XML: the document element is dropped and its children are the parameters; children of one name are a list; text of
/// white space alone is empty, an empty element is `null`, and attributes count for nothing. `<item>` is a name like
/// any other: [`super::Params::list`] knows what it stands for.
///
/// # Errors
/// The texts of magento-webapi 5.3 with 400, and 413 for more than [`MAX_SIZE`] bytes.
pub fn body(content_type: Option<&str>, body: &[u8]) -> Result<Values, Error> {
    if body.is_empty() {
        return Ok(Values::new());
    }
    let read = reader(content_type)?;
    if body.len() > MAX_SIZE {
        return Err(Error::new(StatusCode::PAYLOAD_TOO_LARGE, "The request body is too large."));
    }
    match read(body) {
        Some(Value::Object(members)) => Ok(members),
        Some(_) => Ok(Values::new()),
        None => Err(Error::bad_request("Decoding error.")),
    }
}

type Read = fn(&[u8]) -> Option<Value>;

/// Who reads this type: `type/subtype`, then at most a charset.
fn reader(content_type: Option<&str>) -> Result<Read, Error> {
    let text = content_type.map(str::trim).filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Error::bad_request("Content-Type header is empty."))?;
    let (kind, parameter) = match text.split_once(';') {
        Some((kind, parameter)) => (kind, Some(parameter)),
        None => (text, None),
    };
    let sound = |b: u8| b.is_ascii_alphanumeric() || b"/-+.".contains(&b);
    let charset = parameter.map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (name.trim_start_matches(' ').eq_ignore_ascii_case("charset") && !value.is_empty()).then_some(value)
    });
    if kind.is_empty() || kind.len() > MAX_TYPE || !kind.bytes().all(sound) || charset == Some(None) {
        return Err(Error::bad_request("Content-Type header is invalid."));
    }
    if charset.flatten().is_some_and(|charset| !charset.trim_matches('"').eq_ignore_ascii_case("utf-8")) {
        return Err(Error::bad_request("UTF-8 is the only supported charset."));
    }
    match &*kind.to_ascii_lowercase() {
        "application/json" => Ok(|body| json::value(body).ok()),
        "application/xml" | "application/xhtml+xml" | "text/xml" => Ok(|body| xml::read(body).ok().map(value)),
        _ => Err(Error::bad_request(format!("Server cannot understand Content-Type HTTP header media type {kind}"))),
    }
}

/// An XML document whose elements can be changed and written again.
#[derive(Clone, Debug, PartialEq)]
pub struct XmlBody {
    /// The document element's name.
    pub root: String,
    /// Its children, as [`body`] reads them.
    pub values: Values,
}

impl XmlBody {
    /// Reads it as [`body`] does. Nothing where it cannot be read, or where the document element holds text.
    pub fn read(body: &[u8]) -> Option<Self> {
        let (root, tree) = xml::read_named(body).ok()?;
        match value(tree) {
            Value::Object(values) => Some(Self { root, values }),
            Value::Null => Some(Self { root, values: Values::new() }),
            _ => None,
        }
    }

    /// Writes it: a list is elements of one name, `null` an empty element. Attributes and comments are gone.
    pub fn write(&self) -> String {
        let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        write_children(&mut out, &self.root, &self.values);
        out
    }
}

fn write_children(out: &mut String, name: &str, values: &Values) {
    out.push_str(&format!("<{name}>"));
    for (key, value) in values {
        match value {
            Value::Array(list) => list.iter().for_each(|item| write_element(out, key, item)),
            value => write_element(out, key, value),
        }
    }
    out.push_str(&format!("</{name}>"));
}

fn write_element(out: &mut String, name: &str, value: &Value) {
    let text = match value {
        Value::Object(values) => return write_children(out, name, values),
        Value::String(text) => text.clone(),
        Value::Null | Value::Array(_) => String::new(),
        other => other.to_string(),
    };
    out.push_str(&format!("<{name}>"));
    crate::xml::escape(out, &text);
    out.push_str(&format!("</{name}>"));
}

/// What an element holds.
fn value(tree: Tree) -> Value {
    match tree {
        Tree::Null | Tree::Other => Value::Null,
        Tree::Text(text) if text.trim_ascii().is_empty() => "".into(),
        Tree::Text(text) => text.into(),
        Tree::Members(members) => {
            let mut values = Values::new();
            let mut lists: Vec<String> = Vec::new();
            for (name, member) in members {
                let member = value(member);
                match values.get_mut(&name) {
                    // An element never is a list by itself, so this is one of ours.
                    Some(Value::Array(list)) if lists.contains(&name) => list.push(member),
                    Some(first) => {
                        *first = Value::Array(vec![first.take(), member]);
                        lists.push(name);
                    }
                    None => drop(values.insert(name, member)),
                }
            }
            Value::Object(values)
        }
    }
}
