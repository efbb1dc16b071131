use super::*;
use quick_xml::events::Event;

const SESSION: Session<'_> =
    Session { prefix: "/api/ibexa/v2", name: "IBX_SESSION_ID", identifier: "sid", csrf_token: "a.b.c", user: 14 };

#[test]
fn a_session_in_xml() {
    let document = SESSION.document(Format::Xml);
    assert_eq!(document.content_type, "application/vnd.ibexa.api.Session+xml");
    assert_eq!(
        document.body,
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Session media-type="application/vnd.ibexa.api.Session+xml" href="/api/ibexa/v2/user/sessions/sid">
  <name>IBX_SESSION_ID</name>
  <identifier>sid</identifier>
  <csrfToken>a.b.c</csrfToken>
  <User media-type="application/vnd.ibexa.api.User+xml" href="/api/ibexa/v2/user/users/14"/>
</Session>
"#
    );
}

#[test]
fn a_session_in_json() {
    let document = SESSION.document(Format::Json);
    assert_eq!(document.content_type, "application/vnd.ibexa.api.Session+json");
    assert_eq!(
        document.body,
        r#"{
    "Session": {
        "_media-type": "application\/vnd.ibexa.api.Session+json",
        "_href": "\/api\/ibexa\/v2\/user\/sessions\/sid",
        "name": "IBX_SESSION_ID",
        "identifier": "sid",
        "csrfToken": "a.b.c",
        "User": {
            "_media-type": "application\/vnd.ibexa.api.User+json",
            "_href": "\/api\/ibexa\/v2\/user\/users\/14"
        }
    }
}"#
    );
}

#[test]
fn a_user_in_both_formats() {
    let user = User { prefix: "", id: 14, login: "ada", email: "", enabled: true };
    assert_eq!(
        user.document(Format::Xml).body,
        r#"<?xml version="1.0" encoding="UTF-8"?>
<User media-type="application/vnd.ibexa.api.User+xml" href="/user/users/14" id="14">
  <name>ada</name>
  <login>ada</login>
  <email/>
  <enabled>true</enabled>
</User>
"#
    );
    assert_eq!(
        user.document(Format::Json).body,
        r#"{
    "User": {
        "_media-type": "application\/vnd.ibexa.api.User+json",
        "_href": "\/user\/users\/14",
        "_id": "14",
        "name": "ada",
        "login": "ada",
        "email": "",
        "enabled": true
    }
}"#
    );
}

