//! Record: one event for each request, one audit event for each sign-in, sign-out, refusal and account change.
//! Events hold route templates, names and ids; never a header, a session id or a token.

use std::{net::IpAddr, time::Duration};

/// One request, when its answer's head is ready.
#[derive(Clone, Debug)]
pub struct RequestEvent<'a> {
    /// Names the request.
    pub request_id: &'a str,
    /// Hash of the policy that decided.
    pub policy: &'a str,
    /// Effective method.
    pub method: &'a str,
    /// Canonical host.
    pub host: &'a str,
    /// The site, or `-` where there are none.
    pub site: &'a str,
    /// Route template, endpoint name, or `-`.
    pub route: &'a str,
    /// Believed client address.
    pub client: Option<IpAddr>,
    /// Firewall name, or `-`.
    pub firewall: &'a str,
    /// Authentication method, or `-`.
    pub authentication: &'a str,
    /// `guest`, `customer/42`.
    pub identity: &'a str,
    /// `permit` or `refusal`; `bad_request` or `undecided` when it never came to a decision.
    pub outcome: &'a str,
    /// Reason code of a refusal (`Reason::code`, or admit's), `-` for a permit.
    pub reason: &'a str,
    /// For the operator: file and line of the rule, what was lacking. Empty for a permit.
    pub detail: &'a str,
    /// Upstream's name, or `-`.
    pub upstream: &'a str,
    /// The face that it came by: the convention of a proxy that asks, `library`, or `-` for the gateway itself.
    pub face: &'a str,
    /// The report that a masked server error told its caller of, or `-`.
    pub report_id: &'a str,
    /// Status of the answer; 499 when the client hung up before it.
    pub status: u16,
    /// From the request's head to the answer's head.
    pub duration: Duration,
}

/// Something that a reviewer of accounts wants to know.
#[derive(Clone, Debug)]
pub struct AuditEvent<'a> {
    /// `sign_in`, `sign_out`, `sign_in_failed`, `refusal`, `account`.
    pub event: &'a str,
    /// `success` or a reason code.
    pub outcome: &'a str,
    /// Names the request.
    pub request_id: &'a str,
    /// Directory, or `-`.
    pub directory: &'a str,
    /// `admin/1`, or `-`.
    pub identity: &'a str,
    /// The login as typed, bounded; may hold anything, so writers must escape it.
    pub login: &'a str,
    /// Believed client address.
    pub client: Option<IpAddr>,
    /// Authentication method and factors, such as `session pwd`.
    pub method: &'a str,
    /// More for the operator.
    pub detail: &'a str,
}

/// What happened between Doorward and an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamOutcome {
    /// An answer came.
    Answered,
    /// It could not be reached (502).
    Unreachable,
    /// It answered nonsense or broke off (502).
    Broken,
    /// It took too long (504).
    TimedOut,
}

/// Whoever writes events down.
pub trait Recorder: Send + Sync {
    /// One request. There is one for each, however it ends.
    fn request(&self, event: &RequestEvent<'_>);
    /// One audit event.
    fn audit(&self, event: &AuditEvent<'_>);
    /// The HTTP parser refused what a peer sent. `detail` is the parser's own word, never the input.
    fn parser_refusal(&self, peer: IpAddr, detail: &str);
    /// A TLS handshake failed. `detail` is the library's own word, never the input.
    fn handshake_failed(&self, peer: IpAddr, detail: &str) {
        tracing::warn!(%peer, detail, "a TLS handshake failed");
    }
    /// Answering a request panicked; the caller got a 500.
    fn panicked(&self, peer: IpAddr) {
        tracing::error!(%peer, "a request panicked");
    }
    /// A connection was opened (`true`) or closed.
    fn connection(&self, opened: bool);
    /// What became of an old session that a request carried, in one word, and why.
    fn exchange(&self, upstream: &str, outcome: &'static str, detail: &str) {
        tracing::debug!(upstream, outcome, detail, "an old session was looked at");
    }
    /// What became of somebody who wanted to sign in at an OpenID provider, in one word.
    fn provider(&self, name: &str, outcome: &'static str) {
        tracing::debug!(name, outcome, "somebody wanted to sign in at a provider");
    }
    /// An exchange with an upstream ended.
    fn upstream(&self, name: &str, outcome: UpstreamOutcome, took: Duration);
}
