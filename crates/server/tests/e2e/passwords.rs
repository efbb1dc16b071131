//! Forgotten and changed passwords, as a person with a browser and a mailbox uses the pages.

use crate::{
    people::{PASSWORD, Town, attempt, check},
    support::{PATIENCE, Server, Site, client::Reply, eventually, upstream::Upstream},
};
use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};

const MAIL: &str = "[mail]\nurl = \"folder:mail\"\nfrom = \"The Shop <shop@example.com>\"\n";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded\r\n";
const NEW: &str = "Quite another one 7";

/// A town in which anna has an e-mail address.
fn town(more: &str) -> (Upstream, Site) {
    let upstream = Upstream::answering(|_| "HTTP/1.1 204 No Content\r\n\r\n".to_owned());
    let site = Town { more: &format!("{MAIL}{more}"), ..Town::default() }.site(&upstream);
    let anna = ["user", "add", "customers/anna@example.com", "--email", "anna@example.com", "--password-stdin"];
    site.ok(&anna, PASSWORD);
    (upstream, site)
}

/// The mails of a sort that arrived so far, oldest first.
fn mails(site: &Site, sort: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(site.path().join("mail")) else { return Vec::new() };
    let names: BTreeSet<_> = entries.flatten().map(|entry| entry.path()).collect();
    let wanted = names
        .iter()
        .filter(|path| path.to_string_lossy().contains(&format!("-{sort}-")) && path.extension().is_some_and(|e| e == "eml"));
    wanted.map(|path| fs::read_to_string(path).unwrap().replace("=\r\n", "").replace("=3D", "=")).collect()
}

fn mail(site: &Site, sort: &str) -> String {
    eventually(&format!("mail: {sort}"), || mails(site, sort).pop())
}

/// The path of the link in a mail.
fn link(site: &Site, server: &Server) -> String {
    let mail = mail(site, "reset");
    let base = format!("http://{}", server.public);
    let at = mail.find(&format!("{base}/password/")).unwrap_or_else(|| panic!("no link: {mail}"));
    mail[at + base.len()..].split_whitespace().next().unwrap().to_owned()
}

/// A form that was opened: its cookie, and its token.
fn open(server: &Server, path: &str, headers: &str) -> (String, String) {
    let reply = server.get(path, headers);
    assert_eq!(reply.status, 200, "{reply:?}");
    let cookie = reply.header("set-cookie").map_or(String::new(), |cookie| cookie.split(';').next().unwrap().to_owned());
    (cookie, hidden(&reply, "_csrf_token"))
}

fn hidden(reply: &Reply, name: &str) -> String {
    let (_, rest) = reply.body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{name}: {reply:?}"));
    rest.split('"').next().unwrap().to_owned()
}

