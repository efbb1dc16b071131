//! One canonical form of host and path. What is matched is what is forwarded.
//!
//! Nothing is repaired that two readers could understand differently: such a path is refused. What remains is
//! brought into one form (RFC 3986, 6.2.2): unreserved characters are never escaped, escapes are upper case.

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    net::Ipv6Addr,
};

/// Whether `%2F` may stand inside a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodedSlash {
    /// It is refused.
    Refuse,
    /// It stays encoded, in matching and forwarding.
    Keep,
}

/// Why a path has no canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with `/`.
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// `.` or `..`, in any spelling, with or without path parameters.
    #[error("the path has a dot segment")]
    DotSegment,
    /// `%2F` where it is not kept.
    #[error("the path has an encoded slash")]
    EncodedSlash,
    /// A backslash, raw or encoded.
    #[error("the path has a backslash")]
    Backslash,
    /// A control character, raw or encoded.
    #[error("the path has a control character")]
    Control,
    /// Two slashes in a row.
    #[error("the path has an empty segment")]
    EmptySegment,
    /// An escaped space at the beginning or end of a segment, which some routers trim.
    #[error("a segment of the path begins or ends with a space")]
    EdgeSpace,
    /// `%` without two hex digits, or an overlong form of UTF-8.
    #[error("the path has a bad escape")]
    BadEscape,
    /// A space, `#`, `?` or something that is not ASCII.
    #[error("the path has a character that must be escaped")]
    Unescaped,
}

/// Brings a path (without query) into its canonical form. A path that is canonical already is borrowed.
pub fn path(raw: &str, slash: EncodedSlash) -> Result<Cow<'_, str>, PathError> {
    let bytes = raw.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(PathError::NotAbsolute);
    }
    let form = match bytes.iter().position(|b| !is_plain(*b)) {
        None => Cow::Borrowed(raw),
        Some(first) => Cow::Owned(rewrite(raw, first, slash)?),
    };
    check_segments(&form)?;
    Ok(form)
}

