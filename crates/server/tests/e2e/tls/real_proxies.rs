//! Certificates behind the proxies that people have: nginx, HAProxy, Apache, Envoy.

use super::{
    authority::{Authority, params},
    proxies::site,
    tools::{Got, curl_at},
};
use crate::support::{Site, proxy::Proxy, python, upstream::Upstream};
use rcgen::{DnType, DnValue};
use std::net::SocketAddr;

/// The certificates of a proxy and of clients; `bob`'s authority is nobody's.
fn certificates(site: &Site) {
    let root = Authority::root(site.path(), "root");
    root.server("proxy", &["api.test"]);
    let (pem, key) =
        (std::fs::read_to_string(site.path().join("proxy.pem")), std::fs::read_to_string(site.path().join("proxy.key")));
    site.write("proxy-both.pem", &(pem.unwrap() + &key.unwrap()));
    let clients = Authority::root(site.path(), "clients");
    let mut jane = params(&["jane"]);
    let email = DnType::CustomDnType(vec![1, 2, 840, 113_549, 1, 9, 1]);
    jane.distinguished_name.push(email, DnValue::Ia5String("jane@example.com".try_into().unwrap()));
    clients.issue("jane", &jane, "");
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
fn security_15_nginx_passes_certificates_on_and_none_of_a_client() {
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
fn security_15_haproxy_passes_certificates_on_and_none_of_a_client() {
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

#[test]
fn security_15_apache_passes_names_on_and_none_of_a_client() {
    for (header, map, login, spoof) in [
        ("SSL_CLIENT_S_DN", "cn", "jane", "SSL_CLIENT_S_DN: CN=jane"),
        ("SSL_CLIENT_S_DN", "email", "jane@example.com", "SSL-Client-S-DN: emailAddress=jane@example.com"),
        ("SSL_CLIENT_S_DN_Email", "email", "jane@example.com", "SSL_CLIENT_S_DN_Email: jane@example.com"),
    ] {
        let upstream = Upstream::start();
        let site = site(&upstream, "127.0.0.2", header, map);
        certificates(&site);
        site.user(&format!("admins/{login}"), "a quiet brown fox", &[]);
        // What Apache writes where the certificate has no such name.
        site.user("admins/(null)", "a quiet brown fox", &[]);
        let server = site.serve();
        let modules = ["mpm_event", "authz_core", "ssl", "headers", "proxy", "proxy_http"];
        let modules = modules.map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n")).concat();
        let config = format!(
            "{modules}ServerRoot \"{{folder}}\"\nDefaultRuntimeDir \"{{folder}}\"\nPidFile apache.pid\nServerName api.test\n\
             User www-data\nGroup www-data\nErrorLog /dev/stderr\nListen 127.0.0.1:{{port}}\nSSLEngine on\n\
             SSLCertificateFile proxy.pem\nSSLCertificateKeyFile proxy.key\nSSLCACertificateFile clients.pem\nSSLSessionCache none\n\
             SSLVerifyClient optional\nRequestHeader set {header} \"%{{{header}}}s\"\n\
             RequestHeader set SSL_CLIENT_VERIFY \"%{{SSL_CLIENT_VERIFY}}s\"\nProxyPreserveHost on\nProxySourceAddress 127.0.0.2\n\
             ProxyPass / http://{}/\n",
            server.public
        );
        let proxy =
            Proxy::start(&site, "apache.conf", &config, &["apache2", "-X", "-d", "{folder}", "-f", "{folder}/apache.conf"]);
        stands_behind(&site, &proxy, &upstream, spoof);
    }
}

/// What Envoy is told of TLS, of the certificate and of where to go; its paths are full ones.
fn envoy(details: &str, server: SocketAddr) -> String {
    let manager = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    let router = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    let tls = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext";
    serde_json::json!({ "static_resources": {
        "listeners": [{
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": "{port}" } },
            "filter_chains": [{
                "transport_socket": { "name": "tls", "typed_config": { "@type": tls, "common_tls_context": {
                    "tls_certificates": [{
                        "certificate_chain": { "filename": "{folder}/proxy.pem" },
                        "private_key": { "filename": "{folder}/proxy.key" },
                    }],
                    "validation_context": { "trusted_ca": { "filename": "{folder}/clients.pem" } },
                } } },
                "filters": [{ "name": "http", "typed_config": {
                    "@type": manager,
                    "stat_prefix": "front",
                    "forward_client_cert_details": "SANITIZE_SET",
                    "set_current_client_cert_details": { (details): true },
                    "http_filters": [{ "name": "router", "typed_config": { "@type": router } }],
                    "route_config": { "virtual_hosts": [{
                        "name": "all",
                        "domains": ["*"],
                        "routes": [{ "match": { "prefix": "/" }, "route": { "cluster": "doorward" } }],
                    }] },
                } }],
            }],
        }],
        "clusters": [{
            "name": "doorward",
            "upstream_bind_config": { "source_address": { "address": "127.0.0.2", "port_value": 0 } },
            "load_assignment": { "cluster_name": "doorward", "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": {
                "socket_address": { "address": server.ip().to_string(), "port_value": server.port() },
            } } }] }] },
        }],
    } })
    .to_string()
    .replace("\"{port}\"", "{port}")
}

#[test]
fn security_15_envoy_passes_certificates_on_and_none_of_a_client() {
    for (details, map) in [("cert", "cn"), ("subject", "cn"), ("cert", "email")] {
        let upstream = Upstream::start();
        let site = site(&upstream, "127.0.0.2", "X-Forwarded-Client-Cert", map);
        certificates(&site);
        let login = if map == "email" { "jane@example.com" } else { "jane" };
        site.user(&format!("admins/{login}"), "a quiet brown fox", &[]);
        let server = site.serve();
        let program = python::beside("envoy").to_string_lossy().into_owned();
        let more = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
        let command = [&[&*program, "-c", "{folder}/envoy.json"], &more[..]].concat();
        let proxy = Proxy::start(&site, "envoy.json", &envoy(details, server.public), &command);
        stands_behind(&site, &proxy, &upstream, "X-Forwarded-Client-Cert: Subject=\"CN=jane\"");
    }
}
