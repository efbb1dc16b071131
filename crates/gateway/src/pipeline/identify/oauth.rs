//! An access token in each request (RFC 6750 2.1, RFC 9449 7.1). Neither a form nor a query is looked at (RFC 9700 4.3.2).

use super::{Identified, Known, Proved, is_asked};
use crate::api::Asked;
use doorward_auth::{AccessAsked, Fault, LiveToken, OwnIssuer, WebError};
use doorward_core::{
    Offer,
    firewall::Firewall,
    policy::{Directory, Policy},
};
use doorward_oauth::{
    rfc9068,
    rfc9449::{Asks, Nonces, Scheme, Sent, Unproved, prove},
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use std::sync::Arc;

pub(super) async fn identify(known: &Known<'_>, policy: &Policy, asked: &Asked<'_>, firewall: &Firewall) -> Identified {
    let Some((scheme, token)) = token(asked.headers) else {
        return match asked.carries.bearer {
            true => {
                refused("`Authorization: Bearer` or `DPoP` is not followed by one space and one token", Fault::Invalid, false)
            }
            false => Identified::absent(),
        };
    };
    let by_proof = scheme == Scheme::Dpop;
    let directories: Vec<Arc<Directory>> =
        firewall.directories.iter().filter_map(|name| policy.directory(name)).cloned().collect();
    let own = policy.oauth.as_ref().map(|oauth| OwnIssuer { issuer: &oauth.issuer, audience: oauth.usual_audience() });
    let audience = &firewall.access.audience;
    let question = AccessAsked { directories: &directories, profile: &rfc9068::PROFILE, own, audience, client: asked.client };
    let live = match known.tokens.find_access(token, &question).await {
        Ok(live) if is_asked(policy, firewall, &live.account()) => live,
        Ok(_) => return refused("it is of a directory that the firewall does not ask", Fault::Invalid, by_proof),
        Err(WebError::Refused { why, fault }) => return refused(why, fault, by_proof),
        Err(error @ (WebError::Unavailable(_) | WebError::Unknown(_))) => return unknown(&error),
    };
    possessed(known, policy, asked, firewall, (scheme, token), live).await
}

/// Whether the caller has what the token is bound to. Nothing of that is remembered: each request proves it anew.
async fn possessed(
    known: &Known<'_>,
    policy: &Policy,
    asked: &Asked<'_>,
    firewall: &Firewall,
    (scheme, token): (Scheme, &str),
    live: Arc<LiveToken>,
) -> Identified {
    let rules = &firewall.access;
    let nonces = known.proofs.filter(|_| rules.dpop_nonce).map(|auth| Nonces::of(auth.nonce_key()));
    let url = policy.place_at(asked.host).map(|place| format!("{place}{}", asked.path));
    let bound = live.bound();
    let now = known.holders.now();
    let shown = asked.certificate.filter(|_| bound.certificate.is_some()).map(|certificate| certificate.thumbprint(now));
    let sent = Sent {
        scheme,
        token,
        headers: asked.headers,
        method: asked.method.as_str(),
        url: url.as_deref(),
        certificate: shown.as_ref(),
    };
    let once = known.proofs.map(|auth| &**auth.store());
    let by_proof = scheme == Scheme::Dpop;
    match prove(&sent, &bound, &Asks { demand: rules.proof, nonces, once, now }).await {
        Ok(nonce) => Identified { nonce: nonce.and_then(header), by_proof, ..Identified::proved(Proved::Token(live), false) },
        Err(Unproved::Token(why)) => refused(why, Fault::Invalid, by_proof),
        Err(Unproved::Proof(why)) => refused(why, Fault::Proof, by_proof),
        Err(Unproved::Nonce) => {
            let nonce = nonces.and_then(|nonces| header(nonces.current(now)));
            Identified { nonce, ..refused("its proof has no nonce that was given lately", Fault::Nonce, by_proof) }
        }
        Err(why @ Unproved::Unavailable(_)) => unknown(&why),
    }
}

/// How the one token of a request was sent, and the token.
fn token(headers: &HeaderMap) -> Option<(Scheme, &str)> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    Scheme::split(line.to_str().ok()?)
}

fn header(nonce: String) -> Option<HeaderValue> {
    HeaderValue::try_from(nonce).ok()
}

fn refused(why: &'static str, fault: Fault, by_proof: bool) -> Identified {
    Identified { fault: Some(fault), by_proof, ..Identified::offered(Offer::Refused(why)) }
}

fn unknown(error: &dyn std::fmt::Display) -> Identified {
    Identified::offered(Offer::Unavailable(error.to_string().into()))
}
