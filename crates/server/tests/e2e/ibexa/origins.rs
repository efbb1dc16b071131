//! The second line behind the token: where a browser says that a request comes from. And the same over HTTP/2.

use super::{Door, Format, PREFIX, Session, both};
use crate::support::{Site, eventually, upstream::Upstream};
use std::process::Command;

const CONFIG: &str = "[routes]\nunmatched = \"allow\"\n[cors]\nallow_origins = [\"https://app.example.com\"]\n";

/// Header lines, and whether what they say is somebody else's page.
fn lines(own: &str) -> Vec<(String, bool)> {
    let foreign = [
        "Origin: null\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: https://app.example.com.evil.example\r\n",
        "Origin: http://app.example.com\r\n",
        "Origin: https://app.example.com:444\r\n",
        "Origin:\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Sec-Fetch-Site: nonsense\r\n",
        "Sec-Fetch-Site: cross-site\r\nOrigin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.example\r\n",
    ];
    let ours = [
        String::new(),
        format!("Origin: {own}\r\n"),
        "Origin: https://app.example.com\r\n".to_owned(),
        "Sec-Fetch-Site: same-origin\r\n".to_owned(),
        "Sec-Fetch-Site: none\r\n".to_owned(),
        format!("Sec-Fetch-Site: same-origin\r\nOrigin: {own}\r\n"),
        "Sec-Fetch-Site: cross-site\r\nOrigin: https://app.example.com\r\n".to_owned(),
    ];
    foreign.iter().map(|line| ((*line).to_owned(), true)).chain(ours.map(|line| (line, false))).collect()
}

both!(another_site_is_refused_even_with_a_valid_token);
fn another_site_is_refused_even_with_a_valid_token(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", CONFIG);
    let session = door.sign_in(format, "admin", "publish");
    for (line, foreign) in lines(&format!("http://{}", door.server.public)) {
        let headers = format!("{}{line}{}", format.accept("X"), session.both());
        let before = upstream.received().len();
        let reply = door.server.send("POST", &format!("{PREFIX}/things"), &headers, "");
        let refresh = door.refresh(format, &session.href, &format!("{line}{}", session.both()));
        if foreign {
            assert_eq!(format.error(&reply, 401, "Unauthorized"), "The request comes from another site.", "{line}");
            assert_eq!(upstream.received().len(), before, "{line} was sent onward");
            format.error(&refresh, 401, "Unauthorized");
            format.error(&door.server.send("DELETE", &session.href, &headers, ""), 401, "Unauthorized");
        } else {
            assert_eq!((reply.status, refresh.status), (200, 200), "{line}: {reply:?}");
            assert_eq!(upstream.last().header("doorward-identity"), Some("admin/1"));
        }
        // What only reads is not asked.
        assert_eq!(door.get("/user/current", &format!("{line}{}", session.cookie())).status, 307, "{line}");
    }
    assert!(door.lives(&session));
}

both!(another_site_cannot_sign_a_browser_in);
fn another_site_cannot_sign_a_browser_in(format: Format) {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", CONFIG);
    for (line, foreign) in lines(&format!("http://{}", door.server.public)) {
        let reply = door.try_sign_in(format, "admin", "publish", &line);
        if foreign {
            assert_eq!(format.error(&reply, 401, "Unauthorized"), "The request comes from another site.", "{line}");
            assert_eq!(reply.header("set-cookie"), None, "{line}");
        } else {
            assert_eq!(reply.status, 201, "{line}: {reply:?}");
        }
    }
}

/// Outside the dialects it is a problem document, and 403: we know who it is.
#[test]
fn outside_the_dialect_another_site_is_forbidden() {
    let upstream = Upstream::start();
    let door = Door::serving(&upstream, "", CONFIG);
    let session = door.sign_in(Format::Json, "admin", "publish");
    let headers = format!("Origin: null\r\n{}", session.both());
    let reply = door.server.send("POST", "/things", &headers, "");
    assert_eq!((reply.status, reply.header("content-type")), (403, Some("application/problem+json")), "{reply:?}");
    let guest = door.server.send("POST", "/things", "Origin: null\r\n", "");
    assert_eq!(guest.status, 200, "nobody's credential is used");
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"));
}

