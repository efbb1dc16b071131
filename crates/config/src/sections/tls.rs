//! `[server.tls]` and `[[server.tls.sni]]`.

use super::web::{self, PublicUrl};
use crate::{
    files::ReadError,
    reader::{Reader, Section, Span, Text},
    settings::{Certificate, ClientTrust, Tls},
};
use doorward_tls::{Chain, Clients, Identity, Key, Revoked};
use std::{collections::BTreeSet, sync::Arc};

/// A year (ASVS 5.0, 3.4.1).
const HSTS: u64 = 365 * 24 * 3600;

/// What was read, and where the authorities of clients stand.
pub(crate) type Read = (Option<Tls>, Option<Span>);

pub(crate) fn read(r: &mut Reader<'_>, server: &Section<'_>, public_url: Option<&PublicUrl>) -> Read {
    if !server.has("tls") {
        return (None, None);
    }
    let section = r.section(Reader::content(server), "server.tls");
    if public_url.is_some_and(|url| !url.secure) {
        let hint = "write the https URL that browsers use";
        r.error_with(server.place("public_url"), "`public_url` is plain HTTP, and [server.tls] speaks HTTPS alone", hint);
    }
    let certificate = certificate(r, &section);
    let sni = match Reader::content(&section) {
        Some(content) => {
            let sections = r.sections(content, "server.tls.sni");
            let mut taken = BTreeSet::new();
            sections.iter().filter_map(|section| named(r, section, &mut taken)).collect()
        }
        None => Vec::new(),
    };
    // What browsers remember for `localhost` would hold for whatever else is tried out there.
    let loopback = public_url.is_none_or(|url| url.is_loopback);
    let hsts = hsts(r, &section, loopback);
    let clients = clients(r, &section);
    let place = clients.is_some().then(|| section.place("client_ca"));
    (certificate.map(|certificate| Tls { certificate, sni, clients, hsts }), place)
}

/// A certificate and its key, each problem at the name of its file.
fn certificate(r: &mut Reader<'_>, section: &Section<'_>) -> Option<Certificate> {
    let (chain, key) = (r.required(section, "certificate"), r.required(section, "private_key"));
    let chain = chain.and_then(|text| Some((file(r, &text, Chain::read)?, text)));
    let key = key.and_then(|text| Some((file(r, &text, Key::read)?, text)));
    let ((chain, name), (key, text)) = (chain?, key?);
    match Identity::new(chain, key) {
        Ok(identity) => Some(Certificate { name: name.shown().into(), identity }),
        Err(why) => {
            r.error(text.span.clone(), format!("{} {why} in {}", text.shown(), name.shown()));
            None
        }
    }
}

/// What a parser makes of the file that a text names; its error continues the name.
pub(super) fn file<T>(r: &mut Reader<'_>, text: &Text, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
    let read = r.files.read(&text.value);
    let file = opened(r, text, read)?;
    r.parsed(text, |_| parse(&file.text))
}

/// A file that could be read.
fn opened<F>(r: &mut Reader<'_>, text: &Text, read: Result<F, ReadError>) -> Option<F> {
    match read {
        Ok(file) => Some(file),
        Err(error) if text.is_literal() => {
            r.error(text.span.clone(), error.to_string());
            None
        }
        Err(error) => {
            r.error(text.span.clone(), format!("{} names a file that {}", text.shown(), error.why));
            None
        }
    }
}

/// What authorities publish is binary more often than not.
fn list(r: &mut Reader<'_>, text: &Text) -> Option<Revoked> {
    let read = r.files.read_bytes(&text.value);
    let file = opened(r, text, read)?;
    r.parsed(text, |_| Revoked::read(&file))
}

/// The authorities of clients, and the lists of what they revoked.
pub(super) fn clients(r: &mut Reader<'_>, section: &Section<'_>) -> Option<ClientTrust> {
    let authorities = r.text(section, "client_ca").and_then(|text| Some((file(r, &text, Chain::read)?, text)));
    let files = r.texts(section, "client_crl").unwrap_or_default();
    let lists: Vec<(Arc<str>, Revoked)> = files.iter().filter_map(|text| Some((text.shown().into(), list(r, text)?))).collect();
    if section.has("client_crl") && !section.has("client_ca") {
        let hint = "name the authorities in `client_ca`";
        r.error_with(section.place("client_crl"), "`client_crl` revokes certificates of clients, and none is asked for", hint);
    }
    let (authorities, text) = authorities?;
    // Without a list that cannot be read, what it revokes would count.
    if lists.len() != files.len() {
        return None;
    }
    match Clients::new(authorities, lists.iter().map(|(_, list)| list.clone()).collect()) {
        Ok(clients) => Some(ClientTrust { name: text.shown().into(), clients, lists }),
        Err(why) => {
            r.error(text.span.clone(), format!("{} {why}", text.shown()));
            None
        }
    }
}

/// A further certificate and the names that it is for.
fn named(r: &mut Reader<'_>, section: &Section<'_>, taken: &mut BTreeSet<String>) -> Option<(Certificate, Vec<String>)> {
    let certificate = certificate(r, section);
    let given = r.some_texts(section, "hosts");
    let names = match &given {
        Some(texts) => texts.iter().filter_map(|text| r.parsed(text, name)).collect(),
        None => certificate.as_ref().map(|certificate| certificate.identity.names()).unwrap_or_default(),
    };
    if certificate.is_some() && names.is_empty() && given.is_none() {
        r.error_with(
            section.place("certificate"),
            "its certificate has no DNS name",
            "name the hosts that it is for: hosts = [..]",
        );
    }
    for name in &names {
        if !taken.insert(name.clone()) {
            r.error(section.place("hosts"), format!("another [[server.tls.sni]] is for \"{name}\" already"));
        }
    }
    Some((certificate?, names))
}

/// A host, or `*.` and the rest of one.
fn name(text: &str) -> Result<String, String> {
    match text.strip_prefix("*.") {
        Some(rest) => Ok(format!("*.{}", web::host(rest)?)),
        None => web::host(text),
    }
}

/// The value of `Strict-Transport-Security` (RFC 6797, 6.1).
fn hsts(r: &mut Reader<'_>, section: &Section<'_>, loopback: bool) -> Option<Arc<str>> {
    let subdomains = r.flag(section, "hsts_subdomains", false);
    let seconds = match r.text(section, "hsts") {
        Some(text) if text.value == "off" => None,
        Some(text) => r.parsed(&text, crate::units::duration).map(|time| time.as_secs()),
        None => (!loopback).then_some(HSTS),
    };
    if subdomains && seconds.is_none() {
        r.error(section.place("hsts_subdomains"), "`hsts_subdomains` widens `hsts`, which is off");
    }
    seconds.map(|seconds| format!("max-age={seconds}{}", if subdomains { "; includeSubDomains" } else { "" }).into())
}
