//! The PROXY protocol, versions 1 and 2: who the client is, said by a trusted peer before anything else.

use bytes::{Buf, BytesMut};
use ppp::{HeaderResult, PartialResult, v1, v2};
use std::net::{IpAddr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt};

/// No sound header is longer, with room for the extensions of version 2.
const LONGEST: usize = 2048;

/// Reads the header from the stream into what `buffer` holds already, and takes it off. `None` where the peer speaks
/// for itself (`LOCAL`, `UNKNOWN`).
pub(super) async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut BytesMut,
) -> Result<Option<SocketAddr>, &'static str> {
    loop {
        if !buffer.is_empty() {
            let parsed = HeaderResult::parse(buffer);
            if parsed.is_complete() {
                let (length, client) = understand(parsed)?;
                buffer.advance(length);
                return Ok(client);
            }
            // A line of version 1 that has ended says no more, whatever is missing in it.
            if buffer.starts_with(b"PROXY") && buffer.windows(2).any(|pair| pair == b"\r\n") {
                return Err("the connection does not begin with a PROXY header");
            }
        }
        if buffer.len() > LONGEST {
            return Err("the PROXY header is too long");
        }
        match stream.read_buf(buffer).await {
            Ok(0) | Err(_) => return Err("the connection ended before its PROXY header"),
            Ok(_) => {}
        }
    }
}

/// Length of the header and the client that it names.
fn understand(parsed: HeaderResult<'_>) -> Result<(usize, Option<SocketAddr>), &'static str> {
    match parsed {
        HeaderResult::V1(Ok(header)) => {
            let client = match header.addresses {
                v1::Addresses::Tcp4(a) => Some(SocketAddr::new(IpAddr::V4(a.source_address), a.source_port)),
                v1::Addresses::Tcp6(a) => Some(SocketAddr::new(IpAddr::V6(a.source_address), a.source_port)),
                v1::Addresses::Unknown => None,
            };
            Ok((header.header.len(), client))
        }
        HeaderResult::V2(Ok(header)) => {
            let client = match (header.command, header.addresses) {
                (v2::Command::Local, _) => None,
                (_, v2::Addresses::IPv4(a)) => Some(SocketAddr::new(IpAddr::V4(a.source_address), a.source_port)),
                (_, v2::Addresses::IPv6(a)) => Some(SocketAddr::new(IpAddr::V6(a.source_address), a.source_port)),
                // A proxied connection whose client has no address: nobody can say who it is.
                (_, v2::Addresses::Unix(_) | v2::Addresses::Unspecified) => {
                    return Err("the PROXY header names no address");
                }
            };
            Ok((header.header.len(), client))
        }
        HeaderResult::V1(Err(_)) | HeaderResult::V2(Err(_)) => Err("the connection does not begin with a PROXY header"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_both_versions_and_leaves_what_follows() {
        let text = b"PROXY TCP4 203.0.113.9 10.0.0.1 4711 80\r\nGET / HTTP/1.1\r\n";
        let (length, client) = understand(HeaderResult::parse(text)).unwrap();
        assert_eq!((length, client), (41, Some("203.0.113.9:4711".parse().unwrap())));

        let addresses: (SocketAddr, SocketAddr) = ("[2001:db8::1]:5".parse().unwrap(), "[::1]:80".parse().unwrap());
        let mut binary =
            v2::Builder::with_addresses(v2::Version::Two | v2::Command::Proxy, v2::Protocol::Stream, addresses).build().unwrap();
        let header = binary.len();
        binary.extend_from_slice(b"GET");
        assert_eq!(understand(HeaderResult::parse(&binary)), Ok((header, Some(addresses.0))));
    }

    #[test]
    fn refuses_what_is_no_header() {
        for text in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PROXY TCP4 999.0.0.1 10.0.0.1 1 2\r\n", b"PROXY SCTP a b 1 2\r\n"] {
            assert!(understand(HeaderResult::parse(text)).is_err());
        }
        assert_eq!(understand(HeaderResult::parse(b"PROXY UNKNOWN\r\n")), Ok((15, None)));
    }
}
