//! Where a browser goes after signing in: only ever to a path of this origin.

/// The longest target that is followed, in bytes.
const LONGEST: usize = 2048;

/// `wanted` if it is an absolute path of this origin, else `/`.
///
/// Browsers read `//host`, `/\host` and white space in between as another host, so everything that is not plain
/// printable ASCII is refused, backslashes too. The pages themselves are no target: nobody is led in a circle.
pub(super) fn safe(wanted: &str) -> &str {
    let printable = wanted.bytes().all(|b| matches!(b, 0x21..=0x7e) && b != b'\\');
    let path = wanted.split(['?', '#']).next().unwrap_or_default();
    let circle = path == "/login" || path == "/logout" || path.starts_with("/login/") || path.starts_with("/oauth2/");
    if wanted.len() <= LONGEST && printable && wanted.starts_with('/') && !wanted.starts_with("//") && !circle && stays(wanted) {
        wanted
    } else {
        "/"
    }
}

/// Whether a browser's own URL parser stays on the origin.
fn stays(wanted: &str) -> bool {
    let Ok(base) = url::Url::parse("https://doorward.invalid/login") else { return false };
    base.join(wanted).is_ok_and(|url| url.origin() == base.origin() && url.username().is_empty() && url.password().is_none())
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn only_paths_of_this_origin_are_followed() {
        for good in
            ["/", "/orders", "/orders?x=1&y=//z", "/a//b", "/loginx", "/orders#x", "/%0d%0aSet-Cookie:x", "/?return=/login"]
        {
            assert_eq!(safe(good), good);
        }
        let long = format!("/{}", "a".repeat(3000));
        for bad in [
            "",
            "orders",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "/a\r\nSet-Cookie: x=y",
            "https://evil.example",
            "javascript:alert(1)",
            " /x",
            "/ x",
            "/é",
            "/login",
            "/login?return=/",
            "/login/admins",
            "/logout",
            "/oauth2/connect/idp",
            "?x",
            "#x",
            "/x\u{0}",
            &long,
        ] {
            assert_eq!(safe(bad), "/", "{bad:?}");
        }
    }
}
