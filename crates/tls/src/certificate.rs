//! What we show: a certificate that belongs to its key, and what is odd about it.

use crate::{Chain, Key, pem::parsed};
use doorward_core::Time;
use rustls::{crypto::aws_lc_rs::default_provider, pki_types::CertificateDer, sign::CertifiedKey};
use std::{fmt, sync::Arc, time::Duration};
use x509_parser::prelude::{GeneralName, X509Certificate};

/// A certificate that ends within this time is spoken of.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);

/// A chain and the key of its first certificate.
#[derive(Clone)]
pub struct Identity {
    chain: Chain,
    key: Key,
    pub(crate) certified: Arc<CertifiedKey>,
}

/// Something sound but unwise: what, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Continues the file's name.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl Identity {
    /// Puts both together.
    ///
    /// # Errors
    /// The key is of a kind that TLS has no use for, or of another certificate.
    pub fn new(chain: Chain, key: Key) -> Result<Self, String> {
        let shown = without_root(&chain.0).to_vec();
        match CertifiedKey::from_der(shown, key.0.clone_key(), &default_provider()) {
            Ok(certified) => Ok(Self { chain, key, certified: Arc::new(certified) }),
            Err(rustls::Error::InconsistentKeys(_)) => Err("is not the key of the first certificate".into()),
            Err(error) => Err(format!("cannot be used: {error}")),
        }
    }

    /// The DNS names of the certificate, in lower case; `*.example.com` stands for one label.
    pub fn names(&self) -> Vec<String> {
        let Some(leaf) = self.chain.0.first().and_then(parsed) else { return Vec::new() };
        let Ok(Some(names)) = leaf.subject_alternative_name() else { return Vec::new() };
        let dns = names.value.general_names.iter().filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            _ => None,
        });
        dns.collect()
    }

    /// What clients may stumble over at `now`. `roots` are the subjects of authorities that clients are expected to know.
    pub fn warnings(&self, now: Time, roots: &[Vec<u8>]) -> Vec<Warning> {
        let chain: Vec<X509Certificate<'_>> = self.chain.0.iter().filter_map(parsed).collect();
        let mut warnings: Vec<Warning> = chain.iter().enumerate().filter_map(|(index, one)| aged(index, one, now)).collect();
        warnings.extend(loose_end(&chain, roots));
        warnings
    }
}

impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.chain == other.chain && self.key == other.key
    }
}

impl Eq for Identity {}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Identity").field(&self.names()).finish()
    }
}

/// Subjects of the authorities that this machine trusts; empty where it knows none.
pub fn system_roots() -> Vec<Vec<u8>> {
    let roots = rustls_native_certs::load_native_certs().certs;
    roots.iter().filter_map(|root| Some(parsed(root)?.subject().as_raw().to_vec())).collect()
}

