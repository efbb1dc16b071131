//! Who is calling: the one method that the firewall names reads its credential; nothing else does. Each method has a file.

mod basic;
mod certificate;
mod jwt;
mod oauth;
mod session;

use crate::{
    answer::Wrong,
    api::{Asked, Presented},
};
use doorward_auth::{Auth, Fault, Holders, LiveHolder, LivePair, LiveToken, Pairs, Sessions, SignInError, Standing, Tokens};
use doorward_core::{
    Account, Evidence, Found, Offer,
    firewall::{Authentication, Firewall},
    policy::{Directory, Policy},
    stores::StoreScope,
};
use http::{HeaderMap, HeaderValue, header::AUTHORIZATION};
use std::sync::Arc;

/// What authentication found.
pub struct Identified {
    /// For the decision.
    pub offer: Offer,
    /// The live session that counts, if any.
    pub session: Option<Presented>,
    /// What counts in place of a session. Then no cookie was looked at.
    pub proved: Option<Proved>,
    /// Credentials that came along and do not count, for the operator.
    pub ignored: Vec<Ignored>,
    /// Directories whose cookie names no live session; the cookie is deleted.
    pub dead: Vec<Arc<Directory>>,
    /// A sign-in that this request was, for the audit log.
    pub signed_in: Option<Box<SignIn>>,
    /// What is wrong with a JSON Web Token that came along.
    pub fault: Option<Fault>,
    /// That token was sent with a proof (RFC 9449 7.1).
    pub by_proof: bool,
    /// What the client is to put into its next proof (RFC 9449 8.2).
    pub nonce: Option<HeaderValue>,
}

impl Identified {
    fn absent() -> Self {
        Self::offered(Offer::Absent)
    }

    fn offered(offer: Offer) -> Self {
        Self {
            offer,
            session: None,
            proved: None,
            ignored: Vec::new(),
            dead: Vec::new(),
            signed_in: None,
            fault: None,
            by_proof: false,
            nonce: None,
        }
    }

    /// What is wrong with a token that came along, and how it came.
    pub fn wrong(&self) -> Wrong {
        Wrong { fault: self.fault, by_proof: self.by_proof }
    }

    /// What a credential proves that is no session's. `ambient` says whether browsers send it by themselves.
    fn proved(proved: Proved, ambient: bool) -> Self {
        let evidence = Evidence { account: proved.standing().account(), ambient, csrf_valid: false, scopes: proved.scopes() };
        Self { proved: Some(proved), ..Self::offered(Offer::Verified(evidence)) }
    }
}

/// A credential other than a cookie that proved who is calling.
#[derive(Clone, Debug)]
pub enum Proved {
    /// A bearer token of ours.
    Token(Arc<LiveToken>),
    /// Login and password.
    Pair(Arc<LivePair>),
    /// A client's certificate.
    Certificate(Arc<LiveHolder>),
}

impl Proved {
    /// The account, for as long as it is proved.
    pub fn standing(&self) -> &Standing {
        match self {
            Proved::Token(token) => token.standing(),
            Proved::Pair(pair) => pair.standing(),
            Proved::Certificate(holder) => holder.standing(),
        }
    }

    /// What it is good for, where it was given to somebody else.
    fn scopes(&self) -> Option<Arc<[Arc<str>]>> {
        match self {
            Proved::Token(token) => token.scopes(),
            Proved::Pair(_) | Proved::Certificate(_) => None,
        }
    }
}

/// A credential that a request carries and that does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// What it is, with its article left out: `bearer token`.
    pub credential: &'static str,
    /// Why it does not count.
    pub why: &'static str,
    /// Whether it was looked at. Otherwise the firewall's method does not read such.
    pub judged: bool,
}

/// A sign-in that happened on the way of a request.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The login as it was sent, bounded.
    pub login: String,
    /// The method and its factors, for the audit log: `basic pwd`.
    pub method: &'static str,
    /// Whose it was, or why nobody's.
    pub outcome: Result<Arc<Account>, SignInError>,
}

/// Who knows credentials.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    /// Sessions.
    pub sessions: &'a Sessions,
    /// Bearer tokens.
    pub tokens: &'a Tokens,
    /// Pairs of login and password.
    pub pairs: &'a dyn Pairs,
    /// Whom certificates name.
    pub holders: &'a dyn Holders,
    /// Who uses proofs of possession up and gives nonces for them; `None` looks at a proof without doing so.
    pub proofs: Option<&'a Arc<Auth>>,
}

