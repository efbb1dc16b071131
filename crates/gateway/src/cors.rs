//! Cross-origin sharing (Fetch, 3.3; ibexa-rest 7): what answers say to the pages of other origins, and the answers to their
//! browsers' preflights.
//!
//! Where a rule of `[cors]` is about a path, Doorward alone speaks there: what an upstream says is dropped. Nothing of it grants
//! anything here; it only tells browsers what their pages may see.

use crate::{
    Body,
    admit::once,
    answer::{self, Reader},
};
use doorward_core::{
    CorsRule, Policy,
    canonical::{self, Authority},
    policy::Dialect,
};
use doorward_wire::Document;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
        ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
        ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
};
use std::sync::Arc;

const REQUEST_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-request-private-network");
const ALLOW_PRIVATE_NETWORK: HeaderName = HeaderName::from_static("access-control-allow-private-network");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// What every page may send whatever is allowed (Fetch, 2.2.2, as ibexa-rest 7 has it).
const SIMPLE_HEADERS: [&str; 4] = ["accept", "accept-language", "content-language", "origin"];

/// On an answer that everybody may read: it holds public keys or says where things are, and depends on no credential.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Public;

/// What a request of some page has to do with us: there is a rule for its path.
#[derive(Clone, Debug)]
pub struct Crossing {
    rule: Arc<CorsRule>,
    page: Page,
}

#[derive(Clone, Debug)]
enum Page {
    /// Nobody says; or it is one of ours, whose browser asks for nothing.
    Ours,
    /// Of this origin, which may.
    Allowed(HeaderValue),
    /// Of one that may not, or that is none.
    Foreign,
}

impl Crossing {
    /// What the rule for this path says about the request; `None` where no rule is about it.
    pub fn of(headers: &HeaderMap, policy: &Policy, authority: &Authority, path: &str, secure: bool) -> Option<Self> {
        let rule = Arc::clone(policy.cors.rule(path)?);
        let page = match headers.contains_key(ORIGIN) {
            false => Page::Ours,
            true => page_of(once(headers, ORIGIN), &rule, policy, authority, secure),
        };
        Some(Self { rule, page })
    }

    /// Whether the page may read the answer.
    pub fn is_allowed(&self) -> bool {
        matches!(self.page, Page::Allowed(_))
    }

    /// The same for an answer that no page of another origin may read.
    #[must_use]
    pub fn withheld(self) -> Self {
        Self { page: Page::Foreign, ..self }
    }

    /// Whether the page may send what its browser sends by itself ('Settled semantics', Guards).
    pub fn may_sign_in(&self) -> bool {
        self.is_allowed() && self.rule.credentials
    }

    /// Whether a browser asks in the name of another origin's page whether it may send a request.
    pub fn is_preflight(&self, method: &Method, headers: &HeaderMap) -> bool {
        *method == Method::OPTIONS
            && !matches!(self.page, Page::Ours)
            && once(headers, ACCESS_CONTROL_REQUEST_METHOD).is_some_and(|wanted| !wanted.is_empty())
    }

    /// The answer to a preflight. `methods` are those that something answers at the path. Order and forms are those of
    /// ibexa-rest 7, which says to every page what it says to one that may ask; elsewhere others learn nothing.
    pub fn preflight(&self, request: &HeaderMap, methods: Vec<Method>, to: &Reader) -> Response<Body> {
        let methods = self.rule.methods.clone().unwrap_or(methods);
        let ibexa = to.dialect == Dialect::Ibexa;
        let allowed = self.is_allowed();
        // What a browser hears from us is its verdict. Ibexa also says it by the status, to pages that may ask (ibexa-rest 7).
        let mut response = match self.objection(request, &methods) {
            Some(Objection::Method) if ibexa && allowed => answer::empty(StatusCode::METHOD_NOT_ALLOWED),
            Some(Objection::Header(name)) if ibexa && allowed => unauthorized_header(&name),
            _ => answer::empty(if ibexa { StatusCode::OK } else { StatusCode::NO_CONTENT }),
        };
        let headers = response.headers_mut();
        vary(headers);
        if !ibexa && !allowed {
            return response;
        }
        if self.rule.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        let mut set = |name: HeaderName, text: String| {
            if let Some(value) = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty()) {
                headers.insert(name, value);
            }
        };
        set(ACCESS_CONTROL_ALLOW_METHODS, methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", "));
        set(ACCESS_CONTROL_ALLOW_HEADERS, self.rule.headers.join(", "));
        set(ACCESS_CONTROL_MAX_AGE, self.rule.max_age.as_secs().to_string());
        let private = once(request, REQUEST_PRIVATE_NETWORK).is_some_and(|value| value == "true");
        if let Page::Allowed(origin) = &self.page {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin(origin));
            if private && self.rule.private_network {
                headers.insert(ALLOW_PRIVATE_NETWORK, TRUE);
            }
        }
        response
    }

    /// What a preflight asks for and may not have.
    fn objection(&self, request: &HeaderMap, methods: &[Method]) -> Option<Objection> {
        let wanted = once(request, ACCESS_CONTROL_REQUEST_METHOD)?.to_str().unwrap_or_default();
        let covered = |own: &Method| own.as_str() == wanted || *own == Method::GET && wanted == "HEAD";
        if !methods.iter().any(covered) {
            return Some(Objection::Method);
        }
        let lines = request.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter();
        let names = lines.flat_map(|line| line.to_str().unwrap_or("?").split(','));
        let mut names = names.map(|name| name.trim().to_ascii_lowercase()).filter(|name| !name.is_empty());
        let may = |name: &str| SIMPLE_HEADERS.contains(&name) || self.rule.headers.iter().any(|own| **own == *name);
        names.find(|name| !may(name)).map(Objection::Header)
    }

    fn allow_origin(&self, origin: &HeaderValue) -> HeaderValue {
        if self.rule.any { HeaderValue::from_static("*") } else { origin.clone() }
    }

    /// Says on an answer what the page may do with it. Nobody else's word counts, an upstream's included.
    fn mark(&self, headers: &mut HeaderMap) {
        drop_theirs(headers);
        vary(headers);
        let Page::Allowed(origin) = &self.page else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.allow_origin(origin));
        if self.rule.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        if let Some(names) = HeaderValue::try_from(self.rule.expose.join(", ")).ok().filter(|names| !names.is_empty()) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
        }
    }
}

