//! Clients' certificates as a browser and Python present them. curl and OpenSSL are in `clients`.

use super::{
    authority::{Authority, params},
    site,
};
use crate::support::{Site, python::browse_at, upstream::Upstream};
use std::process::Command;

/// A shop at `shop.test` that is open, partners at `api.test` and `localhost` who are known by certificates.
fn partners(upstream: &Upstream) -> Site {
    let tls = format!("{}client_ca = \"clients.pem\"\n", super::TLS);
    let firewalls = "[certificate]\nmap = \"cn\"\n[[firewall]]\nname = \"partners\"\nhost = '^(api\\.test|localhost)$'\n\
                     authentication = \"certificate\"\n[[firewall]]\nname = \"shop\"\n";
    let (site, root) = site(upstream, &tls, firewalls);
    root.server("server", &["shop.test", "api.test", "localhost"]);
    Authority::root(site.path(), "clients").issue("jane", &params(&["jane"]), "");
    Authority::root(site.path(), "strangers").issue("stranger", &params(&["jane"]), "");
    site
}

/// A tool that must succeed, in the folder.
fn run(site: &Site, program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).current_dir(site.path()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is needed, which scripts/test installs: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {output:?}");
}

#[test]
fn a_browser_presents_a_certificate_and_other_sites_cannot_use_it() {
    let page = "<!doctype html><title>Page</title><h1>Page</h1>";
    let upstream = Upstream::answering(move |_| {
        format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len())
    });
    let site = partners(&upstream);
    site.user("admins/jane", "a quiet brown fox", &[]);
    // A home of its own, so that nobody's certificates are touched.
    let home = site.path().join("home");
    std::fs::create_dir_all(home.join(".pki/nssdb")).unwrap();
    let database = "sql:home/.pki/nssdb";
    run(&site, "certutil", &["-d", database, "-N", "--empty-password"]);
    run(&site, "certutil", &["-d", database, "-A", "-n", "root", "-t", "C,,", "-i", "root.pem"]);
    let export = ["pkcs12", "-export", "-in", "jane.pem", "-inkey", "jane.key", "-out", "jane.p12", "-passout", "pass:"];
    run(&site, "openssl", &export);
    run(&site, "pk12util", &["-d", database, "-i", "jane.p12", "-W", ""]);

    let server = site.serve();
    let port = server.public.port();
    let shop = format!("https://shop.test:{port}");
    let arguments = [&*home.to_string_lossy(), &shop, &upstream.url()];
    browse_at("browser_certificate.py", &format!("https://api.test:{port}"), &server, &arguments, 5);
    let received = upstream.received();
    let by = |method: &str| {
        let by = received.iter().filter(|request| request.header("doorward-method") == Some("certificate"));
        by.filter(|request| request.line().starts_with(&format!("{method} /"))).collect::<Vec<_>>()
    };
    assert!(by("GET").iter().any(|request| request.line().starts_with("GET /page ")), "{received:?}");
    assert!(by("GET").iter().all(|request| request.header("doorward-identity") == Some("admin/1")), "{received:?}");
    let posts = by("POST");
    assert!(posts.len() == 1 && posts[0].line().starts_with("POST /ours "), "{posts:?}");
    let shop = received.iter().find(|request| request.line().starts_with("GET /shop ")).unwrap();
    assert_eq!(shop.header("doorward-identity"), Some("guest"));
}

#[test]
fn pythons_own_client_presents_a_certificate() {
    let upstream = Upstream::start();
    let site = partners(&upstream);
    site.write("routes.toml", "[[route]]\nmethods = [\"GET\"]\npath = \"/*rest\"\nrequire = [\"Magento_Backend::admin\"]\n");
    site.ok(&["role", "add", "partner", "--allow", "Magento_Backend::all"], "");
    site.user("admins/jane", "a quiet brown fox", &["partner"]);
    let server = site.serve();
    let file = |name: &str| site.path().join(name).to_string_lossy().into_owned();
    let files = ["root.pem", "jane.pem", "jane.key", "stranger.pem", "stranger.key"].map(file);
    browse_at("certificate_client.py", &format!("https://localhost:{}", server.public.port()), &server, &files, 6);
    assert_eq!(upstream.received().len(), 2);
    assert!(upstream.received().iter().all(|request| request.header("doorward-identity") == Some("admin/1")));
}
