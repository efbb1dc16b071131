//! Sites: named contexts of one installation, chosen by a header, by the host or by the path (ibexa-rest 10).
//!
//! A site has a policy of its own, made from the one of all when the configuration is read: its cookies, its directories, its
//! upstreams, its cross-origin rules. Firewalls, access control and route rules match alike on every site, so whoever names
//! another site by a header is judged by the same rules as before. Rules that stand on a path say nothing elsewhere, which is
//! why no header leads to a site of that path from elsewhere ([`Site::by_path`]), but where paths name none: below the Ibexa prefixes.

mod bases;

pub use bases::Bases;

use crate::{Policy, Source};
use percent_encoding::percent_decode_str;
use regex::Regex;
use std::{borrow::Cow, sync::Arc};

/// The name of the one site there is where none is configured.
pub const ONLY: &str = "default";

/// All sites, as a policy knows them. In the policy of one site there are no further ones.
#[derive(Clone, Debug)]
pub struct Sites {
    /// The site that the policy is of.
    pub here: Arc<str>,
    /// Names of session cookies that only other sites have. They prove nothing here, and no upstream sees or sets them.
    pub cookies_elsewhere: Vec<Arc<str>>,
    /// Beginnings of paths that name this site, such as `/admin`: its pages stand below each of them, too.
    pub bases: Vec<Arc<str>>,
    /// In the order of the file; empty where none is configured.
    pub all: Vec<Arc<Site>>,
    /// The one that is meant where nothing says which: its place in `all`.
    pub default: usize,
    /// Asked in their order.
    pub matchers: Vec<Matcher>,
}

impl Default for Sites {
    fn default() -> Self {
        Self {
            here: ONLY.into(),
            cookies_elsewhere: Vec::new(),
            bases: Vec::new(),
            all: Vec::new(),
            default: 0,
            matchers: Vec::new(),
        }
    }
}

/// One `[[site]]`.
#[derive(Clone, Debug)]
pub struct Site {
    /// Its name.
    pub name: Arc<str>,
    /// The hosts at which it may be chosen; empty means all.
    pub hosts: Vec<Arc<str>>,
    /// Whether the path names it, and it has directories or upstreams of its own. Where paths name sites, a header leads neither
    /// to it nor away from it then: rules for its path would say nothing, or about another site.
    pub by_path: bool,
    /// What decisions about its requests read.
    pub policy: Arc<Policy>,
    /// Where it was written.
    pub source: Source,
}

impl Site {
    /// Whether it may be chosen at this host.
    pub fn is_at(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|own| **own == *host)
    }
}

/// `X-SiteAccess` names no site that there is at the host, or none that a header chooses at the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("X-SiteAccess names no site that is served here")]
pub struct UnknownSite;

/// What a site is chosen by.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The canonical host, without port.
    pub host: &'a str,
    /// The port that the client named, or the usual one of its scheme.
    pub port: u16,
    /// The canonical path, where its beginning may name a site. REST calls name none there (ibexa-rest 7).
    pub path: Option<&'a str>,
    /// `X-SiteAccess`.
    pub header: Option<&'a str>,
}

/// Why a site was chosen.
#[derive(Clone, Copy, Debug)]
pub enum Chosen<'s> {
    /// `X-SiteAccess` names it.
    Header,
    /// This matcher names it.
    Matcher(&'s Matcher),
    /// Nothing else names one.
    Default,
}

impl Sites {
    /// The site of a request, and why; `None` where `X-SiteAccess` names none that it may choose here, and where there are no
    /// sites. A matcher counts only if it names a site (ibexa-rest 10).
    pub fn choose(&self, place: &Place<'_>) -> Option<(&Arc<Site>, Chosen<'_>)> {
        let Some(name) = place.header else { return self.unnamed(place) };
        let named = self.named(name, place.host)?;
        self.header_may_choose(named, place).then_some((named, Chosen::Header))
    }

    /// Whether a header may name this site here: where paths count, one that they name with what is its own stays theirs to name.
    fn header_may_choose(&self, named: &Arc<Site>, place: &Place<'_>) -> bool {
        if place.path.is_none() || !self.all.iter().any(|site| site.by_path) {
            return true;
        }
        self.unnamed(place).is_some_and(|(here, _)| Arc::ptr_eq(here, named) || !(here.by_path || named.by_path))
    }

    /// The site where no header names one.
    fn unnamed(&self, place: &Place<'_>) -> Option<(&Arc<Site>, Chosen<'_>)> {
        let matched = self.matchers.iter().find_map(|matcher| {
            let name = matcher.rule.name(place)?;
            Some((self.named(&name, place.host)?, Chosen::Matcher(matcher)))
        });
        matched.or_else(|| Some((self.all.get(self.default)?, Chosen::Default)))
    }

    fn named(&self, name: &str, host: &str) -> Option<&Arc<Site>> {
        self.all.iter().find(|site| *site.name == *name && site.is_at(host))
    }
}

/// A matcher and its place in the file.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// What it asks.
    pub rule: MatchRule,
    /// Where it was written.
    pub source: Source,
}

