//! Where one field comes from.

use crate::{
    Flaw,
    record::{Record, text_of},
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Where one field comes from: a column, or a table that says more.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged, expecting = "expected the name of a column, or a table such as { column = \"NAME\", prefix = \"TEXT\" }")]
pub(crate) enum Expression {
    Column(String),
    Table(Box<Steps>),
}

/// One of `column`, `first`, `constant`, `template` or `by` with `cases`; then what is done to it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Steps {
    /// A column.
    column: Option<String>,
    /// The first of these columns that holds something.
    first: Vec<String>,
    /// Always this.
    constant: Option<String>,
    /// `${column}` is filled in.
    template: Option<String>,
    /// The column that says which of `cases` it is.
    by: Option<String>,
    /// Templates by the text of the column `by`.
    cases: BTreeMap<String, String>,
    /// Whether the column may be missing.
    optional: bool,
    /// Put before what is there.
    prefix: Option<String>,
    /// Other words for words.
    map: BTreeMap<String, String>,
    /// What stands there instead of nothing.
    default: Option<String>,
    /// What separates items of a list.
    separator: Option<String>,
    /// Items of a list that do not count.
    drop: Vec<String>,
    /// A number, in the profile.
    number: bool,
    /// Keycloak's list of credentials.
    pub(crate) keycloak: bool,
}

/// What `--set NAME=VALUE` said.
pub(crate) type Variables = HashMap<String, String>;

impl Expression {
    fn steps(&self) -> Option<&Steps> {
        match self {
            Expression::Column(_) => None,
            Expression::Table(steps) => Some(steps),
        }
    }

    /// The value as it stands in the row, before it becomes text.
    pub(crate) fn value<'r>(&self, record: &'r Record) -> Option<&'r Value> {
        match self {
            Expression::Column(name) => record.get(name),
            Expression::Table(steps) => {
                let column = steps.column.as_deref().and_then(|name| record.get(name));
                column.or_else(|| steps.first.iter().find_map(|name| record.get(name)))
            }
        }
    }

    /// One text; `None` where there is nothing.
    pub(crate) fn text(&self, record: &Record, variables: &Variables) -> Result<Option<String>, Flaw> {
        let Some(steps) = self.steps() else { return Ok(self.value(record).and_then(text_of)) };
        let found = if let Some(constant) = &steps.constant {
            Some(constant.clone())
        } else if let Some(template) = &steps.template {
            fill(template, record, variables)?
        } else if let Some(by) = &steps.by {
            let case = record.get(by).and_then(text_of);
            let template = match case.as_deref() {
                None => return Ok(steps.default.clone()),
                Some(case) => steps.cases.get(case).ok_or_else(|| format!("{by} is {case:?}, for which there is no case"))?,
            };
            fill(template, record, variables)?
        } else {
            self.value(record).and_then(text_of)
        };
        let mapped = found.map(|text| steps.map.get(&text).cloned().unwrap_or(text)).filter(|text| !text.is_empty());
        let prefixed = mapped.map(|text| match &steps.prefix {
            Some(prefix) => format!("{prefix}{text}"),
            None => text,
        });
        Ok(prefixed.or_else(|| steps.default.clone()))
    }

    /// A list of texts: items of a list, of a JSON list in a text, or of a text that is separated.
    pub(crate) fn list(&self, record: &Record, variables: &Variables) -> Result<Vec<String>, Flaw> {
        let steps = self.steps();
        let plain = steps.is_none_or(|steps| steps.constant.is_none() && steps.template.is_none() && steps.by.is_none());
        let items = match self.value(record).filter(|_| plain) {
            Some(Value::Array(items)) => items.iter().filter_map(text_of).collect(),
            _ => {
                let text = self.text(record, variables)?.unwrap_or_default();
                match serde_json::from_str::<Vec<String>>(&text) {
                    Ok(items) => items,
                    Err(_) => php_list(&text).unwrap_or_else(|| self.split(&text)),
                }
            }
        };
        let Some(steps) = steps else { return Ok(items) };
        let items = items.into_iter().filter(|item| !steps.drop.contains(item));
        Ok(items.map(|item| steps.map.get(&item).cloned().unwrap_or(item)).filter(|item| !item.is_empty()).collect())
    }

    fn split(&self, text: &str) -> Vec<String> {
        let trimmed =
            |items: std::str::Split<'_, &str>| items.map(str::trim).filter(|i| !i.is_empty()).map(str::to_owned).collect();
        match self.steps().and_then(|steps| steps.separator.as_deref()) {
            Some(separator) => trimmed(text.split(separator)),
            None => text.split_whitespace().map(str::to_owned).collect(),
        }
    }

    /// A value for the profile: a number where that was asked for and is one.
    pub(crate) fn profile_value(&self, record: &Record, variables: &Variables) -> Result<Option<Value>, Flaw> {
        let text = self.text(record, variables)?;
        let number = self.steps().is_some_and(|steps| steps.number);
        Ok(text.map(|text| match text.parse::<i64>() {
            Ok(value) if number => value.into(),
            _ => text.into(),
        }))
    }

    /// The columns that must be there.
    pub(crate) fn needs(&self) -> impl Iterator<Item = &str> {
        let column = match self {
            Expression::Column(name) => Some(name),
            Expression::Table(steps) => steps.column.as_ref().or(steps.by.as_ref()).filter(|_| !steps.optional),
        };
        column.map(String::as_str).into_iter()
    }

    /// Whether it reads a column.
    pub(crate) fn names(&self, column: &str) -> bool {
        match self {
            Expression::Column(name) => name == column,
            Expression::Table(steps) => steps.column.as_deref() == Some(column) || steps.first.iter().any(|name| name == column),
        }
    }
}

/// Fills in each `${name}`: a column or a variable. `None` where a column holds nothing.
fn fill(template: &str, record: &Record, variables: &Variables) -> Result<Option<String>, Flaw> {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let (name, after) = after.split_once('}').ok_or("a template of the mapping has a `${` without its `}`")?;
        match variables.get(name) {
            Some(value) => text.push_str(value),
            None => match record.get(name).and_then(text_of) {
                Some(value) => text.push_str(&value),
                None if record.0.contains_key(name) => return Ok(None),
                None => return Err(format!("there is no column {name:?}; it can be given as --set {name}=VALUE")),
            },
        }
        rest = after;
    }
    text.push_str(rest);
    Ok(Some(text))
}

/// The texts of a list that PHP serialised: `a:1:{i:0;s:10:"ROLE_ADMIN";}`, and the keys of WordPress's
/// `a:1:{s:6:"editor";b:1;}`.
fn php_list(text: &str) -> Option<Vec<String>> {
    let (_, mut rest) = text.strip_prefix("a:")?.split_once(":{")?;
    let mut items = Vec::new();
    while let Some(at) = rest.find("s:") {
        let (length, after) = rest.get(at + 2..)?.split_once(":\"")?;
        let length: usize = length.parse().ok()?;
        items.push(after.get(..length)?.to_owned());
        rest = after.get(length..)?.strip_prefix("\";")?;
    }
    Some(items)
}
