//! Sign-in pages below the path of a site.

use super::*;

/// A site that its path names has pages below that path: who signs in there is signed in on that site, by its directories, and
/// every way leads back below it.
#[test]
fn people_of_a_site_sign_in_below_its_path() {
    let upstream = Upstream::start();
    let rest = format!(
        "{TWO}directory = \"admins\"\n[[sites.match]]\nuri_element = 1\n[[sites.match]]\nregex_uri = '^/by-(admin)'\n\
         [[firewall]]\nname = \"main\"\nentry = \"page\"\n[[access_control]]\npath = '^/(by-)?admin(/|$)'\nroles = [\"ROLE_ADMIN\"]\n\
         [cors]\nallow_origins = \"https://app.test\"\n"
    );
    let place = place(&upstream, &rest);
    let checked = place.run(&["check", "--config", "doorward.toml"], "");
    let said = format!("{}{}", checked.out, checked.err);
    assert!(said.contains("a pattern on its path names have no page to sign in"), "{said}");
    let server = place.serve();
    let navigates = "Sec-Fetch-Mode: navigate\r\nAccept: text/html\r\n";
    let led = |path: &str| {
        let reply = get(&server, "shop.test", path, navigates);
        assert_eq!(reply.status, 303, "{path}: {reply:?}");
        reply.header("location").unwrap().to_owned()
    };
    assert_eq!(led("/admin/dashboard?a=b"), "/admin/login?return=%2Fadmin%2Fdashboard%3Fa%3Db");
    assert_eq!(led("/admin"), "/admin/login?return=%2Fadmin");
    assert_eq!(led("/by-admin"), "/login?return=%2Fby-admin", "what cannot be listed has no page of its own");

    let page = get(&server, "shop.test", "/admin/login?return=%2Fadmin%2Fdashboard", navigates);
    assert!(page.status == 200 && page.body.contains("action=\"/admin/login\""), "{page:?}");
    let nonce = page.all("set-cookie").next().unwrap().to_owned();
    assert!(nonce.contains("path=/admin/login"), "{nonce}");
    let nonce = nonce.split(';').next().unwrap();
    let form = |login: &str, token: &str| {
        let target = field(&page, "_target_path");
        format!("_username={login}&_password={}&_csrf_token={token}&_target_path={target}", PASSWORD.replace(' ', "+"))
    };
    let token = field(&page, "_csrf_token");
    let post = |path: &str, headers: &str, body: &str| {
        let headers = format!("Content-Type: application/x-www-form-urlencoded\r\n{headers}");
        send(&server, "POST", "shop.test", path, &headers, body)
    };
    let own = format!("Cookie: {nonce}\r\n");
    // As at the root: the form is ours and of this browser, and comes from a page of ours.
    assert_eq!(post("/admin/login", "", &form("admin", &token)).status, 400);
    assert_eq!(post("/admin/login", &own, &form("admin", "x")).status, 400);
    let foreign = format!("{own}Origin: https://evil.test\r\nSec-Fetch-Site: cross-site\r\n");
    assert_eq!(post("/admin/login", &foreign, &form("admin", &token)).status, 403);
    assert_eq!(post("/admin/login", &own, &form("jane", &token)).status, 401, "the site asks its own directories");
    let welcome = post("/admin/login", &own, &form("admin", &token));
    assert_eq!((welcome.status, welcome.header("location")), (303, Some("/admin/dashboard")), "{welcome:?}");
    let session = welcome.cookie(&name_on("admin")).unwrap_or_else(|| panic!("{welcome:?}"));
    let line = welcome.all("set-cookie").next().unwrap();
    assert!(line.starts_with(&session) && line.to_ascii_lowercase().contains("path=/;"), "{line}");
    let cookie = format!("Cookie: {session}; {nonce}\r\n");
    assert_eq!(get(&server, "shop.test", "/admin/dashboard", &cookie).status, 200);
    assert_eq!(upstream.last().header("doorward-identity"), Some("admin/1"));
    assert_eq!(get(&server, "shop.test", "/x", &cookie).status, 200);
    assert_eq!(upstream.last().header("doorward-identity"), Some("guest"), "on its own site alone");
    // No script of another origin reads the page, nor what is refused there.
    let broken = "Authorization: Basic a\r\nAuthorization: Basic b\r\n";
    for (path, more, readers) in [
        ("/admin/login", "", None),
        ("/admin/login", broken, None),
        ("/admin/logout", &*cookie, None),
        ("/admin/dashboard", "", Some("https://app.test")),
        ("/admin/dashboard", broken, Some("https://app.test")),
    ] {
        let reply = get(&server, "shop.test", path, &format!("Origin: https://app.test\r\n{more}"));
        assert_eq!(reply.header("access-control-allow-origin"), readers, "{path} {more}");
        assert!(reply.all("vary").any(|line| line == "Origin"), "{path} {more}");
    }
    // What only looks like one of its pages is not, and no header makes one.
    for (path, header) in
        [("/admins/login", ""), ("/other/login", ""), ("/by-admins/login", ""), ("/other/login", "X-SiteAccess: site\r\n")]
    {
        let before = upstream.received().len();
        assert_eq!(get(&server, "shop.test", path, header).status, 200, "{path}");
        assert_eq!(upstream.received().len(), before + 1, "{path}");
    }
    let ask = get(&server, "shop.test", "/admin/logout", &cookie);
    assert!(ask.body.contains("action=\"/admin/logout\""), "{ask:?}");
    let out = post("/admin/logout", &cookie, &format!("_csrf_token={}", field(&ask, "_csrf_token")));
    assert_eq!(out.status, 200, "{out:?}");
    assert_eq!(get(&server, "shop.test", "/admin/dashboard", &format!("Cookie: {session}\r\n")).status, 401);
}

/// The value of a hidden field of a form.
fn field(page: &Reply, name: &str) -> String {
    let rest = page.body.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("{page:?}")).1;
    rest.split_once('"').unwrap().0.to_owned()
}
