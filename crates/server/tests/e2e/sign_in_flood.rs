//! A flood of sign-ins: memory stays, some are told to come back, and whoever is signed in notices nothing.

use crate::{
    people::{PASSWORD, SESSIONS, Town, attempt},
    support::{
        Server,
        client::{Connection, Reply},
        upstream::Upstream,
    },
};
use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const WORKERS: u64 = 2;
const COST_KIB: u64 = 8192;
const QUEUE: usize = 16;

/// Hashes that take long enough for a wait to be seen.
fn slow_hashes() -> String {
    format!("memory_kib = {COST_KIB}\niterations = 40\nworkers = {WORKERS}\nqueue = {QUEUE}")
}

/// A line of `/proc/PID/status` in KiB.
fn status_kib(server: &Server, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// All of these at once.
fn flood(server: &Server, count: usize, address: impl Fn(usize) -> String + Sync) -> Vec<Reply> {
    thread::scope(|scope| {
        let address = &address;
        let threads: Vec<_> = (0..count)
            .map(|number| scope.spawn(move || attempt(server, &address(number), &format!("nobody{number}"), "wrong", "")))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn memory_stays_and_live_sessions_notice_nothing() {
    let site = Town { passwords: &slow_hashes(), ..Town::default() }.site(&Upstream::start());
    let server = site.serve();
    let idle = status_kib(&server, "VmRSS");
    let cookie = attempt(&server, "198.51.100.1", "jane", PASSWORD, "").cookie("doorward_customers").unwrap();
    let mut hashes: Vec<Duration> = (2..5)
        .map(|host| {
            let began = Instant::now();
            attempt(&server, &format!("198.51.100.{host}"), "jane", "wrong", "");
            began.elapsed()
        })
        .collect();
    hashes.sort();
    let hash = hashes[1];

    let over = AtomicBool::new(false);
    let (replies, checks) = thread::scope(|scope| {
        let checker = scope.spawn(|| {
            let request = format!(
                "GET {SESSIONS}/current HTTP/1.1\r\nHost: {}\r\nCookie: {cookie}\r\nAccept: application/json\r\n\r\n",
                server.public
            );
            let mut connection = Connection::open(server.public);
            let mut checks = Vec::new();
            while !over.load(Ordering::Relaxed) {
                let began = Instant::now();
                connection.send(&request);
                checks.push((connection.reply().status, began.elapsed()));
                thread::sleep(Duration::from_millis(2));
            }
            checks
        });
        let replies = flood(&server, 320, |number| format!("203.0.{}.{}", number / 200, number % 200 + 1));
        over.store(true, Ordering::Relaxed);
        (replies, checker.join().unwrap())
    });

    let peak = status_kib(&server, "VmHWM");
    let bound = idle + WORKERS * COST_KIB + (20 << 10);
    let turned_away: Vec<&Reply> = replies.iter().filter(|reply| reply.status == 503).collect();
    let mut waits: Vec<Duration> = checks.iter().map(|(_, took)| *took).collect();
    waits.sort();
    let (median, late) = (waits[waits.len() / 2], waits[waits.len() * 95 / 100]);
    println!(
        "one hash {hash:?}; {} of 320 turned away; {} checks, median {median:?}, 95 of 100 within {late:?}; memory {idle} KiB idle, {peak} KiB at most, bound {bound} KiB",
        turned_away.len(),
        checks.len()
    );
    assert!(peak <= bound, "{peak} KiB were used, {bound} KiB are allowed ({idle} KiB idle)");
    assert!(replies.iter().all(|reply| matches!(reply.status, 401 | 503)), "{replies:?}");
    assert!(!turned_away.is_empty(), "a queue of {QUEUE} took 320 sign-ins");
    for reply in turned_away {
        let after: u64 = reply.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=600).contains(&after), "{reply:?}");
    }
    assert!(replies.iter().filter(|reply| reply.status == 401).count() >= QUEUE, "the queue was not used");
    assert!(checks.len() > 20 && checks.iter().all(|(status, _)| *status == 200), "{checks:?}");
    assert!(median < hash / 4, "checks wait: median {median:?}, one hash {hash:?}");
    assert!(late < hash, "checks wait for hashes: {late:?}, one hash {hash:?}");
}

#[test]
fn one_flooding_address_does_not_starve_another() {
    let site = Town { passwords: &slow_hashes(), ..Town::default() }.site(&Upstream::start());
    let server = site.serve();
    thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&server, 60, |_| "203.0.113.1".to_owned()));
        crate::support::eventually("a queue", || {
            server.metric("doorward_password_hashes_queued").filter(|queued| *queued >= 4.0)
        });
        let honest = attempt(&server, "198.51.100.1", "jane", PASSWORD, "");
        assert_eq!(honest.status, 201, "{honest:?}");
        let waiting = server.metric("doorward_password_hashes_queued").unwrap();
        assert!(waiting >= 1.0, "the flood was over before: this test showed nothing");
        let replies = flood.join().unwrap();
        assert!(replies.iter().any(|reply| reply.status == 503), "{replies:?}");
    });
}
