//! Proof of possession (RFC 7800): what a token is bound to, and what a firewall demands of it.

use serde::Serialize;
use std::sync::Arc;

/// What a token is bound to (`cnf`, RFC 7800 3.1). Whoever sends it has to show all of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// The thumbprint of a key that signs proofs (RFC 9449 6.1).
    pub key: Option<Arc<str>>,
    /// The SHA-256 of a client's certificate (RFC 8705 3.1).
    pub certificate: Option<Arc<str>>,
}

/// To what a token has to be bound, whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Demand {
    /// A key that signs proofs (RFC 9449).
    Dpop,
    /// A client's certificate (RFC 8705).
    Certificate,
    /// Either of them.
    Any,
}

impl Demand {
    /// Whether a token that is bound to this is bound enough.
    pub fn is_met(self, bound: &Bound) -> bool {
        match self {
            Demand::Dpop => bound.key.is_some(),
            Demand::Certificate => bound.certificate.is_some(),
            Demand::Any => bound.key.is_some() || bound.certificate.is_some(),
        }
    }

    /// Whether a client's certificate may be what is shown.
    pub fn reads_certificates(self) -> bool {
        matches!(self, Demand::Certificate | Demand::Any)
    }
}
