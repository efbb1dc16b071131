//! `fields=`: a part of an answer (magento-webapi 5.1, PartialResponseTest).

use serde_json::{Map, Value};

/// The longest filter in bytes, and its deepest nesting.
const MAX_LENGTH: usize = 4096;
const MAX_DEPTH: usize = 32;

/// What to keep: names, each with what to keep below it, or all of it. A filter that cannot be read keeps nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(String, Option<Fields>)>);

impl Fields {
    /// Reads `email,addresses[city,region[region_code]]`. `None` where nothing is asked for: the parameter is absent,
    /// empty or `0`. Brackets without a name before them are read as if they were not there.
    pub fn read(parameter: Option<&Value>) -> Option<Self> {
        match parameter {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if text.is_empty() || text == "0" => None,
            Some(Value::String(text)) => Some(Self::parse(text).unwrap_or_default()),
            Some(_) => Some(Self::default()),
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if text.len() > MAX_LENGTH || !text.chars().all(|c| word(c) || matches!(c, '[' | ']' | ',')) {
            return None;
        }
        let (mut open, mut current, mut name) = (Vec::new(), Fields::default(), String::new());
        for c in text.chars() {
            match c {
                '[' => {
                    if open.len() >= MAX_DEPTH {
                        return None;
                    }
                    open.push((std::mem::take(&mut current), std::mem::take(&mut name)));
                }
                ']' => {
                    current.keep(&mut name, None);
                    let (outer, above) = open.pop()?;
                    let inner = std::mem::replace(&mut current, outer);
                    let mut above = above;
                    if above.is_empty() {
                        current.0.extend(inner.0);
                    } else {
                        current.keep(&mut above, Some(inner));
                    }
                }
                ',' => current.keep(&mut name, None),
                c => name.push(c),
            }
        }
        current.keep(&mut name, None);
        open.is_empty().then_some(current)
    }

    /// Adds a name, if there is one. The last of two with one name counts.
    fn keep(&mut self, name: &mut String, below: Option<Fields>) {
        let name = std::mem::take(name);
        if !name.is_empty() {
            self.0.retain(|(other, _)| *other != name);
            self.0.push((name, below));
        }
    }

    /// What is kept of a value. A scalar stays as it is: there is nothing to choose from. An object of which nothing
    /// stays is an empty list, as PHP knows only one kind of empty array.
    pub fn of(&self, value: &Value) -> Value {
        match value {
            Value::Array(items) => items.iter().map(|item| self.of(item)).collect(),
            Value::Object(members) => {
                let kept = members.iter().filter_map(|(name, value)| Some((name.clone(), self.member(name, value)?)));
                let kept: Map<String, Value> = kept.collect();
                if kept.is_empty() { Value::Array(Vec::new()) } else { Value::Object(kept) }
            }
            scalar => scalar.clone(),
        }
    }

    fn member(&self, name: &str, value: &Value) -> Option<Value> {
        let (_, below) = self.0.iter().find(|(own, _)| own == name)?;
        Some(match below {
            None => value.clone(),
            Some(below) if name == "custom_attributes" => below.attributes(value),
            Some(below) => below.of(value),
        })
    }

    /// Custom attributes are chosen by their code, or by what is shown of each.
    fn attributes(&self, value: &Value) -> Value {
        let Value::Array(items) = value else { return value.clone() };
        let named = |item: &Value| item["attribute_code"].as_str().is_some_and(|code| self.0.iter().any(|(own, _)| own == code));
        let kept = items.iter().map(|item| if named(item) { item.clone() } else { self.of(item) });
        kept.filter(|item| item.as_array().is_none_or(|nothing| !nothing.is_empty())).collect()
    }
}
