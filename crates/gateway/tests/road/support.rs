//! A gateway with the shortest pipeline, an upstream that notes every byte, and a client that sends raw bytes.

use doorward_core::{
    Account, Evidence, Identity, Kind, Offer, Policy, Source,
    acl::{RoleBook, Tree},
    decide,
    firewall::{Authentication, Entry, Firewall, Guards, Invalid},
    policy::{CookieSpec, Directory, SameSite, Serve, Unmatched, Upstream},
    route::{Parameter, Requirement, RouteRule, RouteTable, template},
};
use doorward_gateway::{
    Body,
    admit::{Network, admit},
    listen::{Connection, Handler, Limits, Listener},
    proxy::{Outgoing, Proxy, Settings},
    record::{AuditEvent, Recorder, RequestEvent, UpstreamOutcome},
};
use http::{HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicIsize, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(10);

/// An upstream that notes what it received and answers what it is told to.
#[derive(Clone)]
pub(crate) struct Upside {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    pub(crate) connections: Arc<AtomicUsize>,
}

impl Upside {
    /// Answers every complete request with `answer`; an answer that is empty closes the connection.
    pub(crate) async fn start(answer: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let upside = Self { address: listener.local_addr().unwrap(), requests: Arc::default(), connections: Arc::default() };
        let (answer, this) = (answer.as_bytes().to_vec(), upside.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                this.connections.fetch_add(1, SeqCst);
                tokio::spawn(converse(stream, answer.clone(), Arc::clone(&this.requests)));
            }
        });
        upside
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The only request that came.
    pub(crate) fn only(&self) -> String {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }
}

async fn converse(mut stream: TcpStream, answer: Vec<u8>, requests: Arc<Mutex<Vec<String>>>) {
    let mut held = Vec::new();
    loop {
        while let Some(length) = complete(&held) {
            let request: Vec<u8> = held.drain(..length).collect();
            requests.lock().unwrap().push(String::from_utf8_lossy(&request).into_owned());
            if answer.is_empty() || stream.write_all(&answer).await.is_err() {
                return;
            }
            // Without a length the answer ends with the connection.
            let text = String::from_utf8_lossy(&answer).to_lowercase();
            if text.contains("connection: close") {
                return;
            }
        }
        match stream.read_buf(&mut held).await {
            Ok(0) | Err(_) => {
                if !held.is_empty() {
                    requests.lock().unwrap().push(format!("INCOMPLETE {}", String::from_utf8_lossy(&held)));
                }
                return;
            }
            Ok(_) => {}
        }
    }
}

/// The length of the first request in there, when it is whole.
fn complete(held: &[u8]) -> Option<usize> {
    let text = String::from_utf8_lossy(held);
    let head = text.find("\r\n\r\n")? + 4;
    let lower = text[..head].to_lowercase();
    if lower.contains("transfer-encoding: chunked") {
        // The last chunk, then trailers, then an empty line.
        let last = if text[head..].starts_with("0\r\n") { head } else { head + text[head..].find("\r\n0\r\n")? + 2 };
        return Some(last + text[last..].find("\r\n\r\n")? + 4);
    }
    let length = lower.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next()?.parse::<usize>().ok());
    let whole = head + length.unwrap_or(0);
    (held.len() >= whole).then_some(whole)
}

/// What was recorded.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) refusals: Mutex<Vec<String>>,
    pub(crate) panics: AtomicUsize,
    pub(crate) open: AtomicIsize,
}

impl Recorder for Notes {
    fn request(&self, _: &RequestEvent<'_>) {}
    fn audit(&self, _: &AuditEvent<'_>) {}
    fn parser_refusal(&self, _: IpAddr, detail: &str) {
        self.refusals.lock().unwrap().push(detail.to_owned());
    }
    fn panicked(&self, _: IpAddr) {
        self.panics.fetch_add(1, SeqCst);
    }
    fn connection(&self, opened: bool) {
        self.open.fetch_add(if opened { 1 } else { -1 }, SeqCst);
    }
    fn upstream(&self, _: &str, _: UpstreamOutcome, _: Duration) {}
}

/// How a gateway is to be.
pub(crate) struct Plan {
    pub(crate) limits: Limits,
    pub(crate) network: Network,
    pub(crate) settings: Settings,
    pub(crate) known: bool,
    /// The account is a customer's, and `/me` sets `customerId`.
    pub(crate) customer: bool,
    pub(crate) pass: bool,
    pub(crate) idle: Duration,
    pub(crate) response: Duration,
    pub(crate) connections: usize,
    pub(crate) announcers: Option<Vec<ipnet::IpNet>>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            network: Network::default(),
            settings: Settings::default(),
            known: false,
            customer: false,
            pass: false,
            idle: PATIENCE,
            response: PATIENCE,
            connections: 64,
            announcers: None,
        }
    }
}

