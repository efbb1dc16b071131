//! `[cors]`, `[[cors.path]]` and `[site.cors]`.

use super::web;
use crate::{
    patterns,
    reader::{Reader, Section, Span, Text},
};
use doorward_core::{Cors, CorsRule};
use http::{HeaderName, Method};
use regex::Regex;
use std::{sync::Arc, time::Duration};
use toml::de::DeTable;

/// As Ibexa ships it (ibexa-rest 7).
const HEADERS: [&str; 6] = ["authorization", "accept", "content-type", "x-csrf-token", "destination", "x-siteaccess"];
/// What a client has to see to go on.
const EXPOSED: [&str; 3] = ["location", "retry-after", "www-authenticate"];
/// An origin that nobody has.
const NOBODY: &str = "https://nobody.invalid";

/// The keys that a table has.
#[derive(Clone, Default)]
struct Keys {
    origins: Option<Vec<Arc<str>>>,
    any: Option<bool>,
    patterns: Option<Vec<Regex>>,
    credentials: Option<bool>,
    methods: Option<Vec<Method>>,
    headers: Option<Vec<Arc<str>>>,
    expose: Option<Vec<Arc<str>>>,
    max_age: Option<Duration>,
    private_network: Option<bool>,
}

impl Keys {
    /// These, and what `below` has besides. Whoever says which origins are allowed says all of them.
    fn over(self, below: &Keys) -> Keys {
        let own = self.origins.is_some() || self.patterns.is_some();
        let below = below.clone();
        Keys {
            origins: if own { self.origins } else { below.origins },
            any: if own { self.any } else { below.any },
            patterns: if own { self.patterns } else { below.patterns },
            credentials: self.credentials.or(below.credentials),
            methods: self.methods.or(below.methods),
            headers: self.headers.or(below.headers),
            expose: self.expose.or(below.expose),
            max_age: self.max_age.or(below.max_age),
            private_network: self.private_network.or(below.private_network),
        }
    }
}

/// The rules of `[cors]` or, with its table, of a site. Without any table there are none.
pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, site: Option<&Section<'_>>) -> Cors {
    let section = r.section(Some(root), "cors");
    let content = Reader::content(&section);
    let general = content.is_some_and(|content| content.iter().any(|(key, _)| *key.get_ref() != "path"));
    let mut keys = read_keys(r, &section);
    let mut place = section.clone();
    if let Some(site) = site {
        keys = read_keys(r, site).over(&keys);
        place = site.clone();
    }
    let mut rules = Vec::new();
    for section in content.map(|content| r.sections(content, "cors.path")).unwrap_or_default() {
        let Some(text) = r.required(&section, "path") else { continue };
        let Some(path) = patterns::compile(r, &text, false) else { continue };
        let own = read_keys(r, &section).over(&keys);
        rules.extend(rule(r, own, Some(path), &section));
    }
    if general || site.is_some() {
        rules.extend(rule(r, keys, None, &place));
    }
    Cors { rules: rules.into_iter().map(Arc::new).collect() }
}

fn read_keys(r: &mut Reader<'_>, section: &Section<'_>) -> Keys {
    let origins = r.texts(section, "allow_origins");
    let any = origins.as_ref().map(|texts| texts.iter().any(|text| text.value == "*"));
    let mut list = |texts: Vec<Text>| -> Vec<Arc<str>> {
        let exact = texts.iter().filter(|text| text.value != "*");
        exact.filter_map(|text| r.parsed(text, web::origin)).map(Arc::from).collect()
    };
    let origins = origins.map(&mut list);
    let patterns =
        r.texts(section, "allow_origin_patterns").map(|texts| texts.iter().filter_map(|text| pattern(r, text)).collect());
    let methods = section.has("allow_methods").then(|| web::methods_of(r, section, "allow_methods"));
    Keys {
        origins,
        any,
        patterns,
        credentials: section.has("allow_credentials").then(|| r.flag(section, "allow_credentials", false)),
        methods,
        headers: names(r, section, "allow_headers"),
        expose: names(r, section, "expose_headers"),
        max_age: r.optional_duration(section, "max_age"),
        private_network: section.has("allow_private_network").then(|| r.flag(section, "allow_private_network", false)),
    }
}

fn pattern(r: &mut Reader<'_>, text: &Text) -> Option<Regex> {
    let pattern = patterns::origin(r, text)?;
    if pattern.is_match(NOBODY) || pattern.is_match("http://nobody.invalid") {
        r.error_with(
            text.span.clone(),
            "this matches every origin",
            "name the domain that they share, or write `allow_origins = \"*\"`",
        );
    } else if patterns::has_bare_dot(&text.value) {
        r.warn(text.span.clone(), "a `.` here stands for any character, so that other origins match", "write `\\.`");
    } else if let Some(other) = patterns::lookalike(&pattern) {
        let hint = "put `\\.` before the domain";
        r.warn(text.span.clone(), format!("this matches hosts of others that only end alike, such as {other}"), hint);
    }
    Some(pattern)
}

/// Names of headers, in lower case.
fn names(r: &mut Reader<'_>, section: &Section<'_>, key: &str) -> Option<Vec<Arc<str>>> {
    let texts = r.texts(section, key)?;
    let name = |text: &str| match text {
        "*" => Err("says nothing where credentials are sent\nname each header".to_owned()),
        _ => HeaderName::try_from(text).map(|name| Arc::from(name.as_str())).map_err(|_| "is no name of a header".to_owned()),
    };
    Some(texts.iter().filter_map(|text| r.parsed(text, name)).collect())
}

fn rule(r: &mut Reader<'_>, keys: Keys, path: Option<Regex>, section: &Section<'_>) -> Option<CorsRule> {
    let (any, credentials) = (keys.any.unwrap_or(false), keys.credentials.unwrap_or(true));
    if any && credentials {
        let place: Span = section.place("allow_origins");
        r.error_with(
            place,
            "`*` never goes with credentials: every page could act for whoever visits it",
            "name the origins, or write `allow_credentials = false`",
        );
        return None;
    }
    let usual = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect();
    Some(CorsRule {
        path,
        origins: keys.origins.unwrap_or_default(),
        patterns: keys.patterns.unwrap_or_default(),
        any,
        credentials,
        methods: keys.methods,
        headers: keys.headers.unwrap_or_else(|| usual(&HEADERS)),
        expose: keys.expose.unwrap_or_else(|| usual(&EXPOSED)),
        max_age: keys.max_age.unwrap_or(Duration::from_secs(60)),
        private_network: keys.private_network.unwrap_or(false),
        source: r.file.source(section.span.start),
    })
}
