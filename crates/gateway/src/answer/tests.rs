use super::*;
use doorward_core::{Reason, Source, route::Requirement};
use http_body::Body as _;

fn reader(dialect: Dialect, accept: &str) -> Reader {
    Reader { dialect, accept: Some(accept.into()), request_id: "0af1".into(), head: false }
}

fn text(response: Response<Body>) -> String {
    match response.into_body() {
        Body::Full(Some(bytes)) => String::from_utf8(bytes.to_vec()).unwrap(),
        Body::Empty => String::new(),
        other => panic!("{other:?}"),
    }
}

fn lacking() -> Reason {
    let required = vec![Requirement::parse("A::b"), Requirement::parse("C::d")];
    Reason::NotGranted { rule: Source::new("secret-rules.toml", 3), lacking: required[1].clone(), required }
}

fn all_reasons() -> Vec<Reason> {
    let source = || Source::new("secret-rules.toml", 3);
    vec![
        Reason::NoFirewall,
        Reason::NoRoute,
        Reason::NoUpstream,
        Reason::InvalidCredential("secret-how"),
        Reason::TooMany(std::time::Duration::from_millis(1500)),
        Reason::NotAjax,
        Reason::Csrf,
        Reason::ForeignOrigin,
        Reason::UserChanged,
        Reason::AccessControl(source()),
        lacking(),
        Reason::GuestOnUnmatched,
        Reason::Insecure(source()),
        Reason::NoParameter("customerId".into()),
        Reason::Unenforceable("secret-how"),
        Reason::Unavailable("secret-why".into()),
    ]
}

#[test]
fn guests_and_known_identities_get_the_status_of_the_dialect() {
    for (dialect, known, status) in [
        (Dialect::Ibexa, false, 401),
        (Dialect::Ibexa, true, 401),
        (Dialect::Magento, false, 401),
        (Dialect::Magento, true, 401),
        (Dialect::Problem, false, 401),
        (Dialect::Problem, true, 403),
    ] {
        let response = refuse(&Refusal::new(lacking(), known), &reader(dialect, "application/json"));
        assert_eq!(response.status(), status, "{dialect:?} {known}");
        let challenge = response.headers().get(WWW_AUTHENTICATE).is_some();
        assert_eq!(challenge, dialect == Dialect::Problem && status == 401, "{dialect:?} {known}");
    }
}

#[test]
fn no_answer_tells_of_the_rule_and_none_may_be_stored() {
    for reason in all_reasons() {
        for dialect in [Dialect::Ibexa, Dialect::Magento, Dialect::Problem] {
            for accept in ["application/json", "application/xml", "*/*"] {
                let response = refuse(&Refusal::new(reason.clone(), true), &reader(dialect, accept));
                let unavailable = matches!(reason, Reason::Unavailable(_));
                assert_eq!(response.status() == 503, unavailable);
                let limited = matches!(reason, Reason::TooMany(_));
                assert_eq!(response.status() == 429, limited);
                assert_eq!(response.headers().get(RETRY_AFTER).is_some(), unavailable || limited);
                assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
                assert_eq!(response.headers()[REFERRER_POLICY], "no-referrer");
                assert_eq!(response.headers()[X_CONTENT_TYPE_OPTIONS], "nosniff");
                let length: u64 = response.headers()[CONTENT_LENGTH].to_str().unwrap().parse().unwrap();
                assert_eq!(response.body().size_hint().exact(), Some(length));
                let body = text(response);
                assert!(!body.contains("secret") && !body.is_empty(), "{body}");
            }
        }
    }
}

