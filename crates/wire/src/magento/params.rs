//! The parameters of a service (magento-webapi 3.5).

use super::{Error, Values};
use http::Method;
use serde_json::Value;

/// The longest value that an error repeats, in characters.
const SHOWN: usize = 128;

/// Puts the parameters of a request together.
///
/// `path` are the variables of the route in its order, `query` what [`super::query`] read, `body` what [`super::body`]
/// read. GET and DELETE take path and query, of which the path wins; their body is ignored. POST and PUT put both over
/// the body. Before that, PUT writes the last of path and query into the body as the id of what it changes, unless that
/// is `me`: into the one object there is, where `setters` says that it has such a member (`("customer", "id")`),
/// otherwise beside it.
pub fn assemble(method: &Method, path: &[(String, String)], query: &Values, body: Values, setters: &[(&str, &str)]) -> Params {
    let mut given = Values::new();
    given.extend(path.iter().map(|(name, value)| (name.clone(), value.as_str().into())));
    for (name, value) in query {
        given.entry(name.clone()).or_insert_with(|| value.clone());
    }
    let mut values = match *method {
        Method::POST | Method::PUT => body,
        _ => Values::new(),
    };
    if *method == Method::PUT
        && let Some((name, value)) = given.iter().next_back()
        && value != "me"
    {
        put_id(&mut values, name, value, setters);
    }
    values.extend(given);
    Params { values, within: Vec::new() }
}

fn put_id(body: &mut Values, name: &str, value: &Value, setters: &[(&str, &str)]) {
    let (camel, snake) = (camel_case(name), snake_case(name));
    let only = if body.len() == 1 { body.iter_mut().next() } else { None };
    if let Some((data, Value::Object(members))) = only
        && setters.iter().any(|(of, member)| snake_case(of) == snake_case(data) && snake_case(member) == snake)
    {
        substitute(members, camel, snake, value);
    } else {
        substitute(body, camel, snake, value);
    }
}

fn substitute(members: &mut Values, camel: String, snake: String, value: &Value) {
    let key = if members.get(&camel).is_some_and(|value| !value.is_null()) { camel } else { snake };
    members.insert(key, value.clone());
}

/// Parameters, handed out by name and type. `null` counts as absent. Names are given in camelCase; the request may have
/// them in camelCase or snake_case, and camelCase counts first. In an object below the first level, where Magento looks
/// for setters, case and underscores make no difference, and the first of several spellings counts.
#[derive(Clone, PartialEq)]
pub struct Params {
    values: Values,
    within: Vec<String>,
}

/// Names alone: values may be passwords.
impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Params").field("names", &self.values.keys().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

impl Params {
    /// Parameters of the first level.
    pub fn new(values: Values) -> Self {
        Self { values, within: Vec::new() }
    }

