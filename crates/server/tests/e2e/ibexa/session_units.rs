//! The session parts of the dialect's unit tests: input, representations, the authenticator and signing out.

use super::{Door, Format, NAMELESS, PREFIX, Session, both};
use crate::support::{client::Reply, upstream::Upstream};

/// A sign-in with any body.
fn post(door: &Door, format: Format, content_type: Option<&str>, body: &str) -> Reply {
    let kind = content_type.map(|kind| format!("Content-Type: {kind}\r\n")).unwrap_or_default();
    door.server.send("POST", &format!("{PREFIX}/user/sessions"), &format!("{kind}{}", format.accept("Session")), body)
}

/// Members of a `SessionInput`, written in a format.
fn written(format: Format, root: &str, members: &[(&str, &str)]) -> String {
    let members: Vec<String> = members
        .iter()
        .map(|(name, value)| match format {
            Format::Json => format!("\"{name}\":\"{value}\""),
            Format::Xml => format!("<{name}>{value}</{name}>"),
        })
        .collect();
    match format {
        Format::Json => format!("{{\"{root}\":{{{}}}}}", members.join(",")),
        Format::Xml => format!("<{root}>{}</{root}>", members.concat()),
    }
}

both!(session_input_test_parse);
fn session_input_test_parse(format: Format) {
    let door = Door::demo();
    let kind = format.media("SessionInput");
    let (login, password) = (("login", "admin"), ("password", "publish"));
    for (root, members) in [
        ("SessionInput", &[login, password][..]),
        ("SessionInput", &[password, login]),
        ("Anything", &[login, password]),
        ("SessionInput", &[login, ("other", "x"), password]),
    ] {
        let body = written(format, root, members);
        assert_eq!(post(&door, format, Some(&kind), &body).status, 201, "{body}");
    }
}

both!(session_input_test_missing_password);
fn session_input_test_missing_password(format: Format) {
    missing(format, &[("login", "admin")], "Missing 'password' attribute for SessionInput.");
}

both!(session_input_test_missing_login);
fn session_input_test_missing_login(format: Format) {
    missing(format, &[("password", "publish")], "Missing 'login' attribute for SessionInput.");
    missing(format, &[], "Missing 'login' attribute for SessionInput.");
}

fn missing(format: Format, members: &[(&str, &str)], text: &str) {
    let door = Door::demo();
    let reply = post(&door, format, Some(&format.media("SessionInput")), &written(format, "SessionInput", members));
    assert_eq!(format.error(&reply, 400, "Bad Request"), text);
    assert_eq!(reply.header("set-cookie"), None);
}

both!(user_session_test);
/// The shape of a session that was not made now: `Session::read` asserts the rest of it.
fn user_session_test(format: Format) {
    let (door, session) = Door::login(format);
    for reply in [
        door.try_sign_in(format, "admin", "publish", &session.both()),
        door.refresh(format, &session.href, &session.both()),
        door.get("/user/sessions/current", &format!("{}{}", format.accept("Session"), session.cookie())),
    ] {
        assert_eq!(reply.status, 200, "{reply:?}");
        let shown = Session::read(format, &reply);
        assert_eq!((&shown.name, &shown.id, &shown.href), (&session.name, &session.id, &session.href));
        assert_eq!(format.attribute(&reply, "Session", Some("User"), "href"), format!("{PREFIX}/user/users/14"));
        assert_eq!(reply.header("location"), None);
        assert_eq!(reply.all("set-cookie").filter(|cookie| cookie.starts_with(&session.name)).count(), 0, "{reply:?}");
        assert_eq!(reply.header("accept-patch"), None);
    }
}

both!(user_session_created_test);
fn user_session_created_test(format: Format) {
    let door = Door::demo();
    let reply = door.try_sign_in(format, "admin", "publish", "");
    assert_eq!(reply.status, 201);
    let session = Session::read(format, &reply);
    assert_eq!(session.href, format!("{PREFIX}/user/sessions/{}", session.id));
    assert_eq!(format.attribute(&reply, "Session", Some("User"), "href"), format!("{PREFIX}/user/users/14"));
    // 128 bits at least, whatever the alphabet.
    assert!(session.id.len() >= 26 && session.id.bytes().all(|b| b.is_ascii_alphanumeric()), "{}", session.id);
}

both!(deleted_user_session_test);
fn deleted_user_session_test(format: Format) {
    let (door, session) = Door::login(format);
    let reply = door.delete(&session.href, &format!("{}{}", format.accept("Session"), session.both()));
    assert_eq!((reply.status, &*reply.body), (204, ""), "{reply:?}");
    assert_eq!((reply.header("content-type"), reply.header("content-length")), (None, None));
    session.is_deleted_by(&reply);
}

