//! What a client's certificate says of its owner, once somebody believed it.

use std::{fmt, net::IpAddr, sync::Arc};

/// A certificate that was verified, as far as it was passed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Its subject in the one spelling that RFC 4514 leaves; `None` where nobody said.
    pub subject: Option<String>,
    /// DNS names among its alternative names (RFC 5280 4.2.1.6).
    pub dns: Vec<String>,
    /// URIs among them.
    pub uris: Vec<String>,
    /// Addresses among them.
    pub ips: Vec<IpAddr>,
    /// E-mail addresses among them.
    pub emails: Vec<String>,
    /// Its SHA-256 in base64url: `x5t#S256` (RFC 8705 3.1). `None` where only names were passed on.
    pub thumbprint: Option<Arc<str>>,
}

/// Which name of a certificate a client is known by (RFC 8705 2.1.2). A client has exactly one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CertificateKind {
    /// The subject.
    Subject,
    /// A DNS name.
    Dns,
    /// A URI.
    Uri,
    /// An address.
    Ip,
    /// An e-mail address.
    Email,
}

impl CertificateKind {
    /// All of them.
    pub const ALL: [CertificateKind; 5] =
        [CertificateKind::Subject, CertificateKind::Dns, CertificateKind::Uri, CertificateKind::Ip, CertificateKind::Email];

    /// What RFC 8705 2.1.2 has after `tls_client_auth_`; stable.
    pub fn as_str(self) -> &'static str {
        match self {
            CertificateKind::Subject => "subject_dn",
            CertificateKind::Dns => "san_dns",
            CertificateKind::Uri => "san_uri",
            CertificateKind::Ip => "san_ip",
            CertificateKind::Email => "san_email",
        }
    }
}

/// A name that a client's certificate must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateName {
    kind: CertificateKind,
    text: Arc<str>,
}

impl CertificateName {
    /// A name of this kind. A subject is in the one spelling already.
    ///
    /// # Errors
    /// When no certificate has such a name; the text continues the name.
    pub fn new(kind: CertificateKind, text: &str) -> Result<Self, &'static str> {
        if text.is_empty() || text.len() > 1000 || text.chars().any(char::is_control) {
            return Err("is empty, too long, or has control characters");
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
        let text: Arc<str> = match kind {
            CertificateKind::Subject => text.into(),
            // A pattern would stand for names that nobody registered.
            CertificateKind::Dns if text.bytes().all(plain) => text.to_ascii_lowercase().into(),
            CertificateKind::Dns => return Err("is no DNS name"),
            CertificateKind::Uri if text.contains(':') && text.bytes().all(|b| b.is_ascii_graphic()) => text.into(),
            CertificateKind::Uri => return Err("is no URI"),
            CertificateKind::Ip => text.parse::<IpAddr>().map_err(|_| "is no address")?.to_string().into(),
            CertificateKind::Email if text.contains('@') && !text.contains(' ') => text.into(),
            CertificateKind::Email => return Err("is no e-mail address"),
        };
        Ok(Self { kind, text })
    }

    /// Reads what [`fmt::Display`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, rest) = text.split_once(':')?;
        let kind = CertificateKind::ALL.into_iter().find(|kind| kind.as_str() == word)?;
        Self::new(kind, rest).ok()
    }

    /// Its kind.
    pub fn kind(&self) -> CertificateKind {
        self.kind
    }

    /// Its text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a certificate has this name: letter for letter, DNS names in any case, addresses by their number. Of several
    /// alternative names one suffices (RFC 8705 2.1.2).
    pub fn names(&self, certificate: &Certificate) -> bool {
        let is = |own: &String| **own == *self.text;
        match self.kind {
            CertificateKind::Subject => certificate.subject.as_ref().is_some_and(is),
            CertificateKind::Dns => certificate.dns.iter().any(|own| own.eq_ignore_ascii_case(&self.text)),
            CertificateKind::Uri => certificate.uris.iter().any(is),
            CertificateKind::Ip => self.text.parse().is_ok_and(|ip: IpAddr| certificate.ips.contains(&ip)),
            CertificateKind::Email => certificate.emails.iter().any(is),
        }
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.as_str(), self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jane() -> Certificate {
        Certificate {
            subject: Some("CN=Jane,O=Example".into()),
            dns: vec!["A.example.com".into(), "b.example.com".into()],
            uris: vec!["spiffe://example.com/a".into()],
            ips: vec!["2001:db8::1".parse().unwrap()],
            emails: vec!["jane@example.com".into()],
            thumbprint: None,
        }
    }

    #[test]
    fn a_certificate_has_a_name_or_it_has_not() {
        use CertificateKind::{Dns, Email, Ip, Subject, Uri};
        for (kind, text, has) in [
            (Subject, "CN=Jane,O=Example", true),
            (Subject, "CN=jane,O=Example", false),
            (Subject, "CN=Jane", false),
            (Dns, "a.EXAMPLE.com", true),
            (Dns, "b.example.com", true),
            (Dns, "example.com", false),
            (Uri, "spiffe://example.com/a", true),
            (Uri, "spiffe://example.com/A", false),
            (Ip, "2001:DB8:0::1", true),
            (Ip, "192.0.2.1", false),
            (Email, "jane@example.com", true),
            (Email, "Jane@example.com", false),
        ] {
            let name = CertificateName::new(kind, text).unwrap();
            assert_eq!(name.names(&jane()), has, "{name}");
            assert_eq!(CertificateName::parse(&name.to_string()), Some(name.clone()), "{name}");
            assert!(!name.names(&Certificate::default()), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        use CertificateKind::{Dns, Email, Ip, Subject, Uri};
        for (kind, text) in [
            (Subject, ""),
            (Subject, "CN=a\0"),
            (Dns, "*.example.com"),
            (Dns, "a b"),
            (Uri, "spiffe"),
            (Ip, "1.2.3"),
            (Email, "jane"),
        ] {
            assert!(CertificateName::new(kind, text).is_err(), "{text:?}");
        }
        assert_eq!(CertificateName::parse("other:x"), None);
        assert_eq!(CertificateName::parse("CN=Jane"), None);
    }
}
