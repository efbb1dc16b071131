//! Rule files: Magento's own `webapi.xml` and `acl.xml`, and `routes.toml`.
//!
//! ```text
//! entries -> walk (which files, in which order) -> xml / toml (read, with places)
//!         -> webapi, acl, native (grammar, merge) -> Loaded
//! ```
//!
//! Everything is read even after the first error, so that all problems are told at once; whoever loads must not use
//! the rules when [`Diagnostics::has_errors`].

mod acl;
mod grammar;
mod modules;
mod native;
mod walk;
mod webapi;
mod xml;

use crate::{Diagnostic, Diagnostics, Files, Place, SourceFile};
use doorward_core::{
    Source,
    acl::{ALL, Resource, Tree},
    route::{RouteRule, magento, served, template},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
};

/// The resource that lets somebody read accounts of the own directory; it is always there.
pub const USERS: &str = "Doorward_Accounts::users";

/// What the rule files say.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Rules of `routes.toml`; they stand at the root.
    pub native: Vec<RouteRule>,
    /// Merged rules of `webapi.xml`; they stand under the Magento prefix.
    pub magento: Vec<RouteRule>,
    /// Enabled resources of all files, and [`USERS`].
    pub resources: Tree,
    /// Resources that `acl.xml` disables, with everything below them. They are unknown ids to every role.
    pub disabled: Vec<Arc<str>>,
    /// The rule files, in the order in which they were merged.
    pub files: Vec<PathBuf>,
}

/// Reads the rule files that `entries` name: `*.xml`, `*.toml`, or folders that are walked for `webapi.xml` and
/// `acl.xml`. What is wrong goes to `out`.
pub fn load<P: AsRef<Path>>(entries: impl IntoIterator<Item = P>, files: &mut Files, out: &mut Diagnostics) -> Loaded {
    let paths = walk::rule_files(entries, files, out);
    let mut routes = webapi::Merged::default();
    let mut tree = acl::Merged::default();
    let mut own = native::Read::default();
    for path in &paths {
        let file = match files.read(path) {
            Ok(file) => file,
            Err(error) => {
                out.push(Diagnostic::unreadable(&error));
                continue;
            }
        };
        if walk::is_toml(path) {
            own.add(&file, out);
            continue;
        }
        match xml::parse(&file.text) {
            Ok(root) if root.name == "routes" => routes.add(&file, &root, out),
            Ok(root) if root.name == "config" => tree.add(&file, &root, out),
            Ok(root) => {
                let message = format!("`<{}>` is no rule file", root.name);
                let hint = "the root element of webapi.xml is `<routes>`, that of acl.xml is `<config>`";
                out.push(Diagnostic::error(&file, root.span, message).hint(hint));
            }
            Err(fault) => out.push(Diagnostic::error(&file, fault.span, fault.why)),
        }
    }
    let tree = tree.finish(out);
    let routes = routes.finish(out);
    let resources = plant(tree.enabled, &tree.places, own.resources, out);
    let named = routes.named.iter().chain(&own.named);
    check_named(named, &resources, &tree.disabled, out);
    check_ties(&own.rules, &own.files, out);
    Loaded { native: own.rules, magento: routes.rules, resources, disabled: tree.disabled, files: paths }
}

