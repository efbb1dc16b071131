//! The pages in a real browser: `tests/browser.py` walks through them.

use crate::{
    people::{PASSWORD, Town},
    support::{
        Site,
        python::{browse, screenshots},
        upstream::Upstream,
    },
};

#[test]
fn a_person_signs_in_is_refused_and_signs_out() {
    let upstream = Upstream::answering(|_| {
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"open\":true}".to_owned()
    });
    let site = Town { more: "[[firewall]]\nname = \"main\"\nentry = \"page\"", ..Town::default() }.site(&upstream);
    let server = site.serve();
    let shots = screenshots();
    browse(
        "browser.py",
        &server,
        &["jane".as_ref(), PASSWORD.as_ref(), "/closed".as_ref(), "/orders".as_ref(), shots.as_os_str()],
        12,
    );
}

#[test]
fn a_person_sets_a_forgotten_password_by_mail_and_changes_it() {
    let upstream = Upstream::answering(|_| "HTTP/1.1 204 No Content\r\n\r\n".to_owned());
    let more = "[mail]\nurl = \"folder:mail\"\nfrom = \"The Shop <shop@example.com>\"";
    let site = Town { more, ..Town::default() }.site(&upstream);
    site.ok(&["user", "add", "customers/anna@example.com", "--email", "anna@example.com", "--password-stdin"], PASSWORD);
    let server = site.serve();
    let (mail, shots) = (site.path().join("mail"), screenshots());
    let arguments = ["anna@example.com".as_ref(), "Quite another one 7".as_ref(), mail.as_os_str(), shots.as_os_str()];
    browse("browser_password.py", &server, &arguments, 12);
}

/// 'If a customer is logged in to the Magento storefront and the JavaScript widget invokes the `self` API, details for the
/// logged-in customer are fetched' and 'restricted to only allow for AJAX calls and not direct browser requests'.
#[test]
fn a_storefront_widget_fetches_the_logged_in_customer_and_a_direct_browser_request_does_not() {
    const PAGE: &str = "<!doctype html><title>Shop</title><h1>Shop</h1>";
    let upstream = Upstream::answering(|request| {
        let (kind, body) = match request.header("doorward-login") {
            _ if request.line().starts_with("GET /storefront ") => ("text/html", PAGE.to_owned()),
            Some(login) => ("application/json", serde_json::json!({ "email": login.replace("%40", "@") }).to_string()),
            None => ("application/json", "{}".to_owned()),
        };
        format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let rules = "<routes><route method=\"GET\" url=\"/V1/customers/me\"><service class=\"S\" method=\"get\"/><resources>\
                 <resource ref=\"self\"/></resources></route></routes>";
    let site = Site::new(&format!(
        "[server]\nlisten = \"127.0.0.1:0\"\n[operations]\nlisten = \"127.0.0.1:0\"\n\
         [passwords]\nmemory_kib = 1024\niterations = 1\n\
         [[directory]]\nname = \"customers\"\nkind = \"customer\"\ncookie = \"PHPSESSID\"\ncookie_lifetime = \"1h\"\n\
         [[firewall]]\nname = \"shop\"\npath = '^/rest/'\nguard = [\"ajax\"]\ninvalid = \"guest\"\n[[firewall]]\nname = \"main\"\n\
         [routes]\nfiles = [\"webapi.xml\", \"routes.toml\"]\n[[upstream]]\nname = \"shop\"\nurl = \"{}\"\n",
        upstream.url()
    ));
    site.write("webapi.xml", rules);
    site.write("routes.toml", "[[route]]\nmethods = [\"GET\"]\npath = \"/storefront\"\nrequire = [\"anonymous\"]\n");
    site.user("customers/jane@example.com", PASSWORD, &[]);
    let server = site.serve();
    browse("browser_shop.py", &server, &["jane@example.com", PASSWORD, "/storefront"], 14);
}
