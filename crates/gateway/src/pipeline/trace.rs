//! What is remembered of a request while it is judged, for its one event.

use super::{
    identify::{Identified, Ignored, Proved, SignIn},
    ours::PREFLIGHT,
};
use crate::{
    Admitted,
    admit::Rejected,
    answer::Reader,
    record::{AuditEvent, Recorder, RequestEvent},
};
use doorward_auth::SignInError;
use doorward_core::{
    Found, Identity, Offer, Permit, Policy, Refusal, Target,
    firewall::{Authentication, Firewall},
    policy::{Dialect, Own},
    route::RouteRule,
};
use doorward_wire::magento::report_id;
use http::{Method, StatusCode};
use std::{
    net::IpAddr,
    ops::{Deref, DerefMut},
    sync::Arc,
    time::{Duration, Instant},
};

/// What nginx logs for a client that hung up; nobody ever receives it.
const CLIENT_CLOSED_REQUEST: u16 = 499;

/// What a request was about.
enum Route {
    None,
    Own(Own),
    Rule(Arc<RouteRule>),
}

/// Everything that the event says, gathered on the way. It holds names and templates, no header, no id.
pub(crate) struct Trace {
    policy: Arc<str>,
    request_id: String,
    face: &'static str,
    dialect: Dialect,
    method: Method,
    host: String,
    site: Option<Arc<str>>,
    client: Option<IpAddr>,
    firewall: Option<Arc<Firewall>>,
    route: Route,
    identity: Identity,
    outcome: &'static str,
    reason: &'static str,
    /// For the operator.
    detail: String,
    /// By what the caller was known, once that is decided.
    proof: Option<&'static str>,
    /// The upstream's name, once one is asked.
    pub(super) upstream: Option<Arc<str>>,
}

impl Trace {
    pub(super) fn new(policy: &Policy, request_id: &str, face: &'static str) -> Self {
        Self {
            policy: Arc::clone(&policy.hash),
            request_id: request_id.to_owned(),
            face,
            dialect: Dialect::Problem,
            method: Method::GET,
            host: String::new(),
            site: None,
            client: None,
            firewall: None,
            route: Route::None,
            identity: Identity::Guest,
            outcome: "undecided",
            reason: "-",
            detail: String::new(),
            proof: None,
            upstream: None,
        }
    }

    pub(super) fn admitted(&mut self, admitted: &Admitted) {
        self.dialect = admitted.dialect;
        self.method = admitted.method.clone();
        self.host.clone_from(&admitted.host);
        self.site = admitted.site.as_ref().map(|(site, _)| Arc::clone(&site.name));
        self.client = Some(admitted.client);
    }

    pub(super) fn rejected(&mut self, rejected: &Rejected) {
        self.dialect = rejected.dialect;
        self.method = rejected.method.clone();
        self.host.clone_from(&rejected.host);
        self.client = Some(rejected.client);
        self.outcome = "bad_request";
        self.reason = rejected.code;
        self.detail = rejected.detail.to_string();
    }

    /// It came over plain HTTP, where we speak TLS.
    pub(super) fn plain(&mut self, outcome: &'static str, detail: String) {
        self.outcome = outcome;
        self.reason = "plain_http";
        self.detail = detail;
    }

    pub(super) fn found(&mut self, found: &Found<'_>) {
        self.firewall = found.firewall.cloned();
        self.route = match found.target {
            Target::Own(own) => Route::Own(own),
            Target::Route(rule) => Route::Rule(Arc::clone(rule)),
            Target::Unmatched | Target::Unprocessed(_) => Route::None,
        };
    }

    /// It was a browser's question about a page of another origin.
    pub(super) fn answered_preflight(&mut self) {
        self.route = Route::Own(PREFLIGHT);
        self.outcome = "permit";
    }

    /// `counts` says whether a session counts under the firewall's guard.
    pub(super) fn judged(&mut self, identified: &Identified, verdict: &Result<Permit, Refusal>, counts: bool) {
        match (verdict, &identified.offer) {
            (Ok(permit), _) => {
                self.outcome = "permit";
                self.identity = permit.identity().clone();
                self.proof = Some(permit.proof());
            }
            (Err(refusal), offer) => {
                self.refused(refusal);
                match offer {
                    // Who it was that was refused: the operator wants to know.
                    Offer::Verified(evidence) if !evidence.ambient => {
                        self.identity = Identity::Known(Arc::clone(&evidence.account));
                        let by_session = self.firewall.as_ref().is_some_and(|f| f.authentication == Authentication::Session);
                        if by_session && matches!(identified.proved, Some(Proved::Token(_))) {
                            self.proof = Some("token");
                        }
                    }
                    Offer::Verified(evidence) if counts => self.identity = Identity::Known(Arc::clone(&evidence.account)),
                    Offer::Verified(evidence) => {
                        let whose = Identity::Known(Arc::clone(&evidence.account));
                        self.detail.push_str(&format!("; the session of {whose} does not count: this is no AJAX call"));
                    }
                    _ => {}
                }
                for Ignored { credential, why, .. } in &identified.ignored {
                    self.detail.push_str(&format!("; the {credential} does not count: {why}"));
                }
            }
        }
    }

