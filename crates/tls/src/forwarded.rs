//! A client's certificate in a request header, as a proxy that ended TLS passes it on. Whether that proxy is believed at
//! all is for whoever asks to decide; here only what it says is read, and in one form alone.

use crate::{Map, pem::parsed, subject};
use base64::{Engine, engine::general_purpose::STANDARD};
use doorward_core::{certificate::Certificate, quoted::split};
use percent_encoding::percent_decode_str;
use rustls::pki_types::{CertificateDer, pem::PemObject};

/// The one form in which certificates come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `Client-Cert` (RFC 9440): the certificate.
    ClientCert,
    /// `X-Forwarded-Client-Cert`, as Envoy writes it.
    Envoy,
    /// `X-SSL-Client-Cert`: the certificate in PEM, percent-encoded (nginx's `$ssl_client_escaped_cert`), or in Base64
    /// (HAProxy's `ssl_c_der`); with `X-SSL-Client-Verify`.
    Certificate,
    /// `X-SSL-Client-S-DN`: the subject (nginx's `$ssl_client_s_dn`, HAProxy's `ssl_c_s_dn`); with `X-SSL-Client-Verify`.
    Subject,
    /// `SSL_CLIENT_S_DN`: the subject, as Apache has it; with `SSL_CLIENT_VERIFY`.
    ApacheSubject,
    /// `SSL_CLIENT_S_DN_Email`: the subject's e-mail address, as Apache has it; with `SSL_CLIENT_VERIFY`.
    ApacheEmail,
}

impl Form {
    /// Each by the name of its header, as the configuration has it.
    pub const ALL: [(&'static str, Self); 6] = [
        ("Client-Cert", Form::ClientCert),
        ("X-Forwarded-Client-Cert", Form::Envoy),
        ("X-SSL-Client-Cert", Form::Certificate),
        ("X-SSL-Client-S-DN", Form::Subject),
        ("SSL_CLIENT_S_DN", Form::ApacheSubject),
        ("SSL_CLIENT_S_DN_Email", Form::ApacheEmail),
    ];

    /// Its header, in lower case.
    fn header(self) -> &'static str {
        match self {
            Form::ClientCert => "client-cert",
            Form::Envoy => "x-forwarded-client-cert",
            Form::Certificate => "x-ssl-client-cert",
            Form::Subject => "x-ssl-client-s-dn",
            Form::ApacheSubject => "ssl_client_s_dn",
            Form::ApacheEmail => "ssl_client_s_dn_email",
        }
    }

    /// The header that says what the proxy thinks of the certificate. The other forms are written only where it was good.
    fn verdict(self) -> Option<&'static str> {
        match self {
            Form::ClientCert | Form::Envoy => None,
            Form::Certificate | Form::Subject => Some("x-ssl-client-verify"),
            Form::ApacheSubject | Form::ApacheEmail => Some("ssl_client_verify"),
        }
    }

    /// Whether it can say what a mapping asks for.
    pub fn says(self, map: Map) -> bool {
        match self {
            Form::ClientCert | Form::Certificate | Form::Envoy => true,
            Form::Subject | Form::ApacheSubject => matches!(map, Map::Subject | Map::Cn | Map::Email),
            Form::ApacheEmail => map == Map::Email,
        }
    }
}

/// What a header says of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarded(Said);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Certificate(CertificateDer<'static>),
    Subject(String),
    Email(String),
    Envoy(Envoy),
    /// It is there, and cannot be read or was not good.
    Wrong(&'static str),
}

/// An element of Envoy's header without the certificate itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Envoy {
    hash: Option<String>,
    subject: Option<String>,
    uri: Vec<String>,
    dns: Vec<String>,
}