/// A root at the end may stand in the file, and is not sent: who does not have it does not trust it (RFC 8446, 4.4.2).
fn without_root<'c>(chain: &'c [CertificateDer<'static>]) -> &'c [CertificateDer<'static>] {
    match chain {
        [first @ .., last] if !first.is_empty() && parsed(last).is_some_and(|last| is_root(&last)) => first,
        all => all,
    }
}

fn is_root(certificate: &X509Certificate<'_>) -> bool {
    certificate.subject().as_raw() == certificate.issuer().as_raw()
}

/// A certificate that is not valid yet, not any more, or not for long.
pub(crate) fn aged(index: usize, certificate: &X509Certificate<'_>, now: Time) -> Option<Warning> {
    let which = if index == 0 { String::new() } else { format!(" (number {} of the file)", index + 1) };
    let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
    let (begin, end) = (&certificate.validity().not_before, &certificate.validity().not_after);
    let (from, to, at) = (seconds(begin.timestamp()), seconds(end.timestamp()), now.seconds());
    let message = if at > to {
        format!("its certificate{which} expired on {}", end.to_datetime().date())
    } else if at < from {
        format!("its certificate{which} is not valid before {}", begin.to_datetime().date())
    } else if to - at < SOON.as_secs() {
        format!("its certificate{which} expires on {}, in {} days", end.to_datetime().date(), (to - at) / (24 * 3600))
    } else {
        return None;
    };
    Some(Warning { message, hint: "renew it; the files are read again when they change".into() })
}

/// Where the chain does not lead from each certificate to the next, or its end to a root that clients know.
fn loose_end(chain: &[X509Certificate<'_>], roots: &[Vec<u8>]) -> Option<Warning> {
    for (index, pair) in chain.windows(2).enumerate() {
        let [one, next] = pair else { continue };
        let named = one.issuer().as_raw() == next.subject().as_raw();
        if !named || one.verify_signature(Some(next.public_key())).is_err() {
            return Some(Warning {
                message: format!("its certificate number {} was not issued by the next one", index + 1),
                hint: "order them: the server's own first, then each one's issuer".into(),
            });
        }
    }
    let last = chain.last().filter(|last| !is_root(last))?;
    // A machine that trusts nobody cannot say.
    if roots.is_empty() || roots.iter().any(|root| root == last.issuer().as_raw()) {
        return None;
    }
    Some(Warning {
        message: format!(
            "its chain does not close: `{}` is neither in the file nor a root that this machine trusts",
            last.issuer()
        ),
        hint: "use the file with the intermediate certificates (`fullchain.pem`); with an authority of your own, append its root"
            .into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

    fn authority(name: &str) -> (CertificateParams, KeyPair) {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        (params, KeyPair::generate().unwrap())
    }

    /// Server, intermediate and root in PEM, and the server's key. The server's ends on 2031-01-01.
    fn chain() -> ([String; 3], String) {
        let (root, root_key) = authority("Root");
        let root_pem = root.self_signed(&root_key).unwrap().pem();
        let (middle, middle_key) = authority("Middle");
        let issuer = Issuer::new(root, root_key);
        let middle_pem = middle.signed_by(&middle_key, &issuer).unwrap().pem();
        let mut server = CertificateParams::new(vec!["Shop.Example.com".into(), "*.api.example.com".into()]).unwrap();
        server.not_after = rcgen::date_time_ymd(2031, 1, 1);
        server.not_before = rcgen::date_time_ymd(2026, 1, 1);
        let key = KeyPair::generate().unwrap();
        let server_pem = server.signed_by(&key, &Issuer::new(middle, middle_key)).unwrap().pem();
        ([server_pem, middle_pem, root_pem], key.serialize_pem())
    }

    const THEN: Time = Time(1_800_000_000_000);

    fn warnings(pem: &str, key: &str, now: Time, roots: &[Vec<u8>]) -> Vec<String> {
        let identity = Identity::new(Chain::read(pem).unwrap(), Key::read(key).unwrap()).unwrap();
        identity.warnings(now, roots).into_iter().map(|warning| warning.message).collect()
    }

    #[test]
    fn a_key_of_another_certificate_is_refused() {
        let ([server, ..], key) = chain();
        let other = KeyPair::generate().unwrap().serialize_pem();
        let pair = |key: &str| Identity::new(Chain::read(&server).unwrap(), Key::read(key).unwrap());
        assert_eq!(pair(&other).unwrap_err(), "is not the key of the first certificate");
        assert_eq!(pair(&key).unwrap().names(), ["shop.example.com", "*.api.example.com"]);
    }

    #[test]
    fn a_chain_closes_with_a_root_in_the_file_or_one_that_is_known() {
        let ([server, middle, root], key) = chain();
        let known = parsed(&Chain::read(&root).unwrap().0[0]).unwrap().subject().as_raw().to_vec();
        let unknown = vec![b"another".to_vec()];
        assert_eq!(warnings(&[&*server, &*middle, &*root].concat(), &key, THEN, &unknown), [""; 0]);
        assert_eq!(warnings(&[&*server, &*middle].concat(), &key, THEN, &[known]), [""; 0]);
        assert!(warnings(&[&*server, &*middle].concat(), &key, THEN, &unknown)[0].contains("does not close: `CN=Root`"));
        assert!(warnings(&server, &key, THEN, &unknown)[0].contains("does not close: `CN=Middle`"));
        assert!(warnings(&[&*server, &*root].concat(), &key, THEN, &unknown)[0].contains("number 1 was not issued by the next"));
        assert_eq!(warnings(&server, &key, THEN, &[]), [""; 0], "a machine without roots cannot say");
    }

    #[test]
    fn a_root_in_the_file_is_not_sent() {
        let ([server, middle, root], key) = chain();
        let identity =
            Identity::new(Chain::read(&[&*server, &*middle, &*root].concat()).unwrap(), Key::read(&key).unwrap()).unwrap();
        assert_eq!(identity.certified.cert.len(), 2);
    }

    #[test]
    fn speaks_of_an_end_within_thirty_days() {
        let ([server, middle, root], key) = chain();
        let pem = [server, middle, root].concat();
        let day = |n: u64| Time((1_924_992_000 - n * 86_400) * 1000);
        assert_eq!(warnings(&pem, &key, day(31), &[]), [""; 0]);
        assert_eq!(warnings(&pem, &key, day(29), &[]), ["its certificate expires on 2031-01-01, in 29 days"]);
        assert_eq!(warnings(&pem, &key, Time(1_924_992_001_000), &[]), ["its certificate expired on 2031-01-01"]);
        assert_eq!(warnings(&pem, &key, Time(1_600_000_000_000), &[]), ["its certificate is not valid before 2026-01-01"]);
    }
}
