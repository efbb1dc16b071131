//! `entry = "page"`: a refused guest's navigation goes to the sign-in page and back, and 403 has a page.

use super::{html_answer, place, target};
use crate::{Body, admit::Admitted, answer};
use doorward_core::Policy;
use doorward_wire::{negotiate, pages as html};
use http::{HeaderValue, Method, Response, StatusCode, header::LOCATION};

/// To the sign-in page, with the way back, for a browser that goes to a page. The caller sees to it that the firewall
/// wants this, and that it is a guest whom the refusal asks who they are: whoever is signed in would be led in a circle.
///
/// `None` where nobody navigates, for the pages themselves, and where Doorward has no pages.
pub fn entry_redirect(policy: &Policy, request: &Admitted) -> Option<Response<Body>> {
    if !policy.serve.pages || !is_navigation(request) || super::recognise(policy, &request.path).is_some() {
        return None;
    }
    let wanted = match &request.query {
        Some(query) => format!("{}?{query}", request.path),
        None => request.path.clone(),
    };
    // Who was in a view of a shop, or below the path of a site, signs in there.
    let split = place::split(policy, &request.path);
    let page = split.view.map_or_else(|| format!("{}/login", split.base), |view| format!("/{}/login", view.code));
    let location = match target::safe(&wanted) {
        "/" => page,
        safe => format!("{page}?return={}", url::form_urlencoded::byte_serialize(safe.as_bytes()).collect::<String>()),
    };
    let mut response = answer::empty(StatusCode::SEE_OTHER);
    response.headers_mut().insert(LOCATION, HeaderValue::try_from(location).ok()?);
    Some(response)
}

/// The 403 page for somebody who is signed in as `login`, for a browser that goes to a page; `None` for all others.
pub fn forbidden(request: &Admitted, login: &str) -> Option<Response<Body>> {
    let page = html::Forbidden { login, request_id: &request.request_id };
    is_navigation(request).then(|| html_answer(StatusCode::FORBIDDEN, html::render(&page), request.method == Method::HEAD))
}

/// Whether a browser goes to a page: it says so, or (older ones) HTML is what it likes best.
fn is_navigation(request: &Admitted) -> bool {
    let page = request.navigation
        || !request.headers.contains_key("sec-fetch-mode") && negotiate::wants_page(answer::accept(&request.headers).as_deref());
    page && matches!(request.method, Method::GET | Method::HEAD)
}
