//! nginx, `auth_request`.

use super::{Place, ask};

const CONFIG: &str = r#"daemon off;
master_process off;
pid nginx.pid;
error_log stderr warn;
events {}
http {
  access_log off;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  upstream doorward { server {doorward}; keepalive 8; }
  server {
    listen 127.0.0.1:{port};
    absolute_redirect off;
    proxy_http_version 1.1;
    proxy_bind 127.0.0.2;
    location / {
      auth_request /_doorward;
      auth_request_set $doorward_identity $upstream_http_doorward_identity;
      auth_request_set $doorward_login $upstream_http_doorward_login;
      auth_request_set $doorward_roles $upstream_http_doorward_roles;
      auth_request_set $doorward_method $upstream_http_doorward_method;
      auth_request_set $doorward_request_id $upstream_http_doorward_request_id;
      auth_request_set $doorward_assertion $upstream_http_doorward_assertion;
      auth_request_set $doorward_cookie $upstream_http_cookie;
      auth_request_set $doorward_authorization $upstream_http_authorization;
      auth_request_set $doorward_csrf $upstream_http_x_csrf_token;
      auth_request_set $doorward_set_cookie $upstream_http_set_cookie;
      auth_request_set $doorward_location $upstream_http_location;
      error_page 401 = @refused;
      add_header Set-Cookie $doorward_set_cookie always;
      proxy_set_header Host $host;
      proxy_set_header Connection "";
      proxy_set_header Doorward-Identity $doorward_identity;
      proxy_set_header Doorward-Login $doorward_login;
      proxy_set_header Doorward-Roles $doorward_roles;
      proxy_set_header Doorward-Method $doorward_method;
      proxy_set_header Doorward-Request-Id $doorward_request_id;
      proxy_set_header Doorward-Assertion $doorward_assertion;
      proxy_set_header Cookie $doorward_cookie;
      proxy_set_header Authorization $doorward_authorization;
      proxy_set_header X-CSRF-Token $doorward_csrf;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Host $host;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Original-URL "";
      proxy_set_header X-Original-URI "";
      proxy_set_header X-Original-Method "";
      proxy_set_header X-Forwarded-Uri "";
      proxy_set_header X-Forwarded-Method "";
      proxy_set_header X-Forwarded-Prefix "";
      proxy_set_header X-Real-IP "";
      proxy_set_header Forwarded "";
      proxy_pass http://{upstream};
    }
    location @refused {
      add_header Set-Cookie $doorward_set_cookie always;
      if ($doorward_location) { return 303 $doorward_location; }
      return 401;
    }
    location = /_doorward {
      internal;
      proxy_pass http://doorward/_doorward/verdict;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Connection "";
      {original}
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header Upgrade $http_upgrade;
    }
    location ~ ^/(login|logout|api/ibexa/v2)(/|$) {
      proxy_pass http://doorward;
      proxy_set_header Host $host;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
    }
  }
}
"#;

const COMMAND: [&str; 7] = ["nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf", "-e", "stderr"];

const URL: &str = "proxy_set_header X-Original-URL $scheme://$host$request_uri; proxy_set_header X-Original-URI \"\";";
const PARTS: &str = "proxy_set_header X-Original-URI $request_uri; proxy_set_header X-Original-URL \"\"; \
                     proxy_set_header X-Forwarded-Host $host; proxy_set_header X-Forwarded-Proto $scheme;";

#[test]
fn nginx_asks_and_is_not_fooled() {
    for original in [URL, PARTS] {
        let place = Place::new("nginx");
        place.behind("nginx.conf", &CONFIG.replace("{original}", original), &COMMAND).stands();
    }
}

/// It would drop the connection after a refusal with a body, and halve what it can do.
#[test]
fn performance_trap_3_nginx_keeps_its_connection_after_refusals() {
    let place = Place::new("nginx");
    let front = place.behind("nginx.conf", &CONFIG.replace("{original}", URL), &COMMAND);
    let opened = || place.server.metric("doorward_connections_opened_total").unwrap();
    let before = opened();
    for _ in 0..20 {
        assert_eq!(ask(front.address(), "GET /closed/a", "Host: shop.test\r\n", "").status, 401);
        assert_eq!(ask(front.address(), "GET /nowhere", "Host: shop.test\r\n", "").status, 403);
    }
    assert!(opened() - before < 5.0, "{} connections", opened() - before);
}

/// A configuration that forgets to clear `Content-Length` neither hangs nor lets the body in.
#[test]
fn a_length_without_a_body_does_not_hang() {
    let place = Place::new("nginx");
    let config = CONFIG.replace("{original}", URL).replace("      proxy_set_header Content-Length \"\";\n", "");
    let front = place.behind("nginx.conf", &config, &COMMAND);
    let token = format!("X-CSRF-Token: {}\r\n", place.session.token);
    for _ in 0..3 {
        let (reply, received) = front.signed_in("POST /closed/a", &token, "a body");
        assert_eq!(reply.status, 200, "{reply:?}\n{}", place.server.log());
        assert_eq!(received.unwrap().body, "a body");
    }
}

/// Without what says which request it is about, a question is none.
#[test]
fn a_configuration_that_says_too_little_lets_nobody_in() {
    for original in ["", "proxy_set_header X-Original-URI $request_uri;"] {
        let place = Place::new("nginx");
        let front = place.behind("nginx.conf", &CONFIG.replace("{original}", original), &COMMAND);
        for headers in ["", "X-Original-URL: http://shop.test/open\r\nX-Original-URI: /open\r\n"] {
            let (reply, received) = front.signed_in("GET /closed/a", headers, "");
            assert_eq!((reply.status, received.is_none()), (403, true), "{reply:?}");
        }
    }
}
