//! The policy: everything compiled from the configuration that a decision reads. It never changes; a reload makes
//! a new one.

use crate::{
    Cors, Facts, Kind, OAuth, PasswordRules, Sites, Source, UpstreamIdentity,
    access::AccessRule,
    acl::Tree,
    firewall::Firewall,
    protected::TrustedIssuer,
    route::{Requirement, RouteRule, RouteTable, Unprocessed},
    site::{Chosen, Place, Site, UnknownSite},
    stores::{self, StoreScope},
};
use http::Method;
use serde::Serialize;
use std::{borrow::Cow, sync::Arc, time::Duration};

/// What happens to a request that no route rule matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unmatched {
    /// Refused with 404.
    #[default]
    Deny,
    /// Open to whoever is signed in.
    Authenticated,
    /// Open to everyone.
    Allow,
}

/// `SameSite` of a cookie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SameSite {
    /// `Lax`.
    #[default]
    Lax,
    /// `Strict`.
    Strict,
    /// `None`; needs `Secure`.
    None,
}

/// The cookie of a directory's sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSpec {
    /// Its name, `{site_hash}` filled in.
    pub name: Arc<str>,
    /// `Domain`, if any.
    pub domain: Option<Arc<str>>,
    /// `Path`.
    pub path: Arc<str>,
    /// `Expires`/`Max-Age`; `None` is a cookie for the browser's session.
    pub lifetime: Option<Duration>,
    /// `SameSite`.
    pub same_site: SameSite,
    /// `Secure`: whether `public_url` is https.
    pub secure: bool,
}

/// A named set of accounts that can sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Directory {
    /// Its name.
    pub name: Arc<str>,
    /// The kind of its accounts.
    pub kind: Kind,
    /// Where logins are unique on each website only: the website that is meant where none is said.
    pub website: Option<u32>,
    /// Where each site has a cookie of its own (`{site_hash}`): the site whose sessions count. Without it, those of all do.
    pub site: Option<Arc<str>>,
    /// The cookie of its sessions.
    pub cookie: CookieSpec,
    /// A session unused for this long ends.
    pub idle_timeout: Duration,
    /// A session ends this long after it began, used or not.
    pub lifetime: Duration,
    /// How many failed sign-ins of one account from one address or device are too many.
    pub max_failures: u32,
    /// How long failed sign-ins count, and how long too many of them lock.
    pub lock: Duration,
    /// What new passwords must be like.
    pub passwords: PasswordRules,
}

impl Directory {
    /// Whether a session that began on this site counts in it.
    pub fn takes(&self, site: &str) -> bool {
        self.site.as_ref().is_none_or(|own| **own == *site)
    }
}

/// Where an upstream tells the active cart of the customer who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartSource {
    /// The path of a GET that is answered with a JSON object, or with 404 when there is no cart.
    pub path: Arc<str>,
    /// The member of that object that names the cart.
    pub field: Arc<str>,
}

/// How an old application's sessions are exchanged for ours: it is asked once who an old session belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The path of a GET that is answered with a JSON object that names the account, and with 401, 403, 404 or a redirect
    /// where nobody is signed in.
    pub path: Arc<str>,
    /// The name of the cookie that holds the old session's id. It is none of ours.
    pub cookie: Arc<str>,
    /// The directory whose accounts the application knows.
    pub directory: Arc<str>,
    /// The member that holds the account's id, dots between the names of nested ones; `None` where the login alone names it.
    pub id: Option<Arc<str>>,
    /// The member that holds the account's login or e-mail address.
    pub login: Arc<str>,
    /// How long the whole answer may take.
    pub timeout: Duration,
}

