//! What has to be true in front of Doorward, whichever proxy stands there.

use super::Proxy;
use crate::cli::terminal::Failure;
use doorward_config::{Config, settings::ClientAddress};
use doorward_core::{
    Policy,
    forward_auth::{Convention, ForwardAuth},
};
use doorward_gateway::pipeline::{Place, own_places};
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};

/// The path of the call by which Envoy asks over gRPC.
const CHECK_PATH: &str = "/envoy.service.auth.v3.Authorization/Check";

/// Headers by which a client could claim what only a proxy or Doorward may say; in lower case. `Doorward-*` is cleared as a
/// whole where the proxy can.
pub(super) const CLEARED: [&str; 36] = [
    "forwarded",
    "forwarded-for",
    "x-forwarded",
    "x-forwarded-client-cert",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-method",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-proto",
    "x-forwarded-server",
    "x-forwarded-uri",
    "x-original-forwarded-for",
    "x-original-host",
    "x-original-method",
    "x-original-uri",
    "x-original-url",
    "x-rewrite-url",
    "x-real-ip",
    "x-client-ip",
    "client-ip",
    "true-client-ip",
    "x-cluster-client-ip",
    "cf-connecting-ip",
    "x-http-method",
    "x-method-override",
    "proxy",
    "client-cert",
    "client-cert-chain",
    "ssl-client-cert",
    "ssl-client-s-dn",
    "ssl-client-s-dn-email",
    "ssl-client-verify",
    "x-ssl-client-cert",
    "x-ssl-client-s-dn",
    "x-ssl-client-verify",
];

/// What Doorward says about the caller; in lower case.
pub(super) const IDENTITY: [&str; 6] =
    ["doorward-identity", "doorward-login", "doorward-roles", "doorward-method", "doorward-request-id", "doorward-assertion"];

/// What is left of credentials for the service: Doorward's answer says all of it.
pub(super) const CREDENTIALS: [&str; 4] = ["authorization", "cookie", "dpop", "x-csrf-token"];

/// What else is read of Doorward's answer.
pub(super) const ANSWERED: [&str; 5] = ["authorization", "cookie", "dpop", "x-csrf-token", "set-cookie"];

/// What an answer says of pages of other origins. Where Doorward says any of it, services do not.
pub(super) const CORS: [&str; 3] =
    ["access-control-allow-origin", "access-control-allow-credentials", "access-control-expose-headers"];

/// All that a template says, in a form that means the same in every proxy's language: letters, digits and `-._~/:[]`.
#[derive(Debug)]
pub(super) struct Plan {
    /// The first line of what is printed, without a mark of a comment.
    pub(super) title: String,
    /// `host:port` at which the proxy reaches Doorward.
    pub(super) doorward: String,
    /// The endpoint that judges.
    pub(super) judge: String,
    /// Hosts that are served.
    pub(super) hosts: Vec<String>,
    /// Where browsers reach the proxy.
    pub(super) port: u16,
    /// Whether browsers use TLS.
    pub(super) secure: bool,
    /// Names of the cookies of sessions.
    pub(super) cookies: Vec<String>,
    /// Where endpoints of Doorward are.
    pub(super) own: Vec<Place>,
    /// Where proxies ask, this one and others: a client that got there through this one would be believed whatever it says.
    pub(super) questions: Vec<Place>,
    /// Services, longest path first.
    pub(super) services: Vec<Service>,
    /// Whether Doorward says what pages of other origins may do.
    pub(super) cors: bool,
    /// Whether answers depend on headers that Doorward reads, so that caches must know: with `[cors]`, or with sites.
    pub(super) vary: bool,
}

/// A service behind the proxy.
#[derive(Debug)]
pub(super) struct Service {
    /// A name that is a word in every proxy's language.
    pub(super) name: String,
    /// `host:port`.
    pub(super) address: String,
    /// The prefix of whole segments that it serves; `/` is everything.
    pub(super) path: String,
}

