use super::*;
use proptest::prelude::*;

const JSON: &str = "application/vnd.ibexa.api.SessionInput+json";
const XML: &str = "application/vnd.ibexa.api.SessionInput+xml";

fn json(body: &str) -> Result<SessionInput, InputError> {
    SessionInput::read(Some(JSON), body.as_bytes())
}

fn xml(body: &str) -> Result<SessionInput, InputError> {
    SessionInput::read(Some(XML), body.as_bytes())
}

fn ada() -> SessionInput {
    SessionInput { login: "ada".into(), password: "pub<lish".into() }
}

#[test]
fn reads_a_session_input_in_both_formats() {
    let body = r#"{"SessionInput":{"login":"ada","password":"pub<lish"}}"#;
    assert_eq!(json(body), Ok(ada()));
    let other = r#"{"Whatever":{"_x":1,"more":[{}],"password":"pub\u003clish","login":"ada"},"second":{}}"#;
    assert_eq!(json(other), Ok(ada()), "the root's name is not checked, unknown members are ignored");
    assert_eq!(SessionInput::read(Some("application/json; charset=utf-8"), body.as_bytes()), Ok(ada()));
    let body = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SessionInput>\n  <login>ada</login>\n  <password>pub&lt;lish</password>\n</SessionInput>\n";
    assert_eq!(xml(body), Ok(ada()));
    assert_eq!(xml(&format!("\u{feff}{body}")), Ok(ada()));
    let other = "<x a='1'><!-- c --><y/><password>pub<![CDATA[<]]>lish</password><login>&#97;d&#x61;</login></x>";
    assert_eq!(xml(other), Ok(ada()));
    for kind in ["application/xml", "application/xml; charset=utf-8", "APPLICATION/VND.IBEXA.API.sessioninput+XML; version=1.0"] {
        assert_eq!(SessionInput::read(Some(kind), body.as_bytes()), Ok(ada()), "{kind}");
    }
}