/// Whether a byte stands for itself in a canonical path.
fn is_plain(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(byte, b'/' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@')
}

/// RFC 3986, 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Rewrites what follows `first`, the first byte that is not plain.
fn rewrite(raw: &str, first: usize, slash: EncodedSlash) -> Result<String, PathError> {
    let bytes = raw.as_bytes();
    let mut form = String::with_capacity(raw.len() + 8);
    form.push_str(raw.get(..first).unwrap_or_default());
    let mut at = first;
    while let Some(&byte) = bytes.get(at) {
        at += 1;
        match byte {
            b'%' => {
                let value = escape(bytes, at - 1).ok_or(PathError::BadEscape)?;
                let next = escape(bytes, at + 2);
                at += 2;
                check_escaped(value, next, slash)?;
                if is_unreserved(value) { form.push(char::from(value)) } else { push_escape(&mut form, value) }
            }
            b'\\' => return Err(PathError::Backslash),
            0..=0x1f | 0x7f => return Err(PathError::Control),
            b' ' | b'#' | b'?' | 0x80.. => return Err(PathError::Unescaped),
            _ if is_plain(byte) => form.push(char::from(byte)),
            // What browsers leave raw though RFC 3986 wants it escaped: `[ ] | ^ "` and their like.
            _ => push_escape(&mut form, byte),
        }
    }
    Ok(form)
}

/// The byte that the escape at `at` stands for.
fn escape(bytes: &[u8], at: usize) -> Option<u8> {
    let hex = |b: &u8| char::from(*b).to_digit(16).and_then(|d| u8::try_from(d).ok());
    match bytes.get(at..at + 3)? {
        [b'%', high, low] => Some(hex(high)? << 4 | hex(low)?),
        _ => None,
    }
}

fn push_escape(form: &mut String, value: u8) {
    // Writing to a string cannot fail.
    let _ = write!(form, "%{value:02X}");
}

/// Refuses escapes that a reader may take for structure. `next` is the byte of a directly following escape.
fn check_escaped(value: u8, next: Option<u8>, slash: EncodedSlash) -> Result<(), PathError> {
    match (value, next) {
        (b'/', _) if slash == EncodedSlash::Refuse => Err(PathError::EncodedSlash),
        (b'\\', _) => Err(PathError::Backslash),
        (0..=0x1f | 0x7f, _) => Err(PathError::Control),
        // Overlong UTF-8: lenient decoders read `%C0%AF` and `%E0%80%AF` as a slash.
        (0xc0 | 0xc1, _) | (0xe0, Some(0x80..=0x9f)) | (0xf0, Some(0x80..=0x8f)) => Err(PathError::BadEscape),
        _ => Ok(()),
    }
}

/// Refuses empty segments and dot segments of a rewritten path. An encoded slash that is kept separates here too, for
/// some upstream may decode it.
fn check_segments(form: &str) -> Result<(), PathError> {
    let mut rest = form.strip_prefix('/').unwrap_or(form);
    loop {
        let (segment, tail) = match rest.split_once('/') {
            Some((segment, tail)) => (segment, Some(tail)),
            None => (rest, None),
        };
        if segment.is_empty() && tail.is_some() {
            return Err(PathError::EmptySegment);
        }
        if segment.contains("%20") && segment.split("%2F").any(has_edge_space) {
            return Err(PathError::EdgeSpace);
        }
        if segment.contains('.') && segment.split("%2F").any(is_dot_segment) {
            return Err(PathError::DotSegment);
        }
        match tail {
            Some(tail) => rest = tail,
            None => return Ok(()),
        }
    }
}

/// `.` and `..`, also with path parameters behind.
fn is_dot_segment(segment: &str) -> bool {
    matches!(without_parameters(segment), "." | "..")
}

/// Whether another segment is left of it where spaces are trimmed: Spring did (CVE-2016-5007).
fn has_edge_space(segment: &str) -> bool {
    segment.starts_with("%20") || segment.ends_with("%20") || without_parameters(segment).ends_with("%20")
}

/// Without path parameters (`..;x`), which servlet containers cut off.
fn without_parameters(segment: &str) -> &str {
    let end = segment.find(';').into_iter().chain(segment.find("%3B")).min().unwrap_or(segment.len());
    segment.get(..end).unwrap_or(segment)
}

/// A canonical authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority {
    /// Lower case, without trailing dot; IPv6 addresses in brackets and in their shortest form.
    pub host: String,
    /// The port, if one was named.
    pub port: Option<u16>,
}

impl Authority {
    /// The text of its `Display`, made without the formatting machinery: every request asks for it.
    pub fn text(&self) -> String {
        match self.port {
            None => self.host.clone(),
            Some(port) => [&*self.host, ":", &port.to_string()].concat(),
        }
    }
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

/// Why an authority has no canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is no host.
    #[error("the host is empty")]
    Empty,
    /// `user@host`.
    #[error("the host has userinfo")]
    Userinfo,
    /// A character that no host name has, an empty label, or a name that is too long.
    #[error("the host is malformed")]
    Malformed,
    /// The port is no number from 1 to 65535.
    #[error("the port is malformed")]
    Port,
}

/// Brings `host[:port]` into its canonical form.
pub fn host(raw: &str) -> Result<Authority, HostError> {
    if raw.contains('@') {
        return Err(HostError::Userinfo);
    }
    if let Some(rest) = raw.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or(HostError::Malformed)?;
        let address: Ipv6Addr = address.parse().map_err(|_| HostError::Malformed)?;
        let port = match port.strip_prefix(':') {
            Some(digits) => Some(parse_port(digits)?),
            None if port.is_empty() => None,
            None => return Err(HostError::Malformed),
        };
        return Ok(Authority { host: format!("[{address}]"), port });
    }
    let (name, port) = match raw.split_once(':') {
        Some((name, digits)) => (name, Some(parse_port(digits)?)),
        None => (raw, None),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err(HostError::Empty);
    }
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if name.len() > 253 || !name.bytes().all(sound) || name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return Err(HostError::Malformed);
    }
    Ok(Authority { host: name.to_ascii_lowercase(), port })
}

