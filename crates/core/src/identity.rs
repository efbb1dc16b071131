//! Who a request is.

use serde::{Deserialize, Serialize};
use std::{borrow::Cow, fmt, sync::Arc};

/// What kind of account somebody has; a directory holds accounts of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Somebody who buys or visits; `self` routes are theirs.
    Customer,
    /// Somebody who runs the place; roles grant them resources.
    Admin,
    /// Another program; roles grant it resources. It has no password: it calls with tokens.
    Integration,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Customer, Kind::Admin, Kind::Integration];

    /// The word that upstreams receive, as in `customer/42`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Customer => "customer",
            Kind::Admin => "admin",
            Kind::Integration => "integration",
        }
    }

    /// The role that everyone of this kind has besides `ROLE_USER`.
    pub fn role(self) -> &'static str {
        match self {
            Kind::Customer => "ROLE_CUSTOMER",
            Kind::Admin => "ROLE_ADMIN",
            Kind::Integration => "ROLE_INTEGRATION",
        }
    }
}

/// The role that everyone who is signed in has.
pub const ROLE_USER: &str = "ROLE_USER";

/// What a customer belongs to in a shop (magento-webapi 4.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The number of the website that knows the account.
    pub website: u32,
    /// The number of the store view that it was made in.
    pub store: u32,
    /// The number of its group.
    pub group: u32,
}

/// What a decision needs to know of an account. It never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Account {
    /// The directory that the account signs in at.
    pub directory: Arc<str>,
    /// The directory's kind.
    pub kind: Kind,
    /// Unique among all accounts of the kind, and never used again.
    pub id: u64,
    /// The name that the account signs in with.
    pub login: Arc<str>,
    /// Roles given to the account by name; the implied ones (`ROLE_USER`, ...) are not listed here.
    pub roles: Vec<Arc<str>>,
    /// What a customer belongs to, where that was said.
    pub membership: Option<Membership>,
}

impl Account {
    /// All role names, implied ones first.
    pub fn role_names(&self) -> impl Iterator<Item = &str> {
        [ROLE_USER, self.kind.role()].into_iter().chain(self.roles.iter().map(AsRef::as_ref))
    }
}

/// Who a request is: nobody we know, or an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Whoever cannot be authenticated.
    Guest,
    /// Somebody who proved to be this account.
    Known(Arc<Account>),
}

impl Identity {
    /// The account, unless a guest.
    pub fn account(&self) -> Option<&Arc<Account>> {
        match self {
            Identity::Guest => None,
            Identity::Known(account) => Some(account),
        }
    }

    /// The text of its `Display`, made without the formatting machinery: every request asks for it.
    pub fn name(&self) -> Cow<'static, str> {
        match self {
            Identity::Guest => Cow::Borrowed("guest"),
            Identity::Known(account) => Cow::Owned([account.kind.as_str(), "/", &account.id.to_string()].concat()),
        }
    }
}

/// `guest`, `customer/42`, `admin/1`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
