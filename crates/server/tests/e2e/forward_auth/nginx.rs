//! nginx, `auth_request`.

use super::{Place, ask, how_to};

const HEAD: &str = "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n\
    client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;\n";

/// The how-to's configuration with `original` in place of what says there which request is asked about.
fn config(place: &Place, original: &str) -> String {
    place.site.write("doorward-clear.conf", &how_to("nginx", "proxy_set_header X-Forwarded-For $remote_addr;", &[]));
    let server = how_to(
        "nginx",
        "auth_request /_doorward;",
        &[
            ("server 127.0.0.1:8080;", "server {doorward};"),
            ("listen 443 ssl;", "listen 127.0.0.1:{port};\n    proxy_bind 127.0.0.2;"),
            ("server_name shop.example.com;", "server_name shop.test;"),
            ("http://127.0.0.1:9000", "http://{upstream}"),
            ("/etc/nginx/", "{folder}/"),
            (URL, original),
        ],
    );
    format!("{HEAD}{server}}}\n")
}

const COMMAND: [&str; 7] = ["nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf", "-e", "stderr"];

const URL: &str = "proxy_set_header X-Original-URL $scheme://$host$request_uri;";
const PARTS: &str = "proxy_set_header X-Original-URI $request_uri; proxy_set_header X-Original-URL \"\";";

#[test]
fn nginx_asks_and_is_not_fooled() {
    let place = Place::new("nginx");
    place.takes_claims_away("nginx.conf", &config(&place, URL), &COMMAND);
    for original in [URL, PARTS] {
        place.behind("nginx.conf", &config(&place, original), &COMMAND).stands();
    }
}

/// It would drop the connection after a refusal with a body, and halve what it can do.
#[test]
fn performance_trap_3_nginx_keeps_its_connection_after_refusals() {
    let place = Place::new("nginx");
    let front = place.behind("nginx.conf", &config(&place, URL), &COMMAND);
    let opened = || place.server.metric("doorward_connections_opened_total").unwrap();
    let before = opened();
    for _ in 0..20 {
        assert_eq!(ask(front.address(), "GET /closed/a", "Host: shop.test\r\n", "").status, 401);
        assert_eq!(ask(front.address(), "GET /nowhere", "Host: shop.test\r\n", "").status, 403);
    }
    assert!(opened() - before < 5.0, "{} connections", opened() - before);
}

/// A configuration that forgets to clear `Content-Length` neither hangs nor lets the body in.
#[test]
fn a_length_without_a_body_does_not_hang() {
    let place = Place::new("nginx");
    let length = "        proxy_set_header Content-Length \"\";\n";
    let config = config(&place, URL);
    assert!(config.contains(length));
    let front = place.behind("nginx.conf", &config.replace(length, ""), &COMMAND);
    let token = format!("X-CSRF-Token: {}\r\n", place.session.token);
    for _ in 0..3 {
        let (reply, received) = front.signed_in("POST /closed/a", &token, "a body");
        assert_eq!(reply.status, 200, "{reply:?}\n{}", place.server.log());
        assert_eq!(received.unwrap().body, "a body");
    }
}

/// Without what says which request it is about, a question is none.
#[test]
fn a_configuration_that_says_too_little_lets_nobody_in() {
    for original in ["", "proxy_set_header X-Original-URL $request_uri;"] {
        let place = Place::new("nginx");
        let front = place.behind("nginx.conf", &config(&place, original), &COMMAND);
        for headers in ["", "X-Original-URL: http://shop.test/open\r\nX-Original-URI: /open\r\n"] {
            let (reply, received) = front.signed_in("GET /closed/a", headers, "");
            assert_eq!((reply.status, received.is_none()), (403, true), "{reply:?}");
        }
    }
}
