//! Sites: which one a request comes to, what each has of its own, and what the caution of Ibexa's documentation says.

mod pages;

use crate::support::{Server, Session, Site, client::Reply, upstream::Upstream};
use doorward_crypto::site_hash;

const PREFIX: &str = "/api/ibexa/v2";
const PASSWORD: &str = "correct horse battery";

/// `site` everywhere, `admin` at `admin.test` and below `/admin`, `partner` by its header at one host only.
const SITES: &str = r#"
[sites]
default = "site"
[[sites.match]]
map_host = { "admin.test" = "admin", "nowhere.test" = "gone" }
[[sites.match]]
map_port = { 8443 = "admin" }
[[sites.match]]
uri_element = 1
[[sites.match]]
host_text = "www.*.test"
[[sites.match]]
regex_uri = '/x-(\w+)$'
[[sites.match]]
all = [{ map_uri = "en" }, { map_host = "shop.test" }]
site = "admin"
[[site]]
name = "site"
[[site]]
name = "admin"
[[site]]
name = "partner"
hosts = ["partner.test"]
"#;

const HOSTS: &str = r#"["shop.test", "admin.test", "partner.test", "www.admin.test", "api.test", "localhost"]"#;

fn config(upstream: &Upstream, server: &str, rest: &str) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n{server}\n[operations]\nlisten = \"127.0.0.1:0\"\n[log]\nformat = \"json\"\n\
         [passwords]\nmemory_kib = 1024\niterations = 1\n[routes]\nunmatched = \"allow\"\n\
         [[upstream]]\nname = \"all\"\nurl = \"{}\"\n\
         [[directory]]\nname = \"admins\"\nkind = \"admin\"\ncookie = \"IBX_SESSION_ID{{site_hash}}\"\n\
         [[directory]]\nname = \"customers\"\nkind = \"customer\"\n{rest}",
        upstream.url()
    )
}

fn place(upstream: &Upstream, rest: &str) -> Site {
    let site = Site::new(&config(upstream, &format!("hosts = {HOSTS}"), rest));
    site.user("admins/admin", PASSWORD, &[]);
    site.user("customers/jane", PASSWORD, &[]);
    site
}

/// A request at a host.
fn send(server: &Server, method: &str, host: &str, path: &str, headers: &str, body: &str) -> Reply {
    let length = body.len();
    server.exchange(&format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    ))
}

fn get(server: &Server, host: &str, path: &str, headers: &str) -> Reply {
    send(server, "GET", host, path, headers, "")
}

/// Tries to sign in at a host.
fn try_sign_in(server: &Server, host: &str, headers: &str, login: &str) -> Reply {
    let headers = format!("Content-Type: application/vnd.ibexa.api.SessionInput+json\r\nAccept: application/json\r\n{headers}");
    let body = format!("{{\"SessionInput\":{{\"login\":\"{login}\",\"password\":\"{PASSWORD}\"}}}}");
    send(server, "POST", host, &format!("{PREFIX}/user/sessions"), &headers, &body)
}

fn sign_in(server: &Server, host: &str, headers: &str, login: &str) -> Session {
    let reply = try_sign_in(server, host, headers, login);
    assert_eq!(reply.status, 201, "{reply:?}");
    let session = &reply.json()["Session"];
    let word = |name: &str| session[name].as_str().unwrap().to_owned();
    Session { cookie: format!("{}={}", word("name"), word("identifier")), id: word("identifier"), token: word("csrfToken") }
}

fn name_on(site: &str) -> String {
    format!("IBX_SESSION_ID{}", site_hash::of(site))
}

fn current(server: &Server, host: &str, headers: &str) -> u16 {
    get(server, host, &format!("{PREFIX}/user/sessions/current"), &format!("Accept: application/json\r\n{headers}")).status
}

