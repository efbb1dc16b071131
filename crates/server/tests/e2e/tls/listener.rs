//! The listener: versions, protocols, certificates by name, reload, limits.

use super::{
    TLS, site,
    tools::{Open, curl, s_client},
};
use crate::support::{Server, eventually, read_all, upstream::Upstream};
use std::{io::Write, net::TcpStream};

/// Arguments that make curl trust the root in this folder.
fn trusting(site: &crate::support::Site) -> String {
    site.path().join("root.pem").to_string_lossy().into_owned()
}

#[test]
fn curl_speaks_http2_and_http11_and_learns_of_hsts() {
    let upstream = Upstream::start();
    let (site, _root) = site(&upstream, TLS, "");
    let (server, root) = (site.serve(), trusting(&site));
    assert!(server.ready.starts_with("ready https://127.0.0.1:"), "{}", server.ready);
    for (flag, version) in [("--http2", "HTTP/2"), ("--http1.1", "HTTP/1.1")] {
        let got = curl(&server, "shop.test", "/x", &["--cacert", &root, flag]);
        assert_eq!((got.status(), got.version()), (200, version), "{got:?}");
        assert_eq!(got.header("strict-transport-security"), Some("max-age=31536000"), "{got:?}");
        let received = upstream.last();
        let host = format!("shop.test:{}", server.public.port());
        assert_eq!([received.header("x-forwarded-proto"), received.header("host")], [Some("https"), Some(&*host)]);
    }
    let page = curl(&server, "shop.test", "/login/admins", &["--cacert", &root]);
    let cookie = page.header("set-cookie").unwrap_or_default();
    assert!(cookie.starts_with("__Secure-") && cookie.contains("; Secure"), "{page:?}");
    let untrusting = curl(&server, "shop.test", "/x", &[]);
    assert_eq!(untrusting.code, 60, "it does not know our authority: {untrusting:?}");
}

#[test]
fn hsts_is_configured_and_off_on_loopback() {
    let upstream = Upstream::start();
    let (site, _root) = site(&upstream, &format!("{TLS}hsts = \"30d\"\nhsts_subdomains = true\n"), "");
    let (server, root) = (site.serve(), trusting(&site));
    let asked = |server: &Server| {
        let got = curl(server, "shop.test", "/x", &["--cacert", &root]);
        got.header("strict-transport-security").map(str::to_owned)
    };
    assert_eq!(asked(&server).as_deref(), Some("max-age=2592000; includeSubDomains"));
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let quiet = config.replace("hsts = \"30d\"\nhsts_subdomains = true\n", "");
    let quiet = quiet.replace("public_url = \"https://shop.test\"", "public_url = \"https://localhost\"");
    site.write("doorward.toml", &quiet.replace("hosts = [", "hosts = [\"localhost\", "));
    server.signal("HUP");
    eventually("no more HSTS", || asked(&server).is_none().then_some(()));
}

