//! The log on standard error.

use crate::support::{Site, upstream::Upstream};

#[test]
fn each_request_is_one_event_and_no_secret_is_in_any() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    site.write("doorward.toml", &config.replace("[log]", "[log]\nformat = \"json\""));
    site.user("customers/admin", "correct horse", &[]);
    let server = site.serve();
    let session = server.sign_in("admin", "correct horse");
    assert_eq!(server.try_sign_in("admin", "sesame-4711").status, 401);
    let cookie = format!("Cookie: {}\r\n", session.cookie);
    assert_eq!(server.get("/closed?key=secret-query", &cookie).status, 200);
    assert_eq!(
        server
            .send(
                "DELETE",
                &format!("/api/ibexa/v2/user/sessions/{}", session.id),
                &format!("{cookie}X-CSRF-Token: {}\r\n", session.token),
                ""
            )
            .status,
        204
    );
    let (code, log) = server.stop();
    assert_eq!(code, 0);
    let events: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert_eq!(events.iter().filter(|event| event["event"] == "request").count(), 4, "{log}");
    for action in ["sign_in", "sign_in_failed", "sign_out"] {
        assert!(events.iter().any(|event| event["event"] == "audit" && event["action"] == action), "no {action} in {log}");
    }
    for secret in [&session.id, &session.token, "correct horse", "sesame-4711", "secret-query"] {
        assert!(!log.contains(secret), "{secret} is in {log}");
    }
}

#[test]
fn a_login_cannot_forge_a_line_or_reach_the_terminal() {
    let upstream = Upstream::start();
    let server = Site::basic(&upstream).serve();
    let login = "x\\n2026-01-01T00:00:00.000Z info  audit action=sign_in outcome=success\\u001b[31m\\u202e";
    assert_eq!(server.try_sign_in(login, "x").status, 401);
    let (_, log) = server.stop();
    assert!(!log.contains('\u{1b}') && !log.contains('\u{202e}'), "{log:?}");
    assert!(!log.lines().any(|line| line.contains("outcome=success") && !line.contains("login=")), "{log}");
}

#[test]
fn each_account_change_is_one_audit_event_of_the_server_or_else_of_the_command() {
    let site = Site::basic(&Upstream::start());
    let alone = site.run(&["user", "add", "admins/anna", "--id", "14", "--password-stdin"], "correct horse");
    assert_eq!(alone.err.matches("audit action=account").count(), 1, "{alone:?}");
    assert!(alone.err.contains("identity=admin/14") && alone.err.contains("command: added"), "{alone:?}");
    let server = site.serve();
    server.sign_in("anna", "correct horse");
    for (arguments, words) in [
        (&["user", "disable", "admins/anna"][..], "command: disabled"),
        (&["user", "enable", "admins/anna"], "command: enabled"),
        (&["role", "add", "clerk"], "command: role clerk added"),
        (&["role", "delete", "clerk"], "command: role clerk deleted"),
        (&["user", "delete", "admins/anna"], "command: deleted"),
    ] {
        let done = site.ok(arguments, "");
        assert_eq!(done.err, "", "the server writes it down");
        assert!(server.logged(words).contains("audit"), "{arguments:?}");
    }
    let (_, log) = server.stop();
    assert_eq!(log.matches("audit action=account").count(), 3, "{log}");
    assert_eq!(log.matches("audit action=role").count(), 2, "{log}");
}
