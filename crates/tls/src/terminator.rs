//! Handshakes: TLS 1.2 and 1.3 with what rustls considers sound today, HTTP/2 and HTTP/1.1 by ALPN.

use crate::{
    Certificates, Clients, PeerCertificate,
    clients::{Trust, Trusted},
    shares::Shares,
};
use arc_swap::ArcSwap;
use doorward_core::ports::Clock;
use rustls::{
    ServerConfig,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::UnixTime,
    server::{Acceptor, NoServerSessionStorage, ProducesTickets, danger::ClientCertVerifier},
    time_provider::TimeProvider,
};
use std::{fmt, io, net::IpAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::Semaphore,
};
use tokio_rustls::LazyConfigAcceptor;
pub use tokio_rustls::server::TlsStream;

/// What to show to clients.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Our certificates.
    pub certificates: Certificates,
    /// Whom to believe about clients; without it none is asked for a certificate.
    pub clients: Option<Clients>,
}

/// What a handshake came to.
#[derive(Debug)]
pub struct Handshake {
    /// The name that the client asked for, in lower case.
    pub name: Option<Box<str>>,
    /// Both agreed on HTTP/2.
    pub http2: bool,
    /// The client was asked for a certificate. It is not known of a handshake that another program's server carried out.
    pub asked: Option<bool>,
    /// The one that it showed. In our own handshakes it was good.
    pub certificate: Option<PeerCertificate>,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The peer hung up: nothing that anybody need know.
    #[error("the peer hung up")]
    Gone,
    /// What one side found wrong with the other, in the library's words.
    #[error("{0}")]
    Failed(String),
}

/// Carries out handshakes. What it shows can be replaced; connections that stand keep what they agreed on.
pub struct Terminator {
    now: ArcSwap<Configs>,
    trust: Arc<Trust>,
    parts: Parts,
    /// Handshakes whose costly part is under way.
    places: Semaphore,
    shares: Shares,
}

struct Configs {
    plain: Arc<ServerConfig>,
    /// Where a certificate is asked for.
    asking: Option<(Arc<ServerConfig>, Arc<Trusted>)>,
}

struct Parts {
    provider: Arc<CryptoProvider>,
    clock: Arc<ByClock>,
    tickets: Arc<dyn ProducesTickets>,
}

impl Terminator {
    /// Shows `setup`; at most `handshakes` at a time, of which one network takes at most `share`.
    ///
    /// # Errors
    /// The crypto library refuses.
    pub fn new(setup: &Setup, clock: Arc<dyn Clock>, handshakes: usize, share: usize) -> Result<Self, String> {
        let tickets = aws_lc_rs::Ticketer::new().map_err(|error| error.to_string())?;
        let parts = Parts { provider: Arc::new(aws_lc_rs::default_provider()), clock: Arc::new(ByClock(clock)), tickets };
        let trust = Arc::new(Trust::default());
        let now = ArcSwap::from_pointee(parts.configs(setup, &trust)?);
        let places = Semaphore::new(handshakes.min(Semaphore::MAX_PERMITS));
        Ok(Self { now, trust, parts, places, shares: Shares::new(share) })
    }

    /// Shows `setup` from now on. Certificates that clients showed before are looked at again.
    ///
    /// # Errors
    /// The crypto library refuses; then nothing changed.
    pub fn replace(&self, setup: &Setup) -> Result<(), String> {
        self.now.store(Arc::new(self.parts.configs(setup, &self.trust)?));
        Ok(())
    }