#[test]
fn a_missing_member_is_named_and_login_comes_first() {
    for body in ["{}", "[]", "1", "null", r#"{"x":null}"#, r#"{"x":"y"}"#, r#"{"x":{}}"#, r#"{"x":{"password":"p"}}"#] {
        assert_eq!(json(body).unwrap_err().to_string(), "Missing 'login' attribute for SessionInput.", "{body}");
    }
    assert_eq!(json(r#"{"x":{"login":"l"}}"#).unwrap_err().to_string(), "Missing 'password' attribute for SessionInput.");
    assert_eq!(xml("<x/>").unwrap_err().to_string(), "Missing 'login' attribute for SessionInput.");
    assert_eq!(xml("<x>text</x>").unwrap_err().to_string(), "Missing 'login' attribute for SessionInput.");
    assert_eq!(xml("<x><login>l</login></x>").unwrap_err().to_string(), "Missing 'password' attribute for SessionInput.");
}

#[test]
fn null_is_empty_and_other_types_are_refused() {
    assert_eq!(json(r#"{"x":{"login":"l","password":null}}"#).unwrap().password, "");
    assert_eq!(xml("<x><login>l</login><password/></x>").unwrap().password, "");
    for value in ["1", "true", "[\"p\"]", "{\"a\":\"p\"}", "1.5", "-1"] {
        let body = format!(r#"{{"x":{{"login":"l","password":{value}}}}}"#);
        assert_eq!(json(&body), Err(InputError::NotText("SessionInput", "password")), "{value}");
    }
    for password in ["<password><a>p</a></password>", "<password>p</password><password>q</password>"] {
        assert_eq!(
            xml(&format!("<x><login>l</login>{password}</x>")),
            Err(InputError::NotText("SessionInput", "password")),
            "{password}"
        );
    }
}

#[test]
fn the_content_type_decides_and_is_judged() {
    let read = |kind: Option<&str>| SessionInput::read(kind, b"<x/>").unwrap_err().to_string();
    assert_eq!(read(None), "Missing Content-Type header in message.");
    assert_eq!(read(Some(" ")), "Missing Content-Type header in message.");
    assert_eq!(read(Some("application/vnd.ibexa.api.SessionInput+yaml")), "Unknown format specification: 'yaml'.");
    assert_eq!(
        read(Some("application/vnd.ibexa.api.Foo+xml")),
        "Unknown content type specification: 'application/vnd.ibexa.api.Foo (version: 1.0)'."
    );
    assert_eq!(
        read(Some("application/vnd.ibexa.api.Foo+xml; charset=x; version=1.1")),
        "Unknown content type specification: 'application/vnd.ibexa.api.Foo (version: 1.1)'."
    );
    assert_eq!(read(Some("text/plain")), "Unknown content type specification: 'text/plain (version: 1.0)'.");
    assert_eq!(read(Some("a/<b>\u{1}+xml")), "Unknown content type specification.", "nothing odd is repeated");
    assert_eq!(read(Some("a/b+c+xml")), "Unknown content type specification: 'a/b+c+xml (version: 1.0)'.");
    assert_eq!(SessionInput::read(Some("text/plain"), b"not xml").unwrap_err().status(), 400);
}

#[test]
fn an_error_never_repeats_the_body() {
    for (kind, body) in [
        (JSON, r#"{"SessionInput":{"login":"admin","password":"secret""#),
        (JSON, r#"{"SessionInput":{"login":"admin","password":"secret","password":"secret"}}"#),
        (JSON, r#"{"SessionInput":{"login":"admin","password":secret}}"#),
        (XML, "<SessionInput><login>admin</login><password>secret</SessionInput>"),
        (XML, "<SessionInput><login>admin</login><password>&secret;</password></SessionInput>"),
        (XML, "<secret secret='1' secret='2'/>"),
        ("application/json", "secret"),
        ("application/xml", "secret"),
    ] {
        let error = SessionInput::read(Some(kind), body.as_bytes()).unwrap_err();
        let debug = format!("{error} {error:?}");
        assert!(!debug.contains("secret"), "{debug}");
        assert_eq!(error.status(), 400);
    }
    assert!(!format!("{:?}", ada()).contains("lish"));
}

#[test]
fn refuses_json_attacks() {
    let deep = |n: usize| format!(r#"{{"x":{}"login"{}}}"#, "[".repeat(n), "]".repeat(n));
    assert_eq!(json(&deep(40)), Err(InputError::Json("Maximum stack depth exceeded")));
    assert_eq!(json(&deep(50_000 / 2)), Err(InputError::Json("Maximum stack depth exceeded")));
    assert_eq!(json(&deep(MAX_DEPTH - 1)), Err(InputError::Missing("SessionInput", "login")));
    let big = format!(r#"{{"x":{{"login":"{}"}}}}"#, "a".repeat(MAX_SIZE));
    assert_eq!(json(&big).unwrap_err().status(), 413);
    for (body, why) in [
        (r#"{"x":{"login":"a","login":"b","password":"p"}}"#, "Repeated member name"),
        (r#"{"x":{"login":"a","lo\u0067in":"b","password":"p"}}"#, "Repeated member name"),
        (r#"{"x":1,"x":2}"#, "Repeated member name"),
        ("", "Syntax error"),
        ("{}{}", "Syntax error"),
        (r#"{"x":{"login":"a","password":"p"}} x"#, "Syntax error"),
        (r#"{"x":{"login":"\ud800","password":"p"}}"#, "Syntax error"),
        ("\u{feff}{}", "Syntax error"),
        (r#"{"x":1e999}"#, "Syntax error"),
    ] {
        assert_eq!(json(body), Err(InputError::Json(why)), "{body}");
    }
    let utf16: Vec<u8> = r#"{"x":1}"#.encode_utf16().flat_map(u16::to_le_bytes).chain([0xff]).collect();
    assert!(matches!(SessionInput::read(Some(JSON), &utf16), Err(InputError::Json(_))));
    let broken = SessionInput::read(Some(JSON), b"{\"x\":\"\xff\"}");
    assert_eq!(broken, Err(InputError::Json("Malformed UTF-8 characters, possibly incorrectly encoded")));
}

#[test]
fn refuses_xml_attacks() {
    let bombs = "<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;'>";
    let flood: String = (0..40).map(|n| format!(" a{n}='1'")).collect();
    for body in [
        format!("<?xml version='1.0'?><!DOCTYPE x [{bombs}]><x><login>&lol2;</login><password>p</password></x>"),
        "<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>".to_owned(),
        "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><x><login>&e;</login></x>".to_owned(),
        "<x><login>&e;</login><password>p</password></x>".to_owned(),
        "<x><login a='&e;'>l</login><password>p</password></x>".to_owned(),
        "<?xml-stylesheet href='x'?><x/>".to_owned(),
        "<x><?php echo 1 ?></x>".to_owned(),
        format!("{}{}", "<a>".repeat(MAX_DEPTH + 1), "</a>".repeat(MAX_DEPTH + 1)),
        "<a>".repeat(20_000),
        format!("<x{flood}/>"),
        "<x a='1' a='2'/>".to_owned(),
        "<x a=1/>".to_owned(),
        "<x a='<'/>".to_owned(),
        "<?xml version='1.0' encoding='UTF-16'?><x/>".to_owned(),
        "<?xml version='1.0' encoding='ISO-8859-1'?><x/>".to_owned(),
        "<?xml version='1.1'?><x/>".to_owned(),
        " <?xml version='1.0'?><x/>".to_owned(),
        "<x/><y/>".to_owned(),
        "<x/>text".to_owned(),
        "text<x/>".to_owned(),
        "<x>".to_owned(),
        "</x>".to_owned(),
        "<x></y>".to_owned(),
        "<x>\u{1}</x>".to_owned(),
        "<x>&#0;</x>".to_owned(),
        "<x>&#xD800;</x>".to_owned(),
        "<x>&#x110000;</x>".to_owned(),
        "<x>&</x>".to_owned(),
        "<x><![CDATA[</x>".to_owned(),
        "<![CDATA[x]]>".to_owned(),
        "&lt;x/&gt;".to_owned(),
        String::new(),
    ] {
        let error = xml(&body).unwrap_err();
        assert!(matches!(error, InputError::Xml { .. }), "{body:.80}: {error}");
    }
    let utf16: Vec<u8> = "\u{feff}<x><login>l</login></x>".encode_utf16().flat_map(u16::to_be_bytes).collect();
    assert!(matches!(SessionInput::read(Some(XML), &utf16), Err(InputError::Xml { what: "The document is not UTF-8", .. })));
    assert_eq!(xml(&format!("<x>{}</x>", " ".repeat(MAX_SIZE))).unwrap_err().status(), 413);
    let allowed = format!("{}{}", "<a>".repeat(MAX_DEPTH), "</a>".repeat(MAX_DEPTH));
    assert_eq!(xml(&allowed), Err(InputError::Missing("SessionInput", "login")));
}

#[test]
fn an_xml_error_names_its_place() {
    assert_eq!(
        xml("<x>\n  <login>&e;</login></x>").unwrap_err().to_string(),
        "Detected errors in input XML:\n - In line 2 character 10: An entity that is not predefined"
    );
}

proptest! {
    #[test]
    fn never_panics_on_bytes(body in prop::collection::vec(any::<u8>(), 0..300), kind in ".{0,40}") {
        for kind in [JSON, XML, &kind] {
            let _ = SessionInput::read(Some(kind), &body);
        }
    }

    #[test]
    fn never_panics_on_what_looks_like_xml(body in "(<[a-c/!?]{0,3}|>|&[a-z#0-9]{0,3};?|[\\[\\]'\"= a\n]|-){0,60}") {
        let _ = xml(&body);
    }

    #[test]
    fn any_login_and_password_come_through_json(login in any::<String>(), password in any::<String>()) {
        let body = serde_json::json!({"SessionInput": {"login": &login, "password": &password}}).to_string();
        prop_assert_eq!(json(&body), Ok(SessionInput { login, password }));
    }

    #[test]
    fn any_login_comes_through_xml(login in "[^\u{0}-\u{1f}\u{fffe}\u{ffff}]{1,40}") {
        let mut body = "<SessionInput><login>".to_owned();
        crate::xml::escape(&mut body, &login);
        body.push_str("</login><password>p</password></SessionInput>");
        prop_assert_eq!(xml(&body).map(|input| input.login), Ok(login));
    }
}

fn jwt(format: &str, body: &str) -> Result<JwtInput, String> {
    JwtInput::read(Some(&format!("application/vnd.ibexa.api.JWTInput+{format}")), body.as_bytes()).map_err(|e| e.to_string())
}

/// `JWTInputTest` and what the newer version says of JSON (ibexa-rest 3.1).
#[test]
fn jwt_input_test() {
    let ada = |format| Ok(JwtInput { username: "ada".into(), password: "p".into(), format });
    assert_eq!(jwt("json", r#"{"JWTInput":{"username":"ada","password":"p"}}"#), ada(Format::Json));
    assert_eq!(jwt("xml", "<JWTInput><password>p</password><username>ada</username></JWTInput>"), ada(Format::Xml));
    for (body, words) in [
        ("<JWTInput><username>ada</username></JWTInput>", "Missing 'password' attribute for JWTInput."),
        ("<JWTInput><password>p</password></JWTInput>", "Missing 'username' attribute for JWTInput."),
        ("<JWTInput/>", "Missing 'username' attribute for JWTInput."),
    ] {
        assert_eq!(jwt("xml", body), Err(words.to_owned()), "{body}");
    }
    for body in ["", "{", "[]", "1", "null", r#""x""#] {
        assert_eq!(jwt("json", body), Err("Invalid JSON.".to_owned()), "{body}");
    }
    for (body, words) in [
        ("{}", "The key \"JWTInput.username\" must be provided."),
        (r#"{"JWTInput":{"username":"ada"}}"#, "The key \"JWTInput.password\" must be provided."),
        (r#"{"JWTInput":{"username":[],"password":"p"}}"#, "The key \"JWTInput.username\" must be a non-empty string."),
        (r#"{"JWTInput":{"username":"","password":"p"}}"#, "The key \"JWTInput.username\" must be a non-empty string."),
        (r#"{"JWTInput":{"username":"ada","password":null}}"#, "The key \"JWTInput.password\" must be a non-empty string."),
    ] {
        assert_eq!(jwt("json", body), Err(words.to_owned()), "{body}");
    }
    // Found by its path, in JSON; in XML the root has any name (ibexa-rest 0.3).
    let body = br#"{"x":{"username":"v","password":"p"},"JWTInput":{"username":"u","password":"p"}}"#;
    assert_eq!(JwtInput::read(Some("application/json; charset=utf-8"), body).unwrap().username, "u");
    assert_eq!(
        jwt("json", r#"{"x":{"username":"ada","password":"p"}}"#),
        Err("The key \"JWTInput.username\" must be provided.".into())
    );
    assert_eq!(jwt("xml", "<x><password>p</password><username>ada</username></x>"), ada(Format::Xml));
    assert_eq!(JwtInput::read(None, b"{}"), Err(InputError::NoContentType));
    let other = JwtInput::read(Some("application/vnd.ibexa.api.SessionInput+json"), b"{}").unwrap_err();
    assert!(matches!(other, InputError::UnknownType(_)), "{other}");
    assert!(!format!("{:?}", jwt("json", r#"{"JWTInput":{"username":"ada","password":"hunter2"}}"#)).contains("hunter2"));
}
