//! Sessions of an old application that are exchanged for ours: once, for the account that it names, and for nobody else.

use super::{PASSWORD, SignedIn, site};
use crate::support::{
    Server, Site,
    client::Reply,
    eventually,
    upstream::{Received, Upstream},
};
use std::{
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
};

/// What the old application does when it is asked who somebody is.
#[derive(Clone)]
enum Says {
    /// What it knows: whose the sessions are.
    TheTruth,
    /// Another answer, to the byte.
    This(String),
    /// Nothing, until it is told to say something else.
    Nothing,
}

/// An application that knows `OLD` and a few others, and who they belong to.
struct OldShop {
    upstream: Upstream,
    says: Arc<(Mutex<Says>, Condvar)>,
}

const OLD: &str = "0123456789abcdefghijklmnop";
/// Two more of the same person.
const SECOND_BROWSER: &str = "jane_has_a_second_browser";
const THIRD_BROWSER: &str = "jane_has_a_third_browser_";
const QUESTION: &str = "GET /rest/V1/customers/me ";

impl OldShop {
    fn open() -> Self {
        let says = Arc::new((Mutex::new(Says::TheTruth), Condvar::new()));
        let told = Arc::clone(&says);
        let upstream = Upstream::answering(move |request| {
            if !request.head.starts_with(QUESTION) {
                return answer(200, "old shop");
            }
            let (says, changed) = &*told;
            let says = says.lock().unwrap_or_else(PoisonError::into_inner);
            let says = changed.wait_while(says, |says| matches!(says, Says::Nothing)).unwrap_or_else(PoisonError::into_inner);
            match &*says {
                Says::This(bytes) => bytes.clone(),
                Says::TheTruth | Says::Nothing => truth(request),
            }
        });
        Self { upstream, says }
    }

    fn say(&self, says: Says) {
        *self.says.0.lock().unwrap_or_else(PoisonError::into_inner) = says;
        self.says.1.notify_all();
    }

    /// How often it was asked who somebody is.
    fn asked(&self) -> usize {
        self.upstream.received().iter().filter(|request| request.head.starts_with(QUESTION)).count()
    }
}

/// Nobody waits for it any more.
impl Drop for OldShop {
    fn drop(&mut self) {
        self.say(Says::TheTruth);
    }
}

fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// As Magento answers: sessions count for AJAX alone.
fn truth(request: &Received) -> String {
    let ajax = request.header("x-requested-with") == Some("XMLHttpRequest");
    let session = request.header("cookie").and_then(|cookie| cookie.strip_prefix("PHPSESSID=")).filter(|_| ajax);
    match session {
        Some(OLD | SECOND_BROWSER | THIRD_BROWSER) => {
            answer(200, r#"{"id":7,"group_id":1,"email":"Jane@shop.test","firstname":"Jane"}"#)
        }
        Some("mallory_has_an_id_of_jane") => answer(200, r#"{"id":7,"email":"mallory@shop.test"}"#),
        Some("mallory_has_mail_of_jane_") => answer(200, r#"{"id":9,"email":"jane@shop.test"}"#),
        Some("a_customer_nobody_imported") => answer(200, r#"{"id":99,"email":"late@shop.test"}"#),
        _ => answer(401, r#"{"message":"The consumer isn't authorized to access %resources."}"#),
    }
}

const RULES: &str = "[[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/open\"\nrequire = [\"anonymous\"]\n\
                     [[route]]\nmethods = [\"GET\", \"POST\"]\npath = \"/closed\"\nrequire = [\"self\"]\n\
                     [[route]]\nmethods = [\"GET\"]\npath = \"/new/closed\"\nrequire = [\"self\"]\n";

/// A shop that moved behind Doorward, with Jane, who is customer 7 on both sides.
fn moved(shop: &OldShop, more: &str) -> Site {
    // A machine that is busy is no old shop in trouble.
    moved_with(shop, more, "60s")
}

fn moved_with(shop: &OldShop, more: &str, patience: &str) -> Site {
    let url = shop.upstream.url();
    let rest = format!(
        "{more}\n[routes]\nfiles = [\"routes.toml\", \"webapi.xml\"]\n[[upstream]]\nname = \"shop\"\nurl = \"{url}\"\n\
         exchange = \"/rest/V1/customers/me\"\nexchange_directory = \"customers\"\nexchange_timeout = \"{patience}\"\n\
         [[upstream]]\nname = \"new\"\nurl = \"{url}\"\npath = \"/new\"\n"
    );
    let site = site("", &rest, RULES);
    let route = |url: &str, require: &str| {
        format!(
            "<route url=\"{url}\" method=\"GET\"><service class=\"A\" method=\"b\"/><resources><resource ref=\"{require}\"/></resources></route>"
        )
    };
    site.write("webapi.xml", &format!("<routes>{}{}</routes>", route("/V1/open", "anonymous"), route("/V1/mine", "self")));
    let jane = ["user", "add", "customers/jane", "--id", "7", "--email", "jane@shop.test", "--password-stdin"];
    site.ok(&jane, PASSWORD);
    site.ok(&["user", "add", "customers/mallory", "--id", "9", "--email", "mallory@shop.test", "--password-stdin"], PASSWORD);
    site
}

fn old(id: &str) -> String {
    format!("Cookie: PHPSESSID={id}\r\n")
}

/// `Cookie` line of the session that an answer begins.
fn begun(reply: &Reply) -> Option<String> {
    reply.cookie("doorward_customers=").map(|pair| format!("Cookie: {pair}\r\n"))
}

fn sessions(site: &Site) -> usize {
    site.ok(&["session", "list", "--json"], "").json().as_array().unwrap().len()
}

fn outcome(server: &Server, outcome: &str) -> f64 {
    server.metric(&format!("doorward_old_sessions_total{{upstream=\"shop\",outcome=\"{outcome}\"}}")).unwrap_or(0.0)
}

/// The audit event of this kind, in the log.
fn audited(server: &Server, event: &str) -> serde_json::Value {
    let line = eventually(event, || {
        let log = server.log();
        log.lines().find(|line| line.contains("\"audit\"") && line.contains(&format!("\"{event}\""))).map(str::to_owned)
    });
    serde_json::from_str(&line).unwrap()
}

#[test]
fn whoever_is_signed_in_at_the_old_shop_is_signed_in_here() {
    let shop = OldShop::open();
    let site = moved(&shop, "");
    let server = site.serve();
    let reply = server.get("/closed", &format!("User-Agent: Mozilla/5.0 (X11; Linux) Firefox/140.0\r\n{}", old(OLD)));
    assert_eq!((reply.status, &*reply.body), (200, "old shop"), "{reply:?}");
    let cookie = begun(&reply).expect("a session begins");
    let passed = shop.upstream.last();
    assert_eq!(passed.header("doorward-identity"), Some("customer/7"));
    assert_eq!(passed.header("cookie"), Some(&*format!("PHPSESSID={OLD}")), "the old shop keeps its own cookie");

    let question = shop.upstream.received().remove(0);
    assert_eq!(question.header("cookie"), Some(&*format!("PHPSESSID={OLD}")));
    assert_eq!(question.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(question.header("host"), Some(&*server.public.to_string()));
    assert!(question.header("doorward-assertion").is_none() && question.header("authorization").is_none(), "{question:?}");

    // From now on by our own cookie, without asking.
    assert_eq!(server.get("/closed", &cookie).status, 200);
    let both = format!("Cookie: PHPSESSID={OLD}; {}", cookie.strip_prefix("Cookie: ").unwrap());
    assert!(begun(&server.get("/closed", &both)).is_none());
    assert_eq!((shop.asked(), sessions(&site)), (1, 1));
    let event = audited(&server, "sign_in");
    assert_eq!(
        (&event["outcome"], &event["identity"], &event["method"]),
        (&"success".into(), &"customer/7".into(), &"session exchange".into())
    );
    assert_eq!(outcome(&server, "begun"), 1.0);
    assert!(!server.log().contains(OLD), "an old session's id is a secret");
    assert_eq!(site.ok(&["session", "list", "--json"], "").json()[0]["factors"][0], "exchange");
}

#[test]
fn another_service_never_receives_the_old_cookie() {
    let shop = OldShop::open();
    let site = moved(&shop, "");
    let server = site.serve();
    let reply = server.get("/new/closed", &format!("Cookie: a=1; PHPSESSID={OLD}\r\n"));
    assert_eq!(reply.status, 200);
    assert_eq!(shop.upstream.last().header("cookie"), Some("a=1"));
}

#[test]
fn after_signing_out_the_old_session_signs_nobody_in() {
    let shop = OldShop::open();
    let site = moved(&shop, "");
    let server = site.serve();
    let current = server.get("/api/ibexa/v2/user/sessions/current", &format!("Accept: application/json\r\n{}", old(OLD)));
    assert_eq!(current.status, 200, "{current:?}");
    let (cookie, session) = (begun(&current).unwrap(), current.json()["Session"].clone());
    let (id, token) = (session["identifier"].as_str().unwrap(), session["csrfToken"].as_str().unwrap());
    let headers = format!("X-CSRF-Token: {token}\r\n{cookie}");
    assert_eq!(server.send("DELETE", &format!("/api/ibexa/v2/user/sessions/{id}"), &headers, "").status, 204);
    assert_eq!(server.get("/closed", &old(OLD)).status, 401);
    // PHP would read these as the same session.
    for spelling in [OLD.to_uppercase(), OLD.replace('a', "%61")] {
        assert_eq!(server.get("/closed", &old(&spelling)).status, 401, "{spelling}");
    }
    drop(server);
    // After a restart, too.
    let server = site.serve();
    let reply = server.get("/closed", &old(OLD));
    assert_eq!((reply.status, begun(&reply)), (401, None));
    assert_eq!((shop.asked(), sessions(&site), outcome(&server, "spent")), (1, 0, 1.0));
}

/// Else the next page would undo the sign-out.
#[test]
fn signing_out_spends_an_old_session_that_was_never_exchanged() {
    let shop = OldShop::open();
    let site = moved(&shop, "");
    let server = site.serve();
    let jane = SignedIn::new(&server, "jane");
    let cookies = format!("{}; PHPSESSID={OLD}\r\n{}", jane.cookie.trim_end(), jane.token);
    assert_eq!(server.send("DELETE", &format!("/api/ibexa/v2/user/sessions/{}", jane.id), &cookies, "").status, 204);
    let reply = server.get("/closed", &old(OLD));
    assert_eq!((reply.status, begun(&reply), shop.asked()), (401, None, 0));
}

/// The door of a shop's scripts spends what the browser carries, too.
#[test]
fn signing_out_by_script_spends_the_old_session() {
    let shop = OldShop::open();
    let firewalls = "[api]\nmagento_prefix = \"/rest\"\n[[firewall]]\nname = \"shop\"\npath = '^/rest/'\nguard = [\"ajax\"]\ninvalid = \"guest\"\n\
                     [[firewall]]\nname = \"main\"\n";
    let site = moved(&shop, firewalls);
    let server = site.serve();
    let ajax = "X-Requested-With: XMLHttpRequest\r\n";
    let out = |cookies: &str| server.get("/customer/ajax/logout", &format!("{ajax}{cookies}"));
    // Exchanged, and then signed out of.
    let mine = server.get("/rest/V1/mine", &format!("{ajax}{}", old(OLD)));
    assert_eq!(mine.status, 200, "{mine:?}");
    let both = format!("Cookie: PHPSESSID={OLD}; {}", begun(&mine).unwrap().strip_prefix("Cookie: ").unwrap());
    let reply = out(&both);
    assert_eq!((reply.status, &reply.json()["message"]), (200, &"Logout Successful".into()), "{reply:?}");
    assert_eq!(server.get("/rest/V1/mine", &format!("{ajax}{both}")).status, 401);
    // Never exchanged: whatever the method, nobody is signed in afterwards.
    assert_eq!(server.send("POST", "/customer/ajax/logout", &format!("{ajax}{}", old(SECOND_BROWSER)), "").status, 200);
    assert_eq!(shop.asked(), 1, "who signs out is not signed in first");
    let reply = out(&old(THIRD_BROWSER));
    let ended = Some("Cookie: doorward_customers=deleted\r\n".to_owned());
    assert_eq!((reply.status, begun(&reply)), (200, ended), "{reply:?}");
    for id in [OLD, SECOND_BROWSER, THIRD_BROWSER] {
        let reply = server.get("/rest/V1/mine", &format!("{ajax}{}", old(id)));
        assert_eq!((reply.status, begun(&reply)), (401, None), "{id}");
    }
    assert_eq!(sessions(&site), 0);
}

const RENEWED: &str = "ponmlkjihgfedcba9876543210";

/// An application may give its session another id when it is asked: the old one then names nothing there.
#[test]
fn another_id_that_the_old_shop_gives_reaches_the_browser_and_the_old_shop() {
    let shop = OldShop::open();
    let site = moved(&shop, "[sessions]\ngrace = \"5m\"\n");
    let server = site.serve();
    let line = format!("PHPSESSID={RENEWED}; path=/; HttpOnly; SameSite=Lax");
    let body = r#"{"id":7,"email":"jane@shop.test"}"#;
    shop.say(Says::This(format!(
        "HTTP/1.1 200 x\r\nContent-Length: {}\r\nSet-Cookie: {line}\r\nSet-Cookie: other=1\r\n\r\n{body}",
        body.len()
    )));
    let cookies =
        |reply: &Reply| reply.all("set-cookie").filter(|line| !line.starts_with("doorward_")).collect::<Vec<_>>().join("|");
    let sent = format!("Cookie: a=1; PHPSESSID={OLD}\r\n");
    let reply = server.get("/closed", &sent);
    assert_eq!((reply.status, cookies(&reply)), (200, line.clone()), "{reply:?}");
    let ours = begun(&reply).expect("a session begins");
    let passed = shop.upstream.last();
    assert_eq!(
        passed.header("cookie"),
        Some(&*format!("a=1; PHPSESSID={RENEWED}")),
        "the request goes on with what counts there"
    );
    // Whatever was on its way with the old id learns the same.
    let late = server.get("/closed", &sent);
    assert_eq!((late.status, cookies(&late), begun(&late)), (200, line, Some(ours.clone())));
    assert_eq!(shop.upstream.last().header("cookie"), Some(&*format!("a=1; PHPSESSID={RENEWED}")));
    // Another service receives neither.
    assert_eq!(server.get("/new/closed", &sent).status, 200);
    assert_eq!(shop.upstream.last().header("cookie"), Some("a=1"));
    // It is the same session over there, so it signs nobody in once more.
    let again = server.get("/closed", &old(RENEWED));
    assert_eq!((again.status, begun(&again), shop.asked(), sessions(&site)), (401, None, 1, 1));
    let both = format!("Cookie: PHPSESSID={RENEWED}; {}", ours.strip_prefix("Cookie: ").unwrap());
    let next = server.get("/closed", &both);
    assert_eq!((next.status, cookies(&next)), (200, String::new()));
    assert!(!server.log().contains(RENEWED), "it is a secret like the first");
}

/// Whose session it is cannot be known without the store: that is 503 where somebody must be known, and no guest.
#[test]
fn a_store_that_is_away_is_503_and_nobody_is_asked() {
    let shop = OldShop::open();
    let site = moved(&shop, "");
    let server = site.serve();
    for name in ["doorward.db", "doorward.db-wal"] {
        let file = site.path().join(name);
        if file.exists() {
            let length = usize::try_from(file.metadata().unwrap().len()).unwrap();
            std::fs::write(&file, vec![0xff; length]).unwrap();
        }
    }
    for _ in 0..2 {
        let reply = server.get("/closed", &old(OLD));
        assert_eq!((reply.status, reply.header("set-cookie")), (503, None), "{reply:?}");
    }
    // Who calls matters to nobody here.
    let open = server.get("/open", &old(OLD));
    assert_eq!((open.status, begun(&open), shop.asked()), (200, None, 0), "{open:?}");
    assert!(outcome(&server, "unavailable") >= 2.0);
}

#[test]
fn many_requests_at_once_begin_one_session_on_two_nodes() {
    let shop = OldShop::open();
    let site = moved(&shop, "");
    let nodes = [site.serve(), site.serve()];
    let replies: Vec<Reply> = thread::scope(|scope| {
        let ask = |n: usize| nodes[n % 2].get("/closed", &old(OLD));
        let asking: Vec<_> = (0..8).map(|n| scope.spawn(move || ask(n))).collect();
        asking.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(replies.iter().all(|reply| reply.status == 200), "{replies:?}");
    assert_eq!(sessions(&site), 1);
    let mut cookies: Vec<String> = replies.iter().filter_map(begun).collect();
    assert!(!cookies.is_empty());
    cookies.dedup();
    assert_eq!(cookies.len(), 1, "of one session");
    let begun: f64 = nodes.iter().map(|node| outcome(node, "begun")).sum();
    assert_eq!(begun, 1.0);
    assert!(nodes.iter().all(|node| node.get("/closed", &cookies[0]).status == 200));
}

#[test]
fn nobody_is_taken_for_somebody_else() {
    let shop = OldShop::open();
    let site = moved(&shop, "");
    site.ok(&["user", "disable", "customers/mallory"], "");
    let server = site.serve();
    let cases = [
        ("mallory_has_an_id_of_jane", "other_account"),
        ("mallory_has_mail_of_jane_", "other_account"),
        ("a_customer_nobody_imported", "no_account"),
        ("nobody_is_signed_in_there", "nobody"),
    ];
    for (id, reason) in cases {
        for _ in 0..2 {
            let reply = server.get("/closed", &old(id));
            assert_eq!((reply.status, begun(&reply)), (401, None), "{id}");
        }
        let expected = if reason == "other_account" { 1.0..=2.0 } else { 1.0..=1.0 };
        assert!(expected.contains(&outcome(&server, reason)), "{id} {reason}");
    }
    assert_eq!((shop.asked(), sessions(&site)), (4, 0), "each is asked about once");
    assert_eq!(audited(&server, "sign_in_failed")["outcome"], "other_account");
}

#[test]
fn whose_account_is_disabled_or_was_ended_here_gets_nothing() {
    for (command, reason) in [("disable", "disabled"), ("password", "ended_here"), ("end", "ended_here")] {
        let shop = OldShop::open();
        let site = moved(&shop, "");
        match command {
            "password" => site.ok(&["user", "password", "customers/jane", "--password-stdin"], "another long password"),
            "end" => site.ok(&["session", "end", "--account", "customers/jane"], ""),
            _ => site.ok(&["user", "disable", "customers/jane"], ""),
        };
        let server = site.serve();
        let reply = server.get("/closed", &old(OLD));
        assert_eq!((reply.status, begun(&reply), outcome(&server, reason)), (401, None, 1.0), "{command}");
        assert_eq!(sessions(&site), 0);
    }
}

#[test]
fn trouble_at_the_old_shop_makes_a_guest_and_no_error() {
    let huge = format!(r#"{{"id":7,"email":"jane@shop.test","x":"{}"}}"#, "x".repeat(200_000));
    let cases = [
        (answer(500, "oops"), "failed"),
        (answer(200, "<html>"), "failed"),
        (answer(200, r#"{"id":7}"#), "failed"),
        (answer(200, &huge), "failed"),
        ("nonsense\r\n\r\n".to_owned(), "failed"),
        ("HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n".to_owned(), "nobody"),
    ];
    for (bytes, reason) in cases {
        let shop = OldShop::open();
        let site = moved(&shop, "");
        let server = site.serve();
        shop.say(Says::This(bytes.clone()));
        let shown: String = bytes.chars().take(60).collect();
        let reply = server.get("/open", &old(OLD));
        assert_eq!((reply.status, begun(&reply)), (200, None), "{shown}");
        assert_eq!(shop.upstream.last().header("doorward-identity"), Some("guest"), "{shown}");
        assert_eq!(server.get("/closed", &old(OLD)).status, 401, "{shown}");
        assert_eq!((shop.asked(), outcome(&server, reason)), (1, 1.0), "{shown}");
        if reason == "failed" {
            server.logged("\"old_session\"");
        }
    }
}

#[test]
fn an_old_shop_that_does_not_answer_is_not_waited_for() {
    let shop = OldShop::open();
    let site = moved_with(&shop, "", "1s");
    let server = site.serve();
    shop.say(Says::Nothing);
    // It says nothing until the test ends.
    let reply = server.get("/open", &old(OLD));
    assert_eq!((reply.status, begun(&reply), outcome(&server, "timed_out")), (200, None, 1.0));
}

#[test]
fn nobody_is_asked_where_no_session_could_count() {
    let shop = OldShop::open();
    let firewalls = "[api]\nmagento_prefix = \"/rest\"\n[[firewall]]\nname = \"shop\"\npath = '^/rest/'\nguard = [\"ajax\"]\ninvalid = \"guest\"\n\
                     [[firewall]]\nname = \"admins\"\npath = '^/new/'\ndirectory = \"admins\"\n[[firewall]]\nname = \"main\"\n";
    let site = moved(&shop, firewalls);
    let server = site.serve();
    let jane = SignedIn::new(&server, "jane");
    let ajax = "X-Requested-With: XMLHttpRequest\r\n";
    let with_ours = format!("{}; PHPSESSID={OLD}\r\n", jane.cookie.trim_end());
    let cases = [
        ("an open Magento route", "GET", "/rest/V1/open", format!("{ajax}{}", old(OLD)), 200),
        ("no AJAX", "GET", "/rest/V1/mine", old(OLD), 401),
        ("a navigation", "GET", "/rest/V1/mine", format!("{ajax}Sec-Fetch-Mode: navigate\r\n{}", old(OLD)), 401),
        ("a bearer token", "GET", "/rest/V1/mine", format!("{ajax}Authorization: Bearer x\r\n{}", old(OLD)), 401),
        ("a live session", "GET", "/closed", with_ours, 200),
        ("a method that needs a token", "POST", "/closed", old(OLD), 401),
        ("another site's image", "GET", "/closed", format!("Sec-Fetch-Site: cross-site\r\n{}", old(OLD)), 401),
        ("a directory that is not asked", "GET", "/new/closed", old(OLD), 401),
        ("nothing there", "GET", "/nothing", old(OLD), 404),
        ("two values", "GET", "/closed", format!("Cookie: PHPSESSID={OLD}; PHPSESSID=x\r\n"), 401),
        ("no session id", "GET", "/closed", old("short"), 401),
        ("a sign-in", "POST", "/api/ibexa/v2/user/sessions", old(OLD), 400),
    ];
    for (what, method, path, headers, status) in cases {
        let reply = server.send(method, path, &headers, "");
        assert_eq!((reply.status, begun(&reply)), (status, None), "{what}: {reply:?}");
        assert_eq!(shop.asked(), 0, "{what}");
    }
    let reply = server.get("/rest/V1/mine", &format!("{ajax}{}", old(OLD)));
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(begun(&reply).is_some() && shop.asked() == 1);
}

#[test]
fn a_link_from_elsewhere_finds_its_reader_signed_in() {
    let shop = OldShop::open();
    let site = moved(&shop, "");
    let server = site.serve();
    let headers = format!("Sec-Fetch-Site: cross-site\r\nSec-Fetch-Mode: navigate\r\n{}", old(OLD));
    assert!(begun(&server.get("/closed", &headers)).is_some());
}

#[test]
fn explain_says_who_would_be_asked_and_asks_nobody() {
    let shop = OldShop::open();
    let site = moved(&shop, "");
    let header = format!("Cookie: PHPSESSID={OLD}");
    let arguments = ["explain", "--config", "doorward.toml", "GET", "/closed", "--header", &header];
    let said = site.run(&arguments, "");
    let expected = "`PHPSESSID` would be exchanged for a session of `customers`: upstream `shop` is asked once";
    assert!(said.code == 1 && said.out.contains(expected) && !said.out.contains(OLD), "{said:?}");
    let json = site.run(&[&arguments[..], &["--json"]].concat(), "").json();
    assert_eq!(json["old_session"]["directory"], "customers");
    assert_eq!(shop.asked(), 0);
}
