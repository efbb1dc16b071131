//! The way that mail takes, as it is configured.

use percent_encoding::percent_decode_str;
use std::{fmt, path::PathBuf};
use url::{Host, Url};

/// The way that mail takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// To a mail server.
    Smtp(Smtp),
    /// To the log, links and all. For development.
    Log,
    /// To a folder, a file for each mail. For development and tests.
    Folder(PathBuf),
}

/// A mail server.
#[derive(Clone, PartialEq, Eq)]
pub struct Smtp {
    /// Its name, to which its certificate must be made out.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept private.
    pub encryption: Encryption,
    /// User and password, if it asks for them (AUTH PLAIN or LOGIN).
    pub credentials: Option<(String, String)>,
    /// Certificates that are trusted besides the system's.
    pub certificates: Certificates,
}

/// How a connection is kept private.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte (RFC 8314).
    Implicit,
    /// STARTTLS, without which nothing is sent (RFC 3207).
    StartTls,
    /// None.
    None,
}

/// PEM text of certificates; empty trusts the system's alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates(pub String);

/// Host, port and encryption alone.
impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, encryption, .. } = self;
        write!(f, "Smtp({host}:{port}, {encryption:?})")
    }
}

/// What is wrong with a URL; it continues the URL, and never repeats what stands before `@`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// Not one of the words there are.
    #[error(
        "is no way to send mail\nwrite \"smtp://USER:PASSWORD@HOST\", \"smtps://...\", \"folder:PATH\", \"log:\" or \"none\""
    )]
    Unknown,
    /// No URL.
    #[error("is no URL: {0}\nspecial characters of user and password are percent-encoded: `@` is `%40`")]
    Malformed(url::ParseError),
    /// More than scheme, user, host and port.
    #[error("has more than user, host, port and `?tls=`")]
    TooMuch,
    /// `tls` has another word.
    #[error("says `tls` in a way that is not known\nwrite `?tls=starttls` or `?tls=none`; `smtps://` is TLS from the first byte")]
    Tls,
    /// A password in the clear, over a network.
    #[error("would send a password in the clear\nleave `?tls=none` out, or send to a server on loopback")]
    Exposed,
    /// Only one of both.
    #[error("has a user without a password, or the other way round")]
    HalfCredentials,
}

impl Transport {
    /// Reads `smtp://`, `smtps://`, `folder:`, `log:` and `log:unsafe`; `None` for `none`.
    ///
    /// `smtp://` is STARTTLS, and plain towards loopback; port 587, and 25 towards loopback. `smtps://` is port 465.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(text: &str) -> Result<Option<Self>, UrlError> {
        if text == "none" {
            return Ok(None);
        }
        if let Some(path) = text.strip_prefix("folder:").filter(|path| !path.is_empty()) {
            return Ok(Some(Transport::Folder(path.into())));
        }
        if matches!(text, "log:" | "log:unsafe") {
            return Ok(Some(Transport::Log));
        }
        if !text.starts_with("smtp://") && !text.starts_with("smtps://") {
            return Err(UrlError::Unknown);
        }
        Smtp::parse(&Url::parse(text).map_err(UrlError::Malformed)?).map(|smtp| Some(Transport::Smtp(smtp)))
    }

    /// Whether `text` is meant for a Doorward that only this machine reaches.
    pub fn is_log_of_loopback_alone(text: &str) -> bool {
        text == "log:"
    }
}

impl Certificates {
    /// Reads PEM text.
    ///
    /// # Errors
    /// What is wrong, continuing the name of its file.
    pub fn parse(pem: String) -> Result<Self, String> {
        crate::deliver::certificates(&pem).map(|_| Self(pem))
    }
}

impl Smtp {
    /// Whether mail stays on this machine on its way there.
    pub fn is_on_loopback(&self) -> bool {
        is_loopback(&self.host)
    }

