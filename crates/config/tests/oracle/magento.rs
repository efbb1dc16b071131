//! What Magento does, as magento-webapi 3.2, 3.7, 4.3, 4.4 and 4.5 tell it: slow, obvious, and written without a look at
//! the code that it judges.

use regex::Regex;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};

pub(crate) const ALL: &str = "Magento_Backend::all";
pub(crate) const ADMIN: &str = "Magento_Backend::admin";

/// Method and url to the resources of all files, read with nothing but regular expressions.
pub(crate) fn merge(files: &[impl AsRef<Path>]) -> BTreeMap<(String, String), BTreeSet<String>> {
    let comment = Regex::new(r"(?s)<!--.*?-->").unwrap();
    let route = Regex::new(r"(?s)<route\s([^>]*)>(.*?)</route>").unwrap();
    let attribute = |name: &str| Regex::new(&format!(r#"\b{name}="([^"]*)""#)).unwrap();
    let (url, method, reference) = (attribute("url"), attribute("method"), attribute("ref"));
    let mut merged: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        for found in route.captures_iter(&comment.replace_all(&text, "")) {
            let key = (method.captures(&found[1]).unwrap()[1].to_owned(), url.captures(&found[1]).unwrap()[1].trim().to_owned());
            merged.entry(key).or_default().extend(reference.captures_iter(&found[2]).map(|id| id[1].to_owned()));
        }
    }
    merged
}

/// Every id that stands in the files.
pub(crate) fn ids(files: &[impl AsRef<Path>]) -> BTreeSet<String> {
    let comment = Regex::new(r"(?s)<!--.*?-->").unwrap();
    let id = Regex::new(r#"<resource\s[^>]*?\bid="([^"]*)""#).unwrap();
    let mut ids = BTreeSet::new();
    for file in files {
        let text = fs::read_to_string(file).unwrap();
        ids.extend(id.captures_iter(&comment.replace_all(&text, "")).map(|found| found[1].to_owned()));
    }
    ids
}

/// The urls of each method, scanned one by one (3.7).
pub(crate) struct Router {
    base: Regex,
    urls: HashMap<String, Vec<String>>,
}

impl Router {
    pub(crate) fn new<'k>(keys: impl Iterator<Item = &'k (String, String)>) -> Self {
        let mut urls: HashMap<String, Vec<String>> = HashMap::new();
        for (method, url) in keys {
            urls.entry(method.clone()).or_default().push(url.clone());
        }
        urls.values_mut().for_each(|urls| urls.sort());
        Self { base: Regex::new(r"^/?[A-Za-z0-9_]+/[A-Za-z0-9_]+").unwrap(), urls }
    }

    pub(crate) fn find(&self, method: &str, path: &str) -> Option<&str> {
        if !["GET", "POST", "PUT", "DELETE"].contains(&method) {
            return None;
        }
        let urls = self.urls.get(method)?;
        if let Some(url) = urls.iter().find(|url| *url == path) {
            return Some(url);
        }
        let base = self.base.find(path)?.as_str();
        let mut winner = None;
        for url in urls {
            if url.starts_with(base) && matches(url, path) {
                winner = Some(url.as_str());
            }
        }
        winner
    }
}

fn matches(url: &str, path: &str) -> bool {
    let own: Vec<&str> = url.trim_matches('/').split('/').collect();
    let asked: Vec<&str> = path.trim_matches('/').split('/').collect();
    own.len() == asked.len() && own.iter().zip(&asked).all(|(own, asked)| is_variable(own) || own == asked)
}

pub(crate) fn is_variable(segment: &str) -> bool {
    segment.starts_with(':') && !segment.starts_with("::")
}

/// Who calls.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    Guest,
    Customer {
        id: u64,
    },
    /// An admin with a role that was saved with this selection of resources.
    Admin(BTreeSet<String>),
}

/// Ids in tree order, each with its parent.
pub(crate) type Tree = Vec<(String, Option<String>)>;

/// The permissions of one role, as the loader leaves them (4.4). `None` is the global entry.
pub(crate) struct Acl<'t> {
    tree: &'t Tree,
    allowed: HashMap<Option<String>, bool>,
}

impl<'t> Acl<'t> {
    /// Saves a role with this selection (4.3) and loads it again (4.4).
    pub(crate) fn of(tree: &'t Tree, selection: &BTreeSet<String>) -> Self {
        let mut rows: Vec<(&str, bool)> = Vec::new();
        if selection.len() == 1 && selection.contains(ALL) {
            rows.push((ALL, true));
        } else if !selection.is_empty() {
            for (id, _) in tree {
                rows.push((id, selection.contains(id) || id == ADMIN));
            }
        }
        Self::of_rows(tree, &rows)
    }

    /// Loads rows as they stand (4.4, newer reading: those of the caller's role alone).
    pub(crate) fn of_rows(tree: &'t Tree, rows: &[(&str, bool)]) -> Self {
        let known = |id: &str| tree.iter().any(|(own, _)| own == id);
        let rows: Vec<(&str, bool)> = rows.iter().copied().filter(|(id, _)| known(id)).collect();
        let mut acl = Acl { tree, allowed: HashMap::new() };
        for (id, allow) in &rows {
            if *id == ALL && *allow {
                for (every, _) in tree {
                    acl.allowed.insert(Some(every.clone()), true);
                }
                acl.allowed.insert(None, true);
            }
            acl.set(id, *allow);
        }
        // Missing rules: every resource without a row is denied to a role that has a deny row.
        let only_all = rows.iter().all(|(id, _)| *id == ALL);
        if rows.iter().any(|(_, allow)| !allow) && !only_all {
            for (id, _) in tree {
                if !rows.iter().any(|(row, _)| row == id) {
                    acl.set(id, false);
                }
            }
        }
        acl
    }

    /// Sets a resource and, at this moment, everything below it.
    fn set(&mut self, id: &str, allow: bool) {
        self.allowed.insert(Some(id.to_owned()), allow);
        let tree = self.tree;
        for (child, parent) in tree {
            if parent.as_deref() == Some(id) {
                self.set(child, allow);
            }
        }
    }

    pub(crate) fn is_allowed(&self, id: &str) -> bool {
        let mut at = self.tree.iter().find(|(known, _)| known == id);
        while let Some((known, parent)) = at {
            if let Some(allow) = self.allowed.get(&Some(known.clone())) {
                return *allow;
            }
            at = self.tree.iter().find(|(id, _)| Some(id) == parent.as_ref());
        }
        self.allowed.get(&None).copied().unwrap_or(false)
    }
}

/// Whether a caller may use a route with these resources: all of them must be allowed (4.5).
pub(crate) fn permits(caller: &Caller, acl: Option<&Acl<'_>>, resources: &BTreeSet<String>) -> bool {
    resources.iter().all(|resource| {
        let own = matches!(caller, Caller::Customer { id } if *id > 0) && resource == "self";
        resource == "anonymous" || own || acl.is_some_and(|acl| acl.is_allowed(resource))
    })
}
