//! Errors of the Magento dialect (magento-webapi 5.1, 5.2, 5.5).

use crate::{Document, Format, json, xml};
use serde_json::{Map, Value};

/// An error: a template, not interpolated, and the values that clients put into it themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    message: String,
    parameters: Vec<(&'static str, String)>,
}

impl Error {
    /// A message without parameters.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), parameters: Vec::new() }
    }

    /// The answer to guests and to identities that lack a resource alike; `resources` are all those of the route.
    pub fn unauthorized<'r>(resources: impl IntoIterator<Item = &'r str>) -> Self {
        let resources: Vec<&str> = resources.into_iter().collect();
        Self {
            message: "The consumer isn't authorized to access %resources.".to_owned(),
            parameters: vec![("resources", resources.join(", "))],
        }
    }

    /// A parameter has no value (magento-webapi 3.4).
    pub fn required(field: &str) -> Self {
        Self {
            message: "\"%fieldName\" is required. Enter and try again.".to_owned(),
            parameters: vec![("fieldName", field.to_owned())],
        }
    }

    /// What a server error looks like; `report` is what the operator can look for.
    pub fn masked(report: &str) -> Self {
        let hex: String = report.chars().filter(char::is_ascii_hexdigit).take(13).collect();
        Self::new(format!(
            "Internal Error. Details are available in Magento log file. Report ID: webapi-{:0<13}",
            hex.to_ascii_lowercase()
        ))
    }

    /// Writes it down.
    pub fn document(&self, format: Format) -> Document {
        match format {
            Format::Json => {
                Document { content_type: "application/json; charset=utf-8".to_owned(), body: json::compact(&self.value()) }
            }
            Format::Xml => Document { content_type: "application/xml; charset=utf-8".to_owned(), body: response(&self.value()) },
        }
    }

    fn value(&self) -> Value {
        let mut object = Map::new();
        object.insert("message".to_owned(), self.message.clone().into());
        if !self.parameters.is_empty() {
            let parameters = self.parameters.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into()));
            object.insert("parameters".to_owned(), Value::Object(parameters.collect()));
        }
        Value::Object(object)
    }
}

/// The XML rendering of any value (magento-webapi 5.5).
fn response(value: &Value) -> String {
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
        Value::Number(number) => number.to_string(),
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
fn node_name(key: &str) -> String {
    let kept = key.chars().filter(|c| !r##"!"#$%&'()*+,/;<=>?@[\]^`{|}~"##.contains(*c));
    let name: String = kept.map(|c| if matches!(c, ' ' | ':') { '_' } else { c }).collect();
    let name = name.trim_matches('_');
    let prefix = if name.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | '-')) { "item_" } else { "" };
    let word: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
    if prefix.is_empty() && word.is_empty() { "item".to_owned() } else { format!("{prefix}{word}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_keeps_its_template() {
        let error = Error::unauthorized(["Magento_Customer::group", "self"]);
        assert_eq!(
            error.document(Format::Json).body,
            r#"{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"Magento_Customer::group, self"}}"#
        );
        assert_eq!(
            error.document(Format::Xml).body,
            "<?xml version=\"1.0\"?>\n<response>\n  <message>The consumer isn't authorized to access %resources.</message>\n  \
             <parameters>\n    <resources>Magento_Customer::group, self</resources>\n  </parameters>\n</response>\n"
        );
    }

    #[test]
    fn json_escapes_as_php_does() {
        let body = Error::new("a/b é").document(Format::Json);
        assert_eq!((&*body.content_type, &*body.body), ("application/json; charset=utf-8", r#"{"message":"a\/b \u00e9"}"#));
    }

    #[test]
    fn a_server_error_names_a_report_of_13_digits() {
        let body = Error::masked("0123456789abcdef0123456789abcdef").document(Format::Json).body;
        assert_eq!(
            body,
            r#"{"message":"Internal Error. Details are available in Magento log file. Report ID: webapi-0123456789abc"}"#
        );
        assert!(Error::masked("7").message.ends_with("webapi-7000000000000"));
    }

    #[test]
    fn keys_become_element_names() {
        for (key, name) in
            [("message", "message"), ("a b:c", "a_b_c"), ("_x_", "x"), ("1st", "item_1st"), ("a-b", "ab"), ("<>", "item")]
        {
            assert_eq!(node_name(key), name, "{key}");
        }
    }

    #[test]
    fn values_become_elements() {
        let value = serde_json::json!({"a": [true, null, 3], "b<": "x<y & z", "c": {}});
        assert_eq!(
            response(&value),
            "<?xml version=\"1.0\"?>\n<response>\n  <a>\n    <item>true</item>\n    <item/>\n    <item>3</item>\n  </a>\n  \
             <b>x&lt;y &amp; z</b>\n  <c/>\n</response>\n"
        );
    }
}
