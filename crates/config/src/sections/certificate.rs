//! `[certificate]`.

use super::tls;
use crate::{
    hints,
    reader::{Reader, Span},
    settings::{ClientCertificates, Server},
};
use doorward_tls::{Form, Map};
use toml::de::DeTable;

const MAPS: [Map; 7] = [Map::Subject, Map::Cn, Map::Email, Map::Dns, Map::Uri, Map::Serial, Map::Fingerprint];

/// What was read, and where the authorities of clients stand, if that is here.
pub(crate) fn read(r: &mut Reader<'_>, root: &DeTable<'_>, server: &Server) -> (ClientCertificates, Option<Span>) {
    let section = r.section(Some(root), "certificate");
    let maps: Vec<(&str, Map)> = MAPS.iter().map(|map| (map.as_str(), *map)).collect();
    let map = r.word(&section, "map", &maps, Map::Subject);
    let form = r.text(&section, "header").and_then(|text| r.parsed(&text, header));
    let clients = tls::clients(r, &section);
    let in_handshakes = server.tls.as_ref().is_some_and(|tls| tls.clients.is_some());
    let named = section.has("client_ca");
    if named && in_handshakes {
        let hint = "leave this one out: it is for programs that embed Doorward and have no [server.tls]";
        r.error_with(section.place("client_ca"), "the authorities of clients are named in [server.tls] already", hint);
    }
    if let Some(form) = form {
        if server.trusted_proxies.is_empty() {
            let hint = "name your proxies in `trusted_proxies` of [server]";
            r.error_with(section.place("header"), "nobody is trusted to say who a client is, so no certificate counts", hint);
        }
        if in_handshakes || named {
            let message = "certificates come either from proxies (`header`) or from handshakes (`client_ca`), not from both";
            r.error_with(section.place("header"), message, "leave one of them out");
        }
        if !form.says(map) {
            let message = format!("the header does not say what `map = \"{}\"` asks for", map.as_str());
            r.error_with(
                section.place("header"),
                message,
                "\"Client-Cert\" and \"X-SSL-Client-Cert\" hold the whole certificate",
            );
        }
    }
    (ClientCertificates { map, form, clients }, named.then(|| section.place("client_ca")))
}

/// A form by the name of its header.
fn header(text: &str) -> Result<Form, String> {
    if let Some((_, form)) = Form::ALL.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
        return Ok(*form);
    }
    let names = Form::ALL.map(|(name, _)| name);
    Err(format!("is no header in which certificates come\nwrite {}", hints::either(&names)))
}
