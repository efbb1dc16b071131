//! `[[sites.match]]`: Ibexa's SiteAccess matchers (ibexa-rest 10).

use super::web;
use crate::{
    patterns,
    reader::{Reader, Section, Span, Text},
};
use doorward_core::site::{Condition, MatchRule, Matcher};
use regex::Regex;
use std::sync::Arc;
use toml::de::DeTable;

/// What names a site in a matcher, and where.
pub(crate) struct Named {
    pub(crate) name: Arc<str>,
    pub(crate) span: Span,
}

/// A matcher, its place, and the names that stand in it.
pub(crate) struct Placed {
    pub(crate) matcher: Matcher,
    pub(crate) span: Span,
    pub(crate) names: Vec<Named>,
}

impl Placed {
    /// Whether it may name the site: a matcher that takes the name out of the host or the path may name any.
    pub(crate) fn may_name(&self, site: &str) -> bool {
        self.names.is_empty() || self.names.iter().any(|named| *named.name == *site)
    }
}

/// The kinds, each a key.
const KINDS: [&str; 9] =
    ["map_host", "map_port", "map_uri", "host_element", "host_text", "uri_element", "uri_text", "regex_host", "regex_uri"];

pub(crate) fn read(r: &mut Reader<'_>, sites: &DeTable<'_>) -> Vec<Placed> {
    r.sections(sites, "sites.match").iter().filter_map(|section| one(r, section)).collect()
}

fn one(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Placed> {
    let kinds: Vec<&str> = KINDS.into_iter().chain(["all", "any"]).filter(|kind| section.has(kind)).collect();
    let [kind] = kinds[..] else {
        let message = if kinds.is_empty() { "this matcher asks nothing" } else { "this is more than one matcher" };
        r.error_with(
            section.span.clone(),
            message,
            "one of `map_host`, `uri_element`, `regex_host` and so on in each; `all` holds several",
        );
        return None;
    };
    let mut names = Vec::new();
    let rule = match kind {
        "all" | "any" => compound(r, section, kind, &mut names)?,
        _ => {
            if section.has("site") {
                r.error(section.place("site"), format!("`site` belongs to `all` and `any`: `{kind}` yields the name by itself"));
            }
            MatchRule::One(alone(r, section, kind, &mut names)?)
        }
    };
    item_needs_pattern(r, section, kind);
    let source = r.file.source(section.span.start);
    Some(Placed { matcher: Matcher { rule, source }, span: section.span.clone(), names })
}

fn item_needs_pattern(r: &mut Reader<'_>, section: &Section<'_>, kind: &str) {
    if section.has("item") && !kind.starts_with("regex_") {
        r.error(section.place("item"), "`item` is a group of `regex_host` or `regex_uri`");
    }
}

fn compound(r: &mut Reader<'_>, section: &Section<'_>, kind: &'static str, names: &mut Vec<Named>) -> Option<MatchRule> {
    let site = r.required(section, "site")?;
    names.push(Named { name: site.value.as_str().into(), span: site.span });
    let content = Reader::content(section)?;
    let table = if kind == "all" { "sites.match.all" } else { "sites.match.any" };
    let mut conditions = Vec::new();
    for part in r.sections(content, table) {
        let kinds: Vec<&str> = KINDS.into_iter().filter(|kind| part.has(kind)).collect();
        match kinds[..] {
            [kind] => {
                conditions.push(condition(r, &part, kind)?);
                item_needs_pattern(r, &part, kind);
            }
            _ => r.error(part.span.clone(), "a condition is one of `map_host`, `uri_element`, `regex_host` and so on"),
        }
    }
    if conditions.is_empty() {
        r.error(section.place(kind), format!("`{kind}` names nothing"));
    }
    let site: Arc<str> = site.value.into();
    Some(if kind == "all" { MatchRule::All(conditions, site) } else { MatchRule::Any(conditions, site) })
}

/// A matcher that yields a name.
fn alone(r: &mut Reader<'_>, section: &Section<'_>, kind: &str, names: &mut Vec<Named>) -> Option<Condition> {
    if !kind.starts_with("map_") {
        return textual(r, section, kind);
    }
    let pairs = r.pairs(section, kind)?;
    names.extend(pairs.iter().map(|(_, name)| Named { name: name.value.as_str().into(), span: name.span.clone() }));
    let pairs: Vec<(Text, Arc<str>)> = pairs.into_iter().map(|(key, name)| (key, name.value.into())).collect();
    Some(match kind {
        "map_host" => Condition::MapHost(keyed(r, pairs, |text| web::host(text).map(Arc::from))),
        "map_port" => Condition::MapPort(keyed(r, pairs, port)),
        _ => Condition::MapUri(keyed(r, pairs, segment)),
    })
}

/// A condition that only holds or not.
fn condition(r: &mut Reader<'_>, section: &Section<'_>, kind: &str) -> Option<Condition> {
    if !kind.starts_with("map_") {
        return textual(r, section, kind);
    }
    let yields: Arc<str> = "".into();
    if kind == "map_port" {
        let ports = r.counts(section, kind, 1, &[]);
        let ports = ports.into_iter().filter_map(|port| Some((u16::try_from(port).ok()?, Arc::clone(&yields))));
        return Some(Condition::MapPort(ports.collect()));
    }
    let pairs: Vec<(Text, Arc<str>)> = r.some_texts(section, kind)?.into_iter().map(|key| (key, Arc::clone(&yields))).collect();
    Some(match kind {
        "map_host" => Condition::MapHost(keyed(r, pairs, |text| web::host(text).map(Arc::from))),
        _ => Condition::MapUri(keyed(r, pairs, segment)),
    })
}

fn keyed<K>(r: &mut Reader<'_>, pairs: Vec<(Text, Arc<str>)>, parse: fn(&str) -> Result<K, String>) -> Vec<(K, Arc<str>)> {
    pairs.into_iter().filter_map(|(text, name)| Some((r.parsed(&text, parse)?, name))).collect()
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|port| *port != 0).ok_or_else(|| "is no port".into())
}

