//! Reading the configuration again while the server runs.

use crate::support::{Server, Site, eventually, upstream::Upstream};

const OPEN: &str = "[[route]]\nmethods = [\"GET\"]\npath = \"/closed\"\nrequire = [\"anonymous\"]\n";

fn closed_is(server: &Server, status: u16) -> Option<()> {
    (server.get("/closed", "").status == status).then_some(())
}

#[test]
fn sighup_takes_over_new_rules_and_each_decision_names_its_policy() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    let server = site.serve();
    assert_eq!(server.get("/closed", "").status, 401);
    let before = server.logged("route=/closed");
    site.write("routes.toml", OPEN);
    server.signal("HUP");
    eventually("the new rule", || closed_is(&server, 200));
    let after = server.logged("route=/closed status=200");
    let policy = |line: &str| line.split("policy=").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    assert_ne!(policy(&before), policy(&after));
    assert!(server.operate("/metrics").body.contains(&format!("doorward_policy{{hash=\"{}\"}} 1", policy(&after))));
    assert_eq!(server.metric("doorward_reloads_total{result=\"success\"}"), Some(1.0));
}

#[test]
fn a_changed_file_is_noticed_once_it_rests() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    let server = site.serve();
    assert_eq!(server.get("/closed", "").status, 401);
    site.write("routes.toml", OPEN);
    eventually("the new rule", || closed_is(&server, 200));
}

#[test]
fn a_bad_file_changes_nothing_and_is_reported() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    let server = site.serve();
    site.write("routes.toml", &OPEN.replace("methods", "metods"));
    server.signal("HUP");
    let problem = server.logged("routes.toml:2:1");
    assert!(problem.contains("metods"), "{problem}");
    server.logged("reload outcome=failure");
    assert_eq!(server.metric("doorward_reloads_total{result=\"failure\"}"), Some(1.0));
    assert_eq!(server.metric("doorward_last_reload_failed"), Some(1.0));
    assert_eq!(server.get("/closed", "").status, 401);
    site.write("routes.toml", OPEN);
    server.signal("HUP");
    eventually("the new rule", || closed_is(&server, 200));
    assert_eq!(server.metric("doorward_last_reload_failed"), Some(0.0));
}

#[test]
fn a_setting_that_needs_a_restart_changes_nothing_and_says_so() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    let server = site.serve();
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    site.write("doorward.toml", &config.replace("19456", "20000"));
    site.write("routes.toml", OPEN);
    server.signal("HUP");
    let failure = server.logged("reload outcome=failure");
    assert!(failure.contains("restart: passwords"), "{failure}");
    assert_eq!(server.get("/closed", "").status, 401, "half of it was taken over");
}
