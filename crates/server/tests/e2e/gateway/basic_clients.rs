//! Login and password as real clients send them: curl, PHP, Python, a browser.

use super::{PASSWORD, basic::pair, config, to_upstream};
use crate::support::{Site, python::browse, upstream::Upstream};
use std::process::Command;

const FIREWALL: &str = "[[firewall]]\nname = \"api\"\nauthentication = \"basic\"\nrealm = \"Partner \\\"API\\\"\"\n";
const ROUTES: &str = "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/*rest\"\nrequire = [\"self\"]\n";

/// Letters beyond ASCII, a colon, and what shells and URLs care about.
const LOGIN: &str = "j\u{fc}rgen@example.com";
const SECRET: &str = "P\u{e4}ss: w\u{f6}rd \u{20ac} %40&'\"";

fn site(upstream: &Upstream) -> Site {
    let site = Site::new(&config("", &format!("{FIREWALL}{}", to_upstream(upstream.address))));
    site.write("routes.toml", ROUTES);
    site.user("customers/jane", PASSWORD, &[]);
    site.user(&format!("customers/{LOGIN}"), SECRET, &[]);
    site
}

#[test]
fn curl_signs_in_by_user() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    let server = site.serve();
    let url = format!("http://{}/x", server.public);
    let curl = |arguments: &[&str]| {
        let output = Command::new("curl")
            .args(["--silent", "--noproxy", "*", "--output", "/dev/null", "--write-out", "%{http_code}"])
            .args(arguments)
            .arg(&url)
            .output()
            .expect("these tests need curl");
        String::from_utf8(output.stdout).unwrap()
    };
    let (jane, jurgen) = (format!("jane:{PASSWORD}"), format!("{LOGIN}:{SECRET}"));
    assert_eq!(curl(&["--user", &jane]), "200");
    assert_eq!(upstream.last().header("doorward-identity"), Some("customer/1"));
    assert_eq!(curl(&["--user", &jurgen]), "200");
    assert_eq!(upstream.last().header("doorward-identity"), Some("customer/2"));
    // It asks first, and follows the challenge.
    assert_eq!(curl(&["--anyauth", "--user", &jane]), "200");
    assert_eq!(curl(&["--user", "jane:wrong"]), "401");
    assert_eq!(curl(&[]), "401");
}

#[test]
fn phps_client_signs_in() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    let server = site.serve();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/basic_client.php");
    let output = Command::new("php").args([script, &format!("http://{}", server.public), LOGIN, SECRET]).output();
    let output = output.expect("these tests need php-cli and php-curl");
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), server.log());
    assert_eq!(upstream.last().header("doorward-identity"), Some("customer/2"));
}

#[test]
fn pythons_own_client_signs_in() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    let server = site.serve();
    browse("basic_client.py", &server, &[LOGIN, SECRET], 4);
    assert_eq!(upstream.last().header("doorward-identity"), Some("customer/2"));
}

#[test]
fn a_browsers_dialog_signs_in_and_other_sites_cannot_use_it() {
    let page = "<!doctype html><title>Page</title><h1>Page</h1>";
    let upstream = Upstream::answering(move |_| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len())
    });
    let site = site(&upstream);
    let server = site.serve();
    browse("browser_basic.py", &server, &["jane", PASSWORD, &upstream.url()], 6);
    let received = upstream.received();
    let through = |method: &str| {
        let by = received.iter().filter(|request| request.header("doorward-method") == Some("basic"));
        by.filter(|request| request.line().starts_with(&format!("{method} /"))).collect::<Vec<_>>()
    };
    assert!(through("GET").len() >= 2, "{received:?}");
    let posts = through("POST");
    assert!(posts.len() == 1 && posts[0].line().starts_with("POST /ours "), "{posts:?}");
    assert_eq!(server.get("/x", &pair("jane", PASSWORD)).status, 200);
}