    /// Carries out one handshake with a client at `address`. `asks` says whether clients that ask for a name, or for none, are to show a certificate;
    /// one that is not good ends it. Whoever calls it bounds its time.
    ///
    /// # Errors
    /// The peer is gone, or one of both does not like what the other sent; an alert has told it so.
    pub async fn accept<IO: AsyncRead + AsyncWrite + Unpin>(
        &self,
        io: IO,
        address: IpAddr,
        asks: impl FnOnce(Option<&str>) -> bool,
    ) -> Result<(TlsStream<IO>, Handshake), HandshakeError> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), io).await.map_err(failed)?;
        let name = start.client_hello().server_name().map(|name| name.to_ascii_lowercase().into_boxed_str());
        // Who has said nothing yet takes no place; who stalls now keeps one until its time is over. Those of one network wait
        // for each other first, so that others need not.
        let share = self.shares.of(address);
        let _share = share.enter().await.ok_or(HandshakeError::Gone)?;
        let _place = self.places.acquire().await.map_err(|_| HandshakeError::Gone)?;
        let now = self.now.load_full();
        let asking = now.asking.as_ref().filter(|_| asks(name.as_deref()));
        let config = asking.map_or(&now.plain, |(config, _)| config);
        let stream = start.into_stream(Arc::clone(config)).await.map_err(failed)?;
        let session = stream.get_ref().1;
        let http2 = session.alpn_protocol() == Some(HTTP2);
        let certificate = asking.zip(session.peer_certificates()).map(|((_, trusted), chain)| {
            let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
            PeerCertificate::new(chain, Arc::clone(&self.trust), trusted, self.parts.clock.0.now())
        });
        Ok((stream, Handshake { name, http2, asked: Some(asking.is_some()), certificate }))
    }
}

impl fmt::Debug for Terminator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Terminator")
    }
}

/// Its name in ALPN (RFC 9113, 3.1).
const HTTP2: &[u8] = b"h2";

impl Parts {
    fn configs(&self, setup: &Setup, trust: &Trust) -> Result<Configs, String> {
        let verifier = setup.clients.as_ref().map(|clients| clients.verifier(&self.provider)).transpose()?;
        let mut plain = self.config(setup, None)?;
        plain.ticketer = Arc::clone(&self.tickets);
        let asking = verifier.as_ref().map(|verifier| self.config(setup, Some(Arc::clone(verifier)))).transpose()?;
        let asking = asking.map(|mut config| {
            // Each handshake looks at the certificate: a session that is resumed would bring along what held before.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
            Arc::new(config)
        });
        // Last, when nothing can fail any more.
        let trusted = trust.set(verifier);
        Ok(Configs { plain: Arc::new(plain), asking: asking.zip(trusted) })
    }

    fn config(&self, setup: &Setup, verifier: Option<Arc<dyn ClientCertVerifier>>) -> Result<ServerConfig, String> {
        let (provider, clock) = (Arc::clone(&self.provider), Arc::clone(&self.clock) as _);
        let builder = ServerConfig::builder_with_details(provider, clock);
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| error.to_string())?;
        let builder = match verifier {
            Some(verifier) => builder.with_client_cert_verifier(verifier),
            None => builder.with_no_client_auth(),
        };
        let mut config = builder.with_cert_resolver(Arc::new(setup.certificates.clone()));
        config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    }
}

/// The time of our own clock.
pub(crate) struct ByClock(pub(crate) Arc<dyn Clock>);

impl TimeProvider for ByClock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(Duration::from_millis(self.0.now().0)))
    }
}

impl fmt::Debug for ByClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByClock")
    }
}