/// The same table for the running server, by what it logs, and for `explain`.
#[test]
fn a_header_then_the_matchers_then_the_default_choose_the_site() {
    let upstream = Upstream::start();
    let place = place(&upstream, SITES);
    let server = place.serve();
    let cases = [
        ("shop.test", "/x", "", "site", "default"),
        ("shop.test", "/x", "admin", "admin", "header"),
        ("admin.test", "/x", "", "admin", "map_host"),
        ("admin.test", "/x", "site", "site", "header"),
        ("admin.test", "/site/x", "", "admin", "map_host"),
        ("shop.test:8443", "/x", "", "admin", "map_port"),
        ("shop.test", "/admin/x", "", "admin", "uri_element"),
        ("shop.test", "/admins/x", "", "site", "default"),
        ("www.admin.test", "/x", "", "admin", "host_text"),
        ("shop.test", "/y/x-admin", "", "admin", "regex_uri"),
        ("shop.test", "/en/x", "", "admin", "all"),
        ("api.test", "/en/x", "", "site", "default"),
        // The name of a site counts only where it can be chosen.
        ("shop.test", "/partner/x", "", "site", "default"),
        ("partner.test", "/partner/x", "", "partner", "uri_element"),
        ("partner.test", "/x", "partner", "partner", "header"),
        // REST paths name no site; hosts and the header do (ibexa-rest 7).
        ("shop.test", "/api/ibexa/v2/x-admin", "", "site", "default"),
        ("admin.test", "/api/ibexa/v2/x", "", "admin", "map_host"),
        ("shop.test", "/api/ibexa/v2/x", "admin", "admin", "header"),
    ];
    for (at, (host, path, header, name, by)) in cases.into_iter().enumerate() {
        let mut arguments = vec!["explain".to_owned(), "--config".into(), "doorward.toml".into(), "--json".into()];
        arguments.extend(["GET".into(), format!("http://{host}{path}")]);
        if !header.is_empty() {
            arguments.extend(["--header".into(), format!("X-SiteAccess: {header}")]);
        }
        let said = place.run(&arguments.iter().map(String::as_str).collect::<Vec<_>>(), "").json();
        assert_eq!((said["site"]["name"].as_str(), said["site"]["by"].as_str()), (Some(name), Some(by)), "{host}{path} {header}");
        assert_eq!(said["input"]["site"].as_str(), Some(name));
        // Whatever the case of the header's name.
        let line = if header.is_empty() { String::new() } else { format!("x-siteACCESS: {header}\r\n") };
        assert_eq!(get(&server, host, path, &line).status, 200, "{host}{path} {header}");
        let id = upstream.received()[at].header("doorward-request-id").unwrap().to_owned();
        let event = server.logged(&id);
        assert!(event.contains(&format!("\"site\":\"{name}\"")), "{host}{path} {header}: {event}");
    }
    let said = place.run(&["explain", "--config", "doorward.toml", "GET", "http://admin.test/x"], "").out;
    assert!(said.contains("site        `admin` (doorward.toml:") && said.contains("map_host (doorward.toml:"), "{said}");
}

#[test]
fn a_header_that_names_no_site_is_refused_in_the_dialect() {
    let upstream = Upstream::start();
    let place = place(&upstream, &format!("{SITES}[cors]\nallow_origins = \"https://app.test\"\n"));
    let server = place.serve();
    for header in [
        "X-SiteAccess: nobody\r\n",
        "X-SiteAccess: Admin\r\n",
        "X-SiteAccess: \r\n",
        "X-SiteAccess: partner\r\n",
        "X-SiteAccess: site\r\nX-SiteAccess: site\r\n",
        "X-SiteAccess: site, admin\r\n",
    ] {
        let reply = get(&server, "shop.test", "/x", header);
        assert_eq!((reply.status, reply.header("content-type")), (400, Some("application/problem+json")), "{header}");
        let reply = get(&server, "shop.test", &format!("{PREFIX}/x"), &format!("Accept: application/json\r\n{header}"));
        assert_eq!((reply.status, reply.header("content-type")), (400, Some("application/vnd.ibexa.api.ErrorMessage+json")));
        let reply = get(&server, "shop.test", "/x", &format!("Origin: https://app.test\r\n{header}"));
        assert_eq!(reply.header("access-control-allow-origin"), Some("https://app.test"), "who may read us reads why");
    }
    assert!(upstream.received().is_empty());
    assert!(server.logged("\"reason\":\"site\"").contains("X-SiteAccess"));
    // Without sites it is a header like any other, of whoever is behind.
    let plain = Site::new(&config(&upstream, "", ""));
    let server = plain.serve();
    let host = server.public.to_string();
    assert_eq!(get(&server, &host, "/x", "X-SiteAccess: nobody\r\n").status, 200);
    assert_eq!(upstream.last().header("x-siteaccess"), Some("nobody"));
}

