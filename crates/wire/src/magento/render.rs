//! Documents: JSON as PHP writes it, and the XML of magento-webapi 5.5.

use crate::{Document, Format, json, xml};
use serde_json::Value;

pub(super) fn document(value: &Value, format: Format) -> Document {
    let (kind, body) = match format {
        Format::Json => ("application/json; charset=utf-8", json::compact(value)),
        Format::Xml => ("application/xml; charset=utf-8", response(value)),
    };
    Document { content_type: kind.to_owned(), body }
}

/// The XML rendering of any value.
pub(super) fn response(value: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\"?>\n");
    write_node(&mut out, "response", value, 0);
    out
}

fn write_node(out: &mut String, name: &str, value: &Value, depth: usize) {
    xml::indent(out, depth);
    let text = match value {
        Value::Object(members) if !members.is_empty() => {
            out.push_str(&format!("<{name}>\n"));
            members.iter().for_each(|(key, value)| write_node(out, &node_name(key), value, depth + 1));
            xml::indent(out, depth);
            return xml::close(out, name);
        }
        Value::Array(items) if !items.is_empty() => {
            out.push_str(&format!("<{name}>\n"));
            items.iter().for_each(|item| write_node(out, "item", item, depth + 1));
            xml::indent(out, depth);
            return xml::close(out, name);
        }
        Value::String(text) => text.clone(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => json::number(number).to_uppercase(),
        Value::Null | Value::Array(_) | Value::Object(_) => String::new(),
    };
    if text.is_empty() {
        return out.push_str(&format!("<{name}/>\n"));
    }
    out.push_str(&format!("<{name}>"));
    xml::escape(out, &text);
    xml::close(out, name);
}

/// The element name of a key.
pub(super) fn node_name(key: &str) -> String {
    let kept = key.chars().filter(|c| !r##"!"#$%&'()*+,/;<=>?@[\]^`{|}~"##.contains(*c));
    let name: String = kept.map(|c| if matches!(c, ' ' | ':') { '_' } else { c }).collect();
    let name = name.trim_matches('_');
    let prefix = if name.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-')) { "item_" } else { "" };
    let word: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    if prefix.is_empty() && word.is_empty() { "item".to_owned() } else { format!("{prefix}{word}") }
}
