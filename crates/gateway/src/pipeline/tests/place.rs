//! A gateway that runs, with an upstream behind it.

use crate::{
    admit::Network,
    api::world::{Client, World},
    listen::{Limits, Listener},
    pipeline::{Gateway, GatewayParts, Snapshot},
    proxy::{Proxy, Settings},
    record::{AuditEvent, Recorder, RequestEvent, UpstreamOutcome},
};
use doorward_core::{
    Policy, Source,
    policy::{Unmatched, Upstream},
};
use doorward_crypto::system::SystemEntropy;
use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub(super) const PATIENCE: Duration = Duration::from_secs(10);
pub(crate) const ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 8\r\nConnection: close\r\n\r\nupstream";

/// Events as text.
#[derive(Default)]
pub(super) struct Notes {
    pub(super) requests: Mutex<Vec<String>>,
    pub(super) audits: Mutex<Vec<String>>,
    /// What is written about an upstream makes it panic.
    pub(super) brittle: AtomicBool,
}

impl Recorder for Notes {
    fn request(&self, e: &RequestEvent<'_>) {
        self.requests
            .lock()
            .unwrap()
            .push(format!("{} {} {} {} {} {}", e.method, e.route, e.status, e.outcome, e.reason, e.identity));
        if e.report_id != "-" {
            assert!(e.request_id.starts_with(e.report_id.strip_prefix("webapi-").unwrap()));
            self.audits.lock().unwrap().push(e.report_id.to_owned());
        }
    }
    fn audit(&self, e: &AuditEvent<'_>) {
        self.audits.lock().unwrap().push(format!("{} {} {}", e.event, e.outcome, e.identity));
    }
    fn parser_refusal(&self, _: IpAddr, _: &str) {}
    fn connection(&self, _: bool) {}
    fn upstream(&self, _: &str, _: UpstreamOutcome, _: Duration) {
        assert!(!self.brittle.load(Ordering::Relaxed), "brittle");
    }
}

/// A gateway before an upstream that answers everything with `ANSWER`, or nothing with nothing.
pub(crate) struct Place {
    pub(crate) gateway: Arc<Gateway>,
    pub(super) address: SocketAddr,
    pub(super) notes: Arc<Notes>,
    pub(crate) world: World,
    pub(super) upstream: Arc<Mutex<Vec<String>>>,
    _stop: tokio_util::sync::DropGuard,
}

impl Place {
    pub(crate) async fn new(answer: Option<&'static str>, change: impl FnOnce(&mut Policy)) -> Self {
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", socket.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(serve(socket, answer, Arc::clone(&received)));
        let world = World::with(|policy| {
            policy.unmatched = Unmatched::Allow;
            policy.upstreams.push(Arc::new(upstream(&base)));
            change(policy);
        })
        .await;
        Self::of(world, received).await
    }

    /// Another node: of the same store, policy and upstream.
    pub(crate) async fn beside(&self) -> Self {
        Self::of(self.world.beside().await, Arc::clone(&self.upstream)).await
    }

    async fn of(world: World, upstream: Arc<Mutex<Vec<String>>>) -> Self {
        let notes = Arc::new(Notes::default());
        let gateway = Arc::new(Gateway::new(GatewayParts {
            snapshot: Snapshot {
                policy: Arc::clone(&world.policy),
                network: Network::default(),
                jwks_path: None,
                hsts: None,
                forward_auth: Vec::new(),
            },
            auth: Arc::clone(&world.auth),
            proxy: Proxy::new(Settings::default()),
            recorder: Arc::clone(&notes) as _,
            entropy: Arc::new(SystemEntropy),
            providers: Arc::default(),
        }));
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), Limits::default()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        tokio::spawn(listener.serve(Arc::clone(&gateway), Arc::clone(&notes) as Arc<dyn Recorder>, stop.clone()));
        Self { gateway, address, notes, world, upstream, _stop: stop.drop_guard() }
    }

    pub(crate) async fn open() -> Self {
        Self::new(Some(ANSWER), |_| {}).await
    }

    /// Sends a request line with headers and a body, and reads to the end.
    pub(crate) async fn send(&self, line: &str, headers: &str, body: &str) -> String {
        exchange(self.address, line, headers, body).await
    }

    /// Sends a request that ends its connection as it stands, and reads to the end.
    pub(crate) async fn raw(&self, request: &str) -> String {
        raw(self.address, request).await
    }

    pub(super) async fn status(&self, line: &str, headers: &str, body: &str) -> u16 {
        let answer = self.send(line, headers, body).await;
        answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("{line}: {answer:?}"))
    }

    pub(crate) async fn login(&self) -> Client {
        self.world.login().await
    }

    pub(crate) fn received(&self) -> Vec<String> {
        std::mem::take(&mut *self.upstream.lock().unwrap())
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.notes.requests.lock().unwrap().clone()
    }
}

/// A request on a connection of its own.
pub(super) async fn exchange(address: SocketAddr, line: &str, headers: &str, body: &str) -> String {
    let head = format!("{line} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n", body.len());
    raw(address, &format!("{head}{body}")).await
}

async fn raw(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let _ = stream.write_all(request.as_bytes()).await;
    let mut all = Vec::new();
    let _ = timeout(PATIENCE, stream.read_to_end(&mut all)).await.expect("the answer ends");
    String::from_utf8_lossy(&all).into_owned()
}

fn upstream(base: &str) -> Upstream {
    Upstream {
        name: "up".into(),
        base: base.into(),
        path: "/".into(),
        pass_credentials: false,
        identity: doorward_core::UpstreamIdentity::Doorward,
        cookies: Vec::new(),
        cart: None,
        exchange: None,
        keep_encoded_slash: false,
        connect_timeout: PATIENCE,
        response_timeout: PATIENCE,
        idle_timeout: PATIENCE,
        max_connections: 64,
        source: Source::new("doorward.toml", 1),
    }
}

async fn serve(socket: TcpListener, answer: Option<&'static str>, received: Arc<Mutex<Vec<String>>>) {
    let mut held = Vec::new();
    loop {
        let (mut stream, _) = socket.accept().await.unwrap();
        let mut buffer = vec![0; 65_536];
        let n = stream.read(&mut buffer).await.unwrap_or(0);
        received.lock().unwrap().push(String::from_utf8_lossy(&buffer[..n]).into_owned());
        match answer {
            Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
            None => held.push(stream),
        }
    }
}
