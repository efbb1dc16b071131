//! Who passed, as services find it among the extensions of a request.

use std::{fmt, ops::Deref};

/// Who is calling: a guest or an account. The layer puts it among the extensions of each request that passes; nobody else can
/// make one. With the feature `axum` it is an extractor, too.
///
/// ```
/// # async fn handler(request: http::Request<doorward_tower::Body>) -> String {
/// match request.extensions().get::<doorward_tower::Identity>().and_then(|identity| identity.account().cloned()) {
///     Some(account) => format!("{} of {}", account.login, account.directory),
///     None => "a guest".to_owned(),
/// }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity(pub(crate) doorward_core::Identity);

impl Deref for Identity {
    type Target = doorward_core::Identity;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

/// `guest`, `customer/42`, `admin/1`: as `Doorward-Identity` says it.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// That a request may pass, by which method and which rule. The layer puts it among the extensions; nobody else can make
/// one. With the feature `axum` it is an extractor, too.
#[derive(Clone, Debug)]
pub struct Permit(pub(crate) doorward_core::Permit);

impl Deref for Permit {
    type Target = doorward_core::Permit;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}
