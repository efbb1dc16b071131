//! The road: a request enters, is judged, and reaches its upstream.
//!
//! ```text
//! listen   connections, limits, PROXY protocol, drain            -> Request, Connection
//! admit    one canonical request, or 400                          -> Admitted
//! pipeline find, authenticate, decide                             -> Permit | Refusal
//! api      our own endpoints       proxy   everything else        -> Response
//! answer   refusals in the caller's dialect
//! record   exactly one event for each request
//! ```

pub mod admit;
pub mod answer;
pub mod api;
pub mod body;
mod cors;
mod exchange;
mod ext_authz;
mod forward_auth;
#[cfg(test)]
mod known_holes;
pub mod listen;
mod oauth;
pub mod pages;
mod patience;
pub mod pipeline;
pub mod proxy;
pub mod record;

pub use admit::Admitted;
pub use body::Body;
pub use cors::Crossing;
pub use pipeline::{Answering, Gateway, GatewayParts, Onward, Passed, PlainDoor, Service, Snapshot};
