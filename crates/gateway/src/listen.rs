//! Listen: connections, their limits and their end.

use crate::Body;
use http::{Request, Response};
use hyper::body::Incoming;
use std::{future::Future, net::SocketAddr};

/// What is known of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// Who is at the other end of the socket.
    pub peer: SocketAddr,
    /// The client's address by the PROXY protocol, where a trusted peer spoke it.
    pub announced: Option<SocketAddr>,
}

/// Whoever answers requests.
pub trait Handler: Send + Sync + 'static {
    /// Answers one request; every failure is an answer too.
    fn handle(&self, request: Request<Incoming>, connection: Connection) -> impl Future<Output = Response<Body>> + Send;
}
