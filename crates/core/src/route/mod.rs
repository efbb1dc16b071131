//! Route rules: method and path template, and what they require.

pub mod magento;
pub mod near;
pub mod pattern;
pub mod processor;
pub mod served;
pub mod template;

pub use near::{Miss, NearMiss};
pub use processor::Unprocessed;
pub use served::Served;

use crate::{
    Source,
    stores::{StoreScope, Stores},
};
use http::Method;
use processor::{Processor, processor};
use std::{fmt, sync::Arc};

/// One permission that a route requires; all of a route's must be granted (magento-webapi 4.5).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Requirement {
    /// Open to every caller.
    Anonymous,
    /// Open to customers, for what is theirs.
    OwnAccount,
    /// Open to whom a role grants this resource.
    Resource(Arc<str>),
}

impl Requirement {
    /// Reads `anonymous`, `self` or a resource id.
    pub fn parse(text: &str) -> Self {
        match text {
            "anonymous" => Requirement::Anonymous,
            "self" => Requirement::OwnAccount,
            id => Requirement::Resource(id.into()),
        }
    }

    /// The word of the rule files.
    pub fn as_str(&self) -> &str {
        match self {
            Requirement::Anonymous => "anonymous",
            Requirement::OwnAccount => "self",
            Requirement::Resource(id) => id,
        }
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A parameter that a rule sets for the caller (magento-webapi 3.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; dots address nested input.
    pub name: Arc<str>,
    /// The text of the rule file; `None` for `null`. `%customer_id%` and its like are placeholders.
    pub value: Option<Arc<str>>,
    /// Whether it replaces what the client sent; otherwise it is a default.
    pub force: bool,
}

/// What a parameter may stand for: something about the customer who calls (magento-webapi 3.4). Nobody else has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// The customer's id.
    CustomerId,
    /// The customer's active cart, which an upstream knows.
    CartId,
    /// The customer's group.
    GroupId,
    /// The customer's website.
    WebsiteId,
    /// The store view that the customer's account was made in.
    StoreId,
}

impl Parameter {
    /// What it stands for; any other text is meant as it is.
    pub fn placeholder(&self) -> Option<Placeholder> {
        match self.value.as_deref()? {
            "%customer_id%" => Some(Placeholder::CustomerId),
            "%cart_id%" => Some(Placeholder::CartId),
            "%customer_group_id%" => Some(Placeholder::GroupId),
            "%customer_website_id%" => Some(Placeholder::WebsiteId),
            "%customer_store_id%" => Some(Placeholder::StoreId),
            _ => None,
        }
    }
}

/// One route rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteRule {
    /// The methods it is for. `GET` covers `HEAD` in `routes.toml`.
    pub methods: Vec<Method>,
    /// The template as written: `/orders/:id`, `/V1/customers/me`.
    pub template: Arc<str>,
    /// All of these must be granted; never empty.
    pub require: Vec<Requirement>,
    /// What an access token must be good for: all of these. Where there are any, no guest passes.
    pub scopes: Vec<Arc<str>>,
    /// What it sets for the caller.
    pub parameters: Vec<Parameter>,
    /// Whether it is for HTTPS only.
    pub secure: bool,
    /// The endpoint of ours that answers in place of an upstream.
    pub own: Option<&'static Served>,
    /// Where it was written.
    pub source: Source,
}

/// All route rules, compiled.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// Rules of `routes.toml`, at the root.
    pub native: template::Table,
    /// Rules of `webapi.xml`, under the Magento prefix.
    pub magento: magento::Table,
    /// The prefix under which [`RouteTable::magento`] stands, such as `/rest`; `None` when that dialect is off.
    pub magento_prefix: Option<Arc<str>>,
    /// The store views that a path under that prefix may name.
    pub stores: Stores,
    /// How people sign in to the shop.
    pub door: ShopDoor,
}

/// How people sign in where the Magento dialect stands (magento-webapi 2.3, 8.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShopDoor {
    /// Where admins sign in, such as `/admin`.
    pub admin_path: Arc<str>,
    /// Whether an admin's session counts under the Magento prefix.
    pub admin_sessions: bool,
}