/// A running gateway.
pub(crate) struct Gateway {
    pub(crate) address: SocketAddr,
    pub(crate) notes: Arc<Notes>,
    pub(crate) stop: CancellationToken,
    pub(crate) session: CancellationToken,
    pub(crate) proxy: Arc<Proxy>,
    pub(crate) served: tokio::task::JoinHandle<()>,
}

impl Gateway {
    pub(crate) async fn before(upside: &Upside) -> Self {
        Self::with(upside.address, Plan::default()).await
    }

    pub(crate) async fn with(upstream: SocketAddr, plan: Plan) -> Self {
        let mut listener = Listener::bind("127.0.0.1:0".parse().unwrap(), plan.limits.clone()).await.unwrap();
        if let Some(trusted) = plan.announcers.clone() {
            listener = listener.with_proxy_protocol(trusted);
        }
        let address = listener.local_addr().unwrap();
        let (notes, stop, session) = (Arc::new(Notes::default()), CancellationToken::new(), CancellationToken::new());
        let proxy = Arc::new(Proxy::new(plan.settings.clone()));
        let road = Road { policy: policy(upstream, &plan), plan, proxy: Arc::clone(&proxy), session: session.clone() };
        let served = tokio::spawn(listener.serve(Arc::new(road), Arc::clone(&notes) as Arc<dyn Recorder>, stop.clone()));
        Self { address, notes, stop, session, proxy, served }
    }

    /// Sends bytes and reads until the connection ends.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // The gateway may hang up before it has read everything.
        let _ = stream.write_all(bytes.as_ref()).await;
        read_all(&mut stream).await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }
}

/// Reads to the end of the connection.
pub(crate) async fn read_all(stream: &mut TcpStream) -> String {
    let mut all = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = stream.read(&mut buffer).await {
            all.extend_from_slice(&buffer[..n]);
        }
    };
    let ended = timeout(PATIENCE, read).await;
    let text = String::from_utf8_lossy(&all).into_owned();
    assert!(ended.is_ok(), "the connection stays open after {text:?}");
    text
}

/// Reads until `mark` has come.
pub(crate) async fn read_until(stream: &mut TcpStream, mark: &str) -> String {
    let mut all = Vec::new();
    let read = async {
        while !String::from_utf8_lossy(&all).contains(mark) {
            assert_ne!(stream.read_buf(&mut all).await.unwrap(), 0, "ended before {mark:?}: {:?}", String::from_utf8_lossy(&all));
        }
    };
    assert!(timeout(PATIENCE, read).await.is_ok(), "never came: {mark:?}");
    String::from_utf8_lossy(&all).into_owned()
}

/// The status of an answer.
pub(crate) fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

struct Road {
    policy: Policy,
    plan: Plan,
    proxy: Arc<Proxy>,
    session: CancellationToken,
}

impl Handler for Road {
    async fn handle(&self, request: Request<Incoming>, connection: Connection) -> Response<Body> {
        if request.uri().path() == "/panic" {
            panic!("as asked");
        }
        let admitted = match admit(request, &connection, &self.policy, &self.plan.network, "0".repeat(32)) {
            Ok(admitted) => admitted,
            Err(rejected) => return plain(rejected.status.as_u16(), rejected.code),
        };
        if admitted.path == "/refused" {
            return plain(403, "refused");
        }
        let offer = if self.plan.known { Offer::Verified(evidence(self.plan.customer)) } else { Offer::Absent };
        let permit = {
            let facts = admitted.facts();
            let found = self.policy.find(&facts, None);
            decide(&self.policy, &RoleBook::default(), &facts, &found, &offer).unwrap()
        };
        assert_eq!(matches!(permit.identity(), Identity::Known(_)), self.plan.known);
        let upstream = Arc::clone(self.policy.upstream(&admitted.path).unwrap());
        let outgoing = Outgoing { assertion: HeaderValue::from_static("a.b.c"), token: None };
        let session = self.plan.known.then_some(&self.session);
        match self.proxy.forward(&permit, Box::new(admitted), &self.policy, &upstream, outgoing, session).await {
            Ok(response) => response,
            Err(error) => plain(error.status().as_u16(), error.code()),
        }
    }
}

