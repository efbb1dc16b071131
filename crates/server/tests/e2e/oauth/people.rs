//! What the tests of codes, consents and devices share: a person in a browser, and an application beside it.

use super::{add, pair, post, site};
use crate::support::{Server, Session, Site, client::Reply};
use serde_json::Value;
use std::fmt::Write as _;
use url::{Url, form_urlencoded::byte_serialize};

pub(super) const PASSWORD: &str = "Quite a good one 7";
pub(super) const REDIRECT: &str = "https://app.example.com/callback";
// RFC 7636, appendix B.
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Hashes that cost little.
const CHEAP: &str = "[passwords]\nmemory_kib = 1024\niterations = 1\n";

/// A server with a person, `customers/jane`, and the application `shop`.
pub(super) struct Play {
    pub(super) site: Site,
    pub(super) server: Server,
    pub(super) secret: String,
}

impl Play {
    pub(super) fn new() -> Self {
        Self::on(site(CHEAP))
    }

    /// With further tables.
    pub(super) fn within(tables: &str) -> Self {
        Self::on(site(&format!("{CHEAP}{tables}")))
    }

    /// With further tables, and files beside them.
    pub(super) fn beside(tables: &str, files: &[(&str, &str)]) -> Self {
        Self::setting("", tables, files)
    }

    /// The same with these keys in `[oauth]`.
    pub(super) fn setting(keys: &str, tables: &str, files: &[(&str, &str)]) -> Self {
        let config = super::CONFIG.replace("[oauth]\n", &format!("[oauth]\n{keys}"));
        let site = Site::new(&format!("{config}{CHEAP}{tables}"));
        files.iter().for_each(|(name, text)| drop(site.write(name, text)));
        Self::on(site)
    }

    /// With these keys in `[oauth]`.
    pub(super) fn set(keys: &str) -> Self {
        let config = super::CONFIG.replace("[oauth]\n", &format!("[oauth]\n{keys}"));
        Self::on(Site::new(&format!("{config}{CHEAP}")))
    }

    /// Behind a proxy on this machine that passes certificates of clients on.
    pub(super) fn behind_a_proxy() -> Self {
        let config = super::CONFIG
            .replace("[operations]\n", "trusted_proxies = [\"127.0.0.1\"]\n[operations]\n")
            .replace("[oauth]\n", "[oauth]\nmtls_url = \"https://127.0.0.1:8443\"\n");
        Self::on(Site::new(&format!("{config}{CHEAP}[certificate]\nheader = \"Client-Cert\"\n")))
    }

    fn on(site: Site) -> Self {
        site.user("customers/jane", PASSWORD, &[]);
        let scopes = ["openid", "profile", "email", "offline_access", "orders", "default"];
        let mut arguments = vec!["--name", "The Shop", "--redirect-uri", REDIRECT];
        arguments.extend(["--redirect-uri", "https://app.example.com/other"]);
        arguments.extend(["--post-logout-redirect-uri", "https://app.example.com/bye"]);
        scopes.iter().for_each(|scope| arguments.extend(["--scope", scope]));
        let secret = add(&site, "shop", &arguments);
        let server = site.serve();
        Self { site, server, secret }
    }

    pub(super) fn jane(&self) -> Session {
        self.server.sign_in("jane", PASSWORD)
    }

    /// A token request of the application.
    pub(super) fn ask(&self, body: &str) -> Reply {
        post(&self.server, "/token", &pair("shop", &self.secret), body)
    }

    pub(super) fn redeem(&self, code: &str) -> Reply {
        self.ask(&exchange(code))
    }

    pub(super) fn refresh(&self, token: &str) -> Reply {
        self.ask(&format!("grant_type=refresh_token&refresh_token={token}"))
    }

    /// What `GET path` shows to whoever has the cookie.
    pub(super) fn open(&self, path: &str, who: Option<&Session>) -> Reply {
        self.server.get(path, &cookie(who))
    }

    /// Looks at the consent page, if there is one, and presses the button.
    pub(super) fn decide(&self, query: &str, who: &Session, decision: &str) -> Reply {
        let page = self.open(&format!("/authorize?{query}"), Some(who));
        // Allowed before: nobody is asked.
        if page.status == 303 {
            return page;
        }
        assert_eq!(page.status, 200, "{page:?}");
        let form = format!(
            "_csrf_token={}&request={}&decision={decision}",
            encode(&field(&page, "_csrf_token")),
            encode(&field(&page, "request"))
        );
        post(&self.server, "/authorize/consent", &cookie(Some(who)), &form)
    }

    /// A code for these scopes.
    pub(super) fn code(&self, who: &Session, scope: &str) -> String {
        let reply = self.decide(&request(&[("scope", scope)]), who, "allow");
        parameter(&reply, "code").unwrap_or_else(|| panic!("{reply:?}"))
    }

    /// Tokens for these scopes.
    pub(super) fn tokens(&self, who: &Session, scope: &str) -> Value {
        let reply = self.redeem(&self.code(who, scope));
        assert_eq!(reply.status, 200, "{reply:?}");
        reply.json()
    }
}

pub(super) fn cookie(who: Option<&Session>) -> String {
    who.map_or_else(String::new, |session| format!("Cookie: {}\r\n", session.cookie))
}

pub(super) fn encode(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// The body that redeems a code.
pub(super) fn exchange(code: &str) -> String {
    format!("grant_type=authorization_code&code={code}&redirect_uri={}&code_verifier={VERIFIER}", encode(REDIRECT))
}

/// An authorization request, in which these parameters are others; an empty one is left out.
pub(super) fn request(other: &[(&str, &str)]) -> String {
    let usual = [
        ("response_type", "code"),
        ("client_id", "shop"),
        ("redirect_uri", REDIRECT),
        ("state", "s&1"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
        ("scope", "orders"),
    ];
    let mut query = String::new();
    let new = other.iter().filter(|(name, _)| !usual.iter().any(|(known, _)| known == name));
    for (name, value) in usual.iter().chain(new) {
        let value = other.iter().find(|(own, _)| own == name).map_or(*value, |(_, value)| *value);
        if !value.is_empty() {
            let _ = write!(query, "{}{name}={}", if query.is_empty() { "" } else { "&" }, encode(value));
        }
    }
    query
}

/// The value of a hidden field.
pub(super) fn field(page: &Reply, name: &str) -> String {
    let start = format!("name=\"{name}\" value=\"");
    let rest = page.body.split_once(&start).unwrap_or_else(|| panic!("no {name}: {page:?}")).1;
    let value = rest.split_once('"').unwrap().0;
    value.replace("&#38;", "&").replace("&#34;", "\"").replace("&#39;", "'").replace("&#60;", "<").replace("&#62;", ">")
}

/// A parameter of the place where the browser is sent.
pub(super) fn parameter(reply: &Reply, name: &str) -> Option<String> {
    let url = Url::parse(reply.header("location")?).ok()?;
    url.query_pairs().find(|(own, _)| own == name).map(|(_, value)| value.into_owned())
}
