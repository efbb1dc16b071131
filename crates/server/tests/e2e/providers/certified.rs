//! The way there and back, and the provider's word that somebody signed out.

use super::{Idp, come_back, eventually, said, set_out, sign_in, site, status};
use crate::support::{
    python::{browse, screenshots},
    upstream::Upstream,
};

/// Accounts are made, and `staff` are sellers.
const CREATE: &str = "link = \"create\"\nroles_claim = \"groups\"\n[provider.roles]\nstaff = \"sellers\"\n";

#[test]
fn a_first_sign_in_makes_an_account_with_the_roles_that_are_mapped() {
    let (upstream, mut idp) = (Upstream::start(), Idp::start());
    let site = site(&upstream, &idp.issuer, CREATE);
    let server = site.serve();
    idp.serve(&server);
    let page = server.get("/login", "").body;
    assert!(page.contains("Sign in with Example") && page.contains("/oauth2/connect/idp?return="), "{page}");
    let reply = sign_in(&server, &idp, "ben");
    assert_eq!((reply.status, reply.header("location")), (303, Some("/orders")), "{reply:?}\n{}", server.log());
    let session = reply.cookie("doorward_admins").unwrap();
    assert_eq!(status(&server, &session), 200);
    let user = site.ok(&["user", "show", "admins/idp:ben", "--json"], "").json();
    assert_eq!((&user["email"], &user["roles"][0]), (&"ben@example.com".into(), &"sellers".into()), "{user}");
    let identities = site.ok(&["identity", "list", "--json"], "").json();
    assert_eq!((&identities[0]["subject"], &identities[0]["issuer"]), (&"ben".into(), &idp.issuer.as_str().into()));
    // The same person is the same account; somebody else is another, who sells nothing.
    let again = sign_in(&server, &idp, "ben").cookie("doorward_admins").unwrap();
    assert_eq!(status(&server, &again), 200);
    let ann = sign_in(&server, &idp, "ann").cookie("doorward_admins").unwrap();
    assert_eq!(status(&server, &ann), 403);
    assert_eq!(site.ok(&["identity", "list", "--json"], "").json().as_array().unwrap().len(), 2);
    assert_eq!(server.metric("doorward_provider_sign_ins_total{provider=\"idp\",outcome=\"signed_in\"}"), Some(3.0));
    let log = server.logged("account_created");
    assert!(log.contains("idp: subject ben"), "{log}");
}

#[test]
fn a_code_counts_once_and_in_its_own_browser() {
    let (upstream, mut idp) = (Upstream::start(), Idp::start());
    let site = site(&upstream, &idp.issuer, CREATE);
    let server = site.serve();
    idp.serve(&server);
    let (mine, cookie) = set_out(&server, "/orders");
    let (_, other) = set_out(&server, "/orders");
    let back = idp.sign_in(&mine, "ann");
    assert!(back.contains("iss=") && back.contains("state="), "{back}");
    for cookie in ["", &other] {
        assert_eq!(come_back(&server, &back, cookie).status, 400, "another browser");
    }
    let mixed = back.replace("iss=http", "iss=https");
    let foreign = come_back(&server, &mixed, &cookie);
    assert_eq!((foreign.status, foreign.cookie("doorward_admins")), (400, None), "another issuer");
    assert_eq!(come_back(&server, &back, &cookie).status, 400, "that journey has ended");
    let (url, cookie) = set_out(&server, "/orders");
    let back = idp.sign_in(&url, "ann");
    assert_eq!(come_back(&server, &back, &cookie).status, 303);
    assert_eq!(come_back(&server, &back, &cookie).status, 400, "a second time");
    let (url, cookie) = set_out(&server, "/orders");
    assert_eq!(come_back(&server, &idp.sign_in(&url, ""), &cookie).status, 403, "whoever turns back is told so");
}

#[test]
fn an_address_links_an_account_only_where_the_provider_verified_it() {
    let (upstream, mut idp) = (Upstream::start(), Idp::start());
    let site = site(&upstream, &idp.issuer, "link = \"email\"\n");
    for name in ["ann", "zed"] {
        let email = format!("{name}@example.com");
        let account = format!("admins/{name}");
        let add = ["user", "add", &account, "--email", &email, "--role", "sellers", "--password-stdin"];
        site.ok(&add, "correct horse battery");
    }
    let server = site.serve();
    idp.serve(&server);
    let session = sign_in(&server, &idp, "ann").cookie("doorward_admins").unwrap();
    assert_eq!(status(&server, &session), 200);
    let zed = sign_in(&server, &idp, "zed");
    assert_eq!(zed.status, 403);
    assert!(zed.body.contains("does not vouch for an e-mail address"), "{}", zed.body);
    let ben = sign_in(&server, &idp, "ben");
    assert!(ben.status == 403 && ben.body.contains("belongs to no account here"), "{}", ben.body);
    // An operator may link whom they know, and disabling and forgetting end it at once.
    let identity = ["--issuer", &idp.issuer, "--subject", "zed"];
    site.ok(&[&["identity", "add", "admins/zed"][..], &identity].concat(), "");
    let taken = site.run(&["identity", "add", "admins/ann", "--issuer", &idp.issuer, "--subject", "other"], "");
    assert!(taken.code == 1 && said(&taken).contains("already"), "{taken:?}");
    let zed = sign_in(&server, &idp, "zed").cookie("doorward_admins").unwrap();
    assert_eq!(status(&server, &zed), 200);
    site.ok(&["identity", "delete", "admins/zed", "--issuer", &idp.issuer], "");
    assert_eq!(status(&server, &zed), 401);
    assert_eq!(sign_in(&server, &idp, "zed").status, 403);
    site.ok(&["user", "disable", "admins/ann"], "");
    assert_eq!((status(&server, &session), sign_in(&server, &idp, "ann").status), (401, 403));
}

#[test]
fn whoever_signs_out_at_the_provider_is_out_here() {
    let (upstream, mut idp) = (Upstream::start(), Idp::start());
    let site = site(&upstream, &idp.issuer, CREATE);
    let server = site.serve();
    idp.serve(&server);
    let ben = sign_in(&server, &idp, "ben").cookie("doorward_admins").unwrap();
    let other = sign_in(&server, &idp, "ann").cookie("doorward_admins").unwrap();
    assert_eq!((status(&server, &ben), status(&server, &other)), (200, 403));
    let reply = idp.ask("POST", "/sign-out?name=ben", "", "");
    assert_eq!(reply.status, 200, "{reply:?}\n{}", server.log());
    eventually("the session ends", || (status(&server, &ben) == 401).then_some(()));
    assert_eq!(status(&server, &other), 403, "somebody else stays");
    server.logged("provider_sign_out");
}

#[test]
fn a_person_signs_in_elsewhere_in_a_browser() {
    let (upstream, mut idp) = (Upstream::start(), Idp::start());
    let site = site(&upstream, &idp.issuer, &format!("{CREATE}[[firewall]]\nname = \"main\"\nentry = \"page\"\n"));
    let server = site.serve();
    idp.serve(&server);
    let shots = screenshots();
    browse("browser_provider.py", &server, &[idp.issuer.as_ref(), "ben".as_ref(), "/orders".as_ref(), shots.as_os_str()], 8);
}