impl Plan {
    /// Reads the plan off a configuration, or says what that lacks.
    pub(super) fn new(config: &Config, proxy: Proxy, file: &Path) -> Result<Self, Failure> {
        let (settings, policy) = (&config.settings, &config.policy);
        if settings.server.tls.is_some() {
            return Err(Failure::new(
                "the proxy ends TLS, and what `init` prints speaks plain HTTP to Doorward: take [server.tls] away, and let \
                 `public_url` be https",
            ));
        }
        let judge = judge(config, proxy);
        let lacking = lacking(config, proxy, judge.is_none());
        let (Some(judge), true, Some(url)) = (judge, lacking.is_empty(), &settings.server.public_url) else {
            let (name, file) = (proxy.name(), file.display());
            return Err(Failure::new(format_args!("{file} does not say yet what has to be known for {name}. Add:\n\n{lacking}")));
        };
        let listen = settings.server.listen.first().copied().filter(|address| address.port() != 0);
        let listen = listen.ok_or_else(|| Failure::new("`server.listen` has port 0, which nobody can be told: name a port"))?;
        let (secure, port) = public(url);
        let services = policy.upstreams.iter().map(|upstream| {
            let (_, address) = upstream.base.split_once("://").unwrap_or_default();
            let address = if port_of(address).is_some() { address.to_owned() } else { format!("{address}:80") };
            let name = word(&upstream.name, &upstream.path);
            Ok(Service {
                name,
                address: plain("an upstream's `url`", &address)?,
                path: plain("an upstream's `path`", &upstream.path)?,
            })
        });
        let hosts = policy.hosts.iter().flatten();
        let cors = !policy.cors.rules.is_empty() || policy.sites.all.iter().any(|site| !site.policy.cors.rules.is_empty());
        let plan = Self {
            title: format!("{name} in front of Doorward: `doorward init {name}` for policy {}", policy.hash, name = proxy.name()),
            doorward: reachable(listen).to_string(),
            judge: plain("the `path` of [[forward_auth]]", &judge)?,
            hosts: hosts.map(|host| plain("a host", host)).collect::<Result<_, _>>()?,
            port,
            secure,
            cookies: cookies(policy),
            own: own_places(policy, settings.assertion.jwks_path.as_deref()),
            questions: questions(&settings.forward_auth),
            services: services.collect::<Result<_, Failure>>()?,
            cors,
            vary: cors || !policy.sites.all.is_empty(),
        };
        plan.own.iter().chain(&plan.questions).try_for_each(|place| plain("the path of an endpoint", place.path()).map(drop))?;
        Ok(plan)
    }

    /// The port where it is not the one of the scheme, with a colon before it.
    pub(super) fn shown_port(&self) -> String {
        let usual = if self.secure { 443 } else { 80 };
        if self.port == usual { String::new() } else { format!(":{}", self.port) }
    }

    /// The name of the certificate's file.
    pub(super) fn certificate(&self) -> &str {
        self.hosts.first().map_or("certificate", |host| host)
    }

    /// One pattern for all that is Doorward's.
    pub(super) fn own_pattern(&self) -> String {
        let patterns: Vec<String> = self.own.iter().map(pattern).collect();
        if patterns.is_empty() { "^$".to_owned() } else { patterns.join("|") }
    }

    /// One pattern for all places where proxies ask.
    pub(super) fn question_pattern(&self) -> String {
        self.questions.iter().map(pattern).collect::<Vec<_>>().join("|")
    }

