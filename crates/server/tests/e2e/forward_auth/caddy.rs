//! Caddy, `forward_auth`.

use super::{Place, how_to};
use crate::support::python;

const OPTIONS: &str = "{\n  admin off\n  auto_https off\n  persist_config off\n  storage file_system {folder}/caddy\n}\n";
const FROM: &str = "{\n transport http {\n local_address 127.0.0.2\n }\n";

fn config() -> String {
    let block = how_to(
        "caddyfile",
        "forward_auth",
        &[
            ("shop.example.com {", "http://shop.test:{port} {\n    bind 127.0.0.1"),
            ("reverse_proxy 127.0.0.1:8080", &format!("reverse_proxy {{doorward}} {FROM} }}")),
            ("forward_auth 127.0.0.1:8080 {", &format!("forward_auth {{doorward}} {FROM}")),
            ("127.0.0.1:9000", "{upstream}"),
        ],
    );
    format!("{OPTIONS}{block}")
}

#[test]
fn caddy_asks_and_is_not_fooled() {
    let place = Place::new("caddy");
    let program = python::beside("caddy").to_string_lossy().into_owned();
    let command = [&*program, "run", "--config", "{folder}/Caddyfile", "--adapter", "caddyfile"];
    place.takes_claims_away("Caddyfile", &config(), &command);
    place.behind("Caddyfile", &config(), &command).stands();
}
