//! The OAuth 2.0 Authorization Framework (RFC 6749), without what RFC 9700 took out of it: there is no implicit grant
//! (2.1.2) and no grant by password (2.4).

pub mod authorize;
pub mod client;
pub mod error;
pub(crate) mod grants;
mod parameters;
mod redirect;
mod scope;
pub mod token;

pub use grants::scopes as asked_scopes;
pub use parameters::{BadParameters, Parameters};
pub use redirect::{BadRedirect, RedirectUri};
pub use scope::{BadScope, Scopes};
