//! The requests of the Ibexa guide to sessions as it prints them, sent to the demo byte for byte. Added is a
//! `Content-Length` where there is a body; replaced are host, cookie names and values, ids and tokens.

use crate::{
    ibexa::{Door, Format, Session},
    support::{Server, Site, client::Reply, eventually, upstream::Upstream},
};

const CREATE_XML: &str = r#"POST /user/sessions HTTP/1.1
Host: {host}
Accept: application/vnd.ibexa.api.Session+xml
Content-Type: application/vnd.ibexa.api.SessionInput+xml

<?xml version="1.0" encoding="UTF-8"?>
<SessionInput>
  <login>admin</login>
  <password>publish</password>
</SessionInput>
"#;

const CREATE_JSON: &str = r#"POST /user/sessions HTTP/1.1
Host: {host}
Accept: application/vnd.ibexa.api.Session+json
Content-Type: application/vnd.ibexa.api.SessionInput+json

{
  "SessionInput": {
    "login": "admin",
    "password": "publish"
  }
}
"#;

const AGAIN_XML: &str = r#"POST /user/sessions HTTP/1.1
Host: {host}
Accept: application/vnd.ibexa.api.Session+xml
Content-Type: application/vnd.ibexa.api.SessionInput+xml
Cookie: {cookie}
X-CSRF-Token: {token}

<?xml version="1.0" encoding="UTF-8"?>
<SessionInput>
  <login>admin</login>
  <password>publish</password>
</SessionInput>
"#;

const AGAIN_JSON: &str = r#"POST /user/sessions HTTP/1.1
Host: {host}
Accept: application/vnd.ibexa.api.Session+json
Content-Type: application/vnd.ibexa.api.SessionInput+json
Cookie: {cookie}
X-CSRF-Token: {token}

{
  "SessionInput": {
    "login": "admin",
    "password": "publish"
  }
}
"#;

const USE_COOKIE: &str = "GET /content/locations/1/5 HTTP/1.1
Host: {host}
Accept: Accept: application/vnd.ibexa.api.Location+xml
Cookie: {cookie}

";

const DELETE_TYPE: &str = "DELETE /content/types/32 HTTP/1.1
Host: {host}
Cookie: {cookie}
X-CSRF-Token: {token}

";

const SIGN_OUT: &str = "DELETE /user/sessions/{id} HTTP/1.1
Host: {host}
Cookie: {cookie}
X-CSRF-Token: {token}

";

/// Sends a printed request for this session.
fn send(server: &Server, printed: &str, session: Option<&Session>) -> Reply {
    let (head, body) = printed.split_once("\n\n").unwrap();
    let mut head = head.replace("{host}", &server.public.to_string());
    if let Some(session) = session {
        head = head.replace("{cookie}", &session.pair()).replace("{token}", &session.token).replace("{id}", &session.id);
    }
    let length = if body.is_empty() { String::new() } else { format!("\r\nContent-Length: {}", body.len()) };
    server.exchange(&format!("{}{length}\r\n\r\n{body}", head.replace('\n', "\r\n")))
}

/// The demo with a session that was made by the printed request.
fn established(format: Format) -> (Door, Session, Reply) {
    let door = Door::demo();
    let reply = send(&door.server, if format == Format::Xml { CREATE_XML } else { CREATE_JSON }, None);
    assert_eq!(reply.status, 201, "{reply:?}");
    let session = Session::read(format, &reply);
    (door, session, reply)
}

