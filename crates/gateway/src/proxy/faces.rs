//! What faces that send nothing to an upstream need of the way there and back.

use super::{Outgoing, Proxy, UpstreamError, answer, outgoing, outgoing_request};
use crate::{Admitted, Body, forward_auth::CREDENTIALS};
use doorward_core::{Permit, Policy, policy::Upstream};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use hyper::upgrade::OnUpgrade;
use tokio_util::sync::CancellationToken;

impl Proxy {
    /// The request as an upstream would receive it, for a service within this program: with the parameters that the permit
    /// demands, without what only frames a message. And where the client's connection can be taken over.
    pub(crate) async fn prepare(
        &self,
        permit: &Permit,
        mut admitted: Box<Admitted>,
        policy: &Policy,
        upstream: &Upstream,
        outgoing: Outgoing,
        session: Option<&CancellationToken>,
    ) -> Result<(Request<Body>, Option<OnUpgrade>), UpstreamError> {
        if !permit.parameters().is_empty() {
            self.enrich(permit, &mut admitted, policy, upstream, &outgoing, session).await?;
        }
        let (version, extensions) = (admitted.version, std::mem::take(&mut admitted.extensions));
        let (mut request, on_upgrade) = outgoing_request(permit, *admitted, policy, upstream, outgoing)?;
        *request.version_mut() = version;
        *request.extensions_mut() = extensions;
        request.headers_mut().remove(header::TRANSFER_ENCODING);
        if on_upgrade.is_none() {
            request.headers_mut().remove(header::CONNECTION);
        }
        Ok((request, on_upgrade))
    }
}

/// What a service within this program answers, brought into the form that the client gets: as from an upstream.
pub(crate) fn clean_answer(response: &mut Response<Body>, policy: &Policy, permit: &Permit) {
    let switches = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    let protocol = headers.get(header::UPGRADE).cloned().filter(|_| switches);
    answer::clean(headers, policy, permit.identity().account().is_some());
    if let Some(protocol) = protocol {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol);
    }
}

/// Tells whoever sends the request on itself what an upstream would be told: the headers that say who is calling, and the
/// credentials that are left. Those that a guest has not are there and empty, so that copying them clears what a client sent.
pub(crate) fn tell(
    told: &mut HeaderMap,
    admitted: &Admitted,
    permit: &Permit,
    policy: &Policy,
    upstream: &Upstream,
    outgoing: &Outgoing,
) {
    // Room for all that follows at once.
    told.reserve(CREDENTIALS.len() + 6);
    for name in CREDENTIALS {
        for value in admitted.headers.get_all(&name) {
            told.append(name.clone(), value.clone());
        }
    }
    outgoing::strip_credentials(told, policy, upstream);
    if let Some(token) = &outgoing.token {
        told.insert(header::AUTHORIZATION, token.clone());
    }
    outgoing::identify(told, &admitted.request_id, permit, &outgoing.assertion);
}
