//! `doorward init`: what it prints is taken by the real programs, and what they then do with requests.

mod behind;
mod grpc;
mod tls;

use crate::support::{Site, python};
use behind::{Behind, CONFIG, ROUTES};
use serde_json::Value;
use std::process::Command;

/// The name of a configuration's file, the text with `{port}`, and the command that runs it.
type Local = (&'static str, String, Vec<String>);

fn file(site: &Site, name: &str) -> String {
    site.path().join(name).to_string_lossy().into_owned()
}

fn nginx(site: &Site, printed: &str) -> Local {
    let printed = printed
        .replace("listen 80;", "listen 127.0.0.1:{port};")
        .replace("listen 443 ssl;", "listen 127.0.0.1:{port} ssl;")
        .replace("/etc/ssl/shop.test", "{folder}/proxy");
    let text = format!(
        "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {{}}\nhttp {{\naccess_log off;\n\
         client_body_temp_path t1;\nproxy_temp_path t2;\nfastcgi_temp_path t3;\nuwsgi_temp_path t4;\nscgi_temp_path t5;\n\
         {printed}\n}}\n"
    );
    let command = ["nginx", "-p", &file(site, ""), "-c", &file(site, "nginx.conf"), "-e", "stderr"].map(str::to_owned);
    ("nginx.conf", text, command.to_vec())
}

fn caddy(site: &Site, printed: &str) -> Local {
    let options =
        "{\n    admin off\n    auto_https disable_redirects\n    persist_config off\n    storage file_system {folder}/caddy\n}\n";
    let text = printed.replace("http://shop.test {", &format!("{options}http://shop.test:{{port}} {{")).replace(
        "https://shop.test {",
        &format!("{options}https://shop.test:{{port}} {{\n    tls {{folder}}/proxy.pem {{folder}}/proxy.key"),
    );
    let program = python::beside("caddy").to_string_lossy().into_owned();
    let command = [&*program, "run", "--adapter", "caddyfile", "--config", &file(site, "Caddyfile")].map(str::to_owned);
    ("Caddyfile", text, command.to_vec())
}

fn haproxy(site: &Site, printed: &str) -> Local {
    let script = site.ok(&["init", "haproxy", "--lua", "--config", "bound.toml"], "").out;
    site.write("doorward.lua", &script);
    let text = printed
        .replace("bind :80", "bind 127.0.0.1:{port}")
        .replace("bind :443 ssl crt /etc/haproxy/shop.test.pem", "bind 127.0.0.1:{port} ssl crt {folder}/proxy-both.pem")
        .replace("/etc/haproxy/doorward.lua", &file(site, "doorward.lua"));
    let command = ["haproxy", "-db", "-f", &file(site, "haproxy.cfg")].map(str::to_owned);
    ("haproxy.cfg", text, command.to_vec())
}

fn envoy(site: &Site, printed: &str) -> Local {
    let here = "address: \"127.0.0.1\", port_value: {port} ";
    let text = printed
        .replace("address: \"0.0.0.0\", port_value: 80 ", here)
        .replace("address: \"0.0.0.0\", port_value: 443 ", here)
        .replace("/etc/ssl/shop.test", "{folder}/proxy");
    let program = python::beside("envoy").to_string_lossy().into_owned();
    let more = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"];
    let config = file(site, "envoy.yaml");
    let command = [&[&*program, "-c", &*config], &more[..]].concat();
    ("envoy.yaml", text, command.into_iter().map(str::to_owned).collect())
}

/// Spellings that a proxy may not take for the header that they are to a service.
fn folds_no_names(behind: &Behind) {
    behind.ask("GET", "/open", "doorward_login: made-up\r\nDoorward.Roles: made-up\r\nx_forwarded_for: 203.0.113.1\r\n", "");
    Behind::introduces(&behind.shop.last().head, "guest", "");
}

#[test]
fn nginx_serves_what_init_prints() {
    let behind = Behind::new("nginx", nginx);
    behind.serves();
    folds_no_names(&behind);
}

#[test]
fn caddy_serves_what_init_prints() {
    let behind = Behind::new("caddy", caddy);
    behind.serves();
    folds_no_names(&behind);
}

#[test]
fn haproxy_serves_what_init_prints() {
    let behind = Behind::new("haproxy", haproxy);
    behind.serves();
    folds_no_names(&behind);
}

#[test]
fn envoy_serves_what_init_prints() {
    let behind = Behind::new("envoy", envoy);
    behind.serves();
    folds_no_names(&behind);
    grpc::only_sound_questions_of_trusted_proxies_are_answered(&behind);
}

/// Traefik is nowhere that tests could take it from: its file is read as what it is, and its words are looked at.
#[test]
fn traefik_is_told_all_that_it_must_do() {
    let site = Site::new(
        &CONFIG
            .replace("{listen}", "127.0.0.1:8080")
            .replace("{proxy}", "traefik")
            .replace("{orders}", "http://127.0.0.1:9001")
            .replace("{shop}", "http://127.0.0.1:9000"),
    );
    site.write("routes.toml", ROUTES);
    let printed = site.ok(&["init", "traefik", "--config", "doorward.toml"], "").out;
    site.write("doorward.yml", &printed);
    let script = "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";
    let read = Command::new(python::beside("python")).args(["-c", script, &file(&site, "doorward.yml")]).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let http = serde_json::from_slice::<Value>(&read.stdout).unwrap()["http"].clone();
    let (routers, middlewares) = (&http["routers"], &http["middlewares"]);
    let judged = ["doorward-clear", "doorward-method", "doorward-judge"];
    for (name, path, service) in [("service_orders", "^/orders(/|$)", "service_orders"), ("service_shop", "^/", "service_shop")] {
        let router = &routers[name];
        assert_eq!(router["rule"], format!("(Host(`shop.test`)) && PathRegexp(`{path}`)"));
        assert_eq!(router["middlewares"], serde_json::json!(judged));
        assert_eq!(router["service"], service);
    }
    assert!(routers["service_orders"]["priority"].as_u64() > routers["service_shop"]["priority"].as_u64());
    assert!(routers["doorward"]["priority"].as_u64() > routers["service_orders"]["priority"].as_u64());
    assert_eq!(routers["doorward"]["service"], "doorward");
    let judge = &middlewares["doorward-judge"]["forwardAuth"];
    assert_eq!(judge["address"], "http://127.0.0.1:8080/_doorward/traefik");
    assert_eq!(judge["trustForwardHeader"], false);
    assert_eq!(judge["authResponseHeadersRegex"], "(?i)^doorward[^a-z0-9]");
    let cleared = middlewares["doorward-clear"]["headers"]["customRequestHeaders"].as_object().unwrap();
    assert!(cleared.values().all(|value| value == ""), "{cleared:?}");
    for name in ["Forwarded", "X-Original-Url", "X_forwarded_for", "X-Forwarded-Uri", "Proxy"] {
        assert!(cleared.contains_key(name), "{name}: {cleared:?}");
    }
    assert_eq!(http["services"]["doorward"]["loadBalancer"]["servers"][0]["url"], "http://127.0.0.1:8080");
}

#[test]
fn what_is_missing_is_said_line_by_line() {
    let rest_of_it =
        "[[directory]]\nname = \"people\"\nkind = \"customer\"\n[[upstream]]\nname = \"a\"\nurl = \"http://127.0.0.1:9000\"\n";
    let site = Site::new(&format!("[server]\nlisten = \"127.0.0.1:8080\"\n{rest_of_it}"));
    let output = site.run(&["init", "caddy"], "");
    assert_eq!(output.code, 1);
    assert_eq!(output.out, "");
    for line in [
        "public_url = \"https://shop.example.com\"",
        "trusted_proxies = [\"127.0.0.1\"]",
        "client_address = \"x-forwarded-for\"",
        "[[forward_auth]]\nconvention = \"caddy\"\npath = \"/_doorward/caddy\"",
    ] {
        assert!(output.err.contains(line), "{line}: {}", output.err);
    }
    // What it says makes it sound.
    let lines = output.err.split_once("\n\n").unwrap().1;
    let (server, rest) = lines.split_once("[[forward_auth]]").unwrap();
    let server = server.replace("[server]\n", "[server]\nlisten = \"127.0.0.1:8080\"\n");
    site.write("doorward.toml", &format!("{server}[[forward_auth]]{rest}\n{rest_of_it}"));
    let printed = site.ok(&["init", "caddy"], "").out;
    assert!(printed.contains("https://shop.example.com {"), "{printed}");
    assert_eq!(site.run(&["init", "caddy", "--lua"], "").code, 2);
}

#[test]
fn what_a_proxy_could_misread_is_not_printed() {
    for (path, upstream) in [("/_doorward/nginx", "/a$b"), ("/_doorward/ng;inx", "/a")] {
        let config = CONFIG
            .replace("{listen}", "127.0.0.1:8080")
            .replace("path = \"/_doorward/{proxy}\"", &format!("path = \"{path}\""))
            .replace("{proxy}", "nginx")
            .replace("{orders}", "http://127.0.0.1:9001")
            .replace("{shop}", "http://127.0.0.1:9000")
            .replace("path = \"/orders\"", &format!("path = \"{upstream}\""));
        let site = Site::new(&config);
        site.write("routes.toml", ROUTES);
        let output = site.run(&["init", "nginx"], "");
        assert_eq!((output.code, &*output.out), (1, ""), "{output:?}");
        assert!(output.err.contains("may mean something else to a proxy"), "{output:?}");
    }
}
