//! What the schemas of `webapi.xml` and `acl.xml` have in common.

use super::xml::{Attribute, Element};
use crate::{Diagnostic, Diagnostics, SourceFile};
use std::{ops::Range, sync::Arc};

/// Checks elements of one file and says what is wrong with them.
pub(super) struct Checker<'a> {
    pub(super) file: &'a Arc<SourceFile>,
    pub(super) out: &'a mut Diagnostics,
}

impl Checker<'_> {
    pub(super) fn error(&mut self, span: &Range<usize>, message: impl Into<String>, hint: Option<&str>) {
        self.push(Diagnostic::error(self.file, span.clone(), message), hint);
    }

    pub(super) fn warning(&mut self, span: &Range<usize>, message: impl Into<String>, hint: Option<&str>) {
        self.push(Diagnostic::warning(self.file, span.clone(), message), hint);
    }

    fn push(&mut self, diagnostic: Diagnostic, hint: Option<&str>) {
        self.out.push(match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        });
    }

    /// Checks that an element has no attributes but these, no children but these, in this order, and no text.
    pub(super) fn element(&mut self, element: &Element, attributes: &[&str], children: &[&str]) {
        self.attributes(element, attributes);
        if !element.text.trim().is_empty() {
            self.error(&element.span, format!("`<{}>` holds text, which has no meaning there", element.name), None);
        }
        let mut furthest = 0;
        for child in &element.children {
            match children.iter().position(|name| *name == child.name) {
                None => {
                    let message = format!("`<{}>` has no meaning in `<{}>`", child.name, element.name);
                    let hint = nearest(&child.name, children).map(|name| format!("did you mean `<{name}>`?"));
                    self.error(&child.span, message, hint.as_deref());
                }
                Some(place) if place < furthest => {
                    let message = format!("`<{}>` comes too late", child.name);
                    let hint = format!("the order is {}", children.join(", "));
                    self.error(&child.span, message, Some(&hint));
                }
                Some(place) => furthest = place,
            }
        }
    }

    /// Checks that an element has no attributes but these (and namespaces).
    pub(super) fn attributes(&mut self, element: &Element, known: &[&str]) {
        for attribute in &element.attributes {
            let name = attribute.name.as_str();
            if known.contains(&name) || name == "xmlns" || name.starts_with("xmlns:") || name.starts_with("xsi:") {
                continue;
            }
            let message = format!("`<{}>` has no attribute `{name}`", element.name);
            let hint = nearest(name, known).map(|name| format!("did you mean `{name}`?"));
            self.error(&attribute.span, message, hint.as_deref());
        }
    }

    /// The only child of this name, if any; more than one is an error.
    pub(super) fn only_child<'e>(&mut self, element: &'e Element, name: &str) -> Option<&'e Element> {
        let mut all = element.children.iter().filter(|child| child.name == name);
        let first = all.next();
        for another in all {
            self.error(&another.span, format!("`<{}>` has one `<{name}>`", element.name), None);
        }
        first
    }

    /// An attribute that must be there and not be empty.
    pub(super) fn required<'e>(&mut self, element: &'e Element, name: &str) -> Option<&'e Attribute> {
        match element.attribute(name) {
            Some(attribute) if !attribute.value.trim().is_empty() => Some(attribute),
            Some(attribute) => {
                self.error(&attribute.span, format!("`{name}` is empty"), None);
                None
            }
            None => {
                self.error(&element.span, format!("`<{}>` lacks the attribute `{name}`", element.name), None);
                None
            }
        }
    }
}

/// The known word that is nearest to `name`, if any is near.
pub(super) fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let rated = known.iter().map(|word| (strsim::normalized_damerau_levenshtein(name, word), *word));
    rated.filter(|(nearness, _)| *nearness >= 0.6).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, word)| word)
}

/// `Vendor_Module::name`, as the schema of `acl.xml` has it (magento-webapi 4.1).
pub(super) fn is_resource_id(text: &str) -> bool {
    let word = |text: &str| {
        text.len() > 1 && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    text.split_once("::").is_some_and(|(module, name)| {
        module.split_once('_').is_some_and(|(vendor, module)| word(vendor) && word(module))
            && !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// A whole number as `xs:int` has it.
pub(super) fn integer(text: &str) -> Option<i32> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_resource_id() {
        for id in ["Magento_Backend::all", "Example_Sales::orders_2", "AB_C1::x", "Doorward_Accounts::users"] {
            assert!(is_resource_id(id), "{id}");
        }
        for text in [
            "",
            "self",
            "Magento::all",
            "magento_Backend::all",
            "Magento_backend::all",
            "M_B::x",
            "Magento_Backend::",
            "Magento_Backend:all",
            "Magento_Back_End::all",
            "Magento_Backend::a b",
            "Magento_Backend::a, Magento_Backend::b",
        ] {
            assert!(!is_resource_id(text), "{text}");
        }
    }
}
