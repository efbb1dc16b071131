//! Caddy, `forward_auth`.

use super::Place;
use crate::support::python;

const CONFIG: &str = r#"{
  admin off
  auto_https off
  persist_config off
  storage file_system {folder}/caddy
}
http://shop.test:{port} {
  bind 127.0.0.1
  @ours path /login /login/* /logout /api/ibexa/v2/*
  handle @ours {
    reverse_proxy {doorward} {
      transport http {
        local_address 127.0.0.2
      }
    }
  }
  handle {
    forward_auth {doorward} {
      uri /_doorward/verdict
      copy_headers Doorward-Identity Doorward-Login Doorward-Roles Doorward-Method Doorward-Request-Id Doorward-Assertion Cookie Authorization X-CSRF-Token
      transport http {
        local_address 127.0.0.2
      }
    }
    request_header -X-Forwarded-Uri
    request_header -X-Forwarded-Method
    request_header -X-Forwarded-Prefix
    request_header -X-Original-*
    request_header -X-Real-IP
    request_header -Forwarded
    reverse_proxy {upstream}
  }
}
"#;

#[test]
fn caddy_asks_and_is_not_fooled() {
    let place = Place::new("caddy");
    let program = python::beside("caddy").to_string_lossy().into_owned();
    let command = [&*program, "run", "--config", "{folder}/Caddyfile", "--adapter", "caddyfile"];
    place.behind("Caddyfile", CONFIG, &command).stands();
}
