//! Which addresses are asked. It is decided about the address that is connected to, after its name was looked up, so that no
//! name leads elsewhere between both.
//!
//! Operators name the servers that are asked, and theirs often stand in private networks, so those are allowed. Never asked are
//! addresses that no such server has: unspecified ones, multicast and broadcast, and the link-local ones, at which clouds tell
//! every machine its own credentials. Plain HTTP goes to loopback alone, whatever `localhost` is said to be.

use doorward_core::ports::RemoteUrl;
use std::net::IpAddr;

/// Whether this address may be asked for this URL.
pub(crate) fn is_allowed(url: &RemoteUrl, address: IpAddr) -> bool {
    let address = address.to_canonical();
    if !url.is_secure() {
        return address.is_loopback();
    }
    let never = match address {
        IpAddr::V4(v4) => {
            v4.is_unspecified() || v4.octets()[0] == 0 || v4.is_broadcast() || v4.is_link_local() || v4.is_multicast()
        }
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local(),
    };
    !never
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_no_server_has_are_never_asked() {
        let (secure, plain) = (RemoteUrl::parse("https://idp.example.com/"), RemoteUrl::parse("http://localhost/"));
        let (secure, plain) = (secure.unwrap(), plain.unwrap());
        let is = |url: &RemoteUrl, text: &str| is_allowed(url, text.parse().unwrap());
        for good in ["192.0.2.1", "10.0.0.1", "192.168.1.1", "2001:db8::1", "fd00::1"] {
            assert!(is(&secure, good) && !is(&plain, good), "{good}");
        }
        for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(is(&secure, loopback) && is(&plain, loopback), "{loopback}");
        }
        for bad in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "fe80::1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
        ] {
            assert!(!is(&secure, bad) && !is(&plain, bad), "{bad}");
        }
    }
}
