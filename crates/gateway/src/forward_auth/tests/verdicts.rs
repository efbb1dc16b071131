//! What is judged, and how each proxy is answered.

use super::*;

#[tokio::test]
async fn guards_judge_by_the_method_and_headers_of_the_request() {
    let place = place(|_| {}).await;
    let session = place.login().await;
    for question in all("POST https://shop.test/orders") {
        let answer = question.clone().of(&session).ask(&place).await;
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert_eq!(last(&place), "POST - 401 refusal csrf admin/14");
        let token = question.clone().of(&session).with("x-csrf-token", &session.token);
        assert_eq!(token.ask(&place).await.status(), StatusCode::OK);
        let foreign = token.clone().with("sec-fetch-site", "cross-site").ask(&place).await;
        assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
        assert_eq!(last(&place), "POST - 403 refusal foreign_origin admin/14");
        let told = token.with("content-length", "999").with("transfer-encoding", "chunked").with("expect", "100-continue");
        assert_eq!(told.ask(&place).await.status(), StatusCode::OK, "the body is none of ours");
    }
}

#[tokio::test]
async fn a_websocket_counts_as_one_though_proxies_leave_upgrade_out() {
    let place = place(|_| {}).await;
    let session = place.login().await;
    for question in all("GET https://shop.test/live") {
        let foreign = question.clone().of(&session).with("origin", "https://evil.test");
        assert_eq!(foreign.ask(&place).await.status(), StatusCode::OK, "a GET reads only");
        for name in ["sec-websocket-key", "sec-websocket-version", "upgrade"] {
            let answer = foreign.clone().with(name, "websocket").ask(&place).await;
            assert_eq!(answer.status(), StatusCode::FORBIDDEN, "{name}");
            assert!(last(&place).contains("foreign_origin"), "{name}");
        }
        for protocol in ["h2c", "HTTP/2.0", "TLS/1.2", "websocket, h2c"] {
            let answer = question.clone().of(&session).with("upgrade", protocol).ask(&place).await;
            assert!(answer.status().is_client_error(), "{protocol}");
            assert!(last(&place).contains("unclean"), "{protocol}");
        }
    }
}

#[tokio::test]
async fn the_client_has_the_address_that_the_proxy_says() {
    let only = |policy: &mut Policy| {
        let inside = AccessRule { ips: vec!["203.0.113.0/24".parse().unwrap()], roles: Vec::new(), ..(*rule("^/")).clone() };
        policy.access = vec![Arc::new(inside), rule("^/")];
    };
    let place = place(only).await;
    for question in all("GET https://shop.test/orders") {
        assert_eq!(question.ask(&place).await.status(), StatusCode::OK);
        for (addresses, status) in [
            ("203.0.113.9, 10.0.0.2", StatusCode::OK),
            ("203.0.113.9, 198.51.100.1", StatusCode::UNAUTHORIZED),
            ("10.0.0.2", StatusCode::UNAUTHORIZED),
        ] {
            let answer = question.clone().saying(CLIENT.0, addresses).ask(&place).await;
            assert_eq!(answer.status(), status, "{addresses}");
        }
        for unreadable in ["unknown", "203.0.113.9, x"] {
            let answer = question.clone().saying(CLIENT.0, unreadable).ask(&place).await;
            assert!(answer.status().is_client_error(), "cve_2024_47070: {unreadable}");
            assert!(last(&place).contains("client_address"));
        }
    }
}

#[tokio::test]
async fn cve_2026_25748_a_malformed_cookie_is_no_permit() {
    let place = place(|policy| policy.access.push(rule("^/closed"))).await;
    let session = place.login().await;
    let name = COOKIE;
    for question in all("GET https://shop.test/closed") {
        for cookie in
            [format!("{name}="), format!("{name}=%%%"), format!("{name}=\"x"), format!("{name}={}x", session.id), name.to_owned()]
        {
            let answer = question.clone().with("cookie", &cookie).ask(&place).await;
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{cookie}");
        }
        let twice = format!("{name}={}; {name}=x", session.id);
        assert!(question.clone().with("cookie", &twice).ask(&place).await.status().is_client_error());
        assert!(last(&place).contains("bad_request session_cookie"));
    }
}

#[tokio::test]
async fn nginx_gets_no_status_that_it_does_not_know() {
    let place = place(|policy| policy.access.push(rule("^/closed"))).await;
    for (path, status, real) in [("/closed", 401, "401"), ("/a//b", 403, "400"), ("/login", 403, "403")] {
        let answer = Question::about(Convention::Nginx, &format!("GET https://shop.test{path}")).ask(&place).await;
        assert_eq!((answer.status().as_u16(), said(&answer, "doorward-status")), (status, Some(real)), "{path}");
        assert_eq!(said(&answer, "content-length"), Some("0"));
        assert!(matches!(answer.body(), Body::Empty) && !answer.headers().contains_key("content-type"));
        let plain = Question::about(Convention::Caddy, &format!("GET https://shop.test{path}")).ask(&place).await;
        assert_eq!(plain.status().as_str(), real);
        assert!(matches!(plain.body(), Body::Empty), "trap: a body costs nginx its connection");
    }
}

