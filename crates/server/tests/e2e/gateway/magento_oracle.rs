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
    /// A role of rows as they were found elsewhere.
    Rows(Acl),
}

/// Id and parent of every resource that is not disabled, nor below one that is.
pub(super) type Tree = Vec<(String, Option<String>)>;

/// What rows permit, written down row by row (magento-webapi 4.4, newer reading).
pub(super) struct Acl {
    tree: Tree,
    written: BTreeMap<String, bool>,
    everything: bool,
}

impl Acl {
    pub(super) fn of(tree: &Tree, rows: &[(String, bool)]) -> Self {
        let mut acl = Acl { tree: tree.clone(), written: BTreeMap::new(), everything: false };
        let known = |id: &str| tree.iter().any(|(own, _)| own == id);
        let rows: Vec<_> = rows.iter().filter(|(id, _)| known(id)).collect();
        for (id, allow) in &rows {
            if id == "Magento_Backend::all" && *allow {
                acl.everything = true;
                acl.written.extend(tree.iter().map(|(every, _)| (every.clone(), true)));
            }
            acl.write(id, *allow);
        }
        let only_all = rows.iter().all(|(id, _)| id == "Magento_Backend::all");
        if !only_all && rows.iter().any(|(_, allow)| !allow) {
            for (id, _) in tree.iter().filter(|(id, _)| !rows.iter().any(|(row, _)| row == id)) {
                acl.write(id, false);
            }
        }
        acl
    }

    /// A resource and, at this moment, all below it.
    fn write(&mut self, id: &str, allow: bool) {
        self.written.insert(id.to_owned(), allow);
        let below: Vec<String> =
            self.tree.iter().filter(|(_, parent)| parent.as_deref() == Some(id)).map(|(child, _)| child.clone()).collect();
        below.iter().for_each(|child| self.write(child, allow));
    }

    fn permits(&self, id: &str) -> bool {
        // Whatever is below a resource was written with it, so there is no need to look above.
        self.written.get(id).copied().unwrap_or(self.everything)
    }
}

/// All `acl.xml` below a folder as one tree.
pub(super) fn tree(folder: &Path) -> Tree {
    let (mut tree, mut disabled) = (Tree::new(), BTreeSet::new());
    for file in files(folder, "acl.xml") {
        let mut above: Vec<String> = Vec::new();
        for piece in without_comments(&file).split('<').skip(1) {
            let inside = piece.split_once('>').unwrap().0;
            if inside.starts_with("/resource") && !inside.starts_with("/resources") {
                above.pop();
            }
            if !inside.starts_with("resource ") && !inside.starts_with("resource\n") {
                continue;
            }
            let tag = tags(&format!("<{inside}>")).remove(0);
            let id = tag.attribute("id").unwrap();
            if tag.attribute("disabled").as_deref() == Some("true") {
                disabled.insert(id.clone());
            }
            if !tree.iter().any(|(own, _)| *own == id) {
                tree.push((id.clone(), above.last().cloned()));
            }
            if !inside.ends_with('/') {
                above.push(id);
            }
        }
    }
    // Until nothing that is disabled has anything below it.
    while let Some((child, _)) =
        tree.iter().find(|(id, up)| !disabled.contains(id) && up.as_ref().is_some_and(|up| disabled.contains(up)))
    {
        disabled.insert(child.clone());
    }
    tree.retain(|(id, _)| !disabled.contains(id));
    tree
}

fn without_comments(file: &str) -> String {
    let mut text = file.to_owned();
    while let Some((before, after)) = text.split_once("<!--") {
        text = format!("{before}{}", after.split_once("-->").unwrap().1);
    }
    text
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
        (Caller::Rows(acl), id) => acl.permits(id),
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
    let text = without_comments(file);
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
