//! Entries of a configuration: directories, firewalls, access control, routes.

use super::toml::Toml;
use crate::{Authentication, Invalid, Kind};

/// A named set of accounts that can sign in: `[[directory]]`.
#[derive(Clone, Debug)]
pub struct Directory {
    name: String,
    kind: Kind,
    cookie: Option<String>,
}

impl Directory {
    /// Those who run the place; roles grant them resources.
    pub fn admins(name: &str) -> Self {
        Self { name: name.into(), kind: Kind::Admin, cookie: None }
    }

    /// Those who buy or visit; what is their own they may call.
    pub fn customers(name: &str) -> Self {
        Self { kind: Kind::Customer, ..Self::admins(name) }
    }

    /// Programs, which call with tokens; roles grant them resources.
    pub fn integrations(name: &str) -> Self {
        Self { kind: Kind::Integration, ..Self::admins(name) }
    }

    /// The name of the session cookie. [default: `doorward_NAME`, and `__Host-doorward_NAME` under https]
    #[must_use]
    pub fn cookie(mut self, name: &str) -> Self {
        self.cookie = Some(name.into());
        self
    }

    pub(super) fn write(&self, to: &mut Toml) {
        let Self { name, kind, cookie } = self;
        to.entry("directory").text("name", name).text("kind", kind.as_str()).some("cookie", cookie.as_deref());
    }
}

/// Which requests are judged by which method: `[[firewall]]`.
#[derive(Clone, Debug)]
pub struct Firewall {
    name: String,
    method: Authentication,
    host: Option<String>,
    path: Option<String>,
    methods: Vec<String>,
    when: Option<String>,
    directories: Vec<String>,
    guards: Option<Vec<String>>,
    invalid: Invalid,
}

impl Firewall {
    /// One that judges every request by this method.
    pub fn new(name: &str, method: Authentication) -> Self {
        Self {
            name: name.into(),
            method,
            host: None,
            path: None,
            methods: Vec::new(),
            when: None,
            directories: Vec::new(),
            guards: None,
            invalid: Invalid::Refuse,
        }
    }

    /// Only requests for hosts that match this pattern (a regular expression).
    #[must_use]
    pub fn host(mut self, pattern: &str) -> Self {
        self.host = Some(pattern.into());
        self
    }

    /// Only requests for paths that match this pattern (a regular expression), such as `^/api`.
    #[must_use]
    pub fn path(mut self, pattern: &str) -> Self {
        self.path = Some(pattern.into());
        self
    }

    /// Only requests of these HTTP methods.
    #[must_use]
    pub fn methods<'h>(mut self, methods: impl IntoIterator<Item = &'h str>) -> Self {
        self.methods = super::owned(methods);
        self
    }

    /// Only requests that carry this credential: `bearer`, `basic`, `certificate` or `cookie`.
    #[must_use]
    pub fn when(mut self, credential: &str) -> Self {
        self.when = Some(credential.into());
        self
    }

    /// The directories that are asked, in this order. [default: all, in the order of their making]
    #[must_use]
    pub fn directories<'h>(mut self, names: impl IntoIterator<Item = &'h str>) -> Self {
        self.directories = super::owned(names);
        self
    }

    /// What a session must pass besides its cookie: `csrf`, `ajax`. [default: `csrf`]
    #[must_use]
    pub fn guard<'h>(mut self, guards: impl IntoIterator<Item = &'h str>) -> Self {
        self.guards = Some(super::owned(guards));
        self
    }

    /// What a credential that is present but wrong leads to. [default: it is refused]
    #[must_use]
    pub fn invalid(mut self, invalid: Invalid) -> Self {
        self.invalid = invalid;
        self
    }

    pub(super) fn write(&self, to: &mut Toml) {
        to.entry("firewall").text("name", &self.name).text("authentication", self.method.as_str());
        to.some("host", self.host.as_deref()).some("path", self.path.as_deref()).some_list("methods", &self.methods);
        to.some("when", self.when.as_deref()).some_list("directory", &self.directories);
        if let Some(guards) = &self.guards {
            to.list("guard", guards);
        }
        if self.invalid == Invalid::Guest {
            to.text("invalid", "guest");
        }
    }
}

/// Which roles a path demands: `[[access_control]]`.
#[derive(Clone, Debug)]
pub struct AccessRule {
    path: String,
    ips: Vec<String>,
    methods: Vec<String>,
    roles: Vec<String>,
}

impl AccessRule {
    /// For paths that match this pattern (a regular expression).
    pub fn path(pattern: &str) -> Self {
        Self { path: pattern.into(), ips: Vec::new(), methods: Vec::new(), roles: Vec::new() }
    }

    /// Only for callers from these networks. What only some networks may call needs a closing rule behind it.
    #[must_use]
    pub fn ips<'h>(mut self, networks: impl IntoIterator<Item = &'h str>) -> Self {
        self.ips = super::owned(networks);
        self
    }

    /// Only for these HTTP methods.
    #[must_use]
    pub fn methods<'h>(mut self, methods: impl IntoIterator<Item = &'h str>) -> Self {
        self.methods = super::owned(methods);
        self
    }

    /// Any one of these roles suffices.
    #[must_use]
    pub fn roles<'h>(mut self, roles: impl IntoIterator<Item = &'h str>) -> Self {
        self.roles = super::owned(roles);
        self
    }

    pub(super) fn write(&self, to: &mut Toml) {
        to.entry("access_control").text("path", &self.path).some_list("ips", &self.ips);
        to.some_list("methods", &self.methods).some_list("roles", &self.roles);
    }
}

/// Who may call a route: `[[route]]`. A route of which nothing is said who may call it is an error.
#[derive(Clone, Debug)]
pub struct Route {
    methods: Vec<String>,
    path: String,
    require: Vec<String>,
}

impl Route {
    /// For these HTTP methods (GET covers HEAD) and this template, in which `:name` is a segment and `/*rest` a tail.
    pub fn new<'h>(methods: impl IntoIterator<Item = &'h str>, path: &str) -> Self {
        Self { methods: super::owned(methods), path: path.into(), require: Vec::new() }
    }

    /// For GET and HEAD.
    pub fn get(path: &str) -> Self {
        Self::new(["GET"], path)
    }

    /// For POST.
    pub fn post(path: &str) -> Self {
        Self::new(["POST"], path)
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
        self.require.push(resource.into());
        self
    }

    pub(super) fn write(&self, to: &mut Toml) {
        to.entry("route").list("methods", &self.methods).text("path", &self.path).list("require", &self.require);
    }
}