/// One tree of all resources: those of `acl.xml` in tree order, then those of `routes.toml`, parents first.
fn plant(
    mut planted: Vec<Resource>,
    places: &HashMap<Arc<str>, acl::At>,
    mut own: Vec<native::Declared>,
    out: &mut Diagnostics,
) -> Tree {
    if let Some((file, span)) = places.get(USERS) {
        out.push(Diagnostic::error(file, span.clone(), format!("the resource `{USERS}` is built in")));
        planted.retain(|resource| &*resource.id != USERS);
    }
    planted.push(Resource {
        id: USERS.into(),
        title: "Read accounts of the own directory".into(),
        parent: None,
        source: Source::new("built in", 1),
    });
    // What routes of ours name can be granted without any `acl.xml`.
    for (id, title) in served::RESOURCES {
        if !places.contains_key(id) && !own.iter().any(|declared| &*declared.resource.id == id) {
            let source = Source::new("built in", 1);
            planted.push(Resource { id: id.into(), title: title.into(), parent: None, source });
        }
    }
    let mut known: HashMap<Arc<str>, String> =
        planted.iter().map(|resource| (Arc::clone(&resource.id), resource.source.to_string())).collect();
    let disabled = places.iter().filter(|(id, _)| !known.contains_key(*id)).map(|(id, at)| {
        let place = at.0.source(at.1.start);
        (Arc::clone(id), place.to_string())
    });
    let disabled: HashMap<Arc<str>, String> = disabled.collect();
    let mut declared: HashMap<Arc<str>, String> = HashMap::new();
    own.retain(|resource| {
        let id = &resource.resource.id;
        let earlier = known.get(id).or_else(|| disabled.get(id)).or_else(|| declared.get(id));
        if let Some(place) = earlier {
            let message = match &**id {
                USERS => format!("the resource `{id}` is built in"),
                _ => format!("the resource `{id}` is declared at {place} already"),
            };
            out.push(Diagnostic::error(&resource.file, resource.id_span.clone(), message));
            return false;
        }
        declared.insert(Arc::clone(id), resource.resource.source.to_string());
        true
    });
    // As long as some parent is found, plant what stands on it; what is left stands on nothing or on itself.
    loop {
        let (ready, waiting): (Vec<_>, Vec<_>) = own.into_iter().partition(|declared| match &declared.resource.parent {
            Some(parent) => known.contains_key(parent),
            None => true,
        });
        own = waiting;
        if ready.is_empty() {
            break;
        }
        for declared in ready {
            known.insert(Arc::clone(&declared.resource.id), declared.resource.source.to_string());
            planted.push(declared.resource);
        }
    }
    let waiting: Vec<Arc<str>> = own.iter().map(|declared| Arc::clone(&declared.resource.id)).collect();
    for declared in &own {
        let Some(parent) = &declared.resource.parent else { continue };
        let (message, hint) = if disabled.contains_key(parent) {
            (format!("the parent `{parent}` is disabled"), disabled.get(parent).map(|place| format!("it is declared at {place}")))
        } else if waiting.contains(parent) {
            (format!("the parent `{parent}` does not stand on a root of the tree"), None)
        } else {
            let words: Vec<&str> = known.keys().chain(&waiting).map(AsRef::as_ref).collect();
            let near = grammar::nearest(parent, &words).map(|near| format!("did you mean `{near}`?"));
            (format!("no rule file declares the parent `{parent}`"), near)
        };
        let diagnostic = Diagnostic::error(&declared.file, declared.parent_span.clone(), message);
        out.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }
    Tree::new(planted)
}

/// Warns of routes that name a resource which nobody can hold.
fn check_named<'n>(
    named: impl Iterator<Item = &'n (Arc<str>, acl::At)>,
    tree: &Tree,
    disabled: &[Arc<str>],
    out: &mut Diagnostics,
) {
    for (id, (file, span)) in named {
        if tree.get(id).is_some() {
            continue;
        }
        let what = if disabled.contains(id) { "is disabled" } else { "is declared in no rule file" };
        let words: Vec<&str> = tree.iter().map(|resource| &*resource.id).collect();
        let hint = match grammar::nearest(id, &words) {
            Some(near) if !disabled.contains(id) => format!("only `{ALL}` opens this route; did you mean `{near}`?"),
            _ => format!("only `{ALL}` opens this route"),
        };
        out.push(Diagnostic::warning(file, span.clone(), format!("the resource `{id}` {what}")).hint(hint));
    }
}

/// Says which rules of `routes.toml` cannot stand together, so that compiling them cannot fail later.
fn check_ties(rules: &[RouteRule], files: &[Arc<SourceFile>], out: &mut Diagnostics) {
    let Err(conflicts) = template::Table::build(rules.to_vec()) else { return };
    for conflict in conflicts {
        let (message, source) = match conflict {
            template::Conflict::Tie { method, first: (first, at), second: (template, here) } => {
                (format!("`{method} {template}` claims what `{method} {first}` at {at} claims already"), here)
            }
            template::Conflict::Malformed { why, source } => (why.to_string(), source),
        };
        if let Some(file) = files.iter().find(|file| file.name == source.file) {
            out.push(Diagnostic::error(file, Place::Line(source.line), message));
        }
    }
}

impl Loaded {
    /// The rules of `webapi.xml`, compiled. The merge leaves no two of one url and method, so an error here is a fault
    /// of ours; it is still an error.
    pub fn magento_table(&self) -> Result<magento::Table, Vec<magento::Conflict>> {
        magento::Table::build(self.magento.clone())
    }

    /// The rules of `routes.toml`, compiled. Ties were told by [`load`].
    pub fn native_table(&self) -> Result<template::Table, Vec<template::Conflict>> {
        template::Table::build(self.native.clone())
    }
}

#[cfg(test)]
mod tests;
