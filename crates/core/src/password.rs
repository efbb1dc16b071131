//! What a new password must be like. Passwords that are stored already are never judged by this.

use crate::Kind;
use std::fmt;

/// The longest password that may be chosen, in characters (magento-webapi 8.4).
pub const LONGEST_CHOSEN: usize = 256;

/// A directory's rules for new passwords.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    /// The fewest characters.
    pub min_length: usize,
    /// How many of lower case, upper case, digits and others it must have: 1 to 4; 1 demands nothing.
    pub classes: u8,
    /// Whether passwords are refused that are common or were seen in breaches.
    pub refuse_common: bool,
}

impl PasswordRules {
    /// The rules of a directory that says nothing: customers as in magento-webapi 8.4, which clients show; admins without rules
    /// of composition, and longer instead (NIST SP 800-63B-4, 3.1.1.2).
    pub fn of(kind: Kind) -> Self {
        match kind {
            Kind::Customer => Self { min_length: 8, classes: 3, refuse_common: true },
            Kind::Admin | Kind::Integration => Self { min_length: 12, classes: 1, refuse_common: true },
        }
    }
}

/// What is wrong with a new password. The texts are those of magento-webapi 8.4 where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// More than [`LONGEST_CHOSEN`] characters.
    TooLong,
    /// Fewer characters than this.
    TooShort(usize),
    /// A space, tab or line end first or last.
    EdgeSpace,
    /// Fewer classes of characters than this.
    TooFewClasses(u8),
    /// It is the account's e-mail address.
    IsEmail,
    /// It is the login, or the name in the e-mail address, perhaps with digits and signs behind it.
    IsLogin,
    /// It is common or was seen in a breach, perhaps with signs behind it.
    Common,
}

impl Flaw {
    /// The text, with `%1` where [`Flaw::parameter`] belongs.
    pub fn template(self) -> &'static str {
        match self {
            Flaw::TooLong => "Please enter a password with at most %1 characters.",
            Flaw::TooShort(_) => "The password needs at least %1 characters. Create a new password and try again.",
            Flaw::EdgeSpace => "The password can't begin or end with a space. Verify the password and try again.",
            Flaw::TooFewClasses(_) => {
                "Minimum of different classes of characters in password is %1. Classes of characters: Lower Case, Upper Case, Digits, Special Characters."
            }
            Flaw::IsEmail => "The password can't be the same as the email address. Create a new password and try again.",
            Flaw::IsLogin => "The password can't be the same as the login. Create a new password and try again.",
            Flaw::Common => {
                "The password is too common: it stands on lists that attackers try first. Create a new password and try again."
            }
        }
    }

    /// What belongs in place of `%1`.
    pub fn parameter(self) -> Option<usize> {
        match self {
            Flaw::TooLong => Some(LONGEST_CHOSEN),
            Flaw::TooShort(least) => Some(least),
            Flaw::TooFewClasses(least) => Some(least.into()),
            Flaw::EdgeSpace | Flaw::IsEmail | Flaw::IsLogin | Flaw::Common => None,
        }
    }

    /// For an operator, continuing 'the password is weak: '.
    pub fn plain(self) -> String {
        match self {
            Flaw::TooLong => format!("it has more than {LONGEST_CHOSEN} characters"),
            Flaw::TooShort(least) => format!("it has fewer than {least} characters"),
            Flaw::EdgeSpace => "it begins or ends with a space".into(),
            Flaw::TooFewClasses(least) => format!("it has fewer than {least} of lower case, upper case, digits and others"),
            Flaw::IsEmail => "it is the same as the e-mail address".into(),
            Flaw::IsLogin => "it is the same as the login".into(),
            Flaw::Common => "it is one of the most common passwords".into(),
        }
    }

    /// One word for logs; stable.
    pub fn code(self) -> &'static str {
        match self {
            Flaw::TooLong => "too_long",
            Flaw::TooShort(_) => "too_short",
            Flaw::EdgeSpace => "edge_space",
            Flaw::TooFewClasses(_) => "too_few_classes",
            Flaw::IsEmail => "is_email",
            Flaw::IsLogin => "is_login",
            Flaw::Common => "common",
        }
    }
}

/// The text with its parameter.
impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.template().split_once("%1"), self.parameter()) {
            (Some((before, after)), Some(parameter)) => write!(f, "{before}{parameter}{after}"),
            _ => f.write_str(self.template()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_the_contract() {
        for (flaw, text) in [
            (Flaw::TooShort(8), "The password needs at least 8 characters. Create a new password and try again."),
            (
                Flaw::TooFewClasses(3),
                "Minimum of different classes of characters in password is 3. Classes of characters: Lower Case, Upper Case, Digits, Special Characters.",
            ),
            (Flaw::EdgeSpace, "The password can't begin or end with a space. Verify the password and try again."),
            (Flaw::IsEmail, "The password can't be the same as the email address. Create a new password and try again."),
            (Flaw::TooLong, "Please enter a password with at most 256 characters."),
        ] {
            assert_eq!(flaw.to_string(), text);
        }
        for flaw in [Flaw::IsLogin, Flaw::Common] {
            assert_eq!(flaw.to_string(), flaw.template());
        }
    }
}
