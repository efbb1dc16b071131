//! A configuration made by calls. It is written as the text that an operator would write and read by the one reader that
//! there is: what is wrong is said with line and place of that text.

mod parts;
mod toml;

pub use parts::{AccessRule, Directory, Firewall, Route};

use crate::{Configuration, Doorward, Error, Unmatched, Unsound};
use std::path::Path;
use toml::{Keys, Toml};

/// Makes a configuration: see [`Doorward::builder`]. Without a store it is in memory, and without a firewall everyone has
/// sessions, as in a file.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    server: Keys,
    store: Option<String>,
    api: Keys,
    certificate: Keys,
    entries: Toml,
    rules: Toml,
    files: Vec<String>,
    unmatched: Unmatched,
    further: Toml,
}

impl Builder {
    /// Where browsers find the program: for links, cookies and origins.
    #[must_use]
    pub fn public_url(mut self, url: &str) -> Self {
        self.server.text("public_url", url);
        self
    }

    /// Hosts that are served; others are answered 421.
    #[must_use]
    pub fn hosts<'h>(mut self, hosts: impl IntoIterator<Item = &'h str>) -> Self {
        self.server.list("hosts", hosts);
        self
    }

    /// Keeps accounts and sessions in memory; they are gone at the end. This is the beginning.
    #[must_use]
    pub fn memory(mut self) -> Self {
        self.store = None;
        self
    }

    /// Keeps accounts and sessions in this SQLite file, which is made where it is not there.
    #[must_use]
    pub fn sqlite(mut self, path: impl AsRef<Path>) -> Self {
        self.store = Some(format!("sqlite:{}", path.as_ref().display()));
        self
    }

    /// Where the session API stands, `""` being the root. [default: `/api/ibexa/v2`]
    #[must_use]
    pub fn ibexa_prefix(mut self, prefix: &str) -> Self {
        self.api.text("ibexa_prefix", prefix);
        self
    }

    /// Where the Magento dialect stands.
    #[must_use]
    pub fn magento_prefix(mut self, prefix: &str) -> Self {
        self.api.text("magento_prefix", prefix);
        self
    }

    /// What Doorward answers itself: `sessions`, `tokens`, `accounts`. [default: `sessions`]
    #[must_use]
    pub fn serve<'h>(mut self, what: impl IntoIterator<Item = &'h str>) -> Self {
        self.api.list("serve", what);
        self
    }

    /// The file (PEM) of the authorities that vouch for certificates of clients, where the program's own server asks for them and
    /// says so by [`Tls`](crate::Tls).
    #[must_use]
    pub fn client_ca(mut self, path: impl AsRef<Path>) -> Self {
        self.certificate.text("client_ca", &path.as_ref().display().to_string());
        self
    }

    /// Files with lists of revoked certificates (PEM or DER). With them every certificate needs a list that speaks of it and is not out of date.
    #[must_use]
    pub fn client_crl<P: AsRef<Path>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        let paths: Vec<String> = paths.into_iter().map(|path| path.as_ref().display().to_string()).collect();
        self.certificate.list("client_crl", paths.iter().map(String::as_str));
        self
    }

    /// What of a certificate is the login of its account: `subject`, `cn`, `email`, `dns`, `uri`, `serial` or `fingerprint`.
    /// [default: `subject`]
    #[must_use]
    pub fn certificate_map(mut self, map: &str) -> Self {
        self.certificate.text("map", map);
        self
    }

    /// Somewhere to sign in at.
    #[must_use]
    pub fn directory(mut self, directory: Directory) -> Self {
        directory.write(&mut self.entries);
        self
    }

    /// By which method requests are judged; the first that matches does. [default: sessions, with the CSRF guard]
    #[must_use]
    pub fn firewall(mut self, firewall: Firewall) -> Self {
        firewall.write(&mut self.entries);
        self
    }

    /// Which roles a path demands; the first that matches does.
    #[must_use]
    pub fn access_control(mut self, rule: AccessRule) -> Self {
        rule.write(&mut self.entries);
        self
    }

    /// Something that roles grant and routes require.
    #[must_use]
    pub fn resource(self, id: &str, title: &str) -> Self {
        self.put_resource(id, title, None)
    }

    /// The same, below another one.
    #[must_use]
    pub fn resource_below(self, parent: &str, id: &str, title: &str) -> Self {
        self.put_resource(id, title, Some(parent))
    }

    /// Who may call a route.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        route.write(&mut self.rules);
        self
    }

    /// Rules in the words of a `routes.toml`: `[[route]]` and `[[resource]]`.
    #[must_use]
    pub fn rules(mut self, toml: &str) -> Self {
        self.rules.raw(toml);
        self
    }

    /// A file of rules, or a folder of them: `routes.toml`, `webapi.xml`, `acl.xml`.
    #[must_use]
    pub fn rules_file(mut self, path: impl AsRef<Path>) -> Self {
        self.files.push(path.as_ref().display().to_string());
        self
    }

    /// What becomes of requests that no rule is about. [default: they are refused]
    #[must_use]
    pub fn unmatched(mut self, unmatched: Unmatched) -> Self {
        self.unmatched = unmatched;
        self
    }

    /// Whatever else a `doorward.toml` can say, in its own words: tables that nothing here writes, such as `[jwt]`, `[cors]` or `[[site]]`.
    /// What is wrong with it is said with its line, as of all else.
    ///
    /// ```
    /// use doorward_tower::{Directory, Doorward, Route};
    ///
    /// let sites = r#"
    ///     [cors]
    ///     allow_origins = ["https://app.example.com"]
    ///     [[site]]
    ///     name = "shop"
    ///     [[site]]
    ///     name = "admin"
    ///     hosts = ["admin.example.com"]
    ///     [[sites.match]]
    ///     map_host = { "admin.example.com" = "admin" }
    /// "#;
    /// let door = Doorward::builder()
    ///     .public_url("https://shop.example.com")
    ///     .hosts(["shop.example.com", "admin.example.com"])
    ///     .directory(Directory::admins("staff"))
    ///     .route(Route::get("/orders/:id").anonymous())
    ///     .further(sites);
    /// door.configuration()?;
    /// assert!(door.further("[cros]").configuration().unwrap_err().to_string().contains("cors"));
    /// # Ok::<(), doorward_tower::Unsound>(())
    /// ```
    #[must_use]
    pub fn further(mut self, toml: &str) -> Self {
        self.further.raw(toml);
        self
    }

    /// The text of the `doorward.toml` that says the same, without the rules that were given here.
    pub fn to_toml(&self) -> String {
        let mut all = Toml::default();
        all.table("server", &self.server);
        let mut store = Keys::default();
        store.text("url", self.store.as_deref().unwrap_or("memory:"));
        all.table("store", &store);
        all.table("api", &self.api);
        all.table("certificate", &self.certificate);
        let mut routes = Keys::default();
        let written = (!self.rules.is_empty()).then_some(RULES);
        routes.list("files", self.files.iter().map(String::as_str).chain(written));
        routes.text("unmatched", unmatched(self.unmatched));
        all.table("routes", &routes);
        all.raw(self.entries.as_str());
        all.raw(self.further.as_str());
        all.as_str().to_owned()
    }

    /// What was said, found sound.
    ///
    /// # Errors
    /// Everything that is wrong with it, with line and place of the text that it was written as.
    pub fn configuration(&self) -> Result<Configuration, Unsound> {
        Configuration::from_texts(&self.to_toml(), &[(RULES, self.rules.as_str())])
    }

    /// Opens the door.
    ///
    /// # Errors
    /// The configuration is unsound, or its store cannot be opened.
    pub async fn open(&self) -> Result<Doorward, Error> {
        Doorward::open(self.configuration()?).await
    }

    fn put_resource(mut self, id: &str, title: &str, parent: Option<&str>) -> Self {
        let mut keys = Keys::default();
        keys.text("id", id);
        keys.text("title", title);
        if let Some(parent) = parent {
            keys.text("parent", parent);
        }
        self.rules.entry("resource", &keys);
        self
    }
}

/// The file of the rules that were given here, as messages name it.
const RULES: &str = "builder.toml";

fn unmatched(unmatched: Unmatched) -> &'static str {
    match unmatched {
        Unmatched::Deny => "deny",
        Unmatched::Authenticated => "authenticated",
        Unmatched::Allow => "allow",
    }
}
