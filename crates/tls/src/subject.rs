//! Whose a certificate is: one text of it, exactly, by which an account is found.

use crate::{name::Name, pem::parsed};
use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::certificate::Certificate;
use rustls::pki_types::CertificateDer;
use std::{net::IpAddr, sync::Arc};
use x509_parser::prelude::{GeneralName, X509Certificate};

/// What of a certificate names its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Map {
    /// The subject, as RFC 4514 writes it: `CN=Jane,O=Example,C=FR`.
    Subject,
    /// The subject's only common name.
    Cn,
    /// The only e-mail address: of the alternative names or, where these have none, of the subject.
    Email,
    /// The only DNS name of the alternative names.
    Dns,
    /// The only URI of the alternative names.
    Uri,
    /// Serial number (hexadecimal) and issuer: `4d2/CN=Partners,O=Example`.
    Serial,
    /// SHA-256 over the certificate, in hexadecimal.
    Fingerprint,
}

impl Map {
    /// The word of the configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Map::Subject => "subject",
            Map::Cn => "cn",
            Map::Email => "email",
            Map::Dns => "dns",
            Map::Uri => "uri",
            Map::Serial => "serial",
            Map::Fingerprint => "fingerprint",
        }
    }
}

const COMMON_NAME: &str = "2.5.4.3";
const EMAIL: &str = "1.2.840.113549.1.9.1";

/// All that a certificate says of its owner that was verified.
///
/// # Errors
/// It cannot be read; the text is for the operator.
pub(crate) fn certificate(certificate: &CertificateDer<'_>) -> Result<Certificate, &'static str> {
    let read = parsed(certificate).ok_or("the certificate cannot be read")?;
    let names = read.subject_alternative_name().map_err(|_| "its alternative names cannot be read")?;
    let mut said = Certificate {
        subject: Some(Name::of(read.subject()).to_string()),
        thumbprint: Some(thumbprint(digest(&SHA256, certificate).as_ref())),
        ..Certificate::default()
    };
    for name in names.iter().flat_map(|names| &names.value.general_names) {
        match name {
            GeneralName::DNSName(text) => said.dns.push((*text).to_owned()),
            GeneralName::URI(text) => said.uris.push((*text).to_owned()),
            GeneralName::RFC822Name(text) => said.emails.push((*text).to_owned()),
            GeneralName::IPAddress(bytes) => said.ips.extend(address(bytes)),
            _ => {}
        }
    }
    Ok(said)
}

/// A subject in the one spelling in which certificates are compared (RFC 4514); `None` for what is none.
pub fn canonical_subject(text: &str) -> Option<String> {
    Name::parse(text).map(|name| name.to_string())
}

/// The SHA-256 of a certificate as `x5t#S256` has it (RFC 8705 3.1).
pub(crate) fn thumbprint(sha256: &[u8]) -> Arc<str> {
    URL_SAFE_NO_PAD.encode(sha256).into()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from);
    v4.or_else(|| <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from))
}

/// The owner's name in a certificate that was verified.
///
/// # Errors
/// There is none, there are several, or it holds control characters; the text is for the operator.
pub(crate) fn owner(certificate: &CertificateDer<'_>, map: Map) -> Result<String, &'static str> {
    let read = parsed(certificate).ok_or("the certificate cannot be read")?;
    let subject = || Name::of(read.subject());
    let found = match map {
        Map::Subject => subject().to_string(),
        Map::Cn => subject().only(COMMON_NAME)?.ok_or("its subject has no common name")?.to_owned(),
        Map::Email => match only(&read, email)? {
            Some(address) => address,
            None => subject().only(EMAIL)?.ok_or("it has no e-mail address")?.to_owned(),
        },
        Map::Dns => only(&read, dns)?.ok_or("it has no DNS name")?,
        Map::Uri => only(&read, uri)?.ok_or("it has no URI")?,
        Map::Serial => format!("{}/{}", serial(read.raw_serial()), Name::of(read.issuer())),
        Map::Fingerprint => hex(digest(&SHA256, certificate).as_ref()),
    };
    sound(found)
}

/// The owner's name where only the subject is known, as RFC 4514 or RFC 2253 writes it.
///
/// # Errors
/// It is no such text, or does not say what the mapping asks for.
pub(crate) fn owner_of_subject(subject: &str, map: Map) -> Result<String, &'static str> {
    let name = Name::parse(subject).ok_or("the subject in the header is no RFC 4514 name")?;
    sound(match map {
        Map::Subject => name.to_string(),
        Map::Cn => name.only(COMMON_NAME)?.ok_or("its subject has no common name")?.to_owned(),
        Map::Email => name.only(EMAIL)?.ok_or("its subject has no e-mail address")?.to_owned(),
        Map::Dns | Map::Uri | Map::Serial | Map::Fingerprint => return Err("the header has the subject alone"),
    })
}

/// Nobody's login is empty or has control characters, and a NUL has cut names short before.
pub(crate) fn sound(name: String) -> Result<String, &'static str> {
    match name.is_empty() || name.chars().any(char::is_control) {
        true => Err("the name in it is empty or holds control characters"),
        false => Ok(name),
    }
}

/// The only alternative name of one kind.
fn only<'c>(
    certificate: &'c X509Certificate<'_>,
    kind: impl Fn(&GeneralName<'c>) -> Option<&'c str>,
) -> Result<Option<String>, &'static str> {
    let names = certificate.subject_alternative_name().map_err(|_| "its alternative names cannot be read")?;
    let Some(names) = names else { return Ok(None) };
    let mut found = names.value.general_names.iter().filter_map(kind);
    match (found.next(), found.next()) {
        (first, None) => Ok(first.map(str::to_owned)),
        (_, Some(_)) => Err("it has several of them among its alternative names"),
    }
}

