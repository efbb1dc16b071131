//! Typed reading over TOML with places: every problem is noted where it stands, and reading goes on.

use crate::{
    Diagnostic, Diagnostics, Files, SourceFile,
    keys::{self, Table},
};
use std::{ops::Range, sync::Arc, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub(crate) type Span = Range<usize>;

/// What reading needs: the file, the environment, other files, and a place for problems.
pub(crate) struct Reader<'a> {
    pub(crate) file: Arc<SourceFile>,
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
    pub(crate) files: &'a mut Files,
    pub(crate) out: &'a mut Diagnostics,
}

/// One table of the file, its keys known to be known.
#[derive(Clone)]
pub(crate) struct Section<'d> {
    pub(crate) table: &'static Table,
    /// `None` when the table is absent.
    content: Option<&'d DeTable<'d>>,
    /// Its header.
    pub(crate) span: Span,
}

/// A string, and where it came from.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    pub(crate) value: String,
    pub(crate) span: Span,
    /// The variable or file that it came from; such a value is never shown.
    origin: Option<String>,
}

impl Text {
    /// How a message names it: as written, or by where it came from.
    pub(crate) fn shown(&self) -> String {
        self.origin.clone().unwrap_or_else(|| format!("\"{}\"", self.value))
    }

    /// Whether the value stands in the file itself, so that messages may repeat it.
    pub(crate) fn is_literal(&self) -> bool {
        self.origin.is_none()
    }

    /// Where bytes of the value stand in the file; the whole string when that cannot be said.
    pub(crate) fn part(&self, file: &SourceFile, part: Span) -> Span {
        let inner = self.span.start + 1;
        let written = file.text.get(inner..inner + self.value.len());
        // Escapes and quotes of another length make the two differ.
        if self.is_literal() && written == Some(&self.value) && self.span.len() == self.value.len() + 2 {
            inner + part.start..inner + part.end
        } else {
            self.span.clone()
        }
    }
}

impl<'d> Section<'d> {
    pub(crate) fn value(&self, key: &str) -> Option<&'d Spanned<DeValue<'d>>> {
        debug_assert!(self.table.key(key).is_some(), "{key} is missing in the table of keys");
        self.content?.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// The place of a key's value, or the header where it is absent.
    pub(crate) fn place(&self, key: &str) -> Span {
        self.value(key).map_or_else(|| self.span.clone(), |value| value.span())
    }
}

impl<'a> Reader<'a> {
    pub(crate) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.note(span, message, None);
    }

    pub(crate) fn error_with(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.note(span, message, Some(hint.into()));
    }

    fn note(&mut self, span: Span, message: impl Into<String>, hint: Option<String>) {
        let diagnostic = Diagnostic::error(&self.file, span, message);
        self.out.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }

    pub(crate) fn warn(&mut self, span: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.out.push(Diagnostic::warning(&self.file, span, message).hint(hint));
    }