fn plain(status: u16, text: &str) -> Response<Body> {
    Response::builder().status(status).body(Body::from(text.to_owned())).unwrap()
}

fn evidence(customer: bool) -> Evidence {
    let account = Account {
        directory: "admins".into(),
        kind: if customer { Kind::Customer } else { Kind::Admin },
        id: 14,
        login: "jo, é".into(),
        roles: vec!["Sales".into()],
        membership: None,
    };
    Evidence { account: Arc::new(account), ambient: false, csrf_valid: true, scopes: None }
}

fn policy(upstream: SocketAddr, plan: &Plan) -> Policy {
    let directory = |name: &str, cookie: &str| {
        Arc::new(Directory {
            website: None,
            site: None,
            name: name.into(),
            kind: Kind::Admin,
            cookie: CookieSpec {
                name: cookie.into(),
                domain: None,
                path: "/".into(),
                lifetime: None,
                same_site: SameSite::Lax,
                secure: false,
            },
            idle_timeout: PATIENCE,
            lifetime: PATIENCE,
            max_failures: 6,
            lock: PATIENCE,
            passwords: doorward_core::PasswordRules::of(Kind::Admin),
        })
    };
    let source = Source::new("test.toml", 1);
    let upstream = Upstream {
        name: "up".into(),
        base: format!("http://{upstream}").into(),
        path: "/".into(),
        pass_credentials: plan.pass,
        identity: doorward_core::UpstreamIdentity::Doorward,
        cookies: Vec::new(),
        cart: None,
        exchange: None,
        keep_encoded_slash: false,
        connect_timeout: Duration::from_secs(2),
        response_timeout: plan.response,
        idle_timeout: plan.idle,
        max_connections: plan.connections,
        source: source.clone(),
    };
    let parameter = Parameter { name: "customerId".into(), value: Some("%customer_id%".into()), force: true };
    let me = RouteRule {
        methods: vec![Method::GET, Method::PUT],
        template: "/me".into(),
        require: vec![Requirement::Anonymous],
        scopes: Vec::new(),
        parameters: if plan.customer { vec![parameter] } else { Vec::new() },
        secure: false,
        own: None,
        source: source.clone(),
    };
    let firewall = Firewall {
        name: "main".into(),
        host: None,
        path: None,
        methods: Vec::new(),
        when: None,
        authentication: Authentication::Session,
        realm: "".into(),
        access: Default::default(),
        directories: vec!["admins".into()],
        guards: Guards { csrf: false, ajax: false },
        invalid: Invalid::Refuse,
        entry: Entry::Status,
        source,
    };
    Policy {
        hash: "0".into(),
        hosts: Some(vec!["shop.test".into()]),
        origins: vec!["http://shop.test".into()],
        cors: doorward_core::Cors::default(),
        sites: doorward_core::Sites::default(),
        ibexa_prefixes: vec!["/api/ibexa/v2".into()],
        serve: Serve { sessions: true, tokens: false, accounts: false, root: true, users: true, pages: true, jwt: true },
        directories: vec![directory("admins", "SESS"), directory("customers", "CUST")],
        firewalls: vec![Arc::new(firewall)],
        access: Vec::new(),
        routes: RouteTable { native: template::Table::build(vec![me]).unwrap(), ..RouteTable::default() },
        resources: Tree::default(),
        unmatched: Unmatched::Allow,
        upstreams: vec![Arc::new(upstream)],
        oauth: None,
        issuers: Vec::new(),
        providers: Vec::new(),
    }
}