impl Default for ShopDoor {
    fn default() -> Self {
        Self { admin_path: "/admin".into(), admin_sessions: true }
    }
}

impl RouteTable {
    /// The rule for a method and canonical path. One compiled step: its cost follows the path, not the number of rules.
    pub fn find(&self, method: &Method, path: &str) -> Option<&Arc<RouteRule>> {
        self.stand(method, path, true).ok().flatten()
    }

    /// The same, or why Magento's API looks for no route at all; `acceptable` as in [`crate::Facts`].
    ///
    /// A rule of `routes.toml` that stands under the Magento prefix takes what the API would not, and only that: what the
    /// API takes is judged by its own rules, also where the answer is that it cannot be done so.
    pub fn stand(&self, method: &Method, path: &str, acceptable: bool) -> Result<Option<&Arc<RouteRule>>, Unprocessed> {
        let Some(rest) = self.magento_path(path) else { return Ok(self.native.find(method, path)) };
        let shops = self.in_shop(method, rest);
        let taken = match shops {
            Ok(rule) => rule.is_some(),
            // GET covers HEAD elsewhere, so what guards the one must not leave the other open.
            Err(Unprocessed::Method) => *method == Method::HEAD && matches!(self.in_shop(&Method::GET, rest), Ok(Some(_))),
            Err(Unprocessed::Bulk | Unprocessed::Queue) => true,
            Err(Unprocessed::Accept | Unprocessed::Path | Unprocessed::Schema) => false,
        };
        let native = if taken { None } else { self.native.find(method, path) };
        match native {
            Some(rule) => Ok(Some(rule)),
            None if !acceptable => Err(Unprocessed::Accept),
            None => shops,
        }
    }

    fn in_shop(&self, method: &Method, rest: &str) -> Result<Option<&Arc<RouteRule>>, Unprocessed> {
        if !magento::METHODS.contains(method) {
            return Err(Unprocessed::Method);
        }
        let (_, rest) = self.stores.split(rest);
        let rule = match processor(method, rest).ok_or(Unprocessed::Path)? {
            Processor::Schema => return Err(Unprocessed::Schema),
            Processor::Sync(path) => return Ok(self.magento.find(method, path)),
            Processor::Async(path) => self.magento.find(method, path),
            Processor::Bulk(path) => match self.magento.find_bulk(method, path) {
                Some(rule) if !rule.parameters.is_empty() => return Err(Unprocessed::Bulk),
                rule => rule,
            },
        };
        match rule {
            Some(rule) if rule.own.is_some() => Err(Unprocessed::Queue),
            rule => Ok(rule),
        }
    }

    /// The methods that rules name for a path. For few requests: it reads every rule.
    pub fn methods_at(&self, path: &str) -> Vec<Method> {
        let mut methods: Vec<Method> = Vec::new();
        for method in self.native.iter().chain(self.magento.iter()).flat_map(|rule| &rule.methods) {
            if !methods.contains(method) && self.find(method, path).is_some_and(|rule| rule.methods.contains(method)) {
                methods.push(method.clone());
            }
        }
        methods
    }

    /// The rules that come closest to a request that none matches, closest first. For people: it reads every rule.
    pub fn near_misses(&self, method: &Method, path: &str, limit: usize) -> Vec<NearMiss> {
        let mut misses = match self.magento_path(path) {
            Some(rest) => self.magento.near_misses(method, self.stores.split(rest).1, limit),
            None => Vec::new(),
        };
        misses.extend(self.native.near_misses(method, path, limit));
        misses.sort_by_key(NearMiss::distance);
        misses.truncate(limit);
        misses
    }

    /// What a path under the Magento prefix is about, at this host; `None` elsewhere.
    pub fn store_of(&self, host: &str, path: &str) -> Option<StoreScope<'_>> {
        Some(self.stores.locate(host, self.magento_path(path)?).0)
    }

    /// What follows the Magento prefix, with its leading slash, when the path stands under it.
    pub fn magento_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        let rest = path.strip_prefix(self.magento_prefix.as_deref()?)?;
        (rest.is_empty() || rest.starts_with('/')).then_some(rest)
    }
}

#[cfg(test)]
mod tests;
