//! What is wrong with a configuration, and where: for people (the line, the marked place, a hint) and as JSON.

use crate::{ReadError, SourceFile};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde::{Serialize, Serializer, ser::SerializeStruct};
use std::{fmt, ops::Range, sync::Arc};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can, but is probably not what was meant.
    Warning,
}

/// Where in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// These bytes of the text.
    Span(Range<usize>),
    /// This line, counted from 1.
    Line(u32),
    /// Nowhere in particular.
    File,
}

impl From<Range<usize>> for Place {
    fn from(span: Range<usize>) -> Self {
        Place::Span(span)
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    severity: Severity,
    file: Arc<SourceFile>,
    place: Place,
    message: String,
    label: Option<String>,
    hint: Option<String>,
}

impl Diagnostic {
    /// A problem that makes the configuration unusable. The message is one sentence without a full stop and must not
    /// repeat values that come from the environment or from a secret's file.
    pub fn error(file: &Arc<SourceFile>, place: impl Into<Place>, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, file, place.into(), message.into())
    }

    /// A problem that leaves the configuration usable.
    pub fn warning(file: &Arc<SourceFile>, place: impl Into<Place>, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, file, place.into(), message.into())
    }

    /// A file that could not be read.
    pub fn unreadable(error: &ReadError) -> Self {
        let file = Arc::new(SourceFile::new(Arc::clone(&error.name), ""));
        Self::new(Severity::Error, &file, Place::File, error.to_string())
    }

    fn new(severity: Severity, file: &Arc<SourceFile>, place: Place, message: String) -> Self {
        Self { severity, file: Arc::clone(file), place, message: without_userinfo(&message), label: None, hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(without_userinfo(&hint.into()));
        self
    }

    /// Adds a few words that stand at the marked place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(without_userinfo(&label.into()));
        self
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The file, as the configuration names it.
    pub fn file(&self) -> &str {
        &self.file.name
    }

    /// Line and column where it begins, counted from 1; `None` when it is about the file as a whole.
    pub fn position(&self) -> Option<(u32, u32)> {
        self.span().map(|span| self.file.position(span.start))
    }

    /// The marked bytes.
    fn span(&self) -> Option<Range<usize>> {
        let text = &self.file.text;
        match &self.place {
            Place::Span(span) => {
                let start = floor(text, span.start.min(text.len()));
                Some(start..ceil(text, span.end.clamp(start, text.len())))
            }
            Place::Line(line) => {
                let before = (line.max(&1) - 1) as usize;
                let start = text.split_inclusive('\n').take(before).map(str::len).sum::<usize>();
                let content = text[start..].lines().next().unwrap_or("");
                let indent = content.len() - content.trim_start().len();
                Some(start + indent..start + content.trim_end().len().max(indent))
            }
            Place::File => None,
        }
    }

    /// As people read it: message, `file:line:column`, the line with the place marked, and the hint.
    pub fn render(&self, style: Style) -> String {
        let level = match self.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let title = level.primary_title(self.message.as_str());
        let group = match self.span() {
            None => title.element(Origin::path(&*self.file.name)),
            Some(span) => {
                // Only the lines that are shown: rule files can be long and problems many.
                let text = &self.file.text;
                let from = text[..span.start].rfind('\n').map_or(0, |at| at + 1);
                let to = text[span.end..].find('\n').map_or(text.len(), |at| span.end + at);
                let mark = AnnotationKind::Primary.span(span.start - from..span.end - from).label(self.label.as_deref());
                title.element(
                    Snippet::source(without_userinfo(&text[from..to]))
                        .line_start(self.file.line(from) as usize)
                        .path(&*self.file.name)
                        .annotation(mark),
                )
            }
        };
        let mut groups: Vec<Group<'_>> = vec![group];
        groups.extend(self.hint.as_deref().map(|hint| Group::with_title(Level::HELP.secondary_title(hint))));
        let renderer = match style {
            Style::Plain => Renderer::plain(),
            Style::Coloured => Renderer::styled(),
        };
        renderer.render(&groups)
    }
}

/// One line, for logs: `file:line:column: message`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file.name)?;
        if let Some((line, column)) = self.position() {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// `severity`, `file`, `line`, `column`, `end_line`, `end_column` (behind the last character), `message`, `hint`.
impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let end = self.span().map(|span| self.file.position(span.end));
        let mut out = serializer.serialize_struct("Diagnostic", 8)?;
        out.serialize_field("severity", &self.severity)?;
        out.serialize_field("file", &*self.file.name)?;
        out.serialize_field("line", &self.position().map(|(line, _)| line))?;
        out.serialize_field("column", &self.position().map(|(_, column)| column))?;
        out.serialize_field("end_line", &end.map(|(line, _)| line))?;
        out.serialize_field("end_column", &end.map(|(_, column)| column))?;
        out.serialize_field("message", &self.message)?;
        out.serialize_field("hint", &self.hint)?;
        out.end()
    }
}

/// Whether the output may hold colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With ANSI escapes, for terminals.
    Coloured,
}

