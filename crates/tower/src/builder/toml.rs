//! Writing TOML: what the builder was told, in the words of the configuration.

use std::{
    fmt::{self, Write as _},
    time::Duration,
};

/// Text that is being written.
#[derive(Clone, Default)]
pub(super) struct Toml(String);

impl Toml {
    /// Writes `[name]` and its keys, if there are any.
    pub(super) fn table(&mut self, name: &str, keys: &Keys) {
        if !keys.is_empty() {
            self.line(format_args!("[{name}]"));
            self.keys(keys);
        }
    }

    /// Writes another `[[name]]` and its keys.
    pub(super) fn entry(&mut self, name: &str, keys: &Keys) {
        self.line(format_args!("[[{name}]]"));
        self.keys(keys);
    }

    /// Text that is TOML already.
    pub(super) fn raw(&mut self, text: &str) {
        match text.trim_end() {
            "" => {}
            text => self.line(format_args!("{text}")),
        }
    }

    /// All of it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn keys(&mut self, keys: &Keys) {
        for (key, value) in &keys.known {
            match value {
                Value::Text(text) => self.line(format_args!("{key} = {}", quoted(text))),
                Value::List(texts) => {
                    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                    self.line(format_args!("{key} = [{}]", texts.join(", ")));
                }
                Value::Flag(flag) => self.line(format_args!("{key} = {flag}")),
            }
        }
        self.raw(&keys.further);
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
    }
}

/// Without what it says, which may be a secret.
impl fmt::Debug for Toml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Toml({} bytes)", self.0.len())
    }
}

/// The keys of a table in the order in which they were first said. Said again, a key has the new value.
#[derive(Clone, Default)]
pub(super) struct Keys {
    known: Vec<(&'static str, Value)>,
    further: String,
}

#[derive(Clone)]
enum Value {
    Text(String),
    List(Vec<String>),
    Flag(bool),
}

impl Keys {
    /// `key = "text"`.
    pub(super) fn text(&mut self, key: &'static str, text: &str) {
        *self.at(key) = Value::Text(text.to_owned());
    }

    /// `key = ["a", "b"]`.
    pub(super) fn list<'t>(&mut self, key: &'static str, texts: impl IntoIterator<Item = &'t str>) {
        *self.at(key) = Value::List(texts.into_iter().map(str::to_owned).collect());
    }

    /// One more of a list.
    pub(super) fn push(&mut self, key: &'static str, text: &str) {
        match self.at(key) {
            Value::List(texts) => texts.push(text.to_owned()),
            other => *other = Value::List(vec![text.to_owned()]),
        }
    }

    /// `key = true`.
    pub(super) fn flag(&mut self, key: &'static str, flag: bool) {
        *self.at(key) = Value::Flag(flag);
    }

    /// `key = "90s"`.
    pub(super) fn time(&mut self, key: &'static str, time: Duration) {
        *self.at(key) = Value::Text(format!("{}s", time.as_secs()));
    }

    /// Keys in the words of the configuration.
    pub(super) fn raw(&mut self, text: &str) {
        self.further.push_str(text.trim_end());
        self.further.push('\n');
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty() && self.further.is_empty()
    }

    fn at(&mut self, key: &'static str) -> &mut Value {
        let place = self.known.iter().position(|(known, _)| *known == key).unwrap_or(self.known.len());
        if place == self.known.len() {
            self.known.push((key, Value::Flag(false)));
        }
        &mut self.known[place].1
    }
}

/// Without what they say, which may be a secret.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.known.iter().map(|(key, _)| key)).finish()
    }
}

/// A basic string (TOML 1.0, String).
fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_what_it_is() {
        assert_eq!(quoted("a\"b\\c\n\u{7f}é"), r#""a\"b\\c\u000A\u007Fé""#);
        let mut keys = Keys::default();
        keys.text("a", "]\nb = 1");
        keys.list("e", ["f", "g"]);
        let mut toml = Toml::default();
        toml.table("nothing", &Keys::default());
        toml.table("x", &keys);
        assert_eq!(toml.as_str(), "[x]\na = \"]\\u000Ab = 1\"\ne = [\"f\", \"g\"]\n");
    }

    #[test]
    fn what_is_said_again_has_the_new_value() {
        let mut keys = Keys::default();
        keys.text("a", "1");
        keys.push("b", "2");
        keys.time("c", Duration::from_secs(90));
        keys.text("a", "3");
        keys.push("b", "4");
        keys.flag("d", true);
        keys.raw("e = 1\n");
        let mut toml = Toml::default();
        toml.entry("x", &keys);
        assert_eq!(toml.as_str(), "[[x]]\na = \"3\"\nb = [\"2\", \"4\"]\nc = \"90s\"\nd = true\ne = 1\n");
    }
}