    pub(super) fn refused(&mut self, refusal: &Refusal) {
        self.outcome = "refusal";
        self.reason = refusal.reason.code();
        self.detail = refusal.reason.to_string();
    }

    /// Handling it panicked. Its caller is told no more than that.
    pub(super) fn panicked(&mut self, accept: Option<String>) -> Reader {
        self.failed("panicked", "answering it panicked".to_owned());
        Reader { dialect: self.dialect, accept, request_id: self.request_id.clone(), head: self.method == Method::HEAD }
    }

    /// A permitted request came to nothing at its upstream.
    pub(super) fn failed(&mut self, code: &'static str, detail: String) {
        self.reason = code;
        self.detail = detail;
    }

    fn authentication(&self) -> &'static str {
        self.proof.or_else(|| Some(self.firewall.as_ref()?.authentication.as_str())).unwrap_or("-")
    }

    fn route(&self) -> &str {
        match &self.route {
            Route::None => "-",
            Route::Own(own) => own.name,
            Route::Rule(rule) => &rule.template,
        }
    }

    /// A sign-in that the request was. It is written down once, however many requests follow.
    pub(super) fn audit_sign_in(&self, recorder: &dyn Recorder, sign_in: &SignIn) {
        let (event, outcome, account) = match &sign_in.outcome {
            Ok(account) => ("sign_in", "success", Some(account)),
            Err(error @ SignInError::Invalid { account, .. }) => ("sign_in_failed", error.code(), account.as_ref()),
            Err(error) => ("sign_in_failed", error.code(), None),
        };
        let identity = account.map(|account| Identity::Known(Arc::clone(account)).name().into_owned());
        recorder.audit(&AuditEvent {
            event,
            outcome,
            request_id: &self.request_id,
            directory: account.map_or("-", |account| &account.directory),
            identity: identity.as_deref().unwrap_or("-"),
            login: &sign_in.login,
            client: self.client,
            method: sign_in.method,
            detail: "",
        });
    }

    /// A refusal is what reviewers of access want to find.
    pub(super) fn audit_refusal(&self, recorder: &dyn Recorder) {
        let account = self.identity.account();
        recorder.audit(&AuditEvent {
            event: "refusal",
            outcome: self.reason,
            request_id: &self.request_id,
            directory: account.map_or("-", |account| &account.directory),
            identity: &self.identity.name(),
            login: account.map_or("", |account| &account.login),
            client: self.client,
            method: self.authentication(),
            detail: &self.detail,
        });
    }

    /// The one event of the request.
    fn record(&self, recorder: &dyn Recorder, status: StatusCode, duration: Duration) {
        let masked = status == StatusCode::INTERNAL_SERVER_ERROR && self.dialect == Dialect::Magento;
        let report = if masked { report_id(&self.request_id) } else { "-".to_owned() };
        recorder.request(&RequestEvent {
            request_id: &self.request_id,
            policy: &self.policy,
            method: self.method.as_str(),
            host: &self.host,
            site: self.site.as_deref().unwrap_or("-"),
            route: self.route(),
            client: self.client,
            firewall: self.firewall.as_ref().map_or("-", |firewall| &firewall.name),
            authentication: self.authentication(),
            identity: &self.identity.name(),
            outcome: self.outcome,
            reason: self.reason,
            detail: &self.detail,
            upstream: self.upstream.as_deref().unwrap_or("-"),
            face: self.face,
            report_id: &report,
            status: status.as_u16(),
            duration,
        });
    }
}

/// A trace whose event is written when it goes, however that comes about: a request that its client gave up leaves its
/// event like all others.
pub(crate) struct Recorded<'r> {
    trace: Trace,
    recorder: &'r dyn Recorder,
    started: Instant,
    status: Option<StatusCode>,
}

impl<'r> Recorded<'r> {
    pub(super) fn new(trace: Trace, recorder: &'r dyn Recorder, started: Instant) -> Self {
        Self { trace, recorder, started, status: None }
    }

    /// The request has its answer.
    pub(crate) fn answered(mut self, status: StatusCode) {
        self.status = Some(status);
    }
}

impl Deref for Recorded<'_> {
    type Target = Trace;
    fn deref(&self) -> &Trace {
        &self.trace
    }
}

impl DerefMut for Recorded<'_> {
    fn deref_mut(&mut self) -> &mut Trace {
        &mut self.trace
    }
}

impl Drop for Recorded<'_> {
    fn drop(&mut self) {
        let status = self.status.unwrap_or_else(|| {
            self.trace.failed("abandoned", "the client hung up before the answer".to_owned());
            StatusCode::from_u16(CLIENT_CLOSED_REQUEST).unwrap_or(StatusCode::REQUEST_TIMEOUT)
        });
        self.trace.record(self.recorder, status, self.started.elapsed());
    }
}
