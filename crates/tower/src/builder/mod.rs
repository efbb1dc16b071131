//! A configuration made by calls. It is written as the text that an operator would write and read by the one reader that
//! there is: what is wrong is said with line and place of that text.

mod parts;
mod toml;

pub use parts::{AccessRule, Directory, Firewall, Route};

use crate::{Configuration, Doorward, Error, Unmatched, Unsound};
use std::path::Path;
use toml::Toml;

/// Makes a configuration: see [`Doorward::builder`]. Without a store it is in memory, and without a firewall everyone has
/// sessions, as in a file.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    server: Toml,
    store: Option<String>,
    api: Toml,
    entries: Toml,
    rules: Toml,
    has_rules: bool,
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
        self.server.list("hosts", &owned(hosts));
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
        self.api.list("serve", &owned(what));
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
        self.has_rules = true;
        route.write(&mut self.rules);
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

    /// Whatever else a `doorward.toml` can say, in its own words: tables that nothing here writes, such as `[jwt]` or
    /// `[cors]`.
    #[must_use]
    pub fn further(mut self, toml: &str) -> Self {
        self.further.raw(toml);
        self
    }

    /// The text of the `doorward.toml` that says the same, without the rules that were given here.
    pub fn to_toml(&self) -> String {
        let mut all = Toml::default();
        if !self.server.as_str().is_empty() {
            all.table("server").raw(self.server.as_str());
        }
        all.table("store").text("url", self.store.as_deref().unwrap_or("memory:"));
        if !self.api.as_str().is_empty() {
            all.table("api").raw(self.api.as_str());
        }
        let mut files = self.files.clone();
        files.extend(self.has_rules.then(|| RULES.to_owned()));
        all.table("routes").list("files", &files).text("unmatched", unmatched(self.unmatched));
        all.raw(self.entries.as_str()).raw(self.further.as_str());
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
        self.has_rules = true;
        self.rules.entry("resource").text("id", id).text("title", title).some("parent", parent);
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

fn owned<'h>(texts: impl IntoIterator<Item = &'h str>) -> Vec<String> {
    texts.into_iter().map(str::to_owned).collect()
}
