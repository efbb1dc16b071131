//! `[sites]` and `[[site]]`.

use super::{cors, site_match, web};
use crate::reader::{Reader, Section, Span};
use doorward_core::{
    Cors, Policy, Site, Sites, Source,
    firewall::Firewall,
    policy::Directory,
    site::{Bases, Condition},
};
use doorward_crypto::site_hash;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use toml::de::DeTable;

/// Where the hash of the site's name stands in a cookie's.
const PLACEHOLDER: &str = "{site_hash}";

/// Everything that is written about sites.
pub(crate) struct Plan {
    pub(crate) sites: Vec<Planned>,
    pub(crate) matchers: Vec<site_match::Placed>,
    pub(crate) default: usize,
}

impl Plan {
    /// Whether a matcher that has such a condition may name the site.
    pub(crate) fn may_name(&self, site: &Planned, has: impl Fn(&Condition) -> bool) -> bool {
        self.matchers.iter().any(|placed| placed.may_name(&site.name) && placed.matcher.rule.conditions().iter().any(&has))
    }

    /// The beginnings of paths that name the site.
    pub(crate) fn bases(&self, site: &str) -> Bases {
        let mut bases = Bases::default();
        self.matchers.iter().for_each(|placed| bases.extend(placed.matcher.rule.bases(site)));
        bases
    }

    /// Those of all sites.
    pub(crate) fn all_bases(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.sites.iter().flat_map(|site| self.bases(&site.name).listed)
    }

    /// Whether the path names it, and it has something that others have not (decision 0191). Whatever nothing else names comes to
    /// the default anyway.
    pub(crate) fn is_by_path(&self, at: usize, scopes: &BTreeMap<String, Vec<Arc<str>>>) -> bool {
        at != self.default
            && self.sites.get(at).is_some_and(|site| site.has_own(scopes) && self.may_name(site, Condition::reads_path))
    }
}

/// One `[[site]]`.
pub(crate) struct Planned {
    pub(crate) name: Arc<str>,
    pub(crate) hosts: Vec<Arc<str>>,
    /// The directories of firewalls that name none.
    pub(crate) directories: Option<Vec<Arc<str>>>,
    cors: Cors,
    /// Its `[site.cors]`.
    pub(crate) cors_place: Option<Span>,
    source: Source,
    pub(crate) span: Span,
}

impl Planned {
    /// Whether requests there are judged by other directories, or go elsewhere, than on other sites.
    pub(crate) fn has_own(&self, scopes: &BTreeMap<String, Vec<Arc<str>>>) -> bool {
        self.directories.is_some() || self.has_upstream(scopes)
    }

    /// Whether an upstream is for it.
    pub(crate) fn has_upstream(&self, scopes: &BTreeMap<String, Vec<Arc<str>>>) -> bool {
        scopes.values().any(|sites| sites.contains(&self.name))
    }
}

/// Templates of cookies' names, by directory; only those with a placeholder.
pub(crate) type Templates = BTreeMap<Arc<str>, String>;

/// The name of a cookie on a site.
pub(crate) fn cookie_name(template: &str, site: &str) -> String {
    template.replace(PLACEHOLDER, &site_hash::of(site))
}

/// Whether a cookie's name differs from site to site.
pub(crate) fn differs(template: &str) -> bool {
    template.contains(PLACEHOLDER)
}

/// The names of all sites, for tables that name them.
pub(crate) fn names(r: &mut Reader<'_>, root: &DeTable<'_>) -> Vec<Arc<str>> {
    let sections = r.sections(root, "site");
    sections.iter().filter_map(|section| Some(r.text(section, "name")?.value.into())).collect()
}

