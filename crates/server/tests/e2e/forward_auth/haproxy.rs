//! HAProxy: the script of `examples/forward-auth`, and the way without one.

use super::{Front, Place};
use std::path::Path;

const CONFIG: &str = r#"global
  maxconn 64
  lua-load {folder}/doorward.lua
defaults
  mode http
  timeout connect 10s
  timeout client 30s
  timeout server 30s
frontend front
  bind 127.0.0.1:{port}
  acl ours path /login /logout
  acl ours path_beg /login/ /api/ibexa/v2/
  http-request set-header X-Forwarded-For %[src]
  http-request lua.doorward http://doorward.internal/_doorward/verdict unix@{folder}/ask.sock unless ours
  http-request deny unless ours || { var(txn.doorward) -m str permit }
  http-request del-header ^(forwarded|x-real-ip|x-original-.*|x-forwarded-(uri|method|host|prefix|proto|port))$ -m reg
  http-response add-header Set-Cookie %[var(txn.doorward_set_cookie)] if { var(txn.doorward_set_cookie) -m found }
  use_backend doorward if ours
  default_backend shop
backend doorward
  server doorward {doorward} source 127.0.0.2
backend shop
  server shop {upstream}
listen ask
  bind unix@{folder}/ask.sock
  server doorward {doorward} source 127.0.0.2
"#;

const COMMAND: [&str; 4] = ["haproxy", "-db", "-f", "{folder}/haproxy.cfg"];

fn script() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/forward-auth/doorward.lua")).unwrap()
}

#[test]
fn haproxy_asks_by_a_script_and_is_not_fooled() {
    let place = Place::new("haproxy");
    place.site.write("doorward.lua", &script());
    place.behind("haproxy.cfg", CONFIG, &COMMAND).stands();
}

/// Zero is true in Lua.
#[test]
fn the_script_says_that_plain_http_is_plain_http() {
    let place = Place::new("traefik");
    place.site.write("doorward.lua", &script());
    let front = place.behind("haproxy.cfg", CONFIG, &COMMAND);
    let (reply, _) = front.ask("GET /page", "Sec-Fetch-Mode: navigate\r\n", "");
    assert_eq!(reply.header("location"), Some("http://shop.test/login?return=%2Fpage"), "{reply:?}");
}

/// HAProxy goes on where a script ends in an error.
#[test]
fn a_script_that_fails_lets_nobody_in() {
    let place = Place::new("haproxy");
    let broken = script().replace("local answer = core.httpclient()", "error(\"broken\") local answer = core.httpclient()");
    assert_ne!(broken, script());
    place.site.write("doorward.lua", &broken);
    let front = place.behind("haproxy.cfg", CONFIG, &COMMAND);
    let (reply, received) = front.signed_in("GET /closed/a", "", "");
    assert_eq!((reply.status, received.is_none()), (403, true), "{reply:?}");
}

/// Without a script: HAProxy sends everything to Doorward, which sends it on.
#[test]
fn without_a_script_doorward_is_the_gateway() {
    let place = Place::new("haproxy");
    let config = "defaults\n  mode http\n  timeout connect 10s\n  timeout client 30s\n  timeout server 30s\nfrontend front\n\
                  \x20 bind 127.0.0.1:{port}\n  http-request set-header X-Forwarded-For %[src]\n  default_backend doorward\n\
                  backend doorward\n  server doorward {doorward} source 127.0.0.2\n";
    let gateway = Front { asks: false, ..place.behind("haproxy.cfg", config, &COMMAND) };
    gateway.stands();
}
