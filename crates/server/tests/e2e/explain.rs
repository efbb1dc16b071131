//! `doorward explain` and `doorward check`.

use crate::support::{Site, upstream::Upstream};

const SALES: &str = "[[route]]\nmethods = [\"GET\"]\npath = \"/orders/:id\"\nrequire = [\"Test_Sales::orders\"]\n\
[[resource]]\nid = \"Test_Sales::orders\"\ntitle = \"Orders\"\n";

fn site(upstream: &Upstream) -> Site {
    let site = Site::basic(upstream);
    site.write("routes.toml", SALES);
    site.ok(&["role", "add", "sales", "--allow", "Test_Sales::orders"], "");
    site.user("admins/seller", "correct horse", &["sales"]);
    site.user("admins/other", "correct horse", &[]);
    site
}

#[test]
fn it_says_what_the_gateway_does() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    let server = site.serve();
    for (account, path) in [
        (None, "/orders/7"),
        (Some("seller"), "/orders/7"),
        (Some("other"), "/orders/7"),
        (Some("seller"), "/nothing"),
        (None, "/login"),
        (Some("seller"), "/api/ibexa/v2/user/sessions/current"),
        (None, "/orders/../x"),
    ] {
        let name = account.map(|login| format!("admins/{login}"));
        let mut arguments = vec!["explain", "GET", path, "--json"];
        arguments.extend(name.as_deref().map(|name| ["--as", name]).into_iter().flatten());
        let explained = site.run(&arguments, "");
        let cookie = account.map(|login| format!("Cookie: {}\r\n", server.sign_in(login, "correct horse").cookie));
        let status = server.get(path, &cookie.unwrap_or_default()).status;
        let document = explained.json();
        let permit = document["outcome"] == "permit";
        assert_eq!(explained.code, i32::from(!permit), "{account:?} {path}: {explained:?}");
        assert_eq!(permit, status < 400, "{account:?} {path}: answered {status}, {explained:?}");
        if !permit {
            assert_eq!(document["status"], status, "{account:?} {path}: {explained:?}");
        }
    }
}

#[test]
fn it_names_the_line_the_role_and_the_near_misses() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    let granted = site.ok(&["explain", "GET", "/orders/7", "--as", "admins/seller"], "");
    for words in [
        "routes.toml:3",
        "Test_Sales::orders: granted, role `sales` grants it",
        "admin/1 (admins/seller)",
        "permit",
        "its CSRF token is sent",
    ] {
        assert!(granted.out.contains(words), "{words} is not in {}", granted.out);
    }
    let lacking = site.run(&["explain", "GET", "/orders/7", "--as", "admins/other"], "");
    assert_eq!(lacking.code, 1);
    assert!(lacking.out.contains("Test_Sales::orders: lacking"), "{}", lacking.out);
    let missed = site.run(&["explain", "POST", "http://localhost/orders/7"], "");
    assert_eq!(missed.code, 1);
    assert!(missed.out.contains("near miss   GET /orders/:id (routes.toml:3): it is for GET"), "{}", missed.out);
}

#[test]
fn nobody_is_explained_who_does_not_exist() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    for (name, words) in [("admins/nobody", "no account `admins/nobody`"), ("nowhere/x", "no directory `nowhere`")] {
        let output = site.run(&["explain", "GET", "/", "--as", name], "");
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.err.contains(words), "{output:?}");
    }
}

#[test]
fn what_was_judged_is_shown_without_the_session_id() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    let id = "abcdefghijklmnopqrstuvwxyz234567";
    let output =
        site.ok(&["explain", "DELETE", &format!("/api/ibexa/v2/user/sessions/{id}"), "--as", "admins/seller", "--json"], "");
    assert!(!output.out.contains(id), "{}", output.out);
    let input = &output.json()["input"];
    assert_eq!((&input["path"], &input["endpoint"]), (&"/api/ibexa/v2/user/sessions/{id}".into(), &"session.delete".into()));
    assert_eq!(input["offer"]["verified"]["login"], "seller");
}

#[test]
fn looking_makes_no_database() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    assert_eq!(site.run(&["explain", "GET", "/open"], "").code, 0);
    assert_eq!(site.run(&["check"], "").code, 0);
    assert!(!site.path().join("doorward.db").exists());
}

#[test]
fn check_lists_every_problem_at_its_line() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    let sound = site.ok(&["check", "--json"], "").json();
    assert_eq!((&sound["sound"], &sound["errors"]), (&serde_json::json!(true), &serde_json::json!(0)), "{sound}");
    site.write("routes.toml", "[[route]]\npath = \"/x\"\nmetods = [\"GET\"]\n");
    site.write("doorward.toml", &(std::fs::read_to_string(site.path().join("doorward.toml")).unwrap() + "\n[lgo]\n"));
    let output = site.run(&["check", "--json"], "");
    assert_eq!(output.code, 1);
    let problems = output.json()["problems"].as_array().unwrap().clone();
    let at = |file: &str| problems.iter().any(|p| p["file"] == file && p["line"].is_u64());
    assert!(at("doorward.toml") && at("routes.toml"), "{problems:?}");
    let text = site.run(&["check"], "");
    assert!(text.err.contains("routes.toml:3:1") && text.out.contains("unsound"), "{text:?}");
}

