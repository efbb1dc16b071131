//! The authorization server: whether people can sign in where it sends them, and clients show certificates where it says.

use super::methods::{first, hosts};
use crate::{
    load::{ClientCertificates, Draft},
    reader::Reader,
};
use doorward_core::{OAuth, OAuthEndpoint, firewall::Authentication};
use http::Method;

/// What people's browsers come to.
const PAGES: [OAuthEndpoint; 4] =
    [OAuthEndpoint::Authorize, OAuthEndpoint::Device, OAuthEndpoint::Applications, OAuthEndpoint::EndSession];

pub(super) fn check(r: &mut Reader<'_>, draft: &Draft) {
    let Some(oauth) = &draft.oauth else { return };
    pages(r, draft, oauth);
    certificates(r, draft, oauth);
}

/// Whoever is to allow something signs in with a session: another method knows nobody there, or nobody who could be asked.
fn pages(r: &mut Reader<'_>, draft: &Draft, oauth: &OAuth) {
    let mut warned: Vec<&str> = Vec::new();
    for host in places(draft, oauth) {
        for (path, endpoint) in &oauth.paths {
            if !PAGES.contains(endpoint) {
                continue;
            }
            let Some((firewall, place)) = first(draft, &host, &Method::GET, path) else { continue };
            if firewall.authentication == Authentication::Session || warned.contains(&&*firewall.name) {
                continue;
            }
            warned.push(&firewall.name);
            let place = place.clone().unwrap_or_else(|| draft.oauth_at.table.clone());
            let message = format!("nobody can sign in at {path}: firewall `{}` judges there", firewall.name);
            let hint = "people allow applications with a session: let an earlier firewall of sessions cover the pages of [oauth]";
            r.warn(place, message, hint);
        }
    }
}

/// Browsers come to the issuer's host; where nobody says which one that is, to every one.
fn places(draft: &Draft, oauth: &OAuth) -> Vec<String> {
    let issuer = url::Url::parse(&oauth.issuer).ok().and_then(|url| url.host_str().map(str::to_owned));
    issuer.map_or_else(|| hosts(draft), |host| vec![host])
}

/// A handshake knows the host alone.
fn certificates(r: &mut Reader<'_>, draft: &Draft, oauth: &OAuth) {
    let Some(mtls) = &oauth.mtls else { return };
    match draft.certificates {
        ClientCertificates::Unknown | ClientCertificates::Forwarded => {}
        ClientCertificates::Never => {
            let hint =
                "name `client_ca` in [server.tls] or, behind a proxy that asks for certificates, `header` in [certificate]";
            r.error_with(draft.oauth_at.mtls_url.clone(), "no client can show a certificate here", hint);
        }
        ClientCertificates::Shown(_) => {
            if places(draft, oauth).iter().any(|host| **host == *mtls.host) {
                let message = "people sign in at this host, and every browser there is asked for a certificate";
                let hint = "give clients that have certificates a host of their own, and add it to `hosts`";
                r.warn(draft.oauth_at.mtls_url.clone(), message, hint);
            }
        }
    }
}
