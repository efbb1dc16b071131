//! Firewalls that read clients' certificates: whether there are any, and who is asked for one.

use super::methods::{first, hosts};
use crate::{
    load::{ClientCertificates, Draft},
    reader::{Reader, Span},
};
use doorward_core::{
    firewall::{Authentication, Firewall, When},
    possession::Demand,
};
use http::Method;

pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    match &draft.certificates {
        ClientCertificates::Unknown | ClientCertificates::Forwarded => {}
        ClientCertificates::Never => readers(draft).for_each(|(firewall, place)| carried_by_nobody(r, firewall, place)),
        ClientCertificates::Shown(client_ca) => {
            // Without any firewall of the file, one of sessions stands.
            let mtls = draft.oauth.as_ref().is_some_and(|oauth| oauth.mtls.is_some());
            if !mtls && !draft.firewalls.iter().any(|(firewall, _)| reads(firewall)) {
                let hint = "write `authentication = \"certificate\"`, or `when = \"certificate\"`, or `proof = \"certificate\"`, into a firewall; or leave it out";
                r.warn(client_ca.clone(), "no firewall looks at certificates, so no client is asked for one", hint);
            }
            readers(draft).for_each(|(firewall, place)| asks_everybody(r, draft, firewall, place));
        }
    }
}

/// The firewalls of the file that look at certificates.
fn readers(draft: &Draft) -> impl Iterator<Item = (&Firewall, Span)> {
    let placed = draft.firewalls.iter().filter_map(|(firewall, place)| Some((&**firewall, place.clone()?)));
    placed.filter(|(firewall, _)| reads(firewall))
}

fn reads(firewall: &Firewall) -> bool {
    let bound = firewall.access.proof.is_some_and(Demand::reads_certificates);
    firewall.authentication == Authentication::Certificate || firewall.when == Some(When::Certificate) || bound
}

fn carried_by_nobody(r: &mut Reader<'_>, firewall: &Firewall, place: Span) {
    let hint = "name `client_ca` in [server.tls] or, behind a proxy that asks for certificates, `header` in [certificate]";
    if firewall.access.proof == Some(Demand::Any) {
        r.warn(place, format!("tokens under `{}` cannot be bound to certificates: no request carries one", firewall.name), hint);
    } else if firewall.authentication == Authentication::Certificate || firewall.access.proof.is_some() {
        r.error_with(place, format!("nobody can pass firewall `{}`: no request carries a certificate", firewall.name), hint);
    } else {
        r.warn(place, format!("firewall `{}` can never match: no request carries a certificate", firewall.name), hint);
    }
}

/// A handshake knows the host alone: without one in the firewall, browsers of people who sign in ask for certificates, too.
fn asks_everybody(r: &mut Reader<'_>, draft: &Draft, firewall: &Firewall, place: Span) {
    if firewall.host.is_some() {
        return;
    }
    let pages = hosts(draft).into_iter().find_map(|host| {
        let pages = ["/login", "/"].iter().filter_map(|page| first(draft, &host, &Method::GET, page));
        pages.map(|(page, _)| page).find(|page| page.authentication == Authentication::Session)
    });
    if let Some(pages) = pages {
        let message =
            format!("firewall `{}` has no `host`, so every browser is asked for a certificate at every host", firewall.name);
        let hint = format!("people sign in under `{}`: give `{}` a host of its own", pages.name, firewall.name);
        r.warn(place, message, hint);
    }
}
