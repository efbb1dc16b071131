//! `doorward serve`: ready, honouring commands, and ending.

use crate::support::{Site, eventually, upstream::Upstream};

#[test]
fn the_ready_line_names_what_was_bound() {
    let upstream = Upstream::start();
    let server = Site::basic(&upstream).serve();
    let expected = format!("ready http://{} operations http://{}\n", server.public, server.operations.unwrap());
    assert_eq!(server.ready, expected);
    assert_ne!(server.public.port(), 0);
}

#[test]
fn an_unsound_configuration_is_refused_with_every_problem() {
    let site = Site::new("[server]\nlisen = \"127.0.0.1:0\"\n[log]\nformat = \"xml\"\n");
    let output = site.run(&["serve", "--config", "doorward.toml"], "");
    assert_eq!((output.code, &*output.out), (1, ""), "{output:?}");
    assert!(output.err.contains("doorward.toml:2:1") && output.err.contains("listen"), "{output:?}");
    assert!(output.err.contains("doorward.toml:4:10"), "{output:?}");
}

#[test]
fn a_change_is_honoured_before_the_command_returns() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    site.user("customers/admin", "correct horse", &[]);
    let (one, two) = (site.serve(), site.serve());
    for _ in 0..5 {
        let cookie = format!("Cookie: {}\r\n", one.sign_in("admin", "correct horse").cookie);
        for server in [&one, &two] {
            assert_eq!(server.get("/closed", &cookie).status, 200);
        }
        site.ok(&["user", "disable", "customers/admin"], "");
        for server in [&one, &two] {
            assert_eq!(server.get("/closed", &cookie).status, 401);
        }
        site.ok(&["user", "enable", "customers/admin"], "");
    }
    let sockets = || {
        std::fs::read_dir(site.path()).unwrap().flatten().filter(|e| e.path().extension().is_some_and(|x| x == "sock")).count()
    };
    assert_eq!(sockets(), 2);
    assert_eq!((one.stop().0, two.stop().0), (0, 0));
    assert_eq!(sockets(), 0, "a socket was left behind");
}

#[test]
fn sigterm_lets_a_request_in_flight_finish() {
    let upstream = Upstream::answering(|_| {
        std::thread::sleep(std::time::Duration::from_millis(400));
        "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow".to_owned()
    });
    let site = Site::basic(&upstream);
    let mut server = site.serve();
    let address = server.public;
    let request =
        std::thread::spawn(move || crate::support::exchange(address, &format!("GET /open HTTP/1.1\r\nHost: {address}\r\n\r\n")));
    eventually("the request upstream", || server.metric("doorward_connections").filter(|n| *n >= 1.0));
    server.signal("TERM");
    assert_eq!(server.wait(), 0);
    assert_eq!(request.join().unwrap().body, "slow");
}

#[test]
fn a_drain_closes_idle_connections_is_not_ready_and_gives_websockets_its_time() {
    use std::io::{Read, Write};
    let upstream = Upstream::answering(|request| {
        if request.head.to_ascii_lowercase().contains("upgrade: websocket") {
            return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello".to_owned();
        }
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()
    });
    let site = Site::basic(&upstream);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    site.write("doorward.toml", &config.replace("[operations]", "[server.limits]\ndrain_timeout = \"1s\"\n[operations]"));
    let mut server = site.serve();
    let connect = |head: &str| {
        let mut stream = std::net::TcpStream::connect(server.public).unwrap();
        stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
        stream.write_all(format!("GET /open HTTP/1.1\r\nHost: {}\r\n{head}\r\n", server.public).as_bytes()).unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).unwrap();
        (stream, String::from_utf8_lossy(&answer).into_owned())
    };
    let (mut idle, answer) = connect("");
    assert!(answer.ends_with("200"), "{answer}");
    let (mut socket, answer) = connect("Connection: Upgrade\r\nUpgrade: websocket\r\n");
    assert!(answer.ends_with("101"), "{answer}");
    let began = std::time::Instant::now();
    server.signal("TERM");
    let mut rest = String::new();
    let _ = idle.read_to_string(&mut rest);
    assert!(began.elapsed().as_millis() < 900, "an idle connection waited for the drain's end");
    assert_eq!(server.operate("/readyz").status, 503);
    let _ = socket.read_to_end(&mut Vec::new());
    assert!(began.elapsed().as_millis() >= 900, "a WebSocket had no time to end");
    assert_eq!(server.wait(), 0);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let upstream = Upstream::answering(|_| {
        std::thread::sleep(std::time::Duration::from_secs(20));
        String::new()
    });
    let mut server = Site::basic(&upstream).serve();
    let address = server.public;
    let _waits = std::thread::spawn(move || {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(format!("GET /open HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes()).unwrap();
        let _ = stream.read(&mut [0; 1]);
    });
    eventually("the request", || server.metric("doorward_connections").filter(|n| *n >= 1.0));
    let began = std::time::Instant::now();
    server.signal("TERM");
    server.logged("draining");
    server.signal("INT");
    assert_eq!(server.wait(), 1);
    assert!(began.elapsed().as_secs() < 10);
}