/// Rules that stand on the path of a site say nothing on another one: what is the site's own is reached by its path alone, at this
/// face, behind another proxy, and for `explain`. REST paths name no site, so there the header chooses (ibexa-rest 7).
#[test]
fn a_header_leads_nobody_past_the_rules_on_the_path_of_a_site() {
    let (all, office) = (Upstream::start(), Upstream::start());
    let rest = format!(
        "{TWO}directory = \"admins\"\n[[sites.match]]\nmap_uri = {{ \"admin\" = \"admin\" }}\n\
         [[upstream]]\nname = \"office\"\nsite = \"admin\"\nurl = \"{}\"\n\
         [[access_control]]\npath = '^/admin'\nroles = [\"ROLE_ADMIN\"]\n\
         [[forward_auth]]\nconvention = \"traefik\"\npath = \"/.doorward/verdict\"\n",
        office.url()
    );
    let server = format!("hosts = {HOSTS}\ntrusted_proxies = [\"127.0.0.1\"]");
    let place = Site::new(&config(&all, &server, &rest));
    for login in ["admins/admin", "customers/jane"] {
        place.user(login, PASSWORD, &[]);
    }
    let checked = place.run(&["check", "--config", "doorward.toml"], "");
    let said = format!("{}{}", checked.out, checked.err);
    let left = "X-SiteAccess: admin reaches the upstream of /admin below /api/ibexa/v2, where its rules say nothing";
    assert!(said.contains(left) && said.matches("X-SiteAccess").count() == 1, "what is left to warn of: {said}");
    let server = place.serve();
    let to_admin = "X-SiteAccess: admin\r\n";
    let session = sign_in(&server, "shop.test", to_admin, "admin");
    let admin = format!("Cookie: {}\r\n", session.cookie);
    let jane = format!("Cookie: {}\r\n", sign_in(&server, "shop.test", "", "jane").cookie);
    let rest_path = format!("{PREFIX}/x");
    let (away, nobody) = ("X-SiteAccess: site\r\n", "X-SiteAccess: nobody\r\n");
    for (path, header, cookie, status, by) in [
        ("/admin/x", "", "", 401, None),
        ("/admin/x", to_admin, "", 401, None),
        // The attack: another path, which no rule is about.
        ("/x", to_admin, "", 400, None),
        ("/x", to_admin, &*admin, 400, None),
        ("/", to_admin, "", 400, None),
        ("/administration", to_admin, "", 400, None),
        // Nor is anybody judged by another site's directories where rules count on these.
        ("/admin/x", "", &jane, 401, None),
        ("/admin/x", away, &jane, 400, None),
        ("/x", nobody, "", 400, None),
        ("/x", "", "", 200, Some(&all)),
        ("/x", away, "", 200, Some(&all)),
        ("/admin/x", "", &admin, 200, Some(&office)),
        ("/admin/x", to_admin, &admin, 200, Some(&office)),
        (&rest_path, to_admin, "", 200, Some(&office)),
        (&rest_path, "", "", 200, Some(&all)),
    ] {
        let before = (all.received().len(), office.received().len());
        let reply = get(&server, "shop.test", path, &format!("{header}{cookie}"));
        assert_eq!(reply.status, status, "{path} {header} {cookie}: {reply:?}");
        let after = (all.received().len() - before.0, office.received().len() - before.1);
        let came = |upstream: &Upstream| usize::from(by.is_some_and(|by| std::ptr::eq(by, upstream)));
        assert_eq!(after, (came(&all), came(&office)), "{path} {header} {cookie}");
        // The same question by a proxy in front, which is told no body.
        let asked = format!(
            "X-Forwarded-Method: GET\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: shop.test\r\nX-Forwarded-Uri: {path}\r\n"
        );
        let verdict = get(&server, "127.0.0.1", "/.doorward/verdict", &format!("{asked}{header}{cookie}"));
        assert_eq!(verdict.status, status, "{path} {header} {cookie}: {verdict:?}");
    }
    // A name that is none and one that is elsewhere are told apart by nobody but the operator.
    let said = |header: &str| {
        let mut problem = get(&server, "shop.test", "/x", header).json();
        problem["request_id"] = "-".into();
        problem
    };
    assert_eq!(said(to_admin), said(nobody));
    let explained = place.run(
        &["explain", "--config", "doorward.toml", "--json", "GET", "http://shop.test/x", "--header", "X-SiteAccess: admin"],
        "",
    );
    let explained = explained.json();
    assert_eq!((explained["outcome"].as_str(), explained["status"].as_u64()), (Some("refusal"), Some(400)), "{explained}");
    assert!(
        explained["detail"].as_str().unwrap().contains("X-SiteAccess chooses the site `admin` (doorward.toml:"),
        "{explained}"
    );
}

