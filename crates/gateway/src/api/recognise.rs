//! Which endpoint of ours a request is for.

use super::{Allowed, Endpoint, Under};
use crate::pages;
use doorward_core::policy::{Dialect, Policy};
use http::Method;

/// The endpoint of ours at this path, if `serve` and `leave` say that it is ours.
///
/// Pages stand at the root, whatever dialect that has; everything else stands under the Ibexa prefixes.
pub fn recognise(policy: &Policy, method: &Method, path: &str, dialect: Dialect, prefix: &str) -> Option<Endpoint> {
    if policy.serve.pages
        && let Some(page) = pages::recognise(policy, path)
    {
        return Some(page.endpoint(method));
    }
    // Whoever leaves the pages to the upstream may still lead people to a provider from there.
    if let Some(elsewhere) = pages::elsewhere::recognise(policy, path) {
        return Some(elsewhere.endpoint(method));
    }
    if dialect != Dialect::Ibexa {
        return None;
    }
    let rest = path.strip_prefix(prefix)?;
    // HEAD is a GET whose body is not sent.
    let get = matches!(*method, Method::GET | Method::HEAD);
    let post = *method == Method::POST;
    if rest == "/" {
        return policy.serve.root.then(|| choose(method, "GET", Under::Any, get.then_some(Endpoint::Root)));
    }
    let segments: Vec<&str> = rest.strip_prefix("/user/")?.split('/').collect();
    match segments[..] {
        ["sessions", ..] if !policy.serve.sessions => None,
        ["current" | "users", ..] if !policy.serve.users => None,
        ["sessions"] => Some(choose(method, "POST", Under::Session, post.then_some(Endpoint::CreateSession))),
        ["sessions", "current"] if get => Some(Endpoint::CheckSession),
        ["sessions", id] if !id.is_empty() => {
            let allow = if id == "current" { "GET" } else { "DELETE" };
            let delete = (*method == Method::DELETE).then(|| Endpoint::DeleteSession(id.to_owned()));
            Some(choose(method, allow, Under::Session, delete))
        }
        ["sessions", id, "refresh"] if !id.is_empty() => {
            let refresh = post.then(|| Endpoint::RefreshSession(id.to_owned()));
            Some(choose(method, "POST", Under::Session, refresh))
        }
        ["token", "jwt"] if policy.serve.jwt => {
            Some(choose(method, "POST", Under::SessionOrJwt, post.then_some(Endpoint::CreateToken)))
        }
        ["current"] => Some(choose(method, "GET", Under::Any, get.then_some(Endpoint::CurrentUser))),
        ["users", id] if !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()) => {
            let id = id.parse().ok()?;
            Some(choose(method, "GET", Under::Any, get.then_some(Endpoint::User(id))))
        }
        _ => None,
    }
}

fn choose(method: &Method, methods: &'static str, under: Under, endpoint: Option<Endpoint>) -> Endpoint {
    let allowed = Allowed { methods, under };
    endpoint.unwrap_or(if *method == Method::OPTIONS { Endpoint::Options(allowed) } else { Endpoint::NotAllowed(allowed) })
}
