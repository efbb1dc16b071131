//! Session cookies among the cookies of a request (RFC 6265, 5.4, read tolerantly).

use super::SessionCookie;
use crate::api::cookie;
use doorward_core::policy::Directory;
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

/// Whether a cookie is one that we set: the session of a directory, a known device, the nonce of a form.
pub(crate) fn is_ours(name: &[u8], directories: &[Arc<Directory>]) -> bool {
    cookie::NAMES.iter().any(|own| own.as_bytes() == name)
        || directories.iter().any(|directory| directory.cookie.name.as_bytes() == name)
}

/// Removes our cookies. What stays stays byte for byte.
pub(crate) fn strip(headers: &mut HeaderMap, directories: &[Arc<Directory>]) {
    let ours = |name: &[u8]| is_ours(name, directories);
    let touched = headers.get_all(header::COOKIE).iter().any(|line| pairs(line.as_bytes()).any(|(name, _)| ours(name)));
    if !touched {
        return;
    }
    let lines: Vec<Vec<u8>> = headers.get_all(header::COOKIE).iter().map(|line| without(line.as_bytes(), &ours)).collect();
    headers.remove(header::COOKIE);
    for line in lines {
        if let Ok(value) = HeaderValue::from_bytes(&line)
            && !line.is_empty()
        {
            headers.append(header::COOKIE, value);
        }
    }
}

/// Brings several lines, as HTTP/2 may send them, into one (RFC 9113, 8.2.3).
pub(crate) fn join(headers: &mut HeaderMap) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    let (Some(first), Some(_)) = (lines.next(), lines.next()) else {
        return;
    };
    let mut all = first.as_bytes().to_vec();
    for line in headers.get_all(header::COOKIE).iter().skip(1) {
        all.extend_from_slice(b"; ");
        all.extend_from_slice(line.as_bytes());
    }
    if let Ok(value) = HeaderValue::from_bytes(&all) {
        headers.insert(header::COOKIE, value);
    }
}

fn without(line: &[u8], ours: &impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let stays = |part: &&[u8]| pair(part).is_none_or(|(name, _)| !ours(name));
    let kept: Vec<&[u8]> = line.split(|b| *b == b';').filter(stays).collect();
    kept.join(&b';').trim_ascii_start().to_vec()
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
        Kind,
        policy::{CookieSpec, SameSite},
    };
    use std::time::Duration;

    fn directory(name: &str, cookie: &str) -> Arc<Directory> {
        Arc::new(Directory {
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
    fn strips_session_cookies_and_leaves_the_rest_as_it_was() {
        let directories = [directory("a", "SESS"), directory("b", "other")];
        let cases: [(&[&str], &[&str]); 8] = [
            (&["SESS=abc"], &[]),
            (&["x=1; SESS=abc; y=\"2 \""], &["x=1; y=\"2 \""]),
            (&["SESS=abc;  y=2 ;z"], &["y=2 ;z"]),
            (&["x=1;y=2; ;weird"], &["x=1;y=2; ;weird"]),
            (&["other=1; other=1", "k=v"], &["k=v"]),
            (&["SESS =1; k=v"], &["k=v"]),
            (&["doorward_device=1; k=v; doorward_form=2"], &["k=v"]),
            (&["__Host-doorward_device=1; k=v; __Secure-doorward_form=2"], &["k=v"]),
        ];
        for (lines, expected) in cases {
            let mut headers = headers(lines);
            strip(&mut headers, &directories);
            let left: Vec<&str> = headers.get_all(header::COOKIE).iter().map(|v| v.to_str().unwrap()).collect();
            assert_eq!(left, expected, "{lines:?}");
        }
    }

    #[test]
    fn joins_crumbs() {
        let mut map = headers(&["a=1", "b=2", "c=3"]);
        join(&mut map);
        assert_eq!(map.get_all(header::COOKIE).iter().collect::<Vec<_>>(), ["a=1; b=2; c=3"]);
    }
}
