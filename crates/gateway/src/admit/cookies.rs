//! Session cookies among the cookies of a request (RFC 6265, 5.4, read tolerantly).

use super::SessionCookie;
use crate::api::cookie;
use doorward_core::{Policy, policy::Directory};
use http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;

/// The session cookies of our directories; equal duplicates are folded. The error is for the operator.
pub(super) fn sessions(headers: &HeaderMap, directories: &[Arc<Directory>]) -> Result<Vec<SessionCookie>, &'static str> {
    let mut found: Vec<SessionCookie> = Vec::new();
    for line in headers.get_all(header::COOKIE) {
        for (name, value) in pairs(line.as_bytes()) {
            for directory in directories.iter().filter(|directory| directory.cookie.name.as_bytes() == name) {
                let value = String::from_utf8_lossy(value);
                match found.iter().find(|cookie| cookie.directory.name == directory.name) {
                    Some(cookie) if cookie.value != value => return Err("a session cookie has two values"),
                    Some(_) => {}
                    None => found.push(SessionCookie { directory: Arc::clone(directory), value: value.into_owned() }),
                }
            }
        }
    }
    Ok(found)
}

/// Whether a cookie is one that we set: the session of a directory, on whichever site, a known device, the nonce of a form.
pub(crate) fn is_ours(name: &[u8], policy: &Policy) -> bool {
    let is = |own: &str| own.as_bytes() == name;
    cookie::NAMES.iter().any(|own| is(own))
        || policy.directories.iter().any(|directory| is(&directory.cookie.name))
        || policy.sites.cookies_elsewhere.iter().any(|own| is(own))
}

/// Whether a request carries a session's cookie that only another site has.
pub(crate) fn carries_elsewhere(headers: &HeaderMap, policy: &Policy) -> bool {
    let names = &policy.sites.cookies_elsewhere;
    let elsewhere = |name: &[u8]| names.iter().any(|own| own.as_bytes() == name);
    !names.is_empty()
        && headers.get_all(header::COOKIE).iter().any(|line| pairs(line.as_bytes()).any(|(name, _)| elsewhere(name)))
}

/// The values of all cookies of this name.
pub(crate) fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h [u8]> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines.flat_map(|line| pairs(line.as_bytes())).filter(move |(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
}

/// Gives all cookies of this name another value, which must be one that a cookie can have. Other lines stay byte for byte.
pub(crate) fn replace(headers: &mut HeaderMap, name: &str, value: &str) {
    let named = |part: &[u8]| pair(part).is_some_and(|(own, _)| own == name.as_bytes());
    let new = [name.as_bytes(), b"=", value.as_bytes()].concat();
    let replaced = |line: &HeaderValue| {
        let parts: Vec<&[u8]> = line.as_bytes().split(|b| *b == b';').collect();
        if !parts.iter().any(|part| named(part)) {
            return line.clone();
        }
        let parts = parts.into_iter().map(|part| if named(part) { new.as_slice() } else { part.trim_ascii() });
        let line = HeaderValue::from_bytes(&parts.collect::<Vec<_>>().join(&b"; "[..]));
        line.unwrap_or(HeaderValue::from_static(""))
    };
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().map(replaced).collect();
    headers.remove(header::COOKIE);
    for line in lines {
        headers.append(header::COOKIE, line);
    }
}

/// Writes what an upstream gets of all cookie lines as one line (RFC 9113, 8.2.3): what stays stays byte for byte. Cookies
/// whose name `hides` are left out.
pub(crate) fn joined(headers: &HeaderMap, hides: impl Fn(&[u8]) -> bool, line: &mut Vec<u8>) {
    let stays = |part: &[u8]| pair(part).is_none_or(|(name, _)| !hides(name));
    let mut separator: &[u8] = b"";
    for value in headers.get_all(header::COOKIE) {
        for part in value.as_bytes().split(|b| *b == b';').filter(|part| stays(part)) {
            let first = separator != b";";
            let part = if first { part.trim_ascii_start() } else { part };
            if first && part.is_empty() {
                continue;
            }
            line.extend_from_slice(separator);
            line.extend_from_slice(part);
            separator = b";";
        }
        if !separator.is_empty() {
            separator = b"; ";
        }
    }
}

fn pairs(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|b| *b == b';').filter_map(pair)
}

