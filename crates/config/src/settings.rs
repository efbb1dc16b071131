//! Everything that is configured and that no decision reads: listeners, limits, stores, logs.

mod others;

pub use others::{
    FetchedKeys, Introspection, Issuer, IssuerKeys, IssuerUser, LinkBy, OAuthAlgorithm, OAuthKeys, Provider, Signature,
};

use doorward_core::forward_auth::ForwardAuth;
use doorward_tls::{Certificates, Clients, Form, Identity, Map, Revoked, Setup};
use ipnet::IpNet;
use std::{collections::BTreeSet, fmt, net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

/// What is not part of the [`doorward_core::Policy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `[server]`.
    pub server: Server,
    /// `[operations]`.
    pub operations: Operations,
    /// `[log]`.
    pub log: Log,
    /// `[store]`.
    pub store: StoreUrl,
    /// `[passwords]`.
    pub passwords: Passwords,
    /// `[sign_in]`.
    pub sign_in: SignIn,
    /// `[sessions] grace`: how long requests with a replaced id are carried over.
    pub grace: Duration,
    /// `[assertion]`.
    pub assertion: Assertion,
    /// `[accounts]`.
    pub accounts: Accounts,
    /// `[tokens]`.
    pub tokens: Tokens,
    /// `[[integration]]`.
    pub integrations: Vec<Integration>,
    /// `[basic]`.
    pub basic: Basic,
    /// `[certificate]`.
    pub certificate: ClientCertificates,
    /// `[jwt]`.
    pub jwt: Jwt,
    /// `[[issuer]]`.
    pub issuers: Vec<Issuer>,
    /// Other servers that are asked about opaque access tokens.
    pub introspections: Vec<Introspection>,
    /// `[[provider]]`.
    pub providers: Vec<Provider>,
    /// `[mail]`; `None` sends none.
    pub mail: Option<doorward_mail::Setup>,
    /// The keys of `[oauth]`; `None` issues no tokens to clients. The rest of it is in the policy.
    pub oauth: Option<OAuthKeys>,
    /// `[[forward_auth]]`.
    pub forward_auth: Vec<ForwardAuth>,
}

/// Where Doorward listens, and what it believes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Addresses to listen on; never empty. Port 0 picks a free one.
    pub listen: Vec<SocketAddr>,
    /// Addresses that lead browsers to `public_url`, and refuse all else.
    pub listen_plain: Vec<SocketAddr>,
    /// `[server.tls]`; `None` speaks plain HTTP.
    pub tls: Option<Tls>,
    /// Scheme and authority under which browsers reach us, without trailing slash. `None` is `http://` (with TLS
    /// `https://`) and the first bound listener; [`crate::Config::bound_to`] fills it in.
    pub public_url: Option<Arc<str>>,
    /// Networks whose forwarding headers are believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The one source of the client's address.
    pub client_address: ClientAddress,
    /// `[server.limits]`.
    pub limits: Limits,
}

/// TLS on every address of `listen`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// The certificate for whatever no other is for.
    pub certificate: Certificate,
    /// Further ones, and the names that they are for, in lower case.
    pub sni: Vec<(Certificate, Vec<String>)>,
    /// Whom to believe about clients.
    pub clients: Option<ClientTrust>,
    /// The value of `Strict-Transport-Security`.
    pub hsts: Option<Arc<str>>,
}

/// Whom to believe about clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientTrust {
    /// The file of the authorities, as messages name it.
    pub name: Arc<str>,
    /// The authorities and the lists.
    pub clients: Clients,
    /// The lists, and the names of their files.
    pub lists: Vec<(Arc<str>, Revoked)>,
}

/// A certificate with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its file, as messages name it.
    pub name: Arc<str>,
    /// What was in it.
    pub identity: Identity,
}

impl Tls {
    /// What to show to clients.
    pub fn setup(&self) -> Setup {
        let mut certificates = Certificates::new(&self.certificate.identity);
        for (certificate, names) in &self.sni {
            names.iter().for_each(|name| certificates.put(name, &certificate.identity));
        }
        Setup { certificates, clients: self.clients.as_ref().map(|trust| trust.clients.clone()) }
    }