    /// The one table `[name]` of `parent`; an empty one when it is absent or no table.
    pub(crate) fn section<'d>(&mut self, parent: Option<&'d DeTable<'d>>, name: &'static str) -> Section<'d> {
        let absent = |table| Section { table, content: None, span: 0..0 };
        let table = keys::table(name);
        let last = name.rsplit('.').next().unwrap_or(name);
        let Some(value) = parent.and_then(|parent| parent.iter().find(|(key, _)| key.get_ref() == last)).map(|(_, v)| v) else {
            return absent(table);
        };
        match value.get_ref() {
            DeValue::Table(content) => self.open(table, content, value.span()),
            other => {
                let hint = format!("write {}", table.header());
                self.error_with(value.span(), format!("`{name}` must be a table, found {}", noun(other)), hint);
                absent(table)
            }
        }
    }

    /// The tables `[[name]]` of `parent`.
    pub(crate) fn sections<'d>(&mut self, parent: &'d DeTable<'d>, name: &'static str) -> Vec<Section<'d>> {
        let table = keys::table(name);
        let last = name.rsplit('.').next().unwrap_or(name);
        let Some((_, value)) = parent.iter().find(|(key, _)| key.get_ref() == last) else { return Vec::new() };
        let hint = format!("write {} before each one", table.header());
        let DeValue::Array(items) = value.get_ref() else {
            self.error_with(value.span(), format!("`{name}` must be a list of tables, found {}", noun(value.get_ref())), hint);
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref() {
                DeValue::Table(content) => sections.push(self.open(table, content, item.span())),
                other => self.error_with(item.span(), format!("expected a table, found {}", noun(other)), hint.clone()),
            }
        }
        sections
    }

    /// The top of the file: only tables stand there.
    pub(crate) fn check_top(&mut self, root: &DeTable<'_>) {
        for (key, _) in root.iter() {
            let name: &str = key.get_ref();
            if keys::tables().any(|table| table.name == name) {
                continue;
            }
            let hint = crate::hints::for_table(name);
            self.note(key.span(), format!("unknown table or key `{name}`"), hint);
        }
    }

    fn open<'d>(&mut self, table: &'static Table, content: &'d DeTable<'d>, span: Span) -> Section<'d> {
        for (key, _) in content.iter() {
            let name: &str = key.get_ref();
            if table.key(name).is_some() {
                continue;
            }
            let hint = crate::hints::for_key(table, name);
            self.note(key.span(), format!("unknown key `{name}` in {}", table.header()), hint);
        }
        Section { table, content: Some(content), span }
    }

    /// The content of a section, for tables below it.
    pub(crate) fn content<'d>(section: &Section<'d>) -> Option<&'d DeTable<'d>> {
        section.content
    }

    fn wrong_type(&mut self, section: &Section<'_>, key: &str, value: &Spanned<DeValue<'_>>) {
        let expected = section.table.key(key).map_or("something else", |key| key.kind);
        self.error(value.span(), format!("`{key}` must be {expected}, found {}", noun(value.get_ref())));
    }

    /// A string, `${ENV}` filled in.
    pub(crate) fn text(&mut self, section: &Section<'_>, key: &str) -> Option<Text> {
        let value = section.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => self.resolve(text, value.span()),
            _ => {
                self.wrong_type(section, key, value);
                None
            }
        }
    }

    /// A string that must be there.
    pub(crate) fn required(&mut self, section: &Section<'_>, key: &str) -> Option<Text> {
        if !section.has(key) {
            let hint = section.table.key(key).map(|key| key.doc).unwrap_or_default();
            self.error_with(
                section.span.clone(),
                format!("{} needs `{key}`", section.table.header()),
                format!("`{key}`: {hint}"),
            );
        }
        self.text(section, key)
    }

    /// A string or a list of strings; `None` when absent. Items that are no strings are noted and left out.
    pub(crate) fn texts(&mut self, section: &Section<'_>, key: &str) -> Option<Vec<Text>> {
        let value = section.value(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(self.resolve(text, value.span()).into_iter().collect()),
            DeValue::Array(items) => {
                let mut texts = Vec::new();
                for item in items.iter() {
                    match item.get_ref() {
                        DeValue::String(text) => texts.extend(self.resolve(text, item.span())),
                        _ => self.wrong_type(section, key, item),
                    }
                }
                Some(texts)
            }
            _ => {
                self.wrong_type(section, key, value);
                None
            }
        }
    }

    /// The strings that a value of the table `key` is, one or a list of them; what is none is noted and left out.
    pub(crate) fn texts_of(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Vec<Text> {
        let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => texts.extend(self.resolve(text, item.span())),
                other => {
                    let message = format!("`{key}` holds strings and lists of strings, found {}", noun(other));
                    self.error(item.span(), message);
                }
            }
        }
        texts
    }

    /// The names and strings of a table that is a value; what is no string is noted and left out.
    pub(crate) fn pairs(&mut self, section: &Section<'_>, key: &str) -> Option<Vec<(Text, Text)>> {
        let value = section.value(key)?;
        let DeValue::Table(content) = value.get_ref() else {
            self.wrong_type(section, key, value);
            return None;
        };
        if content.is_empty() {
            self.error(value.span(), format!("`{key}` names nothing"));
        }
        let mut pairs = Vec::new();
        for (name, value) in content.iter() {
            let name = Text { value: name.get_ref().to_string(), span: name.span(), origin: None };
            match value.get_ref() {
                DeValue::String(text) => pairs.extend(self.resolve(text, value.span()).map(|text| (name, text))),
                other => {
                    let message = format!("`{key}` holds strings, found {}", noun(other));
                    self.error(value.span(), message);
                }
            }
        }
        Some(pairs)
    }

    /// As [`Reader::texts`]; an empty list is an error, since leaving the key out means something else than 'none'.
    pub(crate) fn some_texts(&mut self, section: &Section<'_>, key: &str) -> Option<Vec<Text>> {
        let value = section.value(key)?;
        if value.get_ref().as_array().is_some_and(|items| items.iter().next().is_none()) {
            let default = section.table.key(key).map(|key| key.default).unwrap_or_default();
            self.error_with(value.span(), format!("`{key}` names nothing"), format!("without the key it is: {default}"));
        }
        self.texts(section, key)
    }

    /// A secret: a string that may also be `file:PATH`, the first line of that file.
    pub(crate) fn secret(&mut self, section: &Section<'_>, key: &str) -> Option<Text> {
        let text = self.text(section, key)?;
        self.opened(text)
    }

    /// As [`Reader::texts`], each of them a secret.
    pub(crate) fn secrets(&mut self, section: &Section<'_>, key: &str) -> Option<Vec<Text>> {
        let texts = self.texts(section, key)?;
        Some(texts.into_iter().filter_map(|text| self.opened(text)).collect())
    }

    /// The first line of the file where a text names one.
    fn opened(&mut self, text: Text) -> Option<Text> {
        let Some(path) = text.value.strip_prefix("file:") else { return Some(text) };
        match self.files.read(path) {
            Ok(file) => {
                let value = file.text.lines().next().unwrap_or("").trim_end().to_owned();
                let origin = Some(if text.is_literal() { format!("the value in `{path}`") } else { "the value".into() });
                Some(Text { value, span: text.span, origin })
            }
            Err(error) => {
                let message = if text.is_literal() { error.to_string() } else { "the file that it names cannot be read".into() };
                self.error(text.span, message);
                None
            }
        }
    }

    /// `true` or `false`; `default` when absent or wrong.
    pub(crate) fn flag(&mut self, section: &Section<'_>, key: &str, default: bool) -> bool {
        let Some(value) = section.value(key) else { return default };
        value.get_ref().as_bool().unwrap_or_else(|| {
            self.wrong_type(section, key, value);
            default
        })
    }

    /// A duration; `default` when absent or wrong.
    pub(crate) fn duration(&mut self, section: &Section<'_>, key: &str, default: Duration) -> Duration {
        self.optional_duration(section, key).unwrap_or(default)
    }

    pub(crate) fn optional_duration(&mut self, section: &Section<'_>, key: &str) -> Option<Duration> {
        if let Some(value) = section.value(key)
            && let DeValue::Integer(number) = value.get_ref()
        {
            let hint = format!("did you mean \"{number}s\"?");
            self.error_with(
                value.span(),
                format!("`{key}` must be a duration such as \"30m\", found a number without a unit"),
                hint,
            );
            return None;
        }
        let text = self.text(section, key)?;
        self.parsed(&text, crate::units::duration)
    }

    /// A whole number of at least `least`; `default` when absent or wrong.
    pub(crate) fn count<N: TryFrom<u64> + Copy>(&mut self, section: &Section<'_>, key: &str, least: u64, default: N) -> N {
        let Some(value) = section.value(key) else { return default };
        let number = match value.get_ref() {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            // Only strings come from the environment.
            DeValue::String(text) if text.starts_with("${") => match self.resolve(text, value.span()) {
                Some(text) => text.value.trim().parse().ok(),
                None => return default,
            },
            _ => {
                self.wrong_type(section, key, value);
                return default;
            }
        };
        match number.filter(|number| *number >= least).and_then(|number| N::try_from(number).ok()) {
            Some(number) => number,
            None => {
                self.error(
                    value.span(),
                    format!("`{key}` must be a whole number of at least {least} that is not absurdly large"),
                );
                default
            }
        }
    }

    /// A list of whole numbers of at least `least`, without an empty one; `default` when absent or wrong.
    pub(crate) fn counts(&mut self, section: &Section<'_>, key: &str, least: u32, default: &[u32]) -> Vec<u32> {
        let Some(value) = section.value(key) else { return default.to_vec() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong_type(section, key, value);
            return default.to_vec();
        };
        if items.iter().next().is_none() {
            self.error(value.span(), format!("`{key}` names nothing"));
        }
        let mut numbers = Vec::new();
        for item in items.iter() {
            let number = item.get_ref().as_integer().and_then(|n| u32::from_str_radix(n.as_str(), n.radix()).ok());
            match number.filter(|number| *number >= least) {
                Some(number) => numbers.push(number),
                None => self.wrong_type(section, key, item),
            }
        }
        if numbers.is_empty() { default.to_vec() } else { numbers }
    }

    /// A number of bytes, `None` for `unlimited`; `default` when absent or wrong.
    pub(crate) fn size(&mut self, section: &Section<'_>, key: &str, default: u64) -> Option<u64> {
        let Some(value) = section.value(key) else { return Some(default) };
        if let DeValue::Integer(_) = value.get_ref() {
            return Some(self.count(section, key, 1, default));
        }
        let endless = section.table.key(key).is_some_and(|key| key.kind.contains("unlimited"));
        let Some(text) = self.text(section, key) else { return Some(default) };
        if endless && text.value == "unlimited" {
            return None;
        }
        Some(self.parsed(&text, crate::units::size).unwrap_or(default))
    }

    /// One of several words; `default` when absent or wrong.
    pub(crate) fn word<T: Copy>(&mut self, section: &Section<'_>, key: &str, words: &[(&str, T)], default: T) -> T {
        self.optional_word(section, key, words).unwrap_or(default)
    }

    pub(crate) fn optional_word<T: Copy>(&mut self, section: &Section<'_>, key: &str, words: &[(&str, T)]) -> Option<T> {
        let text = self.text(section, key)?;
        self.one_of(key, &text, words)
    }

    /// The meaning of a word, or an error that lists the words there are.
    pub(crate) fn one_of<T: Copy>(&mut self, key: &str, text: &Text, words: &[(&str, T)]) -> Option<T> {
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(*meaning);
        }
        let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let nearest = if text.is_literal() { crate::hints::nearest(&text.value, names.iter().copied()) } else { None };
        let message = format!("`{key}` must be {}, found {}", crate::hints::either(&names), text.shown());
        self.note(text.span.clone(), message, nearest.map(|word| format!("did you mean \"{word}\"?")));
        None
    }

    /// A text through a parser whose error continues the text: `is no address`.
    pub(crate) fn parsed<T>(&mut self, text: &Text, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(&text.value) {
            Ok(value) => Some(value),
            Err(why) => {
                let (why, hint) = why.split_once('\n').map_or((&*why, None), |(why, hint)| (why, Some(hint.to_owned())));
                // Hints may repeat parts of the value.
                self.note(text.span.clone(), format!("{} {why}", text.shown()), hint.filter(|_| text.is_literal()));
                None
            }
        }
    }

    /// Fills in `${ENV_NAME}`.
    fn resolve(&mut self, text: &str, span: Span) -> Option<Text> {
        let Some(name) = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).filter(|name| is_name(name)) else {
            if holds_variable(text) {
                let hint = "a variable must be the whole string: \"${NAME}\"";
                self.error_with(span, "a variable inside a longer string is not filled in", hint);
                return None;
            }
            return Some(Text { value: text.to_owned(), span, origin: None });
        };
        match (self.env)(name) {
            Some(value) => Some(Text { value, span, origin: Some(format!("the value of `${{{name}}}`")) }),
            None => {
                self.error_with(
                    span,
                    format!("the environment has no `{name}`"),
                    format!("set {name} before starting, or write the value here"),
                );
                None
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn holds_variable(text: &str) -> bool {
    text.match_indices("${").any(|(at, _)| text[at + 2..].split_once('}').is_some_and(|(name, _)| is_name(name)))
}

/// What a value is, with its article.
fn noun(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
