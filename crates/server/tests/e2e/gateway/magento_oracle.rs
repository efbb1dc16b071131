//! What Magento's rules say of a request, read from the XML files by the shortest way that can be right, as
//! magento-webapi 3.2, 3.4, 3.7 and 4.5 tell it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// One merged route.
#[derive(Clone, Debug, Default)]
pub(super) struct Rule {
    pub(super) resources: Vec<String>,
    /// Name and text of each parameter.
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) secure: bool,
}

/// Method and url to the rule.
pub(super) type Rules = BTreeMap<(String, String), Rule>;

/// Who calls.
pub(super) enum Caller {
    Guest,
    Customer,
    FullAdmin,
    Partial(BTreeSet<String>),
}

/// All `webapi.xml` below a folder, merged. The order of modules matters for nothing that is asked here: resources add
/// up, and no two modules give one parameter two values.
pub(super) fn rules(folder: &Path) -> Rules {
    let mut rules = Rules::new();
    for file in files(folder, "webapi.xml") {
        let mut at = (String::new(), String::new());
        let mut parameter = None;
        for tag in tags(&file) {
            match (tag.name.as_str(), &mut parameter) {
                ("route", _) => {
                    at = (tag.attribute("method").unwrap(), tag.attribute("url").unwrap());
                    let rule = rules.entry(at.clone()).or_default();
                    rule.secure |= tag.attribute("secure").is_some_and(|text| !matches!(text.as_str(), "" | "0"));
                }
                ("resource", _) => {
                    let id = tag.attribute("ref").unwrap();
                    let resources = &mut rules.get_mut(&at).unwrap().resources;
                    if !resources.contains(&id) {
                        resources.push(id);
                    }
                }
                ("parameter", _) => {
                    parameter = tag.attribute("name");
                    let text = tag.text.clone();
                    rules.get_mut(&at).unwrap().parameters.insert(parameter.clone().unwrap(), text);
                }
                _ => parameter = None,
            }
        }
    }
    rules
}

/// Every id that an `acl.xml` below a folder declares.
pub(super) fn resources(folder: &Path) -> BTreeSet<String> {
    let all = files(folder, "acl.xml");
    all.iter().flat_map(|file| tags(file)).filter(|tag| tag.name == "resource").filter_map(|tag| tag.attribute("id")).collect()
}

/// The url of the rule that a path belongs to.
pub(super) fn find<'r>(rules: &'r Rules, method: &str, path: &str) -> Option<(&'r str, &'r Rule)> {
    let of_method = || rules.iter().filter(|((m, _), _)| m == method).map(|((_, url), rule)| (url.as_str(), rule));
    if let Some(exact) = of_method().find(|(url, _)| *url == path) {
        return Some(exact);
    }
    let word = |segment: &str| segment.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap().len();
    let second = path[1..].find('/')? + 2;
    let base = &path[..second + word(&path[second..])];
    // A map is in the order of bytes, so the last one is the winner.
    of_method().rfind(|(url, _)| url.starts_with(base) && same(url, path))
}

fn same(url: &str, path: &str) -> bool {
    let (url, path): (Vec<_>, Vec<_>) = (url.trim_matches('/').split('/').collect(), path.trim_matches('/').split('/').collect());
    url.len() == path.len() && url.iter().zip(path).all(|(own, asked)| own.starts_with(':') || *own == asked)
}

/// The status that a caller gets through plain HTTP from an upstream that answers 200, when nothing but the caller's own
/// customer id is known.
pub(super) fn status(rule: Option<&Rule>, caller: &Caller) -> u16 {
    let Some(rule) = rule else { return 404 };
    let granted = |id: &str| match (caller, id) {
        (_, "anonymous") => true,
        (Caller::Guest, _) => false,
        (Caller::Customer, id) => id == "self",
        (Caller::FullAdmin, _) => true,
        (Caller::Partial(held), id) => id != "self" && (held.contains(id) || id == "Magento_Backend::admin"),
    };
    if !rule.resources.iter().all(|id| granted(id)) {
        return 401;
    }
    let known = |text: &str| matches!((caller, text), (Caller::Customer, "%customer_id%")) || !text.starts_with('%');
    if rule.secure || !rule.parameters.values().all(|text| known(text)) {
        return 400;
    }
    200
}

struct Tag {
    name: String,
    attributes: String,
    text: String,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<String> {
        let rest = self.attributes.split_once(&format!(" {name}=\""))?.1;
        Some(rest.split_once('"')?.0.trim().to_owned())
    }
}

/// Opening tags in order, each with the text behind it.
fn tags(file: &str) -> Vec<Tag> {
    let mut text = file.to_owned();
    while let Some((before, after)) = text.split_once("<!--") {
        text = format!("{before}{}", after.split_once("-->").unwrap().1);
    }
    let mut tags = Vec::new();
    for piece in text.split('<').skip(1) {
        let (inside, behind) = piece.split_once('>').unwrap();
        if !inside.starts_with(['/', '?']) {
            let name = inside.split([' ', '\n', '\t', '/']).next().unwrap();
            let attributes = format!(" {}", inside[name.len()..].split_whitespace().collect::<Vec<_>>().join(" "));
            tags.push(Tag { name: name.to_owned(), attributes, text: behind.trim().to_owned() });
        }
    }
    tags
}

/// The texts of all files of this name, except in folders that begin with `_` or `.`.
fn files(folder: &Path, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let own = entry.file_name().into_string().unwrap();
        if own.starts_with(['_', '.']) {
        } else if entry.path().is_dir() {
            found.extend(files(&entry.path(), name));
        } else if own == name {
            found.push(fs::read_to_string(entry.path()).unwrap());
        }
    }
    found
}