impl Forwarded {
    /// Reads the headers of a form; `lines` gives the value of a header by its name in lower case, or an error where it
    /// was sent more than once. Nothing is there when the client showed no certificate.
    pub fn read<'h>(form: Form, lines: impl Fn(&str) -> Result<Option<&'h [u8]>, ()>) -> Option<Self> {
        let text = |name| match lines(name) {
            Ok(Some(value)) => std::str::from_utf8(value).map(|text| Some(text.trim_matches([' ', '\t']))).map_err(|_| NO_TEXT),
            Ok(None) => Ok(None),
            Err(()) => Err("a header of the certificate is repeated"),
        };
        let said = match (text(form.header()), form.verdict().map(text)) {
            (Err(why), _) | (_, Some(Err(why))) => Said::Wrong(why),
            // nginx and Apache say so; HAProxy leaves the certificate empty.
            (Ok(None | Some("")), _) | (_, Some(Ok(Some("NONE")))) => return None,
            (_, Some(Ok(None | Some("")))) => Said::Wrong("the proxy does not say whether the certificate is good"),
            (Ok(Some(value)), None | Some(Ok(Some("SUCCESS" | "0")))) => said(form, value).unwrap_or_else(Said::Wrong),
            (_, Some(Ok(Some(_)))) => Said::Wrong("the proxy says that the certificate is not good"),
        };
        Some(Self(said))
    }

    /// Whose certificate it was.
    ///
    /// # Errors
    /// It cannot be read, was not good, or does not say; the text is for the operator.
    pub fn owner(&self, map: Map) -> Result<String, &'static str> {
        match &self.0 {
            Said::Wrong(why) => Err(why),
            Said::Certificate(certificate) => subject::owner(certificate, map),
            Said::Subject(text) => subject::owner_of_subject(text, map),
            Said::Email(text) if map == Map::Email => subject::sound(text.clone()),
            Said::Email(_) => Err("the header has an e-mail address alone"),
            Said::Envoy(envoy) => envoy.owner(map),
        }
    }

    /// All that was passed on of it.
    ///
    /// # Errors
    /// It cannot be read or was not good; the text is for the operator.
    pub fn said(&self) -> Result<Certificate, &'static str> {
        let none = Certificate::default();
        match &self.0 {
            Said::Wrong(why) => Err(why),
            Said::Certificate(certificate) => subject::certificate(certificate),
            Said::Subject(text) => {
                let subject = subject::canonical_subject(text).ok_or("the subject in the header is no RFC 4514 name")?;
                Ok(Certificate { subject: Some(subject), ..none })
            }
            // The subject's address: it need not stand among the alternative names, of which one is registered.
            Said::Email(_) => Ok(none),
            Said::Envoy(envoy) => Ok(Certificate {
                subject: envoy.subject.as_deref().and_then(subject::canonical_subject),
                dns: envoy.dns.clone(),
                uris: envoy.uri.clone(),
                thumbprint: envoy.hash.as_deref().and_then(unhex).map(|hash| subject::thumbprint(&hash)),
                ..none
            }),
        }
    }
}

/// 32 bytes in hexadecimal.
fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

const NO_TEXT: &str = "a header of the certificate is no text";
const BAD_ENVOY: &str = "X-Forwarded-Client-Cert cannot be read";

fn said(form: Form, value: &str) -> Result<Said, &'static str> {
    match form {
        Form::ClientCert => {
            // A byte sequence of structured fields (RFC 8941, 3.3.5), without parameters.
            let inner = value.strip_prefix(':').and_then(|rest| rest.strip_suffix(':'));
            binary(inner.ok_or("Client-Cert is no byte sequence between colons")?)
        }
        Form::Certificate if value.contains('%') => escaped(value),
        Form::Certificate => binary(value),
        Form::Subject | Form::ApacheSubject => Ok(Said::Subject(value.to_owned())),
        // What mod_headers writes for a variable that is not set.
        Form::ApacheEmail if value == "(null)" => Err("the certificate's subject has no e-mail address, or several"),
        Form::ApacheEmail => Ok(Said::Email(value.to_owned())),
        Form::Envoy => envoy(value),
    }
}

/// The certificate in Base64.
fn binary(text: &str) -> Result<Said, &'static str> {
    let der = STANDARD.decode(text).map_err(|_| "the certificate in the header is not Base64")?;
    certificate(CertificateDer::from(der))
}

/// The certificate in PEM, percent-encoded.
fn escaped(text: &str) -> Result<Said, &'static str> {
    let pem: Vec<u8> = percent_decode_str(text).collect();
    let mut all = CertificateDer::pem_slice_iter(&pem);
    match all.next() {
        Some(Ok(first)) => certificate(first),
        _ => Err("the certificate in the header is no PEM"),
    }
}

fn certificate(der: CertificateDer<'static>) -> Result<Said, &'static str> {
    if parsed(&der).is_some() { Ok(Said::Certificate(der)) } else { Err("there is no certificate in the header") }
}

/// The only element; of several, nobody could say whose is whose.
fn envoy(value: &str) -> Result<Said, &'static str> {
    let elements = split(value, ',').ok_or(BAD_ENVOY)?;
    let [element] = &elements[..] else { return Err("X-Forwarded-Client-Cert has several elements") };
    let (mut envoy, mut whole) = (Envoy::default(), None);
    for pair in split(element, ';').ok_or(BAD_ENVOY)? {
        let (key, value) = pair.split_once('=').ok_or(BAD_ENVOY)?;
        let value = unquoted(value).ok_or(BAD_ENVOY)?;
        let twice = match &*key.trim_matches(' ').to_ascii_lowercase() {
            "cert" => whole.replace(value).is_some(),
            "hash" => envoy.hash.replace(value.to_ascii_lowercase()).is_some(),
            "subject" => envoy.subject.replace(value).is_some(),
            "uri" => {
                envoy.uri.push(value);
                false
            }
            "dns" => {
                envoy.dns.push(value);
                false
            }
            // `By` is the proxy's own, `Chain` holds those that vouch.
            _ => false,
        };
        if twice {
            return Err(BAD_ENVOY);
        }
    }
    match whole {
        Some(pem) => escaped(&pem),
        None => Ok(Said::Envoy(envoy)),
    }
}