fn email<'c>(name: &GeneralName<'c>) -> Option<&'c str> {
    if let GeneralName::RFC822Name(text) = name { Some(text) } else { None }
}

fn dns<'c>(name: &GeneralName<'c>) -> Option<&'c str> {
    if let GeneralName::DNSName(text) = name { Some(text) } else { None }
}

fn uri<'c>(name: &GeneralName<'c>) -> Option<&'c str> {
    if let GeneralName::URI(text) = name { Some(text) } else { None }
}

/// Without zeros in front, as OpenSSL's `-serial` has it but for the case.
fn serial(bytes: &[u8]) -> String {
    let text = hex(bytes);
    let text = text.trim_start_matches('0');
    if text.is_empty() { "0".to_owned() } else { text.to_owned() }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, DnValue, KeyPair, SanType, SerialNumber};

    fn made(change: impl FnOnce(&mut CertificateParams)) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.serial_number = Some(SerialNumber::from(vec![0x04, 0xd2]));
        change(&mut params);
        CertificateDer::from(params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec())
    }

    fn email_in(params: &mut CertificateParams, address: &str) {
        let kind = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
        params.distinguished_name.push(kind, DnValue::Ia5String(address.try_into().unwrap()));
    }

    #[test]
    fn the_subject_is_written_as_rfc_4514_has_it() {
        let certificate = made(|params| {
            params.distinguished_name.push(DnType::CountryName, "FR");
            params.distinguished_name.push(DnType::OrganizationName, "Example, \"Inc\"");
            params.distinguished_name.push(DnType::CommonName, " Jane+Doe;");
        });
        assert_eq!(owner(&certificate, Map::Subject).unwrap(), "CN=\\ Jane\\+Doe\\;,O=Example\\, \\\"Inc\\\",C=FR");
        assert_eq!(owner(&certificate, Map::Cn).unwrap(), " Jane+Doe;");
        assert!(owner(&certificate, Map::Serial).unwrap().starts_with("4d2/CN="));
        assert_eq!(owner(&certificate, Map::Fingerprint).unwrap().len(), 64);
        for map in [Map::Email, Map::Dns, Map::Uri] {
            assert!(owner(&certificate, map).is_err(), "{map:?}");
        }
    }

    /// The source's own way takes what follows `emailAddress=` first, wherever it stands (ibexa-rest 6).
    #[test]
    fn security_49_a_name_inside_another_name_is_never_found() {
        let certificate = made(|params| {
            params.distinguished_name.push(DnType::CommonName, "x,emailAddress=admin@example.com");
        });
        assert!(owner(&certificate, Map::Email).is_err());
        let certificate = made(|params| {
            params.distinguished_name.push(DnType::OrganizationName, "emailAddress=admin@example.com");
            email_in(params, "jane@example.com");
        });
        assert_eq!(owner(&certificate, Map::Email).unwrap(), "jane@example.com");
        let certificate = made(|params| params.distinguished_name.push(DnType::OrganizationName, "CN=admin"));
        assert!(owner(&certificate, Map::Cn).is_err());
        for text in ["O=x\\,emailAddress=admin@example.com", "CN=emailAddress=admin@example.com,O=y"] {
            assert!(owner_of_subject(text, Map::Email).is_err(), "{text}");
        }
    }

    #[test]
    fn the_alternative_names_come_before_the_subject_and_several_are_refused() {
        let san = |text: &str| SanType::Rfc822Name(text.try_into().unwrap());
        let certificate = made(|params| {
            email_in(params, "old@example.com");
            params.subject_alt_names = vec![san("jane@example.com"), SanType::DnsName("a.example.com".try_into().unwrap())];
        });
        assert_eq!(owner(&certificate, Map::Email).unwrap(), "jane@example.com");
        assert_eq!(owner(&certificate, Map::Dns).unwrap(), "a.example.com");
        let certificate = made(|params| {
            email_in(params, "old@example.com");
            params.subject_alt_names = vec![san("jane@example.com"), san("bob@example.com")];
        });
        assert!(owner(&certificate, Map::Email).unwrap_err().contains("several"));
        let certificate =
            made(|params| params.subject_alt_names = vec![SanType::URI("spiffe://example.com/a".try_into().unwrap())]);
        assert_eq!(owner(&certificate, Map::Uri).unwrap(), "spiffe://example.com/a");
    }

    #[test]
    fn a_nul_in_a_name_makes_it_nobodys() {
        let certificate = made(|params| params.distinguished_name.push(DnType::CommonName, "admin\0.evil.example"));
        assert!(owner(&certificate, Map::Cn).unwrap_err().contains("control"));
        assert!(owner(&certificate, Map::Subject).unwrap().contains("\\00"));
    }

    #[test]
    fn a_subject_in_a_header_is_read_as_the_certificate_would_be() {
        assert_eq!(owner_of_subject("emailAddress=jane@example.com,CN=Jane,O=x", Map::Email).unwrap(), "jane@example.com");
        assert_eq!(owner_of_subject("cn=Jane, o=x", Map::Subject).unwrap(), "CN=Jane,O=x");
        assert_eq!(owner_of_subject("CN=Jane,O=x", Map::Cn).unwrap(), "Jane");
        for (text, map) in
            [("/C=FR/CN=x", Map::Cn), ("CN=a,CN=b", Map::Cn), ("O=x", Map::Cn), ("CN=a", Map::Serial), ("", Map::Subject)]
        {
            assert!(owner_of_subject(text, map).is_err(), "{text}");
        }
    }
}
