//! Certificates that proxies pass on: each form by itself. Real proxies are in `real_proxies`.

use super::authority::{Authority, params};
use crate::support::{Server, Site, upstream::Upstream};

/// Doorward behind proxies at `trusted`, taking certificates by this header.
pub(super) fn site(upstream: &Upstream, trusted: &str, header: &str, map: &str) -> Site {
    let site = Site::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\npublic_url = \"https://api.test\"\ntrusted_proxies = [\"{trusted}\"]\n\
         [operations]\nlisten = \"127.0.0.1:0\"\n[routes]\nfiles = [\"routes.toml\"]\n\
         [[directory]]\nname = \"admins\"\nkind = \"admin\"\n[passwords]\nmemory_kib = 19456\n\
         [certificate]\nheader = \"{header}\"\nmap = \"{map}\"\n\
         [[firewall]]\nname = \"partners\"\nauthentication = \"certificate\"\n\
         [[upstream]]\nname = \"test\"\nurl = \"{}\"\n",
        upstream.url()
    ));
    site.write("routes.toml", "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/*rest\"\nrequire = [\"anonymous\"]\n");
    site
}

const FORMS: [(&str, &str); 6] = [
    ("Client-Cert", ":{der}:"),
    ("X-Forwarded-Client-Cert", "By=spiffe://x;Subject=\"CN=jane\""),
    ("X-SSL-Client-Cert", "{der}"),
    ("X-SSL-Client-S-DN", "CN=jane"),
    ("SSL_CLIENT_S_DN", "CN=jane"),
    ("SSL_CLIENT_S_DN_Email", "jane"),
];

const VERIFIED: &str = "X-SSL-Client-Verify: SUCCESS\r\nSSL_CLIENT_VERIFY: SUCCESS\r\n";

/// All forms in one request, but for one, as a client may send them that wants to be `jane`.
fn all(der: &str, but: Option<&str>) -> String {
    let lines = FORMS.iter().filter(|(name, _)| Some(*name) != but);
    lines.map(|(name, value)| format!("{name}: {}\r\n", value.replace("{der}", der))).collect::<String>() + VERIFIED
}

fn der_of_jane(site: &Site) -> String {
    Authority::root(site.path(), "clients").issue("jane", &params(&["jane"]), "");
    let pem = std::fs::read_to_string(site.path().join("jane.pem")).unwrap();
    pem.lines().filter(|line| !line.starts_with("-----")).collect()
}

fn ask(server: &Server, upstream: &Upstream, headers: &str) -> (u16, Option<String>) {
    let status = server.exchange(&format!("GET /x HTTP/1.1\r\nHost: api.test\r\nConnection: close\r\n{headers}\r\n")).status;
    let identity = (status == 200).then(|| {
        let received = upstream.last();
        // Whatever it says, and in whichever spelling, goes no further.
        for name in ["client", "cert", "ssl", "verify"] {
            let found = received.head.lines().skip(1).find(|line| line.to_lowercase().split(':').next().unwrap().contains(name));
            assert_eq!(found, None, "{received:?}");
        }
        received.header("doorward-identity").unwrap().to_owned()
    });
    (status, identity)
}

#[test]
fn each_form_counts_where_it_is_named_and_no_other_does() {
    for (name, value) in FORMS {
        let upstream = Upstream::start();
        let map = if name == "SSL_CLIENT_S_DN_Email" { "email" } else { "cn" };
        let site = site(&upstream, "127.0.0.1", name, map);
        let der = der_of_jane(&site);
        site.user("admins/jane", "a quiet brown fox", &[]);
        let server = site.serve();
        let line = format!("{name}: {}\r\n", value.replace("{der}", &der));
        let jane = (200, Some("admin/1".to_owned()));
        assert_eq!(ask(&server, &upstream, &format!("{line}{VERIFIED}")), jane, "{name}");
        assert_eq!(ask(&server, &upstream, &all(&der, Some(name))), (200, Some("guest".into())), "{name}: the others");
        assert_eq!(ask(&server, &upstream, &format!("{line}{line}{VERIFIED}")), (401, None), "{name}: twice");
        let other = name.replace('-', "+").replace('_', "-").replace('+', "_");
        assert_eq!(ask(&server, &upstream, &format!("{other}: {value}\r\n{VERIFIED}")), (200, Some("guest".into())), "{other}");
        if !matches!(name, "Client-Cert" | "X-Forwarded-Client-Cert") {
            let failed = VERIFIED.replace("SUCCESS", "FAILED:certificate has expired");
            assert_eq!(ask(&server, &upstream, &format!("{line}{failed}")), (401, None), "{name}");
            assert_eq!(ask(&server, &upstream, &line), (401, None), "{name}: nobody says that it is good");
        }
    }
}

/// Keycloak believed the header from whoever sent it.
#[test]
fn security_15_cve_2024_10039_a_certificate_in_a_header_of_a_stranger_is_dropped() {
    for (name, _) in FORMS {
        let upstream = Upstream::start();
        let map = if name == "SSL_CLIENT_S_DN_Email" { "email" } else { "cn" };
        let site = site(&upstream, "127.0.0.2", name, map);
        let der = der_of_jane(&site);
        site.user("admins/jane", "a quiet brown fox", &[]);
        let server = site.serve();
        assert_eq!(ask(&server, &upstream, &all(&der, None)), (200, Some("guest".into())), "{name}");
    }
}
