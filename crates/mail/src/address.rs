//! Addresses that can stand in a header and in an SMTP command.

use std::{fmt, str::FromStr};

/// A mailbox: `anna@example.com`, or `Anna's Shop <shop@example.com>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mailbox(pub(crate) lettre::message::Mailbox);

impl Mailbox {
    /// The address alone.
    pub fn address(&self) -> &str {
        self.0.email.as_ref()
    }

    /// What stands behind the `@`.
    pub fn domain(&self) -> &str {
        self.0.email.domain()
    }

    /// The bare address of an account. What no mail server should ever see is no address: white space, control characters,
    /// quoted names, more than 254 bytes (RFC 5321, 4.5.3.1.3).
    pub fn of_account(text: &str) -> Option<Self> {
        let odd = |c: char| c.is_control() || c.is_whitespace() || "\"<>(),;:\\[]".contains(c);
        if text.len() > 254 || text.contains(odd) {
            return None;
        }
        let email = lettre::Address::from_str(text).ok()?;
        Some(Self(lettre::message::Mailbox::new(None, email)))
    }
}

/// The error continues the text; its second line says what to write.
impl FromStr for Mailbox {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const WRONG: &str = "is no mail address\nwrite \"shop@example.com\" or \"The Shop <shop@example.com>\"";
        if text.contains(char::is_control) {
            return Err(WRONG.into());
        }
        text.parse().map(Self).map_err(|_| WRONG.into())
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_accounts_are_plain() {
        for sound in ["a@b.example", "anna.maria+shop@example.com", "x@localhost", "ünal@exämple.com"] {
            assert_eq!(Mailbox::of_account(sound).map(|mailbox| mailbox.address().to_owned()).as_deref(), Some(sound));
        }
        let long = format!("{}@example.com", "a".repeat(250));
        for odd in [
            "",
            "anna",
            "@example.com",
            "anna@",
            "a b@example.com",
            "a@example.com\r\nBcc: all@example.com",
            "a@example.com, b@example.com",
            "Anna <a@example.com>",
            "\"a\nb\"@example.com",
            "a@example.com\0",
            &long,
        ] {
            assert!(Mailbox::of_account(odd).is_none(), "{odd:?}");
        }
    }

    #[test]
    fn senders_may_have_a_name() {
        let shop: Mailbox = "The Shop <shop@example.com>".parse().unwrap();
        assert_eq!((shop.address(), shop.domain()), ("shop@example.com", "example.com"));
        for wrong in ["", "The Shop", "a@b@c", "A <a@example.com>\r\nX: y"] {
            assert!(wrong.parse::<Mailbox>().is_err(), "{wrong:?}");
        }
    }
}
