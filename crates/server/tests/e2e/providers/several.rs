//! Several providers on one sign-in page, and one of them away.

use super::{Idp, come_back, set_out_to, site};
use crate::support::upstream::Upstream;
use std::net::TcpListener;

/// One more, beside the first.
fn another(name: &str, issuer: &str) -> String {
    format!(
        "[[provider]]\nname = \"{name}\"\ntitle = \"The {name}\"\nissuer = \"{issuer}\"\nclient_id = \"shop\"\n\
         client_secret = \"file:client.secret\"\ndirectory = \"admins\"\nlink = \"create\"\n"
    )
}

#[test]
fn each_of_several_providers_has_its_button_and_its_own_people() {
    let (upstream, mut one, mut two) = (Upstream::start(), Idp::start(), Idp::start());
    let site = site(&upstream, &one.issuer, &format!("link = \"create\"\n{}", another("second", &two.issuer)));
    let server = site.serve();
    one.serve(&server);
    two.serve_as("second", &server);
    let page = server.get("/login", "").body;
    let (first, second) = (page.find("Sign in with Example"), page.find("Sign in with The second"));
    assert!(first.is_some() && first < second, "in the order of the file: {page}");
    assert!(page.contains("_password"), "{page}");
    // `zed` has no verified address at either, and is somebody else at each.
    for (name, idp) in [("idp", &one), ("second", &two)] {
        let (url, cookie) = set_out_to(&server, name, "/orders");
        assert!(url.starts_with(&idp.issuer), "{url}");
        let reply = come_back(&server, &idp.sign_in(&url, "zed"), &cookie);
        assert_eq!(reply.status, 303, "{name}: {reply:?}\n{}", server.log());
        site.ok(&["user", "show", &format!("admins/{name}:zed")], "");
    }
    // What one answers is no answer of the other (RFC 9700 4.4).
    let (url, cookie) = set_out_to(&server, "idp", "/orders");
    let mixed = one.sign_in(&url, "zed").replace("/check/idp", "/check/second");
    let reply = come_back(&server, &mixed, &cookie);
    assert_eq!((reply.status, reply.cookie("doorward_admins")), (400, None), "{reply:?}");
}

#[test]
fn while_one_provider_is_away_its_page_says_what_to_do_and_other_ways_work() {
    let upstream = Upstream::start();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://{}", closed.local_addr().unwrap());
    let mut idp = Idp::start();
    let site = site(&upstream, &idp.issuer, &format!("link = \"create\"\n{}", another("away", &gone)));
    site.user("admins/jane", "a quiet brown fox", &["sellers"]);
    let server = site.serve();
    idp.serve(&server);
    // It takes connections, and closes them.
    std::thread::spawn(move || closed.incoming().for_each(drop));
    let away = server.get("/oauth2/connect/away?return=/orders", "Sec-Fetch-Site: same-origin\r\n");
    assert_eq!((away.status, away.header("retry-after")), (503, Some("30")), "{away:?}");
    for says in ["The away cannot be reached", "sign in in another way", "href=\"/login\""] {
        assert!(away.body.contains(says), "{says}: {}", away.body);
    }
    let page = server.get("/login", "").body;
    for says in ["Sign in with The away", "Sign in with Example", "_password"] {
        assert!(page.contains(says), "{says}: {page}");
    }
    let (url, cookie) = set_out_to(&server, "idp", "/orders");
    assert_eq!(come_back(&server, &idp.sign_in(&url, "ann"), &cookie).status, 303);
    server.sign_in("jane", "a quiet brown fox");
    // One that goes away while somebody is there.
    let (url, cookie) = set_out_to(&server, "idp", "/orders");
    let back = idp.sign_in(&url, "ann");
    drop(idp);
    let reply = come_back(&server, &back, &cookie);
    assert_eq!((reply.status, reply.cookie("doorward_admins")), (503, None), "{reply:?}");
    assert!(reply.body.contains("Example cannot be reached") && reply.body.contains("href=\"/login\""), "{}", reply.body);
}
