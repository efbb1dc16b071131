//! Writing TOML: what the builder was told, in the words of the configuration.

use std::fmt::{self, Write as _};

/// Text that is being written.
#[derive(Clone, Default)]
pub(super) struct Toml(String);

/// Without what it says, which may be a secret.
impl fmt::Debug for Toml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Toml({} bytes)", self.0.len())
    }
}

impl Toml {
    /// Begins `[name]`.
    pub(super) fn table(&mut self, name: &str) -> &mut Self {
        self.line(format_args!("[{name}]"))
    }

    /// Begins another `[[name]]`.
    pub(super) fn entry(&mut self, name: &str) -> &mut Self {
        self.line(format_args!("[[{name}]]"))
    }

    /// `key = "text"`.
    pub(super) fn text(&mut self, key: &str, text: &str) -> &mut Self {
        self.line(format_args!("{key} = {}", quoted(text)))
    }

    /// `key = "text"`, if there is one.
    pub(super) fn some(&mut self, key: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(key, text),
            None => self,
        }
    }

    /// `key = ["a", "b"]`.
    pub(super) fn list(&mut self, key: &str, texts: &[String]) -> &mut Self {
        let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
        self.line(format_args!("{key} = [{}]", texts.join(", ")))
    }

    /// The same, unless it is empty.
    pub(super) fn some_list(&mut self, key: &str, texts: &[String]) -> &mut Self {
        if texts.is_empty() { self } else { self.list(key, texts) }
    }

    /// Text that is TOML already.
    pub(super) fn raw(&mut self, text: &str) -> &mut Self {
        self.line(format_args!("{}", text.trim_end()))
    }

    /// All of it.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    fn line(&mut self, line: fmt::Arguments<'_>) -> &mut Self {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "{line}");
        self
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
        let mut toml = Toml::default();
        toml.table("x").text("a", "]\nb = 1").some("c", None).some_list("d", &[]).list("e", &["f".into(), "g".into()]);
        assert_eq!(toml.as_str(), "[x]\na = \"]\\u000Ab = 1\"\ne = [\"f\", \"g\"]\n");
    }
}
