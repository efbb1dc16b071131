//! What a listener's operator says of the network around it.

use super::{Certificates, ClientAddress};
use ipnet::IpNet;
use std::{net::IpAddr, time::Duration};

/// What is between us and the client, and how much it may send.
#[derive(Clone, Debug)]
pub struct Network {
    /// Networks whose forwarding headers may be believed.
    pub trusted_proxies: Vec<IpNet>,
    /// The one source of the client's address.
    pub client_address: ClientAddress,
    /// How clients' certificates count.
    pub certificates: Certificates,
    /// The largest body of a request in bytes.
    pub max_body: u64,
    /// How long a body of a request may rest.
    pub body_timeout: Duration,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            client_address: ClientAddress::Peer,
            certificates: Certificates::default(),
            max_body: u64::MAX,
            body_timeout: Duration::from_secs(30),
        }
    }
}

impl Network {
    /// Whether this is the address of a trusted proxy.
    pub fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies.iter().any(|network| network.contains(&address))
    }
}
