//! Failed sign-ins are limited, and nobody learns anything from the limits or can lock another out by them.

use crate::{
    people::{PASSWORD, Town, attempt, check, visible},
    support::{Server, client::Reply, upstream::Upstream},
};
use std::{
    thread,
    time::{Duration, Instant},
};

fn serve(town: Town<'_>) -> (Server, crate::support::Site) {
    let site = town.site(&Upstream::start());
    (site.serve(), site)
}

/// That many wrong passwords, each answered 401; the last answer.
fn fail(server: &Server, address: &str, login: &str, times: usize) -> Reply {
    let mut last = Reply::default();
    for _ in 0..times {
        last = attempt(server, address, login, "wrong", "");
        assert_eq!(last.status, 401, "{last:?}");
    }
    last
}

#[test]
fn beyond_the_limit_the_right_password_is_answered_like_a_wrong_one() {
    let (server, _site) = serve(Town::default());
    for (login, limit) in [("admin", 6), ("jane", 10)] {
        fail(&server, "203.0.113.1", login, limit - 1);
        assert_eq!(attempt(&server, "203.0.113.1", login, PASSWORD, "").status, 201, "{login} was locked too early");
        let wrong = fail(&server, "203.0.113.1", login, limit);
        let right = attempt(&server, "203.0.113.1", login, PASSWORD, "");
        assert_eq!(visible(&right), visible(&wrong), "{login}");
        assert_eq!(attempt(&server, "203.0.113.2", login, PASSWORD, "").status, 201, "{login} is locked everywhere");
    }
}

#[test]
fn an_ipv6_network_is_one_address() {
    let (server, _site) = serve(Town::default());
    for host in 1..=6 {
        fail(&server, &format!("2001:db8:1:2::{host}"), "admin", 1);
    }
    assert_eq!(attempt(&server, "2001:db8:1:2:ffff::9", "admin", PASSWORD, "").status, 401);
    assert_eq!(attempt(&server, "2001:db8:1:3::1", "admin", PASSWORD, "").status, 201);
}

#[test]
fn an_address_that_fails_too_often_is_told_when_to_come_back() {
    let town = Town { more: "[sign_in]\naddress_failures = 5\naddress_window = \"2s\"", ..Town::default() };
    let (server, _site) = serve(town);
    for number in 0..5 {
        fail(&server, "203.0.113.1", &format!("nobody{number}"), 1);
    }
    let refused = attempt(&server, "203.0.113.1", "admin", PASSWORD, "");
    assert_eq!(refused.status, 429, "{refused:?}");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&seconds), "{refused:?}");
    assert_eq!(attempt(&server, "203.0.113.2", "admin", PASSWORD, "").status, 201, "another address must not suffer");
    // What it was told is true.
    thread::sleep(Duration::from_secs(seconds));
    assert_eq!(attempt(&server, "203.0.113.1", "admin", PASSWORD, "").status, 201);
}

#[test]
fn the_limit_of_an_address_is_a_hundred_unless_configured() {
    let (server, _site) = serve(Town::default());
    for number in 0..100 {
        fail(&server, "203.0.113.1", &format!("nobody{number}"), 1);
    }
    let refused = attempt(&server, "203.0.113.1", "admin", PASSWORD, "");
    assert_eq!(refused.status, 429, "{refused:?}");
    let seconds: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((500..=600).contains(&seconds), "ten minutes, not {seconds} s");
}

