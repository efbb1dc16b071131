//! Regular expressions of firewalls and access control, and what can be said of them without a request.

use crate::reader::{Reader, Section, Text};
use doorward_core::cors::is_origin;
use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Hir, HirKind, Look};

/// A compiled pattern may take so many bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// A pattern may be so deep.
const NEST_LIMIT: u32 = 100;

/// A pattern on canonical paths; unanchored, as Symfony has it (ibexa-rest 9).
pub(crate) fn path(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Regex> {
    let text = r.text(section, "path")?;
    compile(r, &text, false)
}

/// A pattern on hosts: without port and trailing dot, whatever the case.
pub(crate) fn host(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Regex> {
    let text = r.text(section, "host")?;
    compile(r, &text, true)
}

/// A pattern on whole origins: what it matches has nothing before or behind it.
pub(crate) fn origin(r: &mut Reader<'_>, text: &Text) -> Option<Regex> {
    compile(r, text, false)?;
    // It compiled as it stands, so that what is around it changes nothing but where it begins and ends; a comment would swallow it.
    let whole = RegexBuilder::new(&format!(r"\A(?:{})\z", text.value)).size_limit(SIZE_LIMIT).nest_limit(NEST_LIMIT + 2).build();
    if whole.is_err() {
        r.error(text.span.clone(), "this cannot be bound to both ends of an origin: drop comments, and what makes it large");
    }
    whole.ok()
}

/// A host of somebody else's that matches because it ends in the same letters: `https://.*example\.com`.
pub(crate) fn lookalike(pattern: &Regex) -> Option<String> {
    let origins = samples(pattern).into_iter().filter(|sample| is_origin(sample));
    let mut others = origins.filter_map(|origin| {
        let (scheme, host) = origin.split_once("://")?;
        let mut labels = host.rsplitn(3, '.');
        let (last, first) = (labels.next()?, labels.next()?);
        // Whatever is below `localhost` is this machine.
        let own = !last.starts_with("localhost") && !last.starts_with(|c: char| c.is_ascii_digit());
        own.then(|| format!("{scheme}://nobody{first}.{last}"))
    });
    others.find(|other| is_origin(other) && pattern.is_match(other))
}

/// Whether a pattern has a `.` that stands for one character, where a dot was surely meant.
pub(crate) fn has_bare_dot(pattern: &str) -> bool {
    let mut rest = pattern.chars().peekable();
    let mut class = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            '[' => class = true,
            ']' => class = false,
            '.' if !class && !rest.peek().is_some_and(|next| "*+?{".contains(*next)) => return true,
            _ => {}
        }
    }
    false
}

/// Whether it is bound to both ends of what it matches.
pub(crate) fn is_anchored(pattern: &Regex) -> bool {
    let Ok(hir) = regex_syntax::parse(pattern.as_str()) else { return false };
    let properties = hir.properties();
    properties.look_set_prefix().contains(Look::Start) && properties.look_set_suffix().contains(Look::End)
}

/// Whether it matches at the beginning alone.
pub(crate) fn begins_at_start(pattern: &Regex) -> bool {
    regex_syntax::parse(pattern.as_str()).is_ok_and(|hir| hir.properties().look_set_prefix().contains(Look::Start))
}

pub(crate) fn compile(r: &mut Reader<'_>, text: &Text, any_case: bool) -> Option<Regex> {
    let parsed = regex_syntax::ParserBuilder::new().nest_limit(NEST_LIMIT).case_insensitive(any_case).build().parse(&text.value);
    if let Err(error) = parsed {
        let (span, why) = match &error {
            regex_syntax::Error::Parse(e) => (Some(e.span()), e.kind().to_string()),
            regex_syntax::Error::Translate(e) => (Some(e.span()), e.kind().to_string()),
            _ => (None, "it cannot be read".into()),
        };
        let place = span.map_or_else(|| text.span.clone(), |span| text.part(&r.file, span.start.offset..span.end.offset));
        let message = format!("this is no regular expression: {why}");
        if why.contains("look-around") {
            let hint = "order decides: put a rule for what shall be left out before this one";
            r.error_with(place, message, hint);
        } else {
            r.error(place, message);
        }
        return None;
    }
    match RegexBuilder::new(&text.value).case_insensitive(any_case).size_limit(SIZE_LIMIT).nest_limit(NEST_LIMIT).build() {
        Ok(regex) => Some(regex),
        Err(_) => {
            r.error_with(text.span.clone(), "this regular expression is too large", "use fewer or smaller counted repetitions");
            None
        }
    }
}

/// A few texts that a pattern matches, one for each of its alternatives.
pub(crate) fn samples(pattern: &Regex) -> Vec<String> {
    let Ok(hir) = regex_syntax::Parser::new().parse(pattern.as_str()) else { return Vec::new() };
    let mut samples = sampled(&hir);
    samples.retain(|sample| pattern.is_match(sample));
    samples
}

