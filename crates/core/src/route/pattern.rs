//! One path template of `routes.toml`, read.

use std::{fmt, sync::Arc};

/// A template in canonical form: what it says statically is spelled as canonical paths spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    segments: Vec<Segment>,
}

/// One segment of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// This text, and no other.
    Static(Arc<str>),
    /// `:name`: any segment.
    Variable(Arc<str>),
    /// `*name`: everything that follows.
    Tail(Arc<str>),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Malformed(String);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Malformed {}

impl Pattern {
    /// Reads a template. What could never match a canonical path is an error here, not a rule that sleeps.
    pub fn parse(template: &str) -> Result<Self, Malformed> {
        let wrong = |why: String| Err(Malformed(format!("`{template}` is not a path template: {why}")));
        let Some(rest) = template.strip_prefix('/') else {
            return wrong("it must begin with `/`".into());
        };
        let count = rest.split('/').count();
        let mut segments = Vec::with_capacity(count);
        let mut names: Vec<Arc<str>> = Vec::new();
        for (index, text) in rest.split('/').enumerate() {
            let last = index + 1 == count;
            let segment = match segment(text, last) {
                Ok(segment) => segment,
                Err(why) => return wrong(why),
            };
            if let Segment::Variable(name) | Segment::Tail(name) = &segment {
                if names.contains(name) {
                    return wrong(format!("it names `{name}` twice"));
                }
                names.push(Arc::clone(name));
            }
            segments.push(segment);
        }
        Ok(Pattern { segments })
    }

    /// Its segments; a tail only stands last.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

fn segment(text: &str, last: bool) -> Result<Segment, String> {
    if let Some(name) = text.strip_prefix(':') {
        return Ok(Segment::Variable(variable_name(name, ':')?));
    }
    if let Some(name) = text.strip_prefix('*') {
        if !last {
            return Err(format!("`*{name}` takes the rest of the path, so nothing can follow it"));
        }
        return Ok(Segment::Tail(variable_name(name, '*')?));
    }
    if text.is_empty() && !last {
        return Err("it has an empty segment (`//`), which no canonical path has".into());
    }
    let canonical = canonical_segment(text)?;
    if canonical.starts_with("%20") || canonical.ends_with("%20") {
        return Err(format!("`{text}` begins or ends with a space, as no segment of a canonical path does"));
    }
    if canonical == "." || canonical == ".." {
        return Err(format!("it has the dot segment `{text}`, which no canonical path has"));
    }
    Ok(Segment::Static(canonical.into()))
}

fn variable_name(name: &str, mark: char) -> Result<Arc<str>, String> {
    let mut bytes = name.bytes();
    let sound = bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if sound {
        Ok(name.into())
    } else {
        Err(format!("after `{mark}` comes a name of letters, digits and `_`, found `{mark}{name}`"))
    }
}

/// Spells a static segment as canonical paths do: unreserved characters plain, everything else that a path cannot
/// carry plainly as `%XX` in upper case (RFC 3986, 2.3, 3.3 and 6.2.2).
fn canonical_segment(text: &str) -> Result<String, String> {
    let bytes = text.as_bytes();
    let mut canonical = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'%' => {
                let digit = |offset: usize| bytes.get(at + offset).and_then(|b| char::from(*b).to_digit(16));
                let (Some(high), Some(low)) = (digit(0), digit(1)) else {
                    return Err("a `%` is followed by two hexadecimal digits".into());
                };
                at += 2;
                let decoded = u8::try_from(high * 16 + low).map_err(|_| String::from("a `%` escapes one byte"))?;
                if decoded.is_ascii_control() || decoded == b'\\' {
                    return Err(format!("it escapes the byte {decoded:#04x}, which no canonical path has"));
                }
                if is_unreserved(decoded) { canonical.push(char::from(decoded)) } else { push_escaped(&mut canonical, decoded) }
            }
            b'?' | b'#' => return Err(format!("`{}` ends a path; a rule has no query", char::from(byte))),
            b'{' | b'}' => return Err("a variable is written `:name`".into()),
            b'\\' => return Err("it has a backslash, which no canonical path has".into()),
            _ if byte.is_ascii_control() => return Err("it has a control character".into()),
            _ if is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte) => canonical.push(char::from(byte)),
            _ => push_escaped(&mut canonical, byte),
        }
    }
    Ok(canonical)
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn push_escaped(text: &mut String, byte: u8) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    for nibble in [byte >> 4, byte & 15] {
        text.extend(HEX.get(usize::from(nibble)).map(|digit| char::from(*digit)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_static_text_as_canonical_paths_do() {
        for (written, canonical) in [
            ("/a%7eb", "a~b"),
            ("/%41bc", "Abc"),
            ("/caf\u{e9}", "caf%C3%A9"),
            ("/a b", "a%20b"),
            ("/a%2fb", "a%2Fb"),
            ("/a:b@c!$&'()*+,;=", "a:b@c!$&'()*+,;="),
            ("/", ""),
        ] {
            assert_eq!(Pattern::parse(written).unwrap().segments(), [Segment::Static(canonical.into())], "{written}");
        }
    }

    #[test]
    fn cve_2023_20860_refuses_what_could_never_match_a_canonical_path() {
        for (written, why) in [
            ("orders", "must begin with `/`"),
            ("", "must begin with `/`"),
            ("/a//b", "empty segment"),
            ("/a/./b", "dot segment"),
            ("/a/%2e%2E", "dot segment"),
            ("/a?b", "no query"),
            ("/a#b", "no query"),
            ("/a\\b", "backslash"),
            ("/a%5Cb", "0x5c"),
            ("/a%00", "0x00"),
            ("/a /b", "ends with a space"),
            ("/%20a", "begins or ends with a space"),
            ("/a%4", "two hexadecimal digits"),
            ("/a%zz", "two hexadecimal digits"),
            ("/a%+4", "two hexadecimal digits"),
            ("/a\tb", "control character"),
            ("/orders/{id}", "written `:name`"),
            ("/orders/:", "comes a name"),
            ("/orders/:i-d", "comes a name"),
            ("/orders/:1", "comes a name"),
            ("/*", "comes a name"),
            ("/*rest/x", "nothing can follow"),
            ("/:id/:id", "`id` twice"),
            ("/:id/*id", "`id` twice"),
        ] {
            let error = Pattern::parse(written).unwrap_err().to_string();
            assert!(error.contains(why), "{written:?}: {error}");
        }
    }
}