fn creates_a_session(format: Format) {
    let (_door, session, reply) = established(format);
    assert!(reply.head.starts_with("HTTP/1.1 201 Created\r\n"), "{}", reply.head);
    assert_eq!(reply.header("location"), Some(&*format!("/user/sessions/{}", session.id)));
    let cookie: Vec<&str> = reply.header("set-cookie").unwrap().split("; ").collect();
    assert_eq!(cookie[0], session.pair(), "the id is the cookie's value");
    assert!(cookie.contains(&"path=/") && cookie.contains(&"HttpOnly"), "{cookie:?}");
    assert_eq!(session.href, format!("/user/sessions/{}", session.id));
    assert_eq!(format.attribute(&reply, "Session", Some("User"), "href"), "/user/users/14");
    match format {
        Format::Xml => assert!(reply.body.starts_with("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Session "), "{}", reply.body),
        Format::Json => assert!(reply.body.contains(r#""application\/vnd.ibexa.api.Session+json""#), "{}", reply.body),
    }
}

#[test]
fn creating_a_session_in_xml() {
    creates_a_session(Format::Xml);
}

#[test]
fn creating_a_session_in_json() {
    creates_a_session(Format::Json);
}

/// The demo takes no offence at the host of the print, nor at its cookie and token, which name no session here.
#[test]
fn the_printed_host_cookie_and_token_do_no_harm() {
    let door = Door::demo();
    let printed = |text: &str| {
        text.replace("{host}", "www.example.net")
            .replace("{cookie}", "eZSESSID98defd6ee70dfb1dea416=go327ij2cirpo59pb6rrv2a4el2")
            .replace("{token}", "23lk.neri34ijajedfw39orj-3j93")
            .replace("{id}", "go327ij2cirpo59pb6rrv2a4el2")
    };
    for (request, status) in [
        (CREATE_XML, 201),
        (CREATE_JSON, 201),
        (AGAIN_XML, 201),
        (AGAIN_JSON, 201),
        (USE_COOKIE, 401),
        (DELETE_TYPE, 401),
        (SIGN_OUT, 404),
    ] {
        let reply = send(&door.server, &printed(request), None);
        assert_eq!(reply.status, status, "{request}{reply:?}");
    }
}

/// The printed cookie has a name, a domain and an end that come from the directory's configuration.
#[test]
fn the_printed_cookie_comes_from_the_configuration() {
    let upstream = Upstream::start();
    let directory = "[[directory]]\nname = \"admins\"\nkind = \"admin\"\ncookie = \"eZSESSID98defd6ee70dfb1dea416\"\n\
                     cookie_domain = \".example.net\"\ncookie_lifetime = \"1h\"\n[[directory]]\nname = \"customers\"\n\
                     kind = \"customer\"\n[api]\nibexa_prefix = \"\"\n";
    let door = Door::serving(&upstream, directory, "");
    let reply = send(&door.server, CREATE_XML, None);
    let session = Session::read(Format::Xml, &reply);
    let cookie = reply.header("set-cookie").unwrap();
    let start = format!("eZSESSID98defd6ee70dfb1dea416={}; domain=.example.net; path=/; expires=", session.id);
    assert!(cookie.starts_with(&start), "{cookie}");
    assert!(cookie.contains(" GMT; ") && cookie.contains("; HttpOnly"), "{cookie}");
}

fn logs_in_with_an_active_session(format: Format) {
    let (door, session, _) = established(format);
    let reply = send(&door.server, if format == Format::Xml { AGAIN_XML } else { AGAIN_JSON }, Some(&session));
    assert!(reply.head.starts_with("HTTP/1.1 200 OK\r\n"), "{}", reply.head);
    let same = Session::read(format, &reply);
    assert_eq!((same.name, same.id, same.token), (session.name, session.id, session.token));
    assert_eq!(format.attribute(&reply, "Session", Some("User"), "href"), "/user/users/14");
    assert_eq!(reply.header("location"), None);
}

#[test]
fn logging_in_with_an_active_session_in_xml() {
    logs_in_with_an_active_session(Format::Xml);
}

#[test]
fn logging_in_with_an_active_session_in_json() {
    logs_in_with_an_active_session(Format::Json);
}

#[test]
fn using_the_session_cookie() {
    let (door, session, _) = established(Format::Xml);
    let reply = send(&door.server, USE_COOKIE, Some(&session));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.body.contains("<Location>"), "{}", reply.body);
    assert_eq!(reply.element("identity"), Some("admin/14"), "the service behind knows who called");
    let without = USE_COOKIE.replace("Cookie: {cookie}\n", "");
    assert_eq!(send(&door.server, &without, None).status, 401);
}

#[test]
fn deleting_with_the_csrf_token() {
    let (door, session, _) = established(Format::Json);
    let reply = send(&door.server, DELETE_TYPE, Some(&session));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(reply.body.contains("admin/14"), "{}", reply.body);
}

#[test]
fn deleting_without_the_csrf_token_is_unauthorized() {
    let (door, session, _) = established(Format::Xml);
    let missing = DELETE_TYPE.replace("\nX-CSRF-Token: {token}", "");
    let reply = send(&door.server, &missing, Some(&session));
    assert!(reply.head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{}", reply.head);
    Format::Xml.refused_for_token(&reply);
}

#[test]
fn deleting_with_an_incorrect_csrf_token_is_unauthorized() {
    let (door, session, _) = established(Format::Xml);
    let other = door.sign_in(Format::Json, "admin", "publish");
    for wrong in ["23lk.neri34ijajedfw39orj-3j93", &other.token, &session.id, &session.token[..session.token.len() - 2]] {
        let reply = send(&door.server, &DELETE_TYPE.replace("{token}", wrong), Some(&session));
        assert!(reply.head.starts_with("HTTP/1.1 401 Unauthorized\r\n"), "{}", reply.head);
        Format::Xml.refused_for_token(&reply);
    }
}

#[test]
fn logging_out() {
    let (door, session, _) = established(Format::Xml);
    let reply = send(&door.server, SIGN_OUT, Some(&session));
    assert_eq!((reply.status, &*reply.body), (204, ""), "{reply:?}");
    session.is_deleted_by(&reply);
    assert_eq!(send(&door.server, USE_COOKIE, Some(&session)).status, 401);
}

#[test]
fn logging_out_without_the_csrf_token_is_unauthorized() {
    let (door, session, _) = established(Format::Xml);
    let reply = send(&door.server, &SIGN_OUT.replace("\nX-CSRF-Token: {token}", ""), Some(&session));
    Format::Xml.refused_for_token(&reply);
    assert!(door.lives(&session));
}

/// None of it leaves a secret in the log.
#[test]
fn the_log_holds_no_secret_of_these_requests() {
    let site = Site::new("");
    let server = site.demo();
    let first = Session::read(Format::Xml, &send(&server, CREATE_XML, None));
    for request in [AGAIN_XML, USE_COOKIE, DELETE_TYPE, SIGN_OUT, SIGN_OUT, USE_COOKIE] {
        send(&server, request, Some(&first));
    }
    eventually("six requests in the log", || (server.log().matches(" request ").count() >= 7).then_some(()));
    let (_, log) = server.stop();
    for secret in [&*first.id, &first.token, "publish"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}
