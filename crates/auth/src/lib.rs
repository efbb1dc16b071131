//! Who are you: sessions, tokens, sign-in, throttling, assertions.
//!
//! [`Auth`] is what the rest of Doorward asks. It holds the one in-memory [`Sessions`] index, by which a live session is
//! checked without the store; the [`Roles`]; the [`Throttle`]; and the pool that hashes passwords. Whatever changes in
//! the store is forgotten here by [`Auth::apply_changes`]; what cannot be known is an error, never a yes.

mod accounts;
mod address;
mod assertions;
mod auth;
mod background;
mod device;
mod elsewhere;
mod exchange;
mod grounds;
mod holders;
mod pairs;
pub mod published;
mod roles;
mod sessions;
mod sign_in;
mod standing;
mod throttle;
mod tokens;
mod upstream_token;

pub use accounts::{
    AccountRules, Answered, Caller, ChangeError, LinkState, PasswordChanged, RedeemError, RegisterError, Registration,
    RequestError, Whose,
};
pub use address::network;
pub use auth::{Auth, AuthError, AuthSettings, AuthStats};
pub use device::label as device_label;
pub use elsewhere::{Acquaintance, Arrival, GivenRoles, Mapping};
pub use exchange::{Before, Claim, ExchangedSession, NotExchanged};
pub use grounds::{Ground, Grounded, Groundless, Grounds};
pub use holders::{Finding, HolderAsked, HolderError, Holders, LiveHolder};
pub use pairs::{LivePair, PairAsked, PairSettings, Pairs, Unproved, Verifying};
pub use roles::Roles;
pub use sessions::{LiveSession, Sessions};
pub use sign_in::{Attempt, Limit, SignInError, SignedIn, Verified, Why};
pub use standing::Standing;
pub use throttle::{Gate, Outcome, Pass, Place, Subject, Throttle, ThrottleLimits, Who};

pub use tokens::{
    AccessAsked, AccessProfile, ClaimPath, ClientProof, Fault, FetchedKeys, IntrospectionCounts, IntrospectionSettings,
    IssuedToken, IssuerKeys, IssuerSettings, KeyRules, KeySource, LiveToken, OAUTH_KEYS, OwnIssuer, PUBLISHED_AHEAD, RoleClaims,
    SCOPE_ROLE, TOKEN_KEYS, TokenError, TokenFormat, TokenSettings, Tokens, WEB_KEYS, WebError, WebSettings, new_signing_key,
    new_token_key,
};

#[cfg(test)]
mod testing;