#[test]
fn versions_before_1_2_are_refused() {
    let upstream = Upstream::start();
    let (site, _root) = site(&upstream, TLS, "");
    let server = site.serve();
    for (flag, name) in [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")] {
        let said = s_client(&server, &["-brief", flag]);
        assert!(said.contains(&format!("Protocol version: {name}")), "{said}");
    }
    for flag in ["-tls1", "-tls1_1"] {
        let said = s_client(&server, &["-brief", flag, "-cipher", "ALL:@SECLEVEL=0"]);
        assert!(!said.contains("CONNECTION ESTABLISHED") && said.contains("alert"), "{said}");
    }
    server.logged("handshake_failed");
    eventually("two failures", || (server.metric("doorward_handshake_failures_total") == Some(2.0)).then_some(()));
    // Plain HTTP on this door is no handshake, and gets no answer that a request could be smuggled into.
    let mut stream = TcpStream::connect(server.public).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n").unwrap();
    assert!(!read_all(stream).contains("HTTP/"));
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn the_certificate_is_chosen_by_the_name_that_is_asked_for() {
    let upstream = Upstream::start();
    let more = format!(
        "{TLS}[[server.tls.sni]]\ncertificate = \"api.pem\"\nprivate_key = \"api.key\"\n\
         [[server.tls.sni]]\nhosts = [\"*.wild.test\"]\ncertificate = \"wild.pem\"\nprivate_key = \"wild.key\"\n"
    );
    let (site, root) = site(&upstream, &more, "");
    root.server("api", &["api.test"]);
    root.server("wild", &["*.wild.test"]);
    let server = site.serve();
    for (arguments, subject) in [
        (&["-servername", "shop.test"][..], "shop.test"),
        (&["-servername", "api.test"], "api.test"),
        (&["-servername", "API.test"], "api.test"),
        (&["-servername", "a.wild.test"], "*.wild.test"),
        (&["-servername", "a.b.wild.test"], "shop.test"),
        (&["-servername", "unknown.test"], "shop.test"),
        (&["-noservername"], "shop.test"),
    ] {
        let said = s_client(&server, arguments);
        assert!(said.contains(&format!("subject=CN = {subject}\n")), "{arguments:?}: {said}");
    }
    for host in ["shop.test", "api.test", "a.wild.test"] {
        assert_eq!(curl(&server, host, "/x", &["--cacert", &trusting(&site)]).status(), 200, "{host}");
    }
}

#[test]
fn certificates_are_replaced_while_connections_stay_open() {
    let upstream = Upstream::start();
    let (site, root) = site(&upstream, TLS, "");
    let server = site.serve();
    let serial = |server: &Server| {
        let said = s_client(server, &["-servername", "shop.test"]);
        // The certificate itself, in PEM.
        let pem = said.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap_or_default();
        pem.split("-----END").next().unwrap_or_default().to_owned()
    };
    let before = serial(&server);
    assert!(!before.is_empty());
    let mut open = Open::new(&server, "shop.test", &root.file());
    assert_eq!(open.get("shop.test", "/before"), 200);
    root.server("server", &["shop.test"]);
    // Without a signal: the files changed and rest.
    eventually("the new certificate", || (serial(&server) != before).then_some(()));
    assert_eq!(open.get("shop.test", "/after"), 200, "the connection was dropped");
    let renewed = serial(&server);
    // A pair that does not match changes nothing.
    std::fs::write(site.path().join("server.key"), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    server.signal("HUP");
    let problem = server.logged("is not the key of the first certificate");
    assert!(problem.contains("server.key") && problem.contains("server.pem"), "{problem}");
    server.logged("reload outcome=failure");
    assert_eq!(serial(&server), renewed);
    assert_eq!(open.get("shop.test", "/still"), 200);
}

#[test]
fn whoever_says_nothing_is_cut_off() {
    let upstream = Upstream::start();
    let (site, _root) = site(&upstream, &format!("[server.limits]\nhandshake_timeout = \"1s\"\n{TLS}"), "");
    let server = site.serve();
    let silent = TcpStream::connect(server.public).unwrap();
    assert_eq!(read_all(silent), "");
    let line = server.logged("handshake_failed");
    assert!(line.contains("it took too long") && line.contains("127.0.0.1"), "{line}");
}

#[test]
fn the_proxy_protocol_comes_before_the_handshake() {
    let upstream = Upstream::start();
    let more = format!("trusted_proxies = [\"127.0.0.1\"]\nclient_address = \"proxy-protocol\"\n{TLS}");
    let (site, _root) = site(&upstream, &more, "");
    let (server, root) = (site.serve(), trusting(&site));
    for flag in ["--http2", "--http1.1"] {
        let got = curl(&server, "shop.test", "/x", &["--cacert", &root, "--haproxy-protocol", flag]);
        assert_eq!(got.status(), 200, "{got:?}");
    }
    let got = curl(&server, "shop.test", "/x", &["--cacert", &root]);
    assert_eq!(got.code, 35, "a handshake without it: {got:?}");
    server.logged("parser_refusal");
}

#[test]
fn a_drain_ends_idle_connections_and_finishes_requests() {
    let upstream = Upstream::start();
    let (site, root) = site(&upstream, TLS, "");
    let server = site.serve();
    let mut open = Open::new(&server, "shop.test", &root.file());
    assert_eq!(open.get("shop.test", "/x"), 200);
    let waiting = TcpStream::connect(server.public).unwrap();
    let (code, log) = server.stop();
    assert_eq!(code, 0, "{log}");
    assert_eq!(read_all(waiting), "");
}