/// A service behind Doorward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// Its name: the assertion's `aud`.
    pub name: Arc<str>,
    /// Scheme and authority, without trailing slash: `http://127.0.0.1:9000`.
    pub base: Arc<str>,
    /// The prefix of whole segments that it serves; it is not stripped.
    pub path: Arc<str>,
    /// Whether credentials that Doorward can read are passed on.
    pub pass_credentials: bool,
    /// The token that tells it who is calling.
    pub identity: UpstreamIdentity,
    /// Names of the cookies that it sets itself; none of ours is among them.
    pub cookies: Vec<Arc<str>>,
    /// Where it tells a customer's active cart, for parameters that stand for it.
    pub cart: Option<CartSource>,
    /// How its sessions are exchanged for ours, if they are.
    pub exchange: Option<Exchange>,
    /// Whether `%2F` may stand inside a segment.
    pub keep_encoded_slash: bool,
    /// How long connecting may take.
    pub connect_timeout: Duration,
    /// How long the answer's head may take.
    pub response_timeout: Duration,
    /// How long a body or tunnel may rest.
    pub idle_timeout: Duration,
    /// How many connections to it there may be at a time; what would need another one is refused.
    pub max_connections: usize,
    /// Where it was written.
    pub source: Source,
}

impl Upstream {
    /// A service within the same program, which nothing is sent to by HTTP. Credentials are not for it.
    pub fn within(name: Arc<str>) -> Self {
        Self {
            name,
            base: "".into(),
            path: "/".into(),
            pass_credentials: false,
            identity: UpstreamIdentity::Doorward,
            cookies: Vec::new(),
            cart: None,
            exchange: None,
            keep_encoded_slash: false,
            connect_timeout: Duration::ZERO,
            response_timeout: Duration::ZERO,
            idle_timeout: Duration::ZERO,
            max_connections: 0,
            source: Source::new("", 0),
        }
    }
}

/// An OpenID provider at which people of a directory may sign in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInProvider {
    /// Its name in our paths.
    pub name: Arc<str>,
    /// What people call it.
    pub title: Arc<str>,
    /// The directory of their accounts.
    pub directory: Arc<str>,
}

/// How answers look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Dialect {
    /// Ibexa's `ErrorMessage` and its kin.
    Ibexa,
    /// Magento's `message` and `parameters`.
    Magento,
    /// RFC 9457.
    Problem,
}

/// Which of its own parts Doorward serves and which it leaves to the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Serve {
    /// The session endpoints.
    pub sessions: bool,
    /// Bearer tokens and their endpoints.
    pub tokens: bool,
    /// Customers' accounts and groups.
    pub accounts: bool,
    /// The Root resource.
    pub root: bool,
    /// `/user/current` and `/user/users/{id}`.
    pub users: bool,
    /// The sign-in and sign-out pages.
    pub pages: bool,
    /// The endpoint that issues JSON Web Tokens, and their public keys.
    pub jwt: bool,
}

/// Everything that a decision reads.
#[derive(Clone, Debug)]
pub struct Policy {
    /// First 16 hex digits of the SHA-256 over every file that it was built from; each decision names it.
    pub hash: Arc<str>,
    /// Hosts that are served, in lower case, without port; `None` serves any.
    pub hosts: Option<Vec<Arc<str>>>,
    /// Our own origins (`scheme://host[:port]`): that of `public_url`, once it is known.
    pub origins: Vec<Arc<str>>,
    /// What pages of other origins may do.
    pub cors: Cors,
    /// The site that this policy is of, or all of them.
    pub sites: Sites,
    /// Prefixes of the Ibexa dialect, longest first; `""` is the root.
    pub ibexa_prefixes: Vec<Arc<str>>,
    /// What Doorward serves itself.
    pub serve: Serve,
    /// Directories in the order of the file.
    pub directories: Vec<Arc<Directory>>,
    /// Firewalls in the order of the file; never empty: without any, one session firewall stands.
    pub firewalls: Vec<Arc<Firewall>>,
    /// Access-control rules in the order of the file.
    pub access: Vec<Arc<AccessRule>>,
    /// Route rules.
    pub routes: RouteTable,
    /// The ACL tree.
    pub resources: Tree,
    /// What happens to a request without a route rule.
    pub unmatched: Unmatched,
    /// Upstreams, longest path first.
    pub upstreams: Vec<Arc<Upstream>>,
    /// The authorization server, if there is one.
    pub oauth: Option<Arc<OAuth>>,
    /// Other issuers whose tokens count, in the order of the file.
    pub issuers: Vec<TrustedIssuer>,
    /// OpenID providers in the order of the file.
    pub providers: Vec<SignInProvider>,
}

