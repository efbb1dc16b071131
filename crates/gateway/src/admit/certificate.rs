//! A client's certificate: from the handshake or, where the configuration names a header, from a trusted proxy alone.

use super::Network;
use crate::listen::{Connection, Handler};
use doorward_core::{Policy, Time, certificate::Certificate};
use doorward_tls::{Form, Forwarded, Handshake, Map};
use http::HeaderMap;
use std::sync::Arc;

/// How certificates count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Certificates {
    /// What of them names an account.
    pub map: Map,
    /// Clients show them in the handshake, where a firewall reads them.
    pub asked: bool,
    /// Proxies pass them on in this form; then those of handshakes do not count.
    pub form: Option<Form>,
}

impl Default for Certificates {
    fn default() -> Self {
        Self { map: Map::Subject, asked: false, form: None }
    }
}

impl Certificates {
    /// Whether a client that asks for this host is asked for a certificate.
    pub fn asks(self, policy: &Policy, host: &str) -> bool {
        self.asked && policy.reads_certificates(host)
    }
}

/// A certificate that came along, sound or not.
#[derive(Clone, Debug)]
pub struct ClientCertificate {
    source: Source,
    map: Map,
}

#[derive(Clone, Debug)]
enum Source {
    Shown(Arc<Handshake>),
    Forwarded(Forwarded),
    Presumed(String),
}

impl ClientCertificate {
    /// One that nobody showed, of this owner: for `explain`.
    pub fn presumed(owner: &str) -> Self {
        Self { source: Source::Presumed(owner.to_owned()), map: Map::Subject }
    }

    /// The name of its owner at `now`.
    ///
    /// # Errors
    /// It does not count, or does not say; the text is for the operator.
    pub fn owner(&self, now: Time) -> Result<String, &'static str> {
        match &self.source {
            Source::Shown(handshake) => handshake.certificate.as_ref().ok_or("there is none")?.owner(self.map, now),
            Source::Forwarded(forwarded) => forwarded.owner(self.map),
            Source::Presumed(owner) => Ok(owner.clone()),
        }
    }

    /// Its SHA-256 at `now`, as tokens name it that are bound to it (`x5t#S256`, RFC 8705 3.1).
    ///
    /// # Errors
    /// It does not count, or a proxy passed on something else than it or its hash; the text is for the operator.
    pub fn thumbprint(&self, now: Time) -> Result<Arc<str>, &'static str> {
        self.said(now)?.thumbprint.ok_or("its hash was not passed on")
    }

    /// All that it says of its owner at `now`.
    ///
    /// # Errors
    /// It does not count; the text is for the operator.
    pub fn said(&self, now: Time) -> Result<Certificate, &'static str> {
        match &self.source {
            Source::Shown(handshake) => handshake.certificate.as_ref().ok_or("there is none")?.said(now),
            Source::Forwarded(forwarded) => forwarded.said(),
            Source::Presumed(_) => Err("nobody showed it"),
        }
    }
}

/// The one certificate that may count. CVE-2024-10039: a header counts only where the configuration says which one, and
/// only from a peer that is named there as a proxy.
pub(super) fn client(headers: &HeaderMap, connection: &Connection, network: &Network) -> Option<ClientCertificate> {
    let Certificates { map, form, .. } = network.certificates;
    let source = match form {
        Some(form) if network.trusts(connection.peer.ip()) => Source::Forwarded(Forwarded::read(form, |name| {
            let mut lines = headers.get_all(name).iter();
            match (lines.next(), lines.next()) {
                (first, None) => Ok(first.map(|value| value.as_bytes())),
                (_, Some(_)) => Err(()),
            }
        })?),
        Some(_) => return None,
        None => Source::Shown(connection.tls.as_ref().filter(|handshake| handshake.certificate.is_some()).map(Arc::clone)?),
    };
    Some(ClientCertificate { source, map })
}

/// Whether the handshake asked what this host asks: a connection for one host must not carry requests for another that
/// would have asked for more (RFC 9110, 15.5.20). Where another program's server shook hands, whoever was not asked has shown
/// none, and is a guest.
pub(super) fn is_misdirected(connection: &Connection, policy: &Policy, network: &Network, host: &str) -> bool {
    let asked = connection.tls.as_ref().and_then(|handshake| handshake.asked);
    asked.is_some_and(|asked| asked != network.certificates.asks(policy, host))
}

/// Whether a handshake for `name`, or on the address `local` without one, asks for a certificate.
pub(crate) fn asks<H: Handler>(handler: &H, name: Option<&str>, local: Option<std::net::IpAddr>) -> bool {
    let bare = local.map(|ip| match ip.to_canonical() {
        std::net::IpAddr::V4(v4) => v4.to_string(),
        std::net::IpAddr::V6(v6) => format!("[{v6}]"),
    });
    handler.asks_certificate(name.or(bare.as_deref()).unwrap_or_default())
}
