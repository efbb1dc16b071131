//! `[[firewall]]`.

use super::{oauth, web};
use crate::{
    hints, patterns,
    reader::{Reader, Section, Span},
};
use doorward_core::{
    firewall::{AccessRules, Authentication, Entry, Firewall, Guards, Invalid, When},
    policy::Directory,
    possession::Demand,
};
use std::{collections::BTreeSet, sync::Arc};
use toml::de::DeTable;

/// A firewall and its place; `None` for the one that stands without any.
pub(crate) type Placed = (Arc<Firewall>, Option<Span>);

pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, directories: &[Arc<Directory>]) -> Vec<Placed> {
    let sections = r.sections(root, "firewall");
    if sections.is_empty() {
        // One that was read badly has been spoken of.
        if !root.iter().any(|(key, _)| matches!(&**key.get_ref(), "directory" | "firewall")) {
            nobody(r, Authentication::Session, 0..0);
        }
        return vec![(Arc::new(default(r, directories)), None)];
    }
    let mut all: Vec<Placed> = Vec::new();
    for section in sections {
        let Some(firewall) = one(r, &section, directories) else { continue };
        let first = !all.iter().any(|(other, _)| other.authentication != Authentication::None);
        if first && firewall.authentication != Authentication::None && !root.iter().any(|(key, _)| key.get_ref() == "directory") {
            nobody(r, firewall.authentication, section.span.clone());
        }
        if all.iter().any(|(other, _)| other.name == firewall.name) {
            r.error(section.place("name"), format!("there is a firewall `{}` already", firewall.name));
        }
        all.push((Arc::new(firewall), Some(section.span)));
    }
    all
}

/// The names of those that say themselves which directories they ask.
pub(crate) fn with_directories(r: &mut Reader<'_>, root: &DeTable<'_>) -> BTreeSet<String> {
    let sections = r.sections(root, "firewall");
    let named = sections.iter().filter(|section| section.has("directory"));
    named.filter_map(|section| r.text(section, "name")).map(|text| text.value).collect()
}

fn nobody(r: &mut Reader<'_>, authentication: Authentication, place: Span) {
    let hint = "for example: [[directory]] with name = \"admins\" and kind = \"admin\"";
    let message = format!("a {} firewall needs a [[directory]], and there is none", authentication.as_str());
    r.error_with(place, message, hint);
}

fn default(r: &Reader<'_>, directories: &[Arc<Directory>]) -> Firewall {
    Firewall {
        name: "default".into(),
        host: None,
        path: None,
        methods: Vec::new(),
        when: None,
        authentication: Authentication::Session,
        realm: "".into(),
        access: AccessRules::default(),
        directories: directories.iter().map(|directory| Arc::clone(&directory.name)).collect(),
        guards: Guards { csrf: true, ajax: false },
        invalid: Invalid::Refuse,
        entry: Entry::Status,
        source: r.file.source(0),
    }
}