/// One of Doorward's own endpoints. It has no route rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Own {
    /// Its name in logs and metrics, such as `session.create`.
    pub name: &'static str,
    /// Whether access control covers it: all but sign-in, preflight and `/.well-known`.
    pub access_control: bool,
    /// Whether the CSRF token is asked for here. Endpoints that answer `false` either change nothing for the session
    /// or check the token themselves, in the order of their contract.
    pub csrf: bool,
    /// Whether the second line (provenance of ambient credentials) covers it; pages and REST both.
    pub provenance: bool,
    /// Whether it stands apart from all firewalls: whoever calls it proves to it who they are.
    pub apart: bool,
}

/// What a request is about.
#[derive(Clone, Copy, Debug)]
pub enum Target<'p> {
    /// One of our own endpoints.
    Own(Own),
    /// A route rule.
    Route(&'p Arc<RouteRule>),
    /// Nothing that a rule names.
    Unmatched,
    /// Nothing that Magento's API takes (magento-webapi 0).
    Unprocessed(Unprocessed),
}

/// What [`Policy::find`] found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'p> {
    /// The first firewall that matches.
    pub firewall: Option<&'p Arc<Firewall>>,
    /// The route rule or endpoint.
    pub target: Target<'p>,
    /// The first access-control rule that matches.
    pub access: Option<&'p Arc<AccessRule>>,
    /// What a path under the Magento prefix is about.
    pub store: Option<StoreScope<'p>>,
}

impl Found<'_> {
    /// Whether this is a route of the Magento prefix that is open to everyone. There no credential can make a request
    /// fail: one that is not good makes a guest (magento-webapi 0).
    pub fn is_open(&self) -> bool {
        let open =
            |rule: &RouteRule| rule.scopes.is_empty() && rule.require.iter().all(|required| *required == Requirement::Anonymous);
        self.store.is_some() && matches!(self.target, Target::Route(rule) if open(rule))
    }

    /// All that an access token must be good for, each once: what access control and the route demand.
    pub fn scopes(&self) -> Vec<Arc<str>> {
        let of_route = match self.target {
            Target::Route(rule) => &rule.scopes[..],
            _ => &[],
        };
        let mut all: Vec<Arc<str>> = Vec::new();
        for scope in self.access.iter().flat_map(|rule| &rule.scopes).chain(of_route) {
            if !all.contains(scope) {
                all.push(Arc::clone(scope));
            }
        }
        all
    }
}

impl Policy {
    /// Finds what speaks about a request. `own` is the endpoint of ours that the caller recognised, if any.
    pub fn find(&self, facts: &Facts<'_>, own: Option<Own>) -> Found<'_> {
        let target = match own {
            Some(own) => Target::Own(own),
            None => self.target(facts),
        };
        let covered = own.is_none_or(|own| own.access_control);
        let apart = self.oauth.as_ref().filter(|_| own.is_some_and(|own| own.apart)).map(|door| &door.firewall);
        Found {
            firewall: apart.or_else(|| self.firewalls.iter().find(|firewall| firewall.mismatch(facts).is_none())),
            target,
            access: if covered { self.access.iter().find(|rule| rule.matches(facts)) } else { None },
            store: self.routes.store_of(facts.host, facts.path),
        }
    }

    fn target(&self, facts: &Facts<'_>) -> Target<'_> {
        match self.routes.stand(facts.method, facts.path, facts.acceptable) {
            Ok(Some(rule)) => Target::Route(rule),
            Ok(None) => Target::Unmatched,
            // `unmatched` opens it.
            Err(Unprocessed::Schema) if self.unmatched != Unmatched::Deny => Target::Unmatched,
            // Another dialect below the Magento prefix.
            Err(Unprocessed::Path | Unprocessed::Method) if self.dialect(facts.path).0 != Dialect::Magento => Target::Unmatched,
            Err(what) => Target::Unprocessed(what),
        }
    }

    /// The origin under which browsers reach us at this host: the first of `origins` or, at a host that stands for a store
    /// view, the same with that host in its place. Without `origins` nobody knows.
    pub fn origin_at(&self, host: &str) -> Option<Cow<'_, str>> {
        let own = &**self.origins.first()?;
        let of_view = self.routes.stores.of_host(host).is_some();
        Some(if of_view { Cow::Owned(stores::moved_to(own, host)) } else { Cow::Borrowed(own) })
    }

    /// Scheme and authority by which clients reach us at this host, as far as that is known: those of [`Policy::origin_at`] or,
    /// at another host that is served, the same with that host in its place.
    pub fn place_at(&self, host: &str) -> Option<Cow<'_, str>> {
        let origin = self.origin_at(host)?;
        let served = self.hosts.as_ref().is_some_and(|hosts| hosts.iter().any(|own| **own == *host));
        let moved = stores::moved_to(&origin, host);
        Some(if served && moved != *origin { Cow::Owned(moved) } else { origin })
    }

