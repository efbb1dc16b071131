//! Values of the web: URLs, origins, hosts, path prefixes, methods. Errors continue the text they are about.

use crate::reader::{Reader, Section};
use http::Method;
use url::{Host, Url};

/// Scheme and host under which browsers reach us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicUrl {
    /// `scheme://host[:port]`, the port only where it is not the scheme's own.
    pub(crate) origin: String,
    pub(crate) secure: bool,
    /// In lower case, as it stands in `Host`.
    pub(crate) host: String,
    pub(crate) is_loopback: bool,
}

/// `https://shop.example.com`, with nothing behind it but perhaps a slash.
pub(crate) fn public_url(text: &str) -> Result<PublicUrl, String> {
    let url = bare(text)?;
    let host = url.host().ok_or("has no host")?;
    Ok(PublicUrl {
        origin: url.origin().ascii_serialization(),
        secure: url.scheme() == "https",
        host: host.to_string().trim_end_matches('.').to_owned(),
        is_loopback: is_loopback(&host),
    })
}

/// `scheme://host[:port]` exactly.
pub(crate) fn origin(text: &str) -> Result<String, String> {
    let url = bare(text)?;
    let origin = url.origin().ascii_serialization();
    if text.ends_with('/') {
        return Err(format!("is no bare origin\nwithout the slash: \"{}\"", without_slash(text)));
    }
    Ok(origin)
}

/// An upstream: plain HTTP, scheme and authority alone.
pub(crate) fn upstream(text: &str) -> Result<String, String> {
    if text.starts_with("https://") {
        return Err(
            "is https, and this version speaks plain HTTP to upstreams\nlet a proxy beside Doorward speak TLS to it".into()
        );
    }
    let url = bare(text)?;
    Ok(url.origin().ascii_serialization())
}

fn without_slash(text: &str) -> &str {
    text.trim_end_matches('/')
}

/// An http or https URL of scheme, host and port.
fn bare(text: &str) -> Result<Url, String> {
    const HINT: &str = "\nwrite scheme, host and port: \"http://127.0.0.1:9000\"";
    let url = Url::parse(text).map_err(|error| format!("is no URL: {error}{HINT}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!("is neither http nor https{HINT}"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("holds a user or password, which have no place here{HINT}"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!("has more than scheme, host and port\nwithout the rest: \"{}\"", url.origin().ascii_serialization()));
    }
    Ok(url)
}

/// Whether an upstream's URL is on this machine.
pub(crate) fn is_local(base: &str) -> bool {
    Url::parse(base).is_ok_and(|url| url.host().is_some_and(|host| is_loopback(&host)))
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// A host name or address without port, in lower case.
pub(crate) fn host(text: &str) -> Result<String, String> {
    if text.contains("://") {
        return Err("is no host\nwithout the scheme".into());
    }
    let bracketed = text.starts_with('[') && text.ends_with(']');
    if text.contains(':') && !bracketed {
        return Err("is no host\na host has no port here, and an IPv6 address stands in brackets".into());
    }
    if text.contains('*') {
        return Err("is no host\nname each host; patterns belong in `host` of [[firewall]]".into());
    }
    match Host::parse(text) {
        Ok(host) => Ok(host.to_string().trim_end_matches('.').to_owned()),
        Err(error) => Err(format!("is no host: {error}")),
    }
}

/// A prefix of whole segments in canonical form, without trailing slash; `""` is the root.
pub(crate) fn path_prefix(text: &str) -> Result<String, String> {
    if text.is_empty() || text == "/" {
        return Ok(String::new());
    }
    if !text.starts_with('/') {
        return Err(format!("is no path prefix\nit begins with a slash: \"/{text}\""));
    }
    let prefix = text.strip_suffix('/').unwrap_or(text);
    let sound = |segment: &str| {
        !matches!(segment, "" | "." | "..") && segment.bytes().all(|b| b.is_ascii_graphic() && !b"?#%\\\"<>^`{|}".contains(&b))
    };
    if !prefix[1..].split('/').all(sound) {
        return Err("is no path prefix\nwrite plain segments: no empty or dot segment, query, space or percent sign".into());
    }
    Ok(prefix.to_owned())
}

/// The methods of a key; none when absent.
pub(crate) fn methods(r: &mut Reader<'_>, section: &Section<'_>) -> Vec<Method> {
    methods_of(r, section, "methods")
}

/// The same of a key of another name.
pub(crate) fn methods_of(r: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Vec<Method> {
    let mut methods = Vec::new();
    for text in r.some_texts(section, key).unwrap_or_default() {
        let parse = |text: &str| match Method::from_bytes(text.as_bytes()) {
            Ok(_) if text.bytes().any(|b| b.is_ascii_lowercase()) => {
                Err(format!("is no HTTP method\ndid you mean \"{}\"?", text.to_ascii_uppercase()))
            }
            Ok(method) => Ok(method),
            Err(_) => Err("is no HTTP method".into()),
        };
        if let Some(method) = r.parsed(&text, parse)
            && !methods.contains(&method)
        {
            methods.push(method);
        }
    }
    methods
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_public_urls() {
        let url = public_url("https://Shop.Example.com:443/").unwrap();
        assert_eq!(
            (&*url.origin, &*url.host, url.secure, url.is_loopback),
            ("https://shop.example.com", "shop.example.com", true, false)
        );
        assert_eq!(public_url("http://[::1]:8080").unwrap().host, "[::1]");
        assert!(public_url("http://127.0.0.9:1").unwrap().is_loopback);
        for text in ["", "shop.example.com", "ftp://x", "https://u:p@x", "https://x/y", "https://x?q", "https://x#f", "https://"]
        {
            assert!(public_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_bare_origins_only() {
        assert_eq!(origin("https://app.example.com"), Ok("https://app.example.com".into()));
        assert_eq!(origin("http://localhost:3000"), Ok("http://localhost:3000".into()));
        for text in ["https://app.example.com/", "https://a/b", "*", "null", "a.example"] {
            assert!(origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_hosts() {
        assert_eq!(host("Shop.Example.com."), Ok("shop.example.com".into()));
        assert_eq!(host("[::1]"), Ok("[::1]".into()));
        for text in ["", "a:80", "http://a", "*.a", "::1", "a b"] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_path_prefixes() {
        for (text, prefix) in [("", ""), ("/", ""), ("/a", "/a"), ("/a/b/", "/a/b")] {
            assert_eq!(path_prefix(text), Ok(prefix.into()), "{text}");
        }
        for text in ["a", "//", "/a//b", "/a/../b", "/.", "/a?b", "/a b", "/%61", "/a\\b", "/ä"] {
            assert!(path_prefix(text).is_err(), "{text}");
        }
    }
}
