//! `[api]`: what Doorward answers itself, and where.

use super::web;
use crate::reader::{Reader, Section, Span};
use doorward_core::{
    policy::{Serve, is_under},
    route::ShopDoor,
    stores::Sharing,
};
use std::{cmp::Reverse, sync::Arc};
use toml::de::DeTable;

/// `[api]`.
pub(crate) struct Api {
    /// Longest first.
    pub(crate) ibexa_prefixes: Vec<Arc<str>>,
    /// `None` when nothing was said.
    pub(crate) magento_prefix: Option<Arc<str>>,
    pub(crate) magento_place: Span,
    pub(crate) serve: Serve,
    pub(crate) serve_place: Span,
    pub(crate) sharing: Sharing,
    pub(crate) door: ShopDoor,
}

/// Where the Magento dialect stands when `webapi.xml` files are loaded and nothing is said.
pub(crate) const MAGENTO_PREFIX: &str = "/rest";

pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>) -> Api {
    let section = r.section(Some(root), "api");
    let mut ibexa_prefixes: Vec<Arc<str>> = Vec::new();
    match r.some_texts(&section, "ibexa_prefix") {
        None => ibexa_prefixes.push("/api/ibexa/v2".into()),
        Some(texts) => {
            for text in texts {
                let Some(prefix) = r.parsed(&text, web::path_prefix) else { continue };
                if ibexa_prefixes.iter().any(|known| **known == *prefix) {
                    r.error(text.span, "this prefix is listed twice");
                } else {
                    ibexa_prefixes.push(prefix.into());
                }
            }
        }
    }
    ibexa_prefixes.sort_by_key(|prefix| Reverse(prefix.len()));
    let magento_prefix = r.text(&section, "magento_prefix").and_then(|text| r.parsed(&text, web::path_prefix)).map(Arc::from);
    let effective = magento_prefix.as_deref().unwrap_or(MAGENTO_PREFIX);
    if ibexa_prefixes.iter().any(|prefix| **prefix == *effective) {
        let place = if section.has("magento_prefix") { "magento_prefix" } else { "ibexa_prefix" };
        r.error(section.place(place), "`ibexa_prefix` and `magento_prefix` cannot be the same: the prefix chooses the dialect");
    }
    let mut serve = Serve { sessions: false, tokens: false, accounts: false, root: true, users: true, pages: true, jwt: true };
    match r.texts(&section, "serve") {
        None => serve.sessions = true,
        Some(texts) => {
            for text in texts {
                match &*text.value {
                    "sessions" => serve.sessions = true,
                    "tokens" => serve.tokens = true,
                    "accounts" => serve.accounts = true,
                    _ => drop(r.one_of("serve", &text, &[("sessions", ()), ("tokens", ()), ("accounts", ())])),
                }
            }
        }
    }
    // Without sessions there is nothing to sign in to, and nobody to be the current user.
    if !serve.sessions {
        serve = Serve { root: false, users: false, pages: false, ..serve };
    }
    serve.jwt = serve.sessions || serve.tokens;
    for text in r.texts(&section, "leave").unwrap_or_default() {
        match r.one_of("leave", &text, &[("root", 0), ("users", 1), ("pages", 2), ("jwt", 3)]) {
            Some(0) => serve.root = false,
            Some(1) => serve.users = false,
            Some(2) => serve.pages = false,
            Some(_) => serve.jwt = false,
            None => {}
        }
    }
    let words = [("website", Sharing::Website), ("global", Sharing::Global)];
    let sharing = r.word(&section, "customer_sharing", &words, Sharing::default());
    let door = door(r, &section);
    Api {
        ibexa_prefixes,
        magento_prefix,
        magento_place: section.place("magento_prefix"),
        serve,
        serve_place: section.place("serve"),
        sharing,
        door,
    }
}

/// How people sign in to a shop (magento-webapi 2.3, 8.2).
fn door(r: &mut Reader<'_>, section: &Section<'_>) -> ShopDoor {
    let usual = ShopDoor::default();
    let admin_path = r.text(section, "magento_admin_path").and_then(|text| r.parsed(&text, admin_path));
    let admin_sessions = r.flag(section, "magento_admin_session", usual.admin_sessions);
    ShopDoor { admin_path: admin_path.map_or(usual.admin_path, Into::into), admin_sessions }
}

/// A path of its own, beside the pages that are there already.
fn admin_path(text: &str) -> Result<String, String> {
    let path = web::path_prefix(text)?;
    let taken = ["/login", "/logout", "/customer"];
    if path.is_empty() {
        Err("leaves no path for the storefront\nwrite a path such as \"/admin\"".into())
    } else if taken.iter().any(|own| is_under(&path, own)) {
        Err("is where other pages of Doorward stand".into())
    } else {
        Ok(path)
    }
}
