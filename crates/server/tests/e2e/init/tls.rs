//! The lines for TLS of what `doorward init` prints, with a certificate of this machine.

use super::{
    Local,
    behind::{CONFIG, ROUTES, printed},
    caddy, envoy, haproxy, nginx,
};
use crate::{
    gateway::PASSWORD,
    support::{Site, upstream::Upstream},
    tls::{
        authority::Authority,
        tools::{Got, curl_at},
    },
};

type Make = fn(&Site, &str) -> Local;

/// Each ends TLS, says so, and asks: sessions are in cookies that never leave TLS.
#[test]
fn every_printed_configuration_ends_tls_and_says_so() {
    let (orders, shop) = (Upstream::start(), Upstream::start());
    let names = ["nginx", "caddy", "haproxy", "envoy"];
    let config = |listen: &str| {
        let asked =
            names.map(|name| format!("[[forward_auth]]\nconvention = \"{name}\"\npath = \"/_doorward/{name}\"\n")).concat();
        CONFIG
            .replace("{listen}", listen)
            .replace("http://shop.test", "https://shop.test")
            .replace("[[forward_auth]]\nconvention = \"{proxy}\"\npath = \"/_doorward/{proxy}\"\n", &asked)
            .replace("{orders}", &orders.url())
            .replace("{shop}", &shop.url())
    };
    let site = Site::new(&config("127.0.0.1:0"));
    site.write("routes.toml", ROUTES);
    site.user("customers/jane", PASSWORD, &[]);
    let root = Authority::root(site.path(), "root");
    root.server("proxy", &["shop.test"]);
    let part = |name: &str| std::fs::read_to_string(site.path().join(name)).unwrap();
    site.write("proxy-both.pem", &(part("proxy.pem") + &part("proxy.key")));
    let server = site.serve();
    site.write("bound.toml", &config(&server.public.to_string()));
    for (name, local) in names.into_iter().zip([nginx as Make, caddy, haproxy, envoy]) {
        let proxy = printed(&site, name, local);
        let authority = root.file().to_string_lossy().into_owned();
        let ask = |path: &str, more: &[&str]| -> Got {
            curl_at(proxy.port, "shop.test", path, &[&["--cacert", &*authority, "-H", "Host: shop.test"], more].concat())
        };
        let input = format!(r#"{{"SessionInput":{{"login":"jane","password":"{PASSWORD}"}}}}"#);
        let kind = ["-H", "Content-Type: application/vnd.ibexa.api.SessionInput+json", "-H", "Accept: application/json"];
        let begun = ask("/api/ibexa/v2/user/sessions", &[&kind[..], &["-d", &input]].concat());
        assert_eq!(begun.status(), 201, "{name}: {begun:?}\n{}", server.log());
        let set = begun.header("set-cookie").unwrap_or_default().to_owned();
        assert!(set.starts_with("__Host-doorward_customers=") && set.to_ascii_lowercase().contains("; secure"), "{name}: {set}");
        let cookie = format!("Cookie: {}", set.split(';').next().unwrap_or_default());
        let (_, body) = begun.text.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{name}: {error}: {begun:?}"));
        let token = format!("X-CSRF-Token: {}", body["Session"]["csrfToken"].as_str().unwrap());

        let permitted = ask("/orders/5", &["-H", &cookie, "-H", "X-Forwarded-Proto: http"]);
        assert_eq!(permitted.status(), 200, "{name}: {permitted:?}\n{}", server.log());
        let received = orders.last();
        assert_eq!(received.all("x-forwarded-proto").collect::<Vec<_>>(), ["https"], "{name}: {}", received.head);
        assert_eq!(received.header("doorward-identity"), Some("customer/1"), "{name}");
        // A page of ours is one over TLS.
        let before = orders.received().len();
        for (origin, status) in [("https://shop.test", 200), ("http://shop.test", 403)] {
            let origin = format!("Origin: {origin}");
            let sent = ask("/orders/5", &["-H", &cookie, "-H", &token, "-H", &origin, "-d", "x"]);
            assert_eq!(sent.status(), status, "{name} {origin}: {sent:?}");
        }
        assert_eq!(ask("/orders/5", &["-H", "Doorward-Identity: customer/1"]).status(), 401, "{name}");
        assert_eq!(orders.received().len(), before + 1, "{name}");
    }
}
