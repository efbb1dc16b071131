//! Extractors for axum.

use crate::{Identity, Permit, layer::Judge};
use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::{IntoResponse, Response},
};
use doorward_core::{Refusal, Source, decide};
use std::{any::type_name, fmt, marker::PhantomData, ops::Deref, sync::Arc};

/// Always there behind the layer; without it the handler is not reached.
impl<S: Sync> FromRequestParts<S> for Identity {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(no_layer)
    }
}

/// Always there behind the layer; without it the handler is not reached.
impl<S: Sync> FromRequestParts<S> for Permit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        parts.extensions.get::<Self>().cloned().ok_or_else(no_layer)
    }
}

/// A resource of the configuration, as a type.
pub trait Resource {
    /// Its id, such as `Example_Sales::orders`.
    const ID: &'static str;
}

/// An extractor that lets only those through who were granted a resource, beyond whatever the route rules demand. Everyone
/// else is answered by the layer as for a rule: a guest 401, and anybody else 403, in the caller's dialect; the refusal is
/// recorded like any other. An id that no file of the configuration knows is granted to nobody but those who may do everything.
///
/// ```
/// use doorward_tower::{RequireResource, Resource};
///
/// struct Refunds;
///
/// impl Resource for Refunds {
///     const ID: &'static str = "Example_Sales::refunds";
/// }
///
/// async fn refund(caller: RequireResource<Refunds>) -> String {
///     format!("refunded by {}", *caller)
/// }
/// # let _ = axum::Router::<()>::new().route("/refunds", axum::routing::post(refund));
/// ```
pub struct RequireResource<R> {
    identity: Identity,
    resource: PhantomData<fn() -> R>,
}

impl<R> RequireResource<R> {
    /// Who was granted it.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }
}

impl<R> Deref for RequireResource<R> {
    type Target = Identity;

    fn deref(&self) -> &Identity {
        &self.identity
    }
}

impl<R> fmt::Debug for RequireResource<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RequireResource").field(&self.identity).finish()
    }
}

impl<R: Resource, S: Sync> FromRequestParts<S> for RequireResource<R> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Response> {
        let (Some(identity), Some(Judge(door))) = (parts.extensions.get::<Identity>(), parts.extensions.get()) else {
            return Err(no_layer());
        };
        let (policy, roles) = (door.gateway().policy(), door.assembly().auth.roles());
        let place = Source::new(type_name::<R>(), 0);
        match decide::demand(&policy, &roles, identity, &Arc::from(R::ID), place) {
            Ok(()) => Ok(Self { identity: identity.clone(), resource: PhantomData }),
            Err(refusal) => Err(refused(refusal)),
        }
    }
}

/// The layer finds the refusal in the answer and says it in the caller's dialect. Whoever takes it out on the way still
/// answers no more than this.
fn refused(refusal: Refusal) -> Response {
    let mut response = StatusCode::FORBIDDEN.into_response();
    response.extensions_mut().insert(refusal);
    response
}

fn no_layer() -> Response {
    tracing::error!("an extractor of Doorward's was asked for a request that did not come through its layer");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}
