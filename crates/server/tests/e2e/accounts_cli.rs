//! `user`, `role` and `session` as a shell sees them: exit codes, both outputs, and the database that stays.

use crate::support::Site;
use serde_json::json;
use std::process::{Command, Stdio};

const CONFIG: &str = r#"
[[directory]]
name = "admins"
kind = "admin"
[[directory]]
name = "customers"
kind = "customer"
[[upstream]]
name = "shop"
url = "http://127.0.0.1:9"
[routes]
files = ["routes.toml"]
"#;

const ROUTES: &str = r#"
[[resource]]
id = "Example_Sales::orders"
title = "Orders"
[[route]]
methods = ["GET"]
path = "/orders"
require = ["Example_Sales::orders"]
"#;

const GOOD: &str = "correct horse battery\n";

fn site() -> Site {
    let site = Site::new(CONFIG);
    site.write("routes.toml", ROUTES);
    site
}

#[test]
fn accounts_stay_from_command_to_command() {
    let site = site();
    site.ok(&["role", "add", "clerk", "--allow", "Example_Sales::orders"], "");
    let add = ["user", "add", "admins/Admin", "--id", "14", "--role", "clerk", "--email", "a@example.com", "--password-stdin"];
    let added = site.ok(&add, GOOD);
    assert_eq!(added.out, "added the account admins/Admin with id 14\n");
    assert!(
        added.err.contains("audit action=account outcome=success directory=admins identity=admin/14 login=Admin"),
        "{added:?}"
    );
    site.ok(&["user", "add", "customers/jane@example.com", "--password-stdin"], GOOD);
    let shown = site.ok(&["user", "show", "admins/admin", "--json"], "").json();
    assert_eq!((&shown["id"], &shown["roles"], &shown["sessions"]), (&json!(14), &json!(["clerk"]), &json!(0)));
    let listed = site.ok(&["user", "list", "--json"], "").json();
    let logins: Vec<_> = listed.as_array().unwrap().iter().map(|account| account["login"].clone()).collect();
    assert_eq!(logins, ["Admin", "jane@example.com"]);

    site.ok(&["user", "disable", "admins/admin"], "");
    assert_eq!(site.ok(&["user", "show", "admins/admin", "--json"], "").json()["enabled"], false);
    site.ok(&["user", "enable", "admins/admin"], "");
    site.ok(&["user", "unlock", "admins/admin"], "");
    site.ok(&["user", "password", "admins/admin", "--password-stdin"], "another good one");
    site.ok(&["role", "delete", "clerk"], "");
    assert_eq!(site.ok(&["user", "show", "admins/admin", "--json"], "").json()["roles"], json!([]));
    site.ok(&["user", "delete", "admins/admin"], "");
    let next = site.ok(&["user", "add", "admins/other", "--password-stdin", "--json"], GOOD).json();
    assert_eq!(next["id"], 15, "an id is never used again");
}

#[test]
fn exit_codes_say_done_refused_or_wrong_usage() {
    let site = site();
    for (line, input, code) in [
        ("user add admins/admin --password-stdin", GOOD, 0),
        ("user add admins/ADMIN --password-stdin", GOOD, 1),
        ("user add nobody/admin --password-stdin", GOOD, 1),
        ("user add admins/b --role nobody --password-stdin", GOOD, 1),
        ("user add admins/b --password-stdin", "", 1),
        ("user add admins/b", GOOD, 2),
        ("user add admins/b --id 0 --password-stdin", GOOD, 2),
        ("user show admins/nobody", "", 1),
        ("user show admins", "", 2),
        ("role show nobody", "", 1),
        ("role add clerk --allow Example_Sales::order", "", 1),
        ("role add ROLE_ADMIN", "", 2),
        ("session list", "", 0),
        ("session end 0123456789abcdef", "", 1),
        ("session end xyz", "", 2),
        ("session end", "", 2),
    ] {
        let arguments: Vec<&str> = line.split(' ').collect();
        let output = site.run(&arguments, input);
        assert_eq!(output.code, code, "{line}: {output:?}");
        assert_eq!(output.err.lines().all(|line| line.contains(" audit ")), code == 0, "{line}: {output:?}");
        if code != 0 {
            assert_eq!(output.out, "", "{line}: {output:?}");
        }
    }
}

#[test]
fn a_refusal_is_one_json_document_too() {
    let site = site();
    let output = site.run(&["role", "add", "clerk", "--allow", "Example_Sales::order", "--json"], "");
    assert_eq!(output.code, 1, "{output:?}");
    let why = output.json()["error"].as_str().unwrap().to_owned();
    assert!(why.contains("Example_Sales::order ") && why.contains("did you mean \"Example_Sales::orders\""), "{why}");
}

#[test]
fn a_weak_password_is_taken_with_a_warning_on_standard_error() {
    let site = site();
    let output = site.ok(&["user", "add", "admins/admin", "--password-stdin", "--json"], "publish");
    assert!(output.err.starts_with("warning: the password is weak"), "{output:?}");
    assert_eq!(output.json()["login"], "admin");
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let site = site();
    site.ok(&["user", "list"], "");
    let mode = site.path().join("doorward.db").metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_database_of_another_application_is_refused_by_name() {
    let site = site();
    site.write("doorward.db", &"this is a text file\n".repeat(99));
    let output = site.run(&["user", "list"], "");
    assert_eq!(output.code, 1, "{output:?}");
    assert!(output.err.contains("doorward.db") && output.err.contains("not a database"), "{output:?}");
}

#[test]
fn a_reader_that_has_read_enough_of_a_list_is_no_error() {
    let site = site();
    site.ok(&["user", "add", "admins/anna", "--password-stdin"], GOOD);
    for form in [&["user", "list"][..], &["user", "list", "--json"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .args(form)
            .current_dir(site.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap()), (Some(0), String::new()), "{form:?}");
    }
}
