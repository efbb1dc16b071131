//! Addresses as limits count them.

use std::net::{IpAddr, Ipv6Addr};

/// The network that an address stands for: IPv4 as it is (also when written as IPv4-mapped IPv6), IPv6 by its /64,
/// because one household or machine has all of that.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn one_ipv6_network_and_both_spellings_of_ipv4_count_as_one() {
        for (a, b, same) in [
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff::1", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.2", false),
            ("::1", "::2", true),
        ] {
            let network = |text: &str| super::network(text.parse().unwrap());
            assert_eq!(network(a) == network(b), same, "{a} {b}");
        }
    }
}
