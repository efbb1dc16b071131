//! Connections that we begin: whom we believe about the servers that we ask.

use crate::{Chain, terminator::ByClock};
use doorward_core::ports::Clock;
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName};
use std::{fmt, io, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
pub use tokio_rustls::client::TlsStream as ClientStream;

/// The authorities that we believe about servers.
#[derive(Clone)]
pub struct Authorities(Arc<RootCertStore>);

impl Authorities {
    /// Those that this machine trusts.
    ///
    /// # Errors
    /// It knows none; the text is a sentence.
    pub fn system() -> Result<Self, String> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(found.certs);
        if roots.is_empty() {
            return Err("this machine trusts no certificate authority: install its package `ca-certificates`".into());
        }
        Ok(Self(Arc::new(roots)))
    }

    /// These and no others.
    ///
    /// # Errors
    /// One of them cannot be an authority; the text continues the file's name.
    pub fn only(chain: &Chain) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        for certificate in &chain.0 {
            roots.add(certificate.clone()).map_err(|error| format!("cannot be used: {error}"))?;
        }
        Ok(Self(Arc::new(roots)))
    }
}

impl PartialEq for Authorities {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.roots == other.0.roots
    }
}

impl Eq for Authorities {}

/// How many.
impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

/// Carries out handshakes with servers. It shows no certificate of ours.
#[derive(Clone)]
pub struct Connector(tokio_rustls::TlsConnector);

impl Connector {
    /// Believes `authorities`; certificates count by this clock. It speaks HTTP/1.1.
    ///
    /// # Errors
    /// The crypto library refuses.
    pub fn new(authorities: &Authorities, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_details(provider, Arc::new(ByClock(clock)));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let mut config = builder.with_root_certificates(Arc::clone(&authorities.0)).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(tokio_rustls::TlsConnector::from(Arc::new(config))))
    }

    /// A handshake with the server of this name, or this address; whoever calls it bounds its time.
    ///
    /// # Errors
    /// The server hung up, or its certificate does not count for the name; the text continues the server's name.
    pub async fn connect<IO: AsyncRead + AsyncWrite + Unpin>(&self, host: &str, io: IO) -> Result<ClientStream<IO>, String> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| "is no name that a certificate can have".to_owned())?;
        self.0.connect(name, io).await.map_err(|error| words(&error))
    }
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

/// What the library says was wrong, without the input.
fn words(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => format!("cannot be trusted: {error}"),
        None => "hung up during the TLS handshake".into(),
    }
}
