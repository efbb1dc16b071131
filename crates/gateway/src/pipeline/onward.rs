//! Onward: a permit in hand, the request goes to its upstream with an identity that the upstream can verify.

use super::Gateway;
use crate::{proxy::Outgoing, api::Presented};
use doorward_auth::LiveSession;
use doorward_core::{Identity, Permit, Time, policy::Upstream};
use doorward_crypto::assertion::{Claims, Signer};
use http::HeaderValue;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// How long an assertion is good for (product, 'What the upstream receives').
const LIFETIME: Duration = Duration::from_secs(60);
/// How long the same one may serve again.
const REUSE: Duration = Duration::from_secs(30);

/// Makes assertions, and keeps those of guests for reuse; those of sessions are kept by the sessions themselves, so
/// that they are dropped with them.
pub(super) struct Assertions {
    issuer: Arc<str>,
    guests: Mutex<HashMap<Arc<str>, (HeaderValue, Time)>>,
}
