//! Entries of a configuration: directories, firewalls, access control, routes.

use super::toml::{Keys, Toml};
use crate::{Authentication, Invalid, Kind};
use std::time::Duration;

/// A named set of accounts that can sign in: `[[directory]]`.
#[derive(Clone, Debug)]
pub struct Directory(Keys);

impl Directory {
    /// Those who run the place; roles grant them resources.
    pub fn admins(name: &str) -> Self {
        Self::of(name, Kind::Admin)
    }

    /// Those who buy or visit; what is their own they may call.
    pub fn customers(name: &str) -> Self {
        Self::of(name, Kind::Customer)
    }

    /// Programs, which call with tokens; roles grant them resources.
    pub fn integrations(name: &str) -> Self {
        Self::of(name, Kind::Integration)
    }

    /// The name of the session cookie. [default: `doorward_NAME`, and `__Host-doorward_NAME` under https]
    #[must_use]
    pub fn cookie(mut self, name: &str) -> Self {
        self.0.text("cookie", name);
        self
    }

    /// How long browsers keep the cookie, in whole seconds; it begins anew while the session is used. [default: until they close]
    #[must_use]
    pub fn cookie_lifetime(mut self, time: Duration) -> Self {
        self.0.time("cookie_lifetime", time);
        self
    }

    /// After how long without use a session ends, in whole seconds. [default: 30 minutes]
    #[must_use]
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.0.time("idle_timeout", time);
        self
    }

    /// After how long a session ends however it is used, in whole seconds. [default: 12 hours]
    #[must_use]
    pub fn lifetime(mut self, time: Duration) -> Self {
        self.0.time("lifetime", time);
        self
    }

    /// Further keys of a `[[directory]]`, in the words of the configuration, such as `same_site = "strict"`.
    #[must_use]
    pub fn further(mut self, toml: &str) -> Self {
        self.0.raw(toml);
        self
    }

    fn of(name: &str, kind: Kind) -> Self {
        let mut keys = Keys::default();
        keys.text("name", name);
        keys.text("kind", kind.as_str());
        Self(keys)
    }

    pub(super) fn write(&self, to: &mut Toml) {
        to.entry("directory", &self.0);
    }
}

/// Which requests are judged by which method: `[[firewall]]`.
///
/// ```
/// use doorward_tower::{Authentication, Doorward, Directory, Firewall, Invalid};
///
/// let rules = Doorward::builder()
///     .directory(Directory::admins("staff"))
///     .firewall(Firewall::new("partners", Authentication::Basic).host(r"^api\.").realm("Partner API"))
///     .firewall(Firewall::new("people", Authentication::Session).sign_in_page());
/// rules.configuration()?;
/// # Ok::<(), doorward_tower::Unsound>(())
/// ```
#[derive(Clone, Debug)]
pub struct Firewall(Keys);

impl Firewall {
    /// One that judges every request by this method.
    pub fn new(name: &str, method: Authentication) -> Self {
        let mut keys = Keys::default();
        keys.text("name", name);
        keys.text("authentication", method.as_str());
        Self(keys)
    }

    /// Only requests for hosts that match this pattern (a regular expression).
    #[must_use]
    pub fn host(mut self, pattern: &str) -> Self {
        self.0.text("host", pattern);
        self
    }

    /// Only requests for paths that match this pattern (a regular expression), such as `^/api`.
    #[must_use]
    pub fn path(mut self, pattern: &str) -> Self {
        self.0.text("path", pattern);
        self
    }

    /// Only requests of these HTTP methods.
    #[must_use]
    pub fn methods<'h>(mut self, methods: impl IntoIterator<Item = &'h str>) -> Self {
        self.0.list("methods", methods);
        self
    }

    /// Only requests that carry this credential: `bearer`, `basic`, `certificate` or `cookie`.
    #[must_use]
    pub fn when(mut self, credential: &str) -> Self {
        self.0.text("when", credential);
        self
    }

    /// The directories that are asked, in this order. [default: all, in the order of their making]
    #[must_use]
    pub fn directories<'h>(mut self, names: impl IntoIterator<Item = &'h str>) -> Self {
        self.0.list("directory", names);
        self
    }

    /// What a session must pass besides its cookie: `csrf`, `ajax`. [default: `csrf`]
    #[must_use]
    pub fn guard<'h>(mut self, guards: impl IntoIterator<Item = &'h str>) -> Self {
        self.0.list("guard", guards);
        self
    }

    /// What a credential that is present but wrong leads to. [default: it is refused]
    #[must_use]
    pub fn invalid(mut self, invalid: Invalid) -> Self {
        let word = match invalid {
            Invalid::Refuse => "refuse",
            Invalid::Guest => "guest",
        };
        self.0.text("invalid", word);
        self
    }

    /// A refused guest's browser is led to the sign-in page. [default: it gets the refusal]
    #[must_use]
    pub fn sign_in_page(mut self) -> Self {
        self.0.text("entry", "page");
        self
    }

    /// What challenges name, of Basic and OAuth.
    #[must_use]
    pub fn realm(mut self, realm: &str) -> Self {
        self.0.text("realm", realm);
        self
    }

    /// Of OAuth: URIs of which one must be in `aud` of an access token. [default: what the issuers say]
    #[must_use]
    pub fn audience<'h>(mut self, uris: impl IntoIterator<Item = &'h str>) -> Self {
        self.0.list("audience", uris);
        self
    }

    /// Of OAuth: to what an access token has to be bound: `dpop`, `certificate` or `any` of both. [default: nothing]
    #[must_use]
    pub fn proof(mut self, proof: &str) -> Self {
        self.0.text("proof", proof);
        self
    }

    /// Of OAuth: proofs of possession need a nonce of ours. [default: they do not]
    #[must_use]
    pub fn dpop_nonce(mut self) -> Self {
        self.0.flag("dpop_nonce", true);
        self
    }

    pub(super) fn write(&self, to: &mut Toml) {
        to.entry("firewall", &self.0);
    }
}