fn segment(text: &str) -> Result<Arc<str>, String> {
    match text {
        "" | "." | ".." => Err("is no segment of a path".into()),
        _ if text.contains('/') => Err("is more than one segment of a path\nwrite the first one, without slashes".into()),
        _ => Ok(text.into()),
    }
}

fn textual(r: &mut Reader<'_>, section: &Section<'_>, kind: &str) -> Option<Condition> {
    Some(match kind {
        "host_element" => Condition::HostElement(r.count(section, kind, 1, 1)),
        "uri_element" => Condition::UriElement(r.count(section, kind, 1, 1)),
        "host_text" => Condition::HostText(starred(r, section, kind)?),
        "uri_text" => Condition::UriText(starred(r, section, kind)?),
        _ => pattern(r, section, kind)?,
    })
}

/// `www.*.com`: what is before and behind the star is meant as it stands (ibexa-rest 10: prefix and suffix).
fn starred(r: &mut Reader<'_>, section: &Section<'_>, kind: &str) -> Option<Regex> {
    let text = r.text(section, kind)?;
    let host = kind == "host_text";
    r.parsed(&text, |text| {
        let (before, behind) = text
            .split_once('*')
            .filter(|(_, behind)| !behind.contains('*'))
            .ok_or("has to have one `*`\nit stands for the site's name: \"www.*.com\"")?;
        let before = if host { before.to_ascii_lowercase() } else { before.trim_start_matches('/').to_owned() };
        let (start, end) = if host { ("^", "$") } else { ("^/", "") };
        let behind = if host { behind.to_ascii_lowercase() } else { behind.to_owned() };
        let pattern = format!("{start}{}([A-Za-z0-9_-]+){}{end}", regex::escape(&before), regex::escape(&behind));
        Regex::new(&pattern).map_err(|_| "is too long".to_owned())
    })
}

fn pattern(r: &mut Reader<'_>, section: &Section<'_>, kind: &str) -> Option<Condition> {
    let text = r.text(section, kind)?;
    let host = kind == "regex_host";
    let pattern = patterns::compile(r, &text, host)?;
    let item = r.count(section, "item", 1, 1usize);
    if item >= pattern.captures_len() {
        let place = if section.has("item") { section.place("item") } else { text.span.clone() };
        r.error_with(place, format!("the pattern has no group of number {item}"), "a group stands in parentheses");
    }
    if host && !patterns::is_anchored(&pattern) {
        let hint = "as Ibexa's it matches anywhere in the host: begin with ^ and end with $";
        r.warn(text.span, "this matches other hosts, too, that only contain it", hint);
    }
    Some(if host { Condition::RegexHost(pattern, item) } else { Condition::RegexUri(pattern, item) })
}