impl Envoy {
    fn owner(&self, map: Map) -> Result<String, &'static str> {
        let only = |all: &[String]| match all {
            [one] => Ok(one.clone()),
            [] => Err("the header does not say"),
            _ => Err("the header has several of them"),
        };
        match map {
            Map::Subject | Map::Cn | Map::Email => subject::owner_of_subject(
                self.subject.as_deref().filter(|text| !text.is_empty()).ok_or("the header has no subject")?,
                map,
            ),
            Map::Uri => subject::sound(only(&self.uri)?),
            Map::Dns => subject::sound(only(&self.dns)?),
            Map::Fingerprint => match &self.hash {
                Some(hash) if hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => Ok(hash.clone()),
                _ => Err("the header has no hash"),
            },
            Map::Serial => Err("the header has no serial number"),
        }
    }
}

/// A value, bare or in double quotes. Envoy escapes double quotes alone, so other backslashes are the name's own.
fn unquoted(value: &str) -> Option<String> {
    match value.strip_prefix('"') {
        None => (!value.contains('"')).then(|| value.to_owned()),
        Some(rest) => Some(rest.strip_suffix('"')?.replace("\\\"", "\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};

    fn read(form: Form, headers: &[(&str, &str)]) -> Option<Forwarded> {
        Forwarded::read(form, |name| {
            let mut found = headers.iter().filter(|(header, _)| *header == name);
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => Err(()),
                (first, _) => Ok(first.map(|(_, value)| value.as_bytes())),
            }
        })
    }

    fn owner(form: Form, map: Map, headers: &[(&str, &str)]) -> Option<Result<String, &'static str>> {
        read(form, headers).map(|forwarded| forwarded.owner(map))
    }

    fn jane() -> (String, String) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Jane");
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let escaped: String = percent_encoding::utf8_percent_encode(&made.pem(), percent_encoding::NON_ALPHANUMERIC).to_string();
        (STANDARD.encode(made.der()), escaped)
    }

    #[test]
    fn reads_each_form_as_its_proxy_writes_it() {
        let (binary, pem) = jane();
        let jane = Some(Ok("CN=Jane".to_owned()));
        let (bytes, envoy) = (format!(":{binary}:"), format!("By=spiffe://x;Hash=00;Cert=\"{pem}\";Subject=\"CN=Other\""));
        for (form, headers) in [
            (Form::ClientCert, vec![("client-cert", &*bytes)]),
            (Form::Envoy, vec![("x-forwarded-client-cert", &*envoy)]),
            (Form::Envoy, vec![("x-forwarded-client-cert", "By=a;Hash=b;Subject=\"CN=Jane\"")]),
            (Form::Certificate, vec![("x-ssl-client-cert", &*pem), ("x-ssl-client-verify", "SUCCESS")]),
            (Form::Certificate, vec![("x-ssl-client-cert", &*binary), ("x-ssl-client-verify", "0")]),
            (Form::Subject, vec![("x-ssl-client-s-dn", "CN=Jane"), ("x-ssl-client-verify", "SUCCESS")]),
            (Form::ApacheSubject, vec![("ssl_client_s_dn", "CN=Jane"), ("ssl_client_verify", "SUCCESS")]),
        ] {
            assert_eq!(owner(form, Map::Subject, &headers), jane, "{form:?}");
        }
        let email = [("ssl_client_s_dn_email", "jane@example.com"), ("ssl_client_verify", "SUCCESS")];
        assert_eq!(owner(Form::ApacheEmail, Map::Email, &email), Some(Ok("jane@example.com".into())));
        assert!(owner(Form::ApacheEmail, Map::Subject, &email).unwrap().is_err());
        let null = [("ssl_client_s_dn_email", "(null)"), ("ssl_client_verify", "SUCCESS")];
        assert!(owner(Form::ApacheEmail, Map::Email, &null).unwrap().is_err(), "what Apache writes for nothing is no name");
    }

    #[test]
    fn no_certificate_is_none_and_not_a_wrong_one() {
        for (form, headers) in [
            (Form::ClientCert, vec![]),
            (Form::ClientCert, vec![("client-cert", "")]),
            (Form::Certificate, vec![("x-ssl-client-cert", ""), ("x-ssl-client-verify", "0")]),
            (Form::Subject, vec![("x-ssl-client-s-dn", "CN=Jane"), ("x-ssl-client-verify", "NONE")]),
            (Form::Subject, vec![("x-ssl-client-verify", "SUCCESS")]),
        ] {
            assert_eq!(read(form, &headers), None, "{form:?} {headers:?}");
        }
    }

    #[test]
    fn what_was_not_good_or_cannot_be_read_is_wrong_and_never_skipped() {
        let (binary, pem) = jane();
        let (open, two) = (format!(":{binary}"), format!("Cert=\"{pem}\",Cert=\"{pem}\""));
        let twice = format!("Cert=\"{pem}\";Cert=\"{pem}\"");
        for (form, headers) in [
            (Form::Certificate, vec![("x-ssl-client-cert", &*pem)]),
            (Form::Certificate, vec![("x-ssl-client-cert", &*pem), ("x-ssl-client-verify", "FAILED:certificate has expired")]),
            (Form::Certificate, vec![("x-ssl-client-cert", &*pem), ("x-ssl-client-verify", "10")]),
            (Form::Certificate, vec![("x-ssl-client-cert", &*pem), ("x-ssl-client-verify", "GENEROUS")]),
            (
                Form::Certificate,
                vec![("x-ssl-client-cert", &*pem), ("x-ssl-client-cert", &*pem), ("x-ssl-client-verify", "SUCCESS")],
            ),
            (Form::Certificate, vec![("x-ssl-client-cert", "%41"), ("x-ssl-client-verify", "SUCCESS")]),
            (Form::Certificate, vec![("x-ssl-client-cert", "AAAA"), ("x-ssl-client-verify", "SUCCESS")]),
            (Form::Subject, vec![("x-ssl-client-s-dn", "/CN=Jane"), ("x-ssl-client-verify", "SUCCESS")]),
            (
                Form::Subject,
                vec![("x-ssl-client-s-dn", "CN=Jane"), ("x-ssl-client-verify", "SUCCESS"), ("x-ssl-client-verify", "SUCCESS")],
            ),
            (Form::ApacheSubject, vec![("ssl_client_s_dn", "CN=Jane")]),
            (Form::ClientCert, vec![("client-cert", &*binary)]),
            (Form::ClientCert, vec![("client-cert", &*open)]),
            (Form::ClientCert, vec![("client-cert", ":!:")]),
            (Form::Envoy, vec![("x-forwarded-client-cert", &*two)]),
            (Form::Envoy, vec![("x-forwarded-client-cert", &*twice)]),
            (Form::Envoy, vec![("x-forwarded-client-cert", "Subject=\"CN=Jane")]),
            (Form::Envoy, vec![("x-forwarded-client-cert", "Subject=\"CN=a\";Subject=\"CN=Jane\"")]),
            (Form::Envoy, vec![("x-forwarded-client-cert", "CN=Jane")]),
            (Form::Envoy, vec![("x-forwarded-client-cert", "Jane")]),
        ] {
            assert!(owner(form, Map::Subject, &headers).unwrap().is_err(), "{form:?} {headers:?}");
        }
    }

    #[test]
    fn envoys_parts_stand_for_the_certificate() {
        let hash = "468ED33BE74EEE6556D90C0149C1309E9BA61D6425303443C0748A02DD8DE688";
        let value = format!("By=x;Hash={hash};Subject=\"/C=US/CN=x\";URI=spiffe://a/b;DNS=a.example.com;DNS=b.example.com");
        let of = |map| owner(Form::Envoy, map, &[("x-forwarded-client-cert", &value)]).unwrap();
        assert_eq!(of(Map::Uri), Ok("spiffe://a/b".into()));
        assert_eq!(of(Map::Fingerprint), Ok(hash.to_ascii_lowercase()));
        for map in [Map::Dns, Map::Serial, Map::Subject] {
            assert!(of(map).is_err(), "{map:?}");
        }
        let said = read(Form::Envoy, &[("x-forwarded-client-cert", &value)]).unwrap().said().unwrap();
        assert_eq!((said.subject, said.dns.len(), &*said.uris), (None, 2, &["spiffe://a/b".to_owned()][..]));
        assert_eq!(said.thumbprint.as_deref(), Some("Ro7TO-dO7mVW2QwBScEwnpumHWQlMDRDwHSKAt2N5og"));
        let quoted = [("x-forwarded-client-cert", "Subject=\"CN=a\\\\\\\"b,O=c;d\"")];
        assert!(owner(Form::Envoy, Map::Cn, &quoted).unwrap().is_err(), "a bare semicolon is no RFC 4514 name");
    }
}