/// What the library says was wrong, without the input.
fn failed(error: io::Error) -> HandshakeError {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(error) => HandshakeError::Failed(error.to_string()),
        // Load balancers look whether a port is open; people close their browsers.
        None => HandshakeError::Gone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chain, Identity, Key};
    use doorward_core::Time;
    use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
    use tokio_rustls::TlsConnector;

    struct Now;

    impl Clock for Now {
        fn now(&self) -> Time {
            Time(1_800_000_000_000)
        }
    }

    /// A terminator for `shop.test`, and a client that trusts it.
    fn both(handshakes: usize, share: usize) -> (Arc<Terminator>, TlsConnector) {
        let made = rcgen::generate_simple_self_signed(vec!["shop.test".to_owned()]).unwrap();
        let chain = Chain::read(&made.cert.pem()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(chain.0[0].clone()).unwrap();
        let identity = Identity::new(chain, Key::read(&made.signing_key.serialize_pem()).unwrap()).unwrap();
        let setup = Setup { certificates: Certificates::new(&identity), clients: None };
        let terminator = Terminator::new(&setup, Arc::new(Now), handshakes, share).unwrap();
        let client = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let client = client.with_safe_default_protocol_versions().unwrap();
        let client = client.with_root_certificates(roots).with_no_client_auth();
        (Arc::new(terminator), TlsConnector::from(Arc::new(client)))
    }

    type Accepting = tokio::task::JoinHandle<Result<Handshake, HandshakeError>>;

    fn accept(terminator: &Arc<Terminator>, address: &str) -> (DuplexStream, Accepting) {
        let (ours, theirs) = duplex(64 * 1024);
        let (terminator, address) = (Arc::clone(terminator), address.parse().unwrap());
        (theirs, tokio::spawn(async move { terminator.accept(ours, address, |_| true).await.map(|(_, handshake)| handshake) }))
    }

    fn shop() -> ServerName<'static> {
        ServerName::try_from("shop.test").unwrap()
    }

    /// Somebody begins, gets our answer, and says nothing more.
    async fn stall(terminator: &Arc<Terminator>, client: &TlsConnector, address: &str) -> (DuplexStream, Accepting) {
        let (mut stalling, stalled) = accept(terminator, address);
        stalling.write_all(&hello(client).await).await.unwrap();
        let mut answer = [0; 1];
        stalling.read_exact(&mut answer).await.unwrap();
        (stalling, stalled)
    }

    async fn hello(client: &TlsConnector) -> Vec<u8> {
        let (mut near, far) = duplex(64 * 1024);
        let connecting = tokio::spawn(client.connect(shop(), far));
        let mut hello = vec![0; 16 * 1024];
        let length = near.read(&mut hello).await.unwrap();
        connecting.abort();
        hello.truncate(length);
        hello
    }

    #[tokio::test]
    async fn those_who_stall_keep_a_place_and_those_who_are_silent_none() {
        let (terminator, client) = both(1, 1);
        let silent: Vec<_> = (0..3).map(|_| accept(&terminator, "192.0.2.1")).collect();
        let (stalling, stalled) = stall(&terminator, &client, "192.0.2.2").await;
        let (theirs, waiting) = accept(&terminator, "192.0.2.3");
        let connecting = tokio::spawn(client.connect(shop(), theirs));
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished(), "there is one place");
        drop(stalling);
        assert!(matches!(stalled.await.unwrap(), Err(HandshakeError::Gone)));
        let handshake = waiting.await.unwrap().unwrap();
        assert_eq!((handshake.name.as_deref(), handshake.http2), (Some("shop.test"), false));
        connecting.await.unwrap().unwrap();
        assert!(silent.iter().all(|(_, task)| !task.is_finished()));
    }

    #[tokio::test]
    async fn a_flood_from_one_network_leaves_places_to_others() {
        let (terminator, client) = both(2, 1);
        let (stalling, stalled) = stall(&terminator, &client, "2001:db8::1").await;
        let mut same: Vec<(DuplexStream, Accepting)> = Vec::new();
        for address in ["2001:db8::1", "2001:db8::2"] {
            let (mut theirs, waiting) = accept(&terminator, address);
            theirs.write_all(&hello(&client).await).await.unwrap();
            same.push((theirs, waiting));
        }
        // Others are served while those of the network wait for each other.
        for address in ["2001:db8:0:1::1", "192.0.2.1", "192.0.2.1", "::ffff:192.0.2.1"] {
            let (theirs, waiting) = accept(&terminator, address);
            let connecting = tokio::spawn(client.connect(shop(), theirs));
            waiting.await.unwrap().unwrap();
            connecting.await.unwrap().unwrap();
        }
        assert!(same.iter().all(|(_, waiting)| !waiting.is_finished()) && !stalled.is_finished());
        drop((stalling, same));
        // Whoever is gone is forgotten.
        while terminator.shares.len() > 0 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_is_no_handshake_fails_and_who_hangs_up_is_gone() {
        let (terminator, _) = both(9, 9);
        let (mut theirs, accepting) = accept(&terminator, "192.0.2.1");
        theirs.write_all(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
        assert!(matches!(accepting.await.unwrap(), Err(HandshakeError::Failed(_))));
        let (theirs, accepting) = accept(&terminator, "192.0.2.1");
        drop(theirs);
        assert!(matches!(accepting.await.unwrap(), Err(HandshakeError::Gone)));
    }
}
