//! Certificates: those that we show, those that clients show, and handshakes.
//!
//! Everything of TLS goes through here, so that one place knows the library that speaks it. Trust is decided by rustls;
//! what is read of a certificate besides (names, dates) is read after that, or for people alone.

mod certificate;
mod clients;
mod connector;
mod forwarded;
mod name;
mod pem;
mod shares;
mod sni;
mod subject;
mod terminator;

pub use certificate::{Identity, Warning, system_roots};
pub use clients::{Clients, PeerCertificate, Revoked, Trust};
pub use connector::{Authorities, ClientStream, Connector};
pub use forwarded::{Form, Forwarded};
pub use pem::{Chain, Key};
pub use sni::Certificates;
pub use subject::{Map, canonical_subject};
pub use terminator::{Handshake, HandshakeError, Setup, Terminator, TlsStream};
