//! Certificates that clients show to a server of the program's own, which takes whatever they show.

use crate::support::{Echo, House, builder};
use bytes::Bytes;
use doorward_tower::{Authentication, Builder, Firewall, Invalid, Peer, Tls};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1::SendRequest};
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime},
    server::danger::{ClientCertVerified, ClientCertVerifier},
};
use serde_json::{Value, json};
use std::{net::SocketAddr, path::Path, sync::Arc};
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tower::{Layer, ServiceBuilder};

/// An authority, and what it issues.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// A certificate with its key.
struct Issued(CertificateDer<'static>, PrivateKeyDer<'static>);

impl Authority {
    fn new(name: &str) -> Self {
        let (mut params, key) = (named(name), KeyPair::generate().unwrap());
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    fn issue(&self, params: &CertificateParams) -> Issued {
        let key = KeyPair::generate().unwrap();
        let made = params.signed_by(&key, &self.issuer).unwrap();
        Issued(made.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }
}

/// One that holds from 2020 to 2090.
fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![format!("{name}.test")]).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2090, 1, 1));
    params
}

/// Believes whatever a client shows, as long as the client has the key.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ClientCertVerifier for Anyone {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A server of TLS whose service is behind a door, and the authorities about it.
struct Place {
    house: House,
    address: SocketAddr,
    /// Issued the server's own certificate.
    servers: Authority,
    /// Vouches for clients.
    clients: Authority,
    folder: TempDir,
}

impl Place {
    async fn new() -> Self {
        let (servers, clients, folder) = (Authority::new("servers"), Authority::new("clients"), tempfile::tempdir().unwrap());
        let file = folder.path().join("clients.pem");
        std::fs::write(&file, &clients.pem).unwrap();
        let house = House::of(&partners(&file)).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let place = Self { house, address: listener.local_addr().unwrap(), servers, clients, folder };
        place.serve(listener);
        place
    }