/// A whole life of a session by `curl --http2-prior-knowledge`.
fn over_http2(format: Format) {
    let door = Door::demo();
    let base = format!("http://{}{PREFIX}", door.server.public);
    let curl = |arguments: &[&str], data: Option<&str>| {
        let mut command = Command::new("curl");
        command.args(["--http2-prior-knowledge", "-sS", "-i", "--max-time", "30"]).args(arguments);
        if let Some(data) = data {
            command.args(["--data-raw", data]);
        }
        let output = command.output().expect("these tests need curl");
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let headers = head.lines().filter_map(|line| line.split_once(": "));
        let reply = crate::support::client::Reply {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            head: head.to_owned(),
            body: body.to_owned(),
        };
        assert!(reply.head.starts_with("HTTP/2 "), "{reply:?}");
        reply
    };
    let (kind, accept) = (format!("Content-Type: {}", format.media("SessionInput")), format.accept("Session"));
    let accept = accept.trim_end();
    let created = curl(&[&format!("{base}/user/sessions"), "-H", &kind, "-H", accept], Some(&format.input("admin", "publish")));
    assert_eq!(created.status, 201, "{created:?}");
    let session = Session::read(format, &created);
    let (cookie, token) = (session.pair(), format!("X-CSRF-Token: {}", session.token));
    let address = format!("http://{}{}", door.server.public, session.href);
    let current = curl(&[&format!("{base}/user/sessions/current"), "-H", accept, "-b", &cookie], None);
    assert_eq!((current.status, Session::read(format, &current).id), (200, session.id.clone()));
    format.refused_for_token(&curl(&["-X", "DELETE", &address, "-H", accept, "-b", &cookie], None));
    let api = curl(&["-X", "DELETE", &format!("{base}/content/types/32"), "-b", &cookie, "-H", &token], None);
    assert_eq!(api.status, 200, "{api:?}");
    let ended = curl(&["-X", "DELETE", &address, "-b", &cookie, "-H", &token], None);
    assert_eq!(ended.status, 204, "{ended:?}");
    session.is_deleted_by(&ended);
}

#[test]
fn http2_serves_a_session_in_json() {
    over_http2(Format::Json);
}

#[test]
fn http2_serves_a_session_in_xml() {
    over_http2(Format::Xml);
}

/// Every id, token and password of a session's life, however it is sent, stays out of both kinds of log.
#[test]
fn no_log_holds_a_secret() {
    for kind in ["human", "json"] {
        let upstream = Upstream::start();
        let site = Site::new(&format!(
            "[server]\nlisten = \"127.0.0.1:0\"\n[operations]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"{kind}\"\n{CONFIG}\
             [[directory]]\nname = \"admins\"\nkind = \"admin\"\n[passwords]\nmemory_kib = 1024\niterations = 1\n\
             [[upstream]]\nname = \"api\"\nurl = \"{}\"\n",
            upstream.url()
        ));
        site.user("admins/admin", "publish-Secret-1", &[]);
        let server = site.serve();
        let mut secrets = vec!["publish-Secret-1".to_owned(), "wrong-Secret-2".to_owned()];
        let sessions = format!("{PREFIX}/user/sessions");
        for format in [Format::Json, Format::Xml] {
            let reply = server.send("POST", &sessions, &format.sign_in_headers(), &format.input("admin", "publish-Secret-1"));
            let session = Session::read(format, &reply);
            secrets.extend([session.id.clone(), session.token.clone()]);
            secrets.extend(reply.cookie("doorward_device").map(|cookie| cookie.split_once('=').unwrap().1.to_owned()));
            server.send("POST", &sessions, &format.sign_in_headers(), &format.input("admin", "wrong-Secret-2"));
            server.send("POST", &sessions, &format.sign_in_headers(), "{\"wrong-Secret-2\": <password>wrong-Secret-2</password>");
            for headers in
                ["", &session.cookie(), &session.both(), &format!("X-CSRF-Token: {}x\r\n{}", session.token, session.cookie())]
            {
                server.send("POST", &format!("{PREFIX}/things"), headers, "wrong-Secret-2");
                server.get(&session.href, headers);
                server.get(&format!("{}/nothing/here", session.href), headers);
                server.get(&format!("/login?return=/{}", session.id), headers);
                server.send("POST", &format!("{}/refresh", session.href), headers, "");
                server.send("DELETE", &format!("{}x", session.href), headers, "");
            }
            let doubled = format!("Cookie: {}; {}x\r\n", session.pair(), session.pair());
            assert_eq!(server.get(&session.href, &doubled).status, 400);
            assert_eq!(server.send("DELETE", &session.href, &session.both(), "").status, 204);
            server.send("DELETE", &session.href, &session.both(), "");
        }
        eventually("the last request in the log", || (server.log().matches("session.delete").count() >= 4).then_some(()));
        let (_, log) = server.stop();
        assert!(log.contains("sign_in") && log.contains("csrf"), "{log}");
        for secret in &secrets {
            let found: Vec<&str> = log.lines().filter(|line| line.contains(&**secret)).collect();
            assert!(found.is_empty(), "{secret} is in {found:#?}");
        }
    }
}