    /// All certificates.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        std::iter::once(&self.certificate).chain(self.sni.iter().map(|(certificate, _)| certificate))
    }
}

/// The one source of the client's address, read right to left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAddress {
    /// The connection's other end.
    #[default]
    Peer,
    /// `X-Forwarded-For`.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
    /// The PROXY protocol's header before the first request.
    ProxyProtocol,
}

/// Bounds for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request's head.
    pub head: usize,
    /// How many headers a request may have.
    pub headers: usize,
    /// Bytes of the body of a request for an upstream; `None` is unlimited.
    pub body: Option<u64>,
    /// How many connections may be open at once.
    pub connections: usize,
    /// How long a request's head may take.
    pub header_timeout: Duration,
    /// How long a TLS handshake may take.
    pub handshake_timeout: Duration,
    /// How many TLS handshakes may be under way at once.
    pub handshakes: usize,
    /// How many of them one network may take; without a number, a quarter.
    pub handshakes_per_network: Option<usize>,
    /// How long a connection may rest between two requests.
    pub idle_timeout: Duration,
    /// How long requests in flight may take to finish after SIGTERM.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 64 << 10,
            headers: 100,
            body: Some(64 << 20),
            connections: 10_000,
            header_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            handshakes: 1000,
            handshakes_per_network: None,
            idle_timeout: Duration::from_secs(75),
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// The second listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operations {
    /// Its address.
    pub listen: SocketAddr,
}

/// What is written to standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Log {
    /// How events look.
    pub format: LogFormat,
    /// Which requests make one.
    pub requests: LogRequests,
}

/// How log events look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Human,
    /// One JSON object a line.
    Json,
}

/// Which requests make a log event. Audit events are always written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogRequests {
    /// Each one.
    #[default]
    All,
    /// Those that were refused.
    Refused,
    /// None.
    Off,
}

/// Where accounts, roles, sessions and keys are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// An SQLite file. The path is ready to be opened.
    Sqlite(PathBuf),
    /// Nowhere: forgotten at the end.
    Memory,
}

/// The kind alone where the path may come from a secret's file.
impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            StoreUrl::Sqlite(_) => "Sqlite(..)",
            StoreUrl::Memory => "Memory",
        })
    }
}

/// The cost of Argon2id and the pool that computes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passwords {
    /// KiB of memory for one hash.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub iterations: u32,
    /// How many hashes are computed at once.
    pub workers: usize,
    /// How many sign-ins may wait for one.
    pub queue: usize,
    /// Keys under which Magento hashed passwords without a salt.
    pub magento_crypt_keys: Secrets,
}

/// Texts that nobody may see.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secrets(pub Vec<Arc<str>>);

/// How many there are.
impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

/// Limits for failed sign-ins by address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignIn {
    /// So many failures are too many.
    pub address_failures: u32,
    /// How long they count.
    pub address_window: Duration,
}

/// How people keep their own accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts {
    /// Whether an e-mail address must be confirmed before its account may sign in.
    pub confirm_email: bool,
    /// Whether new accounts get a mail that says so.
    pub welcome_mail: bool,
    /// Whether strangers are told which accounts exist.
    pub reveal_accounts: bool,
    /// How long a link for another password works.
    pub reset_lifetime: Duration,
    /// How long a link to confirm an address works.
    pub confirm_lifetime: Duration,
    /// How many links one e-mail address or network may ask for in an hour.
    pub reset_requests: u32,
    /// How long one e-mail address waits between two.
    pub reset_interval: Duration,
    /// The tax classes of groups of customers; at least one.
    pub tax_classes: Arc<[u32]>,
}

/// A program that the configuration makes and keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// The login of its account.
    pub name: Arc<str>,
    /// The directory, of kind `integration`.
    pub directory: Arc<str>,
    /// Whom to write to about it.
    pub email: Option<Arc<str>>,
    /// What it may use; at least one.
    pub resources: BTreeSet<Arc<str>>,
}