/// The header is in no key of a cache: without the word, whoever sends it would choose what others get.
#[test]
fn answers_vary_by_the_header_that_chooses_a_site() {
    let upstream = Upstream::start();
    let server = place(&upstream, SITES).serve();
    let both = format!("{PREFIX}/nothing");
    for (path, headers) in
        [("/x", ""), ("/x", "X-SiteAccess: admin\r\n"), ("/x", "X-SiteAccess: nobody\r\n"), (&*both, ""), ("/login", "")]
    {
        let reply = get(&server, "shop.test", path, headers);
        assert!(reply.all("vary").any(|line| line == "X-SiteAccess"), "{path} {headers}: {reply:?}");
    }
    let server = place(&upstream, "").serve();
    assert_eq!(get(&server, "shop.test", "/x", "").header("vary"), None, "without sites it chooses nothing");
}

/// Browsers ask whether a page may send `X-SiteAccess` without sending it.
#[test]
fn a_preflight_is_of_the_urls_site_and_the_call_of_the_one_that_it_names() {
    let upstream = Upstream::start();
    let sites = format!(
        "{TWO}[site.cors]\nallow_origins = \"https://office.test\"\n[[sites.match]]\nmap_host = {{ \"admin.test\" = \"admin\" }}\n\
         [cors]\nallow_origins = \"https://app.test\"\n"
    );
    let server = place(&upstream, &sites).serve();
    let asks = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: x-siteaccess\r\n";
    let to_admin = "X-SiteAccess: admin\r\n";
    for (host, origin, preflight, call) in [
        ("shop.test", "https://app.test", true, false),
        ("shop.test", "https://office.test", false, true),
        ("admin.test", "https://office.test", true, true),
        ("admin.test", "https://app.test", false, false),
    ] {
        let origin_line = format!("Origin: {origin}\r\n");
        let told = |reply: &Reply| reply.header("access-control-allow-origin") == Some(origin);
        let asked = send(&server, "OPTIONS", host, "/x", &format!("{origin_line}{asks}"), "");
        assert_eq!(told(&asked), preflight, "{host} {origin}: {asked:?}");
        let reply = get(&server, host, "/x", &format!("{origin_line}{to_admin}"));
        assert_eq!((reply.status, told(&reply)), (200, call), "{host} {origin}: {reply:?}");
        // So is what is refused before anybody is asked.
        let broken = format!("{origin_line}{to_admin}Authorization: Basic a\r\nAuthorization: Basic b\r\n");
        let reply = get(&server, host, "/x", &broken);
        assert_eq!((reply.status, told(&reply)), (400, call), "{host} {origin}: {reply:?}");
    }
}

#[test]
fn each_site_has_its_own_cookie_and_a_session_counts_on_its_site_alone() {
    let upstream = Upstream::answering(|request| {
        let theirs = format!("Set-Cookie: {}=stolen\r\nSet-Cookie: other=1\r\n", name_on("admin"));
        let theirs = if request.line().contains("/set") { theirs } else { String::new() };
        format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{theirs}\r\n")
    });
    let place = place(&upstream, SITES);
    let server = place.serve();
    let office = sign_in(&server, "admin.test", "", "admin");
    let front = sign_in(&server, "shop.test", "", "admin");
    assert!(office.cookie.starts_with(&format!("{}=", name_on("admin"))), "{office:?}");
    assert!(front.cookie.starts_with(&format!("{}=", name_on("site"))), "{front:?}");
    let to_admin = "X-SiteAccess: admin\r\n";
    let both = format!("{}; {}", office.cookie, front.cookie);
    let renamed = format!("{}={}", name_on("site"), office.id);
    for (host, headers, cookie, status) in [
        ("admin.test", "", &*office.cookie, 200),
        ("shop.test", to_admin, &office.cookie, 200),
        ("shop.test", "", &front.cookie, 200),
        ("admin.test", "X-SiteAccess: site\r\n", &front.cookie, 200),
        ("shop.test", "", &both, 200),
        // Another site's cookie is none here, whoever chose the site, and under whatever name its id comes.
        ("shop.test", "", &office.cookie, 404),
        ("admin.test", "X-SiteAccess: site\r\n", &office.cookie, 404),
        ("admin.test", "", &front.cookie, 404),
        ("shop.test", to_admin, &front.cookie, 404),
        ("shop.test", "", &renamed, 404),
    ] {
        assert_eq!(current(&server, host, &format!("{headers}Cookie: {cookie}\r\n")), status, "{host} {headers} {cookie}");
    }
    // All of that left the sessions alive. Neither cookie goes further, and no upstream sets either.
    let reply = get(&server, "shop.test", "/set", &format!("Cookie: {both}; k=v\r\n"));
    assert_eq!(upstream.last().header("cookie"), Some("k=v"));
    assert_eq!(upstream.last().header("doorward-login"), Some("admin"));
    assert_eq!(reply.all("set-cookie").collect::<Vec<_>>(), ["other=1"]);
    // A directory without the hash has one cookie for all sites.
    let jane = sign_in(&server, "shop.test", "", "jane");
    assert_eq!(current(&server, "admin.test", &format!("Cookie: {}\r\n", jane.cookie)), 200);
    let listed = place.ok(&["session", "list", "--json"], "").json().to_string();
    assert!(listed.contains("\"site\":\"admin\"") && listed.contains("\"site\":\"site\""), "{listed}");
}

