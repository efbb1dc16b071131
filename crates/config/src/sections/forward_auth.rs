//! `[[forward_auth]]`.

use super::web;
use crate::{
    reader::{Reader, Section, Span},
    settings::{ClientAddress, Server},
};
use doorward_core::forward_auth::{Convention, ForwardAuth};
use toml::de::DeTable;

/// One of them, and where its path stands.
pub(crate) type Placed = (ForwardAuth, Span);

pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, server: &Server) -> Vec<Placed> {
    let mut all: Vec<Placed> = Vec::new();
    let sections = r.sections(root, "forward_auth");
    if let Some(first) = sections.first() {
        check_server(r, first, server);
    }
    for section in sections {
        let Some(endpoint) = one(r, &section) else { continue };
        let place = section.place("path");
        if let Some((other, _)) = all.iter().find(|(other, _)| meet(other, &endpoint)) {
            r.error(place.clone(), format!("the path \"{}\" is for `{}` already", other.path, other.convention.as_str()));
        }
        all.push((endpoint, place));
    }
    all
}

fn one(r: &mut Reader<'_>, section: &Section<'_>) -> Option<ForwardAuth> {
    let words = Convention::ALL.map(|convention| (convention.as_str(), convention));
    let convention = r.required(section, "convention").and_then(|text| r.one_of("convention", &text, &words));
    let path = r.required(section, "path").and_then(|text| {
        r.parsed(&text, |text| match web::path_prefix(text) {
            Ok(path) if path.is_empty() => Err("is no path of its own\nfor example: \"/_doorward/verdict\"".into()),
            other => other,
        })
    });
    Some(ForwardAuth { convention: convention?, path: path?.into() })
}

/// Whether a path could be a question to both.
fn meet(a: &ForwardAuth, b: &ForwardAuth) -> bool {
    a.path == b.path || a.takes(&b.path) || b.takes(&a.path)
}

/// What all of them need of `[server]`.
fn check_server(r: &mut Reader<'_>, section: &Section<'_>, server: &Server) {
    if server.trusted_proxies.is_empty() {
        let hint = "name the proxy that asks in `trusted_proxies` of [server]";
        r.error_with(section.span.clone(), "nobody is trusted to ask, so every question is refused", hint);
    }
    match server.client_address {
        ClientAddress::ProxyProtocol => {
            let hint = "set `client_address = \"x-forwarded-for\"` in [server], and let the proxy send that header";
            let message = "a question says for whom it is asked in a header, and `client_address` reads the PROXY protocol";
            r.error_with(section.span.clone(), message, hint);
        }
        ClientAddress::Peer => {
            let hint = "set `client_address = \"x-forwarded-for\"` in [server], and let the proxy send that header";
            r.warn(section.span.clone(), "every client of the proxy that asks has the address of that proxy here", hint);
        }
        ClientAddress::XForwardedFor | ClientAddress::Forwarded => {}
    }
}