/// Which roles and scopes a path demands: `[[access_control]]`.
///
/// ```
/// use doorward_tower::{AccessRule, Doorward, Directory};
///
/// let rules = Doorward::builder()
///     .directory(Directory::admins("staff"))
///     // From these networks admins may write, and nobody else may do anything.
///     .access_control(AccessRule::path("^/admin").ips(["10.0.0.0/8"]).methods(["GET", "POST"]).roles(["ROLE_ADMIN"]))
///     .access_control(AccessRule::path("^/admin").roles(["ROLE_NO_ACCESS"]));
/// rules.configuration()?;
/// # Ok::<(), doorward_tower::Unsound>(())
/// ```
#[derive(Clone, Debug)]
pub struct AccessRule(Keys);

impl AccessRule {
    /// For paths that match this pattern (a regular expression).
    pub fn path(pattern: &str) -> Self {
        let mut keys = Keys::default();
        keys.text("path", pattern);
        Self(keys)
    }

    /// Only at hosts that match this pattern (a regular expression).
    #[must_use]
    pub fn host(mut self, pattern: &str) -> Self {
        self.0.text("host", pattern);
        self
    }

    /// Only for callers from these networks. What only some networks may call needs a closing rule behind it.
    #[must_use]
    pub fn ips<'h>(mut self, networks: impl IntoIterator<Item = &'h str>) -> Self {
        self.0.list("ips", networks);
        self
    }

    /// Only for these HTTP methods.
    #[must_use]
    pub fn methods<'h>(mut self, methods: impl IntoIterator<Item = &'h str>) -> Self {
        self.0.list("methods", methods);
        self
    }

    /// Any one of these roles suffices.
    #[must_use]
    pub fn roles<'h>(mut self, roles: impl IntoIterator<Item = &'h str>) -> Self {
        self.0.list("roles", roles);
        self
    }

    /// What an access token must be good for: all of these.
    #[must_use]
    pub fn scopes<'h>(mut self, scopes: impl IntoIterator<Item = &'h str>) -> Self {
        self.0.list("scopes", scopes);
        self
    }

    pub(super) fn write(&self, to: &mut Toml) {
        to.entry("access_control", &self.0);
    }
}

/// Who may call a route: `[[route]]`. A route of which nothing is said who may call it is an error.
#[derive(Clone, Debug)]
pub struct Route(Keys);

impl Route {
    /// For these HTTP methods (GET covers HEAD) and this template, in which `:name` is a segment and `/*rest` a tail.
    pub fn new<'h>(methods: impl IntoIterator<Item = &'h str>, path: &str) -> Self {
        let mut keys = Keys::default();
        keys.list("methods", methods);
        keys.text("path", path);
        keys.list("require", []);
        Self(keys)
    }

    /// For GET and HEAD.
    pub fn get(path: &str) -> Self {
        Self::new(["GET"], path)
    }

    /// For POST.
    pub fn post(path: &str) -> Self {
        Self::new(["POST"], path)
    }

    /// For PUT.
    pub fn put(path: &str) -> Self {
        Self::new(["PUT"], path)
    }

    /// For PATCH.
    pub fn patch(path: &str) -> Self {
        Self::new(["PATCH"], path)
    }

    /// For DELETE.
    pub fn delete(path: &str) -> Self {
        Self::new(["DELETE"], path)
    }

    /// Everyone may.
    #[must_use]
    pub fn anonymous(self) -> Self {
        self.require("anonymous")
    }

    /// Customers may, and who may do everything.
    #[must_use]
    pub fn own(self) -> Self {
        self.require("self")
    }

    /// Only who was granted this resource, and whatever else is required.
    #[must_use]
    pub fn require(mut self, resource: &str) -> Self {
        self.0.push("require", resource);
        self
    }

    /// What an access token must be good for, too: all of these.
    #[must_use]
    pub fn scopes<'h>(mut self, scopes: impl IntoIterator<Item = &'h str>) -> Self {
        self.0.list("scopes", scopes);
        self
    }

    pub(super) fn write(&self, to: &mut Toml) {
        to.entry("route", &self.0);
    }
}
