//! What the caller gets when the service behind cannot answer: 502 or 504 in the caller's dialect, and nothing else.

use super::{
    config,
    raw::{read_head, serve_raw},
};
use crate::support::{Site, client::Connection, eventually, upstream::Upstream};
use std::{
    io::{BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

fn answering(text: &'static str) -> String {
    let address = serve_raw(move |mut stream| {
        if read_head(&mut stream).is_some() {
            let _ = stream.get_mut().write_all(text.as_bytes());
        }
    });
    format!("http://{address}")
}

#[test]
fn trouble_upstream_is_502_or_504_in_each_dialect() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = serve_raw(|mut stream| {
        read_head(&mut stream);
        thread::sleep(Duration::from_secs(8));
    });
    let unreachable = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let services = [
        ("closed", unreachable, 502, "upstream_unreachable", "unreachable"),
        ("garbage", answering("this is no HTTP\r\n\r\n"), 502, "upstream_broken", "broken"),
        ("hangup", answering(""), 502, "upstream_broken", "broken"),
        ("half", answering("HTTP/1.1 200 OK\r\nContent-Le"), 502, "upstream_broken", "broken"),
        (
            "lengths",
            answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            502,
            "upstream_broken",
            "broken",
        ),
        (
            "coding",
            answering("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
            502,
            "upstream_broken",
            "broken",
        ),
        (
            "switch",
            answering("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n"),
            502,
            "upstream_broken",
            "broken",
        ),
        ("silent", format!("http://{silent}"), 504, "upstream_timed_out", "timed_out"),
    ];
    let elsewhere = Upstream::start();
    let prefixes = [("ibexa", "/api/ibexa/v2"), ("magento", "/rest/V1"), ("problem", "")];
    let mut rest = format!(
        "[api]\nmagento_prefix = \"/rest\"\n[routes]\nunmatched = \"allow\"\n[[upstream]]\nname = \"rest\"\nurl = \"{}\"\n",
        elsewhere.url()
    );
    for (name, url, ..) in &services {
        for (dialect, prefix) in prefixes {
            rest += &format!("[[upstream]]\nname = \"{name}-{dialect}\"\nurl = \"{url}\"\npath = \"{prefix}/{name}\"\n");
            rest += "response_timeout = \"1s\"\n";
        }
    }
    let site = Site::new(&config("", &rest));
    let server = site.serve();
    thread::scope(|scope| {
        for (name, _, status, reason, outcome) in &services {
            for (dialect, prefix) in prefixes {
                let server = &server;
                scope.spawn(move || {
                    for format in ["json", "xml"] {
                        let reply = server.get(&format!("{prefix}/{name}/x"), &format!("Accept: application/{format}\r\n"));
                        assert_eq!(reply.status, *status, "{name} {dialect}: {reply:?}");
                        assert_eq!(reply.header("cache-control"), Some("no-store"), "{reply:?}");
                        let kind = reply.header("content-type").unwrap();
                        let expected = match dialect {
                            "ibexa" => "application/vnd.ibexa.api.ErrorMessage+",
                            "magento" => "application/",
                            _ => "application/problem+",
                        };
                        assert!(kind.starts_with(&format!("{expected}{format}")), "{dialect} {format}: {kind}");
                        // Nothing of where the service is, or what it said.
                        assert!(!reply.body.contains("127.0.0.1") && !reply.body.contains("this is no"), "{reply:?}");
                    }
                    let upstream = format!("{name}-{dialect}");
                    let event = super::event(server, &[("upstream", &upstream)]);
                    assert_eq!((&event["reason"], &event["outcome"]), (&(*reason).into(), &"permit".into()), "{event}");
                    let series = format!("doorward_upstream_exchanges_total{{upstream=\"{upstream}\",outcome=\"{outcome}\"}}");
                    assert_eq!(server.metric(&series), Some(2.0), "{series}");
                });
            }
        }
    });
    assert!(elsewhere.received().is_empty(), "a failure became another service's request");
    assert_eq!(server.get("/fine", "").status, 200);
}

#[test]
fn more_than_an_upstream_may_have_at_once_is_503_until_there_is_room_again() {
    let (arrived, arrivals) = std::sync::mpsc::channel();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    let gate = std::sync::Mutex::new(gate);
    let address = serve_raw(move |mut stream| {
        while read_head(&mut stream).is_some() {
            arrived.send(()).unwrap();
            gate.lock().unwrap().recv().unwrap();
            let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        }
    });
    let elsewhere = Upstream::start();
    let rest = format!(
        "[api]\nmagento_prefix = \"/rest\"\n[routes]\nunmatched = \"allow\"\n\
         [[upstream]]\nname = \"narrow\"\nurl = \"http://{address}\"\nmax_connections = 1\n\
         [[upstream]]\nname = \"wide\"\nurl = \"{}\"\npath = \"/wide\"\n",
        elsewhere.url()
    );
    let site = Site::new(&config("", &rest));
    let server = site.serve();
    thread::scope(|scope| {
        let first = scope.spawn(|| server.get("/first", ""));
        arrivals.recv().unwrap();
        for (path, kind) in [
            ("/api/ibexa/v2/x", "application/vnd.ibexa.api.ErrorMessage+json"),
            ("/rest/V1/x", "application/json"),
            ("/x", "application/problem+json"),
        ] {
            let reply = server.get(path, "Accept: application/json\r\n");
            assert_eq!((reply.status, reply.header("retry-after").is_some()), (503, true), "{path}: {reply:?}");
            assert!(reply.header("content-type").unwrap().starts_with(kind), "{path}: {reply:?}");
            assert_eq!(reply.header("cache-control"), Some("no-store"), "{path}: {reply:?}");
        }
        let event = super::event(&server, &[("upstream", "narrow"), ("reason", "upstream_overloaded")]);
        assert_eq!((&event["status"], &event["outcome"]), (&503.into(), &"permit".into()), "{event}");
        assert_eq!(server.get("/wide/x", "").status, 200, "another upstream has room of its own");
        release.send(()).unwrap();
        assert_eq!(first.join().unwrap().status, 200);
    });
    release.send(()).unwrap();
    eventually("room again", || (server.get("/again", "").status == 200).then_some(()));
}

#[test]
fn an_answer_that_breaks_off_is_not_made_whole() {
    let half = serve_raw(|mut stream| {
        read_head(&mut stream);
        let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    });
    let chunks = serve_raw(|mut stream| {
        read_head(&mut stream);
        let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nonly\r\n");
    });
    let mut rest = "[routes]\nunmatched = \"allow\"\n".to_owned();
    for (name, address) in [("half", half), ("chunks", chunks)] {
        rest += &format!("[[upstream]]\nname = \"{name}\"\nurl = \"http://{address}\"\npath = \"/{name}\"\n");
    }
    let site = Site::new(&config("", &rest));
    let server = site.serve();
    for (path, end) in [("/half", "only this"), ("/chunks", "\r\nonly\r\n")] {
        let mut stream = TcpStream::connect(server.public).unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: shop.test\r\n\r\n").as_bytes()).unwrap();
        let text = crate::support::read_all(stream);
        assert!(text.starts_with("HTTP/1.1 200") && text.ends_with(end), "{text:?}");
    }
}

/// Services close connections that rest, whenever they like. What never left is sent on another one.
#[test]
fn a_resting_connection_that_ended_costs_no_request() {
    for delay in [Duration::ZERO, Duration::from_micros(200), Duration::from_millis(2)] {
        let (requests, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let counts = (Arc::clone(&requests), Arc::clone(&connections));
        let address = serve_raw(move |mut stream: BufReader<TcpStream>| {
            counts.1.fetch_add(1, SeqCst);
            if read_head(&mut stream).is_some() {
                counts.0.fetch_add(1, SeqCst);
                // It promises to stay, and goes.
                let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok");
                thread::sleep(delay);
            }
        });
        let rest = format!("[routes]\nunmatched = \"allow\"\n[[upstream]]\nname = \"shop\"\nurl = \"http://{address}\"\n");
        let site = Site::new(&config("", &rest));
        let server = site.serve();
        let mut client = Connection::open(server.public);
        for round in 1..=300 {
            let reply = super::ask(&mut client, "GET", "/x", "");
            assert_eq!((reply.status, reply.body.as_str()), (200, "ok"), "{delay:?}, request {round}: {reply:?}");
        }
        eventually("all requests, each once", || (requests.load(SeqCst) == 300).then_some(()));
        assert!(connections.load(SeqCst) >= 300);
    }
}
