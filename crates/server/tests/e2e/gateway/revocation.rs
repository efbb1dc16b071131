//! What ends a session ends its requests, streams and WebSockets too, within a second (guarantee 3).

use super::{
    PASSWORD, SignedIn,
    raw::{read_head, read_until, serve_raw},
    site, to_upstream,
};
use crate::support::{PATIENCE, Server, Site, client::Connection, eventually};
use std::{
    io::{BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const ROUTES: &str = "[[route]]\nmethods = [\"GET\"]\npath = \"/*rest\"\nrequire = [\"self\"]\n";

/// The product's promise.
const BOUND: Duration = Duration::from_secs(1);

/// A service with `/events`, which tells something every now and then, `/socket`, which echoes, and `/slow`, which
/// takes its time. The count is of events and sockets that it still serves.
pub(crate) fn service() -> (SocketAddr, Arc<AtomicUsize>) {
    let open = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&open);
    let address = serve_raw(move |mut stream: BufReader<TcpStream>| {
        while let Some(head) = read_head(&mut stream) {
            count.fetch_add(1, SeqCst);
            if head.starts_with("GET /events ") {
                let begin = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
                let _ = stream.get_mut().write_all(begin.as_bytes());
                while stream.get_mut().write_all(b"9\r\ndata: 1\n\n\r\n").is_ok() {
                    thread::sleep(Duration::from_millis(20));
                }
            } else if head.starts_with("GET /socket ") {
                let begin = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
                let _ = stream.get_mut().write_all(begin.as_bytes());
                let mut bytes = [0; 64];
                while let Ok(length @ 1..) = stream.read(&mut bytes) {
                    let _ = stream.get_mut().write_all(&bytes[..length]);
                }
            } else if head.starts_with("GET /slow ") {
                thread::sleep(Duration::from_secs(5));
                let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            } else {
                let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            }
            count.fetch_sub(1, SeqCst);
        }
    });
    (address, open)
}

/// Connections of one session that stay open, each watched by a thread that says when it ended.
struct Open {
    session: SignedIn,
    ends: Vec<JoinHandle<Instant>>,
}

impl Open {
    fn new(server: &Server, login: &str) -> Self {
        let session = SignedIn::new(server, login);
        let connect = |path: &str, more: &str| {
            let mut stream = TcpStream::connect(server.public).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            let cookie = &session.cookie;
            write!(stream, "GET {path} HTTP/1.1\r\nHost: shop.test\r\n{cookie}{more}\r\n").unwrap();
            stream
        };
        let mut events = connect("/events", "");
        read_until(&mut events, "data: 1\n\n");
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AA==\r\n";
        let mut socket = connect("/socket", upgrade);
        assert!(read_until(&mut socket, "\r\n\r\n").starts_with("HTTP/1.1 101"));
        socket.write_all(b"ping").unwrap();
        read_until(&mut socket, "ping");
        Self { session, ends: [events, socket].map(watch).into() }
    }
}

/// When the other side ended it.
pub(super) fn watch(mut stream: TcpStream) -> JoinHandle<Instant> {
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        while let Ok(1..) = stream.read(&mut bytes) {}
        Instant::now()
    })
}

fn serve(address: SocketAddr, logins: &[&str]) -> (Server, Site) {
    let site = site("", &to_upstream(address), ROUTES);
    logins.iter().for_each(|login| site.user(&format!("customers/{login}"), PASSWORD, &[]));
    (site.serve(), site)
}

#[test]
fn streams_and_sockets_end_with_their_session() {
    let (address, open) = service();
    let (server, site) = serve(address, &["one", "all", "disabled", "changed", "deleted", "left", "stays"]);
    let stays = Open::new(&server, "stays");
    let session_name = |login: &str| {
        let sessions = site.ok(&["session", "list", "--account", &format!("customers/{login}"), "--json"], "").json();
        sessions[0]["session"].as_str().unwrap().to_owned()
    };
    type Way<'w> = (&'w str, Box<dyn Fn(&SignedIn) + 'w>);
    let command = |arguments: &'static [&'static str]| -> Box<dyn Fn(&SignedIn) + '_> {
        Box::new(|_| drop(site.ok(arguments, "another fine password")))
    };
    let ways: [Way<'_>; 6] = [
        ("one", Box::new(|_| drop(site.ok(&["session", "end", &session_name("one")], "")))),
        ("all", command(&["session", "end", "--account", "customers/all"])),
        ("disabled", command(&["user", "disable", "customers/disabled"])),
        ("changed", command(&["user", "password", "customers/changed", "--password-stdin"])),
        ("deleted", command(&["user", "delete", "customers/deleted"])),
        (
            "left",
            Box::new(|session| {
                let path = format!("/api/ibexa/v2/user/sessions/{}", session.id);
                let reply = server.send("DELETE", &path, &format!("{}{}", session.cookie, session.token), "");
                assert_eq!(reply.status, 204, "{reply:?}");
            }),
        ),
    ];
    for (login, end) in ways {
        let Open { session, ends } = Open::new(&server, login);
        end(&session);
        let done = Instant::now();
        // At once for what comes next ...
        assert_eq!(server.get("/x", &session.cookie).status, 401, "{login}");
        // ... and soon for what is open.
        for (ended, what) in ends.into_iter().zip(["stream", "socket"]) {
            let late = ended.join().unwrap().saturating_duration_since(done);
            assert!(late <= BOUND, "{login}: the {what} ended {late:?} after the change was acknowledged");
        }
        eventually("the service's end of it", || (open.load(SeqCst) == 2).then_some(()));
    }
    assert!(stays.ends.iter().all(|end| !end.is_finished()), "somebody else's connections ended too");
    assert_eq!(server.get("/x", &stays.session.cookie).status, 200);
}

#[test]
fn an_answer_that_the_session_did_not_live_to_see_is_401() {
    let (address, open) = service();
    let (server, site) = serve(address, &["jane"]);
    let jane = SignedIn::new(&server, "jane");
    let mut waiting = Connection::open(server.public);
    waiting.send(&format!("GET /slow HTTP/1.1\r\nHost: shop.test\r\nAccept: application/json\r\n{}\r\n", jane.cookie));
    eventually("the request upstream", || (open.load(SeqCst) == 1).then_some(()));
    site.ok(&["session", "end", "--account", "customers/jane"], "");
    let done = Instant::now();
    let reply = waiting.reply();
    assert!(done.elapsed() <= BOUND, "it took {:?}", done.elapsed());
    assert_eq!(reply.status, 401, "{reply:?}");
    let event = super::event_of(&server, reply.json()["request_id"].as_str().unwrap());
    assert_eq!(event["reason"], "session_ended", "{event}");
}