/// The signed token for upstreams.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assertion {
    /// Its `iss`; `None` is `public_url`.
    pub issuer: Option<Arc<str>>,
    /// Where its public keys stand on the public listeners, if anywhere.
    pub jwks_path: Option<Arc<str>>,
}

/// Bearer tokens of the Magento dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// What new ones are like.
    pub format: TokenFormat,
    /// How long a customer's new token lasts.
    pub customer_lifetime: Duration,
    /// How long an admin's new token lasts.
    pub admin_lifetime: Duration,
    /// How many failed sign-ins of one account from one address are too many for the token endpoints.
    pub max_failures: u32,
    /// How long they count, and how long too many of them lock.
    pub lock: Duration,
    /// Whether the tokens of integrations count.
    pub integration_bearer: bool,
}

/// How clients' certificates count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// What of a certificate is a login.
    pub map: Map,
    /// The form in which proxies pass certificates on; `None` takes those of handshakes.
    pub form: Option<Form>,
    /// Whom to believe about clients of a program that embeds this one and carries out handshakes itself.
    pub clients: Option<ClientTrust>,
}

/// JSON Web Tokens of people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// What signs new ones.
    pub signature: Signature,
    /// How long a new one lasts.
    pub lifetime: Duration,
    /// `iss`.
    pub issuer: Option<Arc<str>>,
    /// `aud`.
    pub audience: Vec<Arc<str>>,
    /// By how much clocks may differ.
    pub leeway: Duration,
    /// After how long another key signs; `None` never does by itself.
    pub rotation: Option<Duration>,
}

/// Login and password in each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Basic {
    /// How long a pair that was right is trusted without another hash; zero trusts none.
    pub cache: Duration,
    /// How many are remembered.
    pub entries: usize,
}

impl Default for Basic {
    fn default() -> Self {
        Self { cache: Duration::from_secs(60), entries: 10_000 }
    }
}

/// What new tokens are like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFormat {
    /// Signed.
    Jwt,
    /// Remembered by the store.
    Opaque,
}

impl Settings {
    /// Whom to believe about clients that show certificates in handshakes, whoever carries these out.
    pub fn client_trust(&self) -> Option<&ClientTrust> {
        let ours = || self.server.tls.as_ref().and_then(|tls| tls.clients.as_ref());
        self.certificate.clients.as_ref().or_else(ours)
    }

    /// Keys whose change takes effect only at a restart, as `server.listen`; empty when `new` can take over now.
    pub fn restart_needed(&self, new: &Settings) -> Vec<&'static str> {
        let (a, b) = (self, new);
        let (la, lb) = (&a.server.limits, &b.server.limits);
        [
            ("server.listen", a.server.listen != b.server.listen),
            ("server.listen_plain", a.server.listen_plain != b.server.listen_plain),
            // Certificates are replaced while it runs; that there are any is not.
            ("server.tls", a.server.tls.is_some() != b.server.tls.is_some()),
            ("server.client_address", proxy_protocol(a) != proxy_protocol(b)),
            ("server.limits.head", la.head != lb.head),
            ("server.limits.headers", la.headers != lb.headers),
            ("server.limits.connections", la.connections != lb.connections),
            ("server.limits.header_timeout", la.header_timeout != lb.header_timeout),
            ("server.limits.handshake_timeout", la.handshake_timeout != lb.handshake_timeout),
            ("server.limits.handshakes", la.handshakes != lb.handshakes),
            ("server.limits.handshakes_per_network", la.handshakes_per_network != lb.handshakes_per_network),
            ("server.limits.idle_timeout", la.idle_timeout != lb.idle_timeout),
            ("operations.listen", a.operations != b.operations),
            ("log.format", a.log.format != b.log.format),
            ("store.url", a.store != b.store),
            ("passwords", a.passwords != b.passwords),
            ("sign_in", a.sign_in != b.sign_in),
        ]
        .into_iter()
        .filter_map(|(name, changed)| changed.then_some(name))
        .collect()
    }
}

/// Whether connections begin with a PROXY header; the other sources can change between two requests.
fn proxy_protocol(settings: &Settings) -> bool {
    settings.server.client_address == ClientAddress::ProxyProtocol
}
