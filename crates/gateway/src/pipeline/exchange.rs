//! The exchange of old sessions: an application behind is asked once who an old session belongs to, and a session of ours
//! begins for that account. It stands between `identify` and `decide`, for requests that carry no session of ours; whatever
//! goes wrong leaves the caller the guest that it is.

use super::{
    Gateway, Identified, Known, identify,
    old_sessions::{OldSession, old_sessions, wants_identity},
};
use crate::{
    Admitted, Body,
    admit::{self, SessionCookie},
    api::{Asked, Presented, cookie},
    exchange::{Begun, Exchanges, Remembered, Renewed, Turn},
    proxy::{Asker, Told, UpstreamError},
    record::{AuditEvent, Recorder},
};
use doorward_auth::{Auth, Before, Claim, LiveSession, NotExchanged, device_label};
use doorward_core::{
    Evidence, Found, Offer, Policy, Time,
    policy::Directory,
    ports::{ExchangeKey, StoreError},
};
use http::{
    Response,
    header::{SET_COOKIE, USER_AGENT},
};
use std::{net::IpAddr, sync::Arc, time::Duration};
use tokio::time::{Instant, timeout, timeout_at};

/// How long an old session that is nobody's is not asked about again.
const NOBODY: Duration = Duration::from_secs(60);
/// How long one is not asked about again when there was no answer.
const FAILED: Duration = Duration::from_secs(10);
/// How long a request waits, beside the time of an answer, for others that carry the same old session.
const WAIT: Duration = Duration::from_secs(2);

/// A session that began with a request: its cookie belongs on the answer.
pub(super) struct Fresh {
    directory: Arc<Directory>,
    begun: Begun,
}

impl Fresh {
    /// Sets the cookie, and that of the application if it has another id now, where the answer does not set or delete them
    /// already.
    pub(super) fn set(&self, response: &mut Response<Body>, now: Time) {
        let spec = &self.directory.cookie;
        if !cookie::is_set(response.headers(), &spec.name) {
            cookie::add(response.headers_mut(), cookie::session(spec, &self.begun.id, now));
        }
        if let Some(renewed) = &self.begun.renewed
            && !cookie::is_set(response.headers(), &renewed.cookie)
        {
            response.headers_mut().append(SET_COOKIE, renewed.line.clone());
        }
    }
}

/// What became of one old session.
enum Outcome {
    /// A session of ours.
    Session(Begun),
    /// The session that another request's exchange began; this one does not learn its id.
    Carried(Arc<LiveSession>),
    /// Nothing.
    Guest,
    /// It cannot be known.
    Unavailable(StoreError),
}

impl Gateway {
    /// Exchanges the first old session that the request carries and that is somebody's. What is identified changes with it.
    pub(super) async fn exchange(
        &self,
        policy: &Policy,
        admitted: &mut Admitted,
        found: &Found<'_>,
        identified: &mut Identified,
    ) -> Option<Fresh> {
        for old in old_sessions(policy, admitted, found) {
            match self.exchange_one(policy, &Asker::of(admitted), &Origin::of(admitted), &old).await {
                Outcome::Session(begun) => {
                    let (directory, id) = (Arc::clone(old.directory), String::from(&*begun.id));
                    // Over there the old id may name nothing any more.
                    if let Some(renewed) = &begun.renewed {
                        admit::replace(&mut admitted.headers, &renewed.cookie, &renewed.id);
                    }
                    // From here on it is the session of this request as any other.
                    admitted.cookies.retain(|cookie| cookie.directory.name != directory.name);
                    admitted.cookies.push(SessionCookie { directory: Arc::clone(&directory), value: id });
                    let known = Known::from(&self.parts.auth);
                    *identified = identify(known, policy, Asked::from(&*admitted), found).await;
                    return Some(Fresh { directory, begun });
                }
                Outcome::Carried(live) => {
                    let evidence = Evidence { account: live.account(), ambient: true, csrf_valid: false, scopes: None };
                    identified.offer = Offer::Verified(evidence);
                    identified.session = Some(Presented { directory: Arc::clone(old.directory), id: String::new(), live });
                    return None;
                }
                Outcome::Guest => {}
                Outcome::Unavailable(error) => {
                    self.parts.recorder.exchange(&old.upstream.name, "unavailable", &error.to_string());
                    if wants_identity(policy, found) {
                        identified.offer = Offer::Unavailable(error.to_string().into());
                    }
                    return None;
                }
            }
        }
        None
    }

