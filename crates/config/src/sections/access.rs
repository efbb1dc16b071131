//! `[[access_control]]`.

use super::{server, web};
use crate::{
    patterns,
    reader::{Reader, Section, Span},
};
use doorward_core::access::AccessRule;
use std::sync::Arc;
use toml::de::DeTable;

/// A rule, and the places of its header and its `ips`.
pub(crate) struct Placed {
    pub(crate) rule: Arc<AccessRule>,
    pub(crate) header: Span,
    pub(crate) ips: Span,
}

pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>) -> Vec<Placed> {
    let sections = r.sections(root, "access_control");
    let placed =
        |section: Section<'_>| Placed { rule: Arc::new(one(r, &section)), ips: section.place("ips"), header: section.span };
    sections.into_iter().map(placed).collect()
}

fn one(r: &mut Reader<'_>, section: &Section<'_>) -> AccessRule {
    let path = patterns::path(r, section);
    let host = patterns::host(r, section);
    let methods = web::methods(r, section);
    if section.has("ips") {
        // An empty list would select everyone, which is the opposite of what it looks like.
        drop(r.some_texts(section, "ips"));
    }
    let ips = server::networks(r, section, "ips");
    if !section.has("roles") {
        let hint = "name roles; roles = [\"PUBLIC_ACCESS\"] opens to everyone";
        r.error_with(section.span.clone(), "[[access_control]] needs `roles`", hint);
    }
    let texts = r.texts(section, "roles").unwrap_or_default();
    let roles = texts.iter().filter_map(|text| r.parsed(text, role)).collect();
    AccessRule { path, host, methods, ips, roles, source: r.file.source(section.span.start) }
}

fn role(text: &str) -> Result<Arc<str>, String> {
    if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == ',') {
        return Err("is no role".into());
    }
    Ok(text.into())
}