fn sampled(hir: &Hir) -> Vec<String> {
    /// More alternatives than this are not looked at.
    const MOST: usize = 16;
    let mut all = match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => vec![String::new()],
        HirKind::Literal(literal) => vec![String::from_utf8_lossy(&literal.0).into_owned()],
        HirKind::Class(_) => ["a", "1", "-", "."].into_iter().map(str::to_owned).collect(),
        HirKind::Repetition(repetition) => {
            let times = usize::try_from(repetition.min.max(1)).unwrap_or(1).min(64);
            sampled(&repetition.sub).into_iter().map(|sample| sample.repeat(times)).collect()
        }
        HirKind::Capture(capture) => sampled(&capture.sub),
        HirKind::Alternation(parts) => parts.iter().flat_map(sampled).collect(),
        HirKind::Concat(parts) => parts.iter().fold(vec![String::new()], |heads, part| {
            let tails = sampled(part);
            heads.iter().flat_map(|head| tails.iter().map(move |tail| format!("{head}{tail}"))).take(MOST).collect()
        }),
    };
    all.truncate(MOST);
    all
}

/// What a path pattern matches, as far as it can be said.
enum Shape {
    /// Exactly the texts that begin with this.
    Prefix(String),
    /// Exactly this text.
    Exact(String),
    /// Some of the texts that begin with this.
    Within(String),
}

/// Whether every path that `narrow` matches is matched by `broad`, for certain. `None` matches everything.
pub(crate) fn covers(broad: Option<&Regex>, narrow: Option<&Regex>) -> bool {
    let Some(broad) = broad else { return true };
    let begin = match narrow {
        None => "/".into(),
        Some(narrow) if narrow.as_str() == broad.as_str() => return true,
        Some(narrow) => match shape(narrow) {
            Shape::Exact(text) => return broad.is_match(&text),
            Shape::Prefix(text) | Shape::Within(text) if text.is_empty() => "/".into(),
            Shape::Prefix(text) | Shape::Within(text) => text,
        },
    };
    // Canonical paths begin with a slash, so `^/` is everything.
    matches!(shape(broad), Shape::Prefix(prefix) if begin.starts_with(&prefix))
}

/// Whether a host pattern covers another, for certain.
pub(crate) fn same_or_any(broad: Option<&Regex>, narrow: Option<&Regex>) -> bool {
    broad.is_none_or(|broad| narrow.is_some_and(|narrow| narrow.as_str().eq_ignore_ascii_case(broad.as_str())))
}

fn shape(pattern: &Regex) -> Shape {
    let Ok(hir) = regex_syntax::parse(pattern.as_str()) else { return Shape::Within(String::new()) };
    let single = std::slice::from_ref(&hir);
    let parts: &[Hir] = match hir.kind() {
        HirKind::Concat(parts) => parts,
        HirKind::Empty => return Shape::Prefix(String::new()),
        _ => single,
    };
    let [first, rest @ ..] = parts else { return Shape::Within(String::new()) };
    if *first.kind() != HirKind::Look(Look::Start) {
        return Shape::Within(String::new());
    }
    let (text, rest) = match rest {
        [literal, rest @ ..] => match literal.kind() {
            HirKind::Literal(bytes) => (String::from_utf8_lossy(&bytes.0).into_owned(), rest),
            _ => (String::new(), rest_from(parts)),
        },
        [] => (String::new(), rest),
    };
    match rest {
        [] => Shape::Prefix(text),
        [end] if *end.kind() == HirKind::Look(Look::End) => Shape::Exact(text),
        _ => Shape::Within(text),
    }
}

/// What follows the first part.
fn rest_from(parts: &[Hir]) -> &[Hir] {
    parts.get(1..).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_only_what_is_certain() {
        let covers = |broad: &str, narrow: &str| {
            let regex = |text: &str| (text != "*").then(|| Regex::new(text).unwrap());
            super::covers(regex(broad).as_ref(), regex(narrow).as_ref())
        };
        for (broad, narrow) in [
            ("*", "^/a"),
            ("*", "*"),
            ("^/", "*"),
            ("^/", "internal"),
            ("", "*"),
            ("^", "^/a"),
            ("^/a", "^/a"),
            ("^/a", "^/ab"),
            ("^/a", "^/a(/|$)"),
            ("^/a", "^/a/[0-9]+"),
            ("^/a", "^/a$"),
            ("/a$|/b", "^/a$"),
            ("^/a\\.b", "^/a\\.b/c"),
            ("(a|b)c", "(a|b)c"),
        ] {
            assert!(covers(broad, narrow), "{broad} covers {narrow}");
        }
        for (broad, narrow) in [
            ("^/a", "*"),
            ("^/ab", "^/a"),
            ("^/a$", "^/a"),
            ("^/a$", "*"),
            ("^/a", "/a"),
            ("^/ab", "^/ab?"),
            ("^/a", "^/a|/b"),
            ("^/a/", "^/a"),
            ("/a", "^/a"),
            ("^/A", "^/a"),
            ("^/a.*x", "^/a"),
            ("^/a", "(?i)^/a"),
        ] {
            assert!(!covers(broad, narrow), "{broad} does not cover {narrow}");
        }
    }
}
