//! What of `[[upstream]]` is about sessions of an old application, which are exchanged for ours.

use super::{
    directory::{RESERVED, cookie_name},
    upstream::question_path,
    upstream_identity::same,
    web,
};
use crate::{
    hints,
    reader::{Reader, Section, Text},
};
use doorward_core::{
    Kind,
    policy::{Directory, Exchange},
};
use std::{sync::Arc, time::Duration};
use toml::de::DeTable;

/// The session cookie of PHP, if it is given no other name.
const COOKIE: &str = "PHPSESSID";

/// The keys that say nothing without `exchange`.
const KEYS: [&str; 5] = ["exchange_cookie", "exchange_directory", "exchange_id", "exchange_login", "exchange_timeout"];

/// `exchange` and what belongs to it. `base` is the upstream's URL.
pub(super) fn read(
    r: &mut Reader<'_>,
    section: &Section<'_>,
    directories: &[Arc<Directory>],
    base: Option<&str>,
) -> Option<Exchange> {
    let Some(path) = r.text(section, "exchange") else {
        for key in KEYS.into_iter().filter(|key| section.has(key) && !section.has("exchange")) {
            r.error(section.place(key), format!("`{key}` is about `exchange`, and there is none"));
        }
        return None;
    };
    let path = r.parsed(&path, question_path);
    let cookie = cookie(r, section);
    let directory = directory(r, section, directories);
    let id = match r.text(section, "exchange_id") {
        Some(text) if text.value.is_empty() => {
            let message = "the application's word for a login is taken for an account, whatever its id";
            let hint = "do so only where nobody can give themselves somebody else's login or address there";
            r.warn(text.span, message, hint);
            Some(None)
        }
        Some(text) => r.parsed(&text, member).map(Some),
        None => (!section.has("exchange_id")).then(|| Some("id".into())),
    };
    let login = match r.text(section, "exchange_login") {
        Some(text) => r.parsed(&text, member),
        None => (!section.has("exchange_login")).then(|| "email".into()),
    };
    let timeout = r.duration(section, "exchange_timeout", Duration::from_secs(2));
    if base.is_some_and(|base| !web::is_local(base)) {
        let message = "sessions and the word who they belong to go through the network unencrypted";
        r.warn(section.place("exchange"), message, "let a proxy beside Doorward speak TLS to the application");
    }
    Some(Exchange { path: path?, cookie: cookie?, directory: directory?, id: id?, login: login?, timeout })
}

fn cookie(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Arc<str>> {
    let Some(text) = r.text(section, "exchange_cookie") else {
        return (!section.has("exchange_cookie")).then(|| COOKIE.into());
    };
    let name = r.parsed(&text, cookie_name)?;
    if RESERVED.contains(&&*name) {
        r.error(text.span, format!("Doorward sets the cookie `{name}` itself"));
        return None;
    }
    Some(name.into())
}

fn directory(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Option<Arc<str>> {
    if !section.has("exchange_directory") {
        let hint = "exchange_directory = \"NAME\": the one whose accounts the application has";
        r.error_with(section.place("exchange"), "`exchange` needs `exchange_directory`", hint);
        return None;
    }
    let text: Text = r.text(section, "exchange_directory")?;
    let Some(directory) = directories.iter().find(|directory| *directory.name == *text.value) else {
        let message = format!("{} is no directory", text.shown());
        match hints::nearest(&text.value, directories.iter().map(|directory| &*directory.name)).filter(|_| text.is_literal()) {
            Some(near) => r.error_with(text.span, message, format!("did you mean \"{near}\"?")),
            None => r.error(text.span, message),
        }
        return None;
    };
    if directory.kind == Kind::Integration {
        r.error(text.span, "accounts of `kind = \"integration\"` have no sessions");
        return None;
    }
    Some(Arc::clone(&directory.name))
}

/// A member's name, dots between those of nested ones.
fn member(text: &str) -> Result<Arc<str>, String> {
    let plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if text.split('.').all(plain) {
        Ok(text.into())
    } else {
        Err("is no member of a JSON object\nwrite its name, such as \"email\", or \"user.email\" for a nested one".into())
    }
}

/// An old session's cookie that is one of ours too could be either. Two applications cannot have the same one.
pub(crate) fn check_cookies(r: &mut Reader<'_>, root: &DeTable<'_>, directories: &[Arc<Directory>]) {
    let mut seen: Vec<String> = Vec::new();
    for section in r.sections(root, "upstream").iter().filter(|section| section.has("exchange")) {
        let text = r.text(section, "exchange_cookie");
        let name = text.as_ref().map_or(COOKIE, |text| &text.value).to_owned();
        let place = text.map_or_else(|| section.place("exchange"), |text| text.span);
        if let Some(directory) = directories.iter().find(|directory| same(&directory.cookie.name, &name)) {
            let message =
                format!("`{name}` is the cookie of directory `{}`: an old session could not be told from ours", directory.name);
            r.error_with(place, message, "give the directory's cookie another name");
        } else if seen.iter().any(|other| same(other, &name)) {
            r.error(place, format!("another upstream exchanges the cookie `{name}` already"));
        }
        seen.push(name);
    }
}
