//! The client's address as far as it may be believed: from exactly one source, read right to left.

use super::Network;
use crate::listen::Connection;
use doorward_core::quoted::{split, unquote};
use http::{HeaderMap, HeaderName, header};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Where the client's address is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAddress {
    /// The other end of the socket.
    #[default]
    Peer,
    /// `X-Forwarded-For`, from trusted proxies.
    XForwardedFor,
    /// `Forwarded` (RFC 7239), from trusted proxies.
    Forwarded,
    /// The PROXY protocol, from trusted proxies.
    ProxyProtocol,
}

/// The client's address, or what is wrong with the header that had to be believed. A value that cannot be parsed is
/// never skipped: to fall back would be to believe something else.
pub(super) fn client(headers: &HeaderMap, connection: &Connection, network: &Network) -> Result<IpAddr, &'static str> {
    let peer = connection.peer.ip().to_canonical();
    let lines = match network.client_address {
        ClientAddress::Peer => return Ok(peer),
        ClientAddress::ProxyProtocol => return Ok(connection.announced.map_or(peer, |a| a.ip().to_canonical())),
        _ if !network.trusts(peer) => return Ok(peer),
        ClientAddress::XForwardedFor => text(headers, &HeaderName::from_static("x-forwarded-for"))?,
        ClientAddress::Forwarded => text(headers, &header::FORWARDED)?,
    };
    let Some(lines) = lines else {
        return Ok(peer);
    };
    let elements = split(&lines, ',').ok_or("an unclosed quote in a forwarding header")?;
    let mut client = peer;
    for element in elements.into_iter().rev() {
        let node = match network.client_address {
            ClientAddress::Forwarded => for_node(element)?,
            _ => element.trim_matches([' ', '\t']).to_owned(),
        };
        client = parse_node(&node).ok_or("an address in a forwarding header cannot be read")?;
        if !network.trusts(client) {
            break;
        }
    }
    Ok(client)
}

/// All lines of a header as one list, if there are any.
fn text(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, &'static str> {
    let lines: Result<Vec<&str>, _> = headers.get_all(name).iter().map(|value| value.to_str()).collect();
    lines.map(|lines| (!lines.is_empty()).then(|| lines.join(","))).map_err(|_| "a forwarding header is not ASCII")
}

/// The `for` of a forwarded-element (RFC 7239, 4); exactly one.
fn for_node(element: &str) -> Result<String, &'static str> {
    const BAD: &str = "an element of Forwarded cannot be read";
    let mut node = None;
    for pair in split(element, ';').ok_or(BAD)? {
        let (name, value) = pair.trim_matches([' ', '\t']).split_once('=').ok_or(BAD)?;
        if name.eq_ignore_ascii_case("for") && node.replace(unquote(value).ok_or(BAD)?).is_some() {
            return Err(BAD);
        }
    }
    node.ok_or(BAD)
}

/// An address with or without port; obfuscated names and `unknown` are none.
fn parse_node(node: &str) -> Option<IpAddr> {
    if let Ok(address) = node.parse::<IpAddr>() {
        return Some(address.to_canonical());
    }
    if let Ok(address) = node.parse::<SocketAddr>() {
        return Some(address.ip().to_canonical());
    }
    let bare: Ipv6Addr = node.strip_prefix('[')?.strip_suffix(']')?.parse().ok()?;
    Some(IpAddr::V6(bare).to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn judge(source: ClientAddress, peer: &str, lines: &[&str]) -> Result<String, &'static str> {
        let network = Network {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()],
            client_address: source,
            ..Network::default()
        };
        let mut headers = HeaderMap::new();
        let name = if source == ClientAddress::Forwarded { "forwarded" } else { "x-forwarded-for" };
        for line in lines {
            headers.append(name, HeaderValue::from_str(line).unwrap());
        }
        let connection = Connection::plain(SocketAddr::new(peer.parse().unwrap(), 1));
        client(&headers, &connection, &network).map(|ip| ip.to_string())
    }

    #[test]
    fn reads_x_forwarded_for_from_the_right_up_to_the_first_stranger() {
        use ClientAddress::XForwardedFor as Xff;
        let cases: [(&str, &[&str], &str); 8] = [
            ("10.0.0.1", &["203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1, 203.0.113.9, 10.1.1.1"], "203.0.113.9"),
            ("10.0.0.1", &["198.51.100.1", "203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["10.2.2.2, 10.1.1.1"], "10.2.2.2"),
            ("10.0.0.1", &["garbage, 203.0.113.9"], "203.0.113.9"),
            ("10.0.0.1", &["[2001:db8::1]:443"], "2001:db8::1"),
            ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
        ];
        for (peer, lines, client) in cases {
            assert_eq!(judge(Xff, peer, lines).as_deref(), Ok(client), "{lines:?}");
        }
    }

    #[test]
    fn cve_2023_36456_a_stranger_is_not_believed() {
        assert_eq!(judge(ClientAddress::XForwardedFor, "203.0.113.1", &["127.0.0.1"]).as_deref(), Ok("203.0.113.1"));
        assert_eq!(judge(ClientAddress::Forwarded, "203.0.113.1", &["for=127.0.0.1"]).as_deref(), Ok("203.0.113.1"));
        assert_eq!(judge(ClientAddress::Peer, "10.0.0.1", &["127.0.0.1"]).as_deref(), Ok("10.0.0.1"));
    }

    #[test]
    fn cve_2024_47070_an_unparsable_value_is_an_error_and_no_fallback() {
        for line in
            ["", "unknown", "203.0.113.9,", "1.2.3", "1.2.3.4.5", "203.0.113.9, x", "[::1", "\"", "203.0.113.9\", 10.0.0.1"]
        {
            assert!(judge(ClientAddress::XForwardedFor, "10.0.0.1", &[line]).is_err(), "{line}");
        }
    }

    #[test]
    fn reads_forwarded_with_quotes_and_ports() {
        let cases = [
            ("for=203.0.113.9", "203.0.113.9"),
            ("For=\"203.0.113.9:80\";proto=http;by=10.0.0.1", "203.0.113.9"),
            ("for=\"[2001:db8::1]:443\"", "2001:db8::1"),
            ("for=\"[2001:db8::1]\"", "2001:db8::1"),
            ("for=1.1.1.1, for=203.0.113.9, for=10.9.9.9", "203.0.113.9"),
            ("for=1.1.1.1;host=\"a,b;for=2.2.2.2\"", "1.1.1.1"),
            ("for=\"[fd00::7]\"", "fd00::7"),
        ];
        for (line, client) in cases {
            assert_eq!(judge(ClientAddress::Forwarded, "10.0.0.1", &[line]).as_deref(), Ok(client), "{line}");
        }
    }

    #[test]
    fn refuses_a_forwarded_that_cannot_be_read() {
        for line in [
            "for=unknown",
            "for=_hidden",
            "proto=http",
            "for=1.1.1.1;for=2.2.2.2",
            "for=\"1.1.1.1",
            "1.1.1.1",
            "for=\"1.1.1.1\"x",
            "for=1.1.1.1,",
        ] {
            assert!(judge(ClientAddress::Forwarded, "10.0.0.1", &[line]).is_err(), "{line}");
        }
    }
}
