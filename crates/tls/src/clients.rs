//! Certificates that clients show: whom we believe about them, and whether that still holds.

use crate::pem::parsed;
use crate::{Chain, Map, Warning, subject};
use arc_swap::ArcSwapOption;
use doorward_core::{Time, certificate::Certificate};
use rustls::{
    RootCertStore,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime, pem::PemObject},
    server::{WebPkiClientVerifier, danger::ClientCertVerifier},
};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};
use x509_parser::prelude::{CertificateRevocationList, FromDer};

/// A connection's certificate is looked at again after so long: it may have expired, or the lists of revoked ones may.
const AGAIN: u64 = 60;
/// A list that is out of date within this time is spoken of: authorities write them for days, not for months.
const SOON: u64 = 24 * 3600;

/// What binary lists begin with (X.690, 8.9).
const SEQUENCE: u8 = 0x30;

/// Lists of revoked certificates (RFC 5280, 5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revoked(Vec<CertificateRevocationListDer<'static>>);

impl Revoked {
    /// Reads every list of a file in PEM, or the one of a file in DER.
    ///
    /// # Errors
    /// There is none, or one of them cannot be read.
    pub fn read(file: &[u8]) -> Result<Self, String> {
        let lists = CertificateRevocationListDer::pem_slice_iter(file).collect::<Result<Vec<_>, _>>();
        let mut lists = lists.map_err(|error| format!("cannot be read: {error}"))?;
        // As authorities publish them (RFC 5280, 4.2.1.13): a sequence, and nothing around it.
        if lists.is_empty() && file.first() == Some(&SEQUENCE) {
            lists.push(file.to_vec().into());
        }
        if lists.is_empty() {
            return Err("holds no list of revoked certificates, neither in PEM (`-----BEGIN X509 CRL-----`) nor in DER".into());
        }
        for (index, list) in lists.iter().enumerate() {
            if !CertificateRevocationList::from_der(list).is_ok_and(|(rest, _)| rest.is_empty()) {
                return Err(format!("holds something that is no list of revoked certificates (number {})", index + 1));
            }
        }
        Ok(Self(lists))
    }

    /// Lists that are out of date at `now`, or soon will be.
    pub fn warnings(&self, now: Time) -> Vec<Warning> {
        let warn = |list: &CertificateRevocationListDer<'_>| {
            let (_, list) = CertificateRevocationList::from_der(list).ok()?;
            let hint = "fetch the authority's new list; until then certificates that it speaks of are refused";
            let Some(next) = list.next_update() else {
                return Some(Warning {
                    message: format!("its list of `{}` does not say until when it holds", list.issuer()),
                    hint: hint.into(),
                });
            };
            let end = u64::try_from(next.timestamp()).unwrap_or(0);
            let message = match now.seconds() {
                now if now > end => format!("its list of `{}` is out of date since {}", list.issuer(), next.to_datetime().date()),
                now if end - now < SOON => format!("its list of `{}` is out of date within a day", list.issuer()),
                _ => return None,
            };
            Some(Warning { message, hint: hint.into() })
        };
        self.0.iter().filter_map(warn).collect()
    }
}

/// Whom we believe about clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clients {
    authorities: Chain,
    revoked: Vec<Revoked>,
}

impl Clients {
    /// Certificates of these authorities count, unless a list says that they were revoked. Where there are lists, there
    /// must be one for every certificate below an authority, and none may be out of date.
    ///
    /// # Errors
    /// A certificate of the file cannot be an authority, or a list cannot be used; the text continues the file's name.
    pub fn new(authorities: Chain, revoked: Vec<Revoked>) -> Result<Self, String> {
        let clients = Self { authorities, revoked };
        clients.verifier(&Arc::new(rustls::crypto::aws_lc_rs::default_provider()))?;
        Ok(clients)
    }