/// What is written; `None` where there are no sites.
pub(crate) fn read(
    r: &mut Reader<'_>,
    root: &DeTable<'_>,
    directories: &[Arc<Directory>],
    hosts: Option<&[Arc<str>]>,
) -> Option<Plan> {
    let general = r.section(Some(root), "sites");
    let mut sites: Vec<Planned> = Vec::new();
    for section in r.sections(root, "site") {
        let Some(site) = one(r, root, &section, directories, hosts) else { continue };
        if sites.iter().any(|other| other.name == site.name) {
            r.error(section.place("name"), format!("there is a site `{}` already", site.name));
        }
        sites.push(site);
    }
    let matchers = Reader::content(&general).map(|content| site_match::read(r, content)).unwrap_or_default();
    let default = r.text(&general, "default");
    if sites.is_empty() {
        if Reader::content(&general).is_some() && !root.iter().any(|(key, _)| key.get_ref() == "site") {
            r.error_with(general.span.clone(), "there is no [[site]] to choose", "for example: [[site]] with name = \"site\"");
        }
        return None;
    }
    let place = default.as_ref().map_or_else(|| sites[0].span.clone(), |text| text.span.clone());
    let default = match default {
        None => Some(0),
        Some(text) => sites.iter().position(|site| *site.name == *text.value),
    };
    match default.map(|at| &sites[at]) {
        None => r.error(place, "there is no [[site]] of this name"),
        Some(site) if !site.hosts.is_empty() => {
            let message = format!("`{}` is the default, so it may be chosen at every host", site.name);
            r.error_with(place, message, "drop its `hosts`, or let `default` name another one");
        }
        Some(_) => {}
    }
    Some(Plan { sites, matchers, default: default.unwrap_or(0) })
}

fn one(
    r: &mut Reader<'_>,
    root: &DeTable<'_>,
    section: &Section<'_>,
    directories: &[Arc<Directory>],
    served: Option<&[Arc<str>]>,
) -> Option<Planned> {
    let name = r.required(section, "name").and_then(|text| r.parsed(&text, site_name));
    let mut hosts: Vec<Arc<str>> = Vec::new();
    for text in r.some_texts(section, "hosts").unwrap_or_default() {
        let Some(host) = r.parsed(&text, web::host) else { continue };
        if served.is_some_and(|served| !served.iter().any(|own| **own == *host)) {
            r.warn(
                text.span.clone(),
                "this host is not served, so the site is never chosen there",
                "name it in `hosts` of [server], too",
            );
        }
        hosts.push(host.into());
    }
    let asked = r.some_texts(section, "directory").map(|texts| {
        let known = |text: &crate::reader::Text| directories.iter().find(|directory| *directory.name == *text.value);
        let mut names = Vec::new();
        for text in &texts {
            match known(text) {
                Some(directory) => names.push(Arc::clone(&directory.name)),
                None => r.error(text.span.clone(), "there is no [[directory]] of this name"),
            }
        }
        names
    });
    let overrides = Reader::content(section).map(|content| r.section(Some(content), "site.cors"));
    let overrides = overrides.filter(|section| Reader::content(section).is_some());
    Some(Planned {
        name: name?,
        hosts,
        directories: asked,
        cors: cors::read(r, root, overrides.as_ref()),
        cors_place: overrides.map(|section| section.span),
        source: r.file.source(section.span.start),
        span: section.span.clone(),
    })
}

/// It stands in a header and in log lines.
fn site_name(text: &str) -> Result<Arc<str>, String> {
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !text.is_empty() && text.len() <= 64 && text.chars().all(sound) {
        Ok(text.into())
    } else {
        Err("is no name of a site\nwrite letters, digits, `-`, `_` and `.`".into())
    }
}

/// The directories as they are on each site, where that makes a difference.
pub(crate) fn cookies<'a>(
    directories: &'a [Arc<Directory>],
    templates: &'a Templates,
    sites: &'a [Arc<str>],
) -> impl Iterator<Item = Arc<Directory>> + 'a {
    let differ = directories.iter().filter(|directory| templates.contains_key(&directory.name));
    differ.flat_map(move |directory| sites.iter().map(move |site| directory_at(directory, templates, site)))
}

