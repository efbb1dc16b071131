//! JSON as PHP writes it, since clients of both dialects compare text: slashes as `\/`, everything beyond ASCII as
//! `\uXXXX`, and pretty with four spaces where the contract says so (ibexa-rest 0.2, magento-webapi 5.1).

use crate::{
    Format,
    element::{Child, Content, Element},
};
use serde_json::{Map, Number, Value};
use std::fmt::Write as _;

/// `{ "<RootName>": {...} }`, pretty.
pub(crate) fn element_document(root: &Element) -> String {
    let mut object = Map::new();
    object.insert(root.name.to_owned(), element_value(root));
    pretty(&Value::Object(object))
}

fn element_value(element: &Element) -> Value {
    let mut object = Map::new();
    for attribute in &element.attributes {
        let (name, value) = attribute.render(Format::Json);
        object.insert(format!("_{name}"), Value::String(value));
    }
    let scalar = match &element.content {
        Content::Empty => None,
        Content::Text(text) => Some(Value::String(text.clone())),
        Content::Number(number) => Some((*number).into()),
        Content::Truth(truth) => Some((*truth).into()),
        Content::Children(children) => {
            for child in children {
                let (name, value) = match child {
                    Child::One(element) => (element.name, element_value(element)),
                    Child::List(name, elements) => (*name, Value::Array(elements.iter().map(element_value).collect())),
                };
                object.insert(name.to_owned(), value);
            }
            None
        }
    };
    match scalar {
        None => Value::Object(object),
        Some(value) if object.is_empty() => value,
        Some(value) => {
            object.insert("#text".to_owned(), value);
            Value::Object(object)
        }
    }
}

/// With four spaces for each level.
pub(crate) fn pretty(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, Some(0));
    out
}

/// Without any white space.
pub(crate) fn compact(value: &Value) -> String {
    let mut out = String::new();
    write_value(&mut out, value, None);
    out
}

fn write_value(out: &mut String, value: &Value, depth: Option<usize>) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&self::number(number)),
        Value::String(text) => write_string(out, text),
        Value::Array(items) => write_block(out, ['[', ']'], items, depth, write_value),
        Value::Object(members) => write_block(out, ['{', '}'], members, depth, |out, (name, value), depth| {
            write_string(out, name);
            out.push_str(if depth.is_some() { ": " } else { ":" });
            write_value(out, value, depth);
        }),
    }
}

/// A number as PHP writes it: fractions as short as they stay exact, without `.0`, and with an exponent beyond 17 digits.
pub(crate) fn number(number: &Number) -> String {
    let Some(value) = number.as_f64().filter(|_| number.is_f64()) else { return number.to_string() };
    let shortest = format!("{value:e}");
    let Some((digits, exponent)) = shortest.split_once('e') else { return shortest };
    match exponent.parse::<i32>() {
        Ok(-4..17) | Err(_) => value.to_string(),
        Ok(exponent) => {
            let fraction = if digits.contains('.') { "" } else { ".0" };
            format!("{digits}{fraction}e{exponent:+}")
        }
    }
}

fn write_block<T>(
    out: &mut String,
    [open, close]: [char; 2],
    items: impl IntoIterator<Item = T>,
    depth: Option<usize>,
    mut each: impl FnMut(&mut String, T, Option<usize>),
) {
    let inner = depth.map(|depth| depth + 1);
    let mut empty = true;
    out.push(open);
    for item in items {
        if !empty {
            out.push(',');
        }
        empty = false;
        new_line(out, inner);
        each(out, item, inner);
    }
    if !empty {
        new_line(out, depth);
    }
    out.push(close);
}

fn new_line(out: &mut String, depth: Option<usize>) {
    if let Some(depth) = depth {
        out.push('\n');
        out.extend(std::iter::repeat_n("    ", depth));
    }
}

fn write_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '/' => out.push_str("\\/"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            ' '..='\u{7f}' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a String cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in any_json()) {
            for text in [pretty(&value), compact(&value)] {
                prop_assert!(text.is_ascii());
                prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &value);
            }
        }
    }

    #[test]
    fn numbers_look_as_php_writes_them() {
        for (value, text) in [
            (1.0, "1"),
            (0.1, "0.1"),
            (-12.5, "-12.5"),
            (1e25, "1.0e+25"),
            (1.5e-7, "1.5e-7"),
            (1e-4, "0.0001"),
            (1e15, "1000000000000000"),
        ] {
            assert_eq!(compact(&Value::from(value)), text);
        }
        assert_eq!(compact(&Value::from(u64::MAX)), u64::MAX.to_string());
    }

    #[test]
    fn writes_as_php_does() {
        let value = serde_json::json!({"a/b": ["é", "😀", "\u{1}\n"], "empty": {}, "none": []});
        assert_eq!(compact(&value), r#"{"a\/b":["\u00e9","\ud83d\ude00","\u0001\n"],"empty":{},"none":[]}"#);
        assert_eq!(
            pretty(&serde_json::json!({"a": [1, {"b": null}]})),
            "{\n    \"a\": [\n        1,\n        {\n            \"b\": null\n        }\n    ]\n}"
        );
    }
}
