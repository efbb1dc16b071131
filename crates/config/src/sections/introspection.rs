//! `[[introspection]]`.

use super::{
    firewall,
    issuer::{audience, claim_and_roles, directory, user},
    jwt::{MOST_LEEWAY, leeway, name},
    tls::file,
};
use crate::{
    reader::{Reader, Section},
    settings::{Introspection, Secrets},
};
use doorward_core::{firewall::Authentication, policy::Directory, ports::RemoteUrl};
use doorward_tls::{Authorities, Chain};
use std::{sync::Arc, time::Duration};
use toml::de::DeTable;

const SECOND: Duration = Duration::from_secs(1);
/// Bounds of `timeout`.
const TIMEOUT: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// Bounds of `cache`: a token counts for so long that was ended where it was made.
const CACHE: (Duration, Duration) = (SECOND, Duration::from_secs(3600));

pub(crate) fn read(
    r: &mut Reader<'_>,
    root: &DeTable<'_>,
    directories: &[Arc<Directory>],
    own: Option<&str>,
) -> Vec<Introspection> {
    let mut all: Vec<Introspection> = Vec::new();
    for section in r.sections(root, "introspection") {
        let Some(one) = one(r, &section, directories) else { continue };
        if own == Some(&*one.issuer) {
            let message = format!("\"{}\" is the `issuer` of [oauth]: its tokens are known here without asking", one.issuer);
            r.error(section.place("issuer"), message);
        }
        if all.iter().any(|other| other.directory == one.directory) {
            let message = format!("another [[introspection]] vouches for `{}`: nobody could tell whom to ask", one.directory);
            r.error(section.place("directory"), message);
        }
        all.push(one);
    }
    all
}

/// A token says nothing of who made it, so a firewall asks one server; and warns of servers that no firewall asks.
pub(crate) fn check(r: &mut Reader<'_>, root: &DeTable<'_>, all: &[Introspection], firewalls: &[firewall::Placed]) {
    let oauth = |placed: &&firewall::Placed| placed.0.authentication == Authentication::OAuth;
    for (firewall, place) in firewalls.iter().filter(oauth) {
        let asked = all.iter().filter(|one| firewall.directories.contains(&one.directory)).count();
        if let Some(place) = place.clone().filter(|_| asked > 1) {
            let message =
                format!("`{}` asks directories of several [[introspection]]: nobody could tell whom to ask", firewall.name);
            r.error_with(place, message, "name the `directory` of one of them");
        }
    }
    for section in r.sections(root, "introspection") {
        let named = r.text(&section, "issuer");
        let one = named.and_then(|name| all.iter().find(|one| *one.issuer == *name.value));
        let reads =
            |one: &&Introspection| firewalls.iter().filter(oauth).any(|(own, _)| own.directories.contains(&one.directory));
        if let Some(one) = one.filter(|one| !reads(one)) {
            let message = format!("no firewall with `authentication = \"oauth\"` asks `{}`: nobody is ever asked", one.directory);
            r.warn(section.place("directory"), message, "add one, with `when = \"bearer\"` before the others");
        }
    }
}

fn one(r: &mut Reader<'_>, section: &Section<'_>, directories: &[Arc<Directory>]) -> Option<Introspection> {
    let issuer = r.required(section, "issuer").and_then(|text| r.parsed(&text, name));
    let endpoint = r.required(section, "endpoint");
    let endpoint = endpoint.and_then(|text| r.parsed(&text, |text| RemoteUrl::parse(text).map_err(str::to_owned)));
    let client_id = r.required(section, "client_id").and_then(|text| r.parsed(&text, name));
    let client_secret = secret(r, section);
    let audience = audience(r, section);
    let directory = directory(r, section, directories);
    let methods = [("client_secret_basic", false), ("client_secret_post", true)];
    let secret_in_form = r.word(section, "auth_method", &methods, false);
    let user = user(r, section, "username");
    let (roles_claim, roles) = claim_and_roles(r, section);
    let leeway = leeway(r, section, Duration::ZERO);
    if leeway > MOST_LEEWAY {
        r.error(section.place("leeway"), "clocks that differ by more than five minutes need to be set");
    }
    let timeout = r.duration(section, "timeout", 5 * SECOND);
    if timeout < TIMEOUT.0 || timeout > TIMEOUT.1 {
        r.error(section.place("timeout"), "an answer is waited for from a tenth of a second to ten seconds");
    }
    let cache = r.duration(section, "cache", 30 * SECOND);
    if cache < CACHE.0 || cache > CACHE.1 {
        r.error(section.place("cache"), "an answer counts from a second to an hour");
    }
    let authorities = authorities(r, section, endpoint.as_ref());
    // Without the authorities that it names, those of the system would count.
    if section.has("ca") && authorities.is_none() {
        return None;
    }
    Some(Introspection {
        issuer: issuer?,
        endpoint: endpoint?,
        client_id: client_id?,
        client_secret: client_secret?,
        audience: audience?,
        directory: directory?,
        secret_in_form,
        user: user?,
        roles_claim,
        roles,
        authorities,
        leeway,
        timeout,
        cache,
    })
}

fn secret(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Secrets> {
    if !section.has("client_secret") {
        let hint = "client_secret = \"file:PATH\": whoever may ask about tokens has to prove who it is (RFC 7662 2.1)";
        r.error_with(section.span.clone(), "[[introspection]] needs `client_secret`", hint);
        return None;
    }
    let text = r.secret(section, "client_secret")?;
    if text.is_literal() {
        let message = "`client_secret` of [[introspection]] stands in this file: all who read it can be this client";
        // Marking the value would show it.
        r.warn(section.span.clone(), message, "write \"file:PATH\" or \"${ENV_NAME}\"");
    }
    if text.value.is_empty() || text.value.chars().any(char::is_control) {
        let span = if text.is_literal() { section.span.clone() } else { text.span };
        r.error(span, "`client_secret` holds no secret");
        return None;
    }
    Some(Secrets(vec![text.value.into()]))
}

fn authorities(r: &mut Reader<'_>, section: &Section<'_>, endpoint: Option<&RemoteUrl>) -> Option<Authorities> {
    let text = r.text(section, "ca")?;
    if endpoint.is_some_and(|url| !url.is_secure()) {
        r.error(text.span.clone(), "`ca` vouches for servers that are asked over `https`");
    }
    file(r, &text, |pem| Authorities::only(&Chain::read(pem)?))
}