    async fn exchange_one(&self, policy: &Policy, asker: &Asker, origin: &Origin, old: &OldSession<'_>) -> Outcome {
        let (auth, exchanges) = (&self.parts.auth, &self.parts.exchanges);
        let deadline = Instant::now() + old.exchange.timeout + WAIT;
        loop {
            match exchanges.remembered(&old.key, auth.clock().now()) {
                Some(Remembered::Nobody) => return Outcome::Guest,
                Some(Remembered::Begun(begun)) => match auth.find(old.directory, &begun.id).await {
                    Ok(Some(_)) => return Outcome::Session(begun),
                    Ok(None) => exchanges.forget(&old.key),
                    Err(error) => return Outcome::Unavailable(error),
                },
                None => {}
            }
            match exchanges.turn(old.key) {
                Turn::Ours(_flight) => return self.look(policy, asker, origin, old).await,
                // What the other one found is remembered, or is found again.
                Turn::Wait(flight) if timeout_at(deadline, flight.lock()).await.is_ok() => {}
                Turn::Wait(_) | Turn::Crowded => break,
            }
        }
        self.parts.recorder.exchange(&old.upstream.name, "busy", "");
        Outcome::Guest
    }

    /// Looks the old session up and asks the application, with nobody beside us on this node.
    async fn look(&self, policy: &Policy, asker: &Asker, origin: &Origin, old: &OldSession<'_>) -> Outcome {
        match self.parts.auth.exchanged(old.directory, &old.key).await {
            Ok(Before::Nothing) => {}
            Ok(Before::Carried(live)) => return Outcome::Carried(live),
            Ok(Before::Spent) => return self.guest(old, "spent", "", NOBODY),
            Err(error) => return Outcome::Unavailable(error),
        }
        let Some(_place) = self.parts.exchanges.place().await else {
            self.parts.recorder.exchange(&old.upstream.name, "busy", "");
            return Outcome::Guest;
        };
        let asked = self.parts.proxy.whose(asker, policy, old.upstream, old.exchange, &old.id);
        match timeout(old.exchange.timeout, asked).await {
            Ok(Ok(Some(told))) => self.begin(origin, old, told).await,
            Ok(Ok(None)) => self.guest(old, "nobody", "", NOBODY),
            Ok(Err(UpstreamError::TimedOut(what))) => self.guest(old, "timed_out", what, FAILED),
            Ok(Err(error @ UpstreamError::Unreachable(_))) => self.guest(old, "unreachable", &error.to_string(), FAILED),
            Ok(Err(error)) => self.guest(old, "failed", &error.to_string(), FAILED),
            Err(_) => self.guest(old, "timed_out", "answering", FAILED),
        }
    }

    /// Begins the session. What began is remembered and audited even if the client hangs up meanwhile.
    async fn begin(&self, origin: &Origin, old: &OldSession<'_>, told: Told) -> Outcome {
        let beginning = Beginning {
            auth: Arc::clone(&self.parts.auth),
            exchanges: Arc::clone(&self.parts.exchanges),
            recorder: Arc::clone(&self.parts.recorder),
            directory: Arc::clone(old.directory),
            upstream: Arc::clone(&old.upstream.name),
            key: old.key,
            origin: origin.clone(),
        };
        match tokio::spawn(beginning.run(told)).await {
            Ok(Ok(begun)) => Outcome::Session(begun),
            Ok(Err(NotExchanged::Unavailable(error))) => Outcome::Unavailable(error),
            // Another node was faster.
            Ok(Err(NotExchanged::Spent)) => match self.parts.auth.exchanged(old.directory, &old.key).await {
                Ok(Before::Carried(live)) => Outcome::Carried(live),
                Ok(_) => self.guest(old, "spent", "", NOBODY),
                Err(error) => Outcome::Unavailable(error),
            },
            Ok(Err(why)) => self.guest(old, why.code(), "", NOBODY),
            Err(_) => self.guest(old, "failed", "beginning the session panicked", FAILED),
        }
    }

