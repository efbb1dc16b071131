//! OpenID Connect Core 1.0: what a client may ask of the person's sign-in.

pub mod id_token;
pub mod userinfo;

use std::time::Duration;

/// The scope that makes it OpenID Connect (Core 3.1.2.1).
pub const OPENID: &str = "openid";
/// The scope that shows the sign-in name (Core 5.4).
pub const PROFILE: &str = "profile";
/// The scope that shows the e-mail address (Core 5.4).
pub const EMAIL: &str = "email";
/// The scope that outlives the person's session (Core 11).
pub const OFFLINE: &str = "offline_access";
/// How long a nonce may be, in bytes: it comes back in the ID token.
const LONGEST_NONCE: usize = 512;

/// What must happen before the answer (Core 3.1.2.1, `prompt`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prompt {
    /// No page may be shown.
    pub none: bool,
    /// The person signs in again.
    pub login: bool,
    /// The person is asked for consent again.
    pub consent: bool,
    /// The person says which account it shall be: signing in again is how.
    pub select_account: bool,
}

impl Prompt {
    /// Words with a space between them. `none` stands alone (Core 3.1.2.1).
    ///
    /// # Errors
    /// For words that are none of these, and for `none` with others.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let mut prompt = Self::default();
        for word in text.split(' ') {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                _ => return Err("prompt has a value that is not supported"),
            }
        }
        if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
            return Err("prompt=none stands alone");
        }
        Ok(prompt)
    }

    /// Whether the person has to sign in once more, whoever is signed in.
    pub fn sign_in_again(self) -> bool {
        self.login || self.select_account
    }
}

/// `max_age` (Core 3.1.2.1): how long ago the person may have signed in.
///
/// # Errors
/// When it is no number of seconds.
pub fn max_age(text: &str) -> Result<Duration, &'static str> {
    let plain = text.bytes().all(|b| b.is_ascii_digit());
    let seconds = text.parse::<u32>().ok().filter(|_| plain);
    seconds.map(|seconds| Duration::from_secs(seconds.into())).ok_or("max_age is a number of seconds")
}

/// `nonce` (Core 3.1.2.1).
///
/// # Errors
/// When it is too long to come back.
pub fn nonce(text: &str) -> Result<&str, &'static str> {
    if text.len() > LONGEST_NONCE { Err("nonce is too long") } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::{Prompt, max_age};
    use std::time::Duration;

    #[test]
    fn prompt_none_stands_alone() {
        assert!(Prompt::parse("none").unwrap().none);
        let both = Prompt::parse("login consent").unwrap();
        assert!(both.login && both.consent && both.sign_in_again() && !both.none);
        assert!(Prompt::parse("select_account").unwrap().sign_in_again());
        for bad in ["none login", "consent none", "create", "", "login  consent", "Login"] {
            assert!(Prompt::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn max_age_is_a_number_of_seconds() {
        assert_eq!(max_age("0"), Ok(Duration::ZERO));
        assert_eq!(max_age("3600"), Ok(Duration::from_secs(3600)));
        for bad in ["", "-1", "+1", "1.5", "99999999999", "x"] {
            assert!(max_age(bad).is_err(), "{bad}");
        }
    }
}
