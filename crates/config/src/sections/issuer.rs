//! `[[issuer]]`.

use super::{
    firewall,
    jwt::{MOST_LEEWAY, leeway, name},
    tls::file,
};
use crate::{
    hints,
    reader::{Reader, Section, Text},
    settings::{FetchedKeys, Introspection, Issuer, IssuerKeys, IssuerUser},
};
use doorward_core::{
    Kind, OAuth, firewall::Authentication, identity::ROLE_USER, name::flaw, policy::Directory, ports::RemoteUrl,
};
use doorward_crypto::jwt::{Algorithm, KeySet};
use doorward_tls::{Authorities, Chain};
use std::{sync::Arc, time::Duration};
use toml::de::{DeTable, DeValue};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
/// Bounds of `refresh`, and the longest `stale` and `retry`.
const REFRESH: (Duration, Duration) = (SECOND, Duration::from_secs(7 * 24 * 3600));
const MOST_STALE: Duration = Duration::from_secs(30 * 24 * 3600);
/// Clocks of different machines differ by so much, usually.
const LEEWAY: Duration = Duration::from_secs(30);
/// What tells a token from others (RFC 7519 5.1).
const TYPE: &str = "JWT";

/// `ours` are the names under which we issue tokens ourselves, and the tables that say so.
pub(crate) fn read(
    r: &mut Reader<'_>,
    root: &DeTable<'_>,
    directories: &[Arc<Directory>],
    ours: &[(&'static str, &str)],
) -> Vec<Issuer> {
    let mut all: Vec<Issuer> = Vec::new();
    for section in r.sections(root, "issuer") {
        let Some(issuer) = one(r, &section, directories) else { continue };
        if all.iter().any(|other| other.issuer == issuer.issuer) {
            r.error(section.place("issuer"), format!("there is an issuer \"{}\" already", issuer.issuer));
        }
        if let Some((table, _)) = ours.iter().find(|(_, own)| *own == &*issuer.issuer) {
            let message = format!("\"{}\" is the `issuer` of [{table}]: nobody could tell its tokens from ours", issuer.issuer);
            r.error(section.place("issuer"), message);
        }
        all.push(issuer);
    }
    all
}

/// Warns of issuers whose tokens no firewall reads, and of firewalls for whose directories nobody issues tokens.
pub(crate) fn check(
    r: &mut Reader<'_>,
    root: &DeTable<'_>,
    issuers: &[Issuer],
    introspections: &[Introspection],
    firewalls: &[firewall::Placed],
    own: Option<&OAuth>,
) {
    for (firewall, place) in firewalls.iter().filter(|(firewall, _)| firewall.authentication == Authentication::OAuth) {
        let mut vouching = issuers.iter().map(|one| &one.directory).chain(introspections.iter().map(|one| &one.directory));
        let vouched = own.is_some() || vouching.any(|directory| firewall.directories.contains(directory));
        let place = place.clone();
        if let Some(place) = place.clone().filter(|_| !vouched) {
            let message = format!("no [[issuer]] vouches for a directory that `{}` asks: no token counts there", firewall.name);
            r.warn(place, message, "add an [[issuer]] whose access tokens are to count, or [oauth]");
        }
        // Where others issue tokens, too, they may well be for it.
        let Some((own, place)) = own.zip(place).filter(|_| issuers.is_empty() && introspections.is_empty()) else { continue };
        let given = |audience: &Arc<str>| own.usual_audience() == audience || own.resources.contains(audience);
        for audience in firewall.access.audience.iter().filter(|audience| !given(audience)) {
            let message = format!("`{}` wants tokens for \"{audience}\", and nobody issues such", firewall.name);
            r.warn(place.clone(), message, "add it to `resources` in [oauth]");
        }
    }
    for section in r.sections(root, "issuer") {
        let named = r.text(&section, "issuer");
        let issuer = named.and_then(|name| issuers.iter().find(|issuer| *issuer.issuer == *name.value));
        let reads = |issuer: &&Issuer| {
            firewalls.iter().any(|(firewall, _)| {
                matches!(firewall.authentication, Authentication::Jwt | Authentication::OAuth)
                    && firewall.directories.contains(&issuer.directory)
            })
        };
        if let Some(issuer) = issuer.filter(|issuer| !reads(issuer)) {
            let message = format!(
                "no firewall with `authentication = \"jwt\"` or \"oauth\" asks `{}`: its tokens never count",
                issuer.directory
            );
            r.warn(section.place("directory"), message, "add one, with `when = \"bearer\"` before the others");
        }
    }
}

fn one(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Option<Issuer> {
    let issuer = r.required(section, "issuer").and_then(|text| r.parsed(&text, name));
    let keys = keys(r, section);
    let audience = audience(r, section);
    let directory = directory(r, section, directories);
    let user = user(r, section, "preferred_username");
    let (roles_claim, roles) = claim_and_roles(r, section);
    let algorithms = algorithms(r, section);
    let types = types(r, section);
    let leeway = leeway(r, section, LEEWAY);
    if leeway > MOST_LEEWAY {
        r.error(section.place("leeway"), "clocks that differ by more than five minutes need to be set");
    }
    Some(Issuer {
        issuer: issuer?,
        keys: keys?,
        audience: audience?,
        directory: directory?,
        user: user?,
        roles_claim,
        roles,
        algorithms,
        types,
        leeway,
    })
}

/// Either a file, or a URL and how it is asked.
fn keys(r: &mut Reader<'_>, section: &Section<'_>) -> Option<IssuerKeys> {
    match (section.has("jwks_url"), section.has("keys")) {
        (true, false) => fetched(r, section).map(IssuerKeys::Fetched),
        (false, true) => {
            for key in ["ca", "refresh", "stale", "retry"].into_iter().filter(|key| section.has(key)) {
                r.error(section.place(key), format!("`{key}` is about keys that are fetched, and these are in a file"));
            }
            fixed(r, section).map(IssuerKeys::Fixed)
        }
        (true, true) => {
            r.error(section.place("keys"), "an issuer has either `jwks_url` or `keys`");
            None
        }
        (false, false) => {
            let hint = "jwks_url = \"https://...\": where it publishes its keys; or keys = \"FILE\"";
            r.error_with(section.span.clone(), "[[issuer]] needs `jwks_url` or `keys`", hint);
            None
        }
    }
}

fn fixed(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Arc<str>> {
    let text = r.text(section, "keys")?;
    let (set, json) = file(r, &text, |json| {
        let set = KeySet::parse(json.as_bytes()).map_err(|why| format!("cannot be used: {why}"))?;
        if set.keys.is_empty() { Err("holds no key that verifies".into()) } else { Ok((set, Arc::from(json))) }
    })?;
    for (place, why) in set.others {
        let message = format!("key number {} of {} does not count: {why}", place + 1, text.shown());
        r.warn(text.span.clone(), message, "leave it out, if nobody signs with it");
    }
    Some(json)
}

fn fetched(r: &mut Reader<'_>, section: &Section<'_>) -> Option<FetchedKeys> {
    let text = r.text(section, "jwks_url")?;
    let url = r.parsed(&text, |text| RemoteUrl::parse(text).map_err(str::to_owned));
    let ca = r.text(section, "ca");
    if let (Some(url), Some(ca)) = (&url, &ca)
        && !url.is_secure()
    {
        r.error(ca.span.clone(), "`ca` vouches for servers that are asked over `https`");
    }
    let authorities = ca.and_then(|text| file(r, &text, |pem| Authorities::only(&Chain::read(pem)?)));
    let refresh = r.duration(section, "refresh", HOUR / 4);
    let stale = r.duration(section, "stale", 4 * HOUR);
    let retry = r.duration(section, "retry", 10 * SECOND);
    if refresh < REFRESH.0 || refresh > REFRESH.1 {
        r.error(section.place("refresh"), "keys are fetched once a second at most and once a week at least");
    }
    if stale < refresh || stale > MOST_STALE {
        r.error(section.place("stale"), "keys count for `refresh` at least, and for 30 days at most");
    }
    if retry < SECOND || retry > HOUR {
        r.error(section.place("retry"), "a pause lasts from a second to an hour");
    }
    // Without the authorities that it names, those of the system would count.
    if section.has("ca") && authorities.is_none() {
        return None;
    }
    Some(FetchedKeys { url: url?, authorities, refresh, stale, retry })
}

pub(super) fn audience(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Vec<Arc<str>>> {
    if !section.has("audience") {
        let hint = "audience = \"...\": what its tokens for this API name in `aud`; without it tokens for others would count";
        r.error_with(section.span.clone(), format!("{} needs `audience`", section.table.header()), hint);
        return None;
    }
    let texts = r.some_texts(section, "audience")?;
    let mut all: Vec<Arc<str>> = Vec::new();
    for text in texts {
        let one = r.parsed(&text, name)?;
        if all.contains(&one) {
            r.error(text.span, "this audience is listed twice");
        } else {
            all.push(one);
        }
    }
    (!all.is_empty()).then_some(all)
}

pub(super) fn directory(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Option<Arc<str>> {
    let text = r.required(section, "directory")?;
    if let Some(directory) = directories.iter().find(|directory| *directory.name == *text.value) {
        return Some(Arc::clone(&directory.name));
    }
    let message = format!("{} is no directory", text.shown());
    match hints::nearest(&text.value, directories.iter().map(|directory| &*directory.name)).filter(|_| text.is_literal()) {
        Some(near) => r.error_with(text.span, message, format!("did you mean \"{near}\"?")),
        None => r.error(text.span, message),
    }
    None
}

/// By what an account is found; `usual` is the claim that is a login where none is named.
pub(super) fn user(r: &mut Reader<'_>, section: &Section<'_>, usual: &str) -> Option<IssuerUser> {
    let linked = r.word(section, "user", &[("login", false), ("link", true)], false);
    match (linked, section.has("login_claim")) {
        (false, false) => Some(IssuerUser::Claim(vec![usual.into()])),
        (false, true) => claim(r, section, "login_claim").map(IssuerUser::Claim),
        (true, false) => Some(IssuerUser::Linked),
        (true, true) => {
            let message = "`login_claim` names a login, and `user = \"link\"` goes by `iss` and `sub`";
            r.error_with(section.place("login_claim"), message, "leave one of them out");
            None
        }
    }
}

/// Names from the outside in: a text is cut at its dots, a list is not.
fn claim(r: &mut Reader<'_>, section: &Section<'_>, key: &'static str) -> Option<Vec<Box<str>>> {
    let listed = section.value(key)?.get_ref().as_array().is_some();
    let texts = r.some_texts(section, key)?;
    let names: Vec<Box<str>> = match &*texts {
        [one] if !listed => one.value.split('.').map(Into::into).collect(),
        all => all.iter().map(|text| text.value.as_str().into()).collect(),
    };
    if names.is_empty() || names.iter().any(|name| name.is_empty()) {
        let hint = "\"groups\", \"realm_access.roles\", or [\"https://example.com/roles\"] for a name with dots";
        r.error_with(section.place(key), format!("`{key}` names no claim"), hint);
        return None;
    }
    Some(names)
}

/// The claim, and what roles stand for what.
pub(super) type Roles = (Option<Vec<Box<str>>>, Vec<(Box<str>, Vec<Arc<str>>)>);

pub(super) fn claim_and_roles(r: &mut Reader<'_>, section: &Section<'_>) -> Roles {
    let example = format!("[{}.roles]\n\"group\" = \"ROLE_X\"", section.table.name);
    let claim = claim(r, section, "roles_claim");
    let mut all = Vec::new();
    let Some(value) = section.value("roles") else {
        if section.has("roles_claim") {
            let message = "`roles_claim` gives no role by itself: `roles` is missing";
            r.error_with(section.place("roles_claim"), message, example);
        }
        return (claim, all);
    };
    let DeValue::Table(content) = value.get_ref() else {
        r.error_with(value.span(), "`roles` must be a table", example);
        return (claim, all);
    };
    if !section.has("roles_claim") {
        let hint = "roles_claim = \"groups\": the claim that names them";
        r.error_with(value.span(), "`roles` maps what stands in `roles_claim`, which is missing", hint);
    }
    for (said, value) in content.iter() {
        let texts = r.texts_of("roles", value);
        let given = texts.iter().filter_map(|text| role(r, text)).collect();
        all.push((said.get_ref().to_string().into(), given));
    }
    (claim, all)
}

/// A role that an issuer may give: none that says what somebody is here.
fn role(r: &mut Reader<'_>, text: &Text) -> Option<Arc<str>> {
    let name = &*text.value;
    if let Some(flaw) = flaw(name) {
        r.error(text.span.clone(), format!("{} is no role: its name {flaw}", text.shown()));
        return None;
    }
    let implied = name == ROLE_USER || Kind::ALL.iter().any(|kind| kind.role() == name);
    if implied || name == "PUBLIC_ACCESS" || name.starts_with("IS_AUTHENTICATED") || name.starts_with("ROLE_OAUTH2_") {
        let hint = "map to a role that was made by `doorward role add`";
        r.error_with(text.span.clone(), format!("{} is no role that can be given", text.shown()), hint);
        return None;
    }
    Some(name.into())
}

fn algorithms(r: &mut Reader<'_>, section: &Section<'_>) -> Vec<Algorithm> {
    let Some(texts) = r.some_texts(section, "algorithms") else { return Algorithm::PUBLIC.to_vec() };
    let words = Algorithm::PUBLIC.map(|algorithm| (algorithm.as_str(), algorithm));
    texts.iter().filter_map(|text| r.one_of("algorithms", text, &words)).collect()
}

fn types(r: &mut Reader<'_>, section: &Section<'_>) -> Vec<Box<str>> {
    let Some(texts) = r.some_texts(section, "types") else { return vec![TYPE.into()] };
    let sound = |text: &str| {
        let token = |b: u8| b.is_ascii_alphanumeric() || b"+-._".contains(&b);
        if !text.is_empty() && text.len() <= 64 && text.bytes().all(token) {
            Ok(text.into())
        } else {
            Err("is no type of a token\nwrite it without `application/`, such as \"JWT\" or \"at+jwt\"".into())
        }
    };
    texts.iter().filter_map(|text| r.parsed(text, sound)).collect()
}
