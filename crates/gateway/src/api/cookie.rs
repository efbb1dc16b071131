//! `Set-Cookie` (RFC 6265 4.1) as the contract has it (ibexa-rest 1.5, 1.6), and the two cookies of our own that are
//! no sessions.

use doorward_auth::LiveSession;
use doorward_core::{
    Time,
    policy::{CookieSpec, Directory, SameSite},
};
use http::{
    HeaderMap, HeaderValue,
    header::{COOKIE, SET_COOKIE},
};
use std::{fmt::Write as _, sync::Arc, time::Duration};

/// All names of cookies that are no session's.
pub const NAMES: [&str; 6] =
    [device_name(false), device_name(true), form_name(false), form_name(true), journey_name(false), journey_name(true)];

/// The cookie by which a device that signed in before is known again. It opens nothing. Over HTTPS its name binds it to
/// this host (RFC 6265bis 4.1.3.2), and no other name is read.
pub const fn device_name(secure: bool) -> &'static str {
    if secure { "__Host-doorward_device" } else { "doorward_device" }
}

/// The nonce of forms for people who are not signed in. Over HTTPS its name binds it to HTTPS; to the host would need the path `/`.
pub const fn form_name(secure: bool) -> &'static str {
    if secure { "__Secure-doorward_form" } else { "doorward_form" }
}

/// The way to an OpenID provider that a browser is on. Over HTTPS its name binds it to this host.
pub const fn journey_name(secure: bool) -> &'static str {
    if secure { "__Host-doorward_journey" } else { "doorward_journey" }
}

/// How long a device is known.
const DEVICE_LIFETIME: Duration = Duration::from_secs(365 * 86_400);
/// A year and a second: what PHP subtracts to delete a cookie.
const LONG_AGO: u64 = 31_536_001;

/// Starts a session in the browser.
pub fn session(spec: &CookieSpec, id: &str, now: Time) -> Option<HeaderValue> {
    let mut text = format!("{}={id}", spec.name);
    place(&mut text, spec);
    if let Some(lifetime) = spec.lifetime {
        write_lifetime(&mut text, now, lifetime);
    }
    finish(text, spec.secure, "HttpOnly", spec.same_site)
}

/// Deletes a session's cookie. Its beginning is what clients look for.
pub fn deletion(spec: &CookieSpec, now: Time) -> Option<HeaderValue> {
    let expires = date(now.seconds().saturating_sub(LONG_AGO));
    let mut text = format!("{}=deleted; expires={expires}; Max-Age=0", spec.name);
    place(&mut text, spec);
    finish(text, spec.secure, "httponly", spec.same_site)
}

/// Lets the device be known again.
pub fn device(token: &str, secure: bool, now: Time) -> Option<HeaderValue> {
    let mut text = format!("{}={token}; path=/", device_name(secure));
    write_lifetime(&mut text, now, DEVICE_LIFETIME);
    finish(text, secure, "HttpOnly", SameSite::Lax)
}

/// The nonce of forms below `path`, for the browser's session.
pub fn form(nonce: &str, path: &str, secure: bool) -> Option<HeaderValue> {
    finish(format!("{}={nonce}; path={path}", form_name(secure)), secure, "HttpOnly", SameSite::Lax)
}

/// Keeps a sealed journey for so long. The way back begins at the provider, so it must come along from there.
pub fn journey(sealed: &str, secure: bool, lasts: Duration) -> Option<HeaderValue> {
    let text = format!("{}={sealed}; path=/; Max-Age={}", journey_name(secure), lasts.as_secs());
    finish(text, secure, "HttpOnly", SameSite::Lax)
}

/// The journey has ended.
pub fn journey_deletion(secure: bool) -> Option<HeaderValue> {
    finish(format!("{}=; path=/; Max-Age=0", journey_name(secure)), secure, "HttpOnly", SameSite::Lax)
}

/// The cookie by which scripts of a shop learn the key that their forms must send (magento-webapi 8.1). It is never read
/// back, so whoever plants one gains nothing.
pub const FORM_KEY: &str = "form_key";

/// Tells the scripts of a shop their form key, for as long and where the session's cookie holds.
pub fn form_key(spec: &CookieSpec, key: &str, now: Time) -> Option<HeaderValue> {
    let mut text = format!("{FORM_KEY}={key}");
    place(&mut text, spec);
    if let Some(lifetime) = spec.lifetime {
        write_lifetime(&mut text, now, lifetime);
    }
    finish(text, spec.secure, "", spec.same_site)
}

/// Deletes it.
pub fn form_key_deletion(spec: &CookieSpec, now: Time) -> Option<HeaderValue> {
    let expires = date(now.seconds().saturating_sub(LONG_AGO));
    let mut text = format!("{FORM_KEY}=deleted; expires={expires}; Max-Age=0");
    place(&mut text, spec);
    finish(text, spec.secure, "", spec.same_site)
}

/// How often at most the cookie of a session is sent again, where it has a lifetime of its own.
const RESEND: Duration = Duration::from_secs(60);

/// Sends the cookie of a session in use again, so that its lifetime begins anew (magento-webapi 8.1): now and then, and
/// never where the answer sets or deletes it already.
pub fn renew(headers: &mut HeaderMap, spec: &CookieSpec, id: &str, live: &LiveSession, now: Time) {
    let Some(lifetime) = spec.lifetime else { return };
    if !is_set(headers, &spec.name) && !live.has_ended() && live.cookie_is_due(now, RESEND.min(lifetime / 4)) {
        add(headers, session(spec, id, now));
    }
}

