//! What becomes of a request that may pass: the one step in which the faces differ. Up to here the same code judges for all.

use super::{Gateway, Identified, Proved, trace::Trace};
use crate::{
    Admitted, Body,
    answer::{self, Reader},
    forward_auth::Permitted,
    proxy::{self, Outgoing, UpstreamError},
    record::UpstreamOutcome,
};
use doorward_auth::Standing;
use doorward_core::{Offer, Permit, Policy, Reason, Refusal, policy::Upstream};
use http::{Request, Response, StatusCode};
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Instant};
use tokio_util::sync::CancellationToken;

/// Why a verdict is refused for what Doorward answers itself.
pub(super) const OURS: &str = "Doorward answers this path itself, so the proxy in front has to send it here";
/// Why a verdict is refused where parameters are set.
const PARAMETERS: &str =
    "the route sets parameters in the request, which a verdict cannot, so it has to be sent through Doorward";

/// What becomes of a request that may pass.
#[derive(Debug)]
pub enum Onward<'o> {
    /// It is sent to its upstream.
    Proxy,
    /// Whoever asks sends it, with the headers of the answer: 200, and no body. What the permit demands beyond headers is
    /// refused, and so is what Doorward answers itself. The text names the face in logs.
    Verdict(&'static str),
    /// A service within this program answers it.
    Service(Service<'o>),
}

impl Onward<'_> {
    /// The face that a request came by, as logs name it; `-` for the gateway itself.
    pub(super) fn face(&self) -> &'static str {
        match self {
            Onward::Proxy => "-",
            Onward::Verdict(face) => face,
            Onward::Service(_) => "library",
        }
    }
}

/// The answer of a service within this program, once there is one.
pub type Answering<'o> = Pin<Box<dyn Future<Output = Response<Body>> + Send + 'o>>;

/// A service within this program.
pub struct Service<'o> {
    /// What stands for an upstream where the configuration has none for a path: its name is the assertion's `aud`.
    pub upstream: &'o Arc<Upstream>,
    /// Answers one request.
    pub call: Box<dyn FnOnce(Passed) -> Answering<'o> + Send + 'o>,
}

impl fmt::Debug for Service<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("upstream", &self.upstream.name).finish_non_exhaustive()
    }
}

/// What a service within this program receives.
#[derive(Debug)]
pub struct Passed {
    /// The key.
    pub permit: Permit,
    /// The request as an upstream would receive it: canonical path, effective method, no credential that is not for it, the
    /// headers that say who is calling, and the extensions that came with it.
    pub request: Request<Body>,
    /// Cancelled when the session behind the permit ends: what lasts longer than an answer has to end with it. Connections that
    /// are taken over do so by themselves.
    pub session: Option<CancellationToken>,
}

