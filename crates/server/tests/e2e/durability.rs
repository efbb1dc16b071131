//! What was acknowledged survives `kill -9`, and a database of a newer version is left alone.

use crate::{
    people::{PASSWORD, Town, attempt, check, sign_in, sign_out},
    support::{
        Server, Session, Site,
        client::{Connection, Reply},
        upstream::Upstream,
    },
};
use std::{
    fs,
    os::unix::fs::FileExt,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// What a server or command acknowledged so far.
#[derive(Default)]
struct Acknowledged {
    alive: Vec<Session>,
    ended: Vec<Session>,
    /// Accounts that were added, with their passwords.
    added: Vec<(String, String)>,
    /// The passwords that `customers/jane` may have: one, or two after a change whose end nobody saw.
    passwords: Vec<String>,
}

fn session(reply: &Reply) -> Session {
    let json = reply.json();
    let word = |name: &str| json["Session"][name].as_str().unwrap().to_owned();
    let (id, token) = (word("identifier"), word("csrfToken"));
    Session { cookie: format!("{}={id}", word("name")), id, token }
}

/// Starts and ends sessions until the server is gone.
fn sessions(server: &Server, mut connection: Connection, acknowledged: &Mutex<Acknowledged>) {
    let mut ask = |request: String| {
        connection.send(&request);
        connection.reply()
    };
    for number in 0.. {
        // A head without its body is no acknowledgement that a client could use.
        let started = ask(sign_in(server, "203.0.113.1", "admin", PASSWORD, ""));
        if started.status != 201 || serde_json::from_str::<serde_json::Value>(&started.body).is_err() {
            assert!(matches!(started.status, 0 | 201), "{started:?}");
            return;
        }
        let started = session(&started);
        if number % 3 > 0 {
            acknowledged.lock().unwrap().alive.push(started);
            continue;
        }
        let ended = ask(sign_out(server, &started));
        assert!(matches!(ended.status, 0 | 204), "{ended:?}");
        if ended.status == 204 {
            acknowledged.lock().unwrap().ended.push(started);
        }
    }
}

/// Adds accounts and changes a password until told to stop.
fn commands(site: &Site, round: usize, acknowledged: &Mutex<Acknowledged>, over: &AtomicBool) {
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            return;
        }
        let word = format!("round {round} number {number} horse");
        acknowledged.lock().unwrap().passwords.push(word.clone());
        let changed = site.run(&["user", "password", "customers/jane", "--password-stdin"], &word);
        if changed.code == 0 {
            acknowledged.lock().unwrap().passwords = vec![word.clone()];
        }
        let login = format!("new-{round}-{number}");
        let added = site.run(&["user", "add", &format!("customers/{login}"), "--password-stdin"], &word);
        if added.code == 0 {
            acknowledged.lock().unwrap().added.push((login, word));
        }
    }
}

/// Everything that was acknowledged holds.
fn verify(server: &Server, round: usize, acknowledged: &mut Acknowledged) {
    for session in &acknowledged.alive {
        assert_eq!(check(server, &session.cookie), 200, "round {round}: a session that was acknowledged is lost");
    }
    for session in &acknowledged.ended {
        assert_eq!(check(server, &session.cookie), 404, "round {round}: a session that was ended is back");
    }
    for (login, password) in acknowledged.added.drain(..) {
        assert_eq!(attempt(server, "203.0.113.2", &login, &password, "").status, 201, "round {round}: {login} is lost");
    }
    let right = acknowledged.passwords.iter().rev().find(|word| attempt(server, "203.0.113.3", "jane", word, "").status == 201);
    let right = right.unwrap_or_else(|| panic!("round {round}: jane's password is none of {:?}", acknowledged.passwords)).clone();
    acknowledged.passwords = vec![right];
}

#[test]
fn nothing_acknowledged_is_lost_when_the_server_is_killed_again_and_again() {
    let site = Town { customers: "max_failures = 1000", ..Town::default() }.site(&Upstream::start());
    let acknowledged = Mutex::new(Acknowledged { passwords: vec![PASSWORD.to_owned()], ..Acknowledged::default() });
    let (mut started, mut ended) = (0, 0);
    for round in 0..8 {
        let mut server = site.serve();
        verify(&server, round, &mut acknowledged.lock().unwrap());
        let over = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..3 {
                let connection = Connection::open(server.public);
                scope.spawn(|| sessions(&server, connection, &acknowledged));
            }
            let commands = scope.spawn(|| commands(&site, round, &acknowledged, &over));
            // Not after the same time in each round, so that it is hit at various moments.
            let at_least = acknowledged.lock().unwrap().ended.len() + 2;
            crate::support::eventually("an ended session", || {
                (acknowledged.lock().unwrap().ended.len() >= at_least).then_some(())
            });
            thread::sleep(Duration::from_millis(37 * round as u64 % 200));
            server.signal("KILL");
            over.store(true, Ordering::Relaxed);
            commands.join().unwrap();
        });
        assert_eq!(server.wait(), -1, "it ended by itself");
        let known = acknowledged.lock().unwrap();
        (started, ended) = (known.alive.len(), known.ended.len());
    }
    let server = site.serve();
    verify(&server, 8, &mut acknowledged.lock().unwrap());
    println!("8 kills; {started} sessions begun and {ended} ended, all as acknowledged");
    assert!(started >= 16 && ended >= 16, "too little happened: {started} begun, {ended} ended");
    // A database that was killed so often still closes and opens in order.
    assert_eq!(server.stop().0, 0);
    site.ok(&["user", "list"], "");
}

#[test]
fn a_newer_database_is_refused_and_not_touched() {
    let site = Town::default().site(&Upstream::start());
    let path = site.path().join("doorward.db");
    // `user_version` stands at byte 60 of the header (SQLite file format, 1.3).
    fs::OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&999_u32.to_be_bytes(), 60).unwrap();
    let before = fs::read(&path).unwrap();
    for command in [&["serve", "--config", "doorward.toml"][..], &["user", "list"]] {
        let refused = site.run(command, "");
        assert_eq!((refused.code, refused.out.as_str()), (1, ""), "{command:?}: {refused:?}");
        assert!(refused.err.contains("schema version 999") && refused.err.contains("newer doorward"), "{refused:?}");
    }
    assert!(fs::read(&path).unwrap() == before, "the database was changed");
}

#[test]
fn sessions_outlive_an_orderly_restart_and_are_found_again_without_an_index() {
    let site = Town::default().site(&Upstream::start());
    let server = site.serve();
    let sessions: Vec<Session> = (0..5).map(|_| session(&attempt(&server, "203.0.113.1", "jane", PASSWORD, ""))).collect();
    assert_eq!(server.exchange(&sign_out(&server, &sessions[0])).status, 204);
    assert_eq!(server.stop().0, 0);
    let server = site.serve();
    let alive: Vec<u16> = sessions.iter().map(|session| check(&server, &session.cookie)).collect();
    assert_eq!(alive, [404, 200, 200, 200, 200]);
}
