//! `[server]` and `[server.limits]`.

use super::{
    tls,
    web::{self, PublicUrl},
};
use crate::{
    reader::{Reader, Section, Span, Text},
    settings::{ClientAddress, Limits, Server},
};
use ipnet::IpNet;
use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};
use toml::de::DeTable;

/// Where we listen when nothing is said.
const LISTEN: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// `[server]`, and what of it the policy needs.
pub(crate) struct Read {
    pub(crate) server: Server,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) hosts: Option<Vec<Arc<str>>>,
    /// Where the authorities of clients are named.
    pub(crate) client_ca: Option<Span>,
}

pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>) -> Read {
    let section = r.section(Some(root), "server");
    let listen = listen(r, &section).unwrap_or_else(|| vec![LISTEN]);
    let given = r.text(&section, "public_url");
    let public_url = given.as_ref().and_then(|text| r.parsed(text, web::public_url));
    check_exposure(r, &section, &listen, given.as_ref(), public_url.as_ref());
    let (tls, client_ca) = tls::read(r, &section, public_url.as_ref());
    let listen_plain = listen_plain(r, &section, &listen);
    let hosts = match r.some_texts(&section, "hosts") {
        Some(texts) => Some(texts.iter().filter_map(|text| r.parsed(text, web::host)).map(Into::into).collect()),
        None => public_url.as_ref().map(|url| vec![url.host.as_str().into()]),
    };
    if let (Some(hosts), Some(url)) = (&hosts, &public_url)
        && !hosts.iter().any(|host: &Arc<str>| **host == *url.host)
    {
        let hint = format!("add \"{}\"", url.host);
        r.warn(section.place("hosts"), "the host of `public_url` is not served, so every request there is answered 421", hint);
    }
    let trusted_proxies: Vec<IpNet> = networks(r, &section, "trusted_proxies");
    if trusted_proxies.iter().any(is_nearly_everybody) {
        let message = "nearly everybody is trusted to say for whom they ask, clients too";
        let hint = "name the addresses of your proxies, and no more";
        match root.contains_key("forward_auth") {
            true => r.error_with(section.place("trusted_proxies"), message, hint),
            false => r.warn(section.place("trusted_proxies"), message, hint),
        }
    }
    let words = [
        ("peer", ClientAddress::Peer),
        ("x-forwarded-for", ClientAddress::XForwardedFor),
        ("forwarded", ClientAddress::Forwarded),
        ("proxy-protocol", ClientAddress::ProxyProtocol),
    ];
    let client_address = r.word(&section, "client_address", &words, ClientAddress::Peer);
    if client_address != ClientAddress::Peer && trusted_proxies.is_empty() {
        let hint = "name the networks of your proxies in `trusted_proxies`";
        r.warn(section.place("client_address"), "nobody is trusted to say a client's address, so it is never believed", hint);
    }
    let limits = limits(r, &section);
    let origin = public_url.as_ref().map(|url| Arc::from(url.origin.as_str()));
    let server = Server { listen, listen_plain, tls, public_url: origin, trusted_proxies, client_address, limits };
    Read { server, public_url, hosts, client_ca }
}

/// `0.0.0.0/0`, `::/0`, and what is meant to be them in two halves or four.
fn is_nearly_everybody(network: &IpNet) -> bool {
    network.prefix_len() < 4
}

/// Addresses that lead browsers to the others.
fn listen_plain(r: &mut Reader<'_>, section: &Section<'_>, listen: &[SocketAddr]) -> Vec<SocketAddr> {
    if section.has("listen_plain") && !section.has("tls") {
        let hint = "without TLS `listen` speaks plain HTTP anyway";
        r.error_with(section.place("listen_plain"), "`listen_plain` leads to HTTPS, and there is no [server.tls]", hint);
    }
    let all = addresses(r, section, "listen_plain").unwrap_or_default();
    if let Some(both) = all.iter().find(|address| address.port() != 0 && listen.contains(address)) {
        r.error(section.place("listen_plain"), format!("{both} is in `listen` already"));
    }
    all
}