/// Name and value without the blanks around them; a part without `=` has no name.
fn pair(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = part.iter().position(|b| *b == b'=')?;
    Some((part.get(..at)?.trim_ascii(), part.get(at + 1..)?.trim_ascii()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::{
        Kind, Sites,
        policy::{CookieSpec, SameSite},
    };
    use std::time::Duration;

    fn directory(name: &str, cookie: &str) -> Arc<Directory> {
        Arc::new(Directory {
            website: None,
            site: None,
            name: name.into(),
            kind: Kind::Admin,
            cookie: CookieSpec {
                name: cookie.into(),
                domain: None,
                path: "/".into(),
                lifetime: None,
                same_site: SameSite::Lax,
                secure: false,
            },
            idle_timeout: Duration::from_secs(1),
            lifetime: Duration::from_secs(1),
            max_failures: 1,
            lock: Duration::from_secs(1),
            passwords: doorward_core::PasswordRules::of(Kind::Admin),
        })
    }

    fn headers(lines: &[&'static str]) -> HeaderMap {
        lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect()
    }

    #[test]
    fn finds_session_cookies_between_others() {
        let directories = [directory("a", "SESS"), directory("b", "other")];
        let cases: [(&[&str], &[&str]); 6] = [
            (&["x=1; SESS=abc; y=2"], &["a abc"]),
            (&["SESS=abc;other=d=e"], &["a abc", "b d=e"]),
            (&["SESS=abc; SESS=abc"], &["a abc"]),
            (&["SESS=abc", "SESS=abc"], &["a abc"]),
            (&["sess=abc; SESSX=1; XSESS=2; SESS"], &[]),
            (&["; ;=;SESS = abc ;"], &["a abc"]),
        ];
        for (lines, expected) in cases {
            let found = sessions(&headers(lines), &directories).map_err(str::to_owned).unwrap_or_default();
            let found: Vec<String> = found.iter().map(|c| format!("{} {}", c.directory.name, c.value)).collect();
            assert_eq!(found, expected, "{lines:?}");
        }
        for lines in [&["SESS=abc; SESS=abd"][..], &["SESS=abc", "SESS="]] {
            assert!(sessions(&headers(lines), &directories).is_err(), "{lines:?}");
        }
    }

    #[test]
    fn leaves_session_cookies_out_and_the_rest_as_it_was() {
        let policy = Policy {
            directories: vec![directory("a", "SESS"), directory("b", "other")],
            sites: Sites { cookies_elsewhere: vec!["SESS2".into()], ..Sites::default() },
            ..crate::admit::tests::policy()
        };
        let cases: [(&[&str], &str); 11] = [
            (&["SESS=abc"], ""),
            (&["x=1; SESS=abc; y=\"2 \""], "x=1; y=\"2 \""),
            (&["SESS=abc;  y=2 ;z"], "y=2 ;z"),
            (&["x=1;y=2; ;weird"], "x=1;y=2; ;weird"),
            (&["other=1; other=1", "k=v"], "k=v"),
            (&["SESS =1; k=v"], "k=v"),
            (&["doorward_device=1; k=v; doorward_form=2"], "k=v"),
            (&["__Host-doorward_device=1; k=v; __Secure-doorward_form=2"], "k=v"),
            (&["a=1;b=2", "SESS=abc", "b=2", "SESS=abc; c=3"], "a=1;b=2; b=2; c=3"),
            (&["a=1", "SESS=abc"], "a=1"),
            (&["a=1; SESS2=abc; SESS3=d"], "a=1; SESS3=d"),
        ];
        for (lines, expected) in cases {
            let mut line = Vec::new();
            joined(&headers(lines), |name| is_ours(name, &policy), &mut line);
            assert_eq!(String::from_utf8(line).unwrap(), expected, "{lines:?}");
        }
    }

    #[test]
    fn gives_a_cookie_another_value_and_leaves_the_rest() {
        for (line, expected) in [
            ("a=1; SESS=old;b=2", "a=1; SESS=new; b=2"),
            ("SESS=old", "SESS=new"),
            ("SESS = old; sess=old; SESS=old", "SESS=new; sess=old; SESS=new"),
            ("XSESS=old;b=2", "XSESS=old;b=2"),
        ] {
            let mut headers = headers(&[line, "c=3"]);
            replace(&mut headers, "SESS", "new");
            let lines: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
            assert_eq!(lines, [expected, "c=3"], "{line}");
        }
    }

    #[test]
    fn joins_crumbs() {
        let mut line = Vec::new();
        joined(&headers(&["a=1", "b=2; SESS=1", "c=3"]), |_| false, &mut line);
        assert_eq!(line, b"a=1; b=2; SESS=1; c=3");
    }

    #[test]
    fn finds_all_values_of_a_cookie() {
        let lines = headers(&["a=1; b=2;a = 3", "aa=4; A=5", "a="]);
        let found: Vec<&[u8]> = values(&lines, "a").collect();
        assert_eq!(found, [b"1".as_slice(), b"3", b""]);
    }
}
