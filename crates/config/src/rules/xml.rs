//! A small reader for XML rule files: no DOCTYPE, no entities but the five of XML itself, bounded in every direction.

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};
use std::ops::Range;

/// An element with all that stands in it.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<Attribute>,
    pub(super) children: Vec<Element>,
    /// Its own text, that of its children left out.
    pub(super) text: String,
    /// Its start tag.
    pub(super) span: Range<usize>,
}

/// An attribute; the span is that of its value.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) value: String,
    pub(super) span: Range<usize>,
}

/// Why a text is refused, and where.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) span: Range<usize>,
    pub(super) why: String,
}

// The largest file that Magento ships has some 2,000 elements, four deep.
const MAX_BYTES: usize = 4 << 20;
const MAX_ELEMENTS: usize = 100_000;
const MAX_DEPTH: usize = 64;
const MAX_ATTRIBUTES: usize = 32;

/// Reads a document and answers its root element.
pub(super) fn parse(text: &str) -> Result<Element, Fault> {
    if text.len() > MAX_BYTES {
        return Err(Fault { span: 0..0, why: format!("the file is longer than {} MiB", MAX_BYTES >> 20) });
    }
    let mut reader = Reader::from_str(text);
    reader.config_mut().check_comments = true;
    let mut builder = Builder::default();
    loop {
        let start = offset(reader.buffer_position());
        let event = reader.read_event().map_err(|error| {
            let at = offset(reader.error_position());
            Fault { span: at..at + 1, why: format!("this is not well-formed XML: {error}") }
        })?;
        let span = start..offset(reader.buffer_position());
        if matches!(event, Event::Eof) {
            return builder.finish(text.len());
        }
        builder.take(event, &span).map_err(|why| Fault { span, why })?;
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

#[derive(Default)]
struct Builder {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>, span: &Range<usize>) -> Result<(), String> {
        match event {
            Event::Start(tag) => self.open(&tag, span)?,
            Event::Empty(tag) => {
                self.open(&tag, span)?;
                self.close();
            }
            Event::End(_) => self.close(),
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(entity) => {
                let text = resolve(&entity)?;
                self.text(&text)?;
            }
            Event::DocType(_) => return Err("a DOCTYPE is refused: rule files declare no entities".into()),
            Event::Decl(declaration) => {
                if let Some(Ok(encoding)) = declaration.encoding()
                    && !encoding.eq_ignore_ascii_case("utf-8")
                {
                    return Err(format!("the encoding `{encoding}` is not supported; write the file in UTF-8"));
                }
            }
            Event::Comment(_) | Event::PI(_) | Event::Eof => {}
        }
        Ok(())
    }

    fn open(&mut self, tag: &BytesStart<'_>, span: &Range<usize>) -> Result<(), String> {
        self.elements += 1;
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("elements stand more than {MAX_DEPTH} deep"));
        }
        if self.elements > MAX_ELEMENTS {
            return Err(format!("there are more than {MAX_ELEMENTS} elements"));
        }
        if self.open.is_empty() && self.root.is_some() {
            return Err("a document has one root element".into());
        }
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = attribute.map_err(|error| format!("this is not well-formed XML: {error}"))?;
            if attributes.len() == MAX_ATTRIBUTES {
                return Err(format!("an element has more than {MAX_ATTRIBUTES} attributes"));
            }
            let value = attribute
                .normalized_value(XmlVersion::default())
                .map_err(|error| format!("this is not well-formed XML: {error}"))?;
            attributes.push(Attribute {
                name: attribute.key.as_ref().to_owned(),
                value: value.into_owned(),
                span: within(tag, &attribute.value, span),
            });
        }
        let name = tag.name().as_ref().to_owned();
        self.open.push(Element { name, attributes, children: Vec::new(), text: String::new(), span: span.clone() });
        Ok(())
    }

    fn close(&mut self) {
        let Some(element) = self.open.pop() else { return };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), String> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return Err("text stands outside the root element".into()),
        }
        Ok(())
    }

    fn finish(self, end: usize) -> Result<Element, Fault> {
        if let Some(element) = self.open.last() {
            return Err(Fault { span: element.span.clone(), why: format!("`<{}>` is never closed", element.name) });
        }
        self.root.ok_or_else(|| Fault { span: 0..end.min(1), why: "there is no element in this file".into() })
    }
}

/// The bytes of an attribute's value: the reader keeps the tag's text as it stands behind the `<`.
fn within(tag: &BytesStart<'_>, value: &str, span: &Range<usize>) -> Range<usize> {
    let base = tag.as_ref().as_ptr() as usize;
    match (value.as_ptr() as usize).checked_sub(base) {
        Some(inside) if inside + value.len() <= tag.as_ref().len() => {
            let start = span.start + 1 + inside;
            start..start + value.len()
        }
        _ => span.clone(),
    }
}

fn resolve(entity: &BytesRef<'_>) -> Result<String, String> {
    let name: &str = entity;
    match entity.resolve_char_ref() {
        Ok(Some(character)) => Ok(character.into()),
        Ok(None) => resolve_predefined_entity(name)
            .map(str::to_owned)
            .ok_or_else(|| format!("the entity `&{name};` is refused: only the five of XML itself are known")),
        Err(error) => Err(format!("this is not well-formed XML: {}", error)),
    }
}

impl Element {
    /// The attribute of this name.
    pub(super) fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_elements_attributes_and_text_with_their_places() {
        let text =
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a x=\"1 &amp; &#x32;\"><!-- no --><b y='z'/>t&lt;<![CDATA[<u>]]></a>\n";
        let root = parse(text).unwrap();
        assert_eq!((root.name.as_str(), root.text.as_str()), ("a", "t<<u>"));
        let x = root.attribute("x").unwrap();
        assert_eq!((x.value.as_str(), &text[x.span.clone()]), ("1 & 2", "1 &amp; &#x32;"));
        let y = root.children[0].attribute("y").unwrap();
        assert_eq!(&text[y.span.clone()], "z");
        assert_eq!(&text[root.children[0].span.clone()], "<b y='z'/>");
    }

    #[test]
    fn refuses_what_is_dangerous_or_broken() {
        let deep = "<a>".repeat(65);
        let many = format!("<a {}/>", (0..33).map(|n| format!("x{n}='' ")).collect::<String>());
        for (text, why) in [
            ("<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>", "DOCTYPE"),
            ("<a>&e;</a>", "`&e;` is refused"),
            ("<a x='&e;'/>", "not well-formed"),
            ("<a>&#0;</a>", "not well-formed"),
            ("<a><b></a></b>", "not well-formed"),
            ("<a><b>", "`<b>` is never closed"),
            ("<a/><b/>", "one root element"),
            ("<a/>x", "outside the root"),
            ("x<a/>", "outside the root"),
            ("<a x='1' x='2'/>", "not well-formed"),
            ("<a x=1/>", "not well-formed"),
            ("<a", "not well-formed"),
            ("", "no element"),
            ("<?xml version='1.0' encoding='latin1'?><a/>", "`latin1` is not supported"),
            (&deep, "more than 64 deep"),
            (&many, "more than 32 attributes"),
            (&"<a>".repeat(4 << 20), "longer than 4 MiB"),
        ] {
            let fault = parse(text).unwrap_err();
            assert!(fault.why.contains(why), "{}: {fault:?}", &text[..text.len().min(80)]);
        }
    }
}
