//! `[[integration]]`: programs that the configuration makes and keeps, as Magento does with those that a module declares.

use crate::{
    hints,
    reader::{Reader, Section, Span},
    settings::Integration,
};
use doorward_core::{
    Kind,
    acl::{ADMIN, ALL, Tree},
    mail, name,
    policy::Directory,
};
use std::{collections::BTreeSet, sync::Arc};
use toml::de::DeTable;

/// One of them, with the places of its resources.
pub(crate) struct Placed {
    pub(crate) integration: Integration,
    resources: Vec<(Arc<str>, Span)>,
}

/// `bearer`: whether tokens of programs count.
pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, directories: &[Arc<Directory>], bearer: bool) -> Vec<Placed> {
    let mut all: Vec<Placed> = Vec::new();
    for section in r.sections(root, "integration") {
        let Some(placed) = one(r, &section, directories) else { continue };
        let same = |other: &Placed| {
            other.integration.directory == placed.integration.directory
                && other.integration.name.to_lowercase() == placed.integration.name.to_lowercase()
        };
        if all.iter().any(same) {
            r.error(section.place("name"), format!("there is an integration `{}` already", placed.integration.name));
        } else {
            if all.is_empty() && !bearer {
                let hint = "set `integration_bearer = true` in [tokens]";
                r.warn(section.span.clone(), "nobody can be this program, because tokens of programs do not count", hint);
            }
            all.push(placed);
        }
    }
    all
}

fn one(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Option<Placed> {
    let flawless =
        |name: &str| name::flaw(name).map_or_else(|| Ok(Arc::from(name)), |flaw| Err(format!("is no name: one {flaw}")));
    let name = r.required(section, "name").and_then(|text| r.parsed(&text, flawless));
    let address = |text: &str| mail::is_address(text).then(|| Arc::from(text)).ok_or_else(|| "is no e-mail address".to_owned());
    let email = r.text(section, "email").and_then(|text| r.parsed(&text, address));
    let directory = directory(r, section, directories);
    let texts = r.texts(section, "resources");
    let lack = match &texts {
        Some(texts) if texts.is_empty() => Some("`resources` names nothing"),
        None if !section.has("resources") => Some("`resources` is missing"),
        _ => None,
    };
    if let Some(message) = lack {
        let hint = "what the program may use, such as [\"Magento_Sales::sales\"]";
        r.error_with(section.place("resources"), message, hint);
    }
    let texts = texts.unwrap_or_default();
    let resources: Vec<(Arc<str>, Span)> = texts.into_iter().map(|text| (Arc::from(text.value), text.span)).collect();
    let granted: BTreeSet<Arc<str>> = resources.iter().map(|(id, _)| Arc::clone(id)).collect();
    Some(Placed { integration: Integration { name: name?, directory: directory?, email, resources: granted }, resources })
}

/// The directory that is named, or the only one of the kind.
fn directory(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Option<Arc<str>> {
    let mut programs = directories.iter().filter(|directory| directory.kind == Kind::Integration);
    if let Some(text) = r.text(section, "directory") {
        let found = programs.clone().find(|directory| *directory.name == *text.value);
        if found.is_none() {
            let hint = hints::nearest(&text.value, programs.map(|directory| &*directory.name));
            let hint = hint.map_or_else(
                || "it takes a [[directory]] with `kind = \"integration\"`".to_owned(),
                |near| format!("did you mean \"{near}\"?"),
            );
            r.error_with(text.span.clone(), format!("no directory of integrations is called {}", text.shown()), hint);
        }
        return found.map(|directory| Arc::clone(&directory.name));
    }
    match (programs.next(), programs.next()) {
        (Some(only), None) => Some(Arc::clone(&only.name)),
        (None, _) => {
            let hint = "add [[directory]] with `kind = \"integration\"`";
            r.error_with(section.span.clone(), "there is no directory that an integration could be in", hint);
            None
        }
        (Some(_), Some(_)) => {
            r.error(section.span.clone(), "`directory` is missing, and there are several of integrations");
            None
        }
    }
}

/// What can be said once the rules are known: each resource is one that there is.
pub(crate) fn check(r: &mut Reader<'_>, placed: &[Placed], tree: &Tree) {
    for (id, span) in placed.iter().flat_map(|placed| &placed.resources) {
        if **id != *ALL && **id != *ADMIN && tree.get(id).is_none() {
            let near = hints::nearest(id, tree.iter().map(|resource| &*resource.id));
            let hint = near.map_or_else(
                || "resources stand in acl.xml and [[resource]]".to_owned(),
                |near| format!("did you mean \"{near}\"?"),
            );
            r.error_with(span.clone(), format!("the resource `{id}` is in none of the configuration's files"), hint);
        }
    }
}