#[test]
fn its_reason_is_the_sentence_of_the_log() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    let server = site.serve();
    let cookie = format!("Cookie: {}\r\n", server.sign_in("other", "correct horse").cookie);
    for (account, method, path, headers) in [
        (None, "GET", "/orders/7", ""),
        (Some("admins/other"), "GET", "/orders/7", ""),
        (Some("admins/other"), "GET", "/nothing", ""),
        (Some("admins/other"), "DELETE", "/nothing-else", "X-CSRF-Token: wrong"),
        (Some("admins/other"), "POST", "/api/ibexa/v2/", "X-CSRF-Token: wrong"),
        (None, "GET", "/api/ibexa/v2/", "X-Expected-User: somebody"),
    ] {
        let mut arguments = vec!["explain", method, path, "--json"];
        arguments.extend(account.map(|name| ["--as", name]).into_iter().flatten());
        if !headers.is_empty() {
            arguments.extend(["--header", headers]);
        }
        let explained = site.run(&arguments, "").json();
        let mut lines = if account.is_some() { cookie.clone() } else { String::new() };
        if !headers.is_empty() {
            lines.push_str(&format!("{headers}\r\n"));
        }
        let seen = server.log().lines().count();
        let reply = server.send(method, path, &lines, "");
        if explained["outcome"] == "permit" {
            // What an endpoint of ours answers once it may is not the decision's business.
            assert_ne!(reply.status, 403, "{method} {path}");
            continue;
        }
        assert_eq!(explained["status"], reply.status, "{method} {path}: {explained}");
        let line = crate::support::eventually("its line", || {
            server.log().lines().skip(seen).find(|line| line.contains(" request ")).map(str::to_owned)
        });
        let detail = explained["detail"].as_str().unwrap().replace('\\', "\\\\").replace('"', "\\\"");
        assert!(line.contains(&format!("detail=\"{detail}\"")), "{explained} {line}");
        assert!(line.contains(&format!("reason={}", explained["reason"].as_str().unwrap())), "{explained} {line}");
    }
}

#[test]
fn an_upgrade_is_judged_as_one_and_the_client_is_where_one_says() {
    let upstream = Upstream::start();
    let site = site(&upstream);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    let closed = "\n[[access_control]]\npath = '^/inner'\nips = [\"10.0.0.0/8\"]\nroles = [\"PUBLIC_ACCESS\"]\n\
[[access_control]]\npath = '^/inner'\nroles = [\"ROLE_NO_ACCESS\"]\n";
    site.write("doorward.toml", &(config + closed));
    let inner = "[[route]]\nmethods = [\"GET\"]\npath = \"/inner\"\nrequire = [\"anonymous\"]\n";
    site.write("routes.toml", &format!("{SALES}{inner}"));
    let explain = |rest: &[&str]| site.run(&[&["explain", "GET"], rest, &["--json"]].concat(), "").json();

    let foreign = ["--as", "admins/seller", "--header", "Origin: https://evil.example"];
    let upgrade = ["--header", "Connection: Upgrade", "--header", "Upgrade: websocket"];
    let read = explain(&[&["/orders/7"], &foreign[..]].concat());
    assert_eq!(read["outcome"], "permit", "{read}");
    let socket = explain(&[&["/orders/7"], &foreign[..], &upgrade[..]].concat());
    assert_eq!((&socket["outcome"], &socket["reason"]), (&"refusal".into(), &"foreign_origin".into()), "{socket}");

    assert_eq!(explain(&["/inner"])["reason"], "access_control");
    assert_eq!(explain(&["/inner", "--client", "10.1.2.3"])["outcome"], "permit");
}

#[test]
fn the_credential_that_the_account_carries_can_be_chosen() {
    let upstream = Upstream::start();
    let site = Site::basic(&upstream);
    let config = std::fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    site.write(
        "doorward.toml",
        &(config
            + "[api]\nmagento_prefix = \"/rest\"\nserve = [\"sessions\", \"tokens\"]\n\
               [[firewall]]\nname = \"api\"\npath = '^/(open|closed)'\nwhen = \"bearer\"\nauthentication = \"jwt\"\n\
               [[firewall]]\nname = \"machines\"\nwhen = \"basic\"\nauthentication = \"basic\"\n\
               [[firewall]]\nname = \"main\"\n"),
    );
    site.user("customers/jane", "correct horse", &[]);
    let with = |credential: &str, path: &str| {
        let mut arguments = vec!["explain", "GET", path, "--as", "customers/jane"];
        if !credential.is_empty() {
            arguments.extend(["--with", credential]);
        }
        site.run(&arguments, "").out
    };
    for (credential, firewall, found) in [
        ("", "main", "a live session of `customers`"),
        ("cookie", "main", "a live session of `customers`"),
        ("bearer", "api", "a JSON Web Token of `customers/jane`"),
        ("basic", "machines", "the login and password of `customers/jane`"),
        ("certificate", "main", "none that this firewall reads"),
    ] {
        let said = with(credential, "/closed");
        let matched = said.lines().find(|line| line.starts_with("firewall") && line.ends_with(") matches")).unwrap();
        assert!(matched.contains(&format!("`{firewall}`")) && said.contains(found), "{credential}: {said}");
        assert_eq!(said.contains("customer/1"), credential != "certificate", "{credential}: {said}");
        let hints = ["--with bearer judges there", "--with basic judges there"].map(|hint| said.contains(hint));
        let expected = match firewall {
            "api" => [false, false],
            "machines" => [true, false],
            _ => [true, true],
        };
        assert_eq!(hints, expected, "{credential}: {said}");
    }
    // Where a session firewall reads bearer tokens, they are those of the dialect.
    let said = with("bearer", "/rest/V1/customers/me");
    assert!(said.contains("bearer token of `customers`"), "{said}");
    let alone = site.run(&["explain", "GET", "/closed", "--with", "basic"], "");
    assert!(alone.code == 2 && alone.err.contains("--as"), "{alone:?}");
}