#[test]
fn a_site_asks_its_own_directories_and_upstreams_and_firewalls_are_the_same() {
    let (all, office) = (Upstream::start(), Upstream::start());
    let rest = format!(
        "[sites]\ndefault = \"site\"\n[[sites.match]]\nmap_host = {{ \"admin.test\" = \"admin\" }}\n\
         [[site]]\nname = \"site\"\ndirectory = \"customers\"\n\
         [[site]]\nname = \"admin\"\ndirectory = \"admins\"\nhosts = [\"admin.test\", \"shop.test\"]\n\
         [[upstream]]\nname = \"office\"\nsite = \"admin\"\nurl = \"{}\"\n\
         [[firewall]]\nname = \"machines\"\nhost = '^api\\.test$'\nauthentication = \"basic\"\n[[firewall]]\nname = \"main\"\n",
        office.url()
    );
    let place = place(&all, &rest);
    let server = place.serve();
    assert_eq!(try_sign_in(&server, "shop.test", "", "admin").status, 401, "the default site asks customers");
    assert_eq!(try_sign_in(&server, "admin.test", "", "jane").status, 401);
    assert_eq!(try_sign_in(&server, "shop.test", "X-SiteAccess: admin\r\n", "admin").status, 201);
    for (host, header, upstream) in
        [("shop.test", "", &all), ("admin.test", "", &office), ("shop.test", "X-SiteAccess: admin\r\n", &office)]
    {
        let before = upstream.received().len();
        assert_eq!(get(&server, host, "/x", header).status, 200);
        assert_eq!(upstream.received().len(), before + 1, "{host} {header}");
    }
    // Where the site may not be chosen its name opens nothing, and no name of a site changes the firewall.
    assert_eq!(get(&server, "api.test", "/x", "X-SiteAccess: admin\r\n").status, 400);
    let session = sign_in(&server, "shop.test", "", "jane");
    let refused = get(&server, "api.test", "/x", &format!("X-SiteAccess: site\r\nCookie: {}\r\n", session.cookie));
    assert_eq!((refused.status, all.last().header("doorward-identity")), (200, Some("guest")), "the cookie says nothing there");
}

/// 'If the Back Office SiteAccess matches `//admin.example.com` (through `Map\Host`, `HostElement` or `HostText`), it calls the
/// REST API under `//admin.example.com/api/ibexa/v2`': Basic on a host for REST leaves it alone.
#[test]
fn a_back_office_with_a_host_of_its_own_calls_rest_there_while_the_api_host_is_basic() {
    let matchers = ["map_host = { \"admin.test\" = \"admin\" }", "host_element = 1", "host_text = \"*.test\""];
    for matcher in matchers {
        let upstream = Upstream::start();
        let place = place(&upstream, &format!("{}[[sites.match]]\n{matcher}\n{FIREWALLS_BY_HOST}", TWO));
        let checked = place.run(&["check", "--config", "doorward.toml"], "");
        assert!(!checked.err.contains("takes the session API") && !checked.out.contains("takes the session API"), "{checked:?}");
        let server = place.serve();
        let session = sign_in(&server, "admin.test", "", "admin");
        let lines = format!("Cookie: {}\r\nX-CSRF-Token: {}\r\n", session.cookie, session.token);
        assert_eq!(send(&server, "POST", "admin.test", &format!("{PREFIX}/content"), &lines, "").status, 200, "{matcher}");
        assert_eq!(upstream.last().header("doorward-identity"), Some("admin/1"), "{matcher}");
        let basic = get(&server, "api.test", &format!("{PREFIX}/content"), &pair());
        assert_eq!((basic.status, upstream.last().header("doorward-method")), (200, Some("basic")), "{matcher}");
    }
}