fn encoded(text: &str) -> String {
    text.bytes().map(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

fn post(server: &Server, path: &str, headers: &str, fields: &[(&str, &str)]) -> Reply {
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    server.send("POST", path, &format!("{FORM}{headers}"), &body.join("&"))
}

/// Asks for a link from `address`.
fn ask(server: &Server, address: &str, login: &str) -> Reply {
    let (cookie, token) = open(server, "/password/customers", "");
    let headers = format!("Cookie: {cookie}\r\nX-Forwarded-For: {address}\r\n");
    post(server, "/password/customers", &headers, &[("_username", login), ("_csrf_token", &token)])
}

fn set(server: &Server, path: &str, new: &str, again: &str) -> Reply {
    let (cookie, token) = open(server, path, "");
    let fields = [("_password", new), ("_password_again", again), ("_csrf_token", &token)];
    post(server, path, &format!("Cookie: {cookie}\r\n"), &fields)
}

fn says(reply: &Reply, status: u16, text: &str) {
    let body = reply.body.replace("&#39;", "'");
    assert!(reply.status == status && body.contains(text), "{status} {text}: {reply:?}");
}

#[test]
fn a_forgotten_password_is_set_anew_by_a_link_that_works_once() {
    let (_upstream, site) = town("");
    let server = site.serve();
    let session = attempt(&server, "192.0.2.9", "anna@example.com", PASSWORD, "");
    let cookie = session.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert!(server.get("/login/customers", "").body.contains("href=\"/password/customers\""));

    says(&ask(&server, "192.0.2.1", "anna@example.com"), 200, "If there is such an account");
    let path = link(&site, &server);
    let mail = mail(&site, "reset");
    assert!(mail.contains("To: anna@example.com") && mail.contains("2 hours"), "{mail}");

    // Looking at it changes nothing, however often; neither do passwords that will not do.
    for _ in 0..2 {
        let page = server.get(&path, "");
        assert_eq!(
            (page.status, page.header("referrer-policy"), page.header("cache-control")),
            (200, Some("no-referrer"), Some("no-store"))
        );
    }
    says(&set(&server, &path, NEW, "different"), 400, "are not the same");
    says(
        &set(&server, &path, "short1A", "short1A"),
        400,
        "The password needs at least 8 characters. Create a new password and try again.",
    );
    says(&set(&server, &path, "lettersonly", "lettersonly"), 400, "Minimum of different classes of characters in password is 3.");
    says(&set(&server, &path, " Spaces 77", " Spaces 77"), 400, "The password can't begin or end with a space.");
    says(&set(&server, &path, "Password1!", "Password1!"), 400, "too common");
    says(&set(&server, &path, "Anna@Example.com", "Anna@Example.com"), 400, "can't be the same as the email address");
    assert_eq!(check(&server, &cookie), 200);

    says(&set(&server, &path, NEW, NEW), 200, "Your password is set");
    assert_eq!(check(&server, &cookie), 404, "all sessions end");
    assert_eq!(attempt(&server, "192.0.2.1", "anna@example.com", PASSWORD, "").status, 401);
    assert_eq!(attempt(&server, "192.0.2.1", "anna@example.com", NEW, "").status, 201);
    assert!(self::mail(&site, "password_changed").contains("To: anna@example.com"));
    says(&server.get(&path, ""), 400, "It was used already");

    let token = path.rsplit('/').next().unwrap().to_owned();
    let (_, log) = server.stop();
    assert!(!log.contains(&token) && !log.contains(NEW), "{log}");
    assert!(log.contains("password_reset_requested") && log.contains("\"password_reset\""), "{log}");
    assert!(!fs::read(site.path().join("doorward.db")).unwrap().windows(token.len()).any(|part| part == token.as_bytes()));
}

#[test]
fn strangers_learn_nothing_from_answer_or_time_and_get_no_mail() {
    let (_upstream, site) = town("");
    let server = site.serve();
    site.ok(&["user", "disable", "customers/jane"], "");
    let mut answers = BTreeSet::new();
    for (n, login) in ["anna@example.com", "nobody@example.com", "jane", "<b>\"x", "a@b\r\nBcc: c@d"].into_iter().enumerate() {
        let began = Instant::now();
        let reply = ask(&server, &format!("192.0.2.{n}"), login);
        assert!(began.elapsed() < PATIENCE);
        answers.insert((reply.status, reply.body.replace(&hidden_id(&reply), "")));
    }
    assert_eq!(answers.len(), 1, "{answers:?}");
    link(&site, &server);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(mails(&site, "reset").len(), 1);
}

/// The one thing that differs between two answers.
fn hidden_id(reply: &Reply) -> String {
    reply.body.split("<code>").nth(1).and_then(|rest| rest.split('<').next()).unwrap_or("-").to_owned()
}

#[test]
fn cve_2025_64101_a_reset_link_is_never_built_from_what_a_request_says() {
    let (_upstream, site) = town("");
    let server = site.serve();
    let (cookie, token) = open(&server, "/password/customers", "");
    let body = format!("_username=anna%40example.com&_csrf_token={token}");
    let reply = server.exchange(&format!(
        "POST /password/customers HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\nForwarded: host=evil.example\r\n\
         X-Forwarded-Proto: ftp\r\nConnection: close\r\nContent-Length: {}\r\n{FORM}Cookie: {cookie}\r\n\r\n{body}",
        body.len()
    ));
    // Without `public_url` any host is served, and the link still leads to ours.
    says(&reply, 200, "If there is such an account");
    link(&site, &server);
    assert!(!mail(&site, "reset").contains("evil.example"));
}

#[test]
fn links_cannot_be_asked_for_without_end() {
    let (_upstream, site) = town("");
    let server = site.serve();
    let refused =
        "We received too many requests for password resets. Please wait and try again later or contact shop@example.com.";
    for (name, address) in [("anna@example.com", "192.0.2.1"), ("nobody@example.com", "192.0.2.2")] {
        says(&ask(&server, address, name), 200, "If there is such an account");
        says(&ask(&server, "192.0.2.77", &name.to_uppercase()), 429, refused);
    }
    for n in 0..4 {
        says(&ask(&server, "192.0.2.1", &format!("u{n}@example.com")), 200, "If there is such an account");
    }
    says(&ask(&server, "192.0.2.1", "u5@example.com"), 429, refused);
    says(&ask(&server, "192.0.2.3", "u5@example.com"), 200, "If there is such an account");
}

#[test]
fn forms_of_other_sites_and_browsers_are_refused() {
    let (_upstream, site) = town("");
    let server = site.serve();
    let (cookie, token) = open(&server, "/password/customers", "");
    let fields = [("_username", "anna@example.com"), ("_csrf_token", &*token)];
    for headers in [String::new(), "Cookie: doorward_form=AAAAAAAAAAAAAAAAAAAAAA\r\n".to_owned()] {
        says(&post(&server, "/password/customers", &headers, &fields), 400, "This form is too old");
    }
    let foreign = format!("Cookie: {cookie}\r\nSec-Fetch-Site: cross-site\r\n");
    assert_eq!(post(&server, "/password/customers", &foreign, &fields).status, 403);
    assert!(mails(&site, "reset").is_empty());
}

#[test]
fn without_mail_there_is_no_page_that_promises_it() {
    let upstream = Upstream::answering(|_| "HTTP/1.1 204 No Content\r\n\r\n".to_owned());
    let server = Town::default().site(&upstream).serve();
    assert_eq!(server.get("/password/customers", "").status, 404);
    assert!(!server.get("/login/customers", "").body.contains("/password/"));
}

#[test]
fn accounts_are_revealed_only_where_that_is_wanted() {
    let (_upstream, site) = town("[accounts]\nreveal_accounts = true\nreset_interval = \"1s\"\n");
    let server = site.serve();
    says(&ask(&server, "192.0.2.1", "nobody@example.com"), 404, "There is no such account.");
    says(&ask(&server, "192.0.2.1", "anna@example.com"), 200, "is on its way");
}

#[test]
fn a_link_ends_with_its_time_with_a_newer_one_and_with_the_password() {
    let (_upstream, site) = town("[accounts]\nreset_interval = \"1s\"\nreset_lifetime = \"2s\"\n");
    let server = site.serve();
    ask(&server, "192.0.2.1", "anna@example.com");
    let first = link(&site, &server);
    eventually("another link", || {
        std::thread::sleep(Duration::from_millis(200));
        ask(&server, "192.0.2.1", "anna@example.com");
        (mails(&site, "reset").len() > 1).then_some(())
    });
    says(&server.get(&first, ""), 400, "another one took its place");
    let second = link(&site, &server);
    assert_ne!(first, second);
    eventually("the end of its time", || server.get(&second, "").body.contains("It is too old").then_some(()));
}

#[test]
fn a_changed_password_keeps_the_present_session_alone_under_a_new_id() {
    let (_upstream, site) = town("");
    let server = site.serve();
    let sign_in = || {
        let reply = attempt(&server, "192.0.2.1", "anna@example.com", PASSWORD, "");
        reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned()
    };
    let (mine, other) = (sign_in(), sign_in());
    let page = "/password/customers/change";
    let guest = server.get(page, "");
    assert_eq!((guest.status, guest.header("location")), (303, Some("/login/customers?return=%2Fpassword%2Fcustomers%2Fchange")));

    let change = |current: &str, new: &str| {
        let (_, token) = open(&server, page, &format!("Cookie: {mine}\r\n"));
        let fields = [("_current_password", current), ("_password", new), ("_password_again", new), ("_csrf_token", &token)];
        post(&server, page, &format!("Cookie: {mine}\r\nX-Forwarded-For: 192.0.2.1\r\n"), &fields)
    };
    says(&change("wrong", NEW), 400, "The current password is wrong.");
    says(&change(PASSWORD, "short1A"), 400, "at least 8 characters");
    let forged = [("_current_password", PASSWORD), ("_password", NEW), ("_password_again", NEW), ("_csrf_token", "a.b.c")];
    says(&post(&server, page, &format!("Cookie: {mine}\r\n"), &forged), 400, "This form is too old");

    let changed = change(PASSWORD, NEW);
    says(&changed, 200, "Your password is changed");
    let now = changed.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    assert_ne!(now, mine);
    assert_eq!([&mine, &other, &now].map(|cookie| check(&server, cookie)), [404, 404, 200]);
    assert_eq!(attempt(&server, "192.0.2.1", "anna@example.com", NEW, "").status, 201);
    assert!(mail(&site, "password_changed").contains("To: anna@example.com"));
}

#[test]
fn cve_2026_9798_the_current_password_is_guessed_under_the_same_lock_as_at_sign_in() {
    let (_upstream, site) = town("");
    let server = site.serve();
    let reply = attempt(&server, "192.0.2.1", "anna@example.com", PASSWORD, "");
    let mine = reply.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let page = "/password/customers/change";
    let change = |current: &str| {
        let (_, token) = open(&server, page, &format!("Cookie: {mine}\r\n"));
        let fields = [("_current_password", current), ("_password", NEW), ("_password_again", NEW), ("_csrf_token", &token)];
        post(&server, page, &format!("Cookie: {mine}\r\nX-Forwarded-For: 192.0.2.66\r\n"), &fields)
    };
    for n in 0..5 {
        says(&change(&format!("guess {n}")), 400, "The current password is wrong.");
        assert_eq!(attempt(&server, "192.0.2.66", "anna@example.com", "guess", "").status, 401);
    }
    says(&change(PASSWORD), 400, "The current password is wrong.");
    assert_eq!(attempt(&server, "192.0.2.66", "anna@example.com", PASSWORD, "").status, 401, "locked there, by both together");
}

#[test]
fn a_disabled_account_has_no_links() {
    let (_upstream, site) = town("");
    let server = site.serve();
    ask(&server, "192.0.2.1", "anna@example.com");
    let path = link(&site, &server);
    site.ok(&["user", "disable", "customers/anna@example.com"], "");
    says(&server.get(&path, ""), 400, "It was used already");
    site.ok(&["user", "enable", "customers/anna@example.com"], "");
    says(&server.get(&path, ""), 400, "It was used already");
}

#[test]
fn templates_are_replaced_while_the_server_runs_and_a_bad_one_changes_nothing() {
    let upstream = Upstream::answering(|_| "HTTP/1.1 204 No Content\r\n\r\n".to_owned());
    let more = format!("{MAIL}templates = \"words\"\n[accounts]\nreset_interval = \"1s\"\nreset_requests = 100\n");
    let town = Town { more: &more, ..Town::default() };
    let template = |site: &Site, subject: &str| site.write("words/reset.txt", &format!("Subject: {subject}\n\n{{{{ link }}}}\n"));
    // The folder must be there before the first command reads the configuration.
    let site = Town { more: "", ..town }.site(&upstream);
    let config = fs::read_to_string(site.path().join("doorward.toml")).unwrap();
    template(&site, "First");
    site.write("doorward.toml", &format!("{config}{more}"));
    site.ok(&["user", "add", "customers/anna@example.com", "--email", "anna@example.com", "--password-stdin"], PASSWORD);
    let server = site.serve();
    let arrives = |subject: &str| {
        eventually(subject, || {
            ask(&server, "192.0.2.1", "anna@example.com");
            std::thread::sleep(Duration::from_millis(300));
            mails(&site, "reset").pop().filter(|mail| mail.contains(&format!("Subject: {subject}\r\n")))
        })
    };
    arrives("First");
    site.write("words/reset.txt", "Subject: Bad\n\n{{ lnik }}\n");
    let found = site.run(&["check", "--config", "doorward.toml"], "");
    assert!(found.code == 1 && found.err.contains("words/reset.txt:3:1"), "{found:?}");
    server.signal("HUP");
    server.logged("nothing changed");
    template(&site, "Second");
    server.signal("HUP");
    server.logged("\"outcome\":\"success\",\"policy\"");
    arrives("Second");
    assert!(!mails(&site, "reset").iter().any(|mail| mail.contains("Subject: Bad")));
    let sent = server.metric("doorward_mails_total{mail=\"reset\",outcome=\"sent\"}").unwrap();
    assert!(sent >= 2.0, "{sent}");
}
