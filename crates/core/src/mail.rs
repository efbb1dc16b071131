//! Mail to people who have an account: what it is about, and who takes it.

use std::{fmt, sync::Arc, time::Duration};

/// A mail that is to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The address.
    pub to: Arc<str>,
    /// The directory of the account that it is about.
    pub directory: Arc<str>,
    /// The account's sign-in name. (Nothing else that somebody chose at registration: a stranger's address would receive it.)
    pub login: Arc<str>,
    /// What it is about.
    pub about: About,
}

/// What a mail is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    /// The address is to be confirmed.
    Confirm(Invitation),
    /// The account was made.
    Welcome,
    /// A new password may be set.
    Reset(Invitation),
    /// The password was changed.
    PasswordChanged,
    /// The e-mail address was changed; this goes to the old one.
    EmailChanged,
}

impl About {
    /// The word in logs and metrics, and of the templates' files; stable.
    pub fn name(&self) -> &'static str {
        match self {
            About::Confirm(_) => "confirm",
            About::Welcome => "welcome",
            About::Reset(_) => "reset",
            About::PasswordChanged => "password_changed",
            About::EmailChanged => "email_changed",
        }
    }
}

/// A link that works once. It is a secret: whoever has it is believed to be the account's owner.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Where to go, built from the public URL and nothing else.
    pub link: Arc<str>,
    /// The token in the link, for templates that lead to a page of the operator's own.
    pub token: Arc<str>,
    /// How long it works.
    pub lifetime: Duration,
}

/// Without link and token.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation").field("lifetime", &self.lifetime).finish_non_exhaustive()
    }
}

/// Whoever sends mail.
pub trait Post: Send + Sync {
    /// Whether mail can be sent at all; what needs mail is refused otherwise.
    fn is_open(&self) -> bool;
    /// Takes a letter and sends it by and by. It never waits and never fails: what cannot be sent is logged and counted.
    fn send(&self, letter: Letter);
    /// An address to which people may turn, if any: it stands in texts that say 'contact'.
    fn contact(&self) -> Option<Arc<str>>;
}

/// Whether mail can be sent to this text: a plain address of at most 254 bytes (RFC 5321, 4.5.3.1), without quotes, comments,
/// white space or control characters.
pub fn is_address(text: &str) -> bool {
    let odd = |c: char| c.is_control() || c.is_whitespace() || "\"<>(),;:\\[]".contains(c);
    let Some((local, domain)) = text.rsplit_once('@').filter(|_| text.len() <= 254 && !text.contains(odd)) else { return false };
    let dotted = |text: &str| text.split('.').all(|part| !part.is_empty());
    let label = |label: &str| {
        label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || !c.is_ascii())
    };
    !local.contains('@') && local.len() <= 64 && dotted(local) && dotted(domain) && domain.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn addresses_are_plain() {
        for sound in ["a@b.example", "anna.maria+shop@example.com", "x@localhost", "ünal@exämple.com", "o'neil@x-y.example"] {
            assert!(is_address(sound), "{sound}");
        }
        let (long, local) = (format!("{}@example.com", "a".repeat(250)), format!("{}@example.com", "a".repeat(65)));
        for odd in [
            "",
            "anna",
            "@example.com",
            "anna@",
            "a b@example.com",
            "a@example.com\r\nBcc: all@example.com",
            "a@b@example.com",
            "a@example.com, b@example.com",
            "Anna <a@example.com>",
            "\"a b\"@example.com",
            "a@example.com\0",
            "a@[127.0.0.1]",
            ".a@example.com",
            "a..b@example.com",
            "a@example..com",
            "a@.com",
            "a@-x.com",
            "a@x_y.com",
            &long,
            &local,
        ] {
            assert!(!is_address(odd), "{odd:?}");
        }
    }
}
