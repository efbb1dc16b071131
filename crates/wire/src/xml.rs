//! XML as the newer Ibexa writes it (ibexa-rest 0.2): a declaration, two spaces for each level, self-closed empty
//! elements, and CDATA around text that holds markup.
//!
//! Characters that XML 1.0 cannot hold at all are replaced by U+FFFD: a document that a parser refuses helps nobody.

use crate::{
    Format,
    element::{Child, Content, Element},
};

pub(crate) fn element_document(root: &Element) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    write_element(&mut out, root, 0);
    out
}

fn write_element(out: &mut String, element: &Element, depth: usize) {
    indent(out, depth);
    out.push('<');
    out.push_str(element.name);
    for attribute in &element.attributes {
        let (name, value) = attribute.render(Format::Xml);
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        escape_attribute(out, &value);
        out.push('"');
    }
    match &element.content {
        Content::Text(text) if !text.is_empty() => {
            out.push('>');
            write_text(out, text);
        }
        Content::Number(number) => {
            out.push('>');
            out.push_str(&number.to_string());
        }
        Content::Truth(truth) => out.push_str(if *truth { ">true" } else { ">false" }),
        Content::Children(children) if children.iter().any(|child| !matches!(child, Child::List(_, list) if list.is_empty())) => {
            out.push_str(">\n");
            for child in children {
                match child {
                    Child::One(element) => write_element(out, element, depth + 1),
                    Child::List(_, elements) => elements.iter().for_each(|element| write_element(out, element, depth + 1)),
                }
            }
            indent(out, depth);
        }
        Content::Empty | Content::Text(_) | Content::Children(_) => {
            out.push_str("/>\n");
            return;
        }
    }
    close(out, element.name);
}

/// Closes `name` and the line.
pub(crate) fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push_str(">\n");
}

/// Two spaces for each level.
pub(crate) fn indent(out: &mut String, depth: usize) {
    out.extend(std::iter::repeat_n("  ", depth));
}

/// Text in CDATA where it holds markup. A carriage return survives only as a character reference, and so does not
/// go into CDATA.
fn write_text(out: &mut String, text: &str) {
    let markup = text.contains(['<', '>', '&']);
    if !markup || text.contains('\r') {
        return escape(out, text);
    }
    out.push_str("<![CDATA[");
    out.push_str(&text.chars().map(possible).collect::<String>().replace("]]>", "]]]]><![CDATA[>"));
    out.push_str("]]>");
}

/// Text with references instead of markup.
pub(crate) fn escape(out: &mut String, text: &str) {
    for c in text.chars().map(possible) {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\r' => out.push_str("&#13;"),
            c => out.push(c),
        }
    }
}

/// An attribute's value; white space would be normalised away, so it is written as references.
fn escape_attribute(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c => escape(out, c.encode_utf8(&mut [0; 4])),
        }
    }
}

/// The character, or U+FFFD where XML 1.0 (2.2, Char) has no place for it.
fn possible(c: char) -> char {
    if is_char(c) { c } else { char::REPLACEMENT_CHARACTER }
}

/// Whether XML 1.0 (2.2, Char) can hold the character.
pub(crate) fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}