/// The last word on an answer that is no preflight's.
pub(crate) fn finish(crossing: Option<&Crossing>, response: &mut Response<Body>) {
    // Browsers ask for no permission to open a WebSocket; provenance judges those.
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        return;
    }
    if let Some(crossing) = crossing {
        crossing.mark(response.headers_mut());
    }
    if response.extensions_mut().remove::<Public>().is_some() && !response.headers().contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
        response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
}

/// Why a preflight is refused.
enum Objection {
    Method,
    Header(String),
}

fn page_of(origin: Option<&HeaderValue>, rule: &CorsRule, policy: &Policy, authority: &Authority, secure: bool) -> Page {
    let Some((value, text)) = origin.and_then(|value| Some((value, value.to_str().ok()?))) else { return Page::Foreign };
    let scheme = if secure { "https://" } else { "http://" };
    let same = text.strip_prefix(scheme).is_some_and(|rest| rest == authority.text());
    // A proxy in front may have named another port; a page of another host of ours is one of another origin.
    let at_host = |own: &str| {
        own == text
            && own.split_once("://").is_some_and(|(_, own)| canonical::host(own).is_ok_and(|own| own.host == authority.host))
    };
    if same || policy.origin_at(&authority.host).is_some_and(|own| at_host(&own)) {
        Page::Ours
    } else if rule.allows(text) {
        Page::Allowed(value.clone())
    } else {
        Page::Foreign
    }
}

/// 400, with the words that Ibexa's clients know; only of a name that is one.
fn unauthorized_header(name: &str) -> Response<Body> {
    let sound = name.len() <= 64 && HeaderName::try_from(name).is_ok();
    let body = if sound { format!("Unauthorized header {name}") } else { "Unauthorized header".to_owned() };
    answer::page(StatusCode::BAD_REQUEST, Document { content_type: "text/plain; charset=utf-8".to_owned(), body }, false)
}

/// Drops `Access-Control-*`.
fn drop_theirs(headers: &mut HeaderMap) {
    let theirs = |name: &&HeaderName| name.as_str().starts_with("access-control-");
    if headers.keys().any(|name| theirs(&name)) {
        let names: Vec<HeaderName> = headers.keys().filter(theirs).cloned().collect();
        names.iter().for_each(|name| drop(headers.remove(name)));
    }
}

/// The answer depends on `Origin`, also where there was none: a cache must not give one page what another was told.
fn vary(headers: &mut HeaderMap) {
    vary_on(headers, HeaderValue::from_static("Origin"));
}

/// The same of `X-SiteAccess`, where there are sites: a cache must not give one site's answer to somebody who asks for another.
pub(crate) fn vary_by_site(response: &mut Response<Body>) {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        vary_on(response.headers_mut(), HeaderValue::from_static("X-SiteAccess"));
    }
}

fn vary_on(headers: &mut HeaderMap, name: HeaderValue) {
    let lines = headers.get_all(VARY).iter().filter_map(|line| line.to_str().ok());
    let said = |word: &str| word == "*" || word.as_bytes().eq_ignore_ascii_case(name.as_bytes());
    if !lines.flat_map(|line| line.split(',')).map(str::trim).any(said) {
        headers.append(VARY, name);
    }
}