impl Gateway {
    /// The only road onward; the permit is the key.
    pub(super) async fn send_onward(
        &self,
        policy: &Policy,
        mut admitted: Box<Admitted>,
        permit: &Permit,
        identified: &Identified,
        (trace, onward): (&mut Trace, &mut Onward<'_>),
    ) -> Response<Body> {
        let reader = Reader::of(&admitted);
        let within = match &*onward {
            Onward::Service(service) => Some(service.upstream),
            Onward::Proxy | Onward::Verdict(_) => None,
        };
        let Some(upstream) = policy.upstream(&admitted.path).or(within) else {
            return self.refuse_late(Reason::NoUpstream, permit, &reader, trace);
        };
        trace.upstream = Some(Arc::clone(&upstream.name));
        // A token that was good here is secret material of the session: it goes no further than the cookie does.
        if matches!(&identified.offer, Offer::Verified(evidence) if evidence.csrf_valid) && !upstream.pass_credentials {
            admitted.headers.remove("x-csrf-token");
        }
        // A session that does not count (the guard made its caller a guest) is none.
        let live = identified.session.as_ref().map(|session| &session.live).filter(|_| permit.identity().account().is_some());
        let proved = identified.proved.as_ref().map(Proved::standing).filter(|_| permit.identity().account().is_some());
        let (auth, identity, proof) = (&self.parts.auth, permit.identity(), permit.proof());
        let assertion = match proved {
            Some(standing) => auth.assertion_of(standing, identity, &upstream.name, proof),
            None => auth.assertion(live.map(|live| &**live), identity, &upstream.name, proof),
        };
        let Some(assertion) = assertion else {
            return self.refuse_late(Reason::Unenforceable("the assertion cannot be made"), permit, &reader, trace);
        };
        let token = match proved {
            Some(standing) => auth.upstream_token_of(standing, identity, upstream),
            None => auth.upstream_token(live.map(|live| &**live), identity, upstream),
        };
        let session = proved.map(Standing::ended).or_else(|| live.map(|live| live.ended()));
        let outgoing = Outgoing { assertion, token };
        let answer = match std::mem::replace(onward, Onward::Proxy) {
            Onward::Proxy => {
                let started = Instant::now();
                let answer = self.parts.proxy.forward(permit, admitted, policy, upstream, outgoing, session).await;
                self.note_exchange(upstream, &answer, started);
                answer
            }
            Onward::Verdict(_) if !permit.parameters().is_empty() => {
                Err(UpstreamError::Refused(Reason::Unenforceable(PARAMETERS)))
            }
            Onward::Verdict(_) => {
                let mut response = answer::empty(StatusCode::OK);
                response.extensions_mut().insert(Permitted);
                proxy::tell(response.headers_mut(), &admitted, permit, policy, upstream, &outgoing);
                Ok(response)
            }
            // Boxed, as all that is rare: the future of a proxied request stays small.
            Onward::Service(service) => {
                Box::pin(self.serve_within(service, permit, admitted, policy, upstream, outgoing, session)).await
            }
        };
        match answer {
            // A service may demand more than the rules do: then it leaves a refusal, which is said in the caller's dialect.
            Ok(mut response) => match response.extensions_mut().remove::<Refusal>() {
                None => response,
                Some(refusal) => {
                    let mut answer = answer::refuse(&refusal, &reader);
                    answer.extensions_mut().insert(refusal);
                    answer
                }
            },
            Err(UpstreamError::Refused(reason)) => self.refuse_late(reason, permit, &reader, trace),
            Err(error) => {
                trace.failed(error.code(), error.to_string());
                match error {
                    UpstreamError::Request(status, _, what) => answer::error(status, &what, &reader),
                    other => answer::upstream_trouble(other.status(), &reader),
                }
            }
        }
    }

    /// What became of an exchange with an upstream.
    fn note_exchange(&self, upstream: &Upstream, answer: &Result<Response<Body>, UpstreamError>, started: Instant) {
        let outcome = match answer {
            Ok(_) => Some(UpstreamOutcome::Answered),
            Err(UpstreamError::Unreachable(_)) => Some(UpstreamOutcome::Unreachable),
            Err(UpstreamError::Broken(_)) => Some(UpstreamOutcome::Broken),
            Err(UpstreamError::TimedOut(_)) => Some(UpstreamOutcome::TimedOut),
            Err(_) => None,
        };
        if let Some(outcome) = outcome {
            self.parts.recorder.upstream(&upstream.name, outcome, started.elapsed());
        }
    }

    /// To a service within this program and back.
    #[expect(clippy::too_many_arguments, reason = "what a request takes along on the way to an upstream")]
    async fn serve_within(
        &self,
        service: Service<'_>,
        permit: &Permit,
        admitted: Box<Admitted>,
        policy: &Policy,
        upstream: &Upstream,
        outgoing: Outgoing,
        session: Option<&CancellationToken>,
    ) -> Result<Response<Body>, UpstreamError> {
        let (mut request, client) = self.parts.proxy.prepare(permit, admitted, policy, upstream, outgoing, session).await?;
        let mut taken = None;
        if let Some(client) = client {
            let unable = || UpstreamError::Broken("its connection cannot be handed on".to_owned());
            let (theirs, lent) = proxy::lend().await.ok_or_else(unable)?;
            request.extensions_mut().insert(theirs);
            taken = Some((client, lent));
        }
        let passed = Passed { permit: permit.clone(), request, session: session.cloned() };
        let mut response = (service.call)(passed).await;
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let unasked = || UpstreamError::Broken("it switched protocols without being asked".to_owned());
            let (client, lent) = taken.ok_or_else(unasked)?;
            self.parts.proxy.connect(client, lent, session.cloned());
        }
        proxy::clean_answer(&mut response, policy, permit);
        Ok(response)
    }
}

#[cfg(test)]
mod tests;