    fn serve(&self, listener: TcpListener) {
        let Issued(certificate, key) = self.servers.issue(&named("shop"));
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions().unwrap();
        let config = config.with_client_cert_verifier(Arc::new(Anyone(provider)));
        let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(vec![certificate], key).unwrap()));
        let layer = self.house.door.layer();
        tokio::spawn(async move {
            while let Ok((stream, peer)) = listener.accept().await {
                let (acceptor, layer) = (acceptor.clone(), layer.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let tls = Tls::with_certificates(stream.get_ref().1.peer_certificates().unwrap_or_default());
                    let told = ServiceBuilder::new().map_request(move |mut request: Request<Incoming>| {
                        request.extensions_mut().insert(Peer(peer));
                        request.extensions_mut().insert(tls.clone());
                        request
                    });
                    let service = TowerToHyperService::new(told.service(layer.layer(Echo)));
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
    }

    /// A connection of somebody who shows this.
    async fn connect(&self, shown: Option<Issued>) -> Client {
        let mut roots = RootCertStore::empty();
        let authority = rustls::pki_types::pem::PemObject::from_pem_slice(self.servers.pem.as_bytes()).unwrap();
        roots.add(authority).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
        let config = match shown {
            Some(Issued(certificate, key)) => config.with_client_auth_cert(vec![certificate], key).unwrap(),
            None => config.with_no_client_auth(),
        };
        let stream = TcpStream::connect(self.address).await.unwrap();
        let stream =
            TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("shop.test").unwrap(), stream).await.unwrap();
        let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Client(sender)
    }
}

struct Client(SendRequest<Full<Bytes>>);

impl Client {
    /// The status, and what the service was told if it was asked. A busy door may be deaf for a moment.
    async fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> (StatusCode, Value) {
        loop {
            let mut request = Request::get(path).header("host", "shop.test");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let answer = self.0.send_request(request.body(Full::default()).unwrap()).await.unwrap();
            let status = answer.status();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            if status != StatusCode::SERVICE_UNAVAILABLE {
                return (status, serde_json::from_slice(&body).unwrap_or_default());
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Orders by certificate, everything else by session.
fn partners(authorities: &Path) -> Builder {
    let builder = builder().client_ca(authorities).certificate_map("cn");
    let builder = builder.firewall(Firewall::new("partners", Authentication::Certificate).path("^/orders"));
    builder.firewall(Firewall::new("people", Authentication::Session))
}

#[tokio::test]
async fn a_certificate_of_the_program_s_own_handshakes_is_judged_by_the_door() {
    let place = Place::new().await;
    let mut expired = named("anna");
    expired.not_after = date_time_ymd(2021, 1, 1);
    let (anna, bob) = (named("anna"), named("bob"));
    let shown: [(&str, Option<Issued>, StatusCode); 5] = [
        ("hers", Some(place.clients.issue(&anna)), StatusCode::OK),
        ("none", None, StatusCode::UNAUTHORIZED),
        ("of an authority that nobody named", Some(Authority::new("clients").issue(&anna)), StatusCode::UNAUTHORIZED),
        ("expired", Some(place.clients.issue(&expired)), StatusCode::UNAUTHORIZED),
        ("of nobody", Some(place.clients.issue(&bob)), StatusCode::UNAUTHORIZED),
    ];
    for (what, certificate, status) in shown {
        let mut client = place.connect(certificate).await;
        // Twice on one connection: what was found out is remembered, not what was hoped.
        for _ in 0..2 {
            // What a proxy might say is for a proxy to say.
            let claims = [("x-ssl-client-verify", "SUCCESS"), ("x-ssl-client-s-dn", "CN=anna"), ("client-cert", ":YW5uYQ==:")];
            let (answered, told) = client.get("/orders", &claims).await;
            assert_eq!(answered, status, "{what}");
            if status == StatusCode::OK {
                assert_eq!((&told["identity"], &told["permit"]), (&json!("admin/1"), &json!("certificate")));
                assert_eq!(told["headers"]["x-forwarded-proto"], "https");
                assert!(told["headers"]["x-ssl-client-s-dn"].is_null());
            }
        }
        let (answered, told) = client.get("/open", &[]).await;
        assert_eq!((answered, &told["identity"]), (StatusCode::OK, &json!("guest")), "{what}: another method judges there");
    }
}

#[tokio::test]
async fn whom_to_believe_can_be_replaced_while_connections_are_open() {
    let place = Place::new().await;
    let mut client = place.connect(Some(place.clients.issue(&named("anna")))).await;
    assert_eq!(client.get("/orders", &[]).await.0, StatusCode::OK);
    let (others, file) = (Authority::new("others"), place.folder.path().join("others.pem"));
    std::fs::write(&file, &others.pem).unwrap();
    place.house.door.replace(partners(&file).configuration().unwrap()).await.unwrap();
    assert_eq!(client.get("/orders", &[]).await.0, StatusCode::UNAUTHORIZED, "on the same connection");
    let mut other = place.connect(Some(others.issue(&named("anna")))).await;
    assert_eq!(other.get("/orders", &[]).await.1["identity"], "admin/1");
}

#[tokio::test]
async fn one_connection_is_judged_by_each_door_for_itself() {
    let place = Place::new().await;
    let strangers = Authority::new("strangers");
    let file = place.folder.path().join("strangers.pem");
    std::fs::write(&file, &strangers.pem).unwrap();
    let other = House::of(&partners(&file)).await;
    let tls = Tls::with_certificates([place.clients.issue(&named("anna")).0]);
    for _ in 0..2 {
        for (house, status) in [(&place.house, StatusCode::OK), (&other, StatusCode::UNAUTHORIZED)] {
            let answer = loop {
                let mut request = crate::support::request("GET /orders", &[], "");
                request.extensions_mut().insert(tls.clone());
                let answer = tower::ServiceExt::oneshot(house.echo(), request).await.unwrap();
                if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                    break answer;
                }
                tokio::task::yield_now().await;
            };
            assert_eq!(answer.status(), status);
        }
    }
}

#[tokio::test]
async fn a_wrong_certificate_makes_a_guest_where_the_firewall_says_so() {
    let place = Place::new().await;
    let lenient = Firewall::new("partners", Authentication::Certificate).invalid(Invalid::Guest);
    let rules = builder().client_ca(place.folder.path().join("clients.pem")).certificate_map("cn").firewall(lenient);
    place.house.door.replace(rules.configuration().unwrap()).await.unwrap();
    let mut stranger = place.connect(Some(Authority::new("strangers").issue(&named("anna")))).await;
    assert_eq!(stranger.get("/open", &[]).await.1["identity"], "guest");
    assert_eq!(stranger.get("/orders", &[]).await.0, StatusCode::UNAUTHORIZED);
}

#[test]
fn a_firewall_that_nobody_can_pass_is_said() {
    let blind = builder().firewall(Firewall::new("partners", Authentication::Certificate));
    let unsound = blind.configuration().unwrap_err().to_string();
    assert!(unsound.contains("nobody can pass firewall `partners`"), "{unsound}");
}
