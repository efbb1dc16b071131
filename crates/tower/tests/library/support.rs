//! A door, a service behind it that says what it received, and somebody who asks.

use bytes::Bytes;
use doorward_tower::{
    Background, Body, Builder, Directory, Doorward, DoorwardService, Identity, NewUser, Peer, Permit, Recorder, Route,
};
use http::{HeaderMap, Request, Response, StatusCode, header::SET_COOKIE};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use std::{convert::Infallible, net::SocketAddr, sync::Arc};
use tower::{Layer, Service, ServiceExt};

/// Where requests come from.
pub(crate) const PEER: &str = "192.0.2.7:4711";
/// Where the session API stands.
pub(crate) const SESSIONS: &str = "/api/ibexa/v2/user/sessions";

/// Two directories and three routes. Hashes are as cheap as they may be.
pub(crate) fn builder() -> Builder {
    Doorward::builder()
        .directory(Directory::admins("admins"))
        .directory(Directory::customers("people"))
        .resource("Example_Sales::orders", "Orders")
        .resource("Example_Sales::refunds", "Refunds")
        .route(Route::new(["GET", "POST"], "/open").anonymous())
        .route(Route::new(["GET", "POST"], "/orders").require("Example_Sales::orders"))
        .route(Route::new(["GET", "POST"], "/own").own())
        .further("[passwords]\nmemory_kib = 19456\n")
}

/// A door that runs, with `admins/anna`, who may see orders, and `people/jane`.
pub(crate) struct House {
    pub(crate) door: Doorward,
    pub(crate) background: Background,
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::of(&builder()).await
    }

    pub(crate) async fn of(builder: &Builder) -> Self {
        Self::begin(builder.open().await.unwrap()).await
    }

    pub(crate) async fn recording(recorder: Arc<dyn Recorder>) -> Self {
        Self::begin(Doorward::open_with(builder().configuration().unwrap(), recorder).await.unwrap()).await
    }

    /// One that is reached at `address`, whose origin is its own.
    pub(crate) async fn at(address: SocketAddr) -> Self {
        let configuration = builder().configuration().unwrap().listening_at(address);
        Self::begin(Doorward::open(configuration).await.unwrap()).await
    }

    async fn begin(door: Doorward) -> Self {
        let background = door.start();
        door.ready().await.unwrap();
        let accounts = door.accounts();
        accounts.put_role("clerks", &["Example_Sales::orders"]).await.unwrap();
        accounts.add(NewUser::new("admins", "anna").password("long enough for anna").role("clerks")).await.unwrap();
        accounts.add(NewUser::new("people", "jane").password("long enough for jane")).await.unwrap();
        Self { door, background }
    }

    /// The door before [`echo`].
    pub(crate) fn echo(&self) -> DoorwardService<Echo> {
        self.door.layer().layer(Echo)
    }

    pub(crate) async fn sign_in(&self, login: &str) -> Session {
        sign_in(self.echo(), login).await
    }
}

/// What somebody has who signed in.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) cookie: String,
    pub(crate) token: String,
    pub(crate) href: String,
}

/// Signs in through the layer.
pub(crate) async fn sign_in<S>(service: S, login: &str) -> Session
where
    S: Service<Request<Full<Bytes>>, Response = Response<Body>> + Clone,
    S::Error: std::fmt::Debug,
{
    let input = json!({ "SessionInput": { "login": login, "password": format!("long enough for {login}") } });
    let headers =
        [("content-type", "application/vnd.ibexa.api.SessionInput+json"), ("accept", "application/vnd.ibexa.api.Session+json")];
    let answer = ask(service, &format!("POST {SESSIONS}"), &headers, &input.to_string()).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    let session = &answer.json()["Session"];
    let cookie = answer.headers[SET_COOKIE].to_str().unwrap().split(';').next().unwrap().to_owned();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Session { cookie, token: text(&session["csrfToken"]), href: text(&session["_href"]) }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn read(response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Self { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A request from [`PEER`] to the host `shop.test`.
pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let (method, path) = line.split_once(' ').unwrap();
    let mut request = Request::builder().method(method).uri(path).header("host", "shop.test");
    request = request.extension(Peer(PEER.parse().unwrap()));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()
}

/// Asks until it is known who may: a door on a busy machine may be deaf for a moment, and says 503 to whoever needs a role.
pub(crate) async fn ask<S>(service: S, line: &str, headers: &[(&str, &str)], body: &str) -> Answer
where
    S: Service<Request<Full<Bytes>>, Response = Response<Body>> + Clone,
    S::Error: std::fmt::Debug,
{
    loop {
        let answer = ask_once(service.clone(), line, headers, body).await;
        if answer.status != StatusCode::SERVICE_UNAVAILABLE {
            return answer;
        }
        tokio::task::yield_now().await;
    }
}

/// Asks once.
pub(crate) async fn ask_once<S>(service: S, line: &str, headers: &[(&str, &str)], body: &str) -> Answer
where
    S: Service<Request<Full<Bytes>>, Response = Response<Body>>,
    S::Error: std::fmt::Debug,
{
    Answer::read(service.oneshot(request(line, headers, body)).await.unwrap()).await
}

/// A service that says what it received.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Echo;

impl Service<Request<Body>> for Echo {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Response<String>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async move { Ok(Response::new(told(request).await.to_string())) })
    }
}

/// What a request says, and who its extensions say is calling.
pub(crate) async fn told(request: Request<Body>) -> Value {
    let (parts, body) = request.into_parts();
    let mut headers = serde_json::Map::new();
    for (name, value) in &parts.headers {
        headers.insert(name.to_string(), json!(value.to_str().unwrap()));
    }
    let permit = parts.extensions.get::<Permit>().map(|permit| permit.method().as_str());
    json!({
        "method": parts.method.as_str(),
        "uri": parts.uri.to_string(),
        "headers": headers,
        "identity": parts.extensions.get::<Identity>().map(ToString::to_string),
        "permit": permit,
        "body": String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap(),
    })
}
