//! One description for both formats (ibexa-rest 0.2).
//!
//! An object has attributes (media type first, then `href`, then others) and children; XML writes attributes as such
//! and JSON as members with a leading underscore. A value is text, a number or a truth. A list is an array in JSON,
//! even of one, and repeated elements without a wrapper in XML.

use crate::{Document, Format, json, xml};

/// An element and what it holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    pub(crate) name: &'static str,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) content: Content,
}

/// An attribute. Media types are completed with the format when they are written.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Attribute {
    Media(&'static str),
    Plain(&'static str, String),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Content {
    Empty,
    Text(String),
    Number(u64),
    Truth(bool),
    Children(Vec<Child>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Child {
    One(Element),
    List(&'static str, Vec<Element>),
}

impl Element {
    /// An object of this media type: `Session` stands for `application/vnd.ibexa.api.Session+xml` or `+json`, and
    /// the empty type for an empty attribute, as the Root resource has it.
    pub fn object(name: &'static str, media: &'static str) -> Self {
        Self { name, attributes: vec![Attribute::Media(media)], content: Content::Empty }
    }

    /// An element with text.
    pub fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Text(text.into()) }
    }

    /// An element with a number.
    pub fn number(name: &'static str, number: u64) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Number(number) }
    }

    /// An element that is true or false.
    pub fn truth(name: &'static str, truth: bool) -> Self {
        Self { name, attributes: Vec::new(), content: Content::Truth(truth) }
    }

    /// With one more attribute.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push(Attribute::Plain(name, value.into()));
        self
    }

    /// With one more child. A value that already holds text keeps nothing of it.
    #[must_use]
    pub fn child(self, child: Element) -> Self {
        self.push(Child::One(child))
    }

    /// With a list of children, each of which has the name `name`.
    #[must_use]
    pub fn list(self, name: &'static str, children: Vec<Element>) -> Self {
        self.push(Child::List(name, children))
    }

    fn push(mut self, child: Child) -> Self {
        match &mut self.content {
            Content::Children(children) => children.push(child),
            other => *other = Content::Children(vec![child]),
        }
        self
    }

    /// The document with this element as its root. Its media type is the one of the root's first attribute.
    pub fn document(&self, format: Format) -> Document {
        let media = self.attributes.iter().find_map(|attribute| match attribute {
            Attribute::Media(media) => Some(media_type(media, format)),
            Attribute::Plain(..) => None,
        });
        let content_type = media.unwrap_or_else(|| format!("application/{}", format.suffix()));
        let body = match format {
            Format::Json => json::element_document(self),
            Format::Xml => xml::element_document(self),
        };
        Document { content_type, body }
    }
}

impl Attribute {
    /// Name and value in this format.
    pub(crate) fn render(&self, format: Format) -> (&'static str, String) {
        match self {
            Attribute::Media(media) => ("media-type", media_type(media, format)),
            Attribute::Plain(name, value) => (name, value.clone()),
        }
    }
}

/// `application/vnd.ibexa.api.Session+xml` for `Session`; empty for the empty type.
pub(crate) fn media_type(name: &str, format: Format) -> String {
    if name.is_empty() { String::new() } else { format!("application/vnd.ibexa.api.{name}+{}", format.suffix()) }
}