    /// All of them, as they came.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The value of this name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entry(name).map(|(_, value)| value)
    }

    /// Sets a value, in the place of every spelling of its name.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let wanted = folded(name);
        self.values.retain(|key, _| folded(key) != wanted);
        self.values.insert(name.to_owned(), value.into());
    }

    /// # Errors
    /// All that are absent, together (magento-webapi 5.2).
    pub fn require(&self, names: &[&str]) -> Result<(), Error> {
        let absent = names.iter().filter(|name| self.get(name).is_none()).map(|name| Error::required(name));
        Error::aggregate(absent.collect()).map_or(Ok(()), Err)
    }

    /// Text; numbers and truths are written out as PHP does.
    ///
    /// # Errors
    /// 400 where it is absent, an object or a list.
    pub fn text(&self, name: &str) -> Result<String, Error> {
        self.optional_text(name)?.ok_or_else(|| Error::required(name))
    }

    /// The same where it may be absent.
    ///
    /// # Errors
    /// 400 where it is an object or a list.
    pub fn optional_text(&self, name: &str) -> Result<Option<String>, Error> {
        self.scalar(name, "string").map(|found| found.map(|(_, text)| text))
    }

    /// A whole number: a number, of which a fraction is cut off, or text that is one. What is too large is the largest.
    ///
    /// # Errors
    /// 400 where it is absent or no number.
    pub fn int(&self, name: &str) -> Result<i64, Error> {
        self.optional_int(name)?.ok_or_else(|| Error::required(name))
    }

    /// The same where it may be absent.
    ///
    /// # Errors
    /// 400 where it is no number.
    pub fn optional_int(&self, name: &str) -> Result<Option<i64>, Error> {
        let Some((key, text)) = self.scalar(name, "int")? else { return Ok(None) };
        let number = if self.get(name).is_some_and(Value::is_boolean) { None } else { whole(&text) };
        let shown: String = text.chars().take(SHOWN).collect();
        number.map(Some).ok_or_else(|| Error::wrong_type(&self.around(key), &shown, "int"))
    }

    /// A truth: `true`, `1`, `on` and `yes` are true, all else is false, as PHP filters it.
    ///
    /// # Errors
    /// 400 where it is absent, an object or a list.
    pub fn truth(&self, name: &str) -> Result<bool, Error> {
        self.optional_truth(name)?.ok_or_else(|| Error::required(name))
    }

    /// The same where it may be absent.
    ///
    /// # Errors
    /// 400 where it is an object or a list.
    pub fn optional_truth(&self, name: &str) -> Result<Option<bool>, Error> {
        let found = self.scalar(name, "bool")?;
        let is_true = |text: &str| ["1", "true", "on", "yes"].iter().any(|word| text.trim_ascii().eq_ignore_ascii_case(word));
        Ok(found.map(|(_, text)| is_true(&text)))
    }

    /// A data object. What is no object is one without members, as Magento has it.
    ///
    /// # Errors
    /// 400 where it is absent.
    pub fn object(&self, name: &str) -> Result<Params, Error> {
        self.optional_object(name).ok_or_else(|| Error::required(name))
    }

    /// The same where it may be absent.
    pub fn optional_object(&self, name: &str) -> Option<Params> {
        self.entry(name).map(|(key, value)| self.inner(key, value))
    }

    /// A list; `{"item": ..}` stands for one, as XML must write it, and a single scalar for a list of it.
    ///
    /// # Errors
    /// 400 where it is absent.
    pub fn list(&self, name: &str) -> Result<Vec<Value>, Error> {
        self.optional_list(name).ok_or_else(|| Error::required(name))
    }

    /// The same where it may be absent.
    pub fn optional_list(&self, name: &str) -> Option<Vec<Value>> {
        self.get(name).map(items)
    }

    /// A list of data objects.
    pub fn optional_objects(&self, name: &str) -> Option<Vec<Params>> {
        let (key, value) = self.entry(name)?;
        Some(items(value).iter().map(|item| self.inner(key, item)).collect())
    }

    /// The key under which a parameter came, and its value.
    fn entry(&self, name: &str) -> Option<(&str, &Value)> {
        let found = if self.within.is_empty() {
            let there = |key: &str| self.values.get_key_value(key).filter(|(_, value)| !value.is_null());
            there(name).or_else(|| there(&snake_case(name)))
        } else {
            let wanted = folded(name);
            self.values.iter().find(|(key, _)| folded(key) == wanted).filter(|(_, value)| !value.is_null())
        };
        found.map(|(key, value)| (key.as_str(), value))
    }

    fn inner(&self, key: &str, value: &Value) -> Params {
        let values = value.as_object().cloned().unwrap_or_default();
        Params { values, within: self.within.iter().cloned().chain([key.to_owned()]).collect() }
    }

    /// A scalar as text, with its key.
    fn scalar(&self, name: &str, wanted: &str) -> Result<Option<(&str, String)>, Error> {
        let Some((key, value)) = self.entry(name) else { return Ok(None) };
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => crate::json::number(number).to_uppercase(),
            Value::Bool(truth) => if *truth { "1" } else { "" }.to_owned(),
            Value::Null => return Ok(None),
            Value::Array(_) | Value::Object(_) => return Err(Error::wrong_type(&self.around(key), "array", wanted)),
        };
        Ok(Some((key, text)))
    }

    /// Where an error occurred: the member in its object. A parameter of the first level is in none, and of the
    /// objects around only those within another are named.
    fn around(&self, key: &str) -> Vec<String> {
        let inner = self.within.iter().skip(1).cloned();
        if self.within.is_empty() { Vec::new() } else { inner.chain([key.chars().take(SHOWN).collect()]).collect() }
    }
}

/// What a value stands for where a list is wanted.
fn items(value: &Value) -> Vec<Value> {
    let list = |value: &Value| match value {
        Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    };
    match value {
        Value::Object(members) => match members.get("item") {
            Some(item) if !item.is_null() => list(item),
            // Numbered members that do not begin at 0, as a query may have them.
            _ if members.keys().all(|key| key.bytes().all(|b| b.is_ascii_digit())) => members.values().cloned().collect(),
            _ => list(value),
        },
        value => list(value),
    }
}

/// What PHP takes for a number, as an integer.
fn whole(text: &str) -> Option<i64> {
    let text = text.trim_matches([' ', '\t', '\n', '\r', '\u{b}', '\u{c}']);
    if let Ok(number) = text.parse() {
        return Some(number);
    }
    let plain = |b: u8| b.is_ascii_digit() || b"+-.eE".contains(&b);
    let number: f64 = text.parse().ok().filter(|_| text.bytes().all(plain))?;
    // Saturates: what is too large is the largest.
    Some(number as i64)
}

/// `customerId` as `customer_id`.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `customer_id` as `customerId`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let mut out = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        out.extend(letters.next().map(|c| c.to_ascii_uppercase()));
        out.push_str(letters.as_str());
    }
    out
}

/// What is left of a name where case and underscores make no difference.
fn folded(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}
