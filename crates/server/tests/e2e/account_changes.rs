//! Commands on the store while servers run: honoured before they return, and every way in which a session ends.

use crate::{
    people::{PASSWORD, Town, attempt, check, sign_out},
    support::{Server, Session, Site, client::Reply, eventually, upstream::Upstream},
};
use std::{thread, time::Duration};

fn town() -> Site {
    Town::default().site(&Upstream::start())
}

fn get(server: &Server, path: &str, cookie: &str) -> u16 {
    server.get(path, &format!("Cookie: {cookie}\r\n")).status
}

/// Signs in from an address that nothing else uses; the cookie.
fn enter(server: &Server, login: &str) -> String {
    let reply = attempt(server, "198.51.100.77", login, PASSWORD, "");
    assert_eq!(reply.status, 201, "{reply:?}");
    reply.cookie("doorward_").unwrap()
}

fn started(reply: &Reply) -> Session {
    let json = reply.json();
    let word = |name: &str| json["Session"][name].as_str().unwrap().to_owned();
    let (id, token) = (word("identifier"), word("csrfToken"));
    Session { cookie: format!("{}={id}", word("name")), id, token }
}

#[test]
fn whatever_takes_an_account_away_ends_its_sessions_on_every_server_at_once() {
    let site = town();
    let servers = [site.serve(), site.serve()];
    for (command, input) in [
        (&["user", "disable", "customers/jane"][..], ""),
        (&["user", "password", "customers/jane", "--password-stdin"], PASSWORD),
        (&["session", "end", "--account", "customers/jane"], ""),
        (&["user", "delete", "customers/jane"], ""),
    ] {
        let cookies = [enter(&servers[0], "jane"), enter(&servers[1], "jane")];
        let other = enter(&servers[0], "admin");
        for (server, cookie) in servers.iter().flat_map(|server| cookies.iter().map(move |cookie| (server, cookie))) {
            assert_eq!(get(server, "/closed", cookie), 200);
        }
        site.ok(command, input);
        for (server, cookie) in servers.iter().flat_map(|server| cookies.iter().map(move |cookie| (server, cookie))) {
            assert_eq!((get(server, "/closed", cookie), check(server, cookie)), (401, 404), "after {command:?}");
        }
        assert_eq!(check(&servers[1], &other), 200, "{command:?} ended the session of another account");
        if command[1] == "disable" {
            assert_eq!(attempt(&servers[1], "198.51.100.1", "jane", PASSWORD, "").status, 401);
            site.ok(&["user", "enable", "customers/jane"], "");
            assert_eq!(check(&servers[0], &cookies[0]), 404, "a session came back with its account");
        }
    }
    assert_eq!(attempt(&servers[1], "198.51.100.2", "jane", PASSWORD, "").status, 401, "a deleted account signs in");
}

#[test]
fn one_session_of_several_is_ended_by_its_name() {
    let site = town();
    let server = site.serve();
    let cookies = [enter(&server, "jane"), enter(&server, "jane")];
    let list = site.ok(&["session", "list", "--account", "customers/jane", "--json"], "").json();
    let names: Vec<&str> = list.as_array().unwrap().iter().map(|session| session["session"].as_str().unwrap()).collect();
    assert_eq!(names.len(), 2);
    for cookie in &cookies {
        let id = cookie.split_once('=').unwrap().1;
        assert!(!list.to_string().contains(id), "the list shows a session's id");
    }
    // Newest first.
    let ended = site.ok(&["session", "end", names[0], "--json"], "").json();
    assert_eq!(ended["ended"], 1, "{ended}");
    assert_eq!(cookies.map(|cookie| check(&server, &cookie)), [200, 404]);
}

#[test]
fn a_role_is_had_and_lost_at_once() {
    let site = town();
    site.ok(&["role", "add", "clerk"], "");
    site.user("admins/ann", PASSWORD, &["clerk"]);
    let servers = [site.serve(), site.serve()];
    let cookie = enter(&servers[0], "ann");
    let seen = || servers.each_ref().map(|server| get(server, "/orders", &cookie));
    assert_eq!(seen(), [403, 403]);
    site.ok(&["role", "add", "clerk", "--allow", "Example_Sales::orders"], "");
    assert_eq!(seen(), [200, 200]);
    site.ok(&["role", "add", "clerk"], "");
    assert_eq!(seen(), [403, 403]);
    site.ok(&["role", "add", "clerk", "--allow", "Magento_Backend::all"], "");
    assert_eq!(seen(), [200, 200]);
    site.ok(&["role", "delete", "clerk"], "");
    assert_eq!(seen(), [403, 403]);
    assert_eq!(check(&servers[1], &cookie), 200, "the session itself stays");
}

#[test]
fn a_session_ends_by_rest_by_age_and_by_signing_out() {
    let more = "idle_timeout = \"2s\"";
    let site =
        Town { customers: more, admins: "idle_timeout = \"2s\"\nlifetime = \"3s\"", ..Town::default() }.site(&Upstream::start());
    let server = site.serve();
    let (idle, used, old) = (enter(&server, "jane"), enter(&server, "jane"), enter(&server, "admin"));
    for _ in 0..7 {
        thread::sleep(Duration::from_millis(500));
        assert_eq!(check(&server, &used), 200, "a session that is used does not rest");
        check(&server, &old);
    }
    assert_eq!(check(&server, &idle), 404, "it rested for longer than 2 s");
    assert_eq!(check(&server, &old), 404, "it lasted for longer than 3 s, used or not");
    let refused = server.get("/closed", &format!("Cookie: {idle}\r\n"));
    assert_eq!(refused.status, 401);
    assert!(refused.all("set-cookie").any(|line| line.starts_with("doorward_customers=deleted")), "{refused:?}");

    let session = started(&attempt(&server, "198.51.100.5", "jane", PASSWORD, ""));
    assert_eq!(server.exchange(&sign_out(&server, &session)).status, 204);
    assert_eq!(check(&server, &session.cookie), 404);
    assert_eq!(check(&server, &used), 200, "signing out ends one session");
}

