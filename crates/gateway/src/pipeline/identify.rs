//! Who is calling: the one method that the firewall names reads its credential; nothing else does.

use crate::{
    admit::SessionCookie,
    api::{Asked, Presented},
};
use doorward_auth::{Auth, LiveSession, LiveToken, Sessions, TokenError, Tokens};
use doorward_core::{
    Evidence, Found, Kind, Offer, Target,
    facts::is_safe,
    firewall::{Authentication, Firewall},
    policy::{Dialect, Directory, Policy},
    ports::StoreError,
};
use doorward_crypto::csrf;
use std::sync::Arc;

/// What authentication found.
pub struct Identified {
    /// For the decision.
    pub offer: Offer,
    /// The live session that counts, if any.
    pub session: Option<Presented>,
    /// The bearer token that counts, if any. Then no cookie was looked at.
    pub token: Option<Arc<LiveToken>>,
    /// Why the bearer token that came along does not count, for the operator.
    pub ignored: Option<&'static str>,
    /// Directories whose cookie names no live session; the cookie is deleted.
    pub dead: Vec<Arc<Directory>>,
}

impl Identified {
    fn absent() -> Self {
        Self { offer: Offer::Absent, session: None, token: None, ignored: None, dead: Vec::new() }
    }
}

/// Who knows credentials.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Sessions.
    pub sessions: &'a Sessions,
    /// Bearer tokens.
    pub tokens: &'a Tokens,
}

impl<'a> From<&'a Auth> for Known<'a> {
    fn from(auth: &'a Auth) -> Self {
        Self { sessions: auth.sessions(), tokens: auth.tokens() }
    }
}

/// Reads the credential that the firewall's method is about.
pub async fn identify(known: Known<'_>, policy: &Policy, asked: Asked<'_>, found: &Found<'_>) -> Identified {
    let mut identified = match found.firewall {
        Some(firewall) if firewall.authentication == Authentication::Session => {
            in_magento_order(known, policy, asked, found, firewall).await
        }
        _ => Identified::absent(),
    };
    // A call that needs no session leaves no trace of one (magento-webapi 0, RestSessionCookieTest).
    if found.is_open() {
        identified.dead.clear();
    }
    identified
}

/// Under the Magento prefix a bearer token of ours comes first, and one that is not good counts as absent (magento-webapi
/// 1.2). Elsewhere cookies alone are read.
async fn in_magento_order(
    known: Known<'_>,
    policy: &Policy,
    asked: Asked<'_>,
    found: &Found<'_>,
    firewall: &Firewall,
) -> Identified {
    let token = bearer(asked.headers).filter(|_| asked.dialect == Dialect::Magento && policy.serve.tokens);
    let mut ignored = None;
    if let Some(token) = token {
        match known.tokens.find(token).await {
            Ok(live) if is_asked(policy, firewall, &live) => {
                let evidence = Evidence { account: live.account(), ambient: false, csrf_valid: false };
                return Identified { offer: Offer::Verified(evidence), token: Some(live), ..Identified::absent() };
            }
            Ok(_) => ignored = Some("it is of a directory that the firewall does not ask"),
            Err(TokenError::Refused(why)) => ignored = Some(why),
            Err(TokenError::Unavailable(error)) => {
                return Identified { offer: Offer::Unavailable(error.to_string().into()), ..Identified::absent() };
            }
        }
    }
    Identified { ignored, ..by_session(known.sessions, policy, asked, found, firewall).await }
}

/// The token of an `Authorization` header: `Bearer`, in whatever case, one space and no other (magento-webapi 6.4).
fn bearer(headers: &http::HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(http::header::AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ')).then_some(token)
}

/// Whether the token's account is of one of the firewall's directories, as these are now.
fn is_asked(policy: &Policy, firewall: &Firewall, live: &LiveToken) -> bool {
    let account = live.account();
    firewall.directories.contains(&account.directory)
        && policy.directory(&account.directory).is_some_and(|directory| directory.kind == account.kind)
}

/// The first live session in the firewall's order of directories; under the Magento prefix customers come first
/// ('Settled semantics', Session cookies). A cookie that names no live session counts as absent.
async fn by_session(
    sessions: &Sessions,
    policy: &Policy,
    asked: Asked<'_>,
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
            Err(error) => return Identified { offer: Offer::Unavailable(error.to_string().into()), ..Identified::absent() },
        };
        identified.offer = Offer::Verified(Evidence {
            account: live.account(),
            ambient: true,
            csrf_valid: csrf_valid(asked, found, firewall, &cookie.value),
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
fn in_order<'a>(policy: &'a Policy, asked: Asked<'a>, firewall: &'a Firewall) -> impl Iterator<Item = &'a SessionCookie> {
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
fn csrf_valid(asked: Asked<'_>, found: &Found<'_>, firewall: &Firewall, session_id: &str) -> bool {
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
