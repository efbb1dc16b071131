//! `[[directory]]`.

use super::{
    site::{self, Templates},
    storage::Lives,
    web,
};
use crate::reader::{Reader, Section, Text};
use doorward_core::{
    Kind, PasswordRules,
    password::LONGEST_CHOSEN,
    policy::{CookieSpec, Directory, SameSite},
    site::ONLY,
};
use std::{sync::Arc, time::Duration};
use toml::de::DeTable;

/// Cookies of our own: the device that signed in before, the sign-in form, its key for scripts of a shop, and the way to a provider.
pub(super) const RESERVED: &[&str] = &[
    "doorward_device",
    "__Host-doorward_device",
    "doorward_form",
    "__Secure-doorward_form",
    "doorward_journey",
    "__Host-doorward_journey",
    "form_key",
];

pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, lives: Lives, secure: bool) -> Vec<Arc<Directory>> {
    let mut all: Vec<Arc<Directory>> = Vec::new();
    for section in r.sections(root, "directory") {
        let Some(directory) = one(r, &section, lives, secure) else { continue };
        if all.iter().any(|other| other.name == directory.name) {
            r.error(section.place("name"), format!("there is a directory `{}` already", directory.name));
        } else if let Some(other) = all.iter().find(|other| other.cookie.name == directory.cookie.name) {
            let message = format!("directory `{}` has a cookie of this name already: each needs its own", other.name);
            r.error(section.place("cookie"), message);
        }
        all.push(Arc::new(directory));
    }
    all
}

/// The names of cookies that differ from site to site. Two directories must not have the same one on any two of them.
pub(crate) fn templates(r: &mut Reader<'_>, root: &DeTable<'_>, sites: &[Arc<str>]) -> Templates {
    let mut templates = Templates::new();
    let mut taken: Vec<(String, String)> = Vec::new();
    for section in r.sections(root, "directory") {
        let (Some(name), Some(cookie)) = (r.text(&section, "name"), r.text(&section, "cookie")) else { continue };
        let differs = site::differs(&cookie.value);
        let own: Vec<String> = match differs {
            true => sites.iter().map(|site| site::cookie_name(&cookie.value, site)).collect(),
            false => vec![cookie.value.clone()],
        };
        // Those that are the same everywhere are compared elsewhere.
        let meets = |(other, used): &&(String, String)| {
            *other != name.value && own.contains(used) && (differs || templates.contains_key(other.as_str()))
        };
        if let Some((other, _)) = taken.iter().find(meets) {
            r.error(
                cookie.span.clone(),
                format!("on some site directory `{other}` has a cookie of this name: each needs its own"),
            );
        }
        taken.extend(own.into_iter().map(|cookie| (name.value.clone(), cookie)));
        if differs {
            templates.insert(name.value.as_str().into(), cookie.value);
        }
    }
    templates
}

/// Warns of admins whose browsers never send the cookie to `prefix`, where their sessions are meant to count
/// (magento-webapi 2.3).
pub(crate) fn check_reach(r: &mut Reader<'_>, root: &DeTable<'_>, directories: &[Arc<Directory>], prefix: &str) {
    for section in r.sections(root, "directory") {
        let named = r.text(&section, "name");
        let directory = named.and_then(|name| directories.iter().find(|directory| *directory.name == *name.value));
        let Some(directory) = directory.filter(|directory| directory.kind == Kind::Admin) else { continue };
        let path = &directory.cookie.path;
        if !reaches(path, &format!("{prefix}/V1")) {
            let message = format!("browsers never send this cookie to `{prefix}`, where admins' sessions are to count");
            let hint = "drop the key, or write `magento_admin_session = false` in [api]";
            r.warn(section.place("cookie_path"), message, hint);
        }
    }
}

/// Whether a cookie of this `Path` is sent to `path` (RFC 6265 5.1.4).
fn reaches(cookie_path: &str, path: &str) -> bool {
    path.strip_prefix(cookie_path).is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}

fn one(r: &mut Reader<'_>, section: &Section<'_>, lives: Lives, secure: bool) -> Option<Directory> {
    let name = r.required(section, "name");
    let name = name.and_then(|text| r.parsed(&text, directory_name));
    let kinds = [("customer", Kind::Customer), ("admin", Kind::Admin), ("integration", Kind::Integration)];
    let kind = r.required(section, "kind").and_then(|text| r.one_of("kind", &text, &kinds));
    if kind == Some(Kind::Integration) {
        programs_only(r, section);
    }
    let cookie = cookie(r, section, name.as_deref().unwrap_or("x"), secure);
    let idle_timeout = r.duration(section, "idle_timeout", lives.idle_timeout);
    let lifetime = r.duration(section, "lifetime", lives.lifetime);
    let (max_failures, lock) = match kind {
        Some(Kind::Admin | Kind::Integration) | None => (6, Duration::from_secs(30 * 60)),
        Some(Kind::Customer) => (10, Duration::from_secs(10 * 60)),
    };
    let max_failures = r.count(section, "max_failures", 1, max_failures);
    let lock = r.duration(section, "lock", lock);
    let passwords = passwords(r, section, kind.unwrap_or(Kind::Admin));
    Some(Directory {
        name: name?.into(),
        kind: kind?,
        website: None,
        site: None,
        cookie: cookie?,
        idle_timeout,
        lifetime,
        max_failures,
        lock,
        passwords,
    })
}