    pub(crate) fn verifier(&self, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ClientCertVerifier>, String> {
        let mut roots = RootCertStore::empty();
        for authority in &self.authorities.0 {
            roots.add(authority.clone()).map_err(|error| format!("cannot be used: {error}"))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let builder = builder.with_crls(self.revoked.iter().flat_map(|revoked| revoked.0.iter().cloned()));
        // Who shows none may still be welcome elsewhere than under a certificate firewall.
        let built = builder.enforce_revocation_expiration().allow_unauthenticated().build();
        built.map_err(|error| format!("cannot be used with the lists of revoked certificates: {error}"))
    }

    /// Authorities that are not valid at `now`, or not for long.
    pub fn warnings(&self, now: Time) -> Vec<Warning> {
        let authorities = self.authorities.0.iter().filter_map(parsed);
        authorities.enumerate().filter_map(|(index, one)| crate::certificate::aged(index, &one, now)).collect()
    }
}

/// Whom we believe now. Certificates that were shown before are looked at again after a change.
#[derive(Default)]
pub struct Trust {
    now: ArcSwapOption<Trusted>,
    /// Of the last change, whether somebody was believed after it or nobody.
    generation: AtomicU64,
}

pub(crate) struct Trusted {
    generation: u64,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Trust {
    /// Believes these about clients from now on; without them nobody.
    ///
    /// # Errors
    /// The crypto library refuses; then nothing changed.
    pub fn believe(&self, clients: Option<&Clients>) -> Result<(), String> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = clients.map(|clients| clients.verifier(&provider)).transpose()?;
        self.set(verifier);
        Ok(())
    }

    /// What a client showed in the handshake of another program's server, which saw that the client has the key: its own
    /// certificate first, then those that vouch for it, each in DER. Whether it counts is found out here when it is asked for, whatever
    /// that server thought of it. Without any there is nothing to ask.
    pub fn shown(self: &Arc<Self>, chain: impl IntoIterator<Item = Vec<u8>>) -> Option<PeerCertificate> {
        let chain: Vec<_> = chain.into_iter().map(CertificateDer::from).collect();
        let unasked = PeerCertificate { chain, trust: Arc::clone(self), generation: AtomicU64::new(0), again: AtomicU64::new(0) };
        (!unasked.chain.is_empty()).then_some(unasked)
    }

    /// Replaces whom we believe.
    pub(crate) fn set(&self, verifier: Option<Arc<dyn ClientCertVerifier>>) -> Option<Arc<Trusted>> {
        // It counts on while nobody is believed: what was good before that is asked again after it.
        let generation = self.generation.fetch_add(1, SeqCst) + 1;
        let trusted = verifier.map(|verifier| Arc::new(Trusted { generation, verifier }));
        self.now.store(trusted.clone());
        trusted
    }
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("anybody", &self.now.load().is_some()).finish_non_exhaustive()
    }
}

/// A certificate that a client showed. Whether it counts is asked anew now and then.
pub struct PeerCertificate {
    chain: Vec<CertificateDer<'static>>,
    trust: Arc<Trust>,
    /// Of the trust that was asked last; 0 when none was.
    generation: AtomicU64,
    /// When it is asked again, in seconds.
    again: AtomicU64,
}

impl PeerCertificate {
    /// One that was just verified by `trusted`.
    pub(crate) fn new(chain: Vec<CertificateDer<'static>>, trust: Arc<Trust>, trusted: &Trusted, now: Time) -> Self {
        let (generation, again) = (AtomicU64::new(trusted.generation), AtomicU64::new(now.seconds() + AGAIN));
        Self { chain, trust, generation, again }
    }

    /// Whose it is.
    ///
    /// # Errors
    /// It does not count, or does not say; the text is for the operator.
    pub fn owner(&self, map: Map, now: Time) -> Result<String, &'static str> {
        let leaf = self.chain.first().ok_or("there is none")?;
        self.check(leaf, now)?;
        subject::owner(leaf, map)
    }

    /// All that it says of its owner.
    ///
    /// # Errors
    /// It does not count; the text is for the operator.
    pub fn said(&self, now: Time) -> Result<Certificate, &'static str> {
        let leaf = self.chain.first().ok_or("there is none")?;
        self.check(leaf, now)?;
        subject::certificate(leaf)
    }

    /// Asks again where whom we believe has changed since, and every minute.
    fn check(&self, leaf: &CertificateDer<'_>, now: Time) -> Result<(), &'static str> {
        let trusted = self.trust.now.load_full().ok_or("no authority is believed")?;
        let asked = self.generation.load(SeqCst);
        if asked == trusted.generation && now.seconds() < self.again.load(SeqCst) {
            return Ok(());
        }
        let at = UnixTime::since_unix_epoch(Duration::from_millis(now.0));
        let rest = self.chain.get(1..).unwrap_or_default();
        let why = if asked == 0 { "the certificate does not count" } else { "the certificate does not count any more" };
        trusted.verifier.verify_client_cert(leaf, rest, at).map_err(|_| why)?;
        self.again.store(now.seconds() + AGAIN, SeqCst);
        self.generation.store(trusted.generation, SeqCst);
        Ok(())
    }
}

impl fmt::Debug for PeerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PeerCertificate").field("certificates", &self.chain.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
