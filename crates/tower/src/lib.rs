//! Doorward inside a Rust service: a [`tower`] layer that judges each request as the gateway does.
//!
//! A request goes the very same way as through the `doorward` command: admit, firewall, credential, guards, decision. What
//! Doorward answers itself (sign-in, sessions, tokens, pages, as `[api]` says) is answered by the layer. What may pass
//! reaches your service with an [`Identity`] and a [`Permit`] among its extensions, headers that nobody can have made up, and
//! without the credentials. What may not is answered in the caller's dialect.
//!
//! ```
//! use doorward_tower::{Body, Directory, Doorward, Identity, Peer, Route};
//! use http::{Request, Response};
//! use tower::{Layer, ServiceExt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let doorward = Doorward::builder()
//!     .directory(Directory::customers("people"))
//!     .route(Route::get("/hello").anonymous())
//!     .route(Route::get("/mine").own())
//!     .open()
//!     .await?;
//! let background = doorward.start();
//!
//! let service = tower::service_fn(|request: Request<Body>| async move {
//!     let caller = request.extensions().get::<Identity>().map(ToString::to_string).unwrap_or_default();
//!     Ok::<_, std::convert::Infallible>(Response::new(caller))
//! });
//! let protected = doorward.layer().layer(service);
//!
//! let peer = Peer("192.0.2.7:4711".parse()?);
//! let ask = |path| Request::get(path).header("host", "shop.test").extension(peer).body(String::new());
//! assert_eq!(protected.clone().oneshot(ask("/hello")?).await?.status(), 200);
//! assert_eq!(protected.oneshot(ask("/mine")?).await?.status(), 401);
//! # background.stop().await;
//! # Ok(())
//! # }
//! ```
//!
//! There is no global state: two [`Doorward`]s in one program know nothing of each other. There is no runtime either: all
//! runs on that of the caller, of either flavour. Password hashes alone have threads of their own, as slow as they are.
//!
//! [`tower`]: https://docs.rs/tower

mod accounts;
mod body;
mod builder;
mod caller;
mod configuration;
mod connection;
mod doorward;
#[cfg(feature = "axum")]
mod extract;
mod layer;
mod record;

pub use accounts::{AccountError, Accounts, Added, NewUser};
pub use body::SessionEnd;
pub use builder::{AccessRule, Builder, Directory, Firewall, Route};
pub use caller::{Identity, Permit};
pub use configuration::{Configuration, Unsound};
pub use connection::{Peer, Tls};
pub use doorward::{Background, Doorward, Error, NotReady};
#[cfg(feature = "axum")]
pub use extract::{RequireResource, Resource};
pub use layer::{DoorwardLayer, DoorwardService};

/// Why an account or a role cannot be so, in [`AccountError`].
pub use doorward_assembly::accounts::Unfit;
/// Why the store did not do what it was asked for, in [`Error`] and [`AccountError`].
pub use doorward_core::ports::StoreError;
/// What methods a firewall can have, what becomes of wrong credentials, and of requests that no rule is about.
pub use doorward_core::{
    Account, Kind,
    firewall::{Authentication, Invalid},
    policy::Unmatched,
};
/// Bodies of requests as services receive them, and of answers.
pub use doorward_gateway::{
    Body,
    body::BodyError,
    record::{AuditEvent, Recorder, RequestEvent, UpstreamOutcome},
};