    fn parse(url: &Url) -> Result<Self, UrlError> {
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(UrlError::TooMuch)?.to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(UrlError::TooMuch);
        }
        let loopback = is_loopback(&host);
        let implicit = url.scheme() == "smtps";
        let encryption = match url.query() {
            None if implicit => Encryption::Implicit,
            None if loopback => Encryption::None,
            None => Encryption::StartTls,
            Some("tls=starttls") if !implicit => Encryption::StartTls,
            Some("tls=none") if !implicit => Encryption::None,
            Some(_) => return Err(UrlError::Tls),
        };
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, Some(password)) if !user.is_empty() && !password.is_empty() => Some((decoded(user), decoded(password))),
            _ => return Err(UrlError::HalfCredentials),
        };
        if encryption == Encryption::None && !loopback && credentials.is_some() {
            return Err(UrlError::Exposed);
        }
        let port = url.port().unwrap_or(match (encryption, loopback) {
            (Encryption::Implicit, _) => 465,
            (Encryption::None, true) => 25,
            _ => 587,
        });
        Ok(Self { host, port, encryption, credentials, certificates: Certificates::default() })
    }
}

/// The host of a URL whose scheme is not special is text, whatever it looks like.
fn is_loopback(host: &str) -> bool {
    match Host::parse(host) {
        Ok(Host::Domain(name)) => name == "localhost",
        Ok(Host::Ipv4(address)) => address.is_loopback(),
        Ok(Host::Ipv6(address)) => address.is_loopback(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(text: &str) -> Smtp {
        match Transport::parse(text) {
            Ok(Some(Transport::Smtp(smtp))) => smtp,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn reads_every_way() {
        assert_eq!(Transport::parse("none"), Ok(None));
        assert_eq!(Transport::parse("log:"), Ok(Some(Transport::Log)));
        assert_eq!(Transport::parse("folder:out"), Ok(Some(Transport::Folder("out".into()))));
        for (text, port, encryption) in [
            ("smtp://mail.example.com", 587, Encryption::StartTls),
            ("smtp://mail.example.com:25?tls=none", 25, Encryption::None),
            ("smtps://mail.example.com", 465, Encryption::Implicit),
            ("smtp://127.0.0.1", 25, Encryption::None),
            ("smtp://localhost:2525", 2525, Encryption::None),
            ("smtp://[::1]:2525?tls=starttls", 2525, Encryption::StartTls),
        ] {
            let smtp = smtp(text);
            assert_eq!((smtp.port, smtp.encryption, smtp.credentials), (port, encryption, None), "{text}");
        }
        let with = smtp("smtps://shop%40example.com:p%3A%2Fs%23@mail.example.com:4465/");
        assert_eq!((&*with.host, with.port), ("mail.example.com", 4465));
        assert_eq!(with.credentials, Some(("shop@example.com".into(), "p:/s#".into())));
        assert!(!format!("{with:?}").contains("shop"), "{with:?}");
    }

    #[test]
    fn refuses_what_is_unsafe_or_unclear() {
        for (text, error) in [
            ("", UrlError::Unknown),
            ("folder:", UrlError::Unknown),
            ("log:all", UrlError::Unknown),
            ("http://mail.example.com", UrlError::Unknown),
            ("smtp://u:p@mail.example.com?tls=none", UrlError::Exposed),
            ("smtp://u@mail.example.com", UrlError::HalfCredentials),
            ("smtp://:p@mail.example.com", UrlError::HalfCredentials),
            ("smtp://mail.example.com/x", UrlError::TooMuch),
            ("smtp://mail.example.com#x", UrlError::TooMuch),
            ("smtp://mail.example.com?tls=maybe", UrlError::Tls),
            ("smtps://mail.example.com?tls=none", UrlError::Tls),
            ("smtp://mail.example.com?x", UrlError::Tls),
        ] {
            assert_eq!(Transport::parse(text), Err(error), "{text}");
        }
        assert!(matches!(Transport::parse("smtp://u:p/w@mail.example.com"), Err(UrlError::Malformed(_))));
    }
}
