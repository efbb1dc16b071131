//! What a request came by. The server in front knows; a layer cannot, so the server has to say it among the extensions.

use doorward_gateway::listen::Connection;
use doorward_tls::Handshake;
use http::request::Parts;
use std::{net::SocketAddr, sync::Arc};

/// Who is at the other end of the socket that a request came by. The server puts it among the extensions of the request,
/// before the layer sees it. It is not the client's address where proxies stand in front: whom to believe about that is said
/// in `[server]`, as for the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// That a request came over TLS, and what the handshake came to; without it the request is taken for plain HTTP, unless
/// `public_url` begins with `https://`. A handshake that was not Doorward's own has no certificate that counts: behind such
/// a server the certificates of clients come in the header that `[certificate]` names, from a proxy.
#[derive(Clone, Debug)]
pub struct Tls(pub Arc<Handshake>);

impl Tls {
    /// A handshake in which the client asked for `name` (SNI) and was asked for no certificate.
    pub fn without_certificate(name: Option<&str>, http2: bool) -> Self {
        let name = name.map(|name| name.to_ascii_lowercase().into_boxed_str());
        Self(Arc::new(Handshake { name, http2, asked: false, certificate: None }))
    }
}

/// What is known of the connection, unless nobody said who is at its other end.
pub(crate) fn of(parts: &Parts, fixed: Option<SocketAddr>) -> Option<Connection> {
    let peer = parts.extensions.get::<Peer>().map(|peer| peer.0).or_else(|| connect_info(parts)).or(fixed)?;
    let tls = parts.extensions.get::<Tls>().map(|tls| Arc::clone(&tls.0));
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

/// Whether axum chose a handler already, by the method and the path as they were sent.
#[cfg(feature = "axum")]
pub(crate) fn routed(parts: &Parts) -> bool {
    parts.extensions.get::<axum::extract::MatchedPath>().is_some()
}

#[cfg(not(feature = "axum"))]
pub(crate) fn routed(_: &Parts) -> bool {
    false
}
