//! `doorward demo`.

use crate::support::{Demo, eventually};
use std::process::Command;

#[test]
fn the_lines_it_prints_work_when_pasted() {
    let demo = Demo::start();
    assert!(demo.said.starts_with("http://127.0.0.1:"), "{}", demo.said);
    let lines: Vec<&str> = demo
        .said
        .lines()
        .filter(|l| ["curl ", "SESSION=", "COOKIE=", "TOKEN=", "CUSTOMER="].iter().any(|word| l.starts_with(word)))
        .collect();
    let script = lines.join("\n").replace("curl -i", "curl -s -o /dev/null -w '%{http_code}\\n'");
    let output = Command::new("sh").arg("-c").arg(&script).output().unwrap();
    let codes: Vec<String> = String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(codes, ["401", "200", "200", "401", "201", "200", "401", "200", "401", "200", "200", "204"], "{script}");
    let link = eventually("a mail in the log", || {
        demo.log().split_whitespace().find(|word| word.contains("/password/customers/")).map(str::to_owned)
    });
    assert!(link.contains(demo.said.lines().next().unwrap()), "{link}");
    let shown = |path: &str, token: &str| {
        let address = demo.said.lines().next().unwrap();
        let script = format!("{token}\ncurl -s {address}{path} -H \"Authorization: Bearer $CUSTOMER\"");
        String::from_utf8(Command::new("sh").arg("-c").arg(&script).output().unwrap().stdout).unwrap()
    };
    let token = lines.iter().find(|line| line.starts_with("CUSTOMER=")).unwrap();
    let me: serde_json::Value = serde_json::from_str(&shown("/rest/V1/customers/me", token)).unwrap();
    assert_eq!((&me["id"], &me["email"], &me["firstname"]), (&7.into(), &"jane@example.com".into(), &"Jane".into()));
    let folder = demo.folder();
    assert!(folder.is_some());
    assert_eq!(demo.stop(), 0);
    assert!(!folder.unwrap().exists(), "the database was left behind");
}
