//! The pipeline: the stages of a request in their order, each with the type that the stage before made.
//!
//! ```text
//! admit (and site) -> find -> identify (-> exchange) -> decide -> endpoint of ours | upstream -> finish -> record
//! ```
//!
//! A request reads one immutable snapshot of the policy, taken first, so a reload never changes it half-way.

mod exchange;
mod identify;
mod ids;
mod old_sessions;
mod onward;
mod ours;
mod places;
mod plain;
mod trace;

use crate::{
    Admitted, Body, Crossing,
    admit::{Network, Rejected, admit, admit_parts},
    answer::{self, Challenged, Reader},
    api::{Asked, cookie},
    cors,
    exchange::Exchanges,
    ext_authz,
    listen::{Connection, Handler},
    pages,
    proxy::Proxy,
    record::Recorder,
};
use arc_swap::ArcSwap;
use doorward_auth::Auth;
use doorward_core::{
    Found, Offer, Permit, Policy, Reason, Refusal, decide,
    decide::session_counts,
    firewall::Entry,
    forward_auth::{Convention, ForwardAuth},
    policy::Dialect,
    ports::Entropy,
    refusal::Public,
};
use doorward_oauth::{client::Providers, rfc9449::NONCE_HEADER};
use futures_util::FutureExt;
use http::{HeaderValue, Request, Response, StatusCode, header::STRICT_TRANSPORT_SECURITY, request};
use hyper::{body::Incoming, upgrade::OnUpgrade};
pub use identify::{Identified, Ignored, Known, Proved, SignIn, identify};
use ids::Ids;
pub(crate) use old_sessions::old_keys;
pub use old_sessions::{OldSession, old_sessions};
pub use onward::{Answering, Onward, Passed, Service};
pub use ours::{Ours, recognise, shown_path};
pub use places::{Place, own_places};
pub use plain::PlainDoor;
use std::{net::IpAddr, panic::AssertUnwindSafe, sync::Arc, time::Instant};
pub(crate) use trace::{Recorded, Trace};

/// What a request is judged by, all of one configuration. A reload makes another one.
pub struct Snapshot {
    /// The policy.
    pub policy: Arc<Policy>,
    /// Whom forwarding headers may be believed from, and how much a client may send.
    pub network: Network,
    /// Where the assertion keys are published on the public listeners, if anywhere.
    pub jwks_path: Option<Arc<str>>,
    /// `Strict-Transport-Security` of what we answer over TLS.
    pub hsts: Option<HeaderValue>,
    /// Where other proxies ask for verdicts.
    pub forward_auth: Vec<ForwardAuth>,
}

impl Snapshot {
    /// Where other proxies ask, if that is what a path is, as it was sent.
    fn question(&self, path: &str) -> Option<&ForwardAuth> {
        self.forward_auth.iter().find(|endpoint| endpoint.takes(path))
    }

    /// Where Envoy asks over HTTP; then it may ask over gRPC too.
    fn envoy(&self) -> Option<&ForwardAuth> {
        self.forward_auth.iter().find(|endpoint| endpoint.convention == Convention::Envoy)
    }
}

/// What a gateway is made of.
pub struct GatewayParts {
    /// What it judges by at first.
    pub snapshot: Snapshot,
    /// Sessions, sign-in, keys.
    pub auth: Arc<Auth>,
    /// The road to upstreams.
    pub proxy: Proxy,
    /// Whoever writes events down.
    pub recorder: Arc<dyn Recorder>,
    /// Unpredictable bytes.
    pub entropy: Arc<dyn Entropy>,
    /// OpenID providers at which people may sign in.
    pub providers: Arc<Providers>,
}

/// Parts that stay when the configuration changes.
struct Parts {
    auth: Arc<Auth>,
    proxy: Proxy,
    recorder: Arc<dyn Recorder>,
    exchanges: Arc<Exchanges>,
    providers: Arc<Providers>,
}

/// The gateway: judges each request and passes on what may pass.
pub struct Gateway {
    now: ArcSwap<Snapshot>,
    parts: Parts,
    ids: Ids,
}

impl Gateway {
    /// Puts the parts together.
    pub fn new(parts: GatewayParts) -> Self {
        let GatewayParts { snapshot, auth, proxy, recorder, entropy, providers } = parts;
        Self {
            now: ArcSwap::from_pointee(snapshot),
            ids: Ids::new(entropy),
            parts: Parts { auth, proxy, recorder, exchanges: Arc::default(), providers },
        }
    }

