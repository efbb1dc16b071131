//! Session cookies and, under the Magento prefix, bearer tokens of ours.

use super::{Identified, Ignored, Known, Proved, bearer, is_asked};
use crate::{
    admit::SessionCookie,
    api::{Asked, Presented},
};
use doorward_auth::{LiveSession, Sessions, TokenError};
use doorward_core::{
    Evidence, Found, Kind, Offer, Target,
    facts::is_safe,
    firewall::Firewall,
    policy::{Dialect, Policy},
    ports::StoreError,
};
use doorward_crypto::csrf;
use std::sync::Arc;

/// Under the Magento prefix a bearer token of ours comes first, and one that is not good counts as absent (magento-webapi
/// 1.2). Elsewhere cookies alone are read.
pub(super) async fn identify(
    known: &Known<'_>,
    policy: &Policy,
    asked: &Asked<'_>,
    found: &Found<'_>,
    firewall: &Firewall,
) -> Identified {
    let token = bearer(asked.headers).filter(|_| reads_tokens(policy, asked));
    let mut ignored = None;
    if let Some(token) = token {
        match known.tokens.find(token).await {
            Ok(live) if is_asked(policy, firewall, &live.account()) => return Identified::proved(Proved::Token(live), false),
            Ok(_) => ignored = Some("it is of a directory that the firewall does not ask"),
            Err(TokenError::Refused(why)) => ignored = Some(why),
            Err(TokenError::Unavailable(error)) => {
                return Identified::offered(Offer::Unavailable(error.to_string().into()));
            }
        }
    }
    let ignored = ignored.map(|why| Ignored { credential: "bearer token", why, judged: true });
    Identified { ignored: ignored.into_iter().collect(), ..by_session(known.sessions, policy, asked, found, firewall).await }
}

/// Whether bearer tokens of ours are read at this path.
pub(super) fn reads_tokens(policy: &Policy, asked: &Asked<'_>) -> bool {
    asked.dialect == Dialect::Magento && policy.serve.tokens
}

/// The first live session in the firewall's order of directories; under the Magento prefix customers come first
/// ('Settled semantics', Session cookies). A cookie that names no live session counts as absent.
async fn by_session(
    sessions: &Sessions,
    policy: &Policy,
    asked: &Asked<'_>,
    found: &Found<'_>,
    firewall: &Firewall,
) -> Identified {
    let mut identified = Identified::absent();
    for cookie in in_order(policy, asked, firewall) {
        let live = match find(sessions, cookie).await {
            Ok(Some(live)) => live,
            Ok(None) => {
                identified.dead.push(Arc::clone(&cookie.directory));
                continue;
            }
            // Not being able to know is neither 401 nor a deleted cookie.
            Err(error) => return Identified::offered(Offer::Unavailable(error.to_string().into())),
        };
        identified.offer = Offer::Verified(Evidence {
            account: live.account(),
            ambient: true,
            csrf_valid: csrf_valid(asked, found, firewall, &cookie.value),
            scopes: None,
        });
        identified.session = Some(Presented { directory: Arc::clone(&cookie.directory), id: cookie.value.clone(), live });
        break;
    }
    identified
}

/// The session that a cookie names or, for a short while after a sign-in of the same browser, the one that took its place.
async fn find(sessions: &Sessions, cookie: &SessionCookie) -> Result<Option<Arc<LiveSession>>, StoreError> {
    match sessions.find(&cookie.directory, &cookie.value).await? {
        Some(live) => Ok(Some(live)),
        None => sessions.find_carried(&cookie.directory, &cookie.value).await,
    }
}

/// The presented cookies of the firewall's directories, in the order in which they count.
fn in_order<'a>(policy: &'a Policy, asked: &'a Asked<'a>, firewall: &'a Firewall) -> impl Iterator<Item = &'a SessionCookie> {
    let of_kind = move |kind: Option<Kind>| {
        let directories = firewall.directories.iter();
        let directories = directories.filter_map(|name| policy.directory(name));
        directories
            .filter(move |directory| kind.is_none_or(|kind| directory.kind == kind))
            .flat_map(|directory| asked.cookies.iter().filter(move |c| c.directory.name == directory.name))
    };
    let (first, second) = match asked.dialect {
        Dialect::Magento => (Some(Kind::Customer), policy.routes.door.admin_sessions.then_some(Some(Kind::Admin))),
        Dialect::Ibexa | Dialect::Problem => (None, None),
    };
    of_kind(first).chain(second.into_iter().flat_map(of_kind))
}

/// Whether the request carries a CSRF token of this session. Only asked where the guard wants one.
fn csrf_valid(asked: &Asked<'_>, found: &Found<'_>, firewall: &Firewall, session_id: &str) -> bool {
    let wanted = match found.target {
        Target::Own(own) => own.csrf,
        Target::Route(_) | Target::Unmatched | Target::Unprocessed(_) => true,
    };
    if !firewall.guards.csrf || !wanted || is_safe(asked.method) {
        return false;
    }
    let mut values = asked.headers.get_all("x-csrf-token").iter();
    match (values.next().map(http::HeaderValue::to_str), values.next()) {
        (Some(Ok(token)), None) => csrf::verify(session_id, token),
        _ => false,
    }
}