#[test]
fn the_id_changes_at_every_sign_in_and_the_old_one_is_dead() {
    let site = town();
    let server = site.serve();
    let first = enter(&server, "jane");
    let second = attempt(&server, "198.51.100.1", "jane", PASSWORD, &format!("Cookie: {first}\r\n"));
    let second = second.cookie("doorward_customers").unwrap();
    assert_ne!(first, second);
    assert_eq!([check(&server, &first), check(&server, &second)], [404, 200]);
    // An id that a client chose is never taken over.
    let chosen = format!("doorward_customers={}", "a".repeat(second.split_once('=').unwrap().1.len()));
    let third = attempt(&server, "198.51.100.1", "jane", PASSWORD, &format!("Cookie: {chosen}\r\n"));
    assert_ne!(third.cookie("doorward_customers").unwrap(), chosen);
    assert_eq!(check(&server, &chosen), 404);
    // At least 128 bits, and no two alike.
    let mut ids: Vec<String> = (0..20).map(|_| enter(&server, "jane").split_once('=').unwrap().1.to_owned()).collect();
    assert!(ids.iter().all(|id| id.len() >= 22), "{ids:?}");
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 20);
}

#[test]
fn another_password_is_asked_for_at_once_and_the_old_one_is_gone() {
    let site = town();
    let server = site.serve();
    let changed = site.ok(&["user", "password", "customers/jane", "--password-stdin", "--json"], "jane\n");
    assert!(changed.err.starts_with("warning: the password is weak"), "{changed:?}");
    assert_eq!(changed.json()["login"], "jane");
    assert_eq!(attempt(&server, "198.51.100.1", "jane", PASSWORD, "").status, 401);
    assert_eq!(attempt(&server, "198.51.100.1", "jane", "jane", "").status, 201);
    for (command, near) in [
        (&["user", "add", "customers/x", "--role", "clerc", "--password-stdin"][..], "clerk"),
        (&["user", "disable", "customers/jana"], "jane"),
        (&["user", "disable", "customer/jane"], "customers"),
        (&["role", "show", "clerc"], "clerk"),
        (&["role", "add", "other", "--allow", "Example_Sales::order"], "Example_Sales::orders"),
    ] {
        site.ok(&["role", "add", "clerk"], "");
        let refused = site.run(command, PASSWORD);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{command:?}: {refused:?}");
        assert!(refused.err.contains(&format!("did you mean \"{near}\"?")), "{command:?}: {refused:?}");
    }
}

#[test]
fn every_change_by_a_command_is_one_audit_event_of_one_server() {
    let site = town();
    let servers = [site.serve(), site.serve()];
    let mut runs = std::collections::BTreeSet::new();
    let sign_in = |server: &Server| enter(server, "jane");
    sign_in(&servers[0]);
    for (command, input, action, deed) in [
        (&["session", "end", "--account", "customers/jane"][..], "", "session", "command: sessions ended"),
        (&["user", "disable", "customers/jane"], "", "account", "command: disabled"),
        (&["user", "enable", "customers/jane"], "", "account", "command: enabled"),
        (&["user", "unlock", "customers/jane"], "", "account", "command: unlocked"),
        (&["user", "password", "customers/jane", "--password-stdin"], PASSWORD, "account", "command: password"),
        (&["user", "delete", "customers/jane"], "", "account", "command: deleted"),
        (&["user", "add", "customers/joe", "--password-stdin"], PASSWORD, "account", "command: added"),
        (&["role", "add", "clerk", "--allow", "Example_Sales::orders"], "", "role", "command: role clerk added"),
        (&["role", "delete", "clerk"], "", "role", "command: role clerk deleted"),
    ] {
        let before = servers.each_ref().map(|server| server.log().len());
        let done = site.ok(command, input);
        assert!(!done.err.contains("audit"), "a server wrote it down: {done:?}");
        let events = || {
            let news = servers.iter().zip(before).map(|(server, before)| server.log()[before..].to_owned());
            let lines: Vec<String> = news.flat_map(|log| log.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
            let events = lines.iter().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
            // The sign-in before it may be written late.
            events.filter(|event| event["event"] == "audit" && event["action"] != "sign_in").collect::<Vec<_>>()
        };
        eventually(&format!("an audit event of {command:?}"), || events().pop());
        let [event] = &events()[..] else { panic!("{command:?}: {:?}", events()) };
        assert_eq!((&event["action"], &event["detail"], &event["outcome"]), (&action.into(), &deed.into(), &"success".into()));
        if action != "role" {
            assert_eq!(event["directory"], "customers", "{event}");
            assert!(["jane", "joe"].contains(&event["login"].as_str().unwrap()), "{event}");
        }
        assert!(!event.to_string().contains(PASSWORD), "{event}");
        let run = event["request_id"].as_str().unwrap().to_owned();
        assert!(run.len() == 32 && runs.insert(run), "each run has an id of its own: {event}");
    }
}
