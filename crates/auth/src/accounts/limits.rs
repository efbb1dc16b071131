//! How often a link may be asked for: at most so many an hour for one e-mail address and from one network, and not twice for
//! one address within a while (magento-webapi 8.4). Addresses that nobody has count alike.

use super::AccountRules;
use crate::{
    network,
    throttle::{AccountKey, Table, account_key},
};
use doorward_core::Time;
use std::{
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// How long a request counts.
const WINDOW: Duration = Duration::from_secs(3600);
/// How many entries each table holds.
const ENTRIES: usize = 65_536;

/// The counters.
pub(crate) struct Requests(Mutex<Tables>);

struct Tables {
    emails: Table<AccountKey, Vec<Time>>,
    networks: Table<IpAddr, Vec<Time>>,
}

impl Default for Requests {
    fn default() -> Self {
        Self(Mutex::new(Tables { emails: Table::new(ENTRIES), networks: Table::new(ENTRIES) }))
    }
}

impl Requests {
    /// Whether one more is allowed; it counts if it is.
    pub(crate) fn admit(&self, directory: &str, email: &str, address: IpAddr, rules: &AccountRules, now: Time) -> bool {
        let most = usize::try_from(rules.reset_requests).unwrap_or(usize::MAX);
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Tables { emails, networks } = &mut *guard;
        let of_email = emails.entry(&account_key(directory, email));
        let of_network = networks.entry(&network(address));
        for times in [&mut *of_email, &mut *of_network] {
            times.retain(|time| now.since(*time) < WINDOW);
        }
        let too_soon = of_email.last().is_some_and(|last| now.since(*last) < rules.reset_interval);
        if too_soon || of_email.len() >= most || of_network.len() >= most {
            return false;
        }
        of_email.push(now);
        of_network.push(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn address(last: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, last])
    }

    #[test]
    fn an_email_address_waits_ten_minutes_and_has_five_an_hour() {
        let (requests, rules) = (Requests::default(), AccountRules::default());
        let mut now = Time(1_700_000_000_000);
        let ask = |email: &str, from: u8, now: Time| requests.admit("customers", email, address(from), &rules, now);
        assert!(ask("anna@example.com", 1, now));
        for (email, from) in [("anna@example.com", 1), ("ANNA@example.com", 2)] {
            assert!(!ask(email, from, now + 9 * MINUTE), "{email} {from}");
        }
        for n in 1..5 {
            now = now + 10 * MINUTE;
            assert!(ask("anna@example.com", 10 + n, now), "{n}");
        }
        assert!(!ask("anna@example.com", 20, now + 19 * MINUTE), "the sixth of an hour");
        assert!(ask("anna@example.com", 21, now + 20 * MINUTE), "the first is an hour old");
        assert!(ask("bert@example.com", 22, now), "nobody else waits for that");
    }

    #[test]
    fn a_network_has_five_an_hour() {
        let (requests, rules) = (Requests::default(), AccountRules::default());
        let now = Time(1_700_000_000_000);
        let ask = |n: u32, from, now| requests.admit("customers", &format!("u{n}@example.com"), from, &rules, now);
        for n in 0..5 {
            assert!(ask(n, address(1), now));
        }
        assert!(!ask(6, address(1), now + 59 * MINUTE));
        assert!(ask(6, address(2), now));
        assert!(ask(7, address(1), now + 60 * MINUTE));
    }
}
