//! Firewalls of several methods beside each other: a page of one that calls an API of the other.

use crate::{
    load::Draft,
    patterns,
    reader::{Reader, Span},
};
use doorward_core::{
    Carries, Facts, Provenance,
    firewall::{Authentication, Firewall},
};
use http::Method;
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

/// A host that nobody names.
const ANY_HOST: &str = "host.invalid";

pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    let hosts = hosts(draft);
    back_office(r, draft, &hosts);
    shop(r, draft, &hosts);
}

/// Pages under a session firewall call the session API of their own host. Where that is under a firewall of another method,
/// they cannot sign in: the back-office trap of Ibexa's documentation (ibexa-rest 4).
fn back_office(r: &mut Reader<'_>, draft: &Draft, hosts: &[String]) {
    if !draft.api.serve.sessions {
        return;
    }
    let mut warned = Vec::new();
    for path in draft.api.ibexa_prefixes.iter().map(|prefix| format!("{prefix}/user/sessions")) {
        let Some((page, api)) = beside(draft, hosts, &Method::POST, &path) else { continue };
        if warned.contains(&&*api.0.name) {
            continue;
        }
        warned.push(&api.0.name);
        let message = format!("firewall `{}` takes the session API from the pages of its host", api.0.name);
        let hint = format!(
            "pages there are under `{}`, and sign in by {path}, which is not found under {}: give `{}` a host of its own, or \
             when = \"{}\"",
            page.name,
            title(api.0),
            api.0.name,
            when(api.0)
        );
        r.warn(api.1, message, hint);
    }
}

/// The same in a shop: a storefront calls the Magento routes with its session.
fn shop(r: &mut Reader<'_>, draft: &Draft, hosts: &[String]) {
    let Some(prefix) = draft.routes.magento_prefix.as_deref() else { return };
    let path = format!("{prefix}/V1/customers/me");
    let Some((page, api)) = beside(draft, hosts, &Method::GET, &path) else { return };
    let message = format!("sessions and tokens do not count under {prefix}: firewall `{}` judges there", api.0.name);
    let hint = format!(
        "pages of the same host are under `{}`: give `{}` a host of its own, or when = \"{}\"",
        page.name,
        api.0.name,
        when(api.0)
    );
    r.warn(api.1, message, hint);
}

/// The method of a firewall as people call it.
fn title(firewall: &Firewall) -> &'static str {
    match firewall.authentication {
        Authentication::Jwt => "JWT",
        Authentication::OAuth => "OAuth",
        _ => "Basic",
    }
}

/// What a request carries that is meant for the firewall.
fn when(firewall: &Firewall) -> &'static str {
    if firewall.authentication == Authentication::Basic { "basic" } else { "bearer" }
}

type Place = Span;

/// A session firewall whose pages stand on a host, and a firewall of another method that takes `path` on the same one from it.
fn beside<'d>(draft: &'d Draft, hosts: &[String], method: &Method, path: &str) -> Option<(&'d Firewall, (&'d Firewall, Place))> {
    hosts.iter().find_map(|host| {
        let (api, place) = first(draft, host, method, path)?;
        let place = place
            .clone()
            .filter(|_| matches!(api.authentication, Authentication::Basic | Authentication::Jwt | Authentication::OAuth))?;
        let pages = ["/login", "/"].iter().filter_map(|page| first(draft, host, &Method::GET, page));
        let page = pages.map(|(page, _)| page).find(|page| page.authentication == Authentication::Session)?;
        Some((&**page, (&**api, place)))
    })
}

/// The firewall that judges a request without credentials.
pub(super) fn first<'d>(draft: &'d Draft, host: &str, method: &Method, path: &str) -> Option<&'d (Arc<Firewall>, Option<Place>)> {
    let facts = Facts {
        method,
        host,
        path,
        secure: false,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        carries: Carries::default(),
        ajax: false,
        navigation: false,
        provenance: Provenance::Unstated,
        upgrade: false,
        acceptable: true,
        expected_user: None,
    };
    draft.firewalls.iter().find(|(firewall, _)| firewall.mismatch(&facts).is_none())
}

/// Hosts to try: those that are named anywhere, those that patterns mean, and one that nobody means.
pub(super) fn hosts(draft: &Draft) -> Vec<String> {
    let mut hosts: BTreeSet<String> = draft.hosts.iter().map(|host| host.to_string()).collect();
    let patterns = draft.firewalls.iter().filter_map(|(firewall, _)| firewall.host.as_ref());
    hosts.extend(patterns.flat_map(patterns::samples).filter(|host| !host.is_empty()).map(|host| host.to_lowercase()));
    if draft.hosts.is_empty() {
        hosts.insert(ANY_HOST.to_owned());
    } else {
        // Other hosts are not served.
        hosts.retain(|host| draft.hosts.iter().any(|served| **served == **host));
    }
    hosts.into_iter().collect()
}