/// Programs have neither sessions nor passwords.
fn programs_only(r: &mut Reader<'_>, section: &Section<'_>) {
    let people = [
        "cookie",
        "cookie_domain",
        "cookie_path",
        "cookie_lifetime",
        "same_site",
        "idle_timeout",
        "lifetime",
        "max_failures",
        "lock",
        "password_min_length",
        "password_classes",
        "password_common",
    ];
    for key in people.into_iter().filter(|key| section.has(key)) {
        let message =
            format!("`{key}` has no meaning for `kind = \"integration\"`: programs have neither sessions nor passwords");
        r.error(section.place(key), message);
    }
}

fn passwords(r: &mut Reader<'_>, section: &Section<'_>, kind: Kind) -> PasswordRules {
    let usual = PasswordRules::of(kind);
    let min_length = r.count(section, "password_min_length", 1, usual.min_length);
    if min_length > LONGEST_CHOSEN / 2 {
        r.error(section.place("password_min_length"), format!("nobody types so much: at most {} characters", LONGEST_CHOSEN / 2));
    } else if min_length < 8 {
        r.warn(section.place("password_min_length"), "passwords this short are soon guessed", "8 is the least, 15 is better");
    }
    let classes: u8 = r.count(section, "password_classes", 1, usual.classes);
    if classes > 4 {
        let hint = "lower case, upper case, digits and others; 1 demands nothing";
        r.error_with(section.place("password_classes"), "there are 4 classes of characters", hint);
    }
    let refuse_common = r.word(section, "password_common", &[("refuse", true), ("allow", false)], usual.refuse_common);
    PasswordRules { min_length, classes, refuse_common }
}

/// It stands in cookie names, paths and log lines.
fn directory_name(text: &str) -> Result<String, String> {
    let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(sound) {
        Ok(text.to_owned())
    } else {
        Err("is no name of a directory\nwrite lower-case letters, digits, `-` and `_`".into())
    }
}

fn cookie(r: &mut Reader<'_>, section: &Section<'_>, directory: &str, secure: bool) -> Option<CookieSpec> {
    let given = r.text(section, "cookie");
    let broken = section.has("cookie") && given.is_none();
    let prefix = if secure { "__Host-" } else { "" };
    let name = match &given {
        Some(text) => r.parsed(text, |text| cookie_name(&site::cookie_name(text, ONLY))),
        None => Some(format!("{prefix}doorward_{directory}")),
    };
    let domain = r.text(section, "cookie_domain").filter(|text| !text.value.is_empty());
    let domain = domain.and_then(|text| r.parsed(&text, cookie_domain));
    let path = r.text(section, "cookie_path").and_then(|text| r.parsed(&text, cookie_path)).unwrap_or_else(|| "/".into());
    let lifetime = r.optional_duration(section, "cookie_lifetime");
    let words = [("lax", SameSite::Lax), ("strict", SameSite::Strict), ("none", SameSite::None)];
    let same_site = r.word(section, "same_site", &words, SameSite::Lax);
    if same_site == SameSite::None && !secure {
        let message = "`same_site = \"none\"` needs an https `public_url`: browsers refuse such a cookie over plain HTTP";
        r.error(section.place("same_site"), message);
    }
    let name = name.filter(|_| !broken)?;
    if RESERVED.contains(&&*name) {
        let place = section.place(if given.is_some() { "cookie" } else { "name" });
        r.error_with(
            place,
            format!("Doorward has another use for the cookie `{name}`"),
            "give the directory's cookie another name",
        );
    }
    check_prefix(r, section, &name, given.as_ref(), domain.is_some(), &path, secure);
    Some(CookieSpec { name: name.into(), domain: domain.map(Into::into), path: path.into(), lifetime, same_site, secure })
}

/// A token of RFC 6265 4.1.1.
pub(super) fn cookie_name(text: &str) -> Result<String, String> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !text.is_empty() && text.bytes().all(token) {
        Ok(text.to_owned())
    } else {
        Err("is no name for a cookie\nwrite letters, digits, `-` and `_`; `{site_hash}` is the only word in braces".into())
    }
}

/// A leading dot says nothing to browsers of today (RFC 6265 5.2.3) and much to older clients, so what was written stays.
fn cookie_domain(text: &str) -> Result<String, String> {
    match text.strip_prefix('.') {
        Some(bare) => web::host(bare).map(|host| format!(".{host}")),
        None => web::host(text),
    }
}

fn cookie_path(text: &str) -> Result<String, String> {
    let path = web::path_prefix(text)?;
    // The trailing slash matters to browsers, so what was written stays.
    Ok(if path.is_empty() { "/".into() } else { text.to_owned() })
}

/// Browsers drop a cookie that breaks the promise of its name (RFC 6265bis 4.1.3).
fn check_prefix(
    r: &mut Reader<'_>,
    section: &Section<'_>,
    name: &str,
    given: Option<&Text>,
    domain: bool,
    path: &str,
    secure: bool,
) {
    let lower = name.to_ascii_lowercase();
    let (host, any) = (lower.starts_with("__host-"), lower.starts_with("__host-") || lower.starts_with("__secure-"));
    if any && !secure {
        r.error(section.place("cookie"), "a cookie of this name needs an https `public_url`: browsers drop it otherwise");
    }
    let hint = match given {
        Some(_) => "drop the key, or `__Host-` from the cookie's name".to_owned(),
        None => format!("drop the key, or give the cookie a name: cookie = \"{}\"", name.trim_start_matches("__Host-")),
    };
    if host && domain {
        r.error_with(
            section.place("cookie_domain"),
            format!("`{name}` may have no domain: browsers drop it otherwise"),
            hint.clone(),
        );
    }
    if host && path != "/" {
        r.error_with(
            section.place("cookie_path"),
            format!("`{name}` must have the path \"/\": browsers drop it otherwise"),
            hint,
        );
    }
}
