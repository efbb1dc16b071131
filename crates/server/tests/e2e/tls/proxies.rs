//! Certificates that proxies pass on: each form by itself, and a real nginx and a real HAProxy in front.

use super::{
    authority::{Authority, params},
    tools::{Got, curl_at},
};
use crate::support::{Server, Site, eventually, upstream::Upstream};
use std::{
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
};

/// Doorward behind proxies at `trusted`, taking certificates by this header.
fn site(upstream: &Upstream, trusted: &str, header: &str, map: &str) -> Site {
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
fn cve_2024_10039_a_certificate_in_a_header_of_a_stranger_is_dropped() {
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

/// A proxy of our own, on a free port. It talks to Doorward from 127.0.0.2, which is trusted.
struct Proxy {
    child: Child,
    port: u16,
}

impl Proxy {
    /// Starts `command` in the site's folder once `config` (with `{port}`) is written there. Somebody else may take the port
    /// first; then there is another one.
    fn start(site: &Site, file: &str, config: &str, command: &[&str]) -> Self {
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            site.write(file, &config.replace("{port}", &port.to_string()));
            let mut proxy = Self { child: Self::spawn(site, command), port };
            let up = eventually("a proxy, or its end", || match proxy.child.try_wait().unwrap() {
                Some(_) => Some(false),
                None => TcpStream::connect(("127.0.0.1", port)).ok().map(|_| true),
            });
            if up && proxy.child.try_wait().unwrap().is_none() {
                return proxy;
            }
        }
        panic!("it does not start: {}", std::fs::read_to_string(site.path().join("proxy.log")).unwrap_or_default());
    }

    fn spawn(site: &Site, command: &[&str]) -> Child {
        let folder = site.path().to_string_lossy().into_owned();
        let arguments = command[1..].iter().map(|argument| argument.replace("{folder}", &folder));
        let log = std::fs::File::create(site.path().join("proxy.log")).unwrap();
        let spawned = Command::new(command[0])
            .args(arguments)
            .env("PATH", "/usr/local/sbin:/usr/sbin:/usr/local/bin:/usr/bin:/bin")
            .current_dir(site.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .stdin(Stdio::null())
            .spawn();
        spawned.unwrap_or_else(|error| panic!("{} is needed, which scripts/test installs: {error}", command[0]))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The certificates of a proxy and of clients; `bob`'s authority is nobody's.
fn certificates(site: &Site) {
    let root = Authority::root(site.path(), "root");
    root.server("proxy", &["api.test"]);
    let (pem, key) =
        (std::fs::read_to_string(site.path().join("proxy.pem")), std::fs::read_to_string(site.path().join("proxy.key")));
    site.write("proxy-both.pem", &(pem.unwrap() + &key.unwrap()));
    let clients = Authority::root(site.path(), "clients");
    clients.issue("jane", &params(&["jane"]), "");
    clients.issue("nobody", &params(&["nobody"]), "");
    Authority::root(site.path(), "strangers").issue("stranger", &params(&["jane"]), "");
}

fn call(site: &Site, proxy: &Proxy, client: Option<&str>, more: &[&str]) -> Got {
    let file = |name: &str| site.path().join(name).to_string_lossy().into_owned();
    let mut arguments = vec!["--cacert".to_owned(), file("root.pem")];
    if let Some(client) = client {
        arguments.extend(["--cert".into(), file(&format!("{client}.pem")), "--key".into(), file(&format!("{client}.key"))]);
    }
    arguments.extend(more.iter().map(|argument| (*argument).to_owned()));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    curl_at(proxy.port, "api.test", "/x", &arguments)
}

/// What is true behind whichever proxy.
fn stands_behind(site: &Site, proxy: &Proxy, upstream: &Upstream, spoof: &str) {
    let jane = call(site, proxy, Some("jane"), &[]);
    assert_eq!(jane.status(), 200, "{jane:?}");
    assert_eq!(upstream.last().header("doorward-identity"), Some("admin/1"));
    assert_eq!(call(site, proxy, Some("nobody"), &[]).status(), 401);
    for headers in [&[][..], &["-H", spoof], &["-H", "X-SSL-Client-Verify: SUCCESS", "-H", spoof]] {
        assert_eq!(call(site, proxy, None, headers).status(), 200);
        assert_eq!(upstream.last().header("doorward-identity"), Some("guest"), "{headers:?}");
    }
    // The proxy refuses it, or says that it is not good.
    let stranger = call(site, proxy, Some("stranger"), &[]);
    assert!(matches!(stranger.status(), 0 | 400 | 401), "{stranger:?}");
}

#[test]
fn nginx_passes_certificates_on() {
    for (header, variable, spoof) in [
        ("X-SSL-Client-Cert", "$ssl_client_escaped_cert", "X-SSL-Client-Cert: x"),
        ("X-SSL-Client-S-DN", "$ssl_client_s_dn", "X-SSL-Client-S-DN: CN=jane"),
    ] {
        let upstream = Upstream::start();
        let site = site(&upstream, "127.0.0.2", header, "cn");
        certificates(&site);
        site.user("admins/jane", "a quiet brown fox", &[]);
        let server = site.serve();
        let config = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\n access_log off;\n\
             client_body_temp_path t1;\n proxy_temp_path t2;\n fastcgi_temp_path t3;\n uwsgi_temp_path t4;\n scgi_temp_path t5;\n\
             server {{\n  listen 127.0.0.1:{{port}} ssl;\n  ssl_certificate proxy.pem;\n  ssl_certificate_key proxy.key;\n\
             ssl_client_certificate clients.pem;\n  ssl_verify_client optional;\n  location / {{\n\
             proxy_pass http://{};\n   proxy_bind 127.0.0.2;\n   proxy_set_header Host $host;\n\
             proxy_set_header {header} {variable};\n   proxy_set_header X-SSL-Client-Verify $ssl_client_verify;\n  }}\n }}\n}}\n",
            server.public
        );
        let proxy =
            Proxy::start(&site, "nginx.conf", &config, &["nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf", "-e", "stderr"]);
        stands_behind(&site, &proxy, &upstream, spoof);
    }
}

#[test]
fn haproxy_passes_certificates_on() {
    for (header, value, spoof) in [
        ("X-SSL-Client-Cert", "%[ssl_c_der,base64]", "X-SSL-Client-Cert: x"),
        ("X-SSL-Client-S-DN", "%[ssl_c_s_dn(,0,rfc2253)]", "X-SSL-Client-S-DN: CN=jane"),
        ("Client-Cert", ":%[ssl_c_der,base64]:", "Client-Cert: :eA==:"),
    ] {
        let upstream = Upstream::start();
        let site = site(&upstream, "127.0.0.2", header, "cn");
        certificates(&site);
        site.user("admins/jane", "a quiet brown fox", &[]);
        let server = site.serve();
        let config = format!(
            "global\n  maxconn 64\ndefaults\n  mode http\n  timeout connect 10s\n  timeout client 30s\n  timeout server 30s\n\
             frontend front\n  bind 127.0.0.1:{{port}} ssl crt proxy-both.pem ca-file clients.pem verify optional\n\
             \x20 http-request del-header {header}\n  http-request set-header {header} {value} if {{ ssl_c_used }}\n\
             \x20 http-request set-header X-SSL-Client-Verify %[ssl_c_verify]\n  default_backend back\n\
             backend back\n  server doorward {} source 127.0.0.2\n",
            server.public
        );
        let proxy = Proxy::start(&site, "haproxy.cfg", &config, &["haproxy", "-db", "-f", "{folder}/haproxy.cfg"]);
        stands_behind(&site, &proxy, &upstream, spoof);
    }
}
