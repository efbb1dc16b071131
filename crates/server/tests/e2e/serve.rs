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
