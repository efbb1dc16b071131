//! Holes that other gateways had, put to every face: the gateway before everybody and behind a proxy, the library, the
//! questions of each proxy, and Envoy's over gRPC. Each test is named after the advisory or the thread that told of the hole.

mod addresses;
mod hosts;
mod identities;
mod inner;
mod loops;
mod paths;
mod questions;

use crate::{
    Body, Onward, Service, Snapshot,
    api::world::Client,
    ext_authz,
    forward_auth::tests::{CLIENT, PROXY, Question, all, behind_proxies, path_of},
    listen::Connection,
    pipeline::{
        Passed,
        tests::{ANSWER, Place},
    },
};
use doorward_core::{
    Policy,
    forward_auth::{Convention, ForwardAuth},
    policy::Upstream,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use std::sync::{Arc, Mutex};

/// Somebody whom nobody trusts.
const STRANGER: &str = "203.0.113.9:4711";

/// What a service is told by us alone.
const OURS: [&str; 6] =
    ["doorward-identity", "doorward-login", "doorward-roles", "doorward-method", "doorward-request-id", "doorward-assertion"];

/// A request as a client sends it.
#[derive(Clone, Debug)]
struct Sent {
    /// `METHOD https://HOST/PATH`.
    line: String,
    headers: Vec<(String, String)>,
    /// What proxies say of its address.
    from: String,
}

impl Sent {
    fn new(line: &str) -> Self {
        Self { line: line.into(), headers: Vec::new(), from: CLIENT.1.into() }
    }

    fn get(path: &str) -> Self {
        Self::new(&format!("GET https://shop.test{path}"))
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    fn all(self, headers: &[(&str, &str)]) -> Self {
        headers.iter().fold(self, |sent, (name, value)| sent.with(name, value))
    }

    fn of(self, session: &Client) -> Self {
        self.with("cookie", &session.cookie())
    }

    /// As a browser goes to a page.
    fn navigating(self) -> Self {
        self.with("sec-fetch-mode", "navigate")
    }

    fn from(mut self, address: &str) -> Self {
        self.from = address.into();
        self
    }

    /// Method, host and path.
    fn parts(&self) -> (&str, &str, &str) {
        let (method, url) = self.line.split_once(' ').unwrap();
        let rest = url.split_once("://").unwrap().1;
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        (method, host, path)
    }

    /// As a head. `None` where no HTTP library would make one of it.
    fn head(&self, proxied: bool) -> Option<Parts> {
        let (method, host, path) = self.parts();
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, host);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if proxied {
            request = request.header(CLIENT.0, &self.from);
        }
        Some(request.body(()).ok()?.into_parts().0)
    }

    /// As the question of a proxy, which puts what it says itself in place of what the client said.
    fn question(&self, mut question: Question) -> Question {
        question = question.saying(CLIENT.0, &self.from);
        for (name, value) in &self.headers {
            if name == CLIENT.0 {
                question = question.saying(name, &format!("{value}, {}", self.from));
            } else if name == "host" || self.repeats(name) || !question.headers.iter().any(|(other, _)| other == name) {
                question = question.with(name, value);
            }
        }
        question
    }

    /// Whether the client sent more than one such line: some proxies would pass them on.
    fn repeats(&self, name: &str) -> bool {
        self.headers.iter().filter(|(other, _)| other == name).count() > 1
    }
}

/// What became of a request at one face.
#[derive(Debug)]
struct Came {
    face: String,
    /// Whether it came by a proxy that is trusted.
    proxied: bool,
    status: u16,
    /// Of the answer.
    headers: HeaderMap,
    /// Target and headers that the service behind receives, if it receives the request.
    seen: Option<(String, HeaderMap)>,
}

impl Came {
    /// What the service receives.
    fn seen(&self) -> &HeaderMap {
        &self.seen.as_ref().unwrap_or_else(|| panic!("it was refused: {self:?}")).1
    }

    fn told(&self, name: &str) -> Vec<&str> {
        self.seen().get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// Whether a text stands anywhere in what the service receives.
    fn tells(&self, text: &str) -> bool {
        let tells = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).contains(text);
        self.seen.as_ref().is_some_and(|(target, headers)| target.contains(text) || headers.values().any(tells))
    }

    fn location(&self) -> Option<&str> {
        self.headers.get(header::LOCATION).map(|value| value.to_str().unwrap())
    }

    /// It got nowhere, and the client knows.
    #[track_caller]
    fn is_refused(&self) {
        assert!((400..500).contains(&self.status) && self.seen.is_none(), "{}: {self:?}", self.face);
        for name in OURS {
            assert!(!self.headers.contains_key(name), "{self:?}");
        }
    }

    /// It was judged, and the judgement is no.
    #[track_caller]
    fn is_denied(&self) {
        self.is_refused();
        assert!(matches!(self.status, 401 | 403 | 404), "{self:?}");
    }
}

/// A gateway behind all kinds of proxies, and before everybody.
struct House {
    place: Place,
}

impl House {
    async fn new(change: impl FnOnce(&mut Policy)) -> Self {
        let place = Place::new(Some(ANSWER), |policy| {
            policy.ibexa_prefixes.retain(|prefix| !prefix.is_empty());
            change(policy);
        })
        .await;
        Self::of(place)
    }

    fn of(place: Place) -> Self {
        place.gateway.replace(behind_proxies(place.gateway.policy()));
        Self { place }
    }

    /// The same, configured otherwise.
    fn with(self, change: impl FnOnce(&mut Snapshot)) -> Self {
        let mut snapshot = behind_proxies(self.place.gateway.policy());
        change(&mut snapshot);
        self.place.gateway.replace(snapshot);
        self
    }

    /// One request at every face.
    async fn everywhere(&self, sent: &Sent) -> Vec<Came> {
        let mut all = vec![self.socket(sent).await];
        for (face, peer) in [("gateway", STRANGER), ("gateway behind a proxy", PROXY)] {
            all.push(self.gateway(face, peer, sent).await);
        }
        for (face, peer) in [("library", STRANGER), ("library behind a proxy", PROXY)] {
            all.push(self.library(face, peer, sent).await);
        }
        all.extend(self.questions(sent).await);
        all
    }

    /// The faces that another proxy asks.
    async fn questions(&self, sent: &Sent) -> Vec<Came> {
        let mut came = Vec::new();
        for question in all(&sent.line) {
            came.push(self.question(&sent.question(question)).await);
        }
        came.push(self.grpc(sent).await);
        came
    }

    /// Over a connection of its own.
    async fn socket(&self, sent: &Sent) -> Came {
        let (method, host, path) = sent.parts();
        let headers: String = sent.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
        let answer = self.place.raw(&request).await;
        let status = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{request}{answer:?}"));
        let headers = lines(answer.split("\r\n\r\n").next().unwrap()).1;
        Came { face: "socket".into(), proxied: false, status, headers, seen: self.received() }
    }

    /// What the upstream received, at most once.
    fn received(&self) -> Option<(String, HeaderMap)> {
        let mut received = self.place.received();
        assert!(received.len() < 2, "{received:?}");
        received.pop().map(|text| lines(text.split("\r\n\r\n").next().unwrap()))
    }

    async fn gateway(&self, face: &str, peer: &str, sent: &Sent) -> Came {
        let proxied = peer == PROXY;
        let answer = match sent.head(proxied) {
            None => unparsed(),
            Some(head) => self.place.gateway.handle_parts(head, Body::Empty, &connection(peer), Onward::Proxy).await,
        };
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Came { face: face.into(), proxied, status, headers, seen: self.received() }
    }

    async fn library(&self, face: &str, peer: &str, sent: &Sent) -> Came {
        let proxied = peer == PROXY;
        let (upstream, seen) = (Arc::new(Upstream::within("mine".into())), Arc::new(Mutex::new(None)));
        let received = Arc::clone(&seen);
        let call = move |passed: Passed| {
            let parts = passed.request.into_parts().0;
            *received.lock().unwrap() = Some((parts.uri.to_string(), parts.headers));
            Box::pin(async { Response::new(Body::Empty) }) as _
        };
        let onward = Onward::Service(Service { upstream: &upstream, call: Box::new(call) });
        let answer = match sent.head(proxied) {
            None => unparsed(),
            Some(head) => self.place.gateway.handle_parts(head, Body::Empty, &connection(peer), onward).await,
        };
        let seen = seen.lock().unwrap().take();
        Came { face: face.into(), proxied, status: answer.status().as_u16(), headers: answer.headers().clone(), seen }
    }

    /// What a proxy that asks does then: it sends on what the client sent, with what it was told in place of what the client
    /// said of the same.
    async fn question(&self, question: &Question) -> Came {
        let envoy = question.convention == Convention::Envoy;
        let answer = match question.line.1.parse::<http::Uri>() {
            Ok(_) => question.ask(&self.place).await,
            Err(_) => unparsed(),
        };
        assert_eq!(self.place.received(), Vec::<String>::new(), "a verdict sends nothing");
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let removed = headers.get("x-envoy-auth-headers-to-remove").map(|names| names.to_str().unwrap().to_owned());
        let removed: Vec<String> = removed.iter().flat_map(|names| names.split(',')).map(str::to_owned).collect();
        let gone = |name: &str| match envoy {
            true => removed.iter().any(|other| other == name),
            false => OURS.contains(&name) || is_credential(name),
        };
        let seen = (status == 200).then(|| sent_on(&question.headers, &headers, gone));
        let face = format!("{:?} {}", question.convention, question.headers.iter().any(|(name, _)| name == "x-original-uri"));
        Came { face, proxied: true, status, headers, seen }
    }

    async fn grpc(&self, sent: &Sent) -> Came {
        let question = sent.question(Question::about(Convention::Envoy, &sent.line));
        let (method, host, path) = sent.parts();
        let path_of_ours = path_of(Convention::Envoy);
        let hosts = question.headers.iter().filter(|(name, _)| name == "host").skip(1);
        let others = question.headers.iter().filter(|(name, _)| name != "host");
        let asked: Vec<(String, String)> = hosts.chain(others).cloned().collect();
        let gateway = &self.place.gateway;
        let judge = |parts| async move {
            let endpoint = ForwardAuth { convention: Convention::Envoy, path: path_of(Convention::Envoy).into() };
            gateway.answer_question(gateway.snapshot(), endpoint, parts, &connection(PROXY)).await
        };
        let (status, headers, gone) = ext_authz::tests::check((method, path, host), &asked, &path_of_ours, judge).await;
        let seen = (status == 200).then(|| sent_on(&asked, &headers, |name| gone.iter().any(|other| other == name)));
        Came { face: "gRPC".into(), proxied: true, status, headers, seen }
    }
}

/// What a HTTP library says that cannot read a head.
fn unparsed() -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}

fn connection(peer: &str) -> Connection {
    Connection::plain(peer.parse().unwrap())
}

fn is_credential(name: &str) -> bool {
    ["cookie", "authorization", "dpop", "x-csrf-token"].contains(&name)
}

fn sent_on(client: &[(String, String)], told: &HeaderMap, gone: impl Fn(&str) -> bool) -> (String, HeaderMap) {
    let mut headers = HeaderMap::new();
    for (name, value) in client.iter().filter(|(name, _)| !gone(name)) {
        headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::try_from(value).unwrap());
    }
    for (name, value) in told.iter().filter(|(name, _)| OURS.contains(&name.as_str()) || is_credential(name.as_str())) {
        match value.is_empty() {
            true => drop(headers.remove(name)),
            false => drop(headers.insert(name, value.clone())),
        }
    }
    (String::new(), headers)
}

/// Target and headers of a head.
fn lines(head: &str) -> (String, HeaderMap) {
    let (first, rest) = head.split_once("\r\n").unwrap_or((head, ""));
    let mut headers = HeaderMap::new();
    for (name, value) in rest.lines().filter_map(|line| line.split_once(": ")) {
        headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    (first.split(' ').nth(1).unwrap_or_default().to_owned(), headers)
}
