//! What a request came by. The server in front knows; a layer cannot, so the server has to say it among the extensions.

use doorward_gateway::listen::Connection;
use doorward_tls::{Handshake, Trust};
use http::{Method, Uri, request::Parts};
use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

/// Who is at the other end of the socket that a request came by. The server puts it among the extensions of the request,
/// before the layer sees it. It is not the client's address where proxies stand in front: whom to believe about that is said
/// in `[server]`, as for the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// That a request came over TLS, and which certificates the client showed; without it the request is taken for plain HTTP, unless
/// `public_url` begins with `https://`. The server makes one for each connection, and puts a clone among the extensions of each
/// request, before the layer sees it.
///
/// Nothing is believed of the certificates: the layer judges them as `doorward serve` does those of its own handshakes, by the
/// authorities and lists of revoked ones that the configuration names (`client_ca` and `client_crl` of `[certificate]`, or of
/// `[server.tls]`), again every minute and after each [replacement](crate::Doorward::replace). One that does not count is a wrong
/// credential. So the server may take whatever a client shows, as long as the handshake proves that the client has the key, which
/// is all that the layer cannot see: a verifier of rustls' has to check the signature of the handshake.
///
/// ```
/// # struct Stream;
/// # impl Stream { fn peer_certificates(&self) -> Option<&[Vec<u8>]> { None } }
/// # let stream = Stream;
/// // Of rustls: `stream.get_ref().1.peer_certificates()`.
/// let tls = doorward_tower::Tls::with_certificates(stream.peer_certificates().unwrap_or_default());
/// # let _ = tls;
/// ```
#[derive(Clone)]
pub struct Tls(Arc<Shown>);

struct Shown {
    /// In DER, the client's own first.
    chain: Vec<Vec<u8>>,
    /// What the first door makes of it: remembered as long as the connection.
    judged: OnceLock<(Arc<Trust>, Arc<Handshake>)>,
}

impl Tls {
    /// A handshake in which the client showed no certificate.
    pub fn without_certificate() -> Self {
        Self::with_certificates::<[u8; 0]>([])
    }

    /// A handshake in which the client showed these: its own certificate first, then those that vouch for it, each in DER, as the client
    /// sent them. Without any it showed none.
    pub fn with_certificates<C: AsRef<[u8]>>(chain: impl IntoIterator<Item = C>) -> Self {
        let chain = chain.into_iter().map(|certificate| certificate.as_ref().to_vec()).collect();
        Self(Arc::new(Shown { chain, judged: OnceLock::new() }))
    }

    /// What it means to whoever trusts so.
    fn judged_by(&self, trust: &Arc<Trust>) -> Arc<Handshake> {
        let judge = || {
            let certificate = trust.shown(self.0.chain.iter().cloned());
            Arc::new(Handshake { name: None, http2: false, asked: None, certificate })
        };
        let (whose, handshake) = self.0.judged.get_or_init(|| (Arc::clone(trust), judge()));
        if Arc::ptr_eq(whose, trust) { Arc::clone(handshake) } else { judge() }
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("certificates", &self.0.chain.len()).finish_non_exhaustive()
    }
}

/// What is known of the connection, unless nobody said who is at its other end.
pub(crate) fn of(parts: &Parts, fixed: Option<SocketAddr>, trust: &Arc<Trust>) -> Option<Connection> {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0).or_else(|| connect_info(parts)).or(fixed)?;
    let tls = parts.extensions.get::<Tls>().map(|tls| tls.judged_by(trust));
    Some(Connection { tls, ..Connection::plain(peer) })
}

#[cfg(feature = "axum")]
fn connect_info(parts: &Parts) -> Option<SocketAddr> {
    parts.extensions.get::<axum::extract::ConnectInfo<SocketAddr>>().map(|info| info.0)
}

#[cfg(not(feature = "axum"))]
fn connect_info(_: &Parts) -> Option<SocketAddr> {
    None
}

/// A request whose handler axum chose before the layer was asked.
pub(crate) struct Chosen {
    method: Method,
    /// As it was sent; nothing where it was rewritten on the way.
    path: String,
    /// What the handler finds, where it stands in a nest, which cuts off the beginning of paths.
    within: Option<Uri>,
}

impl Chosen {
    /// The target that the handler finds, if the permit is for what it was chosen by.
    pub(crate) fn target(self, method: &Method, judged: &Uri) -> Option<Uri> {
        if (&self.method, &*self.path) != (method, judged.path()) {
            return None;
        }
        match self.within {
            None => Some(judged.clone()),
            Some(within) => match judged.query() {
                Some(query) => format!("{}?{query}", within.path()).parse().ok(),
                None => within.path().parse().ok(),
            },
        }
    }
}

/// Whether axum chose a handler already, by the method and the path as they were sent. From here on the request says these again: rules
/// are about whole paths.
#[cfg(feature = "axum")]
pub(crate) fn chosen(parts: &mut Parts) -> Option<Chosen> {
    use axum::extract::{MatchedPath, NestedPath, OriginalUri};
    let (nest, sent) = (parts.extensions.get::<NestedPath>(), parts.extensions.get::<OriginalUri>());
    let Some((nest, OriginalUri(sent))) = nest.zip(sent) else {
        let chosen = || Chosen { method: parts.method.clone(), path: parts.uri.path().to_owned(), within: None };
        return parts.extensions.get::<MatchedPath>().map(|_| chosen());
    };
    let (sent, nest) = (sent.clone(), nest.clone());
    let within = std::mem::replace(&mut parts.uri, sent);
    let path = if is_below(nest.as_str(), within.path(), parts.uri.path()) { parts.uri.path().to_owned() } else { String::new() };
    let within = Some(within);
    Some(Chosen { method: parts.method.clone(), path, within })
}

/// Whether a path is the beginning that matched a nest, and then what is found within it.
#[cfg(feature = "axum")]
fn is_below(nest: &str, within: &str, whole: &str) -> bool {
    let depth = |path: &str| path.trim_end_matches('/').matches('/').count();
    let begins = |path: &str| depth(path) == depth(nest);
    whole.strip_suffix(within).is_some_and(begins) || within == "/" && begins(whole)
}

#[cfg(not(feature = "axum"))]
pub(crate) fn chosen(_: &mut Parts) -> Option<Chosen> {
    None
}

#[cfg(all(test, feature = "axum"))]
mod tests {
    use super::is_below;

    #[test]
    fn only_the_beginning_that_a_nest_matched_is_missing() {
        for (nest, within, whole, expected) in [
            ("/a", "/b", "/a/b", true),
            ("/a/", "/b", "/a/b", true),
            ("/{a}/b", "/c/d", "/x/b/c/d", true),
            ("/a", "/", "/a", true),
            ("/a", "/", "/a/", true),
            ("/", "/b", "/b", true),
            ("/a", "/b", "/a/c/b", false),
            ("/a", "/", "/a/secret", false),
            ("/a", "/c", "/a/b", false),
            ("/a/b", "/c", "/a/c", false),
        ] {
            assert_eq!(is_below(nest, within, whole), expected, "{nest} {within} {whole}");
        }
    }
}