    /// `http` or `https`.
    pub(super) fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

/// `x-real-ip` as people write it.
pub(super) fn title_case(name: &str) -> String {
    let word = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect::<String>()
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// A regular expression for the place, as PCRE, RE2, Go and POSIX understand it.
pub(super) fn pattern(place: &Place) -> String {
    match place {
        Place::Is(path) => format!("^{}$", escaped(path)),
        Place::Under(path) => format!("^{}(/|$)", escaped(path)),
    }
}

/// A regular expression for what is below a prefix of whole segments.
pub(super) fn below(prefix: &str) -> String {
    if prefix == "/" { "^/".to_owned() } else { format!("^{}(/|$)", escaped(prefix)) }
}

/// Of all that [`plain`] lets pass, only these mean something in a regular expression.
fn escaped(path: &str) -> String {
    path.replace('.', "[.]")
}

/// A text that means itself in the language of every proxy, inside of quotes and patterns; anything else is not printed.
fn plain(what: &str, text: &str) -> Result<String, Failure> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/:[]@".contains(&byte);
    if text.bytes().all(sound) {
        Ok(text.to_owned())
    } else {
        Err(Failure::new(format_args!("{what}, {text:?}, has characters that may mean something else to a proxy: rename it")))
    }
}

/// A word for a service: its name, if that is one, else what stands in its path.
fn word(name: &str, path: &str) -> String {
    let clean =
        |text: &str| -> String { text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b) } else { '_' }).collect() };
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        format!("service_{name}")
    } else {
        format!("service_{}_at_{}", clean(name), clean(path))
    }
}

/// The address at which somebody on this machine reaches a listener.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let mut address = listen;
    if listen.ip().is_unspecified() {
        address.set_ip(if listen.is_ipv4() { IpAddr::from([127, 0, 0, 1]) } else { IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]) });
    }
    address
}

/// Whether a public URL is https, and its port.
fn public(url: &str) -> (bool, u16) {
    let (scheme, authority) = url.split_once("://").unwrap_or(("http", url));
    let secure = scheme == "https";
    (secure, port_of(authority).unwrap_or(if secure { 443 } else { 80 }))
}

fn port_of(authority: &str) -> Option<u16> {
    authority.rsplit_once(':').and_then(|(_, port)| port.parse().ok())
}

/// Where requests are judged for this proxy: the first place that the configuration names.
fn judge(config: &Config, proxy: Proxy) -> Option<String> {
    let mut all = config.settings.forward_auth.iter();
    all.find(|endpoint| endpoint.convention == proxy.convention()).map(|endpoint| endpoint.path.to_string())
}

/// Where questions of any convention are answered.
fn questions(endpoints: &[ForwardAuth]) -> Vec<Place> {
    let mut places = Vec::new();
    for endpoint in endpoints {
        if endpoint.convention == Convention::Envoy {
            places.extend([Place::Under(endpoint.path.to_string()), Place::Is(CHECK_PATH.to_owned())]);
        } else {
            places.push(Place::Is(endpoint.path.to_string()));
        }
    }
    places.sort();
    places.dedup();
    places
}

/// Names of the cookies of sessions on every site, each once.
fn cookies(policy: &Policy) -> Vec<String> {
    let sites = policy.sites.all.iter().flat_map(|site| &site.policy.directories);
    let all = if policy.sites.all.is_empty() { policy.directories.iter().collect::<Vec<_>>() } else { sites.collect() };
    let mut names: Vec<String> = all.into_iter().map(|directory| directory.cookie.name.to_string()).collect();
    names.sort();
    names.dedup();
    names
}

/// Lines that a configuration needs and does not have.
fn lacking(config: &Config, proxy: Proxy, judge: bool) -> String {
    let server = &config.settings.server;
    let mut lines = String::new();
    let mut add = |text: &str| lines.push_str(text);
    if server.public_url.is_none() || server.trusted_proxies.is_empty() || server.client_address != ClientAddress::XForwardedFor {
        add("[server]\n");
    }
    if server.public_url.is_none() {
        add("public_url = \"https://shop.example.com\"    # what browsers show; hosts follow it\n");
    }
    if server.trusted_proxies.is_empty() {
        add("trusted_proxies = [\"127.0.0.1\"]            # the proxy's address, as Doorward sees it\n");
    }
    if server.client_address != ClientAddress::XForwardedFor {
        add("client_address = \"x-forwarded-for\"          # else every client has the proxy's address\n");
    }
    if judge {
        let name = proxy.name();
        add(&format!("[[forward_auth]]\nconvention = \"{name}\"\npath = \"/_doorward/{name}\"\n"));
    }
    lines
}