#[test]
fn nobody_can_lock_out_a_device_that_signed_in_before() {
    let (server, _site) = serve(Town { admins: "max_failures = 2", ..Town::default() });
    let first = attempt(&server, "198.51.100.1", "admin", PASSWORD, "");
    assert_eq!(first.status, 201);
    let session = first.cookie("doorward_admins").unwrap();
    let device = format!("Cookie: {}\r\n", first.cookie("doorward_device").unwrap());
    // Five times what one address may fail, each from an address of its own, is where the account as a whole slows down.
    for host in 1..=10 {
        fail(&server, &format!("203.0.113.{host}"), "admin", 1);
    }
    let began = Instant::now();
    let stranger = attempt(&server, "198.51.100.2", "admin", PASSWORD, "");
    assert_eq!(stranger.status, 201, "an unknown device is slowed, not locked out: {stranger:?}");
    assert!(began.elapsed() >= Duration::from_secs(1), "an unknown device waited only {:?}", began.elapsed());

    // While attackers hold every place in the line of unknown devices:
    thread::scope(|scope| {
        for host in 11..=18 {
            let server = &server;
            scope.spawn(move || attempt(server, &format!("203.0.113.{host}"), "admin", "wrong", ""));
        }
        thread::sleep(Duration::from_millis(300));
        let began = Instant::now();
        let known = attempt(&server, "198.51.100.3", "admin", PASSWORD, &device);
        assert_eq!(known.status, 201, "{known:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "a known device waited {:?}", began.elapsed());
        assert_eq!(check(&server, &session), 200, "a live session suffers");
    });
    // Even from an address that itself is locked.
    fail(&server, "203.0.113.1", "admin", 1);
    assert_eq!(attempt(&server, "203.0.113.1", "admin", PASSWORD, "").status, 401);
    assert_eq!(attempt(&server, "203.0.113.1", "admin", PASSWORD, &device).status, 201);
}

#[test]
fn a_known_device_has_a_limit_of_its_own_and_serves_one_account() {
    let (server, _site) = serve(Town { admins: "max_failures = 2", customers: "max_failures = 2", ..Town::default() });
    let device = |login: &str| {
        let reply = attempt(&server, "198.51.100.1", login, PASSWORD, "");
        format!("Cookie: {}\r\n", reply.cookie("doorward_device").unwrap())
    };
    let (admin, jane) = (device("admin"), device("jane"));
    for _ in 0..2 {
        assert_eq!(attempt(&server, "203.0.113.1", "admin", "wrong", &admin).status, 401);
    }
    assert_eq!(attempt(&server, "203.0.113.9", "admin", PASSWORD, &admin).status, 401, "the stolen device guesses on");
    assert_eq!(attempt(&server, "203.0.113.9", "admin", PASSWORD, "").status, 201);
    // The token of one account spares nobody at another: the address is counted.
    fail(&server, "203.0.113.3", "admin", 2);
    assert_eq!(attempt(&server, "203.0.113.3", "admin", PASSWORD, &jane).status, 401);
    let forged = admin.replace('.', "A.");
    assert_eq!(attempt(&server, "203.0.113.3", "admin", PASSWORD, &forged).status, 401);
}

#[test]
fn unlock_frees_at_once() {
    let (server, site) = serve(Town::default());
    fail(&server, "203.0.113.1", "admin", 6);
    assert_eq!(attempt(&server, "203.0.113.1", "admin", PASSWORD, "").status, 401);
    site.ok(&["user", "unlock", "admins/admin"], "");
    assert_eq!(attempt(&server, "203.0.113.1", "admin", PASSWORD, "").status, 201);
}

#[test]
fn limits_are_configuration_and_end() {
    let (server, _site) = serve(Town { admins: "max_failures = 3\nlock = \"2s\"", ..Town::default() });
    let session = attempt(&server, "203.0.113.1", "admin", PASSWORD, "").cookie("doorward_admins").unwrap();
    fail(&server, "203.0.113.1", "admin", 3);
    let locked = Instant::now();
    assert_eq!(attempt(&server, "203.0.113.1", "admin", PASSWORD, "").status, 401);
    assert_eq!(check(&server, &session), 200, "a lock ends no session");
    thread::sleep(Duration::from_secs(2).saturating_sub(locked.elapsed()) + Duration::from_millis(50));
    assert_eq!(attempt(&server, "203.0.113.1", "admin", PASSWORD, "").status, 201);
}

#[test]
fn wrong_unknown_disabled_and_locked_look_and_last_alike() {
    let town = Town { passwords: "memory_kib = 19456\niterations = 4\nworkers = 1", ..Town::default() };
    let (server, site) = serve(town);
    site.user("customers/gone", PASSWORD, &[]);
    site.user("customers/shut", PASSWORD, &[]);
    site.ok(&["user", "disable", "customers/gone"], "");
    fail(&server, "203.0.113.1", "shut", 10);
    let cases = [("jane", "wrong"), ("nobody", PASSWORD), ("gone", PASSWORD), ("shut", PASSWORD)];
    let mut times = [const { Vec::new() }; 4];
    let mut looks = Vec::new();
    for round in 0..9 {
        for (index, (login, password)) in cases.into_iter().enumerate() {
            // A fresh address each time, but for the one that is locked.
            let address = if login == "shut" { "203.0.113.1".to_owned() } else { format!("198.51.100.{}", round * 4 + index) };
            let began = Instant::now();
            let reply = attempt(&server, &address, login, password, "");
            times[index].push(began.elapsed());
            looks.push(visible(&reply));
        }
    }
    assert_eq!(looks[0].0, 401);
    for (index, look) in looks.iter().enumerate() {
        assert_eq!(look, &looks[0], "{:?}", cases[index % 4]);
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    });
    println!("{cases:?} took {medians:?}");
    for (case, median) in cases.iter().zip(medians) {
        let ratio = median.as_secs_f64() / medians[0].as_secs_f64();
        assert!((0.4..2.5).contains(&ratio), "{case:?} takes {median:?}, a wrong password {:?}", medians[0]);
    }
}
