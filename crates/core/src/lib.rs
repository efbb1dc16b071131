//! Words and verdicts.
//!
//! This crate holds the vocabulary of Doorward and its decision: who a request is ([`identity`]), what a route
//! requires ([`route`], [`acl`]), which authentication method judges a request ([`firewall`]), and the two outcomes
//! ([`Permit`] and [`Refusal`]). It does no I/O, reads no clock and draws no random numbers; everything that it needs
//! is an argument. The outside fulfils the traits in [`ports`].
//!
//! The decision is two pure steps with the authentication between them:
//!
//! ```text
//! Policy::find(facts, own) -> Found      which firewall, which rule
//! (authenticate)           -> Offer      the caller's own business: cookies, stores
//! decide(found, offer, ..) -> Permit | Refusal
//! ```

pub mod access;
pub mod acl;
pub mod canonical;
pub mod certificate;
pub mod cors;
pub mod decide;
pub mod facts;
pub mod firewall;
pub mod forward_auth;
pub mod identity;
pub mod json;
pub mod mail;
pub mod name;
pub mod oauth;
pub mod password;
pub mod policy;
pub mod ports;
pub mod possession;
pub mod protected;
pub mod question;
pub mod quoted;
pub mod refusal;
pub mod route;
pub mod scopes;
pub mod session;
pub mod site;
pub mod source;
pub mod stores;
pub mod time;
pub mod upstream_identity;

pub use cors::{Cors, CorsRule};
pub use decide::{Evidence, Offer, Permit, decide};
pub use facts::{Carries, Facts, Provenance};
pub use identity::{Account, Identity, Kind, Membership};
pub use oauth::{OAuth, OAuthEndpoint};
pub use password::PasswordRules;
pub use policy::{Found, Policy, Target};
pub use question::Question;
pub use refusal::{Reason, Refusal};
pub use site::{Site, Sites};
pub use source::Source;
pub use stores::Stores;
pub use time::Time;
pub use upstream_identity::UpstreamIdentity;