/// Adds the header, after those that are there.
pub fn add(headers: &mut HeaderMap, cookie: Option<HeaderValue>) {
    if let Some(cookie) = cookie {
        headers.append(SET_COOKIE, cookie);
    }
}

/// Deletes the cookies of these directories, except where the answer already sets a cookie of that name.
pub fn delete_dead(headers: &mut HeaderMap, dead: &[Arc<Directory>], now: Time) {
    for directory in dead {
        if !is_set(headers, &directory.cookie.name) {
            add(headers, deletion(&directory.cookie, now));
        }
    }
}

/// Whether an answer sets or deletes a cookie of this name.
pub(crate) fn is_set(headers: &HeaderMap, name: &str) -> bool {
    let sets = |value: &HeaderValue| value.as_bytes().strip_prefix(name.as_bytes()).is_some_and(|rest| rest.starts_with(b"="));
    headers.get_all(SET_COOKIE).iter().any(sets)
}

/// The value of a cookie that the request carries once, or always with the same value.
pub fn value<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let mut values = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter_map(|(key, value)| (key == name).then_some(value));
    let first = values.next()?;
    values.all(|value| value == first).then_some(first)
}

fn place(text: &mut String, spec: &CookieSpec) {
    if let Some(domain) = &spec.domain {
        text.push_str("; domain=");
        text.push_str(domain);
    }
    text.push_str("; path=");
    text.push_str(&spec.path);
}

fn write_lifetime(text: &mut String, now: Time, lifetime: Duration) {
    // Writing to a String cannot fail.
    let _ = write!(text, "; expires={}; Max-Age={}", date(now.seconds().saturating_add(lifetime.as_secs())), lifetime.as_secs());
}

fn finish(mut text: String, secure: bool, http_only: &str, same_site: SameSite) -> Option<HeaderValue> {
    if secure {
        text.push_str("; Secure");
    }
    if !http_only.is_empty() {
        text.push_str("; ");
        text.push_str(http_only);
    }
    text.push_str(match same_site {
        SameSite::Lax => "; SameSite=Lax",
        SameSite::Strict => "; SameSite=Strict",
        SameSite::None => "; SameSite=None",
    });
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// An HTTP date (RFC 9110 5.6.7). Years beyond 9999 have none, so nothing lies further ahead.
fn date(seconds: u64) -> String {
    httpdate::fmt_http_date(std::time::UNIX_EPOCH + Duration::from_secs(seconds.min(253_402_300_799)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(secure: bool) -> CookieSpec {
        let name = if secure { "__Host-doorward_admins" } else { "s" };
        CookieSpec { name: name.into(), domain: None, path: "/".into(), lifetime: None, same_site: SameSite::Strict, secure }
    }

    #[test]
    fn a_secure_cookie_says_so_when_it_is_set_and_when_it_is_deleted() {
        let now = Time(1_700_000_000_000);
        assert_eq!(
            session(&spec(true), "id", now).unwrap(),
            "__Host-doorward_admins=id; path=/; Secure; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            deletion(&spec(true), now).unwrap(),
            "__Host-doorward_admins=deleted; expires=Mon, 14 Nov 2022 22:13:19 GMT; Max-Age=0; path=/; Secure; httponly; SameSite=Strict"
        );
        assert!(!session(&spec(false), "id", now).unwrap().to_str().unwrap().contains("Secure"));
        assert!(session(&spec(false), "id\r\nx: y", now).is_none(), "no header is split");
        assert!(device("t", true, Time(u64::MAX)).is_some(), "the end of time has a date");
    }

    #[test]
    fn over_https_the_names_of_our_own_cookies_bind_them() {
        let text = |value: Option<HeaderValue>| value.unwrap().to_str().unwrap().to_owned();
        let (device, form) = (text(device("t", true, Time(0))), text(form("n", "/login", true)));
        assert!(device.starts_with("__Host-doorward_device=t; path=/; expires=") && device.contains("; Secure"), "{device}");
        assert_eq!(form, "__Secure-doorward_form=n; path=/login; Secure; HttpOnly; SameSite=Lax");
        assert!(text(super::device("t", false, Time(0))).starts_with("doorward_device=t;"));
        assert_eq!(text(super::form("n", "/login", false)), "doorward_form=n; path=/login; HttpOnly; SameSite=Lax");
    }

    #[test]
    fn a_cookie_with_two_values_has_none() {
        let read = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, HeaderValue::from_static(line));
            }
            value(&headers, "a").map(str::to_owned)
        };
        assert_eq!(read(&["b=1; a=2"]).as_deref(), Some("2"));
        assert_eq!(read(&["a=2", "a=2; xa=3; A=4"]).as_deref(), Some("2"));
        for none in [&["a=1; a=2"][..], &["a=1", "a=2"], &["xa=1"], &["a"], &[]] {
            assert_eq!(read(none), None, "{none:?}");
        }
    }

    #[test]
    fn a_cookie_that_is_set_anew_is_not_deleted() {
        let directory = Arc::new(Directory {
            website: None,
            site: None,
            name: "x".into(),
            kind: doorward_core::Kind::Admin,
            cookie: spec(false),
            idle_timeout: Duration::ZERO,
            lifetime: Duration::ZERO,
            max_failures: 1,
            lock: Duration::ZERO,
            passwords: doorward_core::PasswordRules::of(doorward_core::Kind::Admin),
        });
        let mut headers = HeaderMap::new();
        add(&mut headers, Some(HeaderValue::from_static("sx=1")));
        for _ in 0..2 {
            delete_dead(&mut headers, std::slice::from_ref(&directory), Time(1_700_000_000_000));
        }
        assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 2, "once, and another name does not count");
    }
}
