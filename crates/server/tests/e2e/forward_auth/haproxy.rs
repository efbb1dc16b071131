//! HAProxy: the script of `examples/forward-auth`, and the way without one.

use super::{Front, Place, how_to};
use std::path::Path;

const DEFAULTS: &str = "defaults\n  mode http\n  timeout connect 10s\n  timeout client 30s\n  timeout server 30s\n";
const BACKENDS: &str = "backend doorward\n  server doorward {doorward} source 127.0.0.2\nbackend shop\n  server shop {upstream}\n\
    listen ask\n  bind unix@{folder}/ask.sock\n  server doorward {doorward} source 127.0.0.2\n";

/// It asks by a socket, since its client of HTTP cannot say by which address.
fn config() -> String {
    let block = how_to(
        "haproxy",
        "lua.doorward",
        &[
            ("global\n", "global\n  maxconn 64\n"),
            ("frontend front\n", &format!("{DEFAULTS}frontend front\n")),
            ("/etc/haproxy/doorward.lua", "{folder}/doorward.lua"),
            ("bind :443 ssl crt /etc/haproxy/shop.pem", "bind 127.0.0.1:{port}"),
            ("127.0.0.1:8080", "unix@{folder}/ask.sock"),
        ],
    );
    format!("{block}{BACKENDS}")
}

const COMMAND: [&str; 4] = ["haproxy", "-db", "-f", "{folder}/haproxy.cfg"];

fn script() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/forward-auth/doorward.lua")).unwrap()
}

#[test]
fn haproxy_asks_by_a_script_and_is_not_fooled() {
    let place = Place::new("haproxy");
    place.site.write("doorward.lua", &script());
    place.takes_claims_away("haproxy.cfg", &config(), &COMMAND);
    place.behind("haproxy.cfg", &config(), &COMMAND).stands();
}

/// Zero is true in Lua.
#[test]
fn the_script_says_that_plain_http_is_plain_http() {
    let place = Place::new("traefik");
    place.site.write("doorward.lua", &script());
    let front = place.behind("haproxy.cfg", &config(), &COMMAND);
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
    let front = place.behind("haproxy.cfg", &config(), &COMMAND);
    let (reply, received) = front.signed_in("GET /closed/a", "", "");
    assert_eq!((reply.status, received.is_none()), (403, true), "{reply:?}");
}

/// Without a script: HAProxy sends everything to Doorward, which sends it on.
#[test]
fn without_a_script_doorward_is_the_gateway() {
    let place = Place::new("haproxy");
    let block = config();
    let clears = block.lines().filter(|line| line.contains("-header ")).map(|line| format!("{line}\n")).collect::<String>();
    let config = format!(
        "{DEFAULTS}frontend front\n  bind 127.0.0.1:{{port}}\n{clears}  default_backend doorward\n\
         backend doorward\n  server doorward {{doorward}} source 127.0.0.2\n"
    );
    let gateway = Front { asks: false, ..place.behind("haproxy.cfg", &config, &COMMAND) };
    gateway.stands();
}
