//! The Magento dialect against the running binary: the cases of Magento's own suite by their names, and those that it
//! lacks.

mod account_management_me_test;
mod account_management_test;
mod cases;
mod counter;
mod customer_repository_test;
mod customers;
mod exclusions;
mod formats;
mod group_test;
mod integration_test;
mod me;
mod metadata_test;
mod open_routes;
mod pipeline;
mod providers;
mod records;
mod routing;
mod sessions;
mod sharing_test;
mod stores;
mod tokens;
mod unlisted;
mod webapi_test;
mod websites;

use crate::{
    gateway::{PASSWORD, SignedIn, config, magento_data},
    support::{Server, Site, client::Reply, upstream::Upstream},
};

/// What makes a request an AJAX call.
const AJAX: &str = "X-Requested-With: XMLHttpRequest\r\n";

/// Firewalls as a shop has them.
const FIREWALLS: &str = r#"
[[firewall]]
name = "shop"
path = '^/rest(/|$)'
guard = ["ajax"]
invalid = "guest"
[[firewall]]
name = "main"
"#;

/// Three store views, of which one belongs to another website.
const STORES: &str = r#"
[[store_view]]
code = "default"
website = "base"
[[store_view]]
code = "fr"
website = "base"
[[store_view]]
code = "fixture_second_store"
website = "second"
"#;

/// A shop with Magento's rules and those of its test modules, in front of an upstream that says yes.
struct Shop {
    server: Server,
    upstream: Upstream,
    site: Site,
}

impl Shop {
    /// `api` stands in `[api]`; `more` stands before it.
    fn open(api: &str, more: &str) -> Self {
        Self::prepared(api, more, |_| {})
    }

    fn prepared(api: &str, more: &str, prepare: impl FnOnce(&Site)) -> Self {
        Self::before(Upstream::answering(|_| answer(200, "true")), api, more, prepare)
    }

    /// One in front of this upstream.
    fn before(upstream: Upstream, api: &str, more: &str, prepare: impl FnOnce(&Site)) -> Self {
        let site = Self::site(api, more, &upstream);
        prepare(&site);
        Self { server: site.serve(), upstream, site }
    }

    /// The place of such a shop, with its people.
    fn site(api: &str, more: &str, upstream: &Upstream) -> Site {
        let modules = magento_data().join("_api-functional");
        let files: Vec<String> = ["TestModule1", "TestModule2", "TestModule3", "TestModule4", "TestModule5"]
            .iter()
            .map(|module| format!("{:?}", modules.join(module)))
            .chain([format!("{:?}", magento_data()), "\"routes.toml\"".to_owned()])
            .collect();
        let site = Site::new(&config(
            "",
            &format!(
                "{more}\n{STORES}\n[api]\nmagento_prefix = \"/rest\"\n{api}\n[routes]\nfiles = [{}]\n[[upstream]]\nname = \"shop\"\nurl = \"{}\"\n",
                files.join(", "),
                upstream.url()
            ),
        ));
        site.write("routes.toml", "");
        site.ok(&["role", "add", "everything", "--allow", "Magento_Backend::all"], "");
        site.ok(&["role", "add", "tester", "--allow", "Magento_TestModule1::resource1", "Magento_TestModule2::resource2"], "");
        site.user("customers/jane@example.com", PASSWORD, &[]);
        site.user("admins/admin", PASSWORD, &["everything"]);
        site.user("admins/clerk", PASSWORD, &["tester"]);
        site
    }

    /// Header lines of an AJAX call with a session of `login`.
    fn caller(&self, login: &str) -> String {
        format!("{}{AJAX}", SignedIn::new(&self.server, login).cookie)
    }

    /// Whom the upstream took the newest request for.
    fn named(&self) -> String {
        self.upstream.last().header("doorward-identity").unwrap_or_default().to_owned()
    }
}

/// What an upstream says in JSON.
fn answer(status: u16, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// `UNAUTH(resources)` of the cases: status and body.
fn unauthorized(resources: &str) -> (u16, String) {
    let text = r#"{"message":"The consumer isn't authorized to access %resources.","parameters":{"resources":""#;
    (401, format!("{text}{resources}\"}}}}"))
}

/// A body that is a message alone.
fn message(status: u16, text: &str) -> (u16, String) {
    (status, format!("{{\"message\":\"{text}\"}}"))
}

/// Status and body.
fn said(reply: &Reply) -> (u16, String) {
    (reply.status, reply.body.clone())
}

const NO_ROUTE: &str = "Request does not match any route.";
const NOT_PROCESSED: &str = "Specified request cannot be processed.";