impl<'a> From<&'a Arc<Auth>> for Known<'a> {
    fn from(auth: &'a Arc<Auth>) -> Self {
        Self { sessions: auth.sessions(), tokens: auth.tokens(), pairs: auth, holders: auth, proofs: Some(auth) }
    }
}

/// Reads the credential that the firewall's method is about.
pub async fn identify(known: Known<'_>, policy: &Policy, asked: Asked<'_>, found: &Found<'_>) -> Identified {
    let Some(firewall) = found.firewall else { return Identified::absent() };
    let mut identified = match firewall.authentication {
        Authentication::Session => session::identify(&known, policy, &asked, found, firewall).await,
        Authentication::Jwt => jwt::identify(known.tokens, policy, &asked, found, firewall).await,
        // Boxed, as below.
        Authentication::OAuth => Box::pin(oauth::identify(&known, policy, &asked, firewall)).await,
        Authentication::Basic => match basic::at_once(&known, policy, &asked, found, firewall) {
            Some(identified) => identified,
            // Boxed, as all that is rare: the future of other requests stays small.
            None => Box::pin(basic::verify(&known, policy, &asked, found, firewall)).await,
        },
        // Boxed, as above.
        Authentication::Certificate => Box::pin(certificate::identify(known, policy, asked, found, firewall)).await,
        Authentication::None => Identified::absent(),
    };
    // A call that needs no session leaves no trace of one (magento-webapi 0, RestSessionCookieTest).
    if found.is_open() {
        identified.dead.clear();
    }
    note_unread(&mut identified.ignored, policy, &asked, firewall);
    identified
}

/// Credentials that the firewall's method does not read: there is never a second guess.
fn note_unread(ignored: &mut Vec<Ignored>, policy: &Policy, asked: &Asked<'_>, firewall: &Firewall) {
    let method = firewall.authentication;
    let carries = asked.carries;
    for (credential, unread) in [
        ("session cookie", carries.cookie && method != Authentication::Session),
        ("bearer token", carries.bearer && !reads_bearers(policy, asked, method)),
        ("Basic pair", carries.basic && method != Authentication::Basic),
        ("client certificate", carries.certificate && method != Authentication::Certificate),
    ] {
        if unread {
            let why = match method {
                Authentication::Session => "the firewall judges by session cookies",
                Authentication::Jwt => "the firewall judges by JSON Web Tokens",
                Authentication::OAuth => "the firewall judges by access tokens",
                Authentication::Basic => "the firewall judges by Basic pairs",
                Authentication::Certificate => "the firewall judges by client certificates",
                Authentication::None => "the firewall judges by no credential",
            };
            ignored.push(Ignored { credential, why, judged: false });
        }
    }
}

fn reads_bearers(policy: &Policy, asked: &Asked<'_>, method: Authentication) -> bool {
    match method {
        Authentication::Session => session::reads_tokens(policy, asked),
        Authentication::Jwt | Authentication::OAuth => true,
        Authentication::Basic | Authentication::Certificate | Authentication::None => false,
    }
}

/// The token of an `Authorization` header: `Bearer`, in whatever case, one space and no other (ibexa-rest 3.3,
/// magento-webapi 6.4).
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    let (scheme, token) = line.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty() && !token.contains(' ')).then_some(token)
}

/// The website that a sign-in is about: that of the store view which the path names under the Magento prefix, or else the
/// host. A cookie has no say where each request signs in.
fn website(policy: &Policy, asked: &Asked<'_>, found: &Found<'_>) -> Option<u32> {
    match found.store {
        Some(StoreScope::View(view)) => Some(view.website_id),
        Some(StoreScope::All) => None,
        None => Some(policy.routes.stores.at_host(asked.host).website_id),
    }
}

/// Whether the account of a credential is of one of the firewall's directories, as these are now.
fn is_asked(policy: &Policy, firewall: &Firewall, account: &Account) -> bool {
    firewall.directories.contains(&account.directory)
        && policy.directory(&account.directory).is_some_and(|directory| directory.kind == account.kind)
}