#[test]
fn the_texts_of_the_contracts_are_exact() {
    let ibexa = |reason| {
        let body = text(refuse(&Refusal::new(reason, true), &reader(Dialect::Ibexa, "application/json")));
        let json: serde_json::Value = serde_json::from_str(&body).unwrap();
        (
            json["ErrorMessage"]["errorCode"].as_u64().unwrap(),
            json["ErrorMessage"]["errorDescription"].as_str().unwrap().to_owned(),
        )
    };
    assert_eq!(ibexa(Reason::Csrf), (401, "Missing or invalid CSRF token".into()));
    assert_eq!(ibexa(Reason::UserChanged), (401, "Expectation failed. User changed.".into()));
    assert_eq!(ibexa(Reason::Unavailable("x".into())), (503, ibexa::SERVER_ERROR.into()));
    let magento = |reason| text(refuse(&Refusal::new(reason, false), &reader(Dialect::Magento, "*/*")));
    assert_eq!(
        magento(lacking()),
        r#"{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":"A::b, C::d"}}"#
    );
    assert_eq!(magento(Reason::NoRoute), r#"{"message":"Request does not match any route."}"#);
    assert_eq!(magento(Reason::Insecure(Source::new("f", 1))), r#"{"message":"Operation allowed only in HTTPS"}"#);
    assert_eq!(
        magento(Reason::NoParameter("customerId".into())),
        r#"{"message":"\"%fieldName\" is required. Enter and try again.","parameters":{"fieldName":"customerId"}}"#
    );
    let problem = text(refuse(&Refusal::new(lacking(), true), &reader(Dialect::Problem, "*/*")));
    assert_eq!(problem, r#"{"type":"about:blank","title":"Forbidden","status":403,"request_id":"0af1"}"#);
}

#[test]
fn each_dialect_chooses_its_format() {
    for (dialect, accept, kind) in [
        (Dialect::Ibexa, "*/*", "application/vnd.ibexa.api.ErrorMessage+xml"),
        (Dialect::Ibexa, "application/vnd.ibexa.api.Session+json", "application/vnd.ibexa.api.ErrorMessage+json"),
        (Dialect::Magento, "*/*", "application/json; charset=utf-8"),
        (Dialect::Magento, "text/xml", "application/xml; charset=utf-8"),
        (Dialect::Problem, "*/*", "application/problem+json"),
        (Dialect::Problem, "application/xml", "application/problem+xml"),
    ] {
        let response = refuse(&Refusal::new(Reason::Csrf, true), &reader(dialect, accept));
        assert_eq!(response.headers()[CONTENT_TYPE], kind, "{dialect:?} {accept}");
    }
}

#[test]
fn what_magento_cannot_write_is_406_but_server_errors_stay() {
    let to = reader(Dialect::Magento, "text/html");
    assert_eq!(refuse(&Refusal::new(lacking(), false), &to).status(), 406);
    assert_eq!(refuse(&Refusal::new(Reason::Unavailable("x".into()), false), &to).status(), 503);
    assert_eq!(upstream_trouble(StatusCode::BAD_GATEWAY, &to).status(), 502);
}

#[test]
fn bad_requests_and_upstream_trouble_speak_the_dialect() {
    let masked = text(error(StatusCode::INTERNAL_SERVER_ERROR, "boom", &reader(Dialect::Magento, "*/*")));
    assert!(masked.contains("webapi-0af1000000000") && !masked.contains("boom"), "{masked}");
    for status in [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE, StatusCode::GATEWAY_TIMEOUT] {
        let json: serde_json::Value =
            serde_json::from_str(&text(upstream_trouble(status, &reader(Dialect::Problem, "*/*")))).unwrap();
        assert_eq!(json["status"], status.as_u16());
        assert!(json.get("detail").is_none());
        let body = text(upstream_trouble(status, &reader(Dialect::Ibexa, "application/json")));
        assert!(body.contains(ibexa::SERVER_ERROR), "{body}");
    }
    let to = reader(Dialect::Problem, "*/*");
    let misdirected = text(error(StatusCode::MISDIRECTED_REQUEST, "No such host here.", &to));
    assert!(misdirected.contains("\"detail\":\"No such host here.\""), "{misdirected}");
}

#[test]
fn a_head_request_gets_the_length_and_no_body() {
    let mut to = reader(Dialect::Problem, "*/*");
    let length = refuse(&Refusal::new(Reason::NoRoute, false), &to).headers()[CONTENT_LENGTH].clone();
    to.head = true;
    let response = refuse(&Refusal::new(Reason::NoRoute, false), &to);
    assert_eq!(response.headers()[CONTENT_LENGTH], length);
    assert_eq!(text(response), "");
}

#[test]
fn options_names_the_methods() {
    let response = options(HeaderValue::from_static("GET,POST"));
    assert_eq!((response.status(), &response.headers()[ALLOW]), (StatusCode::OK, &HeaderValue::from_static("GET,POST")));
    assert_eq!(response.headers()[CONTENT_LENGTH], "0");
}