/// All problems that were found.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds a problem, once.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if !self.all.contains(&diagnostic) {
            self.all.push(diagnostic);
        }
    }

    /// Whether any of them is an error.
    pub fn has_errors(&self) -> bool {
        self.errors() > 0
    }

    /// How many errors there are.
    pub fn errors(&self) -> usize {
        self.all.iter().filter(|d| d.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.all.len() - self.errors()
    }

    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.all.iter()
    }

    /// Puts them in the order of a reader: file by file in the order of their first mention, from top to bottom.
    pub fn sort(&mut self) {
        self.sort_from("");
    }

    /// As [`Diagnostics::sort`], but the file `first` comes first.
    pub fn sort_from(&mut self, first: &str) {
        let mut files: Vec<Arc<str>> = vec![first.into()];
        for diagnostic in &self.all {
            if !files.contains(&diagnostic.file.name) {
                files.push(Arc::clone(&diagnostic.file.name));
            }
        }
        self.all.sort_by_key(|d| {
            let span = d.span();
            (files.iter().position(|name| *name == d.file.name), span.as_ref().map(|s| s.start), span.map(|s| s.end))
        });
    }

    /// As people read them, with an empty line between and after.
    pub fn render(&self, style: Style) -> String {
        self.all.iter().map(|diagnostic| diagnostic.render(style) + "\n\n").collect()
    }
}

/// Hides `user:password` of every URL in a text, byte for byte, so that places stay where they are. Diagnostics show
/// whole lines of a file, and this is the one secret that may stand in one.
fn without_userinfo(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (head, tail) = rest.split_at(at + 3);
        out.push_str(head);
        // A password may hold a slash or a space that should have been escaped: everything up to the line's or the
        // string's last `@` is hidden.
        let end = tail.find(['"', '\'', '\n', '`']).unwrap_or(tail.len());
        let secret = tail[..end].rfind('@').unwrap_or(0);
        out.extend(std::iter::repeat_n('*', secret));
        rest = &tail[secret..];
    }
    out.push_str(rest);
    out
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn ceil(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at += 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Arc<SourceFile> {
        Arc::new(SourceFile::new("doorward.toml", "[server]\n  lisen = 1\nurl = \"http://bob:s3cret@host/\"\n"))
    }

    #[test]
    fn shows_the_line_the_place_and_the_hint() {
        let diagnostic = Diagnostic::error(&file(), 11..16, "unknown key `lisen`").hint("did you mean `listen`?");
        let expected = "error: unknown key `lisen`\n --> doorward.toml:2:3\n  |\n2 |   lisen = 1\n  |   ^^^^^\n  |\nhelp: did you mean `listen`?";
        assert_eq!(diagnostic.render(Style::Plain), expected);
        assert_eq!(diagnostic.to_string(), "doorward.toml:2:3: unknown key `lisen`");
    }

    #[test]
    fn marks_a_whole_line_without_its_indent() {
        let text = Diagnostic::warning(&file(), Place::Line(2), "odd").render(Style::Plain);
        assert!(text.contains("doorward.toml:2:3") && text.contains("|   ^^^^^^^^^"), "{text}");
    }

    #[test]
    fn a_place_outside_the_text_is_its_end() {
        for place in [Place::Span(900..901), Place::Line(77)] {
            assert_eq!(Diagnostic::error(&file(), place, "x").position(), Some((4, 1)));
        }
    }

    #[test]
    fn a_place_inside_a_character_is_all_of_it() {
        let file = Arc::new(SourceFile::new("x", "aéb"));
        let text = Diagnostic::error(&file, 2..2, "odd").render(Style::Plain);
        assert!(text.contains("x:1:2") && text.contains("|  ^"), "{text}");
    }

    #[test]
    fn hides_passwords_in_urls_wherever_they_are_shown() {
        let diagnostic =
            Diagnostic::error(&file(), Place::Line(3), "bad url `http://bob:s3cret@host/`").hint("http://a:s3cret@b");
        let text = diagnostic.render(Style::Plain);
        assert!(!text.contains("s3cret") && !text.contains("bob"), "{text}");
        assert!(text.contains("url = \"http://**********@host/\""), "{text}");
        assert!(!serde_json::to_string(&diagnostic).unwrap().contains("s3cret"));
        assert_eq!(without_userinfo("x://p/a@ss wo@h \"y@z\" http://h"), "x://*********@h \"y@z\" http://h");
    }

    #[test]
    fn says_the_same_as_json() {
        let diagnostic = Diagnostic::error(&file(), 11..16, "unknown key").hint("try another");
        let expected = serde_json::json!({
            "severity": "error", "file": "doorward.toml", "line": 2, "column": 3, "end_line": 2, "end_column": 8,
            "message": "unknown key", "hint": "try another",
        });
        assert_eq!(serde_json::to_value(&diagnostic).unwrap(), expected);
    }

    #[test]
    fn sorts_by_file_and_place_and_says_nothing_twice() {
        let (a, b) = (file(), Arc::new(SourceFile::new("other.xml", "x\n")));
        let mut all = Diagnostics::default();
        for diagnostic in [
            Diagnostic::warning(&b, 0..1, "third"),
            Diagnostic::error(&a, 11..16, "second"),
            Diagnostic::error(&a, 1..2, "first"),
            Diagnostic::error(&a, 1..2, "first"),
        ] {
            all.push(diagnostic);
        }
        all.sort_from("doorward.toml");
        assert_eq!(all.iter().map(Diagnostic::message).collect::<Vec<_>>(), ["first", "second", "third"]);
        assert_eq!((all.errors(), all.warnings()), (2, 1));
    }
}
