//! An access token in each request (RFC 6750 2.1). Neither a form nor a query is looked at (RFC 9700 4.3.2).

use super::{Identified, Proved, bearer, is_asked};
use crate::api::Asked;
use doorward_auth::{AccessAsked, Fault, OwnIssuer, Tokens, WebError};
use doorward_core::{
    Offer,
    firewall::Firewall,
    policy::{Directory, Policy},
};
use doorward_oauth::rfc9068;
use std::sync::Arc;

pub(super) async fn identify(tokens: &Tokens, policy: &Policy, asked: &Asked<'_>, firewall: &Firewall) -> Identified {
    let Some(token) = bearer(asked.headers) else {
        return match asked.carries.bearer {
            true => refused("`Authorization: Bearer` is not followed by one space and one token", Fault::Invalid),
            false => Identified::absent(),
        };
    };
    let directories: Vec<Arc<Directory>> =
        firewall.directories.iter().filter_map(|name| policy.directory(name)).cloned().collect();
    let own = policy.oauth.as_ref().map(|oauth| OwnIssuer { issuer: &oauth.issuer, audience: oauth.usual_audience() });
    let question =
        AccessAsked { directories: &directories, profile: &rfc9068::PROFILE, own, audience: &firewall.access.audience };
    match tokens.find_access(token, &question).await {
        Ok(live) if is_asked(policy, firewall, &live.account()) => Identified::proved(Proved::Token(live), false),
        Ok(_) => refused("it is of a directory that the firewall does not ask", Fault::Invalid),
        Err(WebError::Refused { why, fault }) => refused(why, fault),
        Err(error @ (WebError::Unavailable(_) | WebError::Unknown(_))) => {
            Identified::offered(Offer::Unavailable(error.to_string().into()))
        }
    }
}

fn refused(why: &'static str, fault: Fault) -> Identified {
    Identified { fault: Some(fault), ..Identified::offered(Offer::Refused(why)) }
}