fn listen(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Vec<SocketAddr>> {
    addresses(r, section, "listen").filter(|all| !all.is_empty())
}

fn addresses(r: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<Vec<SocketAddr>> {
    let texts = r.some_texts(section, key)?;
    let mut all: Vec<SocketAddr> = Vec::new();
    for text in texts {
        let Some(address) = r.parsed(&text, address) else { continue };
        if all.contains(&address) && address.port() != 0 {
            r.error(text.span, "this address is listed twice");
        } else {
            all.push(address);
        }
    }
    Some(all)
}

/// `IP:PORT`.
pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        let port = text.rsplit(':').next().filter(|port| port.parse::<u16>().is_ok());
        let hint = match port {
            Some(port) if text == port || text == format!(":{port}") => format!("\"127.0.0.1:{port}\" or \"0.0.0.0:{port}\""),
            Some(port) => format!("an IP address, not a name: \"127.0.0.1:{port}\""),
            None => "write an IP address and a port: \"127.0.0.1:8080\"".into(),
        };
        format!("is no address to listen on\n{hint}")
    })
}

/// Off loopback a public URL is needed, and should be https.
fn check_exposure(
    r: &mut Reader<'_>,
    section: &Section<'_>,
    listen: &[SocketAddr],
    given: Option<&Text>,
    url: Option<&PublicUrl>,
) {
    let exposed = listen.iter().any(|address| !address.ip().is_loopback());
    match url {
        None if exposed && given.is_none() && !section.has("public_url") => {
            let hint = "for example: public_url = \"https://shop.example.com\"";
            r.error_with(section.place("listen"), "`public_url` is needed when Doorward listens off loopback", hint);
        }
        Some(url) if !url.secure && (exposed || !url.is_loopback) => {
            let hint = "write [server.tls], or let a TLS-terminating proxy stand in front, and the https URL that browsers use";
            r.warn(section.place("public_url"), "passwords and cookies travel in the clear: plain HTTP off loopback", hint);
        }
        _ => {}
    }
}

/// Networks in CIDR form, or single addresses.
pub(crate) fn networks(r: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Vec<IpNet> {
    let parse = |text: &str| match (text.parse::<IpNet>(), text.parse::<IpAddr>()) {
        (Ok(net), _) if net.addr() != net.network() => {
            Err(format!("is no network: bits are set behind its prefix\ndid you mean \"{}\"?", net.trunc()))
        }
        (Ok(net), _) => Ok(net),
        (_, Ok(address)) => Ok(address.into()),
        _ => Err("is no network\nwrite an address or CIDR: \"10.0.0.0/8\", \"2001:db8::/32\"".to_owned()),
    };
    let texts = r.texts(section, key).unwrap_or_default();
    texts.iter().filter_map(|text| r.parsed(text, parse)).collect()
}

fn limits(r: &mut Reader<'_>, server: &Section<'_>) -> Limits {
    let section = r.section(Reader::content(server), "server.limits");
    let default = Limits::default();
    let head = r.size(&section, "head", default.head as u64).and_then(|bytes| usize::try_from(bytes).ok());
    if section.has("head") && head.is_none_or(|bytes| !(8192..=16 << 20).contains(&bytes)) {
        r.error(section.place("head"), "`head` must be at least 8KiB and at most 16MiB");
    }
    Limits {
        head: head.unwrap_or(default.head),
        headers: r.count(&section, "headers", 8, default.headers),
        body: r.size(&section, "body", 64 << 20),
        connections: r.count(&section, "connections", 1, default.connections),
        header_timeout: r.duration(&section, "header_timeout", default.header_timeout),
        handshake_timeout: r.duration(&section, "handshake_timeout", default.handshake_timeout),
        handshakes: r.count(&section, "handshakes", 1, default.handshakes),
        handshakes_per_network: section
            .has("handshakes_per_network")
            .then(|| r.count(&section, "handshakes_per_network", 1, default.handshakes)),
        idle_timeout: r.duration(&section, "idle_timeout", default.idle_timeout),
        drain_timeout: r.duration(&section, "drain_timeout", default.drain_timeout),
    }
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn reads_addresses() {
        assert!(address("127.0.0.1:0").is_ok() && address("[::]:8080").is_ok());
        for text in ["", "8080", ":8080", "localhost:8080", "127.0.0.1", "127.0.0.1:70000", "::1:80"] {
            assert!(address(text).is_err(), "{text}");
        }
    }
}