fn one(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Option<Firewall> {
    let name = r.required(section, "name").and_then(|text| r.parsed(&text, firewall_name));
    let whens = [("bearer", When::Bearer), ("basic", When::Basic), ("certificate", When::Certificate), ("cookie", When::Cookie)];
    let authentication = authentication(r, section);
    let is_session = authentication == Some(Authentication::Session);
    let is_basic = authentication == Some(Authentication::Basic);
    let host = patterns::host(r, section);
    let path = patterns::path(r, section);
    let methods = web::methods(r, section);
    let when = r.optional_word(section, "when", &whens);
    let asked = asked(r, section, directories);
    let guards = guards(r, section, is_session);
    let realm = realm(r, section);
    let access = access(r, section);
    misplaced(r, section, authentication);
    let invalid = r.word(section, "invalid", &[("refuse", Invalid::Refuse), ("guest", Invalid::Guest)], Invalid::Refuse);
    let entry = r.word(section, "entry", &[("status", Entry::Status), ("page", Entry::Page)], Entry::Status);
    let source = r.file.source(section.span.start);
    let authentication = authentication?;
    Some(Firewall {
        name: name?,
        host,
        path,
        methods,
        when,
        authentication,
        realm: if is_basic { realm.unwrap_or_else(|| "Secured Area".into()) } else { realm.unwrap_or_default() },
        access: if authentication == Authentication::OAuth { access } else { AccessRules::default() },
        directories: if authentication == Authentication::None { Vec::new() } else { asked },
        guards: if is_session { guards } else { Guards { csrf: false, ajax: false } },
        invalid,
        entry,
        source,
    })
}

fn firewall_name(text: &str) -> Result<Arc<str>, String> {
    let sound = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !text.is_empty() && text.len() <= 64 && text.chars().all(sound) {
        Ok(text.into())
    } else {
        Err("is no name of a firewall\nwrite letters, digits, `-`, `_` and `.`".into())
    }
}

fn authentication(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Authentication> {
    let text = match r.text(section, "authentication") {
        Some(text) => text,
        None => return (!section.has("authentication")).then_some(Authentication::Session),
    };
    let words = [
        ("session", Authentication::Session),
        ("jwt", Authentication::Jwt),
        ("oauth", Authentication::OAuth),
        ("basic", Authentication::Basic),
        ("certificate", Authentication::Certificate),
        ("none", Authentication::None),
    ];
    r.one_of("authentication", &text, &words)
}

/// Keys that say nothing under this method.
fn misplaced(r: &mut Reader<'_>, section: &Section<'_>, authentication: Option<Authentication>) {
    let keys: &[(&str, &str)] = match authentication {
        None => &[],
        Some(Authentication::Session) => &[("realm", "`realm` belongs to `authentication = \"basic\"` and \"oauth\"")],
        Some(Authentication::Basic) => &[("guard", "`guard` is for session firewalls only")],
        Some(Authentication::OAuth) => &[("guard", "`guard` is for session firewalls only")],
        Some(Authentication::Jwt | Authentication::Certificate) => &[
            ("guard", "`guard` is for session firewalls only"),
            ("realm", "`realm` belongs to `authentication = \"basic\"` and \"oauth\""),
        ],
        Some(Authentication::None) => &[
            ("guard", "`guard` is for session firewalls only: here everyone is a guest"),
            ("directory", "`directory` says nothing here: everyone is a guest"),
            ("realm", "`realm` belongs to `authentication = \"basic\"` and \"oauth\""),
        ],
    };
    for (key, message) in keys.iter().filter(|(key, _)| section.has(key)) {
        r.error(section.place(key), *message);
    }
    let elsewhere = authentication.is_some_and(|method| method != Authentication::OAuth);
    for key in ["audience", "proof", "dpop_nonce"].into_iter().filter(|key| elsewhere && section.has(key)) {
        r.error(section.place(key), format!("`{key}` belongs to `authentication = \"oauth\"`"));
    }
    let page = section.value("entry").is_some_and(|value| value.get_ref().as_str() == Some("page"));
    let hint = match authentication {
        Some(Authentication::Jwt) => "programs ask for a token at `/user/token/jwt`: leave `entry` out",
        Some(Authentication::OAuth) => "programs ask an authorization server for a token: leave `entry` out",
        _ => "a browser shows its own dialog: leave `entry` out",
    };
    if page
        && matches!(
            authentication,
            Some(Authentication::Basic | Authentication::Jwt | Authentication::OAuth | Authentication::Certificate)
        )
    {
        let message = "a session has no say here, so a sign-in page would lead nowhere";
        r.error_with(section.place("entry"), message, hint);
    }
}

/// What challenges name. By default those of Basic say what Symfony says (ibexa-rest 4), and others nothing.
fn realm(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Arc<str>> {
    let text = r.text(section, "realm");
    text.and_then(|text| r.parsed(&text, sound_realm))
}

fn sound_realm(text: &str) -> Result<Arc<str>, String> {
    if text.len() <= 255 && text.bytes().all(|b| matches!(b, b' '..=b'~')) {
        Ok(text.into())
    } else {
        Err("is no realm\nwrite printable ASCII, at most 255 characters".into())
    }
}

/// What access tokens must be.
fn access(r: &mut Reader<'_>, section: &Section<'_>) -> AccessRules {
    let texts = r.some_texts(section, "audience").unwrap_or_default();
    let words = [("dpop", Demand::Dpop), ("certificate", Demand::Certificate), ("any", Demand::Any)];
    AccessRules {
        audience: oauth::distinct(r, texts, "this audience is listed twice", oauth::resource),
        proof: r.optional_word(section, "proof", &words),
        dpop_nonce: r.flag(section, "dpop_nonce", false),
    }
}

/// The directories that are asked, in order; by default all.
fn asked(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Vec<Arc<str>> {
    let all: Vec<Arc<str>> = directories.iter().map(|directory| Arc::clone(&directory.name)).collect();
    let Some(texts) = r.some_texts(section, "directory") else { return all };
    let mut asked: Vec<Arc<str>> = Vec::new();
    for text in texts {
        match all.iter().find(|name| ***name == *text.value) {
            Some(name) if asked.contains(name) => r.error(text.span, "this directory is listed twice"),
            Some(name) => asked.push(Arc::clone(name)),
            None => {
                let near = if text.is_literal() { hints::nearest(&text.value, all.iter().map(AsRef::as_ref)) } else { None };
                let hint = match near {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None if all.is_empty() => "there is no [[directory]]".into(),
                    None => format!("there are {}", hints::list(all.iter().map(|name| format!("\"{name}\"")), "and")),
                };
                let message = format!("{} is no directory", text.shown());
                r.error_with(text.span, message, hint);
            }
        }
    }
    asked
}

fn guards(r: &mut Reader<'_>, section: &Section<'_>, is_session: bool) -> Guards {
    let Some(texts) = r.texts(section, "guard") else { return Guards { csrf: true, ajax: false } };
    let mut guards = Guards { csrf: false, ajax: false };
    for text in &texts {
        match r.one_of("guard", text, &[("csrf", true), ("ajax", false)]) {
            Some(true) => guards.csrf = true,
            Some(false) => guards.ajax = true,
            None => {}
        }
    }
    if texts.is_empty() && is_session {
        let message = "nothing but the request's origin stands between this session and other sites";
        r.warn(section.place("guard"), message, "guard = [\"csrf\"] asks for a token on unsafe methods");
    }
    guards
}
