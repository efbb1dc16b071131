//! One row as it was read: names and values.

use serde_json::{Map, Value};

/// The columns of a row, the members of an object, the attributes of an entry.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Record(pub(crate) Map<String, Value>);

impl Record {
    /// The value of a name; `a.b.0` also looks inside. Nothing, where there is null or an empty text.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.get(name).or_else(|| {
            let mut steps = name.split('.');
            let first = self.0.get(steps.next()?)?;
            steps.try_fold(first, |value, step| match value {
                Value::Object(members) => members.get(step),
                Value::Array(items) => items.get(step.parse::<usize>().ok()?),
                _ => None,
            })
        })?;
        let empty = match found {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        (!empty).then_some(found)
    }
}

/// One text of a value: the text itself, a number or truth value as it is written, the first item of a list.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Array(items) => items.first().and_then(text_of),
        Value::Null | Value::Object(_) => None,
    }
}