    /// Judges requests that come from now on by `snapshot`. Requests in flight finish under the old one.
    pub fn replace(&self, snapshot: Snapshot) {
        self.parts.auth.set_directories(snapshot.policy.directories.clone());
        self.now.store(Arc::new(snapshot));
    }

    /// OpenID providers at which people sign in, to be replaced before the policy that offers them.
    pub fn providers(&self) -> &Providers {
        &self.parts.providers
    }

    /// How many connections became something else (WebSockets) and still are.
    pub fn tunnels(&self) -> usize {
        self.parts.proxy.tunnels()
    }

    /// Ends those connections, now and from now on: the last step of a drain.
    pub fn close_tunnels(&self) {
        self.parts.proxy.close_tunnels();
    }

    /// The policy that judges now.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.now.load().policy)
    }

    /// Answers a request that came by no connection of ours, as [`Handler::handle`] answers one that did. `connection` says
    /// who is at the other end of whatever it came by. Where the connection can be taken over, `parts` has hyper's
    /// [`OnUpgrade`] among its extensions.
    pub async fn handle_parts(
        &self,
        mut parts: request::Parts,
        body: Body,
        connection: &Connection,
        mut onward: Onward<'_>,
    ) -> Response<Body> {
        let now = self.snapshot();
        let on_upgrade = parts.extensions.remove::<OnUpgrade>();
        let (mut trace, id) = self.trace(&now, onward.face());
        let admitted = admit_parts(parts, body, on_upgrade, connection, &now.policy, &now.network, id);
        let response = self.answer(&now, admitted.map(Box::new), connection, (&mut trace, &mut onward)).await;
        trace.answered(response.status());
        response
    }

    /// Writes down that somebody asked what cannot be read, or may not ask.
    pub(crate) fn note_refused_call(&self, peer: IpAddr, why: &str) {
        self.parts.recorder.parser_refusal(peer, why);
    }

    /// What requests that begin now are judged by.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.now.load_full()
    }

    /// What is to be written down of a request that begins now, and its id.
    pub(crate) fn trace(&self, now: &Snapshot, face: &'static str) -> (Recorded<'_>, String) {
        let (started, id) = (Instant::now(), self.ids.next());
        (Recorded::new(Trace::new(&now.policy, &id, face), &*self.parts.recorder, started), id)
    }

    /// Everything between `admit` and `record`, whatever face a request came by.
    pub(crate) async fn answer(
        &self,
        now: &Snapshot,
        admitted: Result<Box<Admitted>, Box<Rejected>>,
        connection: &Connection,
        (trace, onward): (&mut Trace, &mut Onward<'_>),
    ) -> Response<Body> {
        // Over plain HTTP it would mean nothing (RFC 6797, 7.2).
        let hsts = now.hsts.as_ref().filter(|_| connection.tls.is_some());
        let mut crossing = ours::crossing(now, admitted.as_deref().map_err(|rejected| &**rejected));
        let mut response = match admitted {
            Ok(admitted) => {
                trace.admitted(&admitted);
                match ours::preflight(now, &admitted, crossing.as_ref(), onward) {
                    Some(answer) => {
                        trace.answered_preflight();
                        crossing = None;
                        answer
                    }
                    None => self.judge_safely(now, admitted, connection, (&mut *trace, onward)).await,
                }
            }
            Err(rejected) => {
                trace.rejected(&rejected);
                answer::error(rejected.status, &rejected.detail, &Reader::of_rejected(&rejected))
            }
        };
        // On a verdict it is for the proxy that asked, which has the answer yet to come and may say so on it.
        tell(now, crossing.as_ref(), &mut response);
        if let Some(hsts) = hsts {
            response.headers_mut().insert(STRICT_TRANSPORT_SECURITY, hsts.clone());
        }
        response
    }

    /// A panic in a stage is an answer too, and the process lives on.
    async fn judge_safely(
        &self,
        now: &Snapshot,
        admitted: Box<Admitted>,
        connection: &Connection,
        (trace, onward): (&mut Trace, &mut Onward<'_>),
    ) -> Response<Body> {
        let shaped = (admitted.dialect == Dialect::Magento).then(|| answer::accept(&admitted.headers)).flatten();
        let judged = AssertUnwindSafe(self.judge(now, admitted, (&mut *trace, onward))).catch_unwind().await;
        judged.unwrap_or_else(|_| {
            self.parts.recorder.panicked(connection.peer.ip());
            let reader = trace.panicked(shaped);
            answer::error(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error", &reader)
        })
    }

    /// The stages up to who calls.
    async fn judge(
        &self,
        now: &Snapshot,
        mut admitted: Box<Admitted>,
        (trace, onward): (&mut Trace, &mut Onward<'_>),
    ) -> Response<Body> {
        let policy = &Arc::clone(admitted.policy(&now.policy));
        let ours = recognise(policy, now.jwks_path.as_deref(), &admitted);
        let found = policy.find(&admitted.facts(), ours.as_ref().map(Ours::own));
        trace.found(&found);
        let mut identified = identify(Known::from(&self.parts.auth), policy, Asked::from(&*admitted), &found).await;
        let mut fresh = None;
        if matches!(identified.offer, Offer::Absent) && policy.exchanges().next().is_some() {
            fresh = Box::pin(self.exchange(policy, &mut admitted, &found, &mut identified)).await;
        }
        let mut response = self.judge_identified(policy, admitted, ours, &found, &identified, (&mut *trace, onward)).await;
        if let Some(nonce) = identified.nonce {
            response.headers_mut().insert(NONCE_HEADER, nonce);
        }
        if let Some(fresh) = fresh {
            fresh.set(&mut response, self.parts.auth.clock().now());
        }
        response
    }

    /// The rest of it, once it is known who calls.
    async fn judge_identified(
        &self,
        policy: &Arc<Policy>,
        admitted: Box<Admitted>,
        ours: Option<Ours>,
        found: &Found<'_>,
        identified: &Identified,
        (trace, onward): (&mut Trace, &mut Onward<'_>),
    ) -> Response<Body> {
        let verdict = decide(policy, &self.parts.auth.roles(), &admitted.facts(), found, &identified.offer);
        let counts = found.firewall.is_some_and(|firewall| session_counts(firewall, &admitted.facts()));
        trace.judged(identified, &verdict, counts);
        if let Some(sign_in) = &identified.signed_in {
            trace.audit_sign_in(&*self.parts.recorder, sign_in);
        }
        let dialect = admitted.dialect;
        let own = ours.is_some() || matches!(&verdict, Ok(permit) if permit.rule().is_some_and(|rule| rule.own.is_some()));
        // Endpoints and services take the request along.
        let host = if own || matches!(onward, Onward::Service(_)) { admitted.host.clone() } else { String::new() };
        let challenged = Challenged { policy, found, host: &host, wrong: identified.wrong() };
        let mut response = match (verdict, ours, found.firewall) {
            // Whoever asks for a verdict alone gets no answer of ours, which could be a session.
            (Ok(permit), ours, _) if matches!(onward, Onward::Verdict(_)) && is_ours(ours.as_ref(), &permit) => {
                self.refuse_late(Reason::Unenforceable(onward::OURS), &permit, &Reader::of(&admitted), trace)
            }
            (Ok(permit), Some(ours), Some(firewall)) => {
                // Boxed, as all that is rare and large: the future of a proxied request stays small.
                let answer = Box::pin(self.answer_ourselves(ours, policy, admitted, firewall, &permit, identified));
                let mut response = answer.await;
                // Some endpoints check more than the decision does, in the order of their contract.
                self.note_refusal(&mut response, &challenged, dialect, trace);
                return response;
            }
            (Ok(permit), None, Some(firewall)) if is_ours(None, &permit) => {
                let answer = Box::pin(self.answer_route(policy, admitted, firewall, found, &permit, identified));
                let mut response = answer.await;
                self.note_refusal(&mut response, &challenged, dialect, trace);
                self.renew_cookie(&mut response, found, &permit, identified);
                return response;
            }
            (Ok(permit), _, _) => {
                let mut response = self.send_onward(policy, admitted, &permit, identified, (trace, onward)).await;
                self.note_refusal(&mut response, &challenged, dialect, trace);
                self.renew_cookie(&mut response, found, &permit, identified);
                response
            }
            (Err(refusal), _, _) => self.refuse(policy, &admitted, found, &refusal, identified, trace),
        };
        cookie::delete_dead(response.headers_mut(), &identified.dead, self.parts.auth.clock().now());
        response
    }

    /// What an endpoint of ours, or a service within this program, refused by itself is a refusal like all others.
    fn note_refusal(&self, response: &mut Response<Body>, challenged: &Challenged<'_>, dialect: Dialect, trace: &mut Trace) {
        if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
            trace.refused(&refusal);
            trace.audit_refusal(&*self.parts.recorder);
            answer::challenge_under(challenged, &refusal, dialect, response);
        }
    }

    /// A session in use keeps its cookie, where that has a lifetime of its own. What is open to everyone sets none.
    fn renew_cookie(&self, response: &mut Response<Body>, found: &Found<'_>, permit: &Permit, identified: &Identified) {
        let counts = permit.identity().account().is_some() && !found.is_open();
        if let Some(session) = identified.session.as_ref().filter(|session| counts && !session.is_carried()) {
            let spec = &session.directory.cookie;
            cookie::renew(response.headers_mut(), spec, &session.id, &session.live, self.parts.auth.clock().now());
        }
    }

    /// A refusal after the permit: what it demands cannot be carried out.
    fn refuse_late(&self, reason: Reason, permit: &Permit, reader: &Reader, trace: &mut Trace) -> Response<Body> {
        let refusal = Refusal::new(reason, permit.identity().account().is_some());
        trace.refused(&refusal);
        trace.audit_refusal(&*self.parts.recorder);
        answer::refuse(&refusal, reader)
    }

    /// A refusal: its status in the caller's dialect or, for people, a page.
    fn refuse(
        &self,
        policy: &Policy,
        admitted: &Admitted,
        found: &Found<'_>,
        refusal: &Refusal,
        identified: &Identified,
        trace: &Trace,
    ) -> Response<Body> {
        trace.audit_refusal(&*self.parts.recorder);
        let pages = found.firewall.is_some_and(|firewall| firewall.entry == Entry::Page);
        let page = match (&identified.offer, refusal.public) {
            _ if !pages => None,
            (Offer::Verified(evidence), Public::Forbidden) => pages::forbidden(admitted, &evidence.account.login),
            (Offer::Absent, Public::Unauthenticated) => pages::entry_redirect(policy, admitted),
            _ => None,
        };
        page.unwrap_or_else(|| {
            let challenged = Challenged { policy, found, host: &admitted.host, wrong: identified.wrong() };
            answer::refuse_under(&challenged, refusal, &Reader::of(admitted))
        })
    }
}

impl Handler for Gateway {
    fn asks_certificate(&self, host: &str) -> bool {
        let now = self.now.load();
        now.network.certificates.asks(&now.policy, host)
    }

    async fn handle(&self, request: Request<Incoming>, connection: Connection) -> Response<Body> {
        let now = self.snapshot();
        if let Some(endpoint) = now.question(request.uri().path()).cloned() {
            // Boxed, as all that is rare beside a proxied request. Its body, if it has one, is none of the request asked about.
            return Box::pin(self.answer_question(now, endpoint, request.into_parts().0, &connection)).await;
        }
        if let Some(endpoint) = now.envoy().filter(|_| ext_authz::is_question(&request)).cloned() {
            return Box::pin(self.answer_check(now, endpoint, request, &connection)).await;
        }
        let (mut trace, id) = self.trace(&now, "-");
        // Boxed: it is handed on from stage to stage.
        let admitted = admit(request, &connection, &now.policy, &now.network, id).map(Box::new);
        let response = self.answer(&now, admitted, &connection, (&mut trace, &mut Onward::Proxy)).await;
        trace.answered(response.status());
        response
    }
}

/// The last word of every answer: what pages of other origins may do with it, and for whom caches may keep it.
fn tell(now: &Snapshot, crossing: Option<&Crossing>, response: &mut Response<Body>) {
    cors::finish(crossing, response);
    if !now.policy.sites.all.is_empty() {
        cors::vary_by_site(response);
    }
}

/// Whether the answer of a permitted request is ours.
fn is_ours(ours: Option<&Ours>, permit: &Permit) -> bool {
    ours.is_some() || permit.rule().is_some_and(|rule| rule.own.is_some())
}

#[cfg(test)]
pub(crate) mod tests;