    /// The site of a request and why it was chosen, where there are sites; an error where `header` names none at this host.
    /// `port` is the one that the client named. Under the Ibexa prefixes a path names no site (ibexa-rest 7).
    pub fn site_of(
        &self,
        (host, port): (&str, Option<u16>),
        path: &str,
        secure: bool,
        header: Option<&str>,
    ) -> Result<Option<(&Arc<Site>, Chosen<'_>)>, UnknownSite> {
        if self.sites.all.is_empty() {
            return Ok(None);
        }
        let port = port.unwrap_or(if secure { 443 } else { 80 });
        let path = Some(path).filter(|path| self.dialect(path).0 != Dialect::Ibexa);
        self.sites.choose(&Place { host, port, path, header }).map(Some).ok_or(UnknownSite)
    }

    /// The methods that something answers at a path: of route rules, or the usual ones where `unmatched` opens it. HEAD goes
    /// with GET.
    pub fn methods_at(&self, path: &str) -> Vec<Method> {
        let methods = self.routes.methods_at(path);
        if methods.is_empty() && self.unmatched != Unmatched::Deny { USUAL_METHODS.to_vec() } else { methods }
    }

    /// Whether a client's certificate can count for some request to this host: under a firewall, or at the authorization server.
    pub fn reads_certificates(&self, host: &str) -> bool {
        let clients = self.oauth.as_ref().and_then(|oauth| oauth.mtls.as_ref());
        clients.is_some_and(|mtls| *mtls.host == *host) || self.firewalls.iter().any(|firewall| firewall.reads_certificates(host))
    }

    /// The directory of this name.
    pub fn directory(&self, name: &str) -> Option<&Arc<Directory>> {
        self.directories.iter().find(|directory| &*directory.name == name)
    }

    /// The upstream whose path is the longest prefix of whole segments of `path`.
    pub fn upstream(&self, path: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.iter().find(|upstream| is_under(path, &upstream.path))
    }

    /// The exchanges of old applications' sessions, with the upstreams that are asked.
    pub fn exchanges(&self) -> impl Iterator<Item = (&Arc<Upstream>, &Exchange)> {
        self.upstreams.iter().filter_map(|upstream| Some((upstream, upstream.exchange.as_ref()?)))
    }

    /// The dialect of a path and the prefix that chose it; the longest prefix wins.
    pub fn dialect<'p>(&'p self, path: &str) -> (Dialect, &'p str) {
        let ibexa = self.ibexa_prefixes.iter().find(|prefix| is_under(path, prefix));
        let magento = self.routes.magento_prefix.as_ref().filter(|prefix| is_under(path, prefix));
        match (ibexa, magento) {
            (Some(i), Some(m)) if i.len() > m.len() => (Dialect::Ibexa, i),
            (_, Some(m)) => (Dialect::Magento, m),
            (Some(i), None) => (Dialect::Ibexa, i),
            (None, None) => (Dialect::Problem, ""),
        }
    }
}

/// What services commonly understand.
const USUAL_METHODS: [Method; 6] = [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// Whether `prefix` is a prefix of whole segments of `path`.
pub fn is_under(path: &str, prefix: &str) -> bool {
    let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
