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

#[test]
fn network_limits_urls_and_keys_are_taken_over_without_a_restart() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    let server = site.serve();
    site.user("customers/jane", "correct horse", &[]);
    let session = format!("Cookie: {}\r\n", server.sign_in("jane", "correct horse").cookie);
    let forwarded = format!("X-Forwarded-For: 203.0.113.9\r\n{session}");
    let issuer = |server: &Server| {
        use std::process::Command;
        assert_eq!(server.get("/closed", &forwarded).status, 200);
        let token = upstream.received().last().unwrap().header("doorward-assertion").unwrap().to_owned();
        // base64url without padding, by what every machine has.
        let mut claims = token.split('.').nth(1).unwrap().replace('-', "+").replace('_', "/");
        claims.push_str(&"=".repeat((4 - claims.len() % 4) % 4));
        let decoded = Command::new("sh").args(["-c", "printf %s \"$0\" | base64 -d", &claims]).output().unwrap().stdout;
        serde_json::from_slice::<serde_json::Value>(&decoded).unwrap()["iss"].as_str().unwrap().to_owned()
    };
    let before = issuer(&server);
    assert!(server.logged("route=/closed").contains("client=127.0.0.1"));
    assert_eq!(server.get("/my-keys", "").status, 404);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let changed = config.replace(
        "[operations]",
        "public_url = \"http://localhost:1\"\nhosts = [\"localhost\", \"127.0.0.1\"]\ntrusted_proxies = [\"127.0.0.0/8\"]\n\
client_address = \"x-forwarded-for\"\n[server.limits]\nbody = 4\n[assertion]\njwks_path = \"/my-keys\"\n[operations]",
    );
    site.write("doorward.toml", &changed);
    server.signal("HUP");
    let outcome = server.logged(" reload outcome=");
    assert!(outcome.contains("success"), "{}", server.log());
    assert_eq!(server.get("/my-keys", "").status, 200);
    assert_eq!(server.send("POST", "/open", "", "12345").status, 413);
    let after = issuer(&server);
    assert_eq!((before == after, &*after), (false, "http://localhost:1"));
    server.logged("client=203.0.113.9");
}

#[test]
fn a_directory_that_changed_its_kind_over_its_accounts_is_named_by_check_serve_and_reload() {
    let config = |kind: &str| {
        format!(
            "[[directory]]\nname = \"staff\"\nkind = \"{kind}\"\n\
             [[upstream]]\nname = \"up\"\nurl = \"http://127.0.0.1:9\"\n[log]\nformat = \"json\"\n"
        )
    };
    let site = Site::new(&config("admin"));
    let words = "the directory `staff` is of kind `customer`, but 2 accounts of it were made when it was of kind `admin`";
    let check = || site.run(&["check"], "");
    let quiet = check();
    assert!(quiet.code == 0 && !site.path().join("doorward.db").exists(), "check makes no store: {quiet:?}");
    for login in ["ann", "bob"] {
        site.user(&format!("staff/{login}"), "a quiet brown fox", &[]);
    }
    assert!(!check().err.contains("of kind"), "nothing changed yet");
    let server = site.serve();
    site.write(
        "doorward.toml",
        &std::fs::read_to_string(site.path().join("doorward.toml")).unwrap().replace("\"admin\"", "\"customer\""),
    );
    server.signal("HUP");
    server.logged(words);
    let warned = site.run(&["check", "--json"], "");
    assert_eq!((warned.code, &warned.json()["warnings"]), (0, &2.into()), "and of the upstream without rules: {warned:?}");
    assert!(warned.json()["problems"].to_string().contains(words), "{warned:?}");
    assert!(check().err.contains(words), "{:?}", check());
    drop(server);
    assert!(check().err.contains(words), "without a server, too");
    let server = site.serve();
    server.logged(words);
    let body = "{\"SessionInput\":{\"login\":\"ann\",\"password\":\"a quiet brown fox\"}}";
    let refused = server.exchange(&format!(
        "POST /api/ibexa/v2/user/sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ));
    assert_eq!(refused.status, 401, "it fails closed");
}