both!(rest_session_based_authenticator_test_existing_session_still_needs_the_password);
/// A session of the same account does not replace its password.
fn rest_session_based_authenticator_test_existing_session_still_needs_the_password(format: Format) {
    let (door, session) = Door::login(format);
    let reply = door.try_sign_in(format, "admin", "wrong", &session.both());
    assert_eq!(format.error(&reply, 401, "Unauthorized"), "Invalid credentials.");
    assert_eq!(reply.header("set-cookie"), None);
    assert!(door.lives(&session), "a failed sign-in ends nothing");
    let kept = door.try_sign_in(format, "admin", "publish", &session.both());
    assert_eq!((kept.status, Session::read(format, &kept).id), (200, session.id));
}

both!(rest_session_based_authenticator_test_user_conflict);
fn rest_session_based_authenticator_test_user_conflict(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", "");
    let session = door.sign_in(format, "admin", "publish");
    let wrong = door.try_sign_in(format, "editor", "wrong", &session.both());
    format.error(&wrong, 401, "Unauthorized");
    let reply = door.try_sign_in(format, "editor", "publish", &session.both());
    assert_eq!((reply.status, &*reply.body, reply.header("set-cookie")), (409, "", None), "{reply:?}");
    assert_eq!(door.get("/user/current", &session.cookie()).header("location"), Some("/api/ibexa/v2/user/users/1"));
    // Without the token nobody knows that the caller is the session's owner: a new session takes its place.
    let other = door.try_sign_in(format, "editor", "publish", &session.cookie());
    assert_eq!(other.status, 201, "{other:?}");
    assert!(!door.lives(&session), "the browser's old session is over");
    assert!(door.lives(&Session::read(format, &other)));
}

both!(rest_session_based_authenticator_test_previous_anonymous_session);
fn rest_session_based_authenticator_test_previous_anonymous_session(format: Format) {
    let door = Door::demo();
    for id in ["gone", "", "../../etc/passwd", &"a".repeat(32), &"a".repeat(3000)] {
        let reply = door.try_sign_in(format, "admin", "publish", &format!("Cookie: doorward_admins={id}\r\n"));
        assert_eq!(reply.status, 201, "{id}: {reply:?}");
        assert_ne!(Session::read(format, &reply).id, id, "an id is never taken from the client");
        let set = reply.all("set-cookie").filter(|cookie| cookie.starts_with("doorward_admins=")).count();
        assert_eq!(set, 1, "the cookie is set, not deleted and set: {reply:?}");
    }
}

both!(rest_session_based_authenticator_test_logout);
fn rest_session_based_authenticator_test_logout(format: Format) {
    let (door, session) = Door::login(format);
    let other = door.sign_in(format, "admin", "publish");
    assert_eq!(door.delete(&session.href, &session.both()).status, 204);
    assert!(!door.lives(&session) && door.lives(&other), "signing out ends one session, not all of the account");
}

both!(rest_logout_handler_test);
/// Without settings the cookie's place is `/`; with them it is theirs, at the beginning as at the end.
fn rest_logout_handler_test(format: Format) {
    let upstream = Upstream::start();
    let directories = "[[directory]]\nname = \"admins\"\nkind = \"admin\"\n[[directory]]\nname = \"customers\"\nkind = \"customer\"\n\
                       cookie_domain = \"shop.example\"\ncookie_path = \"/api\"\nsame_site = \"strict\"\n";
    let door = Door::serving(&upstream, directories, "");
    for (login, password, place) in [("admin", "publish", "path=/; "), ("carla", "customer", "domain=shop.example; path=/api; ")]
    {
        let reply = door.try_sign_in(format, login, password, "");
        let session = Session::read(format, &reply);
        let set = reply.header("set-cookie").unwrap();
        let same_site = if login == "carla" { "Strict" } else { "Lax" };
        assert_eq!(set, format!("{}; {place}HttpOnly; SameSite={same_site}", session.pair()));
        let deleted = door.delete(&session.href, &session.both());
        session.is_deleted_by(&deleted);
        let cookie = deleted.header("set-cookie").unwrap();
        assert!(cookie.contains(&format!("; Max-Age=0; {place}")) && cookie.contains("; expires="), "{cookie}");
        assert_eq!(deleted.all("set-cookie").count(), 1);
    }
}

both!(csrf_token_manager_test);
/// A token is good for one session and nothing else: not for another, not for the next one of the same account.
fn csrf_token_manager_test(format: Format) {
    let (door, session) = Door::login(format);
    let next = door.sign_in(format, "admin", "publish");
    let mixed = format!("{}X-CSRF-Token: {}\r\n", next.cookie(), session.token);
    format.refused_for_token(&door.refresh(format, &next.href, &mixed));
    assert_eq!(door.refresh(format, &next.href, &next.both()).status, 200);
    let nameless = format!("Content-Type: {NAMELESS}\r\nAccept: {NAMELESS}\r\n{}", next.both());
    let reply = door.server.send("POST", &format!("{}/refresh", next.href), &nameless, "");
    assert_eq!((reply.status, Session::read(Format::Xml, &reply).id), (200, next.id), "no name is XML");
}
