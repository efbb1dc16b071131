//! What of `[[upstream]]` is about an old application behind: the token that it accepts, and the cookies that it sets.

use super::directory::RESERVED;
use crate::reader::{Reader, Section};
use doorward_core::{
    UpstreamIdentity,
    policy::Directory,
    upstream_identity::{SharedKey, Signing},
};
use std::sync::Arc;
use toml::de::DeTable;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Doorward,
    Magento,
    Ibexa,
}

/// `identity`, `identity_key`, `identity_directories`.
pub(super) fn identity(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> UpstreamIdentity {
    let words = [("doorward", Word::Doorward), ("magento-jwt", Word::Magento), ("ibexa-jwt", Word::Ibexa)];
    let word = match r.optional_word(section, "identity", &words) {
        Some(word) => word,
        None if section.has("identity") => return UpstreamIdentity::Doorward,
        None => Word::Doorward,
    };
    if word == Word::Doorward {
        for key in ["identity_key", "identity_directories"].into_iter().filter(|key| section.has(key)) {
            r.error(section.place(key), format!("`{key}` says nothing without `identity = \"magento-jwt\"` or \"ibexa-jwt\""));
        }
        return UpstreamIdentity::Doorward;
    }
    let key = key(r, section);
    let known = known(r, section, directories, word);
    match (key, word) {
        (None, _) | (_, Word::Doorward) => UpstreamIdentity::Doorward,
        (Some(key), Word::Magento) => UpstreamIdentity::MagentoJwt(Signing { key, directories: known }),
        (Some(key), Word::Ibexa) => UpstreamIdentity::IbexaJwt(Signing { key, directories: known }),
    }
}

fn key(r: &mut Reader<'_>, section: &Section<'_>) -> Option<SharedKey> {
    let text = if section.has("identity_key") {
        r.secret(section, "identity_key")?
    } else {
        let hint = "identity_key = \"file:PATH\": crypt/key of Magento's env.php, or Ibexa's APP_SECRET";
        r.error_with(
            section.place("identity"),
            "this `identity` needs `identity_key`, the key that the application signs with",
            hint,
        );
        return None;
    };
    if text.is_literal() {
        // Marking the value would show it.
        let message = "`identity_key` stands in this file, for all who read it";
        r.error_with(section.span.clone(), message, "write \"file:PATH\" or \"${ENV_NAME}\"");
        return None;
    }
    let key = SharedKey::new(text.value.as_bytes());
    if key.is_none() {
        let message = format!("{} is no key: it can be guessed", text.shown());
        r.error_with(text.span, message, format!("at least {} characters, and not the same few again", SharedKey::SHORTEST));
    }
    key
}

/// The directories whose accounts the application knows.
fn known(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>], word: Word) -> Vec<Arc<str>> {
    let all = || directories.iter().map(|directory| Arc::clone(&directory.name));
    let Some(texts) = r.some_texts(section, "identity_directories") else {
        // The same login in two directories is two people here, and would be one there.
        if word == Word::Ibexa && directories.len() > 1 && !section.has("identity_directories") {
            let message = "an Ibexa token says a login alone, and logins are unique in a directory alone";
            r.error_with(
                section.place("identity"),
                message,
                "identity_directories = [\"NAME\"]: the one whose accounts Ibexa has",
            );
        }
        return all().collect();
    };
    if word == Word::Ibexa && texts.len() > 1 {
        let message = "an Ibexa token says a login alone: name one directory";
        r.error(section.place("identity_directories"), message);
    }
    let mut known = Vec::new();
    for text in texts {
        match directories.iter().find(|directory| *directory.name == *text.value) {
            Some(directory) => known.push(Arc::clone(&directory.name)),
            None => r.error(text.span.clone(), format!("{} is no directory", text.shown())),
        }
    }
    known
}

/// `cookies`: those that the application sets itself.
pub(super) fn cookies(r: &mut Reader<'_>, section: &Section<'_>) -> Vec<Arc<str>> {
    let mut names = Vec::new();
    for text in r.some_texts(section, "cookies").unwrap_or_default() {
        let Some(name) = r.parsed(&text, super::directory::cookie_name) else { continue };
        if RESERVED.contains(&&*name) {
            r.error(text.span.clone(), format!("Doorward sets the cookie `{name}` itself"));
        }
        names.push(name.into());
    }
    names
}

/// A cookie of ours that an application behind sets too would be taken from its answers and its requests. Both places are
/// marked.
pub(crate) fn check_cookies(r: &mut Reader<'_>, root: &DeTable<'_>, directories: &[Arc<Directory>]) {
    // What is wrong in these tables is said once, however often they are read.
    let (ours, theirs) = (r.sections(root, "directory"), r.sections(root, "upstream"));
    for upstream in &theirs {
        for text in r.texts(upstream, "cookies").unwrap_or_default() {
            let Some(directory) = directories.iter().find(|directory| same(&directory.cookie.name, &text.value)) else {
                continue;
            };
            let name = &directory.cookie.name;
            let message =
                format!("`{name}` is the cookie of directory `{}`: this upstream would never see its own", directory.name);
            let hint = "give the directory's cookie another name";
            r.error_with(text.span, message, hint);
            for section in &ours {
                if r.text(section, "name").is_some_and(|text| *text.value == *directory.name) {
                    let place = section.place(if section.has("cookie") { "cookie" } else { "name" });
                    r.error_with(place, format!("an upstream sets the cookie `{name}` itself"), hint);
                }
            }
        }
    }
}

/// PHP reads `.` in the name of a cookie as `_`.
pub(super) fn same(ours: &str, theirs: &str) -> bool {
    ours.replace('.', "_") == theirs.replace('.', "_")
}