    /// The caller is a guest, and the old session leads to nobody for so long.
    fn guest(&self, old: &OldSession<'_>, outcome: &'static str, detail: &str, rest: Duration) -> Outcome {
        let now = self.parts.auth.clock().now();
        self.parts.exchanges.refuse(old.key, now, now + rest);
        self.parts.recorder.exchange(&old.upstream.name, outcome, detail);
        Outcome::Guest
    }
}

/// Where a request comes from, for the audit log and for the session's name.
#[derive(Clone)]
struct Origin {
    request_id: String,
    client: IpAddr,
    device: &'static str,
}

impl Origin {
    fn of(admitted: &Admitted) -> Self {
        let user_agent = admitted.headers.get(USER_AGENT).and_then(|value| value.to_str().ok());
        Self { request_id: admitted.request_id.clone(), client: admitted.client, device: device_label(user_agent) }
    }
}

/// The last step of an exchange, which is done to its end.
struct Beginning {
    auth: Arc<Auth>,
    exchanges: Arc<Exchanges>,
    recorder: Arc<dyn Recorder>,
    directory: Arc<Directory>,
    upstream: Arc<str>,
    key: ExchangeKey,
    origin: Origin,
}

impl Beginning {
    async fn run(self, Told { claim, renewed }: Told) -> Result<Begun, NotExchanged> {
        let begun = self.auth.exchange(&self.directory, &self.key, &claim, self.origin.device).await;
        match begun {
            Ok(begun) => {
                let (now, grace) = (self.auth.clock().now(), self.auth.grace());
                let renewed = self.spent(renewed).await;
                let remembered = Begun { id: begun.id.into(), renewed };
                if !grace.is_zero() {
                    self.exchanges.begun(self.key, remembered.clone(), now, now + grace);
                }
                self.recorder.exchange(&self.upstream, "begun", "");
                self.audit("sign_in", "success", Some(&*begun.live.account()), &claim);
                Ok(remembered)
            }
            Err(why) => {
                if !matches!(why, NotExchanged::Spent | NotExchanged::Unavailable(_)) {
                    self.audit("sign_in_failed", why.code(), why.account().map(|account| &**account), &claim);
                }
                Err(why)
            }
        }
    }

    /// The other id that the application gave the session is good for no exchange either. If that cannot be written down, it
    /// is not handed on: whoever has it could sign in once more.
    async fn spent(&self, renewed: Option<Renewed>) -> Option<Renewed> {
        let renewed = renewed?;
        match self.auth.spend(&[renewed.key]).await {
            Ok(()) => Some(renewed),
            Err(error) => {
                tracing::warn!(%error, upstream = &*self.upstream, "an old session's other id cannot be spent, so its cookie is dropped");
                None
            }
        }
    }

    fn audit(&self, event: &str, outcome: &str, account: Option<&doorward_core::Account>, claim: &Claim) {
        let identity = account.map(|account| format!("{}/{}", account.kind.as_str(), account.id));
        let claimed = claim.id.map_or_else(String::new, |id| format!(" as its account {id}"));
        self.recorder.audit(&AuditEvent {
            event,
            outcome,
            request_id: &self.origin.request_id,
            directory: &self.directory.name,
            identity: identity.as_deref().unwrap_or("-"),
            login: crate::api::bounded(&claim.login, 128),
            client: Some(self.origin.client),
            method: "session exchange",
            detail: &format!("a session of upstream `{}`{claimed}", self.upstream),
        });
    }
}
