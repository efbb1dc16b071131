//! `[[upstream]]` and `[routes]`.

use super::{upstream_exchange, upstream_identity, web};
use crate::reader::{Reader, Section, Span, Text};
use doorward_core::policy::{CartSource, Directory, Unmatched, Upstream};
use std::{cmp::Reverse, collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use toml::de::DeTable;

/// Upstreams and their places, longest path first.
pub(crate) fn read(
    r: &mut Reader<'_>,
    root: &DeTable<'_>,
    directories: &[Arc<Directory>],
    scopes: &BTreeMap<String, Vec<Arc<str>>>,
) -> Vec<(Arc<Upstream>, Span)> {
    // Of the same path there may be one for each site, and one for all others.
    let meet = |one: &str, other: &str| match (scopes.get(one), scopes.get(other)) {
        (Some(one), Some(other)) => one.iter().any(|site| other.contains(site)),
        (one, other) => one.is_none() && other.is_none(),
    };
    let mut all: Vec<(Arc<Upstream>, Span)> = Vec::new();
    for section in r.sections(root, "upstream") {
        let Some(upstream) = one(r, &section, directories) else { continue };
        if all.iter().any(|(other, _)| other.name == upstream.name) {
            r.error(section.place("name"), format!("there is an upstream `{}` already", upstream.name));
        }
        if let Some((other, _)) = all.iter().find(|(other, _)| other.path == upstream.path && meet(&other.name, &upstream.name)) {
            let message = format!("upstream `{}` serves the path \"{}\" already", other.name, other.path);
            r.error(section.place("path"), message);
        }
        all.push((Arc::new(upstream), section.span));
    }
    all.sort_by_key(|(upstream, _)| Reverse(upstream.path.len()));
    all
}

/// The sites that upstreams are for, by the upstreams' names; those that name none are for all.
pub(crate) fn scopes(r: &mut Reader<'_>, root: &DeTable<'_>, sites: &[Arc<str>]) -> BTreeMap<String, Vec<Arc<str>>> {
    let mut scopes = BTreeMap::new();
    for section in r.sections(root, "upstream") {
        let Some(texts) = r.some_texts(&section, "site") else { continue };
        for text in texts.iter().filter(|text| !sites.iter().any(|site| **site == *text.value)) {
            r.error(text.span.clone(), "there is no [[site]] of this name");
        }
        if let Some(name) = r.text(&section, "name") {
            scopes.insert(name.value, texts.into_iter().map(|text| text.value.into()).collect());
        }
    }
    scopes
}

fn one(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Option<Upstream> {
    let name = r.required(section, "name").and_then(|text| r.parsed(&text, upstream_name));
    let base = r.required(section, "url").and_then(|text| r.parsed(&text, web::upstream));
    let path = match r.text(section, "path") {
        Some(text) => r.parsed(&text, web::path_prefix),
        None => (!section.has("path")).then(String::new),
    };
    let path = path.map(|path| if path.is_empty() { "/".into() } else { path });
    let pass_credentials = r.word(section, "credentials", &[("strip", false), ("pass", true)], false);
    let identity = upstream_identity::identity(r, section, directories);
    let cookies = upstream_identity::cookies(r, section);
    let cart = cart(r, section);
    let exchange = upstream_exchange::read(r, section, directories, base.as_deref());
    let keep_encoded_slash = r.word(section, "encoded_slash", &[("refuse", false), ("keep", true)], false);
    let connect_timeout = r.duration(section, "connect_timeout", Duration::from_secs(5));
    let response_timeout = r.duration(section, "response_timeout", Duration::from_secs(60));
    let idle_timeout = r.duration(section, "idle_timeout", Duration::from_secs(60));
    let max_connections = r.count(section, "max_connections", 1, 4096);
    Some(Upstream {
        name: name?,
        base: base?.into(),
        path: path?.into(),
        pass_credentials,
        identity,
        cookies,
        cart,
        exchange,
        keep_encoded_slash,
        connect_timeout,
        response_timeout,
        idle_timeout,
        max_connections,
        source: r.file.source(section.span.start),
    })
}

/// Where the active cart is told, if it is.
fn cart(r: &mut Reader<'_>, section: &Section<'_>) -> Option<CartSource> {
    let path = r.text(section, "cart_path");
    let field = r.text(section, "cart_field");
    if path.is_none() && field.is_some() {
        r.error(section.place("cart_field"), "`cart_field` is a member of what `cart_path` answers, and there is no `cart_path`");
    }
    let path = r.parsed(&path?, question_path)?;
    Some(CartSource { path, field: field.map_or_else(|| "id".into(), |field| field.value.into()) })
}

/// It is asked as it stands.
pub(super) fn question_path(text: &str) -> Result<Arc<str>, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if text.starts_with('/') && text.bytes().all(plain) && !text.split('/').any(|segment| matches!(segment, "." | "..")) {
        Ok(text.into())
    } else {
        Err("is no path that can be asked\nwrite `/` and segments of letters, digits, `-`, `.`, `_` and `~`, without a query"
            .into())
    }
}

/// It stands in assertions and log lines.
fn upstream_name(text: &str) -> Result<Arc<str>, String> {
    if !text.is_empty() && text.len() <= 255 && text.bytes().all(|b| b.is_ascii_graphic()) {
        Ok(text.into())
    } else {
        Err("is no name of an upstream\nwrite letters, digits and punctuation, without spaces".into())
    }
}

/// `[routes]`.
pub(crate) struct Routes {
    /// As written, relative to the file.
    pub(crate) files: Vec<PathBuf>,
    pub(crate) unmatched: Unmatched,
}

pub(crate) fn routes(r: &mut Reader<'_>, root: &DeTable<'_>) -> Routes {
    let section = r.section(Some(root), "routes");
    let texts = r.texts(&section, "files").unwrap_or_default();
    let files = texts.into_iter().filter_map(|text| entry(r, text)).collect();
    let words = [("deny", Unmatched::Deny), ("authenticated", Unmatched::Authenticated), ("allow", Unmatched::Allow)];
    let unmatched = r.word(&section, "unmatched", &words, Unmatched::Deny);
    if unmatched == Unmatched::Allow {
        let message = "every request without a route rule passes, whoever sends it";
        r.warn(section.place("unmatched"), message, "\"deny\" and \"authenticated\" are safer");
    }
    Routes { files, unmatched }
}

/// What is missing is marked here, and watched: it may come.
fn entry(r: &mut Reader<'_>, text: Text) -> Option<PathBuf> {
    if r.files.exists(&text.value) {
        return Some(PathBuf::from(text.value));
    }
    if let Err(error) = r.files.read(&text.value) {
        let message = if text.is_literal() { error.to_string() } else { format!("{} names no file or folder", text.shown()) };
        r.error(text.span, message);
    }
    None
}