#[test]
fn a_root_in_both_formats() {
    let root = Root { prefix: "/api/ibexa/v2", sessions: true };
    assert_eq!(
        root.document(Format::Xml).body,
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Root media-type="application/vnd.ibexa.api.Root+xml">
  <createSession media-type="application/vnd.ibexa.api.UserSession+xml" href="/api/ibexa/v2/user/sessions"/>
  <refreshSession media-type="application/vnd.ibexa.api.UserSession+xml" href="/api/ibexa/v2/user/sessions/{sessionId}/refresh"/>
</Root>
"#
    );
    assert!(root.document(Format::Json).body.contains(r#""_href": "\/api\/ibexa\/v2\/user\/sessions\/{sessionId}\/refresh""#));
    let empty = Root { prefix: "", sessions: false };
    assert!(empty.document(Format::Xml).body.ends_with("<Root media-type=\"application/vnd.ibexa.api.Root+xml\"/>\n"));
}

#[test]
fn an_error_in_both_formats() {
    let error = ErrorMessage { code: 401, description: "Missing or invalid CSRF token", routing: false };
    assert_eq!(
        error.document(Format::Xml),
        Document {
            content_type: "application/vnd.ibexa.api.ErrorMessage+xml".into(),
            body: r#"<?xml version="1.0" encoding="UTF-8"?>
<ErrorMessage media-type="application/vnd.ibexa.api.ErrorMessage+xml">
  <errorCode>401</errorCode>
  <errorMessage>Unauthorized</errorMessage>
  <errorDescription>Missing or invalid CSRF token</errorDescription>
</ErrorMessage>
"#
            .into(),
        }
    );
    assert_eq!(
        error.document(Format::Json).body,
        r#"{
    "ErrorMessage": {
        "_media-type": "application\/vnd.ibexa.api.ErrorMessage+json",
        "errorCode": 401,
        "errorMessage": "Unauthorized",
        "errorDescription": "Missing or invalid CSRF token"
    }
}"#
    );
}

#[test]
fn a_routing_error_nests_another() {
    let error = ErrorMessage { code: 404, description: "No such route", routing: true };
    let json: serde_json::Value = serde_json::from_str(&error.document(Format::Json).body).unwrap();
    let previous = &json["ErrorMessage"]["Previous"];
    assert_eq!(previous["_media-type"], "application/vnd.ibexa.api.ErrorMessage+json");
    assert_eq!(previous["ErrorMessage"]["errorCode"], 500);
    assert_eq!(previous["ErrorMessage"]["errorDescription"], SERVER_ERROR);
    let xml = error.document(Format::Xml).body;
    assert!(xml.contains("  <Previous media-type=\"application/vnd.ibexa.api.ErrorMessage+xml\">\n    <ErrorMessage"), "{xml}");
}

#[test]
fn errors_have_their_phrase_and_server_errors_no_detail() {
    for (code, phrase) in [
        (400, "Bad Request"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (404, "Not Found"),
        (406, "Not Acceptable"),
        (409, "Conflict"),
        (500, "Internal Server Error"),
        (501, "Not Implemented"),
        (504, "Gateway Time-out"),
        (599, "Internal Server Error"),
    ] {
        let error = ErrorMessage { code, description: "the store said no", routing: false };
        let json: serde_json::Value = serde_json::from_str(&error.document(Format::Json).body).unwrap();
        assert_eq!(json["ErrorMessage"]["errorMessage"], phrase);
        let description = if code < 500 { "the store said no" } else { SERVER_ERROR };
        assert_eq!(json["ErrorMessage"]["errorDescription"], description);
    }
}

#[test]
fn lists_are_arrays_even_of_one_and_attributes_go_beside_text() {
    let element = Element::object("A", "A")
        .list("b", vec![Element::text("b", "x").with("lang", "en")])
        .list("none", Vec::new())
        .child(Element::text("c", "1 < 2 ]]> 3"))
        .child(Element::text("d", "\u{1}"));
    let json: serde_json::Value = serde_json::from_str(&element.document(Format::Json).body).unwrap();
    assert_eq!(json["A"]["b"], serde_json::json!([{"_lang": "en", "#text": "x"}]));
    assert_eq!(json["A"]["none"], serde_json::json!([]));
    let xml = element.document(Format::Xml).body;
    assert!(xml.contains("  <b lang=\"en\">x</b>\n  <c><![CDATA[1 < 2 ]]]]><![CDATA[> 3]]></c>\n  <d>\u{fffd}</d>\n"), "{xml}");
}

proptest::proptest! {
    #[test]
    fn whatever_is_written_reads_back(text in proptest::arbitrary::any::<String>(), value in proptest::arbitrary::any::<String>()) {
        let element = Element::object("A", "A").child(Element::text("b", &text).with("href", &value));
        let possible = |text: &str| text.chars().map(|c| if crate::xml::is_char(c) { c } else { '\u{fffd}' }).collect::<String>();

        let json: serde_json::Value = serde_json::from_str(&element.document(Format::Json).body).unwrap();
        proptest::prop_assert_eq!(json["A"]["b"]["#text"].as_str(), Some(&*text));
        proptest::prop_assert_eq!(json["A"]["b"]["_href"].as_str(), Some(&*value));

        let xml = element.document(Format::Xml).body;
        let mut reader = quick_xml::Reader::from_str(&xml);
        let (mut read, mut href, mut inside) = (String::new(), String::new(), false);
        loop {
            match reader.read_event().unwrap() {
                event @ (Event::Start(_) | Event::Empty(_)) => {
                    let opened = matches!(event, Event::Start(_));
                    let (Event::Start(start) | Event::Empty(start)) = event else { unreachable!() };
                    if start.name().as_ref() != "b" {
                        continue;
                    }
                    inside = opened;
                    let attribute = start.try_get_attribute("href").unwrap().unwrap();
                    href = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0).unwrap().into_owned();
                }
                Event::End(_) => inside = false,
                Event::Text(part) if inside => read.push_str(&part.xml10_content()),
                Event::CData(part) => read.push_str(&part.xml10_content()),
                Event::GeneralRef(part) => match part.resolve_char_ref().unwrap() {
                    Some(c) => read.push(c),
                    None => read.push_str(quick_xml::escape::resolve_predefined_entity(&part.xml10_content()).unwrap()),
                },
                Event::Eof => break,
                _ => {}
            }
        }
        proptest::prop_assert_eq!(read, possible(&text));
        proptest::prop_assert_eq!(href, possible(&value));
    }
}

/// The JWT visitor, and what `AuthenticationSuccessSubscriber` makes of a token (ibexa-rest 3.1).
#[test]
fn a_jwt_has_its_token_twice() {
    let jwt = Jwt { token: "a.b-_.c" };
    let xml = jwt.document(Format::Xml);
    assert_eq!(xml.content_type, "application/vnd.ibexa.api.JWT+xml");
    let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<JWT media-type=\"application/vnd.ibexa.api.JWT+xml\" \
                    token=\"a.b-_.c\">\n  <token>a.b-_.c</token>\n</JWT>\n";
    assert_eq!(xml.body, expected);
    let json = jwt.document(Format::Json);
    assert_eq!(json.content_type, "application/json");
    let said: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    let expected = serde_json::json!({ "JWT": {
        "_media-type": "application/vnd.ibexa.api.JWT+json", "_token": "a.b-_.c", "token": "a.b-_.c",
    } });
    assert_eq!(said, expected);
}

#[test]
fn a_bearers_failure_is_compact_json() {
    let document = bearer_failure(401, "Unable to find key \"username\" in the token payload.");
    assert_eq!(document.content_type, "application/json");
    assert_eq!(document.body, r#"{"code":401,"message":"Unable to find key \"username\" in the token payload."}"#);
}
