//! The cases of the dialect's functional `SessionTest`, each against the demo, in JSON and in XML.

use super::{Door, Format, NAMELESS, PREFIX, Session, both, pages};

both!(session_test_login);
fn session_test_login(format: Format) {
    let door = Door::demo();
    let reply = door.try_sign_in(format, "admin", "publish", "");
    assert_eq!(reply.status, 201, "{reply:?}");
    let session = Session::read(format, &reply);
    assert_eq!(session.href, format!("{PREFIX}/user/sessions/{}", session.id));
    assert_eq!(reply.header("set-cookie").unwrap().split(';').next(), Some(&*session.pair()));
    assert!(!session.token.is_empty());
}

both!(session_test_create_session_bad_credentials);
fn session_test_create_session_bad_credentials(format: Format) {
    let door = Door::demo();
    let reply = door.try_sign_in(format, "admin", "bad_password", "");
    assert_eq!(format.attribute(&reply, "ErrorMessage", None, "media-type"), format.media("ErrorMessage"));
    assert_eq!(format.text(&reply, "ErrorMessage", "errorDescription"), "Invalid credentials.");
    assert_eq!((reply.status, reply.header("set-cookie")), (401, None));
    let unknown = door.try_sign_in(format, "nobody", "publish", "");
    assert_eq!((unknown.status, unknown.body), (401, reply.body), "whether there is such an account shows");
}

both!(session_test_create_session);
fn session_test_create_session(format: Format) {
    let door = Door::demo();
    let reply = door.try_sign_in(format, "admin", "publish", "");
    assert!(reply.head.starts_with("HTTP/1.1 201 Created\r\n"), "{}", reply.head);
    let session = Session::read(format, &reply);
    assert_eq!(reply.header("location"), Some(&*session.href));
    assert!(door.lives(&session));
}

both!(session_test_refresh_session);
fn session_test_refresh_session(format: Format) {
    let (door, session) = Door::login(format);
    let reply = door.refresh(format, &session.href, &session.both());
    assert_eq!(reply.status, 200, "{reply:?}");
    let shown = Session::read(format, &reply);
    assert_eq!((shown.id, shown.token, shown.href), (session.id, session.token, session.href), "nothing changes");
}

both!(session_test_refresh_session_expired);
fn session_test_refresh_session_expired(format: Format) {
    let (door, session) = Door::login(format);
    let deleted = door.delete(&session.href, &session.both());
    assert_eq!(deleted.status, 204, "{deleted:?}");
    session.is_deleted_by(&deleted);
    let reply = door.refresh(format, &session.href, &session.both());
    assert_eq!((reply.status, &*reply.body), (404, ""), "{reply:?}");
    session.is_deleted_by(&reply);
}

both!(session_test_refresh_session_missing_csrf_token);
fn session_test_refresh_session_missing_csrf_token(format: Format) {
    let (door, session) = Door::login(format);
    format.refused_for_token(&door.refresh(format, &session.href, &session.cookie()));
    assert!(door.lives(&session));
}

both!(session_test_delete_session);
fn session_test_delete_session(format: Format) {
    let (door, session) = Door::login(format);
    let reply = door.server.send("DELETE", &session.href, &format!("Accept: {NAMELESS}\r\n{}", session.both()), "");
    assert_eq!((reply.status, &*reply.body), (204, ""), "{reply:?}");
    session.is_deleted_by(&reply);
    assert!(!door.lives(&session));
}

both!(session_test_delete_session_missing_csrf_token);
fn session_test_delete_session_missing_csrf_token(format: Format) {
    let (door, session) = Door::login(format);
    let reply = door.delete(&session.href, &format!("{}{}", format.accept("Session"), session.cookie()));
    // The nameless type comes first, so the error is XML; with the named one alone it is what that says.
    Format::Xml.refused_for_token(&reply);
    let reply = door.server.send("DELETE", &session.href, &format!("{}{}", format.accept("Session"), session.cookie()), "");
    format.refused_for_token(&reply);
    assert!(door.lives(&session));
}

both!(session_test_delete_session_expired);
fn session_test_delete_session_expired(format: Format) {
    let (door, session) = Door::login(format);
    let reply = door.delete(&session.href, &session.both());
    assert_eq!(reply.status, 204, "{reply:?}");
    session.is_deleted_by(&reply);
    let again = door.delete(&session.href, &session.both());
    assert_eq!((again.status, &*again.body), (404, ""), "{again:?}");
    session.is_deleted_by(&again);
}

both!(session_test_login_with_existing_frontend_session);
fn session_test_login_with_existing_frontend_session(format: Format) {
    let door = Door::demo();
    let form = pages::Form::open(&door.server, "/login", "");
    let reply = form.submit(&door.server, "admin", "publish");
    assert!((300..400).contains(&reply.status), "{reply:?}");
    let whole = reply.header("set-cookie").expect("no session was started").to_owned();
    let again = door.try_sign_in(format, "admin", "publish", &format!("Cookie: {whole}\r\n"));
    assert_eq!(again.status, 201, "{again:?}");
    let session = Session::read(format, &again);
    assert_ne!(whole.split(';').next(), Some(&*session.pair()), "the session is a new one");
    let old = format!("Cookie: {}\r\n", whole.split(';').next().unwrap());
    assert_eq!(door.get("/user/current", &old).status, 401, "the old one is over");
}

both!(session_test_check_session);
fn session_test_check_session(format: Format) {
    let (door, session) = Door::login(format);
    for headers in [session.both(), session.cookie()] {
        let reply = door.get("/user/sessions/current", &format!("{}{headers}", format.accept("Session")));
        assert_eq!(reply.status, 200, "{reply:?}");
        let shown = Session::read(format, &reply);
        assert_eq!((&shown.name, &shown.id, &shown.href), (&session.name, &session.id, &session.href));
        assert_ne!(shown.token, session.token, "a token is masked anew each time");
        assert_eq!(door.refresh(format, &session.href, &shown.both()).status, 200, "and good as long as the session");
        assert_eq!(door.refresh(format, &session.href, &session.both()).status, 200, "and so are the older ones");
    }
}

both!(session_test_check_session_without_one);
fn session_test_check_session_without_one(format: Format) {
    let door = Door::demo();
    let reply = door.get("/user/sessions/current", &format.accept("Session"));
    assert_eq!((reply.status, &*reply.body, reply.header("content-length")), (404, "", Some("0")), "{reply:?}");
}
