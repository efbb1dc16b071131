//! XML with bounds, and without everything that makes XML dangerous: no DOCTYPE, so no entities but the five
//! predefined ones and characters by number; no processing instructions; UTF-8 only.

use super::{InputError, MAX_ATTRIBUTES, MAX_DEPTH, Value};
use crate::xml::is_char;
use quick_xml::{
    Reader,
    events::{BytesRef, BytesStart, Event},
};

/// An element that is not closed yet.
#[derive(Default)]
struct Open {
    name: String,
    text: String,
    members: Vec<(String, Value)>,
}

impl Open {
    fn close(self) -> Value {
        match (self.members.is_empty(), self.text.is_empty()) {
            (true, true) => Value::Null,
            (true, false) => Value::Text(self.text),
            (false, _) => Value::Members(self.members),
        }
    }
}

/// What the document element holds, whatever its name.
pub(crate) fn read(body: &[u8]) -> Result<Value, InputError> {
    Ok(read_named(body)?.1)
}

/// The document element's name and what it holds.
pub(crate) fn read_named(body: &[u8]) -> Result<(String, Value), InputError> {
    let start = InputError::Xml { line: 1, column: 1, what: "The document is not UTF-8" };
    let text = std::str::from_utf8(body).map_err(|_| start)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if let Some(at) = text.find(|c| !is_char(c)) {
        return Err(at_offset(text, at, "A character that XML cannot hold"));
    }
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_comments = true;
    config.expand_empty_elements = true;
    let mut document = Document::default();
    loop {
        let begin = offset(reader.buffer_position());
        let event = reader.read_event().map_err(|_| at_offset(text, offset(reader.error_position()), "Not well-formed"))?;
        if matches!(event, Event::Eof) {
            return document
                .root
                .filter(|_| document.open.is_empty())
                .ok_or_else(|| at_offset(text, begin, "Premature end of the document"));
        }
        document.take(event, begin).map_err(|what| at_offset(text, begin, what))?;
    }
}

/// What has been read so far.
#[derive(Default)]
struct Document {
    open: Vec<Open>,
    root: Option<(String, Value)>,
}

impl Document {
    fn take(&mut self, event: Event<'_>, begin: usize) -> Result<(), &'static str> {
        match event {
            Event::Start(element) => self.start(&element),
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text.xml10_content()),
            Event::CData(text) if self.open.is_empty() => {
                drop(text);
                Err("Text outside of the document element")
            }
            Event::CData(text) => self.text(&text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = resolve(&reference)?;
                if self.open.is_empty() {
                    Err("A reference outside of the document element")
                } else {
                    self.text(character.encode_utf8(&mut [0; 4]))
                }
            }
            Event::Decl(declaration) => {
                let encoding = declaration.encoding().transpose().map_err(|_| "The XML declaration is malformed")?;
                let version = declaration.version().map_err(|_| "The XML declaration is malformed")?;
                if begin != 0 {
                    Err("An XML declaration that does not stand at the beginning")
                } else if version != "1.0" {
                    Err("Only XML 1.0 is read")
                } else if encoding.is_some_and(|name| !name.eq_ignore_ascii_case("utf-8")) {
                    Err("Only UTF-8 is read")
                } else {
                    Ok(())
                }
            }
            Event::Comment(_) | Event::Eof => Ok(()),
            Event::DocType(_) => Err("A document type declaration is not accepted"),
            Event::PI(_) => Err("A processing instruction is not accepted"),
            // Empty elements are expanded into start and end.
            Event::Empty(_) => Err("Not well-formed"),
        }
    }

    fn start(&mut self, element: &BytesStart<'_>) -> Result<(), &'static str> {
        if self.root.is_some() {
            return Err("More than one document element");
        }
        if self.open.len() >= MAX_DEPTH {
            return Err("Elements are nested too deeply");
        }
        for (count, attribute) in element.attributes().enumerate() {
            if count >= MAX_ATTRIBUTES {
                return Err("Too many attributes");
            }
            let attribute = attribute.map_err(|_| "An attribute is malformed or repeated")?;
            if attribute.value.contains('<') || attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).is_err() {
                return Err("An attribute's value is malformed");
            }
        }
        let name = element.name();
        let name: &str = name.as_ref();
        if name.is_empty() || name.contains(['<', '&', '"', '\'', '=']) {
            return Err("An element's name is malformed");
        }
        self.open.push(Open { name: name.to_owned(), ..Open::default() });
        Ok(())
    }

    fn end(&mut self) -> Result<(), &'static str> {
        let closed = self.open.pop().ok_or("An element is closed that was not opened")?;
        match self.open.last_mut() {
            Some(parent) => parent.members.push((closed.name.clone(), closed.close())),
            None => self.root = Some((closed.name.clone(), closed.close())),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), &'static str> {
        match self.open.last_mut() {
            Some(open) => open.text.push_str(text),
            None if text.trim_matches([' ', '\t', '\r', '\n']).is_empty() => {}
            None => return Err("Text outside of the document element"),
        }
        Ok(())
    }
}

/// The character of `&lt;`, `&#60;` and their kin.
fn resolve(reference: &BytesRef<'_>) -> Result<char, &'static str> {
    if reference.is_char_ref() {
        let character = reference.resolve_char_ref().ok().flatten();
        return character.filter(|c| is_char(*c)).ok_or("A reference to a character that XML cannot hold");
    }
    match reference.xml10_content().as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        _ => Err("An entity that is not predefined"),
    }
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}

/// The error at a byte offset, as line and character.
fn at_offset(text: &str, offset: usize, what: &'static str) -> InputError {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    InputError::Xml { line, column, what }
}
