//! Forward-auth with sign-in, by nothing but what `doorward init` prints.

use super::PASSWORD;
use crate::support::{
    QUICK, Site,
    client::{Reply, exchange},
    proxy::Proxy,
    upstream::Upstream,
};
use std::net::SocketAddr;

const CONFIG: &str = r#"[server]
listen = "{listen}"
public_url = "http://shop.test"
trusted_proxies = ["127.0.0.1"]
client_address = "x-forwarded-for"
[[directory]]
name = "customers"
kind = "customer"
[[firewall]]
name = "main"
entry = "page"
[[forward_auth]]
convention = "nginx"
path = "/_doorward/nginx"
[routes]
unmatched = "authenticated"
[[upstream]]
name = "shop"
url = "{upstream}"
"#;

const NGINX: &str = "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\n\
    client_body_temp_path t1;\nproxy_temp_path t2;\nfastcgi_temp_path t3;\nuwsgi_temp_path t4;\nscgi_temp_path t5;\n";

const NAVIGATES: &str = "Accept: text/html\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: none\r\n";
const WANTED: &str = "/orders/7?x=1";

fn ask(address: SocketAddr, line: &str, headers: &str, body: &str) -> Reply {
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    exchange(address, &format!("{line} HTTP/1.1\r\nHost: shop.test\r\nConnection: close\r\n{headers}{length}\r\n{body}"))
}

/// What a browser sends back of an answer's cookies.
fn cookies(reply: &Reply) -> String {
    let pairs: Vec<&str> = reply.all("set-cookie").filter_map(|line| line.split(';').next()).collect();
    format!("Cookie: {}\r\n", pairs.join("; "))
}

#[test]
fn rauthy_1052_nginx_signs_browsers_in_with_what_init_prints() {
    let upstream = Upstream::start();
    let config = |listen: &str| format!("{}{QUICK}", CONFIG.replace("{listen}", listen).replace("{upstream}", &upstream.url()));
    let site = Site::new(&config("127.0.0.1:0"));
    site.user("customers/jane", PASSWORD, &[]);
    let server = site.serve();
    site.write("bound.toml", &config(&server.public.to_string()));
    let printed = site.ok(&["init", "nginx", "--config", "bound.toml"], "").out;
    let text = format!("{NGINX}{}\n}}\n", printed.replace("listen 80;", "listen 127.0.0.1:{port};"));
    let command = ["nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf", "-e", "stderr"];
    let proxy = Proxy::start(&site, "nginx.conf", &text, &command);
    let address = SocketAddr::from(([127, 0, 0, 1], proxy.port));

    let led = ask(address, &format!("GET {WANTED}"), NAVIGATES, "");
    let page = "/login?return=%2Forders%2F7%3Fx%3D1";
    assert_eq!((led.status, led.header("location")), (303, Some(page)), "{led:?}\n{}", server.log());
    let form = ask(address, &format!("GET {page}"), NAVIGATES, "");
    assert_eq!(form.status, 200, "{form:?}");
    let (_, rest) = form.body.split_once("name=\"_csrf_token\" value=\"").unwrap();
    let token = rest.split('"').next().unwrap();
    let fields = format!("_username=jane&_password={PASSWORD}&_csrf_token={token}&_target_path=%2Forders%2F7%3Fx%3D1");
    let headers = format!("{}Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\n", cookies(&form));
    let back = ask(address, "POST /login", &headers, &fields.replace(' ', "+"));
    assert_eq!((back.status, back.header("location")), (303, Some(WANTED)), "{back:?}");
    assert!(upstream.received().is_empty(), "so far nobody was known");

    let there = ask(address, &format!("GET {WANTED}"), &format!("{NAVIGATES}{}", cookies(&back)), "");
    assert_eq!(there.status, 200, "{there:?}\n{}", server.log());
    let received = upstream.last();
    assert!(received.line().starts_with(&format!("GET {WANTED} ")), "{received:?}");
    assert_eq!((received.header("doorward-identity"), received.header("doorward-login")), (Some("customer/1"), Some("jane")));
}
