//! `acl.xml` (magento-webapi 4.1, 4.2): read, merged by the chain of ids, sorted, disabled subtrees dropped.

use super::grammar::{self, Checker, integer};
use super::xml::Element;
use crate::{Diagnostic, Diagnostics, SourceFile};
use doorward_core::acl::Resource;
use std::{collections::HashMap, ops::Range, sync::Arc};

/// The merged files, resource by resource.
#[derive(Debug, Default)]
pub(super) struct Merged {
    roots: Vec<Node>,
}

/// Where something stands.
pub(super) type At = (Arc<SourceFile>, Range<usize>);

#[derive(Debug)]
struct Node {
    id: Arc<str>,
    title: Option<String>,
    order: i32,
    disabled: bool,
    at: At,
    children: Vec<Node>,
}

/// What the merged files say.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// Enabled resources in tree order.
    pub(super) enabled: Vec<Resource>,
    /// Resources that are disabled or stand below one that is.
    pub(super) disabled: Vec<Arc<str>>,
    /// Where each id was declared first.
    pub(super) places: HashMap<Arc<str>, At>,
}

impl Merged {
    /// Adds one file.
    pub(super) fn add(&mut self, file: &Arc<SourceFile>, root: &Element, out: &mut Diagnostics) {
        let mut reader = AclFile { check: Checker { file, out }, seen: HashMap::new() };
        reader.check.element(root, &[], &["acl"]);
        if let Some(acl) = reader.check.only_child(root, "acl") {
            reader.check.element(acl, &[], &["resources"]);
            if let Some(resources) = reader.check.only_child(acl, "resources") {
                reader.check.element(resources, &[], &["resource"]);
                reader.merge(&mut self.roots, resources);
            }
        }
    }

    /// Sorts, drops what is disabled and refuses an id that stands under two parents: Magento cannot build such a tree
    /// and refuses every request (magento-webapi 4.1).
    pub(super) fn finish(self, out: &mut Diagnostics) -> Outcome {
        let mut outcome = Outcome::default();
        outcome.take(self.roots, None, true, out);
        outcome
    }
}

impl Outcome {
    fn take(&mut self, mut nodes: Vec<Node>, parent: Option<&Arc<str>>, enabled: bool, out: &mut Diagnostics) {
        // Stable: of equals the one declared first.
        nodes.sort_by_key(|node| node.order);
        for node in nodes {
            if let Some((file, span)) = self.places.get(&node.id) {
                let message =
                    format!("the resource `{}` stands under another parent at {} already", node.id, file.source(span.start));
                let hint = "a resource has one parent; Magento refuses every request as long as it has two";
                out.push(Diagnostic::error(&node.at.0, node.at.1.clone(), message).hint(hint));
            } else {
                self.places.insert(Arc::clone(&node.id), node.at.clone());
            }
            if node.title.is_none() {
                let message = format!("the resource `{}` has no title in any file", node.id);
                let hint = "an extension of another module's tree repeats the chain of ids exactly";
                out.push(Diagnostic::warning(&node.at.0, node.at.1.clone(), message).hint(hint));
            }
            let enabled = enabled && !node.disabled;
            if enabled {
                self.enabled.push(Resource {
                    id: Arc::clone(&node.id),
                    title: node.title.unwrap_or_default().into(),
                    parent: parent.cloned(),
                    source: node.at.0.source(node.at.1.start),
                });
            } else {
                self.disabled.push(Arc::clone(&node.id));
            }
            self.take(node.children, Some(&node.id), enabled, out);
        }
    }
}

struct AclFile<'a> {
    check: Checker<'a>,
    /// An id stands once in a file.
    seen: HashMap<String, Range<usize>>,
}

impl AclFile<'_> {
    fn merge(&mut self, nodes: &mut Vec<Node>, parent: &Element) {
        for element in parent.children.iter().filter(|child| child.name == "resource") {
            self.check.element(element, &["id", "title", "translate", "sortOrder", "disabled"], &["resource"]);
            let Some(id) = self.check.required(element, "id") else { continue };
            if !grammar::is_resource_id(&id.value) {
                let message = format!("`{}` is not a resource id", id.value);
                self.check.error(&id.span, message, Some("write `Vendor_Module::name`"));
                continue;
            }
            if let Some(first) = self.seen.insert(id.value.clone(), id.span.clone()) {
                let place = self.check.file.source(first.start);
                self.check.error(&id.span, format!("the resource `{}` stands at {place} already", id.value), None);
                continue;
            }
            let position = nodes.iter().position(|node| *node.id == *id.value).unwrap_or_else(|| {
                nodes.push(Node {
                    id: id.value.as_str().into(),
                    title: None,
                    order: 0,
                    disabled: false,
                    at: (Arc::clone(self.check.file), id.span.clone()),
                    children: Vec::new(),
                });
                nodes.len() - 1
            });
            if let Some(node) = nodes.get_mut(position) {
                self.attributes(node, element);
                self.merge(&mut node.children, element);
            }
        }
    }

    /// Later files override what earlier ones say.
    fn attributes(&mut self, node: &mut Node, element: &Element) {
        if let Some(title) = element.attribute("title") {
            if !(3..=50).contains(&title.value.chars().count()) {
                self.check.warning(&title.span, "a title has 3 to 50 characters", None);
            }
            node.title = Some(title.value.clone());
        }
        if let Some(order) = element.attribute("sortOrder") {
            match integer(&order.value) {
                Some(number) => node.order = number,
                None => self.check.error(&order.span, format!("`{}` is not a whole number", order.value), None),
            }
        }
        if let Some(disabled) = element.attribute("disabled") {
            node.disabled = disabled.value == "true";
            match disabled.value.as_str() {
                "true" | "false" | "0" => {}
                "1" => {
                    let hint = "write `true`";
                    self.check.warning(&disabled.span, "Magento does not read `1` as disabled: the resource stays", Some(hint));
                }
                other => self.check.error(&disabled.span, format!("`{other}` is neither `true` nor `false`"), None),
            }
        }
    }
}