fn parse_port(digits: &str) -> Result<u16, HostError> {
    if digits.is_empty() || digits.len() > 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(HostError::Port);
    }
    digits.parse().ok().filter(|port| *port != 0).ok_or(HostError::Port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn canonical_paths_are_borrowed() {
        for raw in ["/", "/a", "/a/b/", "/V1/customers/me", "/a.b/..c/...", "/a;b=c/d,e", "/~u/x-y_z:@!$&'()*+="] {
            assert!(matches!(path(raw, EncodedSlash::Refuse), Ok(Cow::Borrowed(form)) if form == raw), "{raw}");
        }
    }

    #[test]
    fn one_form_for_many_spellings() {
        let cases = [
            ("/%61%62", "/ab"),
            ("/a%7eb", "/a~b"),
            ("/%e4%bd%a0", "/%E4%BD%A0"),
            ("/a%2cb", "/a%2Cb"),
            ("/a%20b", "/a%20b"),
            ("/%3f%23%25", "/%3F%23%25"),
            ("/a[0]|b", "/a%5B0%5D%7Cb"),
            ("/%252e%252e/", "/%252e%252e/"),
            ("/a%2520", "/a%2520"),
            ("/a%2e", "/a."),
        ];
        for (raw, form) in cases {
            assert_eq!(path(raw, EncodedSlash::Refuse).as_deref(), Ok(form), "{raw}");
        }
    }

    #[test]
    fn refuses_what_two_readers_could_understand_differently() {
        use PathError::*;
        let cases = [
            ("", NotAbsolute),
            ("*", NotAbsolute),
            ("a/b", NotAbsolute),
            ("/a/../b", DotSegment),
            ("/a/.", DotSegment),
            ("/./a", DotSegment),
            ("/a/%2e%2E/b", DotSegment),
            ("/a/.%2e", DotSegment),
            ("/a/..;/b", DotSegment),
            ("/a/..;x=1/b", DotSegment),
            ("/a/.;x", DotSegment),
            ("/a/..%3b/b", DotSegment),
            ("/a%2fb", EncodedSlash),
            ("/a%2Fb", EncodedSlash),
            ("/a\\b", Backslash),
            ("/a%5cb", Backslash),
            ("/a%00", Control),
            ("/a%0d%0aHost:x", Control),
            ("/a%7F", Control),
            ("/a\tb", Control),
            ("//a", EmptySegment),
            ("/a//b", EmptySegment),
            ("/a//", EmptySegment),
            ("/a%20", EdgeSpace),
            ("/%20a", EdgeSpace),
            ("/a%20/b", EdgeSpace),
            ("/a/%20", EdgeSpace),
            ("/a%20;x=1/b", EdgeSpace),
            ("/a/%20%3bx", EdgeSpace),
            ("/a%", BadEscape),
            ("/a%2", BadEscape),
            ("/a%zz", BadEscape),
            ("/a%+1", BadEscape),
            ("/%c0%ae%c0%ae/", BadEscape),
            ("/%e0%80%af", BadEscape),
            ("/%f0%80%80%af", BadEscape),
            ("/a b", Unescaped),
            ("/a#b", Unescaped),
            ("/ä", Unescaped),
        ];
        for (raw, error) in cases {
            assert_eq!(path(raw, super::EncodedSlash::Refuse), Err(error), "{raw}");
        }
    }

    #[test]
    fn keeps_an_encoded_slash_encoded_but_no_dot_segment_behind_it() {
        assert_eq!(path("/a%2fb", EncodedSlash::Keep).as_deref(), Ok("/a%2Fb"));
        for raw in ["/a%2f..%2fb", "/..%2fa", "/a%2f.", "/a%2F..;x"] {
            assert_eq!(path(raw, EncodedSlash::Keep), Err(PathError::DotSegment), "{raw}");
        }
        assert_eq!(path("/a%2f%20b", EncodedSlash::Keep), Err(PathError::EdgeSpace));
    }

    #[test]
    fn hosts_have_one_form() {
        let cases = [
            ("Shop.Example.COM", "shop.example.com"),
            ("shop.example.com.", "shop.example.com"),
            ("shop.example.com.:8080", "shop.example.com:8080"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("[::1]", "[::1]"),
            ("[2001:DB8:0:0::1]:443", "[2001:db8::1]:443"),
            ("my_host", "my_host"),
        ];
        for (raw, form) in cases {
            assert_eq!(host(raw).map(|a| a.to_string()).as_deref(), Ok(form), "{raw}");
        }
    }

    #[test]
    fn refuses_hosts_that_are_none() {
        use HostError::*;
        let cases = [
            ("", Empty),
            (".", Empty),
            (":80", Empty),
            ("user@host", Userinfo),
            ("a@b@localhost", Userinfo),
            ("localhost:80@evil", Userinfo),
            ("localhost@", Userinfo),
            ("a b", Malformed),
            ("a/b", Malformed),
            ("a\\b", Malformed),
            ("a%2eb", Malformed),
            ("a..b", Malformed),
            ("a..", Malformed),
            (".a", Malformed),
            ("a,b", Malformed),
            ("ä", Malformed),
            ("[::1", Malformed),
            ("[::1]x", Malformed),
            ("[fe80::1%eth0]", Malformed),
            ("[127.0.0.1]", Malformed),
            ("::1", Port),
            ("a:", Port),
            ("a:0", Port),
            ("a:65536", Port),
            ("a:+80", Port),
            ("a:8o", Port),
            ("a:80:80", Port),
        ];
        for (raw, error) in cases {
            assert_eq!(host(raw), Err(error), "{raw}");
        }
    }

    #[test]
    fn cve_2026_18211_a_suffix_does_not_make_localhost() {
        assert_ne!(host("localhost.evil").map(|a| a.host).as_deref(), Ok("localhost"));
    }

    fn spellings() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            "[a-zA-Z0-9._~;=,:@|\\[\\]-]{1,3}",
            "%[0-9a-fA-F]{2}",
            Just("/".to_owned()),
            Just("..".to_owned()),
            Just("%2e".to_owned()),
            Just("%2F".to_owned()),
        ];
        proptest::collection::vec(piece, 0..12).prop_map(|pieces| format!("/{}", pieces.concat()))
    }

    proptest! {
        #[test]
        fn the_canonical_form_is_its_own_canonical_form(raw in spellings(), keep in any::<bool>()) {
            let slash = if keep { EncodedSlash::Keep } else { EncodedSlash::Refuse };
            if let Ok(form) = path(&raw, slash) {
                prop_assert!(matches!(path(&form, slash), Ok(Cow::Borrowed(again)) if again == form) || form.contains('%'));
                let again = path(&form, slash);
                prop_assert_eq!(again.as_deref(), Ok(&*form));
            }
        }

        #[test]
        fn decoding_the_form_gives_what_decoding_the_raw_path_gives(raw in spellings()) {
            if let Ok(form) = path(&raw, EncodedSlash::Keep) {
                let decode = |text: &str| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
                prop_assert_eq!(decode(&form), decode(&raw));
            }
        }

        #[test]
        fn no_canonical_path_climbs(raw in spellings()) {
            if let Ok(form) = path(&raw, EncodedSlash::Keep) {
                let decoded = percent_encoding::percent_decode_str(&form).decode_utf8_lossy().into_owned();
                prop_assert!(decoded.split('/').all(|s| s != "." && s != ".."));
            }
        }

        #[test]
        fn any_text_is_refused_or_canonical(raw in "\\PC{0,20}") {
            if let Ok(form) = path(&raw, EncodedSlash::Refuse) {
                prop_assert!(form.starts_with('/') && form.is_ascii() && !form.contains("//"));
            }
            if let Ok(authority) = host(&raw) {
                let text = authority.to_string();
                prop_assert_eq!(host(&text), Ok(authority));
            }
        }
    }
}
