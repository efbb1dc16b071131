//! A JSON Web Token in each request (ibexa-rest 3.3).

use super::{Identified, Ignored, Proved, bearer, is_asked};
use crate::api::{Asked, TOKEN_JWT};
use doorward_auth::{Fault, Tokens, WebError};
use doorward_core::{
    Found, Offer, Target,
    firewall::Firewall,
    policy::{Dialect, Directory, Policy},
};
use http::header::AUTHORIZATION;
use std::sync::Arc;

pub(super) async fn identify(
    tokens: &Tokens,
    policy: &Policy,
    asked: &Asked<'_>,
    found: &Found<'_>,
    firewall: &Firewall,
) -> Identified {
    // Who asks for a token may well send one that has expired: the endpoint reads the password alone.
    if matches!(&found.target, Target::Own(own) if own.name == TOKEN_JWT.name) {
        let why = "this request asks for a token, by a password";
        let ignored = Ignored { credential: "bearer token", why, judged: true };
        return Identified { ignored: asked.carries.bearer.then_some(ignored).into_iter().collect(), ..Identified::absent() };
    }
    let Some(token) = bearer(asked.headers) else { return without(asked) };
    let directories: Vec<Arc<Directory>> =
        firewall.directories.iter().filter_map(|name| policy.directory(name)).cloned().collect();
    match tokens.find_web(token, &directories).await {
        Ok(live) if is_asked(policy, firewall, &live.account()) => Identified::proved(Proved::Token(live), false),
        Ok(_) => refused("it is of a directory that the firewall does not ask", Fault::Invalid),
        Err(WebError::Refused { why, fault }) => refused(why, fault),
        Err(error @ (WebError::Unavailable(_) | WebError::Unknown(_))) => {
            Identified::offered(Offer::Unavailable(error.to_string().into()))
        }
    }
}

/// A request in which no token can be read. The Ibexa dialect takes a header of another form for none, as Ibexa does;
/// elsewhere what begins with `Bearer` is a credential that is wrong. Two headers are wrong everywhere.
fn without(asked: &Asked<'_>) -> Identified {
    let several = asked.headers.get_all(AUTHORIZATION).iter().count() > 1;
    if asked.carries.bearer && (several || asked.dialect != Dialect::Ibexa) {
        return refused("`Authorization` is not `Bearer`, one space and one token", Fault::Invalid);
    }
    Identified::absent()
}

fn refused(why: &'static str, fault: Fault) -> Identified {
    Identified { fault: Some(fault), ..Identified::offered(Offer::Refused(why)) }
}
