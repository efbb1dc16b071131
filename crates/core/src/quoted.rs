//! Lists whose elements may be in double quotes, as headers have them (RFC 9110, 5.6.1 and 5.6.4).

/// Splits outside of quotes; `None` when one stays open.
pub fn split(text: &str, separator: char) -> Option<Vec<&str>> {
    let (mut parts, mut start, mut quoted, mut escaped) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ if c == separator && !quoted => {
                parts.push(text.get(start..at)?);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(text.get(start..)?);
    (!quoted).then_some(parts)
}

/// A token as it is, or the text of a quoted-string; `None` where quotes stand elsewhere.
pub fn unquote(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => text.push(chars.next()?),
            '"' => return None,
            c => text.push(c),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_in_quotes_separate_nothing() {
        for (text, parts) in [
            ("", &[""][..]),
            ("a,b", &["a", "b"]),
            (",", &["", ""]),
            ("a=\"b,c\",d", &["a=\"b,c\"", "d"]),
            ("\"a\\\",b\",c", &["\"a\\\",b\"", "c"]),
            ("a\\,b", &["a\\", "b"]),
            ("\u{e9},b", &["\u{e9}", "b"]),
        ] {
            assert_eq!(split(text, ',').as_deref(), Some(parts), "{text}");
        }
        for text in ["\"", "a,\"b", "\"a\\\"", "a\"b,c"] {
            assert_eq!(split(text, ','), None, "{text}");
        }
        assert_eq!(split("a\u{2192}b", '\u{2192}').as_deref(), Some(&["a", "b"][..]));
    }

    #[test]
    fn quotes_come_off_at_both_ends_or_not_at_all() {
        for (text, plain) in [("a", "a"), ("", ""), ("\"\"", ""), ("\"a b\"", "a b"), (r#""a\"b\\c""#, "a\"b\\c")] {
            assert_eq!(unquote(text).as_deref(), Some(plain), "{text}");
        }
        for text in ["\"", "\"a", "a\"", "\"a\"b\"", r#""a\""#, "a\"b"] {
            assert_eq!(unquote(text), None, "{text}");
        }
    }
}
