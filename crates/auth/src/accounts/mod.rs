//! What people do with their own accounts: sign up, confirm an address, set another password, change an address.
//!
//! | flow | asks for | ends with |
//! | --- | --- | --- |
//! | [`Auth::register`] | nothing | an account, and a link to confirm its address where that is wanted |
//! | [`Auth::confirm`] | the link's token | the account may sign in |
//! | [`Auth::request_reset`], [`Auth::resend_confirmation`] | patience | a link by mail, if there is such an account |
//! | [`Auth::redeem_reset`] | the link's token | another password; all sessions and tokens end |
//! | [`Auth::change_password`] | the current password | another password; the present session goes on under a new id, all others end |
//! | [`Auth::change_email`] | the current password | another address; mail to the old one |
//!
//! Whoever proves a password does it by [`Auth::verify`], the one place where failures are counted and locked and disabled
//! accounts are refused. A link is a secret of 160 bits of which the store keeps a hash; it is good for one purpose, once, for
//! a while. Links are built from the public URL of the configuration, never from a request. What a stranger may ask for is
//! answered alike, and as fast, whether there is such an account or not.

mod change;
mod limits;
mod links;
mod register;
mod reset;
#[cfg(test)]
mod tests;

pub use change::{Caller, ChangeError, PasswordChanged};
pub(crate) use limits::Requests;
pub use links::{LinkState, Whose};
pub use register::{RegisterError, Registration};
pub use reset::{Answered, RedeemError, RequestError};

use crate::Auth;
use doorward_core::{
    mail::{About, Letter, Post},
    ports::AccountRecord,
    stores::Stores,
};
use std::{sync::Arc, time::Duration};

/// How accounts are kept, as configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRules {
    /// Scheme and authority of links, without trailing slash.
    pub public_url: Arc<str>,
    /// The views of a shop, whose pages have addresses of their own; `None` where there are none.
    pub stores: Option<Stores>,
    /// How long a link for another password works.
    pub reset_lifetime: Duration,
    /// How long a link to confirm an address works.
    pub confirm_lifetime: Duration,
    /// Whether an address must be confirmed before its account may sign in.
    pub confirm_email: bool,
    /// Whether new accounts get a mail that says so.
    pub welcome_mail: bool,
    /// Whether strangers are told that there is no such account.
    pub reveal_accounts: bool,
    /// How many links an e-mail address or a network may ask for in an hour.
    pub reset_requests: u32,
    /// How long one e-mail address waits between two.
    pub reset_interval: Duration,
    /// The tax classes that groups of customers may have (magento-webapi 9.3); a new group has the first.
    pub tax_classes: Arc<[u32]>,
}

impl Default for AccountRules {
    fn default() -> Self {
        Self {
            public_url: "http://127.0.0.1".into(),
            stores: None,
            reset_lifetime: Duration::from_secs(2 * 3600),
            confirm_lifetime: Duration::from_secs(7 * 86_400),
            confirm_email: false,
            welcome_mail: false,
            reveal_accounts: false,
            reset_requests: 5,
            reset_interval: Duration::from_secs(600),
            tax_classes: Arc::new([3]),
        }
    }
}

impl Auth {
    /// The rules of a new configuration.
    pub fn set_account_rules(&self, rules: AccountRules) {
        self.account_rules.store(Arc::new(rules));
    }

    /// The rules as they are now.
    pub fn account_rules(&self) -> Arc<AccountRules> {
        self.account_rules.load_full()
    }

    /// Who sends mail. Only the first one counts; without one no mail is sent.
    pub fn send_mail_by(&self, post: Arc<dyn Post>) {
        let _ = self.post.set(post);
    }

    /// Whether mail can be sent.
    pub fn can_mail(&self) -> bool {
        self.post.get().is_some_and(|post| post.is_open())
    }

    /// Whom people may turn to, for texts that say 'contact'.
    pub fn contact(&self) -> Option<Arc<str>> {
        self.post.get().and_then(|post| post.contact())
    }

    /// Sends a mail to an account's address. Without mail or without an address nothing happens.
    pub fn mail_to(&self, record: &AccountRecord, about: About) {
        if let (Some(post), Some(email)) = (self.post.get(), &record.email) {
            let account = &record.account;
            post.send(Letter {
                to: Arc::clone(email),
                directory: Arc::clone(&account.directory),
                login: Arc::clone(&account.login),
                about,
            });
        }
    }
}
