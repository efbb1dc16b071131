//! The same case in JSON and in XML: what is sent is written in either, and what comes back is compared with one expectation.

use crate::support::client::Reply;
use serde_json::{Map, Value};

/// What bodies are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
}

/// Runs a case in both.
pub(super) fn in_both(case: impl Fn(Format)) {
    case(Format::Json);
    case(Format::Xml);
}

impl Format {
    /// The headers of a request with a body, or without.
    pub(super) fn headers(self, body: bool) -> &'static str {
        match (self, body) {
            (Self::Json, true) => "Accept: application/json\r\nContent-Type: application/json\r\n",
            (Self::Json, false) => "Accept: application/json\r\n",
            (Self::Xml, true) => "Accept: application/xml\r\nContent-Type: application/xml\r\n",
            (Self::Xml, false) => "Accept: application/xml\r\n",
        }
    }

    /// A body; none for null.
    pub(super) fn write(self, body: &Value) -> String {
        match self {
            _ if body.is_null() => String::new(),
            Self::Json => body.to_string(),
            Self::Xml => element("request", body),
        }
    }

    /// A word that differs by the format, so that both may work side by side.
    pub(super) fn name(self, word: &str) -> String {
        format!("{word}-{}", if self == Self::Json { "json" } else { "xml" })
    }

    /// An e-mail address that differs likewise.
    pub(super) fn email(self, word: &str) -> String {
        format!("{}@example.com", self.name(word))
    }

    /// What came back.
    pub(super) fn read(self, reply: Reply) -> Answer {
        let body = match self {
            Self::Json => {
                assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"), "{reply:?}");
                reply.json()
            }
            Self::Xml => {
                assert_eq!(reply.header("content-type"), Some("application/xml; charset=utf-8"), "{reply:?}");
                let mut rest = reply.body.strip_prefix("<?xml version=\"1.0\"?>\n").unwrap_or_else(|| panic!("{reply:?}"));
                let (name, value) = take(&mut rest).unwrap_or_else(|| panic!("no XML: {reply:?}"));
                assert_eq!((name.as_str(), rest), ("response", "\n"), "{reply:?}");
                value
            }
        };
        Answer { format: self, body, reply }
    }
}

/// An answer in either format.
#[derive(Debug)]
pub(super) struct Answer {
    format: Format,
    pub(super) body: Value,
    pub(super) reply: Reply,
}

impl Answer {
    /// Status and whole body are these. XML has texts alone, so there numbers and booleans count as their texts.
    #[track_caller]
    pub(super) fn is(&self, status: u16, expected: &Value) -> &Self {
        assert_eq!(self.reply.status, status, "{:?}", self.reply);
        assert_eq!(self.body, self.written(expected), "{:?}", self.reply);
        self
    }

    /// It is a success.
    #[track_caller]
    pub(super) fn good(&self) -> &Self {
        assert_eq!(self.reply.status, 200, "{:?}", self.reply);
        self
    }

    /// A part of the body, by its JSON pointer, is this.
    #[track_caller]
    pub(super) fn has(&self, pointer: &str, expected: &Value) -> &Self {
        assert_eq!(self.body.pointer(pointer), Some(&self.written(expected)), "{pointer}: {:?}", self.reply);
        self
    }

    /// The body has no such part.
    #[track_caller]
    pub(super) fn lacks(&self, pointer: &str) -> &Self {
        assert_eq!(self.body.pointer(pointer), None, "{:?}", self.reply);
        self
    }

    /// A part of the body as text.
    #[track_caller]
    pub(super) fn text(&self, pointer: &str) -> String {
        let found = self.body.pointer(pointer).unwrap_or_else(|| panic!("no {pointer}: {:?}", self.reply));
        let Value::String(text) = texts(found) else { panic!("{pointer} is no text: {:?}", self.reply) };
        text
    }

    /// A number in the body.
    #[track_caller]
    pub(super) fn number(&self, pointer: &str) -> i64 {
        self.text(pointer).parse().unwrap_or_else(|_| panic!("{pointer} is no number: {:?}", self.reply))
    }

    fn written(&self, expected: &Value) -> Value {
        match self.format {
            Format::Json => expected.clone(),
            Format::Xml => texts(expected),
        }
    }
}

/// As XML shows it: texts in objects and lists; what is empty is all the same.
fn texts(value: &Value) -> Value {
    match value {
        Value::Null => "".into(),
        Value::Bool(truth) => truth.to_string().into(),
        Value::Number(number) => number.to_string().into(),
        Value::String(text) => text.clone().into(),
        Value::Array(list) if list.is_empty() => "".into(),
        Value::Array(list) => list.iter().map(texts).collect(),
        Value::Object(fields) if fields.is_empty() => "".into(),
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), texts(value))).collect::<Map<_, _>>().into(),
    }
}

/// An element and all below it.
fn element(name: &str, value: &Value) -> String {
    let inner = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| element(name, value)).collect(),
        Value::Array(list) => list.iter().map(|value| element("item", value)).collect(),
        other => match texts(other) {
            Value::String(text) => text.replace('&', "&amp;").replace('<', "&lt;"),
            _ => String::new(),
        },
    };
    format!("<{name}>{inner}</{name}>")
}

/// Takes an element off the front: its name and what is in it. Attributes have no place in answers.
fn take(rest: &mut &str) -> Option<(String, Value)> {
    let (name, after) = rest.strip_prefix('<')?.split_once('>')?;
    *rest = after;
    if let Some(name) = name.strip_suffix('/') {
        return Some((name.to_owned(), "".into()));
    }
    let end = format!("</{name}>");
    let mut children: Vec<(String, Value)> = Vec::new();
    let (text, _) = rest.split_once('<')?;
    *rest = rest.get(text.len()..)?;
    while !rest.starts_with("</") {
        children.push(take(rest)?);
        *rest = rest.trim_start();
    }
    *rest = rest.strip_prefix(&*end)?;
    let value = match children.first() {
        None => unescaped(text).into(),
        Some((first, _)) if first == "item" => children.into_iter().map(|(_, value)| value).collect(),
        Some(_) => children.into_iter().collect::<Map<_, _>>().into(),
    };
    Some((name.to_owned(), value))
}

fn unescaped(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (escaped, plain)| text.replace(escaped, plain))
}

#[test]
fn what_is_written_is_read_again() {
    let value = serde_json::json!({"a": 1, "b": [true, "x < y & z"], "c": {"d": null, "e": [[], {"f": "g"}]}});
    let written = format!("{}\n", element("response", &value));
    let mut rest = written.as_str();
    assert_eq!((take(&mut rest), rest), (Some(("response".to_owned(), texts(&value))), "\n"));
}