/// What a policy's sites are made from, besides the policy of all.
pub(crate) struct Parts<'a> {
    pub(crate) templates: &'a Templates,
    /// Firewalls that name their directories themselves.
    pub(crate) with_directories: &'a BTreeSet<String>,
    /// The sites that upstreams are for, by the upstreams' names; all others are for every site.
    pub(crate) upstreams: &'a BTreeMap<String, Vec<Arc<str>>>,
}

/// The sites, each with the policy of its own.
pub(crate) fn build(plan: Plan, all: &Policy, parts: &Parts<'_>) -> Sites {
    let names: Vec<Arc<str>> = plan.sites.iter().map(|site| Arc::clone(&site.name)).collect();
    let cookies = |site: &str| parts.templates.values().map(|template| cookie_name(template, site)).collect::<Vec<_>>();
    let by_path: Vec<bool> = (0..plan.sites.len()).map(|at| plan.is_by_path(at, parts.upstreams)).collect();
    let bases: Vec<Bases> = plan.sites.iter().map(|site| plan.bases(&site.name)).collect();
    let sites = plan.sites.into_iter().zip(by_path.into_iter().zip(bases)).map(|(planned, (by_path, bases))| {
        let elsewhere = names.iter().filter(|name| **name != planned.name).flat_map(|name| cookies(name));
        let policy = Policy {
            directories: all
                .directories
                .iter()
                .map(|directory| directory_at(directory, parts.templates, &planned.name))
                .collect(),
            firewalls: all.firewalls.iter().map(|firewall| firewall_at(firewall, &planned, parts.with_directories)).collect(),
            upstreams: upstreams_at(all, &planned.name, parts.upstreams),
            cors: planned.cors,
            sites: Sites {
                here: Arc::clone(&planned.name),
                cookies_elsewhere: elsewhere.map(Arc::from).collect(),
                bases: bases.listed,
                ..Sites::default()
            },
            ..all.clone()
        };
        Arc::new(Site { name: planned.name, hosts: planned.hosts, by_path, policy: Arc::new(policy), source: planned.source })
    });
    Sites {
        all: sites.collect(),
        default: plan.default,
        matchers: plan.matchers.into_iter().map(|placed| placed.matcher).collect(),
        ..Sites::default()
    }
}

/// A directory as it is on a site: where its cookie has the hash, with a cookie and sessions of its own.
fn directory_at(directory: &Arc<Directory>, templates: &Templates, site: &Arc<str>) -> Arc<Directory> {
    let Some(template) = templates.get(&directory.name) else { return Arc::clone(directory) };
    let mut own = (**directory).clone();
    own.cookie.name = cookie_name(template, site).into();
    own.site = Some(Arc::clone(site));
    Arc::new(own)
}

fn firewall_at(firewall: &Arc<Firewall>, site: &Planned, named: &BTreeSet<String>) -> Arc<Firewall> {
    match &site.directories {
        Some(directories) if !named.contains(&*firewall.name) && !firewall.directories.is_empty() => {
            Arc::new(Firewall { directories: directories.clone(), ..(**firewall).clone() })
        }
        _ => Arc::clone(firewall),
    }
}

/// The upstreams of a site: its own, and those of all where it has none of the same path.
fn upstreams_at(all: &Policy, site: &str, scopes: &BTreeMap<String, Vec<Arc<str>>>) -> Vec<Arc<doorward_core::policy::Upstream>> {
    let of = |name: &str| scopes.get(name);
    let own = |name: &str| of(name).is_some_and(|sites| sites.iter().any(|own| **own == *site));
    let replaced = |path: &str| all.upstreams.iter().any(|upstream| own(&upstream.name) && *upstream.path == *path);
    let here = |name: &str, path: &str| own(name) || of(name).is_none() && !replaced(path);
    all.upstreams.iter().filter(|upstream| here(&upstream.name, &upstream.path)).cloned().collect()
}
