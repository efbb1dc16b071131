//! Endpoints of ours: which one a request is for, and its answer.

use super::{Gateway, identify::Identified};
use crate::{
    Admitted, Body,
    api::{self, Asked, Call, Endpoint, magento},
};
use doorward_core::{
    Found, Permit,
    firewall::Firewall,
    policy::{Own, Policy},
};
use doorward_crypto::session_id;
use http::{
    HeaderValue, Method, Response,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use std::{mem, sync::Arc};

/// An endpoint of ours.
pub enum Ours {
    /// Of the sign-in API, or a page.
    Endpoint(Endpoint),
    /// The public keys of assertions.
    Keys,
}

/// The keys' endpoint: wherever the configuration says; it is open to verifiers.
const KEYS: Own = Own { name: "assertion.keys", access_control: false, csrf: false, provenance: false };

impl Ours {
    /// What the decision needs to know of it.
    pub fn own(&self) -> Own {
        match self {
            Ours::Endpoint(endpoint) => endpoint.own(),
            Ours::Keys => KEYS,
        }
    }
}

/// The endpoint of ours that a request is for, if any. `jwks_path` is where the assertion keys are published.
pub fn recognise(policy: &Policy, jwks_path: Option<&str>, admitted: &Admitted) -> Option<Ours> {
    let (method, path) = (&admitted.method, &*admitted.path);
    if jwks_path == Some(path) && matches!(*method, Method::GET | Method::HEAD) {
        return Some(Ours::Keys);
    }
    api::recognise(policy, method, path, admitted.dialect, &admitted.prefix).map(Ours::Endpoint)
}

impl Gateway {
    /// The answer of an endpoint of ours. It too needs a permit.
    pub(super) async fn answer_ourselves(
        &self,
        ours: Ours,
        policy: &Arc<Policy>,
        mut admitted: Box<Admitted>,
        firewall: &Firewall,
        permit: &Permit,
        identified: &Identified,
    ) -> Response<Body> {
        let body = mem::take(&mut admitted.body);
        // A session that does not count (the guard made its caller a guest) is none.
        let session = identified.session.as_ref().filter(|_| permit.identity().account().is_some());
        match ours {
            Ours::Endpoint(endpoint) => {
                let call = Call {
                    auth: &self.parts.auth,
                    policy,
                    recorder: &*self.parts.recorder,
                    request: Asked::from(&*admitted),
                    body,
                    firewall,
                    identity: permit.identity(),
                    session,
                    dead: &identified.dead,
                };
                endpoint.run(call).await
            }
            Ours::Keys => self.keys(),
        }
    }

    /// The answer of a route rule that is ours to serve.
    pub(super) async fn answer_route(
        &self,
        policy: &Arc<Policy>,
        mut admitted: Box<Admitted>,
        firewall: &Firewall,
        found: &Found<'_>,
        permit: &Permit,
        identified: &Identified,
    ) -> Response<Body> {
        let body = mem::take(&mut admitted.body);
        let call = Call {
            auth: &self.parts.auth,
            policy,
            recorder: &*self.parts.recorder,
            request: Asked::from(&*admitted),
            body,
            firewall,
            identity: permit.identity(),
            session: identified.session.as_ref().filter(|_| permit.identity().account().is_some()),
            dead: &identified.dead,
        };
        magento::answer(call, permit, found.store).await
    }

    fn keys(&self) -> Response<Body> {
        let mut response = Response::new(Body::from(self.parts.auth.assertion_keys().to_string()));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/jwk-set+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        response
    }
}

/// A path as it may be shown: a segment that is a session id by its form is a secret.
pub fn shown_path(path: &str) -> String {
    let shown = path.split('/').map(|segment| if session_id::is_well_formed(segment) { "{id}" } else { segment });
    shown.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_id_is_never_shown() {
        let id = session_id::generate(&doorward_crypto::system::SystemEntropy);
        assert_eq!(shown_path(&format!("/user/sessions/{id}/refresh")), "/user/sessions/{id}/refresh");
        assert_eq!(shown_path(&format!("/user/sessions/{id}")), "/user/sessions/{id}");
        assert_eq!(shown_path("/orders/5/"), "/orders/5/");
    }
}