#[tokio::test]
async fn what_cannot_be_known_is_no_permit() {
    let place = place(|policy| {
        policy.routes.native = Table::build(vec![RouteRule {
            own: None,
            methods: vec![http::Method::GET],
            template: "/users".into(),
            require: vec![Requirement::parse(USERS)],
            scopes: Vec::new(),
            parameters: Vec::new(),
            secure: false,
            source: doorward_core::Source::new("routes.toml", 1),
        }])
        .unwrap();
    })
    .await;
    let session = place.login().await;
    for question in all("GET https://shop.test/users") {
        assert_eq!(question.of(&session).ask(&place).await.status(), StatusCode::OK);
    }
    place.world.deafen().await;
    for question in all("GET https://shop.test/users") {
        let answer = question.clone().of(&session).ask(&place).await;
        let status = if question.convention == Convention::Nginx { 403 } else { 503 };
        assert_eq!((answer.status().as_u16(), said(&answer, "doorward-status")), (status, Some("503")));
        assert_eq!(said(&answer, "set-cookie"), None);
    }
}

#[tokio::test]
async fn keycloak_35217_a_certificate_is_said_by_the_proxy_that_asks() {
    let certificates = |policy: &mut Policy| {
        let firewall = Firewall { authentication: Authentication::Certificate, ..(*policy.firewalls[0]).clone() };
        policy.firewalls = vec![Arc::new(firewall)];
    };
    let place = place(certificates).await;
    for (form, identity) in [(Some(Form::Subject), Some("admin/14")), (None, Some("guest"))] {
        let mut snapshot = behind_proxies(place.gateway.policy());
        snapshot.network.certificates = Certificates { map: Map::Cn, asked: true, form };
        place.gateway.replace(snapshot);
        for question in all("GET https://shop.test/orders") {
            let question = question.with("x-ssl-client-s-dn", "CN=admin").with("x-ssl-client-verify", "SUCCESS");
            let answer = question.ask(&place).await;
            assert_eq!((answer.status(), said(&answer, "doorward-identity")), (StatusCode::OK, identity), "{form:?}");
            assert_eq!(question.ask_from("203.0.113.1:1", &place).await.status(), StatusCode::FORBIDDEN);
        }
    }
}

#[tokio::test]
async fn authentik_6883_a_browser_is_led_to_the_sign_in_page_once() {
    let pages = |policy: &mut Policy| {
        policy.access.push(rule("^/closed"));
        let page = Firewall { entry: Entry::Page, ..(*policy.firewalls[0]).clone() };
        policy.firewalls = vec![Arc::new(page)];
    };
    let place = place(pages).await;
    for question in all("GET https://shop.test:8443/closed?a=1") {
        let question = question.with("sec-fetch-mode", "navigate");
        let answer = question.ask(&place).await;
        let (status, location) = match question.convention {
            // It makes a 500 of a redirect; its configuration may read where to lead a browser.
            Convention::Nginx => (401, "/login?return=%2Fclosed%3Fa%3D1"),
            // It would read a path as one of Doorward's own host.
            Convention::Traefik => (303, "https://shop.test:8443/login?return=%2Fclosed%3Fa%3D1"),
            _ => (303, "/login?return=%2Fclosed%3Fa%3D1"),
        };
        assert_eq!((answer.status().as_u16(), said(&answer, "location")), (status, Some(location)));
    }
    for page in ["/login", "/login?return=%2F", "/logout"] {
        for question in all(&format!("GET https://shop.test{page}")) {
            let answer = question.with("sec-fetch-mode", "navigate").ask(&place).await;
            assert_eq!((answer.status(), said(&answer, "location")), (StatusCode::FORBIDDEN, None), "{page}");
            assert!(last(&place).contains("unenforceable"), "{page}");
        }
    }
}

#[tokio::test]
async fn cookies_pass_back() {
    let place = place(|_| {}).await;
    for question in all("GET https://shop.test/orders") {
        let dead = question.with("cookie", "IBX_SESSION_ID=0123456789abcdef0123456789abcdef").ask(&place).await;
        assert!(said(&dead, "set-cookie").unwrap().starts_with("IBX_SESSION_ID=deleted"));
    }
}

#[tokio::test]
async fn what_is_left_of_credentials_is_told() {
    let place = place(|policy| {
        let pass = Upstream { name: "old".into(), path: "/old".into(), pass_credentials: true, ..(*policy.upstreams[0]).clone() };
        policy.upstreams.insert(0, Arc::new(pass));
    })
    .await;
    let session = place.login().await;
    let cookie = format!("a=1; {}", session.cookie());
    for (path, left, removed) in
        [("/new", Some("a=1"), Some("doorward-made-up,x-csrf-token")), ("/old", Some(&*cookie), Some("doorward-made-up"))]
    {
        for question in all(&format!("GET https://shop.test{path}")) {
            let question = question.with("cookie", &cookie).with("x-csrf-token", &session.token).with("doorward-made-up", "x");
            let answer = question.ask(&place).await;
            assert_eq!(said(&answer, header::COOKIE.as_str()), left, "{path}");
            if question.convention == Convention::Envoy {
                let said = said(&answer, "x-envoy-auth-headers-to-remove").map(|names| {
                    let mut names: Vec<&str> = names.split(',').collect();
                    names.sort_unstable();
                    names.join(",")
                });
                // Without a guard that reads it the token is none of ours.
                assert!(said.as_deref() == removed || said.as_deref() == Some("doorward-made-up"), "{path}: {said:?}");
            }
        }
    }
}

#[tokio::test]
async fn traefiks_websockets_are_of_http() {
    let place = place(|_| {}).await;
    for scheme in ["ws", "wss"] {
        let question = Question::about(Convention::Traefik, "GET https://shop.test/live").saying("x-forwarded-proto", scheme);
        assert_eq!(question.ask(&place).await.status(), StatusCode::OK);
    }
}
