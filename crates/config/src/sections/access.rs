//! `[[access_control]]`.

use super::{server, web};
use crate::{
    patterns,
    reader::{Reader, Section, Span},
};
use doorward_core::{access::AccessRule, scopes::is_scope};
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
    if !section.has("roles") && !section.has("scopes") {
        let hint = "name roles; roles = [\"PUBLIC_ACCESS\"] opens to everyone";
        r.error_with(section.span.clone(), "[[access_control]] needs `roles` or `scopes`", hint);
    }
    let texts = r.texts(section, "roles").unwrap_or_default();
    let roles = texts.iter().filter_map(|text| r.parsed(text, role)).collect();
    let scopes = scopes(r, section);
    AccessRule { path, host, methods, ips, roles, scopes, source: r.file.source(section.span.start) }
}

/// What access tokens must be good for. An empty list would demand nothing, which is the opposite of what it looks like.
fn scopes(r: &mut Reader<'_>, section: &Section<'_>) -> Vec<Arc<str>> {
    let texts = r.some_texts(section, "scopes").unwrap_or_default();
    texts.iter().filter_map(|text| r.parsed(text, scope)).collect()
}

fn scope(text: &str) -> Result<Arc<str>, String> {
    if is_scope(text) { Ok(text.into()) } else { Err(format!("is no scope\n{SCOPE}")) }
}

/// What a scope is, for people.
pub(crate) const SCOPE: &str = "a scope is printable ASCII without spaces, quotes and backslashes (RFC 6749 3.3)";

fn role(text: &str) -> Result<Arc<str>, String> {
    if text.is_empty() || text.chars().any(|c| c.is_control() || c.is_whitespace() || c == ',') {
        return Err("is no role".into());
    }
    Ok(text.into())
}
