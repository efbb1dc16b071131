//! The plain door: what answers over plain HTTP where we speak TLS. It leads browsers to the right door and refuses
//! everything else: a client that sends its credential in the clear should fail, not be led on (ASVS 5.0, 4.1.2).

use super::{
    Gateway, Snapshot, ours, tell,
    trace::{Recorded, Trace},
};
use crate::{
    Admitted, Body,
    admit::{admit, carries_elsewhere},
    answer::{self, Reader},
    ext_authz,
    listen::{Connection, Handler},
};
use doorward_core::{Policy, policy::Dialect};
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use std::{sync::Arc, time::Instant};

/// Answers on `listen_plain` of the same gateway.
pub struct PlainDoor(pub Arc<Gateway>);

impl Handler for PlainDoor {
    async fn handle(&self, request: Request<Incoming>, connection: Connection) -> Response<Body> {
        let (started, gateway) = (Instant::now(), &*self.0);
        let now = gateway.now.load_full();
        if let Some(endpoint) = now.question(request.uri().path()).cloned() {
            return gateway.answer_question(now, endpoint, request.into_parts().0, &connection).await;
        }
        if let Some(endpoint) = now.envoy().filter(|_| ext_authz::is_question(&request)).cloned() {
            return gateway.answer_check(now, endpoint, request, &connection).await;
        }
        let request_id = gateway.ids.next();
        let mut trace = Recorded::new(Trace::new(&now.policy, &request_id, "-"), &*gateway.parts.recorder, started);
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let admitted = admit(request, &connection, &now.policy, &now.network, request_id);
        let crossing = ours::crossing(&now, admitted.as_ref().map_err(|rejected| &**rejected));
        let mut response = match admitted {
            Ok(admitted) => {
                trace.admitted(&admitted);
                match redirect(&now, &admitted, &target) {
                    Some(response) => {
                        trace.plain("undecided", "led to https".to_owned());
                        response
                    }
                    None => {
                        trace.plain("refusal", refused(&admitted, admitted.policy(&now.policy)).to_owned());
                        trace.audit_refusal(&*gateway.parts.recorder);
                        answer::error(StatusCode::FORBIDDEN, "Operation allowed only in HTTPS", &Reader::of(&admitted))
                    }
                }
            }
            Err(rejected) => {
                trace.rejected(&rejected);
                answer::error(rejected.status, &rejected.detail, &Reader::of_rejected(&rejected))
            }
        };
        tell(&now, crossing.as_ref(), &mut response);
        trace.answered(response.status());
        response
    }
}

/// For the operator: a credential that came this way may be known to others.
fn refused(admitted: &Admitted, policy: &Policy) -> &'static str {
    if carries(admitted, policy) { "a credential came over plain HTTP" } else { "this is plain HTTP" }
}

/// Whether anything came along that is a secret or proves somebody: what we read, and what an upstream might.
fn carries(admitted: &Admitted, policy: &Policy) -> bool {
    let headers = &admitted.headers;
    [header::AUTHORIZATION, header::PROXY_AUTHORIZATION].iter().any(|name| headers.contains_key(name))
        || ["x-csrf-token", "x-api-key", "x-auth-token"].iter().any(|name| headers.contains_key(*name))
        || admitted.carries.cookie
        || carries_elsewhere(headers, policy)
}

/// The way to the same page over TLS, for a person's browser that reads: a GET or HEAD that asks for HTML, is not below
/// the prefix of an API, and carries nothing that must not be seen.
fn redirect(now: &Snapshot, admitted: &Admitted, target: &str) -> Option<Response<Body>> {
    let reads = matches!(admitted.method, Method::GET | Method::HEAD) && !admitted.upgrade;
    let api = admitted.dialect != Dialect::Problem && !admitted.prefix.is_empty();
    if !reads || api || carries(admitted, admitted.policy(&now.policy)) || !asks_for_html(admitted) {
        return None;
    }
    let origin = now.policy.origins.first().filter(|own| own.starts_with("https://"))?;
    // Whatever the target is: behind an origin of ours it leads nowhere else.
    let location = HeaderValue::try_from(format!("{origin}{target}")).ok()?;
    let mut response = answer::empty(StatusCode::PERMANENT_REDIRECT);
    response.headers_mut().insert(header::LOCATION, location);
    Some(response)
}

/// Browsers that go to a page name HTML (and send no `Sec-Fetch-Mode` over plain HTTP); other clients do not.
fn asks_for_html(admitted: &Admitted) -> bool {
    answer::accept(&admitted.headers).is_some_and(|accept| {
        accept.split(',').any(|range| {
            let kind = range.split(';').next().unwrap_or("").trim();
            kind.eq_ignore_ascii_case("text/html") || kind.eq_ignore_ascii_case("application/xhtml+xml")
        })
    })
}