/// What a matcher asks; it names a site, which need not exist.
#[derive(Clone, Debug)]
pub enum MatchRule {
    /// One condition, by the name that it yields.
    One(Condition),
    /// All of these must hold; then this site is named.
    All(Vec<Condition>, Arc<str>),
    /// Any of these must hold; then this site is named.
    Any(Vec<Condition>, Arc<str>),
}

impl MatchRule {
    fn name<'a>(&'a self, place: &Place<'a>) -> Option<Cow<'a, str>> {
        let holds = |condition: &Condition| condition.name(place).is_some();
        match self {
            MatchRule::One(condition) => condition.name(place),
            MatchRule::All(conditions, site) => conditions.iter().all(holds).then_some(Cow::Borrowed(&**site)),
            MatchRule::Any(conditions, site) => conditions.iter().any(holds).then_some(Cow::Borrowed(&**site)),
        }
    }

    /// The conditions.
    pub fn conditions(&self) -> &[Condition] {
        match self {
            MatchRule::One(condition) => std::slice::from_ref(condition),
            MatchRule::All(conditions, _) | MatchRule::Any(conditions, _) => conditions,
        }
    }

    /// The word of the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            MatchRule::One(condition) => condition.kind(),
            MatchRule::All(..) => "all",
            MatchRule::Any(..) => "any",
        }
    }
}

/// A condition of a matcher. What it yields is the name of a site where it stands alone; elsewhere it only holds or not.
#[derive(Clone, Debug)]
pub enum Condition {
    /// Hosts and what they stand for.
    MapHost(Vec<(Arc<str>, Arc<str>)>),
    /// Ports and what they stand for.
    MapPort(Vec<(u16, Arc<str>)>),
    /// First segments of the path, decoded, and what they stand for.
    MapUri(Vec<(Arc<str>, Arc<str>)>),
    /// The n-th label of the host, counted from 1.
    HostElement(usize),
    /// What stands for `*` in a host: letters, digits, `_` and `-`.
    HostText(Regex),
    /// The first n segments of the path, joined by `_`.
    UriElement(usize),
    /// What stands for `*` in the beginning of a path: letters, digits, `_` and `-`.
    UriText(Regex),
    /// A group of a pattern on the host.
    RegexHost(Regex, usize),
    /// A group of a pattern on the path.
    RegexUri(Regex, usize),
}

impl Condition {
    fn name<'a>(&'a self, place: &Place<'a>) -> Option<Cow<'a, str>> {
        match self {
            Condition::MapHost(map) => mapped(map, |host| **host == *place.host),
            Condition::MapPort(map) => mapped(map, |port| *port == place.port),
            Condition::MapUri(map) => {
                let segment = place.path?.strip_prefix('/')?.split('/').next()?;
                // Canonical paths have escapes only where they must.
                let segment =
                    if segment.contains('%') { percent_decode_str(segment).decode_utf8().ok()? } else { segment.into() };
                mapped(map, |own| **own == *segment)
            }
            Condition::HostElement(nth) => {
                place.host.split('.').nth(nth.checked_sub(1)?).filter(|label| !label.is_empty()).map(Into::into)
            }
            Condition::UriElement(count) => elements(place.path?, *count),
            Condition::HostText(pattern) => group(pattern, 1, place.host),
            Condition::UriText(pattern) => group(pattern, 1, place.path?),
            Condition::RegexHost(pattern, item) => group(pattern, *item, place.host),
            Condition::RegexUri(pattern, item) => group(pattern, *item, place.path?),
        }
    }

    /// Whether it reads the path.
    pub fn reads_path(&self) -> bool {
        matches!(self, Condition::MapUri(_) | Condition::UriElement(_) | Condition::UriText(_) | Condition::RegexUri(..))
    }

    /// The word of the configuration.
    pub fn kind(&self) -> &'static str {
        match self {
            Condition::MapHost(_) => "map_host",
            Condition::MapPort(_) => "map_port",
            Condition::MapUri(_) => "map_uri",
            Condition::HostElement(_) => "host_element",
            Condition::HostText(_) => "host_text",
            Condition::UriElement(_) => "uri_element",
            Condition::UriText(_) => "uri_text",
            Condition::RegexHost(..) => "regex_host",
            Condition::RegexUri(..) => "regex_uri",
        }
    }
}

fn mapped<K>(map: &[(K, Arc<str>)], is: impl Fn(&K) -> bool) -> Option<Cow<'_, str>> {
    map.iter().find(|(key, _)| is(key)).map(|(_, name)| Cow::Borrowed(&**name))
}

fn group<'a>(pattern: &Regex, item: usize, text: &'a str) -> Option<Cow<'a, str>> {
    pattern.captures(text)?.get(item).map(|found| Cow::Borrowed(found.as_str()))
}

/// The first `count` segments. With too few, or an empty one, there is none (ibexa-rest 10).
fn elements(path: &str, count: usize) -> Option<Cow<'_, str>> {
    let mut segments = path.strip_prefix('/')?.split('/').filter(|segment| !segment.is_empty());
    let first = segments.next()?;
    if count == 1 {
        return Some(first.into());
    }
    let mut name = first.to_owned();
    for _ in 1..count {
        name.push('_');
        name.push_str(segments.next()?);
    }
    Some(name.into())
}

#[cfg(test)]
mod tests;