/// 'This Back Office tries to access REST through the same URL as the front office. Even when logged in Back Office and using the
/// X-SiteAccess header, the firewall blocks access to REST as you're not logged through basic authentification.'
#[test]
fn a_back_office_below_a_path_of_the_shared_host_is_blocked_where_rest_there_is_basic_only() {
    let matchers = ["uri_element = 1", "map_uri = { \"admin\" = \"admin\" }", "regex_uri = '^/(admin)'"];
    for matcher in matchers {
        let upstream = Upstream::start();
        let by_path =
            "[[firewall]]\nname = \"rest\"\npath = '^/api/ibexa/v2'\nauthentication = \"basic\"\n[[firewall]]\nname = \"main\"\n";
        let trap = place(
            &upstream,
            &format!(
                "{TWO}[[sites.match]]\n{matcher}\n{by_path}[[access_control]]\npath = '^/api/ibexa/v2/content'\nroles = [\"ROLE_ADMIN\"]\n"
            ),
        );
        let checked = trap.run(&["check", "--config", "doorward.toml"], "");
        let said = format!("{}{}", checked.out, checked.err);
        assert!(said.contains("firewall `rest` takes the session API from the pages of its host"), "{said}");
        assert!(said.contains("give `rest` a host of its own"), "the way out: {said}");
        let server = trap.serve();
        // Signed in at the back office, by its own page below `/admin`.
        assert_eq!(get(&server, "localhost", "/admin/dashboard", "").status, 200);
        let header = "X-SiteAccess: admin\r\nAccept: application/json\r\n";
        assert_eq!(try_sign_in(&server, "localhost", header, "admin").status, 404, "REST knows no sessions there");
        let refused =
            get(&server, "localhost", &format!("{PREFIX}/content"), &format!("{header}Cookie: {}=x\r\n", name_on("admin")));
        assert_eq!(refused.status, 401, "{refused:?}");
        assert!(refused.header("www-authenticate").is_some_and(|challenge| challenge.starts_with("Basic ")), "{refused:?}");
        drop(server);
        // 'It's better to have a dedicated domain even on a development environment.'
        let way_out = place(&upstream, &format!("{TWO}[[sites.match]]\n{matcher}\n{FIREWALLS_BY_HOST}"));
        let server = way_out.serve();
        let session = sign_in(&server, "localhost", "X-SiteAccess: admin\r\n", "admin");
        let lines = format!("X-SiteAccess: admin\r\nCookie: {}\r\n", session.cookie);
        assert_eq!(get(&server, "localhost", &format!("{PREFIX}/content"), &lines).status, 200, "{matcher}");
        assert_eq!(upstream.last().header("doorward-identity"), Some("admin/1"), "{matcher}");
        // Without the header REST there is the front's, as its URL names no site.
        assert_eq!(current(&server, "localhost", &format!("Cookie: {}\r\n", session.cookie)), 404, "{matcher}");
        // Its pages are the back office's by their path.
        assert_eq!(get(&server, "localhost", "/admin/dashboard", &format!("Cookie: {}\r\n", session.cookie)).status, 200);
        assert_eq!(upstream.last().header("doorward-identity"), Some("admin/1"), "{matcher}");
    }
}

const TWO: &str = "[sites]\ndefault = \"site\"\n[[site]]\nname = \"site\"\n[[site]]\nname = \"admin\"\n";
const FIREWALLS_BY_HOST: &str =
    "[[firewall]]\nname = \"rest\"\nhost = '^api\\.test$'\nauthentication = \"basic\"\n[[firewall]]\nname = \"main\"\n";

/// Login and password of the admin, `admin:correct horse battery`.
fn pair() -> String {
    "Authorization: Basic YWRtaW46Y29ycmVjdCBob3JzZSBiYXR0ZXJ5\r\n".to_owned()
}
